"""The metadata of a written film and its streams, to be compared with what the muxer was given."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from av.container import Container, InputContainer
from av.stream import Disposition, Stream

from nstd.media.write.metadata import copied

Sayings = Mapping[str, str]
"""Texts by what they are, in words that follow "is not kept:"."""
Numbering = Mapping[str, Sequence[int]]
"""By kind of stream, or "chapter": which of those planned are in the film, counted from 1."""

_KINDS = ("video", "audio", "subtitle")
_TIMED = len("2000-01-01T00:00:00")
"""No container keeps more of a time."""
_APART = {"title", "handler_name", "language", "creation_time", "filename", "mimetype"}


def numbers(streams: Iterable[Stream], there: Collection[Stream]) -> dict[str, list[int]]:
    """Which of a film's planned streams are in its file, by their kind.

    Args:
        streams: All that were planned.
        there: Those of them that are in the file.
    """
    all_streams = [*streams]
    found = {}
    for kind in _KINDS:
        same = (stream for stream in all_streams if _kind(stream) == kind)
        found[kind] = [number for number, stream in enumerate(same, 1) if stream in there]
    return found


def sayings(
    film: Container, streams: Iterable[Stream], tags: Mapping[str, str], places: Numbering
) -> dict[str, str]:
    """All metadata of a film, of its streams and its chapters.

    Streams and chapters are named by their planned numbers: the second subtitles stay the second in
    a film in which the first have no packet.

    Args:
        film: One that is read, or written.
        streams: Those of its streams that count.
        tags: The film's own metadata.
        places: The planned numbers of these streams and of its chapters.
    """
    said = {f"tag {_plain(key)}": _shortened(key, text) for key, text in tags.items()}
    # Readers of MP4 give a track's title as the name of its handler.
    handler = "handler_name" if isinstance(film, InputContainer) else "title"
    coming = {kind: iter(places.get(kind, ())) for kind in _KINDS}
    for stream in streams:
        kind = _kind(stream)
        if kind in coming and (number := next(coming[kind], None)):
            said.update(_of_stream(stream, f"{kind} {number}", handler))
    for stream in film.streams:
        # Attached pictures are read as streams of pictures, with the name of the file.
        if name := stream.metadata.get("filename"):
            said[f"attached file {name}"] = "yes"
        if stream.disposition & Disposition.attached_pic:
            said["cover"] = "yes"
    for number, chapter in zip(places.get("chapter", ()), film.chapters(), strict=False):
        said[f"title of chapter {number}"] = chapter["metadata"].get("title", "")
    return said


def unkept(given: Sayings, found: Sayings) -> list[str]:
    """The names of all in `given` that `found` has not, or has with another text."""
    return [name for name, text in given.items() if found.get(name, "") != text]


def _kind(stream: Stream) -> str:
    return "cover" if stream.disposition & Disposition.attached_pic else str(stream.type)


def _of_stream(stream: Stream, name: str, handler: str) -> Iterator[tuple[str, str]]:
    tags = copied(stream.metadata)
    if title := tags.get("title", tags.get(handler, "")):
        yield f"title of {name}", title.strip()
    language = tags.get("language", "und")
    if language != "und":
        yield f"language of {name}", language
    for key, text in tags.items():
        if key.lower() not in _APART:
            yield f"tag {_plain(key)} of {name}", text
    shown = stream.disposition & Disposition.default
    if stream.type == "subtitle":
        yield f"whether {name} is shown by default", "yes" if shown else "no"
    for flag in stream.disposition & ~Disposition.default:
        yield f"flag {flag.name} of {name}", "yes"


def _plain(key: str) -> str:
    """A name in small letters, without spaces: Matroska changes both in names of tags."""
    return key.lower().replace(" ", "_")


def _shortened(key: str, text: str) -> str:
    return text[:_TIMED] if key.lower() == "creation_time" else text
