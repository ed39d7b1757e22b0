"""What a written film says of itself and its streams, to be compared with what it was given."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from av.container import Container, InputContainer
from av.stream import Disposition, Stream

from nstd.media.write.metadata import copied

Sayings = Mapping[str, str]
"""What is said, in words that follow "is not kept:", and the text that says it."""
Numbering = Mapping[str, Sequence[int]]
"""By kind, "chapter" too: which of all that a film was to have are in it, counted from 1."""

_KINDS = ("video", "audio", "subtitle")
_TIMED = len("2000-01-01T00:00:00")
"""Of a moment no container keeps more."""
_APART = {"title", "handler_name", "language", "creation_time", "filename", "mimetype"}


def numbers(streams: Iterable[Stream], there: Collection[Stream]) -> dict[str, list[int]]:
    """Which of a film's streams are in its file, by their kind.

    Args:
        streams: All that it was to have.
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
    """All that a film says.

    A stream and a chapter are named by what they were to be of the film, wherever they are found:
    the second subtitles stay the second in a film in which the first have no packet.

    Args:
        film: One that is read, or written.
        streams: Those of its streams that count.
        tags: Its own.
        places: The numbers of those streams, and of its chapters.
    """
    said = {f"tag {_plain(key)}": _shortened(key, text) for key, text in tags.items()}
    # MP4's readers know a track's title as the name of its handler.
    handler = "handler_name" if isinstance(film, InputContainer) else "title"
    coming = {kind: iter(places.get(kind, ())) for kind in _KINDS}
    for stream in streams:
        kind = _kind(stream)
        if kind in coming and (number := next(coming[kind], None)):
            said.update(_of_stream(stream, f"{kind} {number}", handler))
    for stream in film.streams:
        # Attached pictures are read as pictures, with the name of the file.
        if name := stream.metadata.get("filename"):
            said[f"attached file {name}"] = "yes"
        if stream.disposition & Disposition.attached_pic:
            said["cover"] = "yes"
    for number, chapter in zip(places.get("chapter", ()), film.chapters(), strict=False):
        said[f"title of chapter {number}"] = chapter["metadata"].get("title", "")
    return said


def unkept(given: Sayings, found: Sayings) -> list[str]:
    """What of all that was given is not found."""
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
    """Matroska writes names of tags in capitals and without spaces."""
    return key.lower().replace(" ", "_")


def _shortened(key: str, text: str) -> str:
    return text[:_TIMED] if key.lower() == "creation_time" else text
