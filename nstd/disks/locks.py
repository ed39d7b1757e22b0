"""Locks that keep processes apart; the system gives them back when a process ends, however it does.

Who paints shares the lock of a work folder, and who clears it away holds it alone.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nstd.errors import from_os_error

LOOK_SECONDS = 0.02
"""Pause between two tries, while a lock is waited for."""


@contextmanager
def locked(
    folder: Path,
    file: str = "",
    *,
    shared: bool = False,
    seconds: float = 0.0,
    mode: int = 0o600,
) -> Iterator[bool]:
    """Hold a folder's lock, or that of a file in it, as long as the block lasts.

    Folder and file are created if they are missing, and exist while the lock is held. Who holds the
    lock of a folder alone may remove the folder.

    Args:
        folder: The folder.
        file: Name of the file; "" for the folder's own lock.
        shared: Whether others that share it may hold it at the same time.
        seconds: How long to wait for others.
        mode: Permissions of the file if it is created: who may open it can also hold its lock.

    Yields:
        Whether the lock is held.

    Raises:
        StorageError: The folder or the file cannot be made or opened.
    """
    deadline = time.monotonic() + seconds
    way = (fcntl.LOCK_SH if shared else fcntl.LOCK_EX), (mode if file else None)
    try:
        while (descriptor := _lock(folder / file, *way)) is None and time.monotonic() < deadline:
            time.sleep(LOOK_SECONDS)
    except OSError as error:
        raise from_os_error(error, folder / file, "opening") from error
    try:
        yield descriptor is not None
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _lock(path: Path, how: int, mode: int | None) -> int | None:
    """A descriptor that holds the lock, or None where another process has it.

    Args:
        path: The folder, or the file.
        how: As `flock` is told.
        mode: Of the file; None for a folder.
    """
    while True:
        (path if mode is None else path.parent).mkdir(parents=True, exist_ok=True)
        try:
            if mode is None:
                descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            else:
                descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, mode)
        except FileNotFoundError:
            continue  # just removed by who held its lock
        try:
            fcntl.flock(descriptor, how | fcntl.LOCK_NB)
            if _leads_to(path, descriptor):
                return descriptor
        except BlockingIOError:
            os.close(descriptor)
            return None
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # of a folder that was removed meanwhile


def _leads_to(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
