"""Names of numbered pictures: those of a pattern such as `x_%04d.png`, one for each frame."""

import re
from pathlib import Path

from nstd.errors import UsageError
from nstd.files import hidden_path

_PATTERN = re.compile(r"%(0\d{1,2})?d")
_NUMBER = re.compile(r"(\d+)(?!.*\d)")


def first_of(pattern: Path, number: int) -> Path:
    """The file of frame `number`, where `pattern` is one such as `x_%04d.png`.

    A path without `%` is the file itself.
    """
    found = _PATTERN.search(pattern.name)
    if found is None:
        return pattern
    digits = f"{number:{found[1] or ''}}"
    return pattern.with_name(pattern.name[: found.start()] + digits + pattern.name[found.end() :])


def has_pattern(path: Path) -> bool:
    """Whether a name is a pattern of numbered names, as `x_%04d.png` is."""
    return _PATTERN.search(path.name) is not None


def names(pattern: Path, path: Path) -> bool:
    """Whether `path` is `pattern`, or one of the names that it makes."""
    numbers = re.findall(r"\d+", path.name)
    return path == pattern or any(first_of(pattern, int(one)) == path for one in numbers)


def numbered(first: Path, offset: int) -> Path:
    """The file of the frame that is `offset` frames after that of `first`.

    The last number in a name is the frame's.

    Raises:
        UsageError: There is no number in the name, and this is another frame.
    """
    if offset == 0:
        return first
    found = _NUMBER.search(first.stem)
    if found is None:
        raise for_one(first)
    digits = f"{int(found[1]) + offset:0{len(found[1])}}"
    stem = first.stem[: found.start()] + digits + first.stem[found.end() :]
    return first.with_name(stem + first.suffix)


def for_one(path: Path) -> UsageError:
    """The error for several frames and a name for only one picture."""
    return UsageError(
        f"{path.name} is a name for one picture, and there are several frames",
        f"Number them, as in {path.stem}_%04d{path.suffix}, or choose one by --frames 4:5",
    )


def rest_path(first: Path) -> Path:
    """The hidden folder of all numbered pictures but the first, until all are published."""
    return hidden_path(first, "frames")
