"""Claiming a job: first the jobs of lost workers are queued again and hopeless ones given up.

Every function takes a connection inside a transaction of `Database`.
"""

import json
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass

from nstd.errors import BusyError
from nstd.ledger.job import JobState
from nstd.ledger.leases import Holder, Presence, lease_is_lost
from nstd.ledger.rows import Why, move, record, row_of, to_text

CLOCK_SLACK = 60.0
"""If a row seems to have been written more seconds than this in the future, the clock was set back:
time synchronization corrects less at once."""

# A wait that was noted in the future comes from a clock that has been set back since: it might last
# for years.
_STARTABLE = (
    "FROM jobs WHERE state = 'publishing' AND lease_until = 0",
    """
    FROM jobs WHERE state = 'queued' AND NOT paused
        AND (not_before <= :now OR updated > :now + :slack)
        AND NOT EXISTS (
            SELECT 1 FROM json_each(:reserved)
            WHERE value ->> 0 = plan ->> 'device' AND value ->> 1 = plan ->> 'processor')
    """,
)
"""What is to be finished comes before what is to be painted."""

_ASKED = "AND (:job_id IS NULL OR id = :job_id)"

# A film that was started twice or more without a painted frame may crash every worker: the others
# come first.
_NEXT = "ORDER BY priority DESC, attempts > 1, id LIMIT 1"

_TAKE = """
    UPDATE jobs SET
        state = :state, attempts = attempts + 1, token = token + 1, updated = :now,
        hold_reason = NULL, not_before = 0, error = NULL,
        worker = :worker, pid = :pid, pid_started = :started, boot = :boot,
        lease_seconds = :lease_seconds, lease_until = :now + :lease_seconds
    WHERE id = :id RETURNING *
"""


@dataclass(frozen=True, slots=True)
class Claim:
    """Who wants a job, and on what terms.

    Attributes:
        worker: Name of the claimer, for people.
        holder: Its process.
        lease_seconds: How long the claim counts without a word from the worker.
        now: The time, in seconds since the epoch.
        job_id: Only this job, or None for the next one.
        max_attempts: Starts without a painted frame after which a job is given up.
        presence: Says whether a holder lives.
        reserved: "device" and "processor" of the plans whose jobs are left to other workers.
    """

    worker: str
    holder: Holder
    lease_seconds: float
    now: float
    job_id: int | None
    max_attempts: int
    presence: Callable[[Holder], Presence]
    reserved: tuple[tuple[str, str], ...] = ()


def take(connection: sqlite3.Connection, claim: Claim) -> sqlite3.Row | None:
    """Claim the next job.

    Returns:
        Its row, or None where there is nothing to start now.

    Raises:
        BusyError: A living worker holds the job asked for.
        LedgerError: There is no such job.
    """
    release_lost(connection, claim)
    if claim.job_id is not None:
        _refuse_held(row_of(connection, claim.job_id))
    values = {
        "job_id": claim.job_id,
        "now": claim.now,
        "slack": CLOCK_SLACK,
        "max_attempts": claim.max_attempts,
        "reserved": json.dumps([list(kind) for kind in claim.reserved]),
    }
    for startable in _STARTABLE:
        hopeless = f"SELECT * {startable} {_ASKED} AND attempts >= :max_attempts"
        for row in connection.execute(hopeless, values).fetchall():
            _give_up(connection, row, claim.now)
    for startable in _STARTABLE:
        row = connection.execute(f"SELECT * {startable} {_ASKED} {_NEXT}", values).fetchone()
        if row is not None:
            return _take(connection, row, claim)
    return None


def _give_up(connection: sqlite3.Connection, row: sqlite3.Row, now: float) -> None:
    sentence = f"It was started {row['attempts']} times without painting a frame"
    if row["hold_reason"]:
        sentence += f"; the last time: {row['hold_reason']}"
    why = Why(reason=sentence, error=sentence, kind=row["kind"])
    move(connection, row, JobState.FAILED, now, why)


def release_lost(connection: sqlite3.Connection, claim: Claim) -> None:
    """Give back the jobs of lost workers: RUNNING ones are queued, PUBLISHING ones are released."""
    held = connection.execute(
        "SELECT * FROM jobs WHERE state IN ('running', 'publishing') AND lease_until != 0"
    ).fetchall()
    for row in held:
        if is_held(row, claim.now, claim.presence):
            continue
        reason = f"Its worker {row['worker']} (process {row['pid']}) was lost"
        _release(connection, row, reason, claim.now, counted=True)


def is_held(row: sqlite3.Row, now: float, presence: Callable[[Holder], Presence]) -> bool:
    """Whether a worker holds the job of a row, and is not lost."""
    if row["lease_until"] == 0:
        return False
    seen = presence(Holder(row["pid"], row["pid_started"], row["boot"]))
    return not lease_is_lost(now, row["lease_until"], row["lease_seconds"], seen)


def release_process(
    connection: sqlite3.Connection, holder: Holder, reason: str, now: float, *, counted: bool
) -> list[sqlite3.Row]:
    """Give back the jobs of a process that has ended; see `JobStore.release`."""
    held = connection.execute(
        "SELECT * FROM jobs WHERE state IN ('running', 'publishing') AND lease_until != 0"
        " AND pid = ? AND pid_started = ? AND boot = ?",
        (holder.pid, holder.started, holder.boot),
    ).fetchall()
    for row in held:
        _release(connection, row, reason, now, counted=counted)
    return [row_of(connection, row["id"]) for row in held]


def _release(
    connection: sqlite3.Connection, row: sqlite3.Row, reason: str, now: float, *, counted: bool
) -> None:
    if row["state"] == JobState.RUNNING:
        attempts = row["attempts"] if counted else max(0, row["attempts"] - 1)
        why = Why(reason=reason, hold_reason=reason, attempts=attempts)
        move(connection, row, JobState.QUEUED, now, why)
        return
    connection.execute(
        "UPDATE jobs SET lease_until = 0, token = token + 1, updated = ? WHERE id = ?",
        (now, row["id"]),
    )
    record(connection, row, JobState.PUBLISHING, now, reason)


def _take(connection: sqlite3.Connection, row: sqlite3.Row, claim: Claim) -> sqlite3.Row:
    publishing = row["state"] == JobState.PUBLISHING
    state = JobState.PUBLISHING if publishing else JobState.RUNNING
    values = {
        "id": row["id"],
        "state": state,
        "now": claim.now,
        "worker": to_text(claim.worker),
        "pid": claim.holder.pid,
        "started": claim.holder.started,
        "boot": claim.holder.boot,
        "lease_seconds": claim.lease_seconds,
    }
    taken: sqlite3.Row = connection.execute(_TAKE, values).fetchone()
    record(connection, row, state, claim.now, f"Taken by {claim.worker}")
    return taken


def _refuse_held(row: sqlite3.Row) -> None:
    """Raise `BusyError` if a living worker holds the job (lost ones were released before)."""
    if row["worker"] is not None and row["lease_until"] != 0:
        raise BusyError(
            f"Job {row['id']} is being painted by {row['worker']}",
            "Wait for that process to end",
        )
