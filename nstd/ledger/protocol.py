"""What the rest of nstd asks of a ledger of jobs, whatever keeps it."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from nstd.ledger.job import Event, FileIdentity, Job, JobKey, JobRequest, JobState, Json, Segment
from nstd.ledger.leases import Holder


class JobStore(Protocol):
    """The ledger: which film is where on its way.

    A worker gets a `Job` from `claim` and hands that same `Job` to each method that changes it.
    Such a method raises `BusyError` once the job is no longer the worker's: its lease ran out and
    another took over, or the job was canceled. The worker then drops the job and leaves the ledger
    alone. Every method is one transaction: it is on the disk when the method returns, or never was.

    Raises (all methods):
        BusyError: Another process keeps the ledger locked.
        DiskFullError: No space for the change; nothing of it was made.
        StorageError: The disk failed.
        LedgerError: The ledger is damaged or closed, a job does not exist or cannot go there.
    """

    # --- queueing ----------------------------------------------------------------------------

    def enqueue(self, request: JobRequest, *, again: bool = False) -> tuple[Job, bool]:
        """Queue work, once for each `JobKey`.

        Args:
            request: The work; its recipe and output are frozen from now on.
            again: Queue it as a new job even if it was done, has failed or was canceled before. A
                job for it that still waits or runs is never doubled.

        Returns:
            The job for this work, and whether it was queued now. A job whose file had vanished is
            queued anew when the file is back.
        """
        ...

    def find(self, key: JobKey) -> Job | None:
        """The newest job for this work, or None."""
        ...

    def retry(self, job_id: int) -> Job:
        """Queue a failed, canceled or vanished job again, or end the waiting of a queued one.

        Its frozen recipe and its segments stay; its attempts are counted anew.
        """
        ...

    def cancel(self, job_id: int) -> Job:
        """Cancel a job that waits or runs; its worker notices at its next look at the ledger."""
        ...

    def pause(self, job_id: int) -> Job:
        """Keep a job from being started; a worker that holds it sees `paused`, and stops.

        It lasts until `resume`, or until the job is over.
        """
        ...

    def resume(self, job_id: int) -> Job:
        """End a pause."""
        ...

    def prioritize(self, job_id: int, priority: int) -> Job:
        """Change a job's turn; higher is sooner."""
        ...

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
            BusyError: A living worker holds the job asked for; the sentence names its process.
        """
        ...

    def renew(self, job: Job, *, lease_seconds: float | None = None) -> Job:
        """Prolong the claim, by as much as it was made for unless told otherwise.

        Returns:
            The job as it is now: what others changed (`paused`, priority) shows here.
        """
        ...

    def set_plan(self, job: Job, plan: Json, *, reason: str = "") -> Job:
        """Freeze the execution plan; a changed one counts from the next opened segment on.

        Args:
            job: The claim.
            plan: The plan, as JSON.
            reason: Why it changed, in words, for the job's history.
        """
        ...

    def release(self, holder: Holder, *, reason: str, counted: bool = True) -> list[Job]:
        """Give back whatever a process holds that has ended; for its parent.

        Args:
            holder: The process.
            reason: How it ended, in words.
            counted: Whether the starts count as attempts.

        Returns:
            The jobs it held: QUEUED, or PUBLISHING and held by nobody.
        """
        ...

    def progress(
        self, job: Job, frames_done: int, frames_total: int, segment: Segment | None = None
    ) -> None:
        """Note a painted frame and prolong the claim.

        Args:
            job: The claim.
            frames_done: Frames painted so far. If there are more than ever, this start counts as
                the first one since; if there are less, as when frames kept from an earlier start
                are come by again, the greatest number stays.
            frames_total: An estimate; 0 where unknown.
            segment: The open segment the frame is of, whose claim is prolonged too.

        Raises:
            BusyError: The job, or the segment, was given up for lost and taken over.
        """
        ...

    def publishing(self, job: Job, *, part: FileIdentity | None = None) -> Job:
        """Note that the finished, verified file `part` is about to replace the target."""
        ...

    def done(self, job: Job) -> Job:
        """Note that the output is in place."""
        ...

    def fail(self, job: Job, sentence: str) -> Job:
        """Give a job up, with the sentence a person will read. It may be held or queued."""
        ...

    def vanished(self, job: Job) -> Job:
        """Note that the film is gone. The job may be held or queued."""
        ...

    def requeue(
        self, job: Job, *, reason: str, not_before: float = 0.0, counted: bool = True
    ) -> Job:
        """Give a claim back.

        Args:
            job: The claim.
            reason: Why it waits, in words.
            not_before: It is not started before this time, in seconds since the epoch.
            counted: Whether this start counts as an attempt; not so where it was only stopped.
        """
        ...

    # --- segments ----------------------------------------------------------------------------

    def open_segment(self, job: Job, segment: Segment) -> Segment:
        """Note a segment by its first frame, or anew one that was opened and not closed.

        Returns:
            The segment with its fencing token; hand that one to the next two methods.

        Raises:
            BusyError: Another process that lives is painting this segment.
        """
        ...

    def renew_segment(self, job: Job, segment: Segment) -> None:
        """Prolong the claim on an open segment.

        Raises:
            BusyError: It was given up for lost, and another process has taken it over.
        """
        ...

    def close_segment(self, job: Job, segment: Segment) -> None:
        """Note a segment's file, digest, last frame and carried state, all at once.

        Raises:
            BusyError: As for `renew_segment`.
        """
        ...

    def segments(self, job_id: int) -> list[Segment]:
        """The job's segments in their order."""
        ...

    def clear_segments(self, job: Job) -> None:
        """Forget the job's segments and the frames painted: it begins anew."""
        ...

    # --- looking -----------------------------------------------------------------------------

    def get(self, job_id: int) -> Job:
        """The job with this number."""
        ...

    def jobs(self, states: Iterable[JobState] | None = None, limit: int | None = None) -> list[Job]:
        """Jobs in any of these states (None: all), the newest first, at most `limit`."""
        ...

    def counts(self) -> dict[JobState, int]:
        """How many jobs are in each of the states."""
        ...

    def events(self, job_id: int) -> list[Event]:
        """The job's history, the oldest line first."""
        ...

    def is_output(self, path: bytes) -> bool:
        """Whether a job has put, or is putting, its output at this path."""
        ...

    def jobs_for_target(self, target: bytes) -> list[Job]:
        """The jobs whose output goes, or went, to this path, the newest first."""
        ...

    def is_source(self, path: bytes) -> bool:
        """Whether any job paints, or has painted, the film at this path."""
        ...

    def is_being_written(self, target: bytes, *, but_for: int) -> bool:
        """Whether a job other than `but_for` is on its way to put its output at this path."""
        ...

    def jobs_of_film(self, key: JobKey) -> list[Job]:
        """The newest job of each recipe for the film of `key`: same folder, path and content."""
        ...

    # --- files seen --------------------------------------------------------------------------

    def record_file(
        self, folder: bytes, relative: bytes, identity: FileIdentity, fingerprint: str
    ) -> None:
        """Remember a file's fingerprint, so that it need not be read again."""
        ...

    def known_fingerprint(
        self, folder: bytes, relative: bytes, identity: FileIdentity
    ) -> str | None:
        """The fingerprint of a file that has not changed since it was recorded, or None."""
        ...

    # --- the daemon --------------------------------------------------------------------------

    def report(self, facts: Json) -> None:
        """Note how the daemon fares, for those who look from outside; replaces the last report."""
        ...

    def last_report(self) -> Json | None:
        """What the daemon, or the last one that ran, has reported."""
        ...

    def close(self) -> None:
        """Close the ledger; further use raises `LedgerError`."""
        ...
