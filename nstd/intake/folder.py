"""A folder that is watched: which of its files count, and what is there now."""

import os
import re
import stat
from dataclasses import dataclass, field
from fnmatch import translate
from functools import cache
from pathlib import Path

from nstd.intake.writers import UNSURE_SECONDS
from nstd.ledger.job import FileIdentity

HIDDEN = "hidden"
TEMPORARY = "temporary"
SYSTEM = "a system's own"
SIDECAR = "a film's sidecar"
EXCLUDED = "excluded"
UNWANTED = "not in the pattern"
BELOW = "a folder, and recursive is no"

_IGNORED = {
    SIDECAR: ("*.nstd.yaml",),
    HIDDEN: (".*",),  # macOS's `._x` among them
    # Editors' backups, and what is still being fetched.
    TEMPORARY: ("*~", "~$*", "*.part", "*.tmp", "*.crdownload"),
    SYSTEM: (
        # Synology, QNAP, NetApp: thumbnails, deleted files, snapshots.
        *("@eaDir", "@tmp", "@sharebin", "#recycle", "#snapshot"),
        *("@Recycle", "@Recently-Snapshot", "~snapshot"),
        # Windows and macOS, on disks that they share.
        *("$RECYCLE.BIN", "RECYCLER", "System Volume Information"),
        *("Network Trash Folder", "Temporary Items", "__MACOSX"),
        # File systems: what a repair has found.
        "lost+found",
    ),
}
"""Shell patterns of names that never count, by what they are."""


def ignored_as(name: str) -> str | None:
    """What a file or folder is that never counts, wherever films are looked for; None for others.

    Args:
        name: The last part of its path.
    """
    return next((what for what, names in _IGNORED.items() if _matches(name, names)), None)


def is_sidecar_of(path: Path, film: Path) -> bool:
    """Whether a path is that of a film's sidecar: `night.mp4.nstd.yaml` or `night.nstd.yaml`."""
    places = (film.with_name(f"{name}.nstd.yaml") for name in (film.name, film.stem))
    return path in places


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchSettings:
    """How folders are watched.

    Attributes:
        settle_seconds: How long a file must look the same.
        unsure_seconds: How long it must look the same where it cannot be told whether somebody
            still writes to it.
        reconcile_seconds: Time between two reconciliation scans.
        polling: Whether to scan every `settle_seconds` instead of using events; None decides for
            each folder by its file system.
    """

    settle_seconds: float
    unsure_seconds: float = UNSURE_SECONDS
    reconcile_seconds: float
    polling: bool | None = None


@dataclass(frozen=True, slots=True)
class WatchedFolder:
    """A folder whose films are painted.

    Attributes:
        path: The folder, absolute.
        recursive: Whether the folders in it count too.
        patterns: Shell patterns; a file counts whose name matches one of them, in any case.
        exclude: Shell patterns; a file does not count if its name, or that of a folder between it
            and `path`, matches one of them. Some names never count: see `ignored_as`.
        marker: Name of a file in `path` that is there as long as the folder's disk is mounted;
            without it the folder counts as gone. None for a folder that is always there.
    """

    path: Path
    recursive: bool = True
    patterns: tuple[str, ...] = ("*",)
    exclude: tuple[str, ...] = ()
    marker: str | None = None

    def accepts(self, path: Path) -> bool:
        """Whether a file at this path would count, going by its name."""
        if not path.is_relative_to(self.path):
            return False
        parts = path.relative_to(self.path).parts
        if not parts or (len(parts) > 1 and not self.recursive) or parts == (self.marker,):
            return False
        return not any(map(self.passes_over, parts)) and _matches(parts[-1], self.patterns)

    def enters(self, path: Path) -> bool:
        """Whether files in the folder at this path could count, going by its name."""
        if path == self.path:
            return True
        if not self.recursive or not path.is_relative_to(self.path):
            return False
        return not any(map(self.passes_over, path.relative_to(self.path).parts))

    def leaves_out(self, path: Path, *, is_folder: bool) -> str | None:
        """Why a file or folder does not count by its name; None where it does.

        Nor is a reason given for the marker and for films' sidecars: they are there for nstd.
        """
        what = self.passes_over(path.name)
        if what == SIDECAR or path == self.path / (self.marker or ""):
            return None
        if what is None and is_folder:
            return None if self.recursive else BELOW
        return UNWANTED if what is None and not self.accepts(path) else what

    def passes_over(self, name: str) -> str | None:
        """Why what has this name, and all that is in it, never counts; None if it may count."""
        what = ignored_as(name)
        return EXCLUDED if what is None and _matches(name, self.exclude) else what


@dataclass(slots=True)
class Listing:
    """What a walk through a folder found.

    Attributes:
        files: Each file that counts by its name, with its identity.
        failed: Each such file that could not be looked at, with the error.
        odd: What counts by its name and is no regular file, with what it is, in words.
        passed: What does not count by its name, except sidecars, with the reason in a word. Of a
            folder that does not count, nothing in it is listed.
        folders: Each folder that was entered.
        unlisted: Each folder that could not be listed, with the error.
    """

    files: dict[Path, FileIdentity] = field(default_factory=dict)
    odd: dict[Path, str] = field(default_factory=dict)
    passed: dict[Path, str] = field(default_factory=dict)
    folders: list[Path] = field(default_factory=list)
    failed: dict[Path, OSError] = field(default_factory=dict)
    unlisted: dict[Path, OSError] = field(default_factory=dict)


def walk(folder: WatchedFolder, start: Path | None = None) -> Listing:
    """List the files that count in the folder, or in the part of it below `start`.

    An error at one path is kept in the listing and does not end the walk. What has gone meanwhile
    is no error.
    """
    listing = Listing()
    pending = [folder.path if start is None else start]
    while pending:
        below = pending.pop()
        if not folder.enters(below):
            continue
        listing.folders.append(below)
        try:
            with os.scandir(below) as entries:
                pending += [one for entry in entries if (one := _listed(folder, entry, listing))]
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            listing.unlisted[below] = error
    return listing


def identify(folder: WatchedFolder, path: Path) -> FileIdentity | None:
    """The identity of the file at this path; None where there is none that counts.

    Links never count, since their targets could be anywhere; nor do pipes, sockets and devices:
    opening one could wait for ever.

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
    """What is at this path if it counts by its name and is no regular file; None for others."""
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
        # For any reason: of a folder that cannot be looked at nothing is concluded.
        return None
    return (root.st_dev, root.st_ino) if stat.S_ISDIR(root.st_mode) else None


def _listed(folder: WatchedFolder, entry: os.DirEntry[str], listing: Listing) -> Path | None:
    """Put what was found into the listing; returns a folder that is to be entered."""
    path = Path(entry.path)
    is_folder = entry.is_dir(follow_symlinks=False)
    if (what := folder.leaves_out(path, is_folder=is_folder)) is not None:
        listing.passed[path] = what
    elif is_folder:
        return path
    else:
        _list_file(folder, path, listing)
    return None


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
    return _compiled(patterns).match(name.lower()) is not None


@cache
def _compiled(patterns: tuple[str, ...]) -> re.Pattern[str]:
    # Needed for each part of each path in each scan.
    return re.compile("|".join(translate(pattern.lower()) for pattern in patterns) or r"(?!)")
