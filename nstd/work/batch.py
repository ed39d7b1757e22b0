"""`batch`: what a configuration names, once."""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from nstd.config import Config
from nstd.errors import Interrupted, LedgerError, NstdError, UsageError, contained
from nstd.files import facts_of
from nstd.intake.once import scan_once
from nstd.ledger.job import Job, JobState, path_of
from nstd.ledger.store import JobStore
from nstd.media.names import is_media
from nstd.submit.control import UNFINISHED, daemon_lock, open_ledger
from nstd.submit.freeze import submit_entry
from nstd.submit.inputs import (
    absolute,
    batch_folder,
    fixed_part,
    found_by,
    warn_of_refused,
    watched_folder,
    watching_folder,
)
from nstd.submit.sources import Candidate
from nstd.work.crew import device_names
from nstd.work.film import Observer
from nstd.work.originals import Clearing
from nstd.work.result import Result, paths_of, result_of, until_stopped, why_not, work_off
from nstd.work.worker import Worker, make_worker

POLL_SECONDS = 0.5
"""Between two looks at jobs that a daemon paints for us."""


def batch(config: Config, paths: Sequence[Path], observer: Observer) -> list[Result]:
    """Paint everything in the watched folders, the batch list, `paths` and the queue, once.

    What has failed before is tried again. With a daemon on the same state folder the work is
    queued with it and waited for.

    Args:
        config: What to paint, and how.
        paths: More films. Each must lie in a watched folder; or the configuration has exactly one
            batch entry, which then applies.
        observer: Who looks on.

    Raises:
        UsageError: A path belongs to no folder and no batch entry, or none of these is given.
        DeviceError: A device is missing.

    Returns:
        What became of each input; where the observer asked to stop, the last says so.
    """
    named = _named_work(config, paths)
    with open_ledger(config) as store:
        _clear_up(config, store)
        found, results = _found_work(config)
        # What nstd has painted itself is painted again only where that very file is named.
        fresh = [one for one in found if not store.is_output(bytes(one.source))]
        # One that is found and named is named.
        work = {(one.entry, one.folder, one.source): one for one in [*fresh, *named]}
        if not (work or config.folders or config.batch or _waiting_jobs(store)):
            raise UsageError(
                "There is nothing to paint",
                f"Name films, or add folders or a batch list to {config.file}",
            )
        jobs = []
        for candidate in work.values():
            try:
                with contained(candidate.source, "queueing"):
                    queued = submit_entry(store, config, candidate)
                jobs += [_tried_again(store, job) for job, _ in queued]
            except LedgerError:
                raise
            except NstdError as error:
                results.append(Result(candidate.source, None, error))
        numbers = {job.id for job in jobs}
        jobs += [job for job in _waiting_jobs(store) if job.id not in numbers]
        return results + until_stopped(_finished(config, store, jobs, observer))


def _finished(
    config: Config, store: JobStore, jobs: Sequence[Job], observer: Observer
) -> Iterator[Result]:
    """The jobs' results: worked off here, or waited for as long as another process works."""
    worker: Worker | None = None
    with ExitStack() as stack:
        for number, job in enumerate(jobs, 1):
            observer.turn(number, len(jobs))
            while worker is None and _is_awaited(store.get(job.id)):
                with ExitStack() as attempt:
                    if attempt.enter_context(daemon_lock(config, required=False)):
                        stack.push(attempt.pop_all())
                        worker = make_worker(config, store, device_names(config)[0], observer)
                if observer.stopping:
                    stopped = Interrupted("Waiting was stopped", "The other nstd goes on by itself")
                    yield Result(*paths_of(job), stopped)
                    return
                if worker is None:
                    observer.doing("waiting for the nstd that works already")
                    time.sleep(POLL_SECONDS)
            result = _ended(store, job) if worker is None else work_off(store, worker, job)
            before = job.state is JobState.DONE
            yield _kept(result, path_of(job.request.target)) if before else result


def _clear_up(config: Config, store: JobStore) -> None:
    """Finish what an earlier run left undone, unless another process is working now."""
    with daemon_lock(config, required=False) as mine:
        if mine:
            work = config.state_dir / "work"
            Clearing(store, work, config.unsure_seconds).clear_up_all()


def _kept(result: Result, target: Path) -> Result:
    """The result of a job that was painted before; says whether its output is still there."""
    try:
        return replace(result, kept=True, gone=facts_of(target) is None)
    except NstdError as error:
        return replace(result, error=error)


def _is_awaited(job: Job) -> bool:
    """Whether a job will end without anybody doing something about it."""
    return job.state in UNFINISHED and not (job.paused and job.state is JobState.QUEUED)


def _waiting_jobs(store: JobStore) -> list[Job]:
    """Jobs that wait to be painted, the first that was queued first.

    Not each of them is found in a folder: some were added by name, and of some the film is gone.
    """
    return [job for job in reversed(store.jobs({JobState.QUEUED})) if not job.paused]


def _tried_again(store: JobStore, job: Job) -> Job:
    # A queued job may wait for its next try; a person who asks for it has mended what was wrong.
    again = {JobState.FAILED, JobState.VANISHED, JobState.QUEUED}
    return store.retry(job.id) if job.state in again else job


def _ended(store: JobStore, job: Job) -> Result:
    now = store.get(job.id)
    return result_of(store, job.id, None if now.state is JobState.DONE else why_not(now))


def _found_work(config: Config) -> tuple[list[Candidate], list[Result]]:
    """What there is in the watched folders, and what the batch list's patterns find.

    A watched folder may be empty; a file in it that does not settle has failed for now. Originals
    of the batch list stay where they are; so a pattern that finds nothing is wrong, or its disk is
    not mounted. Failures are returned beside the work.
    """
    work: list[Candidate] = []
    failed: list[Result] = []
    for folder in config.folders:
        found = scan_once(
            watched_folder(folder),
            settle_seconds=config.settle_seconds,
            unsure_seconds=config.unsure_seconds,
        )
        work += [Candidate(folder, folder.watch, path) for path in found.settled if is_media(path)]
        warn_of_refused(found.settled)
        failed += [
            Result(path, None, error)
            for path, error in found.left_out.items()
            if is_media(path) or path.is_dir()
        ]
    for entry in config.batch:
        bases: dict[Path, Path] = {}
        for pattern in entry.input:
            paths = found_by(pattern, sequence=entry.sequence)
            for path in paths:
                bases.setdefault(path, fixed_part(pattern))
            if not paths:
                missing = UsageError(
                    f"No file matches {pattern}",
                    f"Correct batch: in {config.file}, or mount its disk",
                )
                failed.append(Result(Path(pattern), None, missing))
        work += [Candidate(entry, base, path) for path, base in bases.items()]
    return work, failed


def _named_work(config: Config, paths: Sequence[Path]) -> list[Candidate]:
    return [_owner(config, absolute(path)) for path in paths]


def _owner(config: Config, path: Path) -> Candidate:
    folder = watching_folder(config, path)
    if folder is not None:
        return Candidate(folder, folder.watch, path, named=True)
    if len(config.batch) == 1:
        (entry,) = config.batch
        return Candidate(entry, batch_folder(entry, path), path, named=True)
    raise UsageError(
        f"{path} lies in no watched folder, and there is no single batch entry to go by",
        f"Use `nstd stylize`, or add an entry to {config.file}",
    )
