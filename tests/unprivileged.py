"""Takes away root's power over files: tests meet permission errors even when root runs them."""

import ctypes
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

import pytest

_VERSION_3 = 0x20080522
_FILE_POWERS = 1 << 1 | 1 << 2 | 1 << 3 | 1 << 28
"""CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER and CAP_LEASE, all in the first word."""

STRANGER = 65534
"""A user other than the one who tests."""


class _Header(ctypes.Structure):
    _fields_: ClassVar = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]


class _Word(ctypes.Structure):
    _fields_: ClassVar = [
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    ]


@contextmanager
def unprivileged() -> Iterator[None]:
    """Take root's power over files from the calling thread, and give it back at the end.

    Threads and forks begun meanwhile lack it too; a program begun meanwhile has it again.
    For an ordinary user, and where the system knows no such powers, nothing changes.
    """
    held = _powers()
    _set_powers(held & ~_FILE_POWERS)
    try:
        yield
    finally:
        _set_powers(held)


def drop_privileges() -> None:
    """Take root's power over files from the calling thread for as long as its process lives.

    Raises:
        RuntimeError: It is not denied anything all the same; see the fixture `deniable`.
    """
    _set_powers(_powers() & ~_FILE_POWERS)
    if not is_denied():
        raise RuntimeError("modes of files deny this process nothing")


def give_away(path: Path) -> None:
    """Make a file another user's, who lets everybody write to it.

    Who tests must be root for that, or the test is skipped.
    """
    if os.geteuid() != 0:
        pytest.skip("only root can give a file to another user")
    path.chmod(0o666)
    os.chown(path, STRANGER, -1)


def is_denied() -> bool:
    """Whether modes of its own files bind the calling thread, as a look at some shows."""
    with tempfile.TemporaryDirectory() as name:
        folder, file = Path(name, "closed"), Path(name, "closed.txt")
        folder.mkdir(mode=0o500)
        file.touch(mode=0o000)
        return not _may((folder / "new").touch) and not _may(file.read_bytes)


def _may(action: Callable[[], object]) -> bool:
    try:
        action()
    except PermissionError:
        return False
    return True


def _powers() -> int:
    """The first word of the thread's effective capabilities."""
    words = _read()
    return 0 if words is None else int(words[0].effective)


def _set_powers(effective: int) -> None:
    words = _read()
    if words is None or words[0].effective == effective:
        return
    words[0].effective = effective
    # What is permitted stays, so that it can become effective again.
    if ctypes.CDLL(None, use_errno=True).capset(ctypes.byref(_Header(_VERSION_3, 0)), words) != 0:
        raise OSError(ctypes.get_errno(), "capset")


def _read() -> "ctypes.Array[_Word] | None":
    """The thread's capabilities; None where the system has none."""
    words = (_Word * 2)()
    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "capget"):
        return None
    if libc.capget(ctypes.byref(_Header(_VERSION_3, 0)), words) != 0:
        raise OSError(ctypes.get_errno(), "capget")
    return words
