"""Locks on folders: who paints shares that of a work folder, who clears it away holds it alone."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nstd.errors import from_os_error


@contextmanager
def locked(folder: Path, *, shared: bool = False) -> Iterator[bool]:
    """Hold a folder's lock as long as the block lasts, and say whether that could be had.

    The folder is made where there is none, and is there once the lock is held; who holds it alone
    may remove the folder.

    Args:
        folder: The folder.
        shared: Whether others may hold it too that share it; waits for one that does not.

    Raises:
        StorageError: The folder cannot be made or opened.
    """
    try:
        descriptor, mine = _lock(folder, fcntl.LOCK_SH if shared else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise from_os_error(error, folder, "opening") from error
    try:
        yield mine
    finally:
        os.close(descriptor)


def _lock(folder: Path, how: int) -> tuple[int, bool]:
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:
            continue  # just removed by who held its lock
        try:
            fcntl.flock(descriptor, how)
            if _leads_to(folder, descriptor):
                return descriptor, True
        except BlockingIOError:
            return descriptor, False
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # of a folder that was removed while it was waited for


def _leads_to(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
