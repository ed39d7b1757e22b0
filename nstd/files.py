"""Nothing half-written is ever visible: part files, fsync, and publishing in one step."""

import ctypes
import errno
import hashlib
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from nstd.errors import (
    OutputExistsError,
    UnreadableError,
    UnsupportedError,
    from_os_error,
    shown_as,
)

Json = dict[str, Any]
"""An object of JSON, as it is read and written."""

_NAME_MAX = 255
_ABSENT = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}
_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}
_AT_FDCWD, _RENAME_NOREPLACE = -100, 1
_libc = ctypes.CDLL(None, use_errno=True)


def facts_of(path: Path) -> os.stat_result | None:
    """What the file system says of `path`; None where there is nothing under that name.

    Unlike `Path.exists` it tells a file that is missing from one that cannot be looked at now.

    Raises:
        StorageError: Permission is denied, or the disk or its mount does not answer.
    """
    try:
        return path.stat()
    except OSError as error:
        if error.errno in _ABSENT:
            return None
        raise from_os_error(error, path, "looking at") from error


def file_sha256(path: Path) -> str:
    """The SHA-256 of a file's content, in hexadecimal.

    Raises:
        InputError: There is no such file, or it is a folder, a pipe or anything else but a file.
        StorageError: It cannot be read.
    """
    try:
        with (
            opened(path, beneath=None) as descriptor,
            os.fdopen(descriptor, "rb", closefd=False) as file,
        ):
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise from_os_error(error, path, "reading") from error


def size_text(count: int) -> str:
    """A number of bytes for people, such as 340 B, 12 KiB, 1.5 GiB: three digits at most.

    Args:
        count: 0 or more.
    """
    size, units = float(count), iter(("B", "KiB", "MiB", "GiB", "TiB"))
    unit = next(units)
    while size >= 999.5 and (larger := next(units, None)) is not None:
        size, unit = size / 1024, larger
    return f"{size:,.0f} {unit}" if size >= 99.5 or unit == "B" else f"{size:.3g} {unit}"


@contextmanager
def opened(path: Path, *, beneath: Path | None) -> Iterator[int]:
    """Open a regular file for reading; the descriptor stays with it, whatever later has its name.

    A pipe is refused at once: to open it in the usual way would wait until somebody writes to it.

    Args:
        path: The file.
        beneath: The folder it lies in, where others may put files, links and folders: neither the
            file nor a folder between the two may be a link. None where a person has named it, and
            links are that person's choice.

    Yields:
        A descriptor; see `readable` for libraries that want a path. What is read of it is shown
        under the file's name.

    Raises:
        InputError: There is no such file, or it is a folder, a pipe or anything else but a file,
            or it is reached by a link where `beneath` allows none.
        StorageError: It cannot be opened.
    """
    try:
        descriptor = _open_plain(path) if beneath is None else _open_beneath(beneath, path)
    except OSError as error:
        if beneath is not None and error.errno in {errno.ELOOP, errno.ENOTDIR}:
            raise UnsupportedError(
                f"{path} is a link, or lies behind one, and none is followed in {beneath}",
                "Put the file itself there",
            ) from error
        raise from_os_error(error, path, "reading") from error
    try:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            what = "a folder" if stat.S_ISDIR(mode) else "a pipe or a device"
            raise UnreadableError(f"{path} is {what}, not a file", "Name a file")
        with shown_as(str(readable(descriptor)), str(path)):
            yield descriptor
    finally:
        os.close(descriptor)


def readable(descriptor: int) -> Path:
    """A path that leads to the open file, whatever has become of its name.

    It is valid in this process, and in children that the descriptor is passed to.
    """
    return Path(f"/proc/self/fd/{descriptor}")


def descriptors_in(path: Path) -> tuple[int, ...]:
    """The descriptor that a path of `readable` stands for, to be passed to a child; else none."""
    return (int(path.name),) if path.parent == Path("/proc/self/fd") else ()


_PLAINLY = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


def _open_plain(path: Path) -> int:
    return os.open(path, _PLAINLY)


def _open_beneath(folder: Path, path: Path) -> int:
    """Open by the names below `folder` one by one, following no link."""
    *between, name = path.relative_to(folder).parts
    inner = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in between:
            outer, flags = inner, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
            inner = os.open(part, flags, dir_fd=outer)
            os.close(outer)
        return os.open(name, _PLAINLY | os.O_NOFOLLOW, dir_fd=inner)
    finally:
        os.close(inner)


def has_content(path: Path, sha256: str) -> bool:
    """Whether there is a file with this SHA-256, in hexadecimal; raises what reading it raises."""
    facts = facts_of(path)
    return facts is not None and stat.S_ISREG(facts.st_mode) and file_sha256(path) == sha256


def discard(path: Path) -> None:
    """Remove what is at `path`, if anything is: a file, or a folder and all in it.

    Raises:
        StorageError: The file system refused.
    """
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise from_os_error(error, path, "removing") from error


def part_path(target: Path) -> Path:
    """The hidden file beside `target` that is written first: `.name.part`.

    A name too long for that becomes `.<hash>.part`; the same target always has the same part.
    """
    return hidden_path(target, "part")


def hidden_path(path: Path, suffix: str) -> Path:
    """A hidden name beside `path`: `.name.suffix`, or `.<hash>.suffix` where that is too long."""
    name = f".{path.name}.{suffix}"
    if len(os.fsencode(name)) > _NAME_MAX:
        name = f".{hashlib.sha256(os.fsencode(path.name)).hexdigest()[:32]}.{suffix}"
    return path.with_name(name)


@contextmanager
def begun(part: Path, target: Path) -> Iterator[int]:
    """Begin a new part file, and have it open for writing and reading as long as the block lasts.

    Others may write to the folder of an output. So whatever has the part's name already, such as a
    link to one of our files, is removed; it is neither written to nor followed.

    Args:
        part: The part file.
        target: What it is to become, for messages.

    Yields:
        A descriptor; see `readable` for libraries that want a path.

    Raises:
        StorageError: The file system refused.
    """
    try:
        discard(part)
        descriptor = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise from_os_error(error, target, "writing") from error
    try:
        with shown_as(str(readable(descriptor)), str(target)):
            yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def removed_on_failure(part: Path) -> Iterator[Path]:
    """Remove `part` when the block is left by any exception, a request to stop included."""
    try:
        yield part
    except BaseException:
        # If it cannot be removed either, the error that is being raised matters more.
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise


def sync_file(path: Path) -> None:
    """Wait until the content of `path`, or the names in a folder, are on the disk.

    Raises:
        StorageError: The disk would not take it.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # a pipe there is not waited for
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise from_os_error(error, path, "writing") from error


sync_folder = sync_file
"""For folders: what was renamed in one is there after a crash."""


def replace(part: Path, target: Path) -> None:
    """Put the finished `part` in `target`'s place, durably.

    Raises:
        StorageError: The file system refused.
    """
    sync_file(part)
    try:
        part.replace(target)
        part.unlink(missing_ok=True)  # rename(2) does nothing where both are names of one file
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
        write_part(part, content, target)
        replace(part, target)


def write_part(part: Path, content: bytes, target: Path) -> None:
    """Write all of a part file at once; an error is about the `target`.

    Raises:
        StorageError: The file system refused.
    """
    with begun(part, target) as descriptor:
        try:
            readable(descriptor).write_bytes(content)
        except OSError as error:
            raise from_os_error(error, target, "writing") from error


def publish(part: Path, target: Path, *, overwrite: bool) -> None:
    """Make the finished and verified `part` visible as `target`, in one step.

    Without `overwrite` an existing file is never replaced, not even one that appears at the same
    moment. After a crash in the middle it can be called again.

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


def rename_to_free_name(path: Path, target: Path) -> None:
    """Rename a file without ever replacing another, an empty one included.

    Raises:
        OutputExistsError: `target` is there already; the file keeps its name.
        StorageError: The file system refused; the file keeps its name.
    """
    try:
        renamed = _renamed_without_replacing(path, target)
    except FileExistsError as error:
        raise OutputExistsError(f"{target} is there already") from error
    except OSError as error:
        raise from_os_error(error, target, "writing") from error
    if renamed:
        sync_folder(target.parent)
    else:
        publish(path, target, overwrite=False)


def empty_folder(folder: Path) -> None:
    """Remove all that is in a folder, and not the folder itself.

    Raises:
        StorageError: The file system refused.
    """
    try:
        for path in list(folder.iterdir()):
            discard(path)
    except OSError as error:
        raise from_os_error(error, folder, "emptying") from error


def _renamed_without_replacing(path: Path, target: Path) -> bool:
    """Rename in one step; False where file system or C library cannot do it without replacing."""
    # Python has no function for renameat2(2).
    rename = getattr(_libc, "renameat2", None)
    if rename is None:
        return False
    names = os.fsencode(path), os.fsencode(target)
    if rename(_AT_FDCWD, names[0], _AT_FDCWD, names[1], _RENAME_NOREPLACE) == 0:
        return True
    number = ctypes.get_errno()
    if number in {errno.EINVAL, errno.ENOSYS}:
        return False
    raise OSError(number, os.strerror(number), str(target))


def _move_to_free_name(part: Path, target: Path) -> None:
    try:
        os.link(part, target)
    except FileExistsError:
        # We may have been killed between link and unlink: then it is our own file that is there.
        if not part.samefile(target):
            if target.stat().st_size or _has_links(part):
                raise
            part.replace(target)  # an empty file reserves the name, see `_move_without_link`
            return
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        _move_without_link(part, target)
        return
    part.unlink()


def _move_without_link(part: Path, target: Path) -> None:
    """FAT and some network mounts have no hard links: there an empty file reserves the name."""
    with suppress(FileExistsError):
        if _renamed_without_replacing(part, target):
            return
    try:
        os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    except FileExistsError:
        # An empty file is our own reservation: we were killed right after making it.
        if target.stat().st_size:
            raise
    part.replace(target)


def _has_links(path: Path) -> bool:
    probe = hidden_path(path, "link")
    try:
        os.link(path, probe)
    except OSError as error:
        return error.errno not in _NO_LINKS
    probe.unlink()
    return True
