"""The content of a file as the ledger knows it."""

import hashlib
import os
from pathlib import Path

from nstd.errors import ChangedError, InputError, from_os_error
from nstd.ledger.job import FileIdentity
from nstd.ledger.store import JobStore


def fingerprint(store: JobStore, folder: Path, source: Path) -> str:
    """SHA-256 of a file's content; read once as long as the file does not change.

    Args:
        store: Remembers what was read.
        folder: The folder that `source` lies in, at any depth.
        source: The file.

    Raises:
        InputError: There is no such file, or it is a folder.
        ChangedError: It changed while it was read.
        StorageError: It cannot be read.
    """
    name, relative = os.fsencode(folder), os.fsencode(source.relative_to(folder))
    try:
        if source.is_dir():
            raise InputError(f"{source} is a folder, not a film", "Name a file")
        with source.open("rb") as file:
            identity = FileIdentity.from_stat(os.fstat(file.fileno()))
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
