"""How films are encoded: the codecs on offer, and what each needs."""

import re
from dataclasses import dataclass
from typing import Literal

from nstd.errors import UsageError
from nstd.media.write.containers import CONTAINERS, Container

Preset = Literal[
    "ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow"
]
PRESETS: tuple[str, ...] = (
    "ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow",
)  # fmt: skip


EncoderKind = Literal["software", "nvenc"]
Sound = Literal["compatible", "copy"]
SOUND: tuple[str, ...] = ("compatible", "copy")


@dataclass(frozen=True, slots=True)
class Layout:
    """A layout of coded pictures that an encoder takes.

    Attributes:
        pixel_format: ffmpeg's name of it.
        profile: The codec's profile that has it, as a user names it; None where it has no names.
        tag: The four characters that name the profile in a container, where they do.
    """

    pixel_format: str
    profile: str | None = None
    tag: str | None = None

    @property
    def bits(self) -> int:
        """Of each component."""
        depth = re.search(r"p(\d+)le$", self.pixel_format)
        return int(depth[1]) if depth else 8

    @property
    def alpha(self) -> bool:
        """Whether it has a plane of alpha."""
        return self.pixel_format.startswith(("yuva", "gbrap", "bgra"))

    @property
    def halved(self) -> bool:
        """Whether chroma has half of the picture's width."""
        return any(mark in self.pixel_format for mark in ("420", "422", "p010"))


def _plain(*pixel_formats: str) -> tuple[Layout, ...]:
    return tuple(Layout(one) for one in pixel_formats)


_PRORES_TAGS = {
    "proxy": "apco", "lt": "apcs", "standard": "apcn", "hq": "apch", "4444": "ap4h",
    "4444xq": "ap4x",
}  # fmt: skip
"""Apple's, by which programs tell the profiles apart: ffmpeg's muxer calls all of them HQ."""


def _named(profiles: str, *pixel_formats: str, prores: bool = False) -> tuple[Layout, ...]:
    return tuple(
        Layout(one, profile, _PRORES_TAGS.get(profile) if prores else None)
        for profile in profiles.split()
        for one in pixel_formats
    )


@dataclass(frozen=True, slots=True)
class Codec:
    """One codec on offer.

    Attributes:
        encoder: ffmpeg's name of the encoder.
        layouts: Of the coded picture, the usual one first.
        segment_format: ffmpeg's name of the container its segments are kept in.
        containers: The containers a finished film may have, the usual one first.
        worst: The largest `quality` (CRF); 0 for a codec that has none.
        smallest: Least width and height of the coded picture.
        tag: The four characters that name it in MP4 where ffmpeg's choice does not play
            everywhere.
        nvenc: ffmpeg's name of NVIDIA's encoder; None where there is none.
        hard_layouts: Those that this takes, like `layouts`.
        alpha_beside: Its alpha goes beside the packets, and not every container keeps that.
    """

    encoder: str
    layouts: tuple[Layout, ...]
    segment_format: str
    containers: tuple[str, ...]
    worst: int
    smallest: tuple[int, int] = (2, 2)
    tag: str | None = None
    alpha_beside: bool = False
    nvenc: str | None = None
    hard_layouts: tuple[Layout, ...] = ()

    def encoder_for(self, kind: "EncoderKind") -> str:
        """Ffmpeg's name of its encoder in software, or of NVIDIA's."""
        return str(self.nvenc) if kind == "nvenc" else self.encoder

    @property
    def profiles(self) -> tuple[str, ...]:
        """Names of its profiles; none where it has none to choose."""
        return tuple(dict.fromkeys(one.profile for one in self.layouts if one.profile))


# Segments are MP4 (QuickTime for ProRes and DNxHR): with the movie's time scale set, its time
# stamps are exact. Matroska's are rounded to a millisecond, and its decoding times cannot be
# joined.
CODECS: dict[str, Codec] = {
    "h264": Codec(
        "libx264",
        _plain("yuv420p", "yuv444p"),
        "mp4",
        ("mp4", "mov", "mkv"),
        51,
        nvenc="h264_nvenc",
        hard_layouts=_plain("yuv420p", "yuv444p"),
    ),
    # Apple's players know HEVC only by this tag. In pictures smaller than a block x265 and SVT-AV1
    # write beyond their buffers: seen at 48×48 and at 66×18, and the process crashes later.
    "h265": Codec(
        "libx265",
        _plain("yuv420p", "yuv444p", "yuv420p10le", "yuv444p10le"),
        "mp4",
        ("mp4", "mov", "mkv"),
        51,
        (64, 64),
        "hvc1",
        nvenc="hevc_nvenc",
        hard_layouts=_plain("yuv420p", "yuv444p", "p010le"),
    ),
    "av1": Codec(
        "libsvtav1",
        _plain("yuv420p", "yuv420p10le"),
        "mp4",
        ("mp4", "mkv", "webm"),
        63,
        (64, 64),
        nvenc="av1_nvenc",
        hard_layouts=_plain("yuv420p", "p010le"),
    ),
    # PyAV's libvpx has 8 bits alone. Its alpha goes beside the packets, which MP4 drops and NUT
    # keeps; none is decoded out of order, so NUT's times are exact too.
    "vp9": Codec(
        "libvpx-vp9",
        _plain("yuv420p", "yuva420p"),
        "nut",
        ("webm", "mkv", "mp4"),
        63,
        alpha_beside=True,
    ),
    "prores": Codec(
        "prores_ks",
        _named("hq standard lt proxy", "yuv422p10le", prores=True)
        + _named("4444 4444xq", "yuv444p10le", "yuva444p10le", prores=True),
        "mov",
        ("mov", "mkv"),
        0,
    ),
    # hqx takes as many bytes as hq: the encoder's rate is constant.
    "dnxhr": Codec(
        "dnxhd",
        _named("hqx", "yuv422p10le") + _named("hq sq lb", "yuv422p") + _named("444", "yuv444p10le"),
        "mov",
        ("mov",),
        0,
        (256, 120),
    ),
    "ffv1": Codec(
        "ffv1", _plain("bgr0", "bgra", "gbrp16le", "gbrap16le"), "mp4", ("mkv", "mp4"), 0
    ),
}


@dataclass(frozen=True, slots=True)
class Pictures:
    """A way to have a film as pictures. Its segments are FFV1: what is lossy is done once, at last.

    Attributes:
        depths: Bits of a component that it can have, the usual one first.
        numbered: It is a file for each frame; else one for all.
    """

    depths: tuple[int, ...] = (8,)
    numbered: bool = False


PICTURES: dict[str, Pictures] = {
    "gif": Pictures(),
    "apng": Pictures((8, 16)),
    "webp": Pictures(),
    "png": Pictures((8, 16), numbered=True),
    "tif": Pictures((16, 8), numbered=True),
    "exr": Pictures((16,), numbered=True),
    "jpg": Pictures(numbered=True),
}
"""By suffix."""
SAME = {"tiff": "tif", "jpeg": "jpg"}
"""Suffixes that name one of `PICTURES` otherwise."""


@dataclass(frozen=True, slots=True)
class EncodeSettings:
    """How a film is encoded; frozen with its job, since the bytes depend on all of it.

    Attributes:
        codec: One of `CODECS`. FFV1 is lossless: it keeps every frame as it was painted.
        quality: Constant rate factor: 0 is best, 18 is hard to tell from the original. ProRes,
            DNxHR and FFV1 have none.
        preset: x264's names, "ultrafast" to "veryslow": slower is smaller.
        container: One of `CONTAINERS`.
        threads: How many the encoder uses; x264's bytes change with it.
        profile: The codec's, by name; None for what the film needs.
        depth: Bits of a component, one of the codec's `depths`; None for the codec's usual one.
        provenance: The film says how it was painted.
        sound: "compatible" encodes sound again that does not play in Chromium and ffmpeg 5.1;
            "copy" keeps whatever the container holds.
        pictures: One of `PICTURES` that the film becomes; None for a film. Then codec, container
            and depth are those of its segments: FFV1 in Matroska.
        encoder: "nvenc" for NVIDIA's. It is fast and larger, and its bytes are those of one card
            and driver.

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
        _one_of("container", self.container, CONTAINERS)
        _one_of("preset", self.preset, PRESETS)
        _one_of("way with sound", self.sound, SOUND)
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
        if self.encoder == "nvenc" and codec.nvenc is None:
            raise UsageError(
                f"NVIDIA's cards encode no {self.codec}", "Choose h264, h265 or av1, or software"
            )
        if self.pictures is not None:
            _one_of("kind of pictures", self.pictures, PICTURES)
        if fault := layout_fault(self.codec, self.profile, self.depth):
            raise UsageError(*fault)

    @property
    def holder(self) -> Container:
        """The container, and what it can hold."""
        return CONTAINERS[self.container]

    @property
    def numbered(self) -> bool:
        """Whether each frame becomes a file."""
        return self.pictures is not None and PICTURES[self.pictures].numbered

    @property
    def extension(self) -> str:
        """Of the finished file's name, without the dot; of numbered ones the first frame's."""
        kind = self.pictures or self.container
        return f"{0:06}.{kind}" if self.numbered else kind


def layout_fault(codec: str, profile: str | None, depth: int | None) -> tuple[str, str] | None:
    """What is wrong with a profile and a depth of a codec, and what to do; None: they are fine."""
    profiles = CODECS[codec].profiles
    if profile is not None and profile not in profiles:
        choice = f"Choose one of {', '.join(profiles)}" if profiles else "Leave it out"
        return f"{codec} has no profile {profile!r}", choice
    if depth is not None and not _offered(codec, profile, depth):
        whose = codec if profile is None else f"{codec}'s {profile}"
        has = sorted({one.bits for one in _offered(codec, profile, None)})
        return f"There is no {whose} of {depth} bits", f"Choose {' or '.join(map(str, has))}"
    return None


def _offered(codec: str, profile: str | None, depth: int | None) -> list[Layout]:
    return [
        one
        for one in CODECS[codec].layouts
        if profile in {None, one.profile} and depth in {None, one.bits}
    ]


def layout_of(settings: EncodeSettings, width: int, height: int, *, alpha: bool = False) -> Layout:
    """Layout of the coded picture: of what the codec has, the first that keeps most.

    Alpha counts most; then an odd size, for which chroma is not halved where that can be avoided.

    Args:
        settings: How the film is encoded.
        width: Of the coded picture.
        height: Likewise.
        alpha: Whether the frames have alpha.
    """
    odd = bool(width % 2 or height % 2)
    alpha = alpha and (not CODECS[settings.codec].alpha_beside or settings.holder.side_data)
    offered = _offered(settings.codec, settings.profile, settings.depth)
    if settings.encoder == "nvenc":
        hard = CODECS[settings.codec].hard_layouts
        offered = [one for one in hard if settings.depth in {None, one.bits}]
    return min(offered, key=lambda one: (one.alpha != alpha, odd and one.halved))


def _one_of(what: str, name: str, known: object) -> None:
    names = list(known)  # type: ignore[call-overload]
    if name not in names:
        raise UsageError(f"There is no {what} {name!r}", f"Choose one of {', '.join(names)}")
