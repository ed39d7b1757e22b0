# ruff: noqa: D102 - what each method promises is written once, in `JobStore`
"""The ledger in SQLite: each promise of `JobStore` is one transaction on a local disk."""

import json
import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from nstd.errors import LedgerError
from nstd.ledger import file_rows, queueing, segment_rows
from nstd.ledger.claiming import Claim, release_process, take
from nstd.ledger.database import Database
from nstd.ledger.job import Event, FileIdentity, Job, JobKey, JobRequest, JobState, Json, Segment
from nstd.ledger.leases import Holder, Presence, presence, this_process
from nstd.ledger.protocol import JobStore
from nstd.ledger.rows import (
    event_of,
    fenced_row,
    held_row,
    job_of,
    move,
    no_such_job,
    part_json,
    record,
    to_json,
)

__all__ = ["JobStore", "SqliteJobStore"]

BEGUN_ANEW = "Begun anew"
"""Reason of the event after which a job's frames are counted from 0 again."""

MAX_ATTEMPTS = 5
BUSY_SECONDS = 30.0


class SqliteJobStore(JobStore):
    """The ledger in one SQLite file; safe for any threads of a process, and for many processes.

    Times are the wall clock's, since they must count across processes and reboots; where that
    clock is set back, leases and waits that lie in its future are not waited for (`leases`,
    `claiming`).

    Args:
        path: The file; it and its folder are created where there is none.
        clock: Seconds since the epoch.
        max_attempts: Starts without a painted frame after which a job is FAILED.
        busy_seconds: How long to wait for another process that writes.
        holder: The process in whose name jobs are claimed; this one unless a test says otherwise.
        presence: Says whether the process that holds a job still lives.

    Raises:
        LedgerError: The file is damaged, is no ledger, or was written by a newer nstd.
        StorageError: It cannot be created or opened.
    """

    def __init__(
        self,
        path: Path,
        clock: Callable[[], float] = time.time,
        *,
        max_attempts: int = MAX_ATTEMPTS,
        busy_seconds: float = BUSY_SECONDS,
        holder: Holder | None = None,
        presence: Callable[[Holder, Holder], Presence] = presence,
    ) -> None:
        self._clock = clock
        self._max_attempts = max_attempts
        self._holder = this_process() if holder is None else holder
        self._presence = presence
        self._database = Database(path, busy_seconds=busy_seconds)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        self._database.close()

    # --- queueing ----------------------------------------------------------------------------

    def enqueue(self, request: JobRequest, *, again: bool = False) -> tuple[Job, bool]:
        with self._database.transaction() as connection:
            row, new = queueing.enqueue(connection, request, self._clock(), again=again)
            return job_of(row), new

    def find(self, key: JobKey) -> Job | None:
        found = self._database.read(queueing.LATEST, queueing.key_values(key))
        return job_of(found[0]) if found else None

    def retry(self, job_id: int) -> Job:
        with self._database.transaction() as connection:
            return job_of(queueing.retry(connection, job_id, self._clock()))

    def cancel(self, job_id: int) -> Job:
        with self._database.transaction() as connection:
            return job_of(queueing.cancel(connection, job_id, self._clock()))

    def pause(self, job_id: int) -> Job:
        with self._database.transaction() as connection:
            return job_of(queueing.set_paused(connection, job_id, self._clock(), paused=True))

    def resume(self, job_id: int) -> Job:
        with self._database.transaction() as connection:
            return job_of(queueing.set_paused(connection, job_id, self._clock(), paused=False))

    def prioritize(self, job_id: int, priority: int) -> Job:
        with self._database.transaction() as connection:
            return job_of(queueing.prioritize(connection, job_id, self._clock(), priority))

    # --- working -----------------------------------------------------------------------------

    def claim(
        self,
        worker: str,
        *,
        lease_seconds: float,
        job_id: int | None = None,
        reserved: Sequence[tuple[str, str]] = (),
    ) -> Job | None:
        with self._database.transaction() as connection:
            claim = Claim(
                worker=worker,
                holder=self._holder,
                lease_seconds=lease_seconds,
                now=self._clock(),
                job_id=job_id,
                max_attempts=self._max_attempts,
                presence=lambda holder: self._presence(holder, self._holder),
                reserved=tuple(reserved),
            )
            row = take(connection, claim)
            return None if row is None else job_of(row)

    def renew(self, job: Job, *, lease_seconds: float | None = None) -> Job:
        with self._database.transaction() as connection:
            row = held_row(connection, job)
            seconds = row["lease_seconds"] if lease_seconds is None else lease_seconds
            row = connection.execute(
                "UPDATE jobs SET lease_seconds = ?, lease_until = ? WHERE id = ? RETURNING *",
                (seconds, self._clock() + seconds, job.id),
            ).fetchone()
            return job_of(row)

    def set_plan(self, job: Job, plan: Json, *, reason: str = "") -> Job:
        now = self._clock()
        with self._database.transaction() as connection:
            before = _running_row(connection, job)
            row = connection.execute(
                "UPDATE jobs SET plan = ?, updated = ? WHERE id = ? RETURNING *",
                (to_json(plan), now, job.id),
            ).fetchone()
            if row["plan"] != before["plan"]:
                changed = f"Plan changed: {reason}" if reason else "Plan changed"
                what = "Plan frozen" if before["plan"] is None else changed
                record(connection, row, JobState.RUNNING, now, what)
                row = connection.execute(
                    "UPDATE jobs SET frames_done = (SELECT coalesce(sum(last - first + 1), 0)"
                    " FROM segments WHERE job_id = jobs.id AND path IS NOT NULL)"
                    " WHERE id = ? RETURNING *",
                    (job.id,),
                ).fetchone()
            return job_of(row)

    def release(self, holder: Holder, *, reason: str, counted: bool = True) -> list[Job]:
        with self._database.transaction() as connection:
            now = self._clock()
            rows = release_process(connection, holder, reason, now, counted=counted)
            return [job_of(row) for row in rows]

    def progress(
        self, job: Job, frames_done: int, frames_total: int, segment: Segment | None = None
    ) -> None:
        now = self._clock()
        with self._database.transaction() as connection:
            _running_row(connection, job)
            if segment is not None:
                segment_rows.renew_segment(connection, job.id, segment, now)
            connection.execute(
                "UPDATE jobs SET frames_done = max(frames_done, :done), frames_total = :total,"
                " updated = :now,"
                " attempts = CASE WHEN frames_done < :done THEN 1 ELSE attempts END,"
                " lease_until = :now + lease_seconds WHERE id = :id",
                {"id": job.id, "done": frames_done, "total": frames_total, "now": now},
            )

    def publishing(self, job: Job, *, part: FileIdentity | None = None) -> Job:
        now = self._clock()
        with self._database.transaction() as connection:
            row = _running_row(connection, job)
            record(connection, row, JobState.PUBLISHING, now)
            row = connection.execute(
                "UPDATE jobs SET state = 'publishing', part = ?, updated = ?,"
                " lease_until = ? + lease_seconds WHERE id = ? RETURNING *",
                (part_json(part), now, now, job.id),
            ).fetchone()
            return job_of(row)

    def done(self, job: Job) -> Job:
        with self._database.transaction() as connection:
            row = held_row(connection, job)
            return job_of(move(connection, row, JobState.DONE, self._clock()))

    def fail(self, job: Job, sentence: str) -> Job:
        with self._database.transaction() as connection:
            row = fenced_row(connection, job)
            now = self._clock()
            row = move(connection, row, JobState.FAILED, now, reason=sentence, error=sentence)
            return job_of(row)

    def vanished(self, job: Job) -> Job:
        with self._database.transaction() as connection:
            row = fenced_row(connection, job)
            return job_of(move(connection, row, JobState.VANISHED, self._clock()))

    def requeue(
        self, job: Job, *, reason: str, not_before: float = 0.0, counted: bool = True
    ) -> Job:
        with self._database.transaction() as connection:
            row = held_row(connection, job)
            row = move(
                connection,
                row,
                JobState.QUEUED,
                self._clock(),
                reason=reason,
                hold_reason=reason,
                not_before=not_before,
                attempts=row["attempts"] if counted else max(0, row["attempts"] - 1),
            )
            return job_of(row)

    # --- segments ----------------------------------------------------------------------------

    def open_segment(self, job: Job, segment: Segment) -> Segment:
        with self._database.transaction() as connection:
            row = _running_row(connection, job)
            opening = segment_rows.Opening(
                worker=job.worker or row["worker"],
                holder=self._holder,
                lease_seconds=row["lease_seconds"],
                now=self._clock(),
                presence=lambda holder: self._presence(holder, self._holder),
            )
            return segment_rows.open_segment(connection, job.id, segment, opening)

    def renew_segment(self, job: Job, segment: Segment) -> None:
        with self._database.transaction() as connection:
            _running_row(connection, job)
            segment_rows.renew_segment(connection, job.id, segment, self._clock())

    def close_segment(self, job: Job, segment: Segment) -> None:
        with self._database.transaction() as connection:
            _running_row(connection, job)
            segment_rows.close_segment(connection, job.id, segment, self._clock())

    def segments(self, job_id: int) -> list[Segment]:
        found = self._database.read(
            "SELECT * FROM segments WHERE job_id = :id ORDER BY number", {"id": job_id}
        )
        return [segment_rows.segment_of(row) for row in found]

    def clear_segments(self, job: Job) -> None:
        now = self._clock()
        with self._database.transaction() as connection:
            row = _running_row(connection, job)
            connection.execute("DELETE FROM segments WHERE job_id = ?", (job.id,))
            connection.execute(
                "UPDATE jobs SET frames_done = 0, updated = ? WHERE id = ?", (now, job.id)
            )
            record(connection, row, JobState.RUNNING, now, BEGUN_ANEW)

    # --- looking -----------------------------------------------------------------------------

    def get(self, job_id: int) -> Job:
        found = self._database.read("SELECT * FROM jobs WHERE id = :id", {"id": job_id})
        if not found:
            raise no_such_job(job_id)
        return job_of(found[0])

    def jobs(self, states: Iterable[JobState] | None = None, limit: int | None = None) -> list[Job]:
        found = self._database.read(
            "SELECT * FROM jobs"
            " WHERE :states IS NULL OR state IN (SELECT value FROM json_each(:states))"
            " ORDER BY id DESC LIMIT :limit",
            {
                "states": None if states is None else json.dumps(list(states)),
                "limit": -1 if limit is None else limit,
            },
        )
        return [job_of(row) for row in found]

    def counts(self) -> dict[JobState, int]:
        found = self._database.read("SELECT state, count(*) AS number FROM jobs GROUP BY state")
        numbers = {row["state"]: row["number"] for row in found}
        return {state: numbers.get(state, 0) for state in JobState}

    def events(self, job_id: int) -> list[Event]:
        found = self._database.read(
            "SELECT * FROM events WHERE job_id = :id ORDER BY id", {"id": job_id}
        )
        return [event_of(row) for row in found]

    def is_output(self, path: bytes) -> bool:
        return bool(
            self._database.read(
                "SELECT 1 FROM jobs WHERE target = :path AND state IN ('publishing', 'done')"
                " LIMIT 1",
                {"path": path},
            )
        )

    def jobs_for_target(self, target: bytes) -> list[Job]:
        found = self._database.read(
            "SELECT * FROM jobs WHERE target = :target ORDER BY id DESC", {"target": target}
        )
        return [job_of(row) for row in found]

    def is_source(self, path: bytes) -> bool:
        return bool(
            self._database.read("SELECT 1 FROM jobs WHERE source = :path LIMIT 1", {"path": path})
        )

    def is_being_written(self, target: bytes, *, but_for: int) -> bool:
        return bool(
            self._database.read(
                "SELECT 1 FROM jobs WHERE target = :target AND id != :id"
                " AND state IN ('running', 'publishing') LIMIT 1",
                {"target": target, "id": but_for},
            )
        )

    def jobs_of_film(self, key: JobKey) -> list[Job]:
        found = self._database.read(
            "SELECT * FROM jobs WHERE folder = :folder AND relative = :relative"
            " AND fingerprint = :fingerprint ORDER BY id",
            {"folder": key.folder, "relative": key.relative, "fingerprint": key.fingerprint},
        )
        return list({job.request.key: job for job in map(job_of, found)}.values())

    # --- files seen --------------------------------------------------------------------------

    def record_file(
        self, folder: bytes, relative: bytes, identity: FileIdentity, fingerprint: str
    ) -> None:
        values = file_rows.file_values(folder, relative, identity)
        with self._database.transaction() as connection:
            noted = {"fingerprint": fingerprint, "now": self._clock()}
            connection.execute(file_rows.RECORD, values | noted)

    def known_fingerprint(
        self, folder: bytes, relative: bytes, identity: FileIdentity
    ) -> str | None:
        values = file_rows.file_values(folder, relative, identity)
        found = self._database.read(file_rows.KNOWN, values)
        return str(found[0]["fingerprint"]) if found else None

    # --- the daemon --------------------------------------------------------------------------

    def report(self, facts: Json) -> None:
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO daemon (id, updated, report) VALUES (1, ?, ?)",
                (self._clock(), to_json(facts)),
            )

    def last_report(self) -> Json | None:
        found = self._database.read("SELECT report FROM daemon")
        if not found:
            return None
        facts: Json = json.loads(found[0]["report"])
        return facts


def _running_row(connection: sqlite3.Connection, job: Job) -> sqlite3.Row:
    """The row of a job this worker is painting; see `held_row` for the errors."""
    row = held_row(connection, job)
    if row["state"] != JobState.RUNNING:
        raise LedgerError(f"Job {job.id} is {row['state']}: nothing of it is painted any more")
    return row
