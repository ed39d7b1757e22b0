"""Titles, places, makes and flags: what of them a container keeps, where, and what is lost."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from av.stream import Disposition, Stream

from nstd.media.write.boxes import Additions

Tags = Mapping[str, str]

_STATISTICS = ("BPS", "DURATION", "NUMBER_OF_", "_STATISTICS")
_MUXERS_OWN = {
    "alpha_mode", "encoder", "vendor_id", "rotate", "major_brand", "minor_version",
    "compatible_brands", "timecode",
}  # fmt: skip
"""What a muxer or demuxer says of itself, what holds no longer, and the clock: see `timecode`."""
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
_NUMBER = re.compile(r"0|[1-9]\d?|1\d\d|2[0-4]\d|25[0-5]")
_PLACE = re.compile(r"[1-9]\d{0,3}(/[1-9]\d{0,3})?")
_NUMBERS = {
    "compilation", "episode_sort", "gapless_playback", "hd_video", "media_type", "season_number",
}  # fmt: skip
_LONGEST = 0xFFFF
"""Bytes of a text in QuickTime's user data."""

_NONE = Disposition(0)


@dataclass(frozen=True, slots=True)
class Holds:
    """What of metadata a container keeps.

    Attributes:
        known: The film's keys that the muxer itself puts where players look for them; None: all.
        of_streams: Keys of streams that are kept; None: all.
        flags: Dispositions of streams that are kept.
        named: Whether other keys of the film are kept under their own names.
        matrix: Which display matrices are kept: "any", or those that only turn and mirror.
        clock: Whether a timecode is kept.
    """

    known: frozenset[str] | None = frozenset()
    of_streams: frozenset[str] | None = frozenset()
    flags: Disposition = _NONE
    named: bool = False
    matrix: Literal["any", "turns", ""] = ""
    clock: bool = False


_BASIC = {
    "album", "artist", "comment", "copyright", "creation_time", "date", "genre", "location",
    "title",
}  # fmt: skip
_ITUNES = {
    "album_artist", "compilation", "composer", "description", "disc", "episode_id", "episode_sort",
    "gapless_playback", "grouping", "hd_video", "keywords", "lyrics", "media_type", "network",
    "season_number", "show", "synopsis", "track",
}  # fmt: skip
_OF_TRACKS = frozenset({"language", "title", "handler_name"})
_EVERYWHERE = Disposition.default | Disposition.attached_pic
_ROLES = (
    Disposition.forced | Disposition.hearing_impaired | Disposition.visual_impaired
    | Disposition.comment | Disposition.dub
)  # fmt: skip
_TOLD_TWICE = Disposition.captions | Disposition.descriptions
"""What MP4 tells in the same words as who is to read or hear it."""
_MATROSKA = Holds(
    known=None,
    of_streams=None,
    flags=_EVERYWHERE | _ROLES | Disposition.original,
    matrix="turns",
    clock=True,
)

# Found by writing each with ffmpeg 8.1 and reading it with 5.1.
HOLDS: dict[str, Holds] = {
    "mp4": Holds(
        known=frozenset(_BASIC | _ITUNES),
        of_streams=_OF_TRACKS,
        flags=_EVERYWHERE | _ROLES | _TOLD_TWICE,
        named=True,
        matrix="any",
        clock=True,
    ),
    "mov": Holds(
        known=frozenset(_BASIC | {"make", "model"}),
        of_streams=_OF_TRACKS,
        flags=_EVERYWHERE,
        named=True,
        matrix="any",
        clock=True,
    ),
    "mkv": _MATROSKA,
    "webm": _MATROSKA,
}
"""By the container's name; of one that is not here nothing is kept."""


@dataclass(frozen=True, slots=True)
class FilmTags:
    """The metadata of a film, as its output is given them.

    Attributes:
        known: What the muxer keeps by itself.
        added: What is to be written into the finished file besides, or None.
        lost: Keys that are kept nowhere.
    """

    known: Tags
    added: Additions | None
    lost: tuple[str, ...]

    @property
    def muxer(self) -> Tags:
        """What the muxer is to be given."""
        return {**self.known, **(self.added.carrier() if self.added else {})}

    @property
    def all(self) -> Tags:
        """What the finished film says."""
        if self.added is None:
            return self.known
        own = {"location": self.added.location, "lyrics": self.added.lyrics}
        return {**self.known, **self.added.keys, **{key: text for key, text in own.items() if text}}


def film_tags(source: Tags, container: str, artwork: bytes = b"") -> FilmTags:
    """Sort the metadata of a film by where they are kept.

    Args:
        source: The source's.
        container: The output's, as users call it.
        artwork: The film's cover, where it is kept among the metadata.
    """
    holds = HOLDS.get(container, Holds())
    kept = copied(source)
    if holds.known is None:
        return FilmTags(kept, None, ())
    if not holds.named:
        return FilmTags({}, None, tuple(kept))
    known: dict[str, str] = {}
    others: dict[str, str] = {}
    for key, text in kept.items():
        name = key.lower()
        fits = name not in known and _known(name, text, holds)
        (known if fits else others)[name if fits else key] = text
    place, lyrics = (known.pop(name, "") for name in ("location", "lyrics"))
    # Demuxers tell a place again, with its language.
    again = [key for key, text in others.items() if key.startswith("location") and text == place]
    for key in again:
        del others[key]
    return FilmTags(known, Additions(container, others, place, lyrics, artwork), ())


def stream_tags(stream: Stream, container: str) -> tuple[Tags, tuple[str, ...]]:
    """The metadata of a stream that the container keeps, and the keys of those that are lost."""
    holds = HOLDS.get(container, Holds())
    kept = copied(stream.metadata)
    # Films alone have a moment of creation; most have the same.
    moment = _second(kept.pop("creation_time", ""))
    other = moment and moment != _second(stream.container.metadata.get("creation_time", ""))
    lost: tuple[str, ...] = ("creation_time",) if other else ()
    if holds.of_streams is None:
        return kept, lost
    lost += tuple(key for key in kept if key.lower() not in holds.of_streams)
    kept = {key: text for key, text in kept.items() if key not in lost}
    if "title" in kept:
        # Where programs look that know nothing of tracks' titles.
        kept["handler_name"] = kept["title"]
    return kept, lost


def stream_flags(stream: Stream, container: str) -> tuple[Disposition, Disposition]:
    """The dispositions of a stream that the container keeps, and those that are lost."""
    holds = HOLDS.get(container, Holds())
    return stream.disposition & holds.flags, stream.disposition & ~holds.flags


def keeps_matrix(matrix: Sequence[int], container: str) -> bool:
    """Whether a container keeps this display matrix."""
    holds = HOLDS.get(container, Holds())
    return holds.matrix == "any" or (holds.matrix == "turns" and _turns_alone(matrix))


def _turns_alone(matrix: Sequence[int]) -> bool:
    """Whether a display matrix turns and mirrors, and neither shears nor stretches."""
    (a, b), (c, d) = matrix[0:2], matrix[3:5]
    scale = max(map(abs, (a, b, c, d)))
    return abs(a * c + b * d) < scale**2 / 1000 and abs(a**2 + b**2 - c**2 - d**2) < scale**2 / 1000


def copied(metadata: Tags) -> dict[str, str]:
    """What of a container's or stream's metadata still holds, and is not the muxer's to write."""
    return {
        key: text
        for key, text in metadata.items()
        if text and key.lower() not in _MUXERS_OWN and not key.startswith(_STATISTICS)
    }


def _second(moment: str) -> str:
    """A moment to the second, as MP4 has it: some programs write more digits, some a blank."""
    return moment.replace(" ", "T")[: len("2026-01-31T23:59:59")]


def _known(name: str, text: str, holds: Holds) -> bool:
    """Whether the muxer keeps this under a name of its own, and exactly."""
    if holds.known is None or name not in holds.known:
        return False
    if name in _NUMBERS:
        return bool(_NUMBER.fullmatch(text))
    if name in {"track", "disc"}:
        return bool(_PLACE.fullmatch(text))
    if name == "creation_time":
        return bool(_MOMENT.fullmatch(text))
    return len(text.encode()) <= _LONGEST
