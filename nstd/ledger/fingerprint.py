"""The content of a file as the ledger knows it."""

import hashlib
import os
from collections.abc import Callable, Sequence
from io import BufferedReader
from pathlib import Path

from nstd.errors import ChangedError, Interrupted, from_os_error
from nstd.files import facts_of, opened, readable
from nstd.ledger.job import FileIdentity
from nstd.ledger.store import JobStore


def is_known(store: JobStore, folder: Path, source: Path) -> bool:
    """Whether a file's content is known, so that it need not be read.

    Raises:
        StorageError: It cannot be looked at.
    """
    there = facts_of(source)
    if there is None:
        return False
    name, relative = os.fsencode(folder), os.fsencode(source.relative_to(folder))
    return store.known_fingerprint(name, relative, FileIdentity.from_stat(there)) is not None


def fingerprint(
    store: JobStore,
    folder: Path,
    source: Path,
    *,
    dropped: bool,
    stopping: Callable[[], bool] = lambda: False,
) -> str:
    """SHA-256 of a file's content; it is read once as long as the file does not change.

    Args:
        store: Remembers what was read.
        folder: The folder that `source` lies in, at any depth.
        source: The file.
        dropped: Others may put files into the folder: no link in it is followed.
        stopping: Asked while the file is read; true ends the reading.

    Raises:
        Interrupted: `stopping` said so.
        InputError: There is no such file, or it is no file, or a link that may not be followed.
        ChangedError: It changed while it was read.
        StorageError: It cannot be read.
    """
    with opened(source, beneath=folder if dropped else None) as descriptor:
        return fingerprint_opened(store, folder, source, descriptor, stopping)


def fingerprint_opened(
    store: JobStore,
    folder: Path,
    source: Path,
    descriptor: int,
    stopping: Callable[[], bool] = lambda: False,
) -> str:
    """As `fingerprint`, for a file that is already open."""
    name, relative = os.fsencode(folder), os.fsencode(source.relative_to(folder))
    try:
        with readable(descriptor).open("rb") as file:
            identity = FileIdentity.from_stat(os.fstat(descriptor))
            known = store.known_fingerprint(name, relative, identity)
            if known is not None:
                return known
            digest = hashlib.file_digest(_Stoppable(file, source, stopping), "sha256").hexdigest()
            if FileIdentity.from_stat(os.fstat(file.fileno())) != identity:
                raise ChangedError(f"{source} changed while it was read")
    except OSError as error:
        raise from_os_error(error, source, "reading") from error
    store.record_file(name, relative, identity, digest)
    return digest


def fingerprint_all(
    store: JobStore,
    folder: Path,
    sources: Sequence[Path],
    *,
    dropped: bool,
    stopping: Callable[[], bool] = lambda: False,
) -> str:
    """SHA-256 of the names and contents of several files; each is read as by `fingerprint`."""
    digest = hashlib.sha256()
    for source in sources:
        one = fingerprint(store, folder, source, dropped=dropped, stopping=stopping)
        digest.update(os.fsencode(source.name) + b"\0" + one.encode() + b"\n")
    return digest.hexdigest()


class _Stoppable:
    """A file whose reading ends as soon as `stopping` says so."""

    def __init__(self, file: BufferedReader, name: Path, stopping: Callable[[], bool]) -> None:
        self._file = file
        self._name = name
        self._stopping = stopping

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:
        if self._stopping():
            raise Interrupted(f"Reading {self._name} was stopped")
        return self._file.readinto(buffer)
