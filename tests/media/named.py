"""Whether a job's report tells of a difference."""

from collections.abc import Iterator, Mapping
from typing import Any

from tests.media.compare import Difference

_WORDS = {
    "aspect": ("pixel", "aspect"),
    "colors": ("color", "sdr"),
    "title": ("title", "name"),
    "disposition": ("flag", "disposition", "forced", "default"),
}
"""What a report says of the picture, by what a difference is about."""


def is_named(difference: Difference, report: Mapping[str, Any]) -> bool:
    """Whether what is not kept was said: of that very stream, key or part of the film."""
    about = difference.about.split()
    for fate in _fates(report):
        said = f"{fate.get('what', '')} {fate.get('why', '')} {fate.get('to', '')}".lower()
        if about[0] == "stream":
            whole = fate.get("stream") == int(about[1])
            if whole and (len(about) == 2 or fate["outcome"] == "lost"):
                return True
            if f"stream {about[1]} " in said and any(word in said for word in _words(about[-1])):
                return True
        elif about[0] == "tag":
            if fate.get("kind") == "metadata" and any(word in said for word in _words(about[1])):
                return True
        elif about[0] == fate.get("kind") or any(word in said for word in _words(about[0])):
            return True
    return False


def _words(about: str) -> tuple[str, ...]:
    return _WORDS.get(about, (about.lower(),))


def _fates(found: Any) -> Iterator[Mapping[str, Any]]:
    """All of a report that says of something that it is not kept as it is."""
    if isinstance(found, Mapping):
        if found.get("outcome") in {"converted", "lost"}:
            yield found
        for one in found.values():
            yield from _fates(one)
    elif isinstance(found, list):
        for one in found:
            yield from _fates(one)
