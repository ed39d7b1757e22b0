"""What becomes of each input of a run that ends."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from nstd.errors import BusyError, DeviceMemoryError, InputError, Interrupted, NstdError
from nstd.ledger.job import Job, JobState, path_of
from nstd.ledger.store import JobStore
from nstd.work.worker import Outcome, Worker


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one input.

    Attributes:
        source: The file.
        target: Where its result is, or would be.
        error: Why there is none, or None.
        kept: Whether it was painted before, and is left as it is.
        gone: Whether what was painted before is not there any more: taken away, it is no longer
            nstd's, and is painted again only if that is asked for.
    """

    source: Path
    target: Path | None
    error: NstdError | None
    kept: bool = False
    gone: bool = False


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
    source, target = paths_of(job)
    if store.get(job.id).state is JobState.DONE:
        return Result(source, target, None)
    try:
        outcome: Outcome | None = worker.work_one(job.id)
        while outcome is not None and _has_smaller_plan(outcome):
            outcome = worker.work_one(job.id)
    except BusyError as error:
        return Result(source, target, error)
    if outcome is None:
        return Result(source, target, why_not(store.get(job.id)))
    if isinstance(outcome.error, Interrupted) and outcome.job.paused:
        return Result(source, target, why_not(outcome.job))  # the others are still painted
    return Result(source, target, outcome.error)


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
    return InputError(f"Job {job.id} was not painted: {reason}", "The same command tries it again")


def paths_of(job: Job) -> tuple[Path, Path]:
    """A job's source and target."""
    return path_of(job.request.source), path_of(job.request.target)
