"""The ledger in SQLite: each method of `JobStore` is one transaction on a local disk."""

import sqlite3
import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

from nstd.errors import LedgerError
from nstd.files import Json
from nstd.ledger import segment_rows
from nstd.ledger.claiming import Claim, release_process, take
from nstd.ledger.job import FileIdentity, Job, JobState, Segment, Shot
from nstd.ledger.leases import Holder, Presence, presence, this_process
from nstd.ledger.rows import (
    Why,
    fenced_row,
    file_values,
    held_row,
    job_of,
    move,
    part_json,
    record,
    to_json,
    to_text,
)
from nstd.ledger.steering import Steering

BEGUN_ANEW = "Begun anew"
"""Reason of the event after which a job's frames are counted from 0 again."""

MAX_ATTEMPTS = 5
BUSY_SECONDS = 30.0


class JobStore(Steering):
    """The ledger in one SQLite file; safe for any threads of a process, and for many processes.

    A worker gets a `Job` from `claim` and hands that same `Job` to each method that changes it.
    Such a method raises `BusyError` once the job is no longer the worker's: its lease ran out and
    another took over, or the job was canceled. The worker then drops the job and leaves the ledger
    alone. Every method is one transaction: it is on the disk when the method returns, or never was.

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

    Raises (on opening):
        LedgerError: The file is damaged, is no ledger, or was written by a newer nstd.
        StorageError: It cannot be created or opened.

    Raises (all methods):
        BusyError: Another process keeps the ledger locked.
        DiskFullError: No space for the change; nothing of it was made.
        StorageError: The disk failed.
        LedgerError: The ledger is damaged or closed, a job does not exist or cannot go there.
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
        super().__init__(path, busy_seconds=busy_seconds)
        self._clock = clock
        self._max_attempts = max_attempts
        self._holder = this_process() if holder is None else holder
        self._presence = presence

    # --- working -----------------------------------------------------------------------------

    def claim(
        self,
        worker: str,
        *,
        lease_seconds: float,
        job_id: int | None = None,
        reserved: Sequence[tuple[str, str]] = (),
    ) -> Job | None:
        """Take the next job, or the one asked for; counts an attempt before any work is done.

        Jobs of workers that are lost (their lease ran out, or their process is gone) are queued
        again first. A job that was started too often since its last painted frame becomes FAILED
        instead of being started once more.

        Args:
            worker: Name of the claimer, for people.
            lease_seconds: How long the claim counts without a word from the worker.
            job_id: Only this job.
            reserved: "device" and "processor" of execution plans whose jobs are left to others: on
                another device they would lose the frames of their open segment.

        Returns:
            The claimed job, or None where there is nothing to start now. It is RUNNING; or
            PUBLISHING, where a worker was lost while it put the output in place. Then no frame is
            to be painted: look whether the file at the target is `job.part` (`same_content`), and
            call `done`, or finish the publishing, or `requeue`.

        Raises:
            BusyError: A living worker holds the job asked for; the sentence names that worker.
        """
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
        """Prolong the claim, by its own `lease_seconds` unless others are given.

        Returns:
            The job as it is now: what others changed (`paused`, priority) shows here.
        """
        with self._database.transaction() as connection:
            row = held_row(connection, job)
            seconds = row["lease_seconds"] if lease_seconds is None else lease_seconds
            row = connection.execute(
                "UPDATE jobs SET lease_seconds = ?, lease_until = ? WHERE id = ? RETURNING *",
                (seconds, self._clock() + seconds, job.id),
            ).fetchone()
            return job_of(row)

    def set_plan(self, job: Job, plan: Json, *, reason: str = "") -> Job:
        """Freeze the execution plan; a changed one counts from the next opened segment on.

        Args:
            job: The claim.
            plan: The plan, as JSON.
            reason: Why it changed, in words, for the job's history.
        """
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
                row = _count_again(connection, job, now)
            return job_of(row)

    def set_found(self, job: Job, found: Json) -> Job:
        """Note what is around the film now.

        Args:
            job: The claim.
            found: What was found, as JSON.
        """
        with self._database.transaction() as connection:
            held_row(connection, job)
            row = connection.execute(
                "UPDATE jobs SET found = ? WHERE id = ? RETURNING *", (to_json(found), job.id)
            ).fetchone()
            return job_of(row)

    def report(self, job: Job, **entries: Any) -> Job:
        """Note what was found out about the film; an entry of the same name is replaced.

        Args:
            job: The claim.
            entries: By name, each of what JSON can say; None takes an entry away.
        """
        with self._database.transaction() as connection:
            known = job_of(held_row(connection, job)).report | entries
            facts = {name: entry for name, entry in known.items() if entry is not None}
            row = connection.execute(
                "UPDATE jobs SET report = ? WHERE id = ? RETURNING *", (to_json(facts), job.id)
            ).fetchone()
            return job_of(row)

    def release(self, holder: Holder, *, reason: str, counted: bool = True) -> list[Job]:
        """Give back whatever a process holds that has ended; for its parent.

        Args:
            holder: The process.
            reason: How it ended, in words.
            counted: Whether the starts count as attempts.

        Returns:
            The jobs it held: QUEUED, or PUBLISHING and held by nobody.
        """
        with self._database.transaction() as connection:
            now = self._clock()
            rows = release_process(connection, holder, reason, now, counted=counted)
            return [job_of(row) for row in rows]

    def progress(self, job: Job, frames_done: int, frames_total: int) -> None:
        """Note a painted frame and prolong the claim.

        Args:
            job: The claim.
            frames_done: Frames painted so far. If there are more than ever, this start counts as
                the first one since. If there are fewer, as when a later start passes the frames
                that are kept, the greatest number stays.
            frames_total: An estimate; 0 where unknown.
        """
        now = self._clock()
        with self._database.transaction() as connection:
            _running_row(connection, job)
            connection.execute(
                "UPDATE jobs SET frames_done = max(frames_done, :done), frames_total = :total,"
                " updated = :now,"
                " attempts = CASE WHEN frames_done < :done THEN 1 ELSE attempts END,"
                " lease_until = :now + lease_seconds WHERE id = :id",
                {"id": job.id, "done": frames_done, "total": frames_total, "now": now},
            )

    def publishing(self, job: Job, *, part: FileIdentity | None = None, reason: str = "") -> Job:
        """Note that the finished, verified file `part` is about to replace the target.

        Args:
            job: The claim.
            part: The file.
            reason: How the file was made if it was not painted, in words.
        """
        now = self._clock()
        with self._database.transaction() as connection:
            row = _running_row(connection, job)
            record(connection, row, JobState.PUBLISHING, now, reason)
            row = connection.execute(
                "UPDATE jobs SET state = 'publishing', part = ?, updated = ?,"
                " lease_until = ? + lease_seconds WHERE id = ? RETURNING *",
                (part_json(part), now, now, job.id),
            ).fetchone()
            return job_of(row)

    def done(self, job: Job) -> Job:
        """Note that the output is in place."""
        with self._database.transaction() as connection:
            row = held_row(connection, job)
            segment_rows.forget_shots(connection, job.id)
            return job_of(move(connection, row, JobState.DONE, self._clock(), Why()))

    def remark(self, job: Job, waits: str | None) -> Job:
        """Note what is left to be done of a job that is over, and why that waits; None: nothing."""
        with self._database.transaction() as connection:
            row = fenced_row(connection, job)
            record(connection, row, JobState(row["state"]), self._clock(), waits or "Nothing waits")
            row = connection.execute(
                "UPDATE jobs SET hold_reason = ? WHERE id = ? RETURNING *",
                (None if waits is None else to_text(waits), job.id),
            ).fetchone()
            return job_of(row)

    def fail(self, job: Job, sentence: str, *, kind: str | None = None) -> Job:
        """Give a job up, held or queued, with a sentence for people and its error's kind."""
        return self._end(job, JobState.FAILED, sentence, kind)

    def vanished(self, job: Job, sentence: str, *, kind: str | None = None) -> Job:
        """Note that the film of a job, held or queued, is gone; arguments as for `fail`."""
        return self._end(job, JobState.VANISHED, sentence, kind)

    def _end(self, job: Job, after: JobState, sentence: str, kind: str | None) -> Job:
        with self._database.transaction() as connection:
            row, now = fenced_row(connection, job), self._clock()
            why = Why(reason=sentence, error=sentence, kind=kind)
            return job_of(move(connection, row, after, now, why))

    def requeue(
        self,
        job: Job,
        *,
        reason: str,
        kind: str | None = None,
        not_before: float = 0.0,
        counted: bool = True,
    ) -> Job:
        """Give a claim back.

        Args:
            job: The claim.
            reason: Why it waits, in words.
            kind: Which error that is, for programs.
            not_before: It is not started before this time, in seconds since the epoch.
            counted: Whether this start counts as an attempt; it does not if it was only stopped.
        """
        with self._database.transaction() as connection:
            row, now = held_row(connection, job), self._clock()
            tried = row["attempts"] if counted else max(0, row["attempts"] - 1)
            why = Why(reason, hold_reason=reason, kind=kind, attempts=tried, not_before=not_before)
            return job_of(move(connection, row, JobState.QUEUED, now, why))

    # --- segments ----------------------------------------------------------------------------

    def open_segment(self, job: Job, segment: Segment) -> None:
        """Note a segment by its first frame; one that was opened and not closed is noted anew."""
        with self._database.transaction() as connection:
            _running_row(connection, job)
            segment_rows.open_segment(connection, job.id, segment, self._clock())

    def close_segment(self, job: Job, segment: Segment, shot: Shot | None = None) -> None:
        """Note a segment's file, digest, last frame and what it leaves, all at once.

        Args:
            job: The claim.
            segment: With its file.
            shot: Of its last frame: the next segment asks for it. Once noted it stays as it is, and
                is forgotten when no segment can ask for it any more.
        """
        with self._database.transaction() as connection:
            _running_row(connection, job)
            segment_rows.close_segment(connection, job.id, segment, shot, self._clock())

    def reopen_segments(self, job: Job, numbers: Collection[int]) -> None:
        """Note that segments, closed before, are to be painted again; the others stay.

        Args:
            job: The claim.
            numbers: Theirs, with all that depend on them.
        """
        with self._database.transaction() as connection:
            row = _running_row(connection, job)
            segment_rows.reopen_segments(connection, job.id, numbers)
            _count_again(connection, job, self._clock())
            # The time spent on what is kept still counts in an estimate.
            which = ", ".join(str(number + 1) for number in sorted(numbers))
            how = f"Painted again: segment {which}"
            record(connection, row, JobState.RUNNING, self._clock(), how)

    def clear_segments(self, job: Job) -> None:
        """Forget all of the job's segments, and the frames painted of them."""
        with self._database.transaction() as connection:
            row = _running_row(connection, job)
            segment_rows.clear_segments(connection, job.id)
            _count_again(connection, job, self._clock())
            record(connection, row, JobState.RUNNING, self._clock(), BEGUN_ANEW)

    # --- files seen, and the daemon ----------------------------------------------------------

    def record_file(
        self, folder: bytes, relative: bytes, identity: FileIdentity, fingerprint: str
    ) -> None:
        """Remember a file's fingerprint, so that it need not be read again."""
        values = file_values(folder, relative, identity)
        values |= {"fingerprint": fingerprint, "now": self._clock()}
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO files (folder, relative, device, inode, size, mtime_ns,"
                " ctime_ns, fingerprint, recorded) VALUES (:folder, :relative, :device, :inode,"
                " :size, :mtime_ns, :ctime_ns, :fingerprint, :now)",
                values,
            )

    def report_daemon(self, facts: Json) -> None:
        """Note the state of the daemon, for other processes; replaces the last report."""
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO daemon (id, updated, report) VALUES (1, ?, ?)",
                (self._clock(), to_json(facts)),
            )


def _count_again(connection: sqlite3.Connection, job: Job, now: float) -> sqlite3.Row:
    """Count the painted frames again: those of closed segments."""
    (_, frames, _) = connection.execute(segment_rows.PAINTED, {"id": job.id}).fetchone()
    row: sqlite3.Row = connection.execute(
        "UPDATE jobs SET frames_done = ?, updated = ? WHERE id = ? RETURNING *",
        (frames, now, job.id),
    ).fetchone()
    return row


def _running_row(connection: sqlite3.Connection, job: Job) -> sqlite3.Row:
    """The row of a job this worker is painting; see `held_row` for the errors."""
    row = held_row(connection, job)
    if row["state"] != JobState.RUNNING:
        raise LedgerError(f"Job {job.id} is {row['state']}: nothing of it is painted any more")
    return row
