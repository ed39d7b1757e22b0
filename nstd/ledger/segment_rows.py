"""The segments of a job in the ledger.

They are painted by whoever holds the job, and its token fences them: a worker that was given up
for lost can no longer open or close one. Every function takes a connection inside a transaction of
`Database`.
"""

import json
import sqlite3

from nstd.errors import LedgerError
from nstd.ledger.job import Segment
from nstd.ledger.rows import to_json, to_text

_OPEN = """
    INSERT INTO segments (job_id, number, first, last, depends_on, carried, plan, opened)
    SELECT :job_id, :number, :first, :last, :depends_on, :carried, plan, :now
    FROM jobs WHERE id = :job_id
    ON CONFLICT (job_id, number) DO UPDATE SET
        first = excluded.first, last = excluded.last, depends_on = excluded.depends_on,
        carried = excluded.carried, plan = excluded.plan, opened = excluded.opened
    WHERE path IS NULL
"""

_CLOSE = """
    UPDATE segments SET
        last = :last, path = :path, digest = :digest, carried = :carried, closed = :now
    WHERE job_id = :job_id AND number = :number AND first = :first AND path IS NULL
"""


def open_segment(connection: sqlite3.Connection, job_id: int, segment: Segment, now: float) -> None:
    """Note a segment by its first frame, with the plan the job has now.

    Raises:
        LedgerError: It is closed already.
    """
    if connection.execute(_OPEN, _values(job_id, segment, now)).rowcount != 1:
        raise LedgerError(f"Segment {segment.index} of job {job_id} is closed already")


def close_segment(
    connection: sqlite3.Connection, job_id: int, segment: Segment, now: float
) -> None:
    """Note what became of an open segment.

    Raises:
        LedgerError: It has no file, or is not open.
    """
    if segment.path is None or segment.digest is None or segment.last is None:
        raise LedgerError(f"Segment {segment.index} of job {job_id} has no file to close with")
    if connection.execute(_CLOSE, _values(job_id, segment, now)).rowcount != 1:
        raise LedgerError(f"Segment {segment.index} of job {job_id} is not open")


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
        plan=None if row["plan"] is None else json.loads(row["plan"]),
    )


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
