"""Claim, stylize, finish or fail: what happens to one job after the other on one device."""

import logging
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from nstd.cache import TensorCache
from nstd.engine.local import LocalEngine
from nstd.errors import (
    BusyError,
    DeviceError,
    DeviceMemoryError,
    InputError,
    Interrupted,
    NstdError,
    OutputExistsError,
    StorageError,
    VanishedError,
    from_os_error,
)
from nstd.film import Film, Observer, OutputSpec, path_of
from nstd.jobs.fingerprint import fingerprint
from nstd.jobs.job import FileIdentity, Job, JobState, Json
from nstd.jobs.protocol import JobStore
from nstd.media.files import part_path, publish, removed_on_failure
from nstd.pipeline import build_painter, stylize_film
from nstd.plan import ExecutionPlan
from nstd.style.device import DeviceInfo, prepare, use_threads
from nstd.style.optimize import Iterate, Painter
from nstd.style.recipe import StyleRecipe
from nstd.style.targets import MemoryStore

logger = logging.getLogger(__name__)

_SETTLED = frozenset({JobState.DONE, JobState.CANCELED})
"""States of a film's other jobs in which they need the original no more."""

LEASE_SECONDS = 3600.0
"""Only for a worker that lives and does nothing: one that is dead is noticed at once. Between two
words to the ledger lies at most the putting together of a long film."""

LOOK_SECONDS = 1.0
"""Between two looks at whether the job was paused or canceled: a frame may take minutes."""

FIRST_WAIT_SECONDS = 30.0
LONGEST_WAIT_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a job that was claimed.

    Attributes:
        job: As the ledger has it now.
        error: Why it is not done, or None.
    """

    job: Job
    error: NstdError | None


class Worker:
    """Works off jobs on one device, in one thread.

    Args:
        store: The ledger.
        device: Where to paint.
        state_dir: Holds the jobs' work folders.
        cache_dir: Holds the cached targets.
        threads: torch's threads on the CPU.
        observer: Who looks on; its `stopping` is obeyed at every step.
        clock: Seconds since the epoch.

    Raises:
        DeviceError: The device does not answer.
    """

    def __init__(
        self,
        store: JobStore,
        device: DeviceInfo,
        *,
        state_dir: Path,
        cache_dir: Path,
        threads: int,
        observer: Observer,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._device = device
        self._work_dir = state_dir / "work"
        self._targets = TensorCache(cache_dir / "targets")
        self._threads = threads
        self._observer = observer
        self._clock = clock
        self._torch_device = prepare(device, threads)
        self._painter: tuple[Json, Painter] | None = None

    def work_one(self, job_id: int | None = None) -> Outcome | None:
        """Take the next job, or the one asked for, as far as it goes.

        Returns:
            What became of it, or None where there is nothing to do now.

        Raises:
            LedgerError, StorageError: The ledger itself cannot be used.
        """
        name = f"{self._device.name} of process {os.getpid()}"
        job = self._store.claim(name, lease_seconds=LEASE_SECONDS, job_id=job_id)
        if job is not None and job.state is JobState.PUBLISHING and not _is_whole(job):
            reason = "The finished film is gone; it is put together anew"
            self._store.requeue(job, reason=reason, counted=False)
            job = self._store.claim(name, lease_seconds=LEASE_SECONDS, job_id=job.id)
        if job is None:
            return None
        try:
            self._process(job)
        except NstdError as error:
            return Outcome(self._settle(job, error), error)
        except Exception as error:
            # A job must never take the daemon down: whatever it was, it is this job's failure.
            logger.exception("Job %d failed in a way nobody foresaw", job.id)
            unforeseen = NstdError(f"Painting failed unexpectedly: {type(error).__name__}: {error}")
            return Outcome(self._settle(job, unforeseen), unforeseen)
        return Outcome(self._store.get(job.id), None)

    def _process(self, job: Job) -> None:
        use_threads(self._threads)
        if job.state is JobState.PUBLISHING:
            _finish_publishing(self._store, job)
        else:
            stylize_film(self._film(job), LocalEngine())
        self._clear_up(job)

    def clear_up_all(self) -> None:
        """What a worker lost just after its last word to the ledger has left undone."""
        if not self._work_dir.is_dir():
            return
        there = {path.name for path in self._work_dir.iterdir()}
        for job in self._store.jobs({JobState.DONE, JobState.CANCELED, JobState.VANISHED}):
            if str(job.id) in there:
                self._clear_up(job)

    def _clear_up(self, job: Job) -> None:
        # The work folder goes last: as long as it is there, something is left to be done.
        if self._store.get(job.id).state is JobState.DONE:
            _settle_original(self._store, job)
        shutil.rmtree(self._work_dir / str(job.id), ignore_errors=True)

    def _film(self, job: Job) -> Film:
        recipe = StyleRecipe.from_json(job.request.recipe)
        work = self._work_dir / str(job.id)
        plan, job = self._plan(job, work)
        try:
            work.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise from_os_error(error, work, "writing") from error
        return Film(
            job=job,
            store=self._store,
            work=work,
            plan=plan,
            output=OutputSpec.from_json(job.request.output),
            painter=self._ready_painter(job, recipe, plan),
            observer=_LeaseKeeper(self._observer, self._store, job),
        )

    def _plan(self, job: Job, work: Path) -> tuple[ExecutionPlan, Job]:
        """The job's frozen plan; a new one where this machine is not what it was made for."""
        plan = ExecutionPlan(
            device=self._torch_device.type,
            processor=self._device.processor,
            threads=self._threads,
        )
        if job.plan == plan.to_json():
            return plan, job
        if job.plan is None:
            # It was never begun: what lies there is of a ledger that is gone, and of another film.
            shutil.rmtree(work, ignore_errors=True)
        else:
            # Frames kept by the old plan would make a segment of two plans: it begins anew.
            logger.warning("Job %d goes on with another plan: %s", job.id, plan)
            for kept in work.glob("segment-*/"):
                shutil.rmtree(kept)
        return plan, self._store.set_plan(job, plan.to_json())

    def _ready_painter(self, job: Job, recipe: StyleRecipe, plan: ExecutionPlan) -> Painter:
        """The painter for a recipe; the last one is kept, since a folder's films share theirs."""
        if self._painter is None or self._painter[0] != job.request.recipe:
            self._painter = None  # frees its memory before the next is built
            store = MemoryStore(self._targets)
            painter = build_painter(recipe, plan, self._torch_device, store)
            self._painter = (job.request.recipe, painter)
        return self._painter[1]

    def _settle(self, job: Job, error: NstdError) -> Job:
        """Note in the ledger what `error` means for the job."""
        try:
            return self._note(job, error)
        except BusyError as lost:
            # Canceled, or taken over by another worker: the ledger already knows better.
            now = self._store.get(job.id)
            if now.state is not JobState.CANCELED:
                logger.warning("Job %d is no longer ours: %s", job.id, lost)
            return now

    def _note(self, job: Job, error: NstdError) -> Job:
        if self._store.get(job.id).state not in {JobState.RUNNING, JobState.PUBLISHING}:
            return self._store.get(job.id)
        if isinstance(error, Interrupted):
            return self._store.requeue(job, reason=error.problem, counted=False)
        if isinstance(error, DeviceError) and not isinstance(error, DeviceMemoryError):
            # The device's fault, not the film's: it must not use up the film's attempts.
            return self._store.requeue(job, reason=str(error), counted=False)
        if isinstance(error, VanishedError) and not _is_as_queued(self._store, job):
            return self._store.vanished(job)
        if error.retryable:
            wait = min(FIRST_WAIT_SECONDS * 4 ** (job.attempts - 1), LONGEST_WAIT_SECONDS)
            return self._store.requeue(job, reason=str(error), not_before=self._clock() + wait)
        return self._store.fail(job, str(error))


class _LeaseKeeper:
    """Tells an observer, and meanwhile keeps the claim on the job alive."""

    def __init__(self, observer: Observer, store: JobStore, job: Job) -> None:
        self._observer, self._store, self._job = observer, store, job
        self._renewed = self._looked = time.monotonic()
        self._paused = False

    @property
    def stopping(self) -> bool:
        return self._paused or self._observer.stopping

    def began(self, job: Job, *, painted: int, total: int) -> None:
        self._observer.began(job, painted=painted, total=total)

    def stepped(self, frame: int, iterate: Iterate) -> None:
        now = time.monotonic()
        if now - self._renewed > LEASE_SECONDS / 4:
            self._renew()
        elif now - self._looked > LOOK_SECONDS:
            self._look()
        self._observer.stepped(frame, iterate)

    def painted(self, frame: int) -> None:
        self._renew()
        self._observer.painted(frame)

    def _renew(self) -> None:
        self._paused = self._store.renew(self._job).paused
        self._renewed = self._looked = time.monotonic()

    def _look(self) -> None:
        """Only read: unlike a renewal it waits neither for the disk nor for another process."""
        job = self._store.get(self._job.id)
        if job.token != self._job.token:
            self._renew()  # it is ours no more, and this says why
        self._paused = job.paused
        self._looked = time.monotonic()


def _is_whole(job: Job) -> bool:
    """Whether the finished film of a job that was about to publish it is there, somewhere."""
    target = path_of(job.request.target)
    return job.part is not None and any(
        _is_file(path, job.part) for path in (target, part_path(target))
    )


def _finish_publishing(store: JobStore, job: Job) -> None:
    """Go on where an earlier worker was lost between writing the output and saying so."""
    target = path_of(job.request.target)
    part = part_path(target)
    if job.part is not None and _is_file(target, job.part):
        part.unlink(missing_ok=True)
    else:
        publish(part, target, overwrite=OutputSpec.from_json(job.request.output).overwrite)
    store.done(job)


def _settle_original(store: JobStore, job: Job) -> None:
    """Move or delete the source where that was asked for: only now that the output is in place."""
    output = OutputSpec.from_json(job.request.output)
    source = path_of(job.request.source)
    if output.originals == "keep":
        return
    states = {j.request.key.recipe_name: j.state for j in store.jobs_of_film(job.request.key)}
    if any(states.get(name) not in _SETTLED for name in output.siblings):
        logger.info("%s stays until its other recipes are painted too", source)
        return
    if not _is_as_queued(store, job):
        logger.warning("%s is not what was painted any more, and was left where it is", source)
        return
    try:
        if output.originals == "delete":
            source.unlink()
        elif output.move_to is not None:
            _move(source, Path(output.move_to) / os.fsdecode(job.request.key.relative))
    except (OSError, StorageError, OutputExistsError) as error:
        # The film is painted and in place; that its original stayed is worth a word, not a failure.
        logger.warning("%s stays where it is: %s", source, error)


def _is_as_queued(store: JobStore, job: Job) -> bool:
    """Whether the source is there, with the content it was queued with."""
    key = job.request.key
    try:
        found = fingerprint(store, path_of(key.folder), path_of(job.request.source))
    except InputError:
        return False
    return found == key.fingerprint


def _move(source: Path, target: Path) -> None:
    """Move without ever replacing another file, or leaving half of one under a final name."""
    target.parent.mkdir(parents=True, exist_ok=True)
    free, number = target, 2
    while free.exists():
        free = target.with_name(f"{target.stem}-{number}{target.suffix}")
        number += 1
    if source.stat().st_dev == free.parent.stat().st_dev:
        publish(source, free, overwrite=False)
        return
    part = part_path(free)
    with removed_on_failure(part):
        shutil.copy2(source, part)
        publish(part, free, overwrite=False)
    source.unlink()


def _is_file(path: Path, identity: FileIdentity) -> bool:
    try:
        return FileIdentity.from_stat(path.stat()).same_content(identity)
    except OSError:
        return False  # gone, or out of reach: either way nothing to go on with
