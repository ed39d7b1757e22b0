"""The segments of a job in the ledger, each with a lease of its own.

A segment is painted by whoever opened it last: its row holds that process and a fencing token. So
several workers may paint segments of one job, and one that was given up for lost cannot close what
another has begun anew. Every function takes a connection inside a transaction of `Database`.
"""

import json
import secrets
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, replace

from nstd.errors import BusyError, LedgerError
from nstd.ledger.job import Segment
from nstd.ledger.leases import Holder, Presence, lease_is_lost
from nstd.ledger.rows import to_json, to_text

_OPEN = """
    INSERT INTO segments (job_id, number, first, last, depends_on, carried, plan, opened,
        token, worker, pid, pid_started, boot, lease_seconds, lease_until)
    SELECT :job_id, :number, :first, :last, :depends_on, :carried, plan, :now,
        :token, :worker, :pid, :started, :boot, :lease_seconds, :now + :lease_seconds
    FROM jobs WHERE id = :job_id
    ON CONFLICT (job_id, number) DO UPDATE SET
        first = excluded.first, last = excluded.last, depends_on = excluded.depends_on,
        carried = excluded.carried, plan = excluded.plan, opened = excluded.opened,
        token = excluded.token, worker = excluded.worker, pid = excluded.pid,
        pid_started = excluded.pid_started, boot = excluded.boot,
        lease_seconds = excluded.lease_seconds, lease_until = excluded.lease_until
    WHERE path IS NULL
"""

_RENEW = """
    UPDATE segments SET lease_until = :now + lease_seconds
    WHERE job_id = :job_id AND number = :number
"""

_CLOSE = """
    UPDATE segments SET last = :last, path = :path, digest = :digest, carried = :carried,
        closed = :now, worker = NULL, pid = NULL, pid_started = NULL, boot = NULL,
        lease_seconds = 0, lease_until = 0
    WHERE job_id = :job_id AND number = :number AND first = :first AND path IS NULL
"""

_TOKEN_BITS = 62


@dataclass(frozen=True, slots=True)
class Opening:
    """Who wants to paint a segment, and on what terms.

    Attributes:
        worker: Name of the process, for people.
        holder: The process.
        lease_seconds: How long the lease counts without a word.
        now: The time, in seconds since the epoch.
        presence: Says whether a holder lives.
    """

    worker: str
    holder: Holder
    lease_seconds: float
    now: float
    presence: Callable[[Holder], Presence]


def open_segment(
    connection: sqlite3.Connection, job_id: int, segment: Segment, opening: Opening
) -> Segment:
    """Note a segment by its first frame, with the plan the job has now, and take its lease.

    Returns:
        The segment with the token that renewing and closing it ask for.

    Raises:
        BusyError: Another process that lives is painting it.
        LedgerError: It is closed already.
    """
    row = _row_of(connection, job_id, segment)
    if row is not None:
        _refuse_held(row, opening)
    # Drawn, not counted: a row that was deleted and made anew must not repeat its tokens.
    taken = replace(segment, token=secrets.randbits(_TOKEN_BITS) | 1)
    values = _values(job_id, taken, opening.now) | {
        "token": taken.token,
        "worker": to_text(opening.worker),
        "pid": opening.holder.pid,
        "started": opening.holder.started,
        "boot": opening.holder.boot,
        "lease_seconds": opening.lease_seconds,
    }
    if connection.execute(_OPEN, values).rowcount != 1:
        raise LedgerError(f"Segment {segment.index} of job {job_id} is closed already")
    return taken


def renew_segment(
    connection: sqlite3.Connection, job_id: int, segment: Segment, now: float
) -> None:
    """Prolong the lease of a segment that this process has opened.

    Raises:
        BusyError: It was taken over.
        LedgerError: It is not open.
    """
    _fence(connection, job_id, segment)
    connection.execute(_RENEW, {"job_id": job_id, "number": segment.index, "now": now})


def close_segment(
    connection: sqlite3.Connection, job_id: int, segment: Segment, now: float
) -> None:
    """Note what became of an open segment, and give its lease back.

    Raises:
        BusyError: It was taken over by another process.
        LedgerError: It has no file, or is not open.
    """
    if segment.path is None or segment.digest is None or segment.last is None:
        raise LedgerError(f"Segment {segment.index} of job {job_id} has no file to close with")
    _fence(connection, job_id, segment)
    values = _values(job_id, segment, now)
    if connection.execute(_CLOSE, values).rowcount != 1:
        raise _not_open(job_id, segment)


def segment_of(row: sqlite3.Row) -> Segment:
    """The segment a row of `segments` holds."""
    return Segment(
        index=row["number"],
        first=row["first"],
        last=row["last"],
        depends_on=row["depends_on"],
        path=row["path"],
        digest=row["digest"],
        carried=json.loads(row["carried"]),
        token=row["token"],
        plan=None if row["plan"] is None else json.loads(row["plan"]),
    )


def _row_of(connection: sqlite3.Connection, job_id: int, segment: Segment) -> sqlite3.Row | None:
    row: sqlite3.Row | None = connection.execute(
        "SELECT * FROM segments WHERE job_id = ? AND number = ?", (job_id, segment.index)
    ).fetchone()
    return row


def _refuse_held(row: sqlite3.Row, opening: Opening) -> None:
    """Raise `BusyError` if another process that lives holds the segment."""
    if row["lease_until"] == 0:
        return
    holder = Holder(row["pid"], row["pid_started"], row["boot"])
    if holder == opening.holder:
        return
    seen = opening.presence(holder)
    if not lease_is_lost(opening.now, row["lease_until"], row["lease_seconds"], seen):
        raise BusyError(
            f"Segment {row['number']} of job {row['job_id']} is being painted by"
            f" {row['worker']} (process {row['pid']})",
            "Nothing to do: the other worker goes on with it",
        )


def _fence(connection: sqlite3.Connection, job_id: int, segment: Segment) -> None:
    row = _row_of(connection, job_id, segment)
    if row is None or row["path"] is not None:
        raise _not_open(job_id, segment)
    if row["token"] != segment.token:
        raise BusyError(
            f"Segment {segment.index} of job {job_id} was taken over by {row['worker']}"
            f" (process {row['pid']})",
            "Nothing to do: the other worker goes on with it",
        )


def _not_open(job_id: int, segment: Segment) -> LedgerError:
    return LedgerError(f"Segment {segment.index} of job {job_id} is not open")


def _values(job_id: int, segment: Segment, now: float) -> dict[str, str | int | float | None]:
    return {
        "job_id": job_id,
        "number": segment.index,
        "first": segment.first,
        "last": segment.last,
        "depends_on": segment.depends_on,
        "path": None if segment.path is None else to_text(segment.path),
        "digest": segment.digest,
        "carried": to_json(segment.carried),
        "now": now,
    }
