"""Which file system a folder is on, and whether its events can be relied on."""

import os
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

MOUNTS = Path("/proc/self/mountinfo")
UUIDS = Path("/dev/disk/by-uuid")
"""A link to each block device that has a file system, named by the UUID of that."""

REMOTE = frozenset(
    {
        "9p",
        "afs",
        "beegfs",
        "ceph",
        "cifs",
        "davfs",
        "fuse",
        "gfs2",
        "glusterfs",
        "lustre",
        "ncpfs",
        "nfs",
        "nfs4",
        "ocfs2",
        "prl_fs",
        "smb2",
        "smb3",
        "smbfs",
        "vboxsf",
        "virtiofs",
        "vmhgfs",
    }
)
"""File systems whose files may change by another machine's hand, of which inotify sees nothing."""


@dataclass(frozen=True, slots=True)
class Mount:
    """Where a folder lies: on which file system, and where in that.

    Never by device numbers, which change when a disk is mounted again.

    Attributes:
        point: Where that file system is mounted.
        kind: Its type, as Linux calls it.
        source: What is mounted, as Linux calls it: a device, `server:/export`, `tmpfs`.
        uuid: Of the file system, where its device has one that can be seen.
        inner: Path of the folder in the file system, whatever part of that is mounted.
    """

    point: str
    kind: str
    source: str
    uuid: str | None
    inner: str

    def is_same_place(self, other: "Mount") -> bool:
        """Whether both are one folder of one file system, as far as can be told."""
        if self.inner != other.inner:
            return False
        if self.uuid is not None and other.uuid is not None:
            return self.uuid == other.uuid
        return (self.kind, self.source) == (other.kind, other.source)

    def is_below(self, other: "Mount") -> bool:
        """Whether it is mounted somewhere within the other."""
        return self.point != other.point and Path(self.point).is_relative_to(other.point)

    def __str__(self) -> str:
        name = self.source if self.uuid is None else f"{self.source}, {self.uuid}"
        return f"{self.kind} ({name}) at {self.point}"

    def to_json(self) -> dict[str, Any]:
        """All of it, in plain values."""
        return asdict(self)


def mount_of(folder: Path, mounts: Path = MOUNTS, uuids: Path = UUIDS) -> Mount | None:
    """Where a folder lies; None where that cannot be told.

    The folder is not looked at: what is mounted only when it is asked for has to be there by now.
    """
    try:
        entries = list(_entries(mounts))
        real = folder.resolve()
    except OSError:
        return None
    found = _innermost(entries, real)
    if found is None:
        return None
    inner = found.root / real.relative_to(found.point)
    found = _outermost(entries, found)
    uuid = _uuid_of(found.source, uuids)
    return Mount(str(found.point), found.kind, found.source, uuid, str(inner))


def needs_polling(path: Path, mounts: Path = MOUNTS) -> bool:
    """Whether the folder is on a file system that inotify does not see all changes of.

    Where that cannot be told, events are tried: the reconciliation scan finds what they miss.
    """
    kind = file_system(path, mounts)
    # "fuseblk" is a local disk; "fuse.sshfs", "fuse.rclone" and their like mostly are not.
    return kind is not None and (kind in REMOTE or kind.startswith("fuse."))


def file_system(path: Path, mounts: Path = MOUNTS) -> str | None:
    """The type of the file system the path is on, as Linux calls it; None if it cannot be told."""
    # Asked of each file that settles: so no UUIDs are looked for.
    try:
        found = _innermost(list(_entries(mounts)), path.resolve())
    except OSError:
        return None
    return None if found is None else found.kind


@dataclass(frozen=True, slots=True)
class _MountLine:
    """A line of `mountinfo`."""

    number: str
    parent: str
    device: str
    root: Path
    point: Path
    kind: str
    source: str


def _entries(mounts: Path) -> Iterator[_MountLine]:
    for line in mounts.read_bytes().splitlines():
        mounted, _, rest = line.partition(b" - ")
        fields, more = mounted.split(b" "), rest.split(b" ")
        if len(fields) < 5 or len(more) < 2:
            continue
        number, parent, device, root, point, kind, source = map(_unescape, fields[:5] + more[:2])
        yield _MountLine(number, parent, device, Path(root), Path(point), kind, source)


def _innermost(entries: list[_MountLine], path: Path) -> _MountLine | None:
    best = None
    for entry in entries:
        # Of two mounts at one point the later one hides the earlier.
        deeper = best is None or len(entry.point.parts) >= len(best.point.parts)
        if deeper and path.is_relative_to(entry.point):
            best = entry
    return best


def _outermost(entries: list[_MountLine], entry: _MountLine) -> _MountLine:
    """The mount that shows the same at this point, had the inner ones not been made.

    A service's sandbox mounts the folders that it may write to on themselves.
    """
    by_number = {one.number: one for one in entries}
    while (outer := by_number.get(entry.parent)) is not None and outer != entry:
        if outer.device != entry.device or not entry.point.is_relative_to(outer.point):
            break
        if entry.root != outer.root / entry.point.relative_to(outer.point):
            break
        entry = outer
    return entry


def _uuid_of(source: str, uuids: Path) -> str | None:
    if not source.startswith("/"):
        return None
    try:
        device = os.path.realpath(source)
        return next((e.name for e in uuids.iterdir() if os.path.realpath(e) == device), None)
    except OSError:
        return None


def _unescape(field: bytes) -> str:
    """A path as `mountinfo` writes it: white space and backslashes are octal escapes."""
    plain = re.sub(rb"\\([0-7]{3})", lambda match: bytes([int(match[1], 8)]), field)
    return plain.decode("utf-8", "surrogateescape")
