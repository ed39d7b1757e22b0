"""Nothing half-written is ever visible: part files, fsync, and publishing in one step."""

import errno
import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from nstd.errors import OutputExistsError, from_os_error

_NAME_MAX = 255
_ABSENT = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}
_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}


def facts_of(path: Path) -> os.stat_result | None:
    """What the file system says of `path`; None where there is nothing under that name.

    Unlike `Path.exists` it tells what is not there from what cannot be looked at, now.

    Raises:
        StorageError: Permission is denied, or the disk or its mount does not answer.
    """
    try:
        return path.stat()
    except OSError as error:
        if error.errno in _ABSENT:
            return None
        raise from_os_error(error, path, "looking at") from error


def part_path(target: Path) -> Path:
    """The hidden file beside `target` that is written first: `.name.part`.

    A name too long for that becomes `.<hash>.part`; the same target always has the same part.
    """
    name = f".{target.name}.part"
    if len(os.fsencode(name)) > _NAME_MAX:
        name = f".{hashlib.sha256(os.fsencode(target.name)).hexdigest()[:32]}.part"
    return target.with_name(name)


@contextmanager
def removed_on_failure(part: Path) -> Iterator[Path]:
    """Remove `part` when the block is left by any exception, a request to stop included."""
    try:
        yield part
    except BaseException:
        # Where it cannot be removed, that is no news beside the error that is on its way.
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise


def sync_file(path: Path) -> None:
    """Wait until the content of `path` is on the disk.

    Raises:
        StorageError: The disk would not take it.
    """
    _sync(path, os.O_RDONLY)


def sync_folder(folder: Path) -> None:
    """Wait until the names in `folder` are on the disk.

    Raises:
        StorageError: The disk would not take them.
    """
    _sync(folder, os.O_RDONLY | os.O_DIRECTORY)


def replace(part: Path, target: Path) -> None:
    """Put the finished `part` in `target`'s place, durably.

    Raises:
        StorageError: The file system refused.
    """
    sync_file(part)
    try:
        part.replace(target)
    except OSError as error:
        raise from_os_error(error, target, "writing") from error
    sync_folder(target.parent)


def write_whole(target: Path, content: bytes) -> None:
    """Write `target` so that it is there with all of `content`, or not at all.

    Raises:
        StorageError: The file system refused; nothing is left behind.
    """
    part = part_path(target)
    with removed_on_failure(part):
        try:
            part.write_bytes(content)
        except OSError as error:
            raise from_os_error(error, target, "writing") from error
        replace(part, target)


def publish(part: Path, target: Path, *, overwrite: bool) -> None:
    """Make the finished and verified `part` visible as `target`, in one step.

    Without `overwrite` an existing file is never replaced, not even one that appears in the same
    instant. Doing it again after a crash in the middle is harmless.

    Raises:
        OutputExistsError: `target` is there already; `part` is kept.
        StorageError: The file system refused; `part` is kept.
    """
    if overwrite:
        replace(part, target)
        return
    sync_file(part)
    try:
        _move_to_free_name(part, target)
    except FileExistsError as error:
        raise OutputExistsError(f"{target} is there already") from error
    except OSError as error:
        raise from_os_error(error, target, "writing") from error
    sync_folder(target.parent)


@contextmanager
def locked(folder: Path) -> Iterator[bool]:
    """Hold a folder's lock as long as the block lasts, and say whether that could be had.

    Raises:
        StorageError: The folder cannot be opened.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise from_os_error(error, folder, "opening") from error
    try:
        mine = True
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            mine = False
        yield mine
    finally:
        os.close(descriptor)


def _move_to_free_name(part: Path, target: Path) -> None:
    try:
        os.link(part, target)
    except FileExistsError:
        # Killed between link and unlink the last time: it is our own file that is there.
        if not part.samefile(target):
            raise
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        # FAT and some network mounts have no hard links: the name is reserved instead.
        try:
            os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        except FileExistsError:
            # An empty one is our own reservation, from before a kill in between.
            if target.stat().st_size:
                raise
        part.replace(target)
        return
    part.unlink()


def _sync(path: Path, flags: int) -> None:
    try:
        descriptor = os.open(path, flags)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise from_os_error(error, path, "writing") from error
