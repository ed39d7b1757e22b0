"""The ledger's file: what it is opened with, and what its errors are called."""

import os
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from nstd.errors import (
    AccessError,
    BusyError,
    DiskFullError,
    LedgerError,
    NstdError,
    StorageError,
)
from nstd.ledger import database as module
from nstd.ledger.database import Database, translate
from tests.unprivileged import unprivileged


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite3"


@pytest.fixture
def database(path: Path) -> Iterator[Database]:
    opened = Database(path, busy_seconds=0.05)
    yield opened
    opened.close()


def _value(database: Database, pragma: str) -> object:
    return database.read(f"PRAGMA {pragma}")[0][0]


def test_commits_outlive_a_power_failure(database: Database) -> None:
    assert _value(database, "journal_mode") == "wal"
    assert _value(database, "synchronous") == 2  # FULL
    assert _value(database, "foreign_keys") == 1


def test_the_folder_is_created(tmp_path: Path) -> None:
    path = tmp_path / "state" / "of" / "nstd" / "ledger.sqlite3"
    Database(path, busy_seconds=1).close()
    assert path.is_file()


def test_a_transaction_that_raises_leaves_nothing(database: Database) -> None:
    def fail_halfway() -> None:
        with database.transaction() as connection:
            connection.execute("INSERT INTO files VALUES (x'00', x'01', 1, 2, 3, 4, 5, 'f', 6.0)")
            raise LedgerError("Halfway")

    with pytest.raises(LedgerError, match="Halfway"):
        fail_halfway()
    assert database.read("SELECT * FROM files") == []
    with database.transaction() as connection:
        assert connection.in_transaction


def test_a_file_that_is_no_database_is_a_sentence(path: Path) -> None:
    path.write_bytes(b"frames, frames, frames " * 100)
    with pytest.raises(LedgerError, match="damaged, or is no ledger") as caught:
        Database(path, busy_seconds=1)
    assert not caught.value.retryable


def test_a_damaged_ledger_is_a_sentence(path: Path) -> None:
    Database(path, busy_seconds=1).close()
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(100)
        file.write(os.urandom(size - 100))
    with pytest.raises(LedgerError, match="damaged, or is no ledger"):
        Database(path, busy_seconds=1)


def test_another_programs_database_is_not_even_switched_to_our_log(path: Path) -> None:
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE bookmarks (url TEXT)")
    before = path.read_bytes()
    with pytest.raises(LedgerError, match="another program"):
        Database(path, busy_seconds=1)
    assert path.read_bytes() == before


def test_a_ledger_another_process_keeps_locked_is_busy(path: Path, database: Database) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(BusyError, match="locked") as caught, database.transaction():
            pytest.fail("the lock is not ours")
        assert caught.value.retryable
        assert database.read("SELECT * FROM jobs") == []  # readers are not kept out
        other.execute("ROLLBACK")
    with database.transaction() as connection:
        assert connection.in_transaction


def test_a_full_disk_is_told_and_the_ledger_stays_sound(database: Database) -> None:
    pages = int(str(_value(database, "page_count")))
    database.read(f"PRAGMA max_page_count = {pages}")

    def fill() -> None:
        with database.transaction() as connection:
            for number in range(10_000):
                row = (f"{number:0500}".encode(),)
                connection.execute(
                    "INSERT INTO files VALUES (?, x'', 1, 2, 3, 4, 5, 'f', 6.0)", row
                )

    with pytest.raises(DiskFullError, match="No space is left"):
        fill()
    database.read("PRAGMA max_page_count = 1000000")
    assert database.read("SELECT * FROM files") == []
    assert _value(database, "integrity_check") == "ok"
    with database.transaction() as connection:
        connection.execute("INSERT INTO files VALUES (x'', x'', 1, 2, 3, 4, 5, 'f', 6.0)")
    assert len(database.read("SELECT * FROM files")) == 1


@pytest.mark.usefixtures("deniable")
def test_a_folder_that_may_not_be_written_is_told(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with unprivileged(), pytest.raises(AccessError):
        Database(tmp_path / "state" / "ledger.sqlite3", busy_seconds=1)
    tmp_path.chmod(0o700)


def test_a_folder_in_place_of_the_file_is_told(path: Path) -> None:
    path.mkdir()
    with pytest.raises(AccessError, match="cannot be opened"):
        Database(path, busy_seconds=1)


def test_a_file_in_place_of_the_folder_is_told(path: Path) -> None:
    path.touch()
    with pytest.raises(StorageError):
        Database(path / "ledger.sqlite3", busy_seconds=1)


def test_a_closed_ledger_says_so(database: Database) -> None:
    database.close()
    database.close()
    with pytest.raises(LedgerError, match="closed"):
        database.read("SELECT 1")


def test_a_file_system_without_shared_memory_is_told(path: Path) -> None:
    # SQLite refuses its log where there is no file; a network mount answers the same way.
    with closing(sqlite3.connect(":memory:")) as memory:
        with pytest.raises(LedgerError, match="no shared memory") as caught:
            module._use_wal(memory, path, 0.0)
        assert "local disk" in caught.value.remedy


def test_a_forked_child_does_not_use_its_parents_connection(tmp_path: Path) -> None:
    code = f"""
        import os
        from pathlib import Path
        from nstd.errors import LedgerError
        from nstd.ledger.database import Database

        database = Database(Path({str(tmp_path / "ledger.sqlite3")!r}), busy_seconds=1)
        child = os.fork()
        if child == 0:
            try:
                database.read("SELECT 1")
            except LedgerError as error:
                os._exit(7 if "forked" in str(error) else 8)
            os._exit(9)
        _, status = os.waitpid(child, 0)
        database.read("SELECT 1")
        raise SystemExit(os.waitstatus_to_exitcode(status))
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=False, timeout=60)
    assert done.returncode == 7


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (sqlite3.SQLITE_FULL, DiskFullError),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, BusyError),
        (sqlite3.SQLITE_LOCKED, BusyError),
        (sqlite3.SQLITE_READONLY, AccessError),
        (sqlite3.SQLITE_IOERR_WRITE, DiskFullError),
        (sqlite3.SQLITE_IOERR_FSYNC, StorageError),
        (sqlite3.SQLITE_CORRUPT, LedgerError),
        (sqlite3.SQLITE_CONSTRAINT_CHECK, LedgerError),
        (sqlite3.SQLITE_MISUSE, LedgerError),
    ],
)
def test_each_of_sqlites_errors_has_a_name_in_our_tree(code: int, kind: type[NstdError]) -> None:
    error = sqlite3.OperationalError("what SQLite says")
    error.sqlite_errorcode = code
    translated = translate(error, Path("/state/{braces}/ledger.sqlite3"))
    assert type(translated) is kind
    assert "/state/{braces}/ledger.sqlite3" in translated.problem
