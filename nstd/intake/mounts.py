"""Which file system a folder is on, and whether its events can be relied on."""

import re
from pathlib import Path

MOUNTS = Path("/proc/self/mountinfo")

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


def needs_polling(path: Path, mounts: Path = MOUNTS) -> bool:
    """Whether the folder is on a file system that inotify does not see all changes of.

    Where that cannot be told, events are tried: the reconciliation scan finds what they miss.
    """
    kind = file_system(path, mounts)
    # "fuseblk" is a local disk; "fuse.sshfs", "fuse.rclone" and their like mostly are not.
    return kind is not None and (kind in REMOTE or kind.startswith("fuse."))


def file_system(path: Path, mounts: Path = MOUNTS) -> str | None:
    """The type of the file system the path is on, as Linux calls it; None if it cannot be told."""
    try:
        table = mounts.read_bytes().splitlines()
        real = path.resolve()
    except OSError:
        return None
    best, kind = -1, None
    for line in table:
        mounted, _, rest = line.partition(b" - ")
        fields = mounted.split(b" ")
        if len(fields) < 5 or not rest:
            continue
        point = Path(_unescape(fields[4]))
        # Of two mounts at one point the later one hides the earlier.
        if real.is_relative_to(point) and len(point.parts) >= best:
            best, kind = len(point.parts), rest.split(b" ")[0].decode()
    return kind


def _unescape(field: bytes) -> str:
    """A path as `mountinfo` writes it: white space and backslashes are octal escapes."""
    plain = re.sub(rb"\\([0-7]{3})", lambda match: bytes([int(match[1], 8)]), field)
    return plain.decode("utf-8", "surrogateescape")
