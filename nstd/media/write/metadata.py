"""Titles, locations, makes and flags: which of them a container keeps, where, and what is lost."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from av.stream import Disposition, Stream

from nstd.media.write.boxes import Additions
from nstd.media.write.containers import Container, Holds

Tags = Mapping[str, str]

_STATISTICS = ("BPS", "DURATION", "NUMBER_OF_", "_STATISTICS")
_MUXERS_OWN = {
    "alpha_mode", "encoder", "vendor_id", "rotate", "major_brand", "minor_version",
    "compatible_brands", "timecode",
}  # fmt: skip
"""What muxers and demuxers write, what no longer holds, and the clock (see `timecode`)."""
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
_NUMBER = re.compile(r"0|[1-9]\d?|1\d\d|2[0-4]\d|25[0-5]")
_PLACE = re.compile(r"[1-9]\d{0,3}(/[1-9]\d{0,3})?")
_NUMBERS = {
    "compilation", "episode_sort", "gapless_playback", "hd_video", "media_type", "season_number",
}  # fmt: skip
_LONGEST = 0xFFFF
"""Most bytes of a text in QuickTime's user data."""


@dataclass(frozen=True, slots=True)
class FilmTags:
    """The metadata of a film, by how its output gets them.

    Attributes:
        known: What the muxer itself keeps.
        added: What else is to be written into the finished file, or None.
        lost: Keys that are not kept.
    """

    known: Tags
    added: Additions | None
    lost: tuple[str, ...]

    @property
    def muxer(self) -> Tags:
        """The metadata for the muxer."""
        return {**self.known, **(self.added.carrier() if self.added else {})}

    @property
    def all(self) -> Tags:
        """All metadata of the finished film."""
        if self.added is None:
            return self.known
        own = {"location": self.added.location, "lyrics": self.added.lyrics}
        return {**self.known, **self.added.keys, **{key: text for key, text in own.items() if text}}


def film_tags(source: Tags, container: Container, artwork: bytes = b"") -> FilmTags:
    """Sort the metadata of a film by where they are kept.

    Args:
        source: The metadata of the source.
        container: The container of the output.
        artwork: The film's cover, if it is kept in the metadata.
    """
    kept = copied(source)
    if container.holds.known is None:
        return FilmTags(kept, None, ())
    if container.boxes is None:
        return FilmTags({}, None, tuple(kept))
    known: dict[str, str] = {}
    others: dict[str, str] = {}
    for key, text in kept.items():
        name = key.lower()
        fits = name not in known and _known(name, text, container.holds.known)
        (known if fits else others)[name if fits else key] = text
    place, lyrics = (known.pop(name, "") for name in ("location", "lyrics"))
    # Demuxers state a location twice, the second time with its language.
    again = [key for key, text in others.items() if key.startswith("location") and text == place]
    for key in again:
        del others[key]
    return FilmTags(known, Additions(container.boxes, others, place, lyrics, artwork), ())


def stream_tags(stream: Stream, holds: Holds) -> tuple[Tags, tuple[str, ...]]:
    """The metadata of a stream that a container keeps, and the keys that are lost."""
    kept = copied(stream.metadata)
    # Only the film keeps its time of creation: that of streams is mostly the same.
    moment = _second(kept.pop("creation_time", ""))
    other = moment and moment != _second(stream.container.metadata.get("creation_time", ""))
    lost: tuple[str, ...] = ("creation_time",) if other else ()
    if holds.of_streams is None:
        return kept, lost
    lost += tuple(key for key in kept if key.lower() not in holds.of_streams)
    kept = {key: text for key, text in kept.items() if key not in lost}
    if "title" in kept:
        # For programs that do not read titles of tracks.
        kept["handler_name"] = kept["title"]
    return kept, lost


def stream_flags(stream: Stream, holds: Holds) -> tuple[Disposition, Disposition]:
    """The dispositions of a stream that a container keeps, and those that are lost."""
    kept = Disposition(0)
    for name in holds.flags:
        kept |= Disposition[name]
    return stream.disposition & kept, stream.disposition & ~kept


def keeps_matrix(matrix: Sequence[int], holds: Holds) -> bool:
    """Whether a container keeps this display matrix."""
    return holds.matrix == "any" or (holds.matrix == "turns" and _turns_alone(matrix))


def _turns_alone(matrix: Sequence[int]) -> bool:
    """Whether a display matrix only rotates and mirrors, without shear and stretch."""
    (a, b), (c, d) = matrix[0:2], matrix[3:5]
    scale = max(map(abs, (a, b, c, d)))
    return abs(a * c + b * d) < scale**2 / 1000 and abs(a**2 + b**2 - c**2 - d**2) < scale**2 / 1000


def copied(metadata: Tags) -> dict[str, str]:
    """The metadata that still hold and that the muxer does not write itself."""
    return {
        key: text
        for key, text in metadata.items()
        if text and key.lower() not in _MUXERS_OWN and not key.startswith(_STATISTICS)
    }


def _second(moment: str) -> str:
    """A time to the second, as MP4 has it: some programs write more digits, or a blank for T."""
    return moment.replace(" ", "T")[: len("2026-01-31T23:59:59")]


def _known(name: str, text: str, known: Collection[str]) -> bool:
    """Whether the muxer keeps this text exactly, under a name of its own."""
    if name not in known:
        return False
    if name in _NUMBERS:
        return bool(_NUMBER.fullmatch(text))
    if name in {"track", "disc"}:
        return bool(_PLACE.fullmatch(text))
    if name == "creation_time":
        return bool(_MOMENT.fullmatch(text))
    return len(text.encode()) <= _LONGEST
