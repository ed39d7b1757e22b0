"""A folder that is watched: which of its files count, and what is there now."""

import os
import stat
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from nstd.ledger.job import FileIdentity

IGNORED_NAMES = (".*", "*~", "~$*", "*.part", "*.tmp", "*.crdownload", "*.nstd.yaml")
"""Hidden files (macOS's `._x` among them), editors' backups, what is still being fetched, and the
sidecars of films."""


@dataclass(frozen=True, slots=True)
class WatchedFolder:
    """A folder whose films are painted.

    Attributes:
        path: The folder, absolute.
        recursive: Whether the folders in it count too.
        patterns: Shell patterns of which a file's name has to match one, whatever its case.
        ignored: Shell patterns of which neither its name nor that of a folder between it and
            `path` may match any.
        marker: Name of a file in `path` that is there as long as the folder's disk is mounted;
            without it nothing in the folder is believed. None for a folder that is always there.
    """

    path: Path
    recursive: bool = True
    patterns: tuple[str, ...] = ("*",)
    ignored: tuple[str, ...] = IGNORED_NAMES
    marker: str | None = None

    def accepts(self, path: Path) -> bool:
        """Whether a file at this path would count, going by its name."""
        if not path.is_relative_to(self.path):
            return False
        parts = path.relative_to(self.path).parts
        if not parts or (len(parts) > 1 and not self.recursive) or parts == (self.marker,):
            return False
        if any(_matches(part, self.ignored) for part in parts):
            return False
        return _matches(parts[-1], self.patterns)

    def enters(self, path: Path) -> bool:
        """Whether files in the folder at this path could count, going by its name."""
        if path == self.path:
            return True
        if not self.recursive or not path.is_relative_to(self.path):
            return False
        parts = path.relative_to(self.path).parts
        return not any(_matches(part, self.ignored) for part in parts)


@dataclass(slots=True)
class Listing:
    """What a walk through a folder found.

    Attributes:
        files: Each file that counts by its name, with its identity.
        failed: Each such file that could not be looked at, with the error.
        odd: What counts by its name and is no file, with what it is, in words.
        unlisted: Each folder that could not be listed, with the error.
    """

    files: dict[Path, FileIdentity] = field(default_factory=dict)
    odd: dict[Path, str] = field(default_factory=dict)
    failed: dict[Path, OSError] = field(default_factory=dict)
    unlisted: dict[Path, OSError] = field(default_factory=dict)


def walk(folder: WatchedFolder, start: Path | None = None) -> Listing:
    """List the files that count in the folder, or in the part of it below `start`.

    An error at one path, kept in the listing, does not end the walk. What went away meanwhile is
    no error.
    """
    listing = Listing()
    pending = [folder.path if start is None else start]
    while pending:
        below = pending.pop()
        if not folder.enters(below):
            continue
        try:
            with os.scandir(below) as entries:
                for entry in entries:
                    path = Path(entry.path)
                    if entry.is_dir(follow_symlinks=False):
                        pending.append(path)
                    else:
                        _list_file(folder, path, listing)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            listing.unlisted[below] = error
    return listing


def identify(folder: WatchedFolder, path: Path) -> FileIdentity | None:
    """The identity of the file at this path; None where there is none that counts.

    Links never count, since what they lead to could be anywhere; nor do pipes, sockets and devices:
    to open one could wait for ever.

    Raises:
        OSError: It cannot be told what is there.
    """
    if not folder.accepts(path):
        return None
    try:
        found = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return FileIdentity.from_stat(found) if stat.S_ISREG(found.st_mode) else None


def oddity(folder: WatchedFolder, path: Path) -> str | None:
    """What is at this path that counts by its name and is no file, in words; None for nothing."""
    if not folder.accepts(path):
        return None
    try:
        mode = path.lstat().st_mode
    except OSError:
        return None
    return next((words for is_one, words in _ODDITIES if is_one(mode)), None)


_ODDITIES = (
    (stat.S_ISLNK, "a link"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def root_identity(folder: WatchedFolder) -> tuple[int, int] | None:
    """Device and inode of the folder itself; None while it, or its marker, is not there."""
    try:
        root = folder.path.stat()
        if folder.marker is not None:
            Path(folder.path, folder.marker).lstat()
    except OSError:
        # Whatever the reason: a folder that cannot be looked at says nothing about its files.
        return None
    return (root.st_dev, root.st_ino) if stat.S_ISDIR(root.st_mode) else None


def _list_file(folder: WatchedFolder, path: Path, listing: Listing) -> None:
    try:
        identity = identify(folder, path)
    except OSError as error:
        listing.failed[path] = error
        return
    if identity is not None:
        listing.files[path] = identity
    elif (what := oddity(folder, path)) is not None:
        listing.odd[path] = what


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name.lower(), pattern.lower()) for pattern in patterns)
