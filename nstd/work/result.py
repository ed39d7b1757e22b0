"""What becomes of each input of a run that ends."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from nstd.errors import BusyError, DeviceMemoryError, InputError, Interrupted, NstdError
from nstd.files import Json
from nstd.ledger.job import Job, JobState, path_of
from nstd.ledger.store import JobStore
from nstd.submit.control import seconds_spent
from nstd.work.worker import Outcome, Worker


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one input.

    Attributes:
        source: The file.
        target: Where its result is, or would be.
        error: Why there is none, or None.
        kept: Whether it was painted before, and is left as it is.
        gone: Whether what was painted before is not there any more. Somebody has taken it away, so
            it is painted again only if that is asked for.
        job: As the ledger has it now, or None where there is none.
        seconds: How long it was painted in all, earlier runs included; None where there is no job.
    """

    source: Path
    target: Path | None
    error: NstdError | None
    kept: bool = False
    gone: bool = False
    job: Job | None = field(default=None, compare=False, repr=False)
    seconds: float | None = field(default=None, compare=False)

    @property
    def frames(self) -> int | None:
        """How many frames are painted; None where there is no job."""
        return None if self.job is None else self.job.frames_done

    @property
    def report(self) -> Json:
        """What the ledger says of it: how it was read, and what became of its other streams."""
        return {} if self.job is None else self.job.report


def result_of(
    store: JobStore, number: int, error: NstdError | None, *, kept: bool = False
) -> Result:
    """What became of a job, with what the ledger knows of it."""
    job = store.get(number)
    seconds = seconds_spent(job, store.events(number))
    return Result(*paths_of(job), error, kept, job=job, seconds=seconds)


def until_stopped(results: Iterator[Result]) -> list[Result]:
    """All results up to the one that was interrupted, if any."""
    found: list[Result] = []
    for result in results:
        found.append(result)
        if isinstance(result.error, Interrupted):
            break
    return found


def work_off(store: JobStore, worker: Worker, job: Job) -> Result:
    """Paint one job here, unless it is done already."""
    if store.get(job.id).state is JobState.DONE:
        return result_of(store, job.id, None)
    try:
        outcome: Outcome | None = worker.work_one(job.id)
        while outcome is not None and _has_smaller_plan(outcome):
            outcome = worker.work_one(job.id)
    except BusyError as error:
        return result_of(store, job.id, error)
    if outcome is None:
        return result_of(store, job.id, why_not(store.get(job.id)))
    if isinstance(outcome.error, Interrupted) and outcome.job.paused:
        return result_of(store, job.id, why_not(outcome.job))  # the others are still painted
    return result_of(store, job.id, outcome.error)


def _has_smaller_plan(outcome: Outcome) -> bool:
    return (
        isinstance(outcome.error, DeviceMemoryError)
        and outcome.job.state is JobState.QUEUED
        and not outcome.job.paused
    )


def why_not(job: Job) -> NstdError:
    """Why a job cannot be started, as an error."""
    if job.paused:
        return InputError(
            f"Job {job.id} was not painted: it is paused", f"`nstd resume {job.id}` ends that"
        )
    reason = (job.error or job.hold_reason or f"It is {job.state}").removesuffix(".")
    error = InputError(f"Job {job.id} was not painted: {reason}", "The same command tries it again")
    error.kind = job.kind or error.kind
    return error


def paths_of(job: Job) -> tuple[Path, Path]:
    """A job's source and target."""
    return path_of(job.request.source), path_of(job.request.target)
