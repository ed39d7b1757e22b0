"""The connection to the ledger's file: opening, transactions, and SQLite's errors translated."""

import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nstd.errors import (
    AccessError,
    BusyError,
    DiskFullError,
    LedgerError,
    NstdError,
    StorageError,
    from_os_error,
)
from nstd.ledger.schema import migrate, version_of

_BUG = "Run the command again with --debug and report what it prints"

_PRIMARY = 0xFF
"""SQLite's extended result codes keep the primary one in their lowest byte."""

_LOCKED = (BusyError, "Another process keeps the ledger {path} locked")
_CLOSED = (AccessError, "The ledger {path} cannot be opened for writing")
_DAMAGED = (LedgerError, "The ledger {path} is damaged, or is no ledger at all")

_MEANING: dict[int, tuple[type[NstdError], str]] = {
    sqlite3.SQLITE_FULL: (DiskFullError, "No space is left for the ledger {path}"),
    sqlite3.SQLITE_BUSY: _LOCKED,
    sqlite3.SQLITE_LOCKED: _LOCKED,
    sqlite3.SQLITE_READONLY: _CLOSED,
    sqlite3.SQLITE_PERM: _CLOSED,
    sqlite3.SQLITE_CANTOPEN: _CLOSED,
    sqlite3.SQLITE_IOERR: (StorageError, "Reading or writing the ledger {path} failed"),
    sqlite3.SQLITE_NOTADB: _DAMAGED,
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
    sqlite3.SQLITE_CONSTRAINT: (LedgerError, "The ledger {path} refuses a senseless change"),
}


class Database:
    """One connection to the ledger, shared by the threads of one process behind one lock.

    There is one connection and not one for each thread, because SQLite has one writer at a time
    anyway. A lock inside the process is fair and cannot time out; several connections of one
    process would contend in SQLite's own waiting loop. Every statement here is short. Other
    processes have their own connections; WAL lets them read while this one writes.
    """

    def __init__(self, path: Path, *, busy_seconds: float) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._pid = os.getpid()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise from_os_error(error, path.parent, "creating the folder") from error
        with self._translated():
            self._connection = _open(path, busy_seconds)
        self._file = _number_of(path)

    def require_there(self) -> None:
        """Make sure that the file is the one that was opened: SQLite goes on with a deleted one.

        Raises:
            LedgerError: It was deleted, or another one has taken its place.
        """
        try:
            there = _number_of(self.path)
        except OSError as error:
            raise from_os_error(error, self.path, "looking at") from error
        if there is None or there != self._file:
            what = "deleted" if there is None else "replaced"
            raise LedgerError(
                f"The ledger {self.path} was {what} while it was in use",
                "Start nstd again; where there is no ledger it begins a new one",
            )

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """A write transaction: the block is committed as a whole or not at all.

        Raises:
            BusyError: Another process kept the write lock for longer than `busy_seconds`.
            DiskFullError: No space for the change; nothing of it was made.
            LedgerError: The file is damaged, or closed.
        """
        with self._lock, self._translated():
            self._refuse_fork()
            self.require_there()
            connection = self._connection
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            finally:
                # SQLite ends the transaction by itself after some errors, and not after others.
                if connection.in_transaction:
                    connection.execute("ROLLBACK")

    def read(self, sql: str, values: dict[str, Any] | None = None) -> list[sqlite3.Row]:
        """All rows of one query, as they were at one moment."""
        with self._lock, self._translated():
            self._refuse_fork()
            self.require_there()
            return self._connection.execute(sql, values or {}).fetchall()

    def close(self) -> None:
        """Close the file; further use raises `LedgerError`. Closing twice is harmless."""
        with self._lock, self._translated():
            self._connection.close()

    def _refuse_fork(self) -> None:
        if os.getpid() != self._pid:
            # SQLite's locks belong to the process that took them: a forked child that goes on
            # with its parent's connection can damage the file.
            raise LedgerError(
                "The ledger was opened before this process was forked",
                "Open it again in the child process",
            )

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise translate(error, self.path) from error


def _number_of(path: Path) -> tuple[int, int] | None:
    """Device and inode of a file; None where there is none."""
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found.st_dev, found.st_ino


def translate(error: sqlite3.Error, path: Path) -> NstdError:
    """The error of nstd for an error of SQLite, raised while the ledger at `path` was used."""
    code = getattr(error, "sqlite_errorcode", 0) & _PRIMARY
    if getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_IOERR_WRITE:
        # Only ENOSPC is SQLITE_FULL; a quota, and a limit on the size of files, come as this.
        return DiskFullError(
            f"Writing the ledger {path} failed: no space, a quota, or a faulty disk"
        )
    kind, problem = _MEANING.get(code, (LedgerError, "The ledger {path} cannot be used"))
    sentence = problem.format(path=path)
    if kind in {DiskFullError, BusyError}:
        return kind(sentence)
    if code == sqlite3.SQLITE_CONSTRAINT:
        return kind(f"{sentence}: {error}", _BUG)
    return kind(f"{sentence}: {error}")


def _open(path: Path, busy_seconds: float) -> sqlite3.Connection:
    """Connect, make the settings that the ledger relies on, and migrate."""
    connection = sqlite3.connect(
        path, timeout=busy_seconds, isolation_level=None, check_same_thread=False
    )
    connection.row_factory = sqlite3.Row
    ready = False
    try:
        version_of(connection)  # before anything is changed: it may not be ours
        _use_wal(connection, path, busy_seconds)
        # NORMAL may lose the last commits when power fails.
        connection.execute("PRAGMA synchronous = FULL")
        # Before foreign keys are enforced: else SQLite empties a dropped table row by row, and
        # looks for each row in the other tables.
        migrate(connection)
        connection.execute("PRAGMA foreign_keys = ON")
        ready = True
    finally:
        if not ready:
            connection.close()
    return connection


def _use_wal(connection: sqlite3.Connection, path: Path, busy_seconds: float) -> None:
    """Switch the file to write-ahead logging, which readers do not block."""
    # SQLite does not wait for a lock while it switches, so two processes that create the ledger at
    # the same moment would get "database is locked" with any timeout.
    deadline = time.monotonic() + busy_seconds
    while True:
        try:
            (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
            break
        except sqlite3.OperationalError as error:
            busy = error.sqlite_errorcode & _PRIMARY == sqlite3.SQLITE_BUSY
            if not busy or time.monotonic() >= deadline:
                raise
            time.sleep(0.01)
    if mode != "wal":
        raise LedgerError(
            f"The file system of the ledger {path} has no shared memory, which SQLite's log needs",
            "Put the state folder on a local disk, not on a network mount",
        )
