"""How films are encoded: the codecs on offer, one entry each, and the settings of a film."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from nstd.errors import UsageError
from nstd.media.write import encoders as use
from nstd.media.write.containers import CONTAINERS, FILMS, PICTURES, Container
from nstd.media.write.encoders import PRESETS, Encoder, Layout, named, plain

EncoderKind = Literal["software", "nvenc"]
Sound = Literal["compatible", "copy"]


@dataclass(frozen=True, slots=True)
class SegmentForm:
    """The container that a codec's segments are written to.

    Attributes:
        format: ffmpeg's name of its muxer.
        options: For the muxer, besides the film's time base.
        timed: Whether the muxer is told that time base.
    """

    format: str
    options: Mapping[str, str] = field(default_factory=dict)
    timed: bool = False


# With the movie's time scale set, MP4's and QuickTime's time stamps are exact. Matroska rounds them
# to a millisecond, and segments with such decoding times cannot be joined.
_MP4 = SegmentForm("mp4", timed=True)
_QUICKTIME = SegmentForm("mov", timed=True)
_NUT = SegmentForm("nut", {"syncpoints": "none", "strict": "experimental"})
"""Only NUT without syncpoints keeps the side data of packets."""


@dataclass(frozen=True, slots=True)
class PixelBits:
    """Bits that a pixel of painted frames takes: `bits` at the codec's usual quality.

    A quality number smaller by `doubled_by` takes twice as much, one larger by `halved_by` half.
    Alpha adds `alpha` bits: many in ProRes, whose encoder then encodes the colors finer, too.
    """

    bits: float
    doubled_by: float = 1.0
    halved_by: float = 1.0
    alpha: float = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Codec:
    """One codec on offer.

    Attributes:
        name: What users call it.
        encoders: By kind; "software" is always among them.
        segments: The container of its segments.
        bits: How much it takes, by profile, for an estimate before a film is begun.
        quality: The usual rate factor, a good one: paintings are fine grain all over, on which
            encoders save first. 0 for a codec that has none.
        worst: The largest rate factor (CRF); 0 for a codec that has none.
        preferred: Containers that come first in the list of those that take it; the first of all
            is the usual one.
        smallest: Least width and height of the coded picture.
        tag: The four characters that name it in MP4, where ffmpeg's choice does not play
            everywhere.
        states_aspect: Whether its own packets state the pixel aspect ratio, which PyAV cannot set
            in Matroska's header.
        states_rate: ffmpeg's bitstream filter that states twice the film's rate, which is put
            behind this text; "" where that is not needed.
        alpha_beside: Whether its alpha is side data of packets, which not every container keeps.
    """

    name: str
    encoders: Mapping[EncoderKind, Encoder]
    segments: SegmentForm
    bits: Mapping[str | None, PixelBits]
    quality: int = 0
    worst: int = 0
    preferred: tuple[str, ...] = ()
    smallest: tuple[int, int] = (2, 2)
    tag: str | None = None
    states_aspect: bool = False
    states_rate: str = ""
    alpha_beside: bool = False

    @property
    def layouts(self) -> tuple[Layout, ...]:
        """Layouts that the software encoder takes, the usual one first."""
        return self.encoders["software"].layouts

    @property
    def containers(self) -> tuple[str, ...]:
        """The containers that a finished film may have, the usual one first."""
        taking = (name for name, one in FILMS.items() if self.name in one.codecs)
        return tuple(dict.fromkeys([*self.preferred, *taking]))

    @property
    def profiles(self) -> tuple[str, ...]:
        """Names of its profiles; empty where there is no choice."""
        return tuple(dict.fromkeys(one.profile for one in self.layouts if one.profile))


def _prores(profile: str, tag: str, *pixel_formats: str) -> tuple[Layout, ...]:
    """A profile with Apple's tag, which identifies it: ffmpeg's muxer calls all of them HQ."""
    return tuple(Layout(one, profile, tag) for one in pixel_formats)


_FINE = ("yuv444p10le", "yuva444p10le")

# Bits were measured on 12 painted frames of 320×180, where strokes are finest; larger frames take
# half as many:
#   nstd stylize bigbuckbunny.mp4 --style impasto --frames 30:42 --size 320 --codec ffv1 -o p.mkv
# each codec at its usual quality and at others, preset medium, through SegmentWriter. A whole film
# of 325 such frames has 1.93 bits a pixel in h264 of quality 18, its sound included. VP9 was
# measured later, when painted films were steadier and took a third of that: its bits are h264's,
# times the ratio that was found then, 0.65 to 0.63.
_ALL_CODECS = (
    Codec(
        name="h264",
        encoders={
            "software": Encoder("libx264", plain("yuv420p", "yuv444p"), use.x264),
            "nvenc": Encoder("h264_nvenc", plain("yuv420p", "yuv444p"), use.nvenc),
        },
        segments=_MP4,
        bits={None: PixelBits(1.93, 8, 6)},
        quality=18,
        worst=51,
        states_aspect=True,
        # x264 states the time base as a rate, 12,800 and more, where the field rate belongs.
        states_rate="h264_metadata=tick_rate=",
    ),
    # Apple's players recognize HEVC only by this tag. In pictures smaller than a block x265 and
    # SVT-AV1 write beyond their buffers, and the process crashes later: seen at 48×48 and 66×18.
    Codec(
        name="h265",
        encoders={
            "software": Encoder(
                "libx265", plain("yuv420p", "yuv444p", "yuv420p10le", "yuv444p10le"), use.x265
            ),
            "nvenc": Encoder("hevc_nvenc", plain("yuv420p", "yuv444p", "p010le"), use.nvenc),
        },
        segments=_MP4,
        bits={None: PixelBits(1.5, 7.5, 6)},
        quality=20,
        worst=51,
        smallest=(64, 64),
        tag="hvc1",
        states_aspect=True,
    ),
    Codec(
        name="av1",
        encoders={
            "software": Encoder("libsvtav1", plain("yuv420p", "yuv420p10le"), use.svt_av1),
            "nvenc": Encoder("av1_nvenc", plain("yuv420p", "p010le"), use.nvenc),
        },
        segments=_MP4,
        bits={None: PixelBits(1.6, 15, 10)},
        quality=24,
        worst=63,
        smallest=(64, 64),
    ),
    # PyAV's libvpx has 8 bits alone. Its alpha goes beside the packets, which MP4 drops and NUT
    # keeps; none is decoded out of order, so NUT's times are exact too.
    Codec(
        name="vp9",
        encoders={"software": Encoder("libvpx-vp9", plain("yuv420p", "yuva420p"), use.libvpx)},
        segments=_NUT,
        bits={None: PixelBits(2.0, 14, 11.5)},
        quality=28,
        worst=63,
        preferred=("webm", "mkv"),
        alpha_beside=True,
    ),
    Codec(
        name="prores",
        encoders={
            "software": Encoder(
                "prores_ks",
                _prores("hq", "apch", "yuv422p10le")
                + _prores("standard", "apcn", "yuv422p10le")
                + _prores("lt", "apcs", "yuv422p10le")
                + _prores("proxy", "apco", "yuv422p10le")
                + _prores("4444", "ap4h", *_FINE)
                + _prores("4444xq", "ap4x", *_FINE),
                use.prores,
            )
        },
        segments=_QUICKTIME,
        bits={
            "proxy": PixelBits(1.31),
            "lt": PixelBits(3.02),
            "standard": PixelBits(4.36),
            "hq": PixelBits(6.5),
            "4444": PixelBits(9.75, alpha=17),
            "4444xq": PixelBits(14.5, alpha=17),
        },
    ),
    # hqx takes as many bytes as hq: the encoder's rate is constant.
    Codec(
        name="dnxhr",
        encoders={
            "software": Encoder(
                "dnxhd",
                named("hqx", "yuv422p10le")
                + named("hq sq lb", "yuv422p")
                + named("444", "yuv444p10le"),
                use.dnxhr,
            )
        },
        segments=_QUICKTIME,
        bits={
            "lb": PixelBits(1.15),
            "sq": PixelBits(2.28),
            "hq": PixelBits(3.99),
            "hqx": PixelBits(3.99),
            "444": PixelBits(7.4),
        },
        smallest=(256, 120),
    ),
    Codec(
        name="ffv1",
        encoders={
            "software": Encoder("ffv1", plain("bgr0", "bgra", "gbrp16le", "gbrap16le"), use.ffv1)
        },
        segments=_MP4,
        bits={None: PixelBits(15.5)},
        preferred=("mkv",),
    ),
)
CODECS: dict[str, Codec] = {one.name: one for one in _ALL_CODECS}
"""By name."""

PICTURE_SEGMENTS = {
    "codec": "ffv1", "quality": 0, "container": "mkv", "profile": None, "encoder": "software",
}  # fmt: skip
"""Segments of a film that becomes pictures: lossless, so that only the last step is lossy."""


@dataclass(frozen=True, slots=True)
class EncodeSettings:
    """How a film is encoded. It is frozen with the job, since the bytes depend on all of it.

    Attributes:
        codec: One of `CODECS`. FFV1 is lossless: it keeps every frame as it was painted.
        quality: Constant rate factor: 0 is best, 18 is hard to tell from the original. ProRes,
            DNxHR and FFV1 have none.
        preset: x264's names, "ultrafast" to "veryslow": slower is smaller.
        container: One of `FILMS`.
        threads: Of the encoder; x264's bytes depend on their number.
        profile: Name of one of the codec's profiles; None for the one that the film needs.
        depth: Bits of a component, one of the codec's `depths`; None for the codec's usual one.
        provenance: Whether the film says how it was painted.
        sound: "compatible" re-encodes sound that does not play in Chromium and ffmpeg 5.1; "copy"
            keeps whatever the container holds.
        pictures: The one of `PICTURES` that the film becomes, with codec, container and depth of
            its segments: FFV1 in Matroska. None for a film.
        encoder: "nvenc" for NVIDIA's, which is fast, makes larger files, and whose bytes depend on
            card and driver.

    Raises:
        UsageError: A name is unknown, a number is out of range, or the container cannot hold the
            codec.
    """

    codec: str = "h264"
    quality: int = 18
    preset: str = "medium"
    container: str = "mp4"
    threads: int = 2
    profile: str | None = None
    depth: int | None = None
    provenance: bool = True
    sound: Sound = "compatible"
    pictures: str | None = None
    encoder: EncoderKind = "software"

    def __post_init__(self) -> None:
        _one_of("codec", self.codec, CODECS)
        _one_of("container", self.container, FILMS)
        _one_of("preset", self.preset, PRESETS)
        _one_of("way with sound", self.sound, get_args(Sound))
        codec = CODECS[self.codec]
        if self.container not in codec.containers:
            raise UsageError(
                f"A film in {self.codec} cannot be put into {self.container}",
                f"Choose the container {' or '.join(codec.containers)}",
            )
        if codec.worst and not 0 <= self.quality <= codec.worst:
            raise UsageError(
                f"The quality {self.quality} is out of range for {self.codec}",
                f"Choose from 0 (best) to {codec.worst}",
            )
        if not 1 <= self.threads <= 64:
            raise UsageError(f"An encoder cannot use {self.threads} threads", "Choose from 1 to 64")
        if fault := encoder_fault(self.codec, self.encoder):
            raise UsageError(fault[0], f"Choose {fault[1]}, or software")
        if self.pictures is not None:
            _one_of("kind of pictures", self.pictures, PICTURES)
        if fault := layout_fault(self.codec, self.profile, self.depth):
            raise UsageError(*fault)

    @property
    def holder(self) -> Container:
        """The container, and what it can hold."""
        return CONTAINERS[self.container]

    @property
    def result(self) -> Container:
        """The container of the finished film or pictures."""
        return CONTAINERS[self.pictures or self.container]

    @property
    def numbered(self) -> bool:
        """Whether each frame becomes a file."""
        return self.result.numbered

    @property
    def extension(self) -> str:
        """Extension of the finished file, without the dot; of numbered files, of the first one."""
        return f"{0:06}.{self.result.name}" if self.numbered else self.result.name


def encoder_fault(codec: str, kind: EncoderKind) -> tuple[str, str] | None:
    """What is wrong with a kind of encoder for a codec, and the codecs it has; None: it is fine."""
    if kind in CODECS[codec].encoders:
        return None
    *others, last = (name for name, one in CODECS.items() if kind in one.encoders)
    return f"NVIDIA's cards encode no {codec}", f"{', '.join(others)} or {last}"


def layout_fault(codec: str, profile: str | None, depth: int | None) -> tuple[str, str] | None:
    """What is wrong with a profile and a depth of a codec, and what to do; None: they are fine."""
    profiles = CODECS[codec].profiles
    if profile is not None and profile not in profiles:
        choice = f"Choose one of {', '.join(profiles)}" if profiles else "Leave it out"
        return f"{codec} has no profile {profile!r}", choice
    layouts = CODECS[codec].layouts
    if depth is not None and not _fitting(layouts, profile, depth):
        whose = codec if profile is None else f"{codec}'s {profile}"
        has = sorted({one.bits for one in _fitting(layouts, profile, None)})
        return f"There is no {whose} of {depth} bits", f"Choose {' or '.join(map(str, has))}"
    return None


def _fitting(layouts: Iterable[Layout], profile: str | None, depth: int | None) -> list[Layout]:
    return [one for one in layouts if profile in {None, one.profile} and depth in {None, one.bits}]


def layout_of(settings: EncodeSettings, width: int, height: int, *, alpha: bool = False) -> Layout:
    """Layout of the coded picture: of the codec's layouts, the first that keeps most.

    Alpha counts most. Then an odd size: chroma is not halved there if that can be avoided.

    Args:
        settings: How the film is encoded.
        width: Of the coded picture, in pixels.
        height: Of the coded picture, in pixels.
        alpha: Whether the frames have alpha.
    """
    odd = bool(width % 2 or height % 2)
    alpha = alpha and (not CODECS[settings.codec].alpha_beside or settings.holder.side_data)
    layouts = CODECS[settings.codec].encoders[settings.encoder].layouts
    offered = _fitting(layouts, settings.profile, settings.depth)
    return min(offered, key=lambda one: (one.alpha != alpha, odd and one.halved))


def _one_of(what: str, name: str, known: object) -> None:
    names = list(known)  # type: ignore[call-overload]
    if name not in names:
        raise UsageError(f"There is no {what} {name!r}", f"Choose one of {', '.join(names)}")
