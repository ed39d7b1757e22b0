"""Queueing jobs and changing their order, without holding them.

Every function takes a connection inside a transaction of `Database`.
"""

import sqlite3
from collections.abc import Callable

from nstd.errors import LedgerError
from nstd.files import Json
from nstd.ledger.job import LEGAL, Event, Job, JobKey, JobRequest, JobState
from nstd.ledger.rows import (
    HELD,
    Why,
    add_event,
    found_json,
    move,
    record,
    row_of,
    to_json,
    to_text,
)

LATEST = """
    SELECT * FROM jobs
    WHERE folder = :folder AND relative = :relative AND fingerprint = :fingerprint
      AND recipe_name = :recipe_name
    ORDER BY generation DESC LIMIT 1
"""

_INSERT = """
    INSERT INTO jobs (folder, relative, fingerprint, recipe_name, generation, source, target,
                      recipe, output, found, priority, note, state, created, updated)
    VALUES (:folder, :relative, :fingerprint, :recipe_name, :generation, :source, :target,
            :recipe, :output, :found, :priority, :note, 'queued', :now, :now)
    RETURNING *
"""

_END_WAIT = """
    UPDATE jobs SET attempts = 0, not_before = 0, hold_reason = NULL, kind = NULL, updated = :now,
        found = coalesce(:found, found)
    WHERE id = :id RETURNING *
"""

_WAITING_OR_HELD = HELD | {JobState.QUEUED}


def enqueue(
    connection: sqlite3.Connection, request: JobRequest, now: float, *, again: bool
) -> tuple[sqlite3.Row, bool]:
    """Queue work, once for each key; see `JobStore.enqueue`."""
    latest = connection.execute(LATEST, key_values(request.key)).fetchone()
    if latest is None:
        return _insert(connection, request, 1, now), True
    gone = latest["state"] == JobState.VANISHED
    if gone and _asks_the_same(latest, request):
        why = Why(reason="The file is back", attempts=0)
        return move(connection, latest, JobState.QUEUED, now, why), True
    if gone or (again and latest["state"] not in _WAITING_OR_HELD):
        return _insert(connection, request, latest["generation"] + 1, now), True
    return latest, False


def retry(
    connection: sqlite3.Connection, job_id: int, now: float, *, found: Json | None = None
) -> sqlite3.Row:
    """Queue a job again that is over, or end the waiting of a queued one; see `JobStore.retry`."""
    row = row_of(connection, job_id)
    if row["state"] == JobState.QUEUED:
        if row["not_before"] or row["hold_reason"]:
            record(connection, row, JobState.QUEUED, now, "Wait ended on request")
        values = {"id": job_id, "now": now, "found": found_json(found)}
        ended: sqlite3.Row = connection.execute(_END_WAIT, values).fetchone()
        return ended
    if row["state"] in HELD:
        # RUNNING may go to QUEUED, but only its worker may send it there.
        raise LedgerError(f"Job {job_id} is {row['state']} already", "Cancel it first")
    if row["state"] == JobState.DONE:
        raise LedgerError(
            f"Job {job_id} is done", "`nstd add --again --overwrite FILE` paints its film once more"
        )
    latest = connection.execute(LATEST, dict(row)).fetchone()
    if latest["id"] != job_id:
        raise LedgerError(
            f"Job {latest['id']} was queued for the same film since job {job_id}",
            f"Retry job {latest['id']} instead",
        )
    why = Why(reason="Queued again on request", attempts=0)
    return move(connection, row, JobState.QUEUED, now, why)


def cancel(connection: sqlite3.Connection, job_id: int, now: float) -> sqlite3.Row:
    """Cancel a job that waits or runs, or dismiss one that failed."""
    row = row_of(connection, job_id)
    if JobState.CANCELED not in LEGAL[JobState(row["state"])]:
        remedy = "Nothing to do: it does not run"
        if row["state"] == JobState.PUBLISHING:
            remedy = "Wait a moment: its finished film is being put in place"
        problem = f"Job {job_id} is {row['state']}, so there is nothing to cancel"
        raise LedgerError(problem, remedy)
    failed = row["state"] == JobState.FAILED
    reason = "Dismissed on request" if failed else "Canceled on request"
    return move(connection, row, JobState.CANCELED, now, Why(reason))


def set_paused(
    connection: sqlite3.Connection, job_id: int, now: float, *, paused: bool
) -> sqlite3.Row:
    """Begin or end a pause."""
    row = row_of(connection, job_id)
    if row["state"] not in _WAITING_OR_HELD:
        raise LedgerError(
            f"Job {job_id} is {row['state']}, so there is nothing to pause or resume",
            "`nstd retry` takes up what failed or was canceled",
        )
    record(connection, row, JobState(row["state"]), now, "Paused" if paused else "Resumed")
    changed: sqlite3.Row = connection.execute(
        "UPDATE jobs SET paused = ?, updated = ? WHERE id = ? RETURNING *", (paused, now, job_id)
    ).fetchone()
    return changed


def prioritize(
    connection: sqlite3.Connection, job_id: int, now: float, priority: int
) -> sqlite3.Row:
    """Change a job's turn."""
    row = row_of(connection, job_id)
    reason = f"Priority {row['priority']} became {priority}"
    record(connection, row, JobState(row["state"]), now, reason)
    changed: sqlite3.Row = connection.execute(
        "UPDATE jobs SET priority = ?, updated = ? WHERE id = ? RETURNING *",
        (priority, now, job_id),
    ).fetchone()
    return changed


def forget(
    connection: sqlite3.Connection, job: Job, is_held: Callable[[sqlite3.Row], bool]
) -> bool:
    """Remove a job with its segments and its history; see `JobStore.forget`."""
    row = connection.execute("SELECT * FROM jobs WHERE id = ?", (job.id,)).fetchone()
    if row is None or (row["token"], row["state"]) != (job.token, job.state) or is_held(row):
        return False
    # Its history is removed after it: a trigger protects the history of any job that is there.
    connection.execute("PRAGMA defer_foreign_keys = ON")
    connection.execute("DELETE FROM jobs WHERE id = ?", (job.id,))
    connection.execute("DELETE FROM events WHERE job_id = ?", (job.id,))
    connection.execute(
        "DELETE FROM files WHERE folder = :folder AND relative = :relative AND NOT EXISTS"
        " (SELECT 1 FROM jobs WHERE folder = :folder AND relative = :relative)",
        {"folder": row["folder"], "relative": row["relative"]},
    )
    return True


def key_values(key: JobKey) -> dict[str, bytes | str]:
    """The key's columns."""
    return {
        "folder": key.folder,
        "relative": key.relative,
        "fingerprint": to_text(key.fingerprint),
        "recipe_name": to_text(key.recipe_name),
    }


def _insert(
    connection: sqlite3.Connection, request: JobRequest, generation: int, now: float
) -> sqlite3.Row:
    values = key_values(request.key) | {
        "generation": generation,
        "source": request.source,
        "target": request.target,
        "recipe": to_json(request.recipe),
        "output": to_json(request.output),
        "found": found_json(request.found),
        "priority": request.priority,
        "note": to_text(request.note),
        "now": now,
    }
    row: sqlite3.Row = connection.execute(_INSERT, values).fetchone()
    add_event(connection, Event(row["id"], now, None, JobState.QUEUED, None, request.note))
    return row


def _asks_the_same(row: sqlite3.Row, request: JobRequest) -> bool:
    """Whether an old job was asked for the same as this request."""
    asked = (request.source, request.target, to_json(request.recipe), to_json(request.output))
    return asked == (row["source"], row["target"], row["recipe"], row["output"])
