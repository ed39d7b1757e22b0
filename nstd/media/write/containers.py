"""What a film can be written as, one entry each: how it is written, and what it can hold."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal

_PCM = ("pcm_u8", "pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_s24be", "pcm_s32le", "pcm_f32le")
_PCM_TOO_DEEP = ("pcm_s24", "pcm_s32", "pcm_f32", "pcm_f64")


@dataclass(frozen=True, slots=True, kw_only=True)
class Holds:
    """What of metadata a container keeps.

    Attributes:
        known: The film's keys that the muxer itself puts where players look for them; None: all.
        of_streams: Keys of streams that are kept; None: all.
        flags: Dispositions of streams that are kept, by ffmpeg's names.
        matrix: Which display matrices are kept: "any", or those that only turn and mirror.
        clock: Whether a timecode is kept.
    """

    known: frozenset[str] | None = frozenset()
    of_streams: frozenset[str] | None = frozenset()
    flags: frozenset[str] = frozenset()
    matrix: Literal["any", "turns", ""] = ""
    clock: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Boxes:
    """How `boxes` adds what the muxer has no words for to the index of MP4's relatives.

    Attributes:
        carrier: A tag whose text may have any length, with which the muxer makes room.
        place: Where in the index the muxer puts it.
        versioned: The box of keys begins with a version, as MP4's boxes do.
    """

    carrier: str
    place: tuple[str, ...]
    versioned: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Animation:
    """How all frames become one file that browsers show.

    Attributes:
        encoder: ffmpeg's name of the encoder.
        layouts: What it is given: one for all, or one each for 8 bits, 8 bits and alpha, 16 bits,
            and 16 bits and alpha.
        unit: Of its times, in seconds; None for the film's own.
        shortest: Units that a frame lasts at least; what comes sooner is left out.
        options: For the muxer, so that it plays for ever.
        encoding: For the encoder.
        palette: One palette for all of the film: where each frame has its own, colors flicker.
        ends: How the muxer is told how long the last frame lasts: in "units", in "seconds", or not
            at all, "".
        merges: The encoder makes one frame of several that are the same.
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
        depths: Bits of a component that it can have, the usual one first.
        alpha: How alpha is kept: "yes", "all or nothing", or not at all, "".
        animation: How all of them become one file; None for a file for each frame.
    """

    depths: tuple[int, ...] = (8,)
    alpha: Literal["yes", "all or nothing", ""] = "yes"
    animation: Animation | None = None

    @property
    def fastest(self) -> Fraction | None:
        """Frames a second that it has at most; None for any number."""
        how = self.animation
        return 1 / (how.shortest * how.unit) if how and how.unit and how.shortest > 1 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """One container on offer.

    Whether it takes a stream's own packets is no part of this table: `keeping` tries that. What
    plays was tried of mono, stereo and 5.1: to its end with sound in Chromium 156, and decoded to
    the same samples by ffmpeg 5.1.

    Attributes:
        name: What users call it, and its files' suffix without the dot.
        format: ffmpeg's name of its muxer; "" where none is needed.
        suffixes: Others that mean it.
        pictures: How a film becomes pictures in it; None for a film, to which all below applies.
        codecs: The codecs that it takes; the first is that of films that are put into it unless
            another is asked for.
        holds: What of metadata it keeps.
        boxes: How it keeps other keys under their own names, and what else its muxer has no words
            for; None where it does not, or where the muxer keeps all.
        text: The codec that text subtitles are converted to which it does not take as they are; ""
            for none.
        plays: Codecs of sound that play in it.
        lossless: Encoders for sound from lossless codecs that does not play in it; the first that
            keeps all of a sample is chosen, else the last.
        lossy: Encoder for other sound that does not play in it.
        misread: Beginnings of the names of codecs that it takes, and programs read as another:
            ffmpeg 5.1 reads MP4's PCM of more than 16 bits as one of 16, which is noise.
        bitmap_subtitles: Whether it holds subtitles that are pictures, and players show them. MP4
            takes those of a DVD, of which ffmpeg 5.1 finds no packet again.
        cover: How it keeps the picture that belongs to a film: as a file "attached" to it, as a
            "stream" of one packet, as a "tag" of its metadata, or not at all, "".
        attachments: Whether files such as fonts can be attached.
        edit_lists: Whether it hides what a stream's packets hold from before 0, and states times
            in any unit; the others round to milliseconds and show everything.
        codec_tags: Whether a codec is named by four characters, of which there is a choice.
        simultaneous: Whether packets of a stream may share a decoding time, as a dialog's lines do.
        states_aspect: Whether its muxer states the shape of a pixel of any codec, exactly.
        side_data: Whether it keeps what goes beside a packet, as VP9's alpha does.
        empty: Which streams it keeps though no packet was written of them: "all", those of its
            "text", which MP4's muxer ends with an empty packet, or none, "".
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
        """Of the names of its files, with the dot."""
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
"""What MP4 tells in the same words as who is to read or hear it."""
# These were found by writing each with ffmpeg 8.1 and reading it with 5.1.
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

# Browsers make a tenth of a second of less than two hundredths.
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
    # Its muxer takes a cover as a stream, and then writes a file without it.
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
