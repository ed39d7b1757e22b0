"""The queue as seen by those who do not paint: jobs are queued, steered and forgotten."""

import sqlite3
from collections.abc import Callable, Iterable

from nstd.files import Json
from nstd.ledger import queueing
from nstd.ledger.claiming import is_held
from nstd.ledger.job import Job, JobRequest
from nstd.ledger.leases import Holder, Presence
from nstd.ledger.lookups import Lookups
from nstd.ledger.rows import job_of


class Steering(Lookups):
    """The part of a `JobStore` that changes jobs without claiming them."""

    _clock: Callable[[], float]
    _holder: Holder
    _presence: Callable[[Holder, Holder], Presence]

    def enqueue(self, request: JobRequest, *, again: bool = False) -> tuple[Job, bool]:
        """Queue work, once for each `JobKey`.

        Args:
            request: The work; its recipe and output are frozen from now on.
            again: Queue it as a new job even if it was done, has failed or was canceled before. A
                job for it that still waits or runs is never doubled.

        Returns:
            The job for this work, and whether it was queued now. A job whose file had vanished is
            queued again when the file is back.
        """
        with self._database.transaction() as connection:
            row, new = queueing.enqueue(connection, request, self._clock(), again=again)
            return job_of(row), new

    def retry(self, job_id: int, *, found: Json | None = None) -> Job:
        """Queue a failed, canceled or vanished job again, or end the waiting of a queued one.

        Its frozen recipe and its segments stay; its attempts are counted from 0 again.

        Args:
            job_id: Its number.
            found: For a job that waits, replaces what was found around the film before: the job may
                be waiting for a disk that never comes back.
        """
        with self._database.transaction() as connection:
            return job_of(queueing.retry(connection, job_id, self._clock(), found=found))

    def cancel(self, job_id: int) -> Job:
        """Cancel a job that waits or runs, or dismiss one that failed.

        The worker of one that runs notices at its next look at the ledger.
        """
        with self._database.transaction() as connection:
            return job_of(queueing.cancel(connection, job_id, self._clock()))

    def pause(self, job_id: int) -> Job:
        """Keep a job from being started; a worker that holds it sees `paused` and stops.

        It lasts until `resume`, or until the job is over.
        """
        with self._database.transaction() as connection:
            return job_of(queueing.set_paused(connection, job_id, self._clock(), paused=True))

    def resume(self, job_id: int) -> Job:
        """End a pause."""
        with self._database.transaction() as connection:
            return job_of(queueing.set_paused(connection, job_id, self._clock(), paused=False))

    def prioritize(self, job_id: int, priority: int) -> Job:
        """Change a job's priority; higher is sooner."""
        with self._database.transaction() as connection:
            return job_of(queueing.prioritize(connection, job_id, self._clock(), priority))

    def forget(self, jobs: Iterable[Job]) -> set[int]:
        """Remove jobs with their segments, their history, and what is known of their files.

        The same film asked for again is new work. Nothing on the disks is touched.

        Args:
            jobs: As they were when it was decided to forget them.

        Returns:
            The numbers of the jobs that were removed. A job stays that has changed hands or state
            since, or is held by a worker that is not lost.
        """

        def held(row: sqlite3.Row) -> bool:
            return is_held(row, self._clock(), lambda one: self._presence(one, self._holder))

        with self._database.transaction() as connection:
            return {job.id for job in jobs if queueing.forget(connection, job, held)}
