"""Which files are meant: paths, folders, watched folders."""

import glob
import logging
import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from nstd.config import BatchConfig, Config, FolderConfig
from nstd.errors import MountError, UsageError, from_os_error
from nstd.files import facts_of
from nstd.intake.folder import HIDDEN, WatchedFolder, ignored_as
from nstd.media.names import NUMBER_FIELD, is_media, is_numbered, is_refused_picture, why_no_media
from nstd.media.numbered import find_numbered, pattern_in

_LOG = logging.getLogger(__name__)


def expand(inputs: Sequence[Path]) -> list[Path]:
    """Absolute paths, with folders replaced by the films and pictures in them.

    A pattern that names numbered images stays as it is: they are one film.

    Of a folder the files are taken that would be taken if it were watched; a file that is named
    itself is always taken.

    Raises:
        UsageError: There is no such path, or a folder holds no film and no picture.
        StorageError: A folder of numbered images cannot be listed.
    """
    found: list[Path] = []
    for given in inputs:
        path = absolute(given)
        if path.is_dir():
            folder = WatchedFolder(path, recursive=False)
            there = sorted(p for p in path.iterdir() if folder.accepts(p) and p.is_file())
            inside = [p for p in there if is_media(p)]
            warn_of_refused(there)
            if not inside:
                raise UsageError(f"There is no film and no picture in {given}", "Name another")
            found += inside
        elif is_numbered(path):
            find_numbered(path)
            found.append(path)
        elif not path.exists():
            raise _missing(given)
        else:
            found.append(path)
    return list(dict.fromkeys(found))


def warn_of_refused(paths: Iterable[Path]) -> None:
    """Log which files are pictures that are not read, so that nobody waits for them in vain."""
    for path in filter(is_refused_picture, paths):
        _LOG.warning("%s is left alone: %s", path, why_no_media(path))


def _missing(given: Path) -> UsageError:
    text = str(given)
    if text == "-":
        return UsageError(
            "A film cannot be read from standard input, since it is read more than once",
            "Save it in a file",
        )
    if glob.has_magic(text):  # the shell hands on a pattern that matches nothing
        return UsageError(f"No file matches {given}", "Check the pattern")
    return UsageError(f"There is no {given}", "Check the path")


def absolute(path: Path) -> Path:
    """The path made absolute, without `..`; symbolic links stay, since a user chose their names."""
    return Path(os.path.abspath(path))  # noqa: PTH100 - Path.absolute keeps the `..`


def ready_folder(folder: Path, given: str | Path) -> None:
    """Make sure that the folder that the command line names for outputs is there.

    It is made only below the working folder. Any other missing folder may belong to a disk that is
    not mounted: if it were made, films would fill the wrong disk.

    Args:
        folder: The folder, absolute.
        given: The output as it was named.

    Raises:
        MountError: It is not there, and is not made.
        StorageError: It cannot be looked at, or made.
    """
    if facts_of(folder) is not None:
        return
    if Path(given).is_absolute() or not folder.is_relative_to(Path.cwd()):
        raise MountError(f"There is no folder {folder}", "Make it, or mount its disk")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise from_os_error(error, folder, "making the folder") from error


def watched_folder(folder: FolderConfig) -> WatchedFolder:
    """The configuration's folder as the watcher wants it."""
    return WatchedFolder(
        path=folder.watch,
        recursive=folder.recursive,
        patterns=folder.pattern or ("*",),
        exclude=folder.exclude,
        marker=folder.marker,
    )


def watching_folder(config: Config, path: Path) -> FolderConfig | None:
    """The watched folder that a file belongs to, or None."""
    return next((one for one in config.folders if watched_folder(one).accepts(path)), None)


def found_by(pattern: str, *, sequence: bool = False) -> list[Path]:
    """What an entry's pattern finds: files, or numbered images if it has a number field, by folder.

    Args:
        pattern: The pattern.
        sequence: Whether it finds folders, each of whose numbered images are one film; a folder
            without such images is left out, and the log says why.

    Raises:
        StorageError: A folder cannot be listed.
    """
    if sequence:
        there = filter(os.path.isdir, glob.glob(pattern, recursive=True))  # noqa: PTH207 - see `globbed`
        return sorted(found for one in there for found in _sequence_in(Path(one)))
    given = Path(pattern)
    if NUMBER_FIELD.search(given.name) is None:
        return globbed(pattern)
    folders = sorted(glob.glob(str(given.parent), recursive=True))  # noqa: PTH207 - see `globbed`
    return [path for folder in folders if _is_there(path := Path(folder, given.name))]


def _sequence_in(folder: Path) -> list[Path]:
    try:
        return [pattern_in(folder)]
    except UsageError as error:
        _LOG.warning("%s", error)
        return []


def _is_there(pattern: Path) -> bool:
    try:
        return is_numbered(pattern) and bool(find_numbered(pattern).paths)
    except UsageError:
        return False


def globbed(pattern: str) -> list[Path]:
    """The files that a pattern finds, without ignored ones, unless it names them exactly."""
    names = glob.glob(pattern, recursive=True)  # noqa: PTH207 - Path.glob takes no absolute pattern
    named = frozenset(Path(pattern).parts)

    def counts(part: str) -> bool:
        # Hidden names are found only by patterns that say so.
        return part in named or ignored_as(part) in {None, HIDDEN}

    found = (Path(name) for name in set(names))
    return sorted(path for path in found if all(map(counts, path.parts)) and path.is_file())


def fixed_part(pattern: str) -> Path:
    """The folder below which an absolute pattern finds files; outputs mirror what is there."""
    fixed = Path("/")
    for part in Path(pattern).parent.parts[1:]:
        if glob.has_magic(_ESCAPED.sub("", part)):
            break
        fixed /= _ESCAPED.sub(r"\1", part)
    return fixed


_ESCAPED = re.compile(r"\[([*?[])\]")
"""A character of a pattern that stands for itself."""


def batch_folder(entry: BatchConfig, path: Path) -> Path:
    """The folder from which the relative path of a batch entry's file is counted.

    That is the fixed part of the entry's first pattern that finds it, else its own folder.
    """
    finding = (one for one in entry.input if path in found_by(one, sequence=entry.sequence))
    found = (fixed_part(pattern) for pattern in finding)
    return next(found, path.parent)
