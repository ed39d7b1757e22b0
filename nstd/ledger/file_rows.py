"""Fingerprints of the files seen, so that a restart does not read every film again."""

from nstd.ledger.job import FileIdentity

RECORD = """
    INSERT OR REPLACE INTO files
        (folder, relative, device, inode, size, mtime_ns, ctime_ns, fingerprint, recorded)
    VALUES (:folder, :relative, :device, :inode, :size, :mtime_ns, :ctime_ns, :fingerprint, :now)
"""

KNOWN = """
    SELECT fingerprint FROM files
    WHERE folder = :folder AND relative = :relative AND device = :device AND inode = :inode
      AND size = :size AND mtime_ns = :mtime_ns AND ctime_ns = :ctime_ns
"""


def file_values(
    folder: bytes, relative: bytes, identity: FileIdentity
) -> dict[str, bytes | int | str | float]:
    """The columns that say which file, and what it was."""
    return {
        "folder": folder,
        "relative": relative,
        "device": _signed(identity.device),
        "inode": _signed(identity.inode),
        "size": identity.size,
        "mtime_ns": identity.mtime_ns,
        "ctime_ns": identity.ctime_ns,
    }


def _signed(number: int) -> int:
    """A 64-bit number as SQLite stores it: some file systems use all 64 bits of an inode."""
    return number - (1 << 64) if number >= (1 << 63) else number
