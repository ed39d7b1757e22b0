"""The content of a file as the ledger knows it."""

import hashlib
import os
from pathlib import Path

from nstd.errors import ChangedError, from_os_error
from nstd.files import opened, readable
from nstd.ledger.job import FileIdentity
from nstd.ledger.store import JobStore


def fingerprint(store: JobStore, folder: Path, source: Path, *, dropped: bool) -> str:
    """SHA-256 of a file's content; read once as long as the file does not change.

    Args:
        store: Remembers what was read.
        folder: The folder that `source` lies in, at any depth.
        source: The file.
        dropped: Others may put files into the folder: no link in it is followed.

    Raises:
        InputError: There is no such file, it is none, or a link that may not be followed.
        ChangedError: It changed while it was read.
        StorageError: It cannot be read.
    """
    with opened(source, beneath=folder if dropped else None) as descriptor:
        return fingerprint_opened(store, folder, source, descriptor)


def fingerprint_opened(store: JobStore, folder: Path, source: Path, descriptor: int) -> str:
    """As `fingerprint`, of a file that is open already."""
    name, relative = os.fsencode(folder), os.fsencode(source.relative_to(folder))
    try:
        with readable(descriptor).open("rb") as file:
            identity = FileIdentity.from_stat(os.fstat(descriptor))
            known = store.known_fingerprint(name, relative, identity)
            if known is not None:
                return known
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            if FileIdentity.from_stat(os.fstat(file.fileno())) != identity:
                raise ChangedError(f"{source} changed while it was read")
    except OSError as error:
        raise from_os_error(error, source, "reading") from error
    store.record_file(name, relative, identity, digest)
    return digest
