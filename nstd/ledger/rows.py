"""The rows of the ledger and the values they stand for; the one place that changes a job's state.

Every function takes a connection inside a transaction of `Database`.
"""

import json
import sqlite3
from dataclasses import asdict, dataclass
from typing import Any

from nstd.errors import BusyError, LedgerError
from nstd.files import Json
from nstd.ledger.job import Event, FileIdentity, Job, JobKey, JobRequest, JobState, check_transition

HELD = frozenset({JobState.RUNNING, JobState.PUBLISHING})
"""The states in which a worker holds the job."""

# A paused job stays paused when its worker stops, but not when it is over: a retried one starts.
_TO_STATE = """
    UPDATE jobs SET
        state = :after, updated = :now, token = token + 1, attempts = :attempts,
        error = :error, kind = :kind, hold_reason = :hold_reason, not_before = :not_before,
        paused = CASE WHEN :after = 'queued' AND worker IS NOT NULL THEN paused ELSE 0 END,
        worker = NULL, pid = NULL, pid_started = NULL, boot = NULL,
        lease_seconds = 0, lease_until = 0
    WHERE id = :id RETURNING *
"""


def job_of(row: sqlite3.Row) -> Job:
    """The job a row of `jobs` holds."""
    key = JobKey(row["folder"], row["relative"], row["fingerprint"], row["recipe_name"])
    request = JobRequest(
        key=key,
        source=row["source"],
        target=row["target"],
        recipe=json.loads(row["recipe"]),
        output=json.loads(row["output"]),
        priority=row["priority"],
        note=row["note"],
        found=None if row["found"] is None else json.loads(row["found"]),
    )
    return Job(
        id=row["id"],
        request=request,
        state=JobState(row["state"]),
        attempts=row["attempts"],
        created=row["created"],
        updated=row["updated"],
        not_before=row["not_before"],
        hold_reason=row["hold_reason"],
        plan=None if row["plan"] is None else json.loads(row["plan"]),
        worker=row["worker"],
        pid=row["pid"],
        token=row["token"],
        lease_until=row["lease_until"],
        paused=bool(row["paused"]),
        error=row["error"],
        kind=row["kind"],
        frames_done=row["frames_done"],
        frames_total=row["frames_total"],
        part=None if row["part"] is None else FileIdentity(**json.loads(row["part"])),
        report={} if row["report"] is None else json.loads(row["report"]),
    )


def event_of(row: sqlite3.Row) -> Event:
    """The event a row of `events` holds."""
    return Event(
        job_id=row["job_id"],
        at=row["at"],
        before=None if row["before"] is None else JobState(row["before"]),
        after=JobState(row["after"]),
        worker=row["worker"],
        reason=row["reason"],
    )


def to_json(value: object) -> str:
    """JSON in one canonical form: equal values give equal text.

    Raises:
        LedgerError: It holds something JSON cannot say.
    """
    try:
        return json.dumps(value, sort_keys=True, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError) as error:
        raise LedgerError(
            f"What should be noted in the ledger is no JSON: {error}",
            "Run the command again with --debug and report what it prints",
        ) from error


def part_json(part: FileIdentity | None) -> str | None:
    """The identity of a finished file as JSON, or None."""
    return None if part is None else to_json(asdict(part))


def found_json(found: Json | None) -> str | None:
    """What was found around a film as JSON, or None."""
    return None if found is None else to_json(found)


def to_text(value: str) -> str:
    """Text that UTF-8 can encode: a sentence may name a file whose name is not UTF-8."""
    return value.encode("utf-8", "backslashreplace").decode("utf-8")


def file_values(
    folder: bytes, relative: bytes, identity: FileIdentity
) -> dict[str, bytes | int | str | float]:
    """The columns that name a file and hold its identity."""
    return {
        "folder": folder,
        "relative": relative,
        "device": _signed(identity.device),
        "inode": _signed(identity.inode),
        "size": identity.size,
        "mtime_ns": _signed(identity.mtime_ns),
        "ctime_ns": _signed(identity.ctime_ns),
    }


def _signed(number: int) -> int:
    """A number of any size as SQLite stores it, in 64 bits with a sign: enough to see a change.

    Some file systems use all 64 bits of an inode, and nanoseconds of times after 2262, which some
    cameras and archives give, need more.
    """
    return (number + (1 << 63)) % (1 << 64) - (1 << 63)


def row_of(connection: sqlite3.Connection, job_id: int) -> sqlite3.Row:
    """The job's row.

    Raises:
        LedgerError: There is none.
    """
    row: sqlite3.Row | None = connection.execute(
        "SELECT * FROM jobs WHERE id = ?", (job_id,)
    ).fetchone()
    if row is None:
        raise no_such_job(job_id)
    return row


def no_such_job(job_id: int) -> LedgerError:
    """The error for a number that no job has."""
    return LedgerError(f"There is no job {job_id}", "`nstd jobs` lists them")


def fenced_row(connection: sqlite3.Connection, job: Job) -> sqlite3.Row:
    """The job's row, if the job has not changed hands since `job` was read.

    Raises:
        BusyError: It has; whoever holds `job` drops it and leaves the ledger alone.
    """
    row = row_of(connection, job.id)
    if row["token"] == job.token:
        return row
    if row["state"] in HELD and row["lease_until"] == 0:
        raise BusyError(
            f"Job {job.id} was given up as lost, because {job.worker} gave no sign of life",
            "Nothing to do: the next worker goes on where this one stopped",
        )
    if row["state"] in HELD:
        raise BusyError(
            f"Job {job.id} was taken over by {row['worker']} (process {row['pid']})",
            "Nothing to do: the other worker goes on where this one stopped",
        )
    raise BusyError(
        f"Job {job.id} is {row['state']} now, and no longer held by {job.worker or 'anyone'}",
        "Nothing to do: what was painted is kept",
    )


def held_row(connection: sqlite3.Connection, job: Job) -> sqlite3.Row:
    """The job's row, if `job` is a claim that still counts.

    Raises:
        BusyError: As for `fenced_row`.
        LedgerError: `job` was read, but never claimed.
    """
    row = fenced_row(connection, job)
    if row["state"] not in HELD:
        raise LedgerError(f"Job {job.id} is {row['state']}, and has to be claimed first")
    return row


@dataclass(frozen=True, slots=True)
class Why:
    """Why a job changes its state, and what is noted with it.

    Attributes:
        reason: Why, in words, for the job's history.
        error: The sentence it failed or vanished with, or None.
        hold_reason: Why it waits, in words, or None.
        kind: `NstdError.kind` of the error that `error` or `hold_reason` describes; or None.
        attempts: Starts since the last painted frame; None for as many as before.
        not_before: It is not started before this time, in seconds since the epoch.
    """

    reason: str = ""
    error: str | None = None
    hold_reason: str | None = None
    kind: str | None = None
    attempts: int | None = None
    not_before: float = 0.0


def move(
    connection: sqlite3.Connection, row: sqlite3.Row, after: JobState, now: float, why: Why
) -> sqlite3.Row:
    """Move a job to a state in which nobody holds it, and add the line to its history.

    Raises:
        LedgerError: The job may not go there.
    """
    check_transition(JobState(row["state"]), after)
    values = {
        "id": row["id"],
        "after": after,
        "now": now,
        "attempts": row["attempts"] if why.attempts is None else why.attempts,
        "error": None if why.error is None else to_text(why.error),
        "kind": why.kind,
        "hold_reason": None if why.hold_reason is None else to_text(why.hold_reason),
        "not_before": why.not_before,
    }
    moved: sqlite3.Row = connection.execute(_TO_STATE, values).fetchone()
    record(connection, row, after, now, why.reason)
    return moved


def record(
    connection: sqlite3.Connection,
    row: sqlite3.Row,
    after: JobState,
    now: float,
    reason: str = "",
) -> None:
    """Add a line to the history of a job; `row` has its state before."""
    add_event(
        connection, Event(row["id"], now, JobState(row["state"]), after, row["worker"], reason)
    )


def add_event(connection: sqlite3.Connection, event: Event) -> None:
    """Add a line to a job's history."""
    values: dict[str, Any] = asdict(event) | {"reason": to_text(event.reason)}
    connection.execute(
        "INSERT INTO events (job_id, at, before, after, worker, reason)"
        " VALUES (:job_id, :at, :before, :after, :worker, :reason)",
        values,
    )
