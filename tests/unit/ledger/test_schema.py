"""Migrations of the ledger: in order, whole or not at all, and never backwards."""

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from nstd.errors import LedgerError
from nstd.ledger.schema import MIGRATIONS, migrate, version_of
from nstd.ledger.store import JobStore

DATA = Path(__file__).parents[2] / "data"
DONE, HALF = 1, 2
"""Jobs of the stored homes; see `tests/data/make_state.py`."""


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite3", isolation_level=None)) as opened:
        yield opened


def _tables(connection: sqlite3.Connection) -> set[str]:
    return {
        name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type='table'")
    }


def _insert_job(connection: sqlite3.Connection) -> None:
    connection.execute(
        "INSERT INTO jobs (folder, relative, fingerprint, recipe_name, generation, source, target,"
        " recipe, output, priority, state, created, updated)"
        " VALUES (x'00', x'01', 'f', 'oil', 1, x'02', x'03', '{}', '{}', 0, 'queued', 1, 2)"
    )


def test_an_empty_file_becomes_a_ledger(connection: sqlite3.Connection) -> None:
    assert version_of(connection) == 0
    migrate(connection)
    assert version_of(connection) == len(MIGRATIONS)
    assert {"jobs", "segments", "events", "files"} <= _tables(connection)


def test_migrating_twice_changes_nothing(connection: sqlite3.Connection) -> None:
    migrate(connection)
    before = list(connection.execute("SELECT * FROM sqlite_schema"))
    migrate(connection)
    assert list(connection.execute("SELECT * FROM sqlite_schema")) == before


def test_an_older_ledger_is_brought_up_and_keeps_its_rows(connection: sqlite3.Connection) -> None:
    migrate(connection)
    connection.execute("INSERT INTO files VALUES (x'00', x'01', 1, 2, 3, 4, 5, 'f', 6.0)")
    later = ("ALTER TABLE files ADD COLUMN note TEXT", "UPDATE files SET note = 'kept'")
    migrate(connection, (*MIGRATIONS, later))
    assert connection.execute("SELECT fingerprint, note FROM files").fetchone() == ("f", "kept")
    assert version_of(connection, (*MIGRATIONS, later)) == len(MIGRATIONS) + 1


def test_a_segment_keeps_what_it_is_when_it_loses_its_lease_and_its_batch(
    connection: sqlite3.Connection,
) -> None:
    migrate(connection, MIGRATIONS[:2])
    _insert_job(connection)
    connection.execute(
        "INSERT INTO segments (job_id, number, first, last, path, digest, carried, plan, opened,"
        " token, worker, pid, pid_started, boot, lease_seconds, lease_until)"
        """ VALUES (1, 0, 0, 9, 'a.mp4', 'd', '{"a":1}', '{"batch":1,"history":10}',"""
        " 5, 7, 'w', 8, 9, 'b', 60, 65)"
    )
    migrate(connection, MIGRATIONS[:3])
    kept = (1, 0, 0, 9, None, "a.mp4", "d", '{"a":1}', '{"history":10}', 5.0, None)
    assert connection.execute("SELECT * FROM segments").fetchall() == [kept]


@pytest.mark.parametrize("name", ["state-0.1.0", "state-ledger-10"])
def test_what_segments_have_carried_is_the_same_to_the_bit_once_shots_are_noted_by_themselves(
    tmp_path: Path, name: str
) -> None:
    path = tmp_path / "ledger.sqlite3"
    shutil.copyfile(DATA / name / "state/nstd/ledger.sqlite3", path)
    with closing(sqlite3.connect(path)) as old:
        question = "SELECT job_id, number, carried FROM segments WHERE closed IS NOT NULL"
        carried = {(job, number): json.loads(text) for job, number, text in old.execute(question)}
    assert {job for job, _ in carried} == {DONE, HALF}
    with JobStore(path) as store:
        for (job, number), before in carried.items():
            segment = store.segment(job, number)
            assert segment is not None
            assert segment.carried is not None
            left = asdict(segment.carried) | {"frames": list(segment.carried.frames)}
            shot = before.pop("shot")
            before.pop("shown", None)  # was noted once, and read by nobody
            assert left == {"shot": shot["first"], "damaged": 0, **before}
            noted = store.shot(job, segment.carried.shot)
            if job == DONE:
                assert noted is None  # nobody will ask for it
                continue
            assert noted is not None
            palette = shot["tone"].pop("palette")
            # As JSON the numbers are compared digit by digit.
            assert json.dumps(asdict(noted)) == json.dumps(
                {key: shot[key] for key in ("first", "energies", "settled")} | {"palette": palette}
            )


@pytest.mark.parametrize(("depends_on", "noted"), [(3, [(20,)]), (None, []), (-1, [(20,)])])
def test_only_a_shot_that_a_segment_may_ask_for_is_carried_over(
    connection: sqlite3.Connection, depends_on: int | None, noted: list[tuple[int]]
) -> None:
    migrate(connection, MIGRATIONS[:10])
    _insert_job(connection)
    insert = (
        "INSERT INTO segments (job_id, number, first, last, depends_on, path, digest, carried,"
        " opened) VALUES (1, ?, ?, ?, ?, ?, ?, ?, 5)"
    )
    for number, (shot, before) in enumerate(((0, None), (0, 0), (20, None), (20, 2))):
        carried = {"shot": {"first": shot, "energies": [1.0]}, "first_pts": 0, "end_pts": 9}
        first = 10 * number
        closed = (number, first, first + 9, before, "a.mp4", "d", json.dumps(carried))
        connection.execute(insert, closed)
    if depends_on != -1:  # the next one is opened already
        connection.execute(insert, (4, 40, None, depends_on, None, None, "{}"))
    migrate(connection)
    assert connection.execute("SELECT first FROM shots").fetchall() == noted
    assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


@pytest.mark.parametrize(
    "carried",
    [
        {"shot": {"first": 0, "energies": [1.0], "tone": None, "hue": 3}, "first_pts": 1},
        {"shot": {"first": 0, "tone": None}},
        {"shot": {"tone": 3}},
        {"shot": 3},
        {},
    ],
)
def test_what_another_version_has_noted_otherwise_is_left_out(
    connection: sqlite3.Connection, carried: dict[str, Any]
) -> None:
    migrate(connection, MIGRATIONS[:10])
    _insert_job(connection)
    connection.execute(
        "INSERT INTO segments (job_id, number, first, last, path, digest, carried, opened)"
        " VALUES (1, 0, 0, 9, 'a.mp4', 'd', ?, 5)",
        (json.dumps(carried),),
    )
    migrate(connection)
    row = connection.execute("SELECT path, digest, first, last FROM segments").fetchone()
    assert row == ("a.mp4", "d", 0, 9)


def test_a_line_of_history_goes_with_its_whole_job_alone(connection: sqlite3.Connection) -> None:
    migrate(connection, MIGRATIONS[:3])
    _insert_job(connection)
    connection.execute("INSERT INTO events (job_id, at, after, reason) VALUES (1, 1, 'queued', '')")
    connection.execute("PRAGMA foreign_keys = ON")
    migrate(connection)
    with pytest.raises(sqlite3.IntegrityError, match="only ever added"):
        connection.execute("DELETE FROM events")
    with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):
        connection.execute("DELETE FROM jobs")
    connection.execute("BEGIN")
    connection.execute("PRAGMA defer_foreign_keys = ON")
    connection.execute("DELETE FROM jobs")
    connection.execute("DELETE FROM events")
    connection.execute("COMMIT")
    assert connection.execute("SELECT count(*) FROM events").fetchone() == (0,)


def test_a_migration_that_fails_leaves_the_version_before(connection: sqlite3.Connection) -> None:
    second = ("CREATE TABLE second (a INTEGER) STRICT",)
    broken = ("CREATE TABLE halfway (a INTEGER) STRICT", "INSERT INTO nowhere VALUES (1)")
    with pytest.raises(sqlite3.OperationalError, match="nowhere"):
        migrate(connection, (*MIGRATIONS, second, broken))
    assert version_of(connection, (*MIGRATIONS, second)) == len(MIGRATIONS) + 1
    assert "second" in _tables(connection)
    assert "halfway" not in _tables(connection)
    assert not connection.in_transaction


def test_steps_before_a_failing_one_are_kept(connection: sqlite3.Connection) -> None:
    second = ("CREATE TABLE second (a INTEGER) STRICT",)
    broken = ("INSERT INTO nowhere VALUES (1)",)
    with pytest.raises(sqlite3.OperationalError, match="nowhere"):
        migrate(connection, (*MIGRATIONS, second, broken))
    assert version_of(connection, (*MIGRATIONS, second)) == len(MIGRATIONS) + 1
    assert "second" in _tables(connection)


def test_a_ledger_of_a_newer_nstd_is_refused(connection: sqlite3.Connection) -> None:
    migrate(connection)
    newer = len(MIGRATIONS) + 1
    connection.execute(f"PRAGMA user_version = {newer}")
    with pytest.raises(LedgerError, match=f"newer nstd .its version is {newer}") as caught:
        migrate(connection)
    assert "Upgrade" in caught.value.remedy


def test_a_database_of_another_program_is_refused(connection: sqlite3.Connection) -> None:
    connection.execute("CREATE TABLE bookmarks (url TEXT)")
    with pytest.raises(LedgerError, match="another program"):
        migrate(connection)
    assert _tables(connection) == {"bookmarks"}


def test_an_old_sqlite_is_refused_in_words(
    connection: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 8, 2))
    monkeypatch.setattr(sqlite3, "sqlite_version", "3.8.2")
    with pytest.raises(LedgerError, match=r"needs SQLite .*, and this Python has 3\.8\.2"):
        migrate(connection)


def test_every_table_is_strict(connection: sqlite3.Connection) -> None:
    migrate(connection)
    found = connection.execute("PRAGMA table_list").fetchall()
    strict = {row[1]: bool(row[5]) for row in found if not row[1].startswith("sqlite_")}
    assert "shots" in strict
    assert all(strict.values())


@pytest.mark.parametrize("change", ["DELETE FROM events", "UPDATE events SET reason = 'other'"])
def test_history_is_only_ever_added_to(connection: sqlite3.Connection, change: str) -> None:
    migrate(connection)
    _insert_job(connection)
    connection.execute("INSERT INTO events (job_id, at, after, reason) VALUES (1, 0, 'queued', '')")
    with pytest.raises(sqlite3.IntegrityError, match="only ever added"):
        connection.execute(change)


def test_a_ledger_of_version_8_has_the_kinds_of_errors(connection: sqlite3.Connection) -> None:
    """What was given out with a number keeps it: such ledgers could not be taken further."""
    migrate(connection, MIGRATIONS[:8])
    columns = [name for _, name, *_ in connection.execute("PRAGMA table_info(jobs)")]
    assert "kind" in columns
    migrate(connection)
