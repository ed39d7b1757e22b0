"""Numbered images that are one film: `shot_%04d.png`, or `shot_*.png`."""

import os
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import translate
from itertools import pairwise
from pathlib import Path

from nstd.errors import UsageError, from_os_error
from nstd.media.names import NUMBER_FIELD, READ_FORMATS

_NUMBER = re.compile(r"(\d+)\D*$")
"""The last number in a name."""
_PARTS = re.compile(r"(.*?)(\d+)(\D*)")
_MOST_GAPS = 5
"""So many gaps are named, at most."""


@dataclass(frozen=True, slots=True)
class Numbered:
    """Images, in the order of their numbers.

    Attributes:
        pattern: The path that names all of them.
        paths: The images.
        numbers: Their numbers.
    """

    pattern: Path
    paths: tuple[Path, ...]
    numbers: tuple[int, ...]

    @property
    def remarks(self) -> tuple[str, ...]:
        """Which numbers are missing, in sentences without their subject."""
        gaps = [
            f"{one + 1} to {other - 1}" if other - one > 2 else f"{one + 1}"
            for one, other in pairwise(self.numbers)
            if other > one + 1
        ]
        if not gaps:
            return ()
        more = f" and {len(gaps) - _MOST_GAPS} more gaps" if len(gaps) > _MOST_GAPS else ""
        return (f"lacks the images {', '.join(gaps[:_MOST_GAPS])}{more}: the others follow on",)


def find_numbered(pattern: Path) -> Numbered:
    """The images that a pattern names, by their numbers.

    Args:
        pattern: A path whose last part has `%d` or `%04d` for the number, or is a glob; then the
            last number in each name counts.

    Raises:
        UsageError: There is none, or two have the same number.
        StorageError: The folder cannot be listed.
    """
    try:
        names = sorted(os.listdir(pattern.parent))  # noqa: PTH208 - names are enough
    except FileNotFoundError:
        names = []
    except OSError as error:
        raise from_os_error(error, pattern.parent, "listing") from error
    found = sorted(_matches(pattern, names))
    for (one, first), (other, second) in pairwise(found):
        if one == other:
            raise UsageError(
                f"{first} and {second} have the same number in {pattern}",
                "Name one of them otherwise, or give a narrower pattern",
            )
    if not found:
        raise UsageError(f"No file matches {pattern}", "Check the pattern")
    paths = tuple(pattern.with_name(name) for _, name in found)
    return Numbered(pattern, paths, tuple(number for number, _ in found))


def pattern_in(folder: Path) -> Path:
    """The pattern that names the numbered images of a folder.

    Raises:
        UsageError: There are none, or images of several names.
        StorageError: The folder cannot be listed.
    """
    try:
        names = os.listdir(folder)  # noqa: PTH208 - names are enough
    except OSError as error:
        raise from_os_error(error, folder, "listing") from error
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for name in names:
        parts = _PARTS.fullmatch(Path(name).stem)
        if Path(name).suffix.lower() in READ_FORMATS and parts and not name.startswith("."):
            found[parts[1], parts[3] + Path(name).suffix].append(parts[2])
    patterns = sorted(
        f"{before}%0{min(map(len, numbers))}d{after}" for (before, after), numbers in found.items()
    )
    if not patterns:
        raise UsageError(f"There are no numbered images in {folder}", "Name another folder")
    if len(patterns) > 1:
        raise UsageError(
            f"There are images of several names in {folder}: {', '.join(patterns)}",
            "Name those that are meant, as one of these patterns",
        )
    return folder / patterns[0]


def stem_of(pattern: Path) -> str:
    """The name of a film of numbered images: `shot` for `shot_%04d.png`; else its folder's name."""
    start = re.split(r"%|[*?\[]", pattern.stem, maxsplit=1)[0]
    return start.rstrip("0123456789").rstrip("_-. ") or pattern.parent.name or "images"


def _matches(pattern: Path, names: list[str]) -> Iterator[tuple[int, str]]:
    field = NUMBER_FIELD.search(pattern.name)
    if field is None:
        matching = re.compile(translate(pattern.name)).match
        for name in names:
            number = _NUMBER.search(Path(name).stem)
            if matching(name) and number is not None and (pattern.parent / name).is_file():
                yield int(number[1]), name
        return
    before, after = (re.escape(pattern.name[cut]) for cut in _around(field))
    width = int(field[2] or 1)
    # A number with more digits than that is printed as it is.
    digits = rf"\d{{{width}}}|[1-9]\d{{{width},}}" if field[1] else r"0|[1-9]\d*"
    wanted = re.compile(f"{before}({digits}){after}")
    for name in names:
        if (match := wanted.fullmatch(name)) and (pattern.parent / name).is_file():
            yield int(match[1]), name


def _around(field: re.Match[str]) -> tuple[slice, slice]:
    return slice(None, field.start()), slice(field.end(), None)
