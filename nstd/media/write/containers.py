"""What a film can be written as, one entry each: how it is written, and what it can hold."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal

_PCM = ("pcm_u8", "pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_s24be", "pcm_s32le", "pcm_f32le")
_PCM_TOO_DEEP = ("pcm_s24", "pcm_s32", "pcm_f32", "pcm_f64")


@dataclass(frozen=True, slots=True, kw_only=True)
class Holds:
    """The metadata that a container keeps.

    Attributes:
        known: Keys of the film that the muxer puts where players look for them; None: all.
        of_streams: Keys of streams that it keeps; None: all.
        flags: Dispositions of streams that it keeps, by ffmpeg's names.
        matrix: Display matrices that it keeps: "any", or those that only rotate and mirror.
        clock: Whether it keeps a timecode.
    """

    known: frozenset[str] | None = frozenset()
    of_streams: frozenset[str] | None = frozenset()
    flags: frozenset[str] = frozenset()
    matrix: Literal["any", "turns", ""] = ""
    clock: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Boxes:
    """How `boxes` adds what the muxer cannot write to the index of MP4 and QuickTime.

    Attributes:
        carrier: A tag whose text may have any length: the placeholder.
        place: Path of boxes to where the muxer puts it.
        versioned: Whether the box of keys begins with a version, as MP4's boxes do.
    """

    carrier: str
    place: tuple[str, ...]
    versioned: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Animation:
    """How all frames become one file that browsers show.

    Attributes:
        encoder: ffmpeg's name of the encoder.
        layouts: Pixel formats for the encoder: one for all, or one each for 8 bits, 8 bits with
            alpha, 16 bits, and 16 bits with alpha.
        unit: Its time base, in seconds; None for the film's own.
        shortest: Least duration of a frame, in units; frames that come sooner are left out.
        options: For the muxer, so that the animation repeats without end.
        encoding: Options for the encoder.
        palette: Whether all frames share a palette: if each had its own, colors would flicker.
        ends: How the muxer is told how long the last frame lasts: in "units", in "seconds", or not
            at all, "".
        merges: Whether the encoder makes one frame of several equal ones.
    """

    encoder: str
    layouts: tuple[str, ...]
    unit: Fraction | None = None
    shortest: int = 1
    options: Mapping[str, str] = field(default_factory=lambda: {"loop": "0"})
    encoding: Mapping[str, str] = field(default_factory=dict)
    palette: bool = False
    ends: Literal["units", "seconds", ""] = ""
    merges: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureForm:
    """How a film becomes pictures.

    Attributes:
        depths: Possible bits of a component, the usual number first.
        alpha: How alpha is kept: "yes", "all or nothing", or not at all, "".
        animation: How all frames become one file; None if each becomes a file of its own.
    """

    depths: tuple[int, ...] = (8,)
    alpha: Literal["yes", "all or nothing", ""] = "yes"
    animation: Animation | None = None

    @property
    def fastest(self) -> Fraction | None:
        """Largest frame rate that it allows; None for any."""
        how = self.animation
        return 1 / (how.shortest * how.unit) if how and how.unit and how.shortest > 1 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """One container on offer.

    Whether it takes a stream's own packets is not part of this table: `keeping` tries that. What
    plays was tried with mono, stereo and 5.1: it plays to its end with sound in Chromium 156, and
    ffmpeg 5.1 decodes it to the same samples.

    Attributes:
        name: What users call it, which is also its files' suffix, without the dot.
        format: ffmpeg's name of its muxer; "" where none is needed.
        suffixes: Other suffixes that mean it.
        pictures: How a film becomes pictures in it; None for a film, to which all below applies.
        codecs: The codecs that it takes; the first is used unless another is asked for.
        holds: The metadata that it keeps.
        boxes: How other keys, and what else its muxer cannot write, are added; None where nothing
            is added, or where the muxer keeps all.
        text: The codec to which text subtitles are converted if it does not take theirs; "" for
            none.
        plays: Codecs of sound that play in it.
        lossless: Encoders for sound that comes from a lossless codec and does not play in it: the
            first that keeps all bits of a sample is chosen, else the last.
        lossy: Encoder for other sound that does not play in it.
        misread: Codecs, by the beginnings of their names, that it takes but programs misread:
            ffmpeg 5.1 reads MP4's PCM of more than 16 bits as 16 bits, which is noise.
        bitmap_subtitles: Whether it holds subtitles that are pictures, and players show them. MP4
            takes those of a DVD, of which ffmpeg 5.1 finds no packet again.
        cover: How it keeps the picture that belongs to a film: as a file "attached" to it, as a
            "stream" of one packet, as a "tag" of its metadata, or not at all, "".
        attachments: Whether files such as fonts can be attached.
        edit_lists: Whether it hides what lies before time 0, and has time stamps in any unit; other
            containers round to milliseconds and show everything.
        codec_tags: Whether four characters name a codec, with more than one choice.
        simultaneous: Whether packets of a stream may share a decoding time, as subtitles of two
            speakers do.
        states_aspect: Whether its muxer states the pixel aspect ratio of any codec, exactly.
        side_data: Whether it keeps side data of packets, such as VP9's alpha.
        empty: Streams that are in the file though no packet of theirs was written: "all"; "text",
            since MP4's muxer ends those with an empty packet; or none, "".
    """

    name: str
    format: str = ""
    suffixes: tuple[str, ...] = ()
    pictures: PictureForm | None = None
    codecs: tuple[str, ...] = ()
    holds: Holds = Holds()
    boxes: Boxes | None = None
    text: str = ""
    plays: tuple[str, ...] = ()
    lossless: tuple[str, ...] = ()
    lossy: str = "aac"
    misread: tuple[str, ...] = ()
    bitmap_subtitles: bool = False
    cover: Literal["attached", "stream", "tag", ""] = ""
    attachments: bool = False
    edit_lists: bool = False
    codec_tags: bool = False
    simultaneous: bool = False
    states_aspect: bool = False
    side_data: bool = False
    empty: Literal["all", "text", ""] = ""

    @property
    def suffix(self) -> str:
        """Suffix of its files' names, with the dot."""
        return f".{self.name}"

    @property
    def numbered(self) -> bool:
        """Whether each frame becomes a file."""
        return self.pictures is not None and self.pictures.animation is None


_BASIC = frozenset(
    (
        "album", "artist", "comment", "copyright", "creation_time", "date", "genre", "location",
        "title",
    )
)  # fmt: skip
_ITUNES = frozenset(
    (
        "album_artist", "compilation", "composer", "description", "disc", "episode_id",
        "episode_sort", "gapless_playback", "grouping", "hd_video", "keywords", "lyrics",
        "media_type", "network", "season_number", "show", "synopsis", "track",
    )
)  # fmt: skip
_OF_TRACKS = frozenset({"language", "title", "handler_name"})
_EVERYWHERE = frozenset({"default", "attached_pic"})
_ROLES = frozenset({"forced", "hearing_impaired", "visual_impaired", "comment", "dub"})
_TOLD_TWICE = frozenset({"captions", "descriptions"})
"""MP4 states these with the words for who needs the stream: impaired hearing or sight."""
# Found by writing each with ffmpeg 8.1 and reading it with 5.1.
_MP4_HOLDS = Holds(
    known=_BASIC | _ITUNES,
    of_streams=_OF_TRACKS,
    flags=_EVERYWHERE | _ROLES | _TOLD_TWICE,
    matrix="any",
    clock=True,
)
_QUICKTIME_HOLDS = Holds(
    known=_BASIC | {"make", "model"},
    of_streams=_OF_TRACKS,
    flags=_EVERYWHERE,
    matrix="any",
    clock=True,
)
_MATROSKA_HOLDS = Holds(
    known=None,
    of_streams=None,
    flags=_EVERYWHERE | _ROLES | {"original"},
    matrix="turns",
    clock=True,
)

# Browsers show a frame of less than 0.02 seconds for 0.1 seconds.
_GIF = Animation(
    encoder="gif",
    layouts=("pal8",),
    unit=Fraction(1, 100),
    shortest=2,
    palette=True,
    ends="units",
)
_APNG = Animation(
    encoder="apng",
    layouts=("rgb24", "rgba", "rgb48be", "rgba64be"),
    options={"plays": "0"},
    ends="seconds",
)
_WEBP = Animation(
    encoder="libwebp_anim",
    layouts=("bgra",),
    unit=Fraction(1, 1000),
    encoding={"quality": "90"},
    merges=True,
)

_ALL_CONTAINERS = (
    Container(
        name="mp4",
        format="mp4",
        codecs=("h264", "h265", "av1", "vp9", "ffv1"),
        holds=_MP4_HOLDS,
        boxes=Boxes(carrier="lyrics", place=("udta", "meta", "ilst", "\xa9lyr"), versioned=True),
        text="mov_text",
        plays=("aac", "mp3", "opus", "flac", "vorbis"),
        lossless=("flac",),
        misread=_PCM_TOO_DEEP,
        cover="stream",
        edit_lists=True,
        codec_tags=True,
        states_aspect=True,
        empty="text",
    ),
    # Its muxer accepts a cover as a stream, but writes a file without it.
    Container(
        name="mov",
        format="mov",
        codecs=("h264", "h265", "prores", "dnxhr"),
        holds=_QUICKTIME_HOLDS,
        boxes=Boxes(carrier="xmp", place=("udta", "XMP_"), versioned=False),
        text="mov_text",
        plays=("aac", "mp3", *_PCM, "pcm_alaw", "pcm_mulaw"),
        lossless=("pcm_s16le", "pcm_s24le", "pcm_s32le", "pcm_f32le"),
        cover="tag",
        edit_lists=True,
        codec_tags=True,
        states_aspect=True,
        empty="text",
    ),
    Container(
        name="mkv",
        format="matroska",
        codecs=("h264", "h265", "av1", "vp9", "prores", "ffv1"),
        holds=_MATROSKA_HOLDS,
        text="subrip",
        plays=("aac", "mp3", "opus", "flac", "vorbis", *_PCM),
        lossless=("flac", "pcm_s32le", "pcm_f32le"),
        bitmap_subtitles=True,
        cover="attached",
        attachments=True,
        simultaneous=True,
        side_data=True,
        empty="all",
    ),
    Container(
        name="webm",
        format="webm",
        codecs=("vp9", "av1"),
        holds=_MATROSKA_HOLDS,
        text="webvtt",
        plays=("opus", "vorbis"),
        lossy="libopus",
        simultaneous=True,
        side_data=True,
        empty="all",
    ),
    Container(
        name="gif", format="gif", pictures=PictureForm(alpha="all or nothing", animation=_GIF)
    ),
    Container(name="apng", format="apng", pictures=PictureForm(depths=(8, 16), animation=_APNG)),
    Container(name="webp", format="webp", pictures=PictureForm(animation=_WEBP)),
    Container(name="png", pictures=PictureForm(depths=(8, 16))),
    Container(name="tif", suffixes=("tiff",), pictures=PictureForm(depths=(16, 8))),
    Container(name="exr", pictures=PictureForm(depths=(16,))),
    Container(name="jpg", suffixes=("jpeg",), pictures=PictureForm(alpha="")),
)
CONTAINERS: dict[str, Container] = {one.name: one for one in _ALL_CONTAINERS}
"""By name."""
FILMS = {name: one for name, one in CONTAINERS.items() if one.pictures is None}
PICTURES = {name: one.pictures for name, one in CONTAINERS.items() if one.pictures}

_BY_SUFFIX = {f".{suffix}": one for one in _ALL_CONTAINERS for suffix in (one.name, *one.suffixes)}


def container_of(suffix: str) -> Container | None:
    """The container that a suffix, with its dot, means; None for no container on offer."""
    return _BY_SUFFIX.get(suffix.lower())
