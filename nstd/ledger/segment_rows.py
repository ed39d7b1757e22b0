"""The segments and shots of a job in the ledger.

Whoever holds the job paints them, and its token protects them: a worker that was given up as lost
can no longer open or close one. Every function takes a connection inside a transaction of
`Database`.
"""

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import asdict

from nstd.errors import LedgerError
from nstd.ledger.job import Carried, Segment, Shot
from nstd.ledger.rows import to_json, to_text

_NOTE_PLAN = """
    INSERT OR IGNORE INTO plans (plan) SELECT plan FROM jobs WHERE id = ? AND plan IS NOT NULL
"""

_OPEN = """
    INSERT INTO segments (job_id, number, first, last, depends_on, plan, opened)
    SELECT :job_id, :number, :first, :last, :depends_on, plans.id, :now
    FROM jobs LEFT JOIN plans ON plans.plan = jobs.plan WHERE jobs.id = :job_id
    ON CONFLICT (job_id, number) DO UPDATE SET
        first = excluded.first, last = excluded.last, depends_on = excluded.depends_on,
        plan = excluded.plan, opened = excluded.opened
    WHERE path IS NULL
"""

_CLOSE = """
    UPDATE segments SET
        last = :last, path = :path, digest = :digest, shot = :shot, frames = :frames,
        first_pts = :first_pts, end_pts = :end_pts, damaged = :damaged, closed = :now
    WHERE job_id = :job_id AND number = :number AND first = :first AND path IS NULL
"""

# A shot does not change once it is noted: all of its segments use what is there.
_NOTE_SHOT = """
    INSERT OR IGNORE INTO shots (job_id, first, energies, settled, palette)
    VALUES (:job_id, :first, :energies, :settled, :palette)
"""

_REOPEN = (
    """
    DELETE FROM shots WHERE job_id = :job_id AND first IN (
        SELECT first FROM segments
        WHERE job_id = :job_id AND number IN (SELECT value FROM json_each(:numbers)))
    """,
    """
    UPDATE segments SET
        last = NULL, path = NULL, digest = NULL, shot = NULL, frames = NULL,
        first_pts = NULL, end_pts = NULL, damaged = 0, closed = NULL
    WHERE job_id = :job_id AND number IN (SELECT value FROM json_each(:numbers))
    """,
)

PAINTED = """
    SELECT count(*), coalesce(sum(last - first + 1), 0), coalesce(sum(damaged), 0)
    FROM segments WHERE job_id = :id AND path IS NOT NULL
"""
"""The values of `Painted`, in its order, for job `id`."""

# The shot's last segment is closed and the next one begins another shot: nothing needs it now.
_FORGET_ENDED_SHOTS = """
    DELETE FROM shots WHERE job_id = :job_id AND first IN (
        SELECT ended.shot FROM segments AS ended JOIN segments AS after
            ON after.job_id = ended.job_id AND after.number = ended.number + 1
        WHERE ended.job_id = :job_id AND ended.number IN (:number - 1, :number)
            AND after.depends_on IS NULL)
"""


def open_segment(connection: sqlite3.Connection, job_id: int, segment: Segment, now: float) -> None:
    """Note a segment by its first frame, with the plan the job has now.

    Raises:
        LedgerError: It is closed already.
    """
    connection.execute(_NOTE_PLAN, (job_id,))
    values = _values(job_id, segment, now)
    if connection.execute(_OPEN, values).rowcount != 1:
        raise LedgerError(f"Segment {segment.index} of job {job_id} is closed already")
    connection.execute(_FORGET_ENDED_SHOTS, values)


def close_segment(
    connection: sqlite3.Connection, job_id: int, segment: Segment, shot: Shot | None, now: float
) -> None:
    """Note what became of an open segment, and what the next ones of its shot need.

    Raises:
        LedgerError: It has no file, or is not open.
    """
    if segment.path is None or segment.digest is None or segment.last is None:
        raise LedgerError(f"Segment {segment.index} of job {job_id} has no file to close with")
    values = _values(job_id, segment, now)
    if connection.execute(_CLOSE, values).rowcount != 1:
        raise LedgerError(f"Segment {segment.index} of job {job_id} is not open")
    if shot is not None:
        connection.execute(_NOTE_SHOT, _shot_values(job_id, shot))
    connection.execute(_FORGET_ENDED_SHOTS, values)


def reopen_segments(connection: sqlite3.Connection, job_id: int, numbers: Iterable[int]) -> None:
    """Forget the results of segments, and the shots that begin with them."""
    values = {"job_id": job_id, "numbers": to_json(sorted(numbers))}
    for statement in _REOPEN:
        connection.execute(statement, values)


def clear_segments(connection: sqlite3.Connection, job_id: int) -> None:
    """Forget all segments and shots."""
    forget_shots(connection, job_id)
    connection.execute("DELETE FROM segments WHERE job_id = ?", (job_id,))


def forget_shots(connection: sqlite3.Connection, job_id: int) -> None:
    """Forget the shots of a film whose segments are all painted."""
    connection.execute("DELETE FROM shots WHERE job_id = ?", (job_id,))


SEGMENTS = """
    SELECT number, first, last, depends_on, path, digest, shot, frames, first_pts, end_pts, damaged
    FROM segments WHERE job_id = :id
"""
"""The columns as `segment_of` takes them."""


def segment_of(row: sqlite3.Row) -> Segment:
    """The segment a row of `SEGMENTS` holds."""
    number, first, last, depends_on, path, digest, shot, frames, first_pts, end_pts, damaged = row
    carried = None
    if None not in (shot, first_pts, end_pts):
        carried = Carried(shot, tuple(json.loads(frames)), first_pts, end_pts, damaged)
    return Segment(number, first, last, depends_on, path, digest, carried)


def shot_of(row: sqlite3.Row) -> Shot:
    """The shot a row of `shots` holds."""
    settled, palette = (row[name] and json.loads(row[name]) for name in ("settled", "palette"))
    return Shot(
        first=row["first"],
        energies=tuple(json.loads(row["energies"])),
        settled=None if settled is None else float(settled),
        palette=palette and {name: tuple(map(tuple, colors)) for name, colors in palette.items()},
    )


def _shot_values(job_id: int, shot: Shot) -> dict[str, str | int | None]:
    later = {name: getattr(shot, name) for name in ("settled", "palette")}
    return {
        "job_id": job_id,
        "first": shot.first,
        "energies": to_json(shot.energies),
        **{name: None if value is None else to_json(value) for name, value in later.items()},
    }


def _values(job_id: int, segment: Segment, now: float) -> dict[str, str | int | float | None]:
    carried = segment.carried
    left: dict[str, str | int | None] = dict.fromkeys(("shot", "frames", "first_pts", "end_pts"))
    if carried is not None:
        left = asdict(carried) | {"frames": to_json(carried.frames)}
    return {
        "job_id": job_id,
        "number": segment.index,
        "first": segment.first,
        "last": segment.last,
        "depends_on": segment.depends_on,
        "path": None if segment.path is None else to_text(segment.path),
        "digest": segment.digest,
        "now": now,
        "damaged": 0,
        **left,
    }
