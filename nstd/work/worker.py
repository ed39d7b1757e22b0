"""Claim, stylize, finish or fail: what happens to one job after the other on one device."""

import logging
import math
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from nstd.cache import TensorCache
from nstd.config import Config
from nstd.disks.locks import locked
from nstd.errors import (
    BusyError,
    DeviceError,
    DeviceMemoryError,
    DiskFullError,
    InputError,
    Interrupted,
    MountError,
    NstdError,
    PlanError,
    ShortMemoryError,
    StorageError,
    VanishedError,
    VerificationError,
    unforeseen,
)
from nstd.files import empty_folder
from nstd.intake.stability import opens_later, seconds_of_grace
from nstd.ledger.job import Job, JobState, path_of
from nstd.ledger.store import JobStore
from nstd.media.write.hardware import choose_encoder
from nstd.painting.painter import Told, build_estimator, build_painter
from nstd.painting.plan import ExecutionPlan, differences
from nstd.style.device import prepare, use_threads
from nstd.style.devices import DeviceInfo, choose_devices
from nstd.style.optimize import Painter
from nstd.style.recipe import INDEPENDENT, StyleRecipe
from nstd.style.targets import MemoryStore
from nstd.submit.frozen import restore_frozen
from nstd.submit.output import OutputSpec
from nstd.submit.places import Places
from nstd.work.crew import WorkerSettings, worker_settings
from nstd.work.film import Film, Observer
from nstd.work.lease import LEASE_SECONDS, LeaseKeeper
from nstd.work.originals import Clearing
from nstd.work.pipeline import stylize_film
from nstd.work.publish import finish_publishing, is_published, is_whole
from nstd.work.source import is_as_queued

logger = logging.getLogger(__name__)


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
        settings: Its settings.
        observer: Who looks on; its `stopping` is obeyed at every step.
        clock: Seconds since the epoch.

    Attributes:
        clearing: Clears up after jobs that are over.

    Raises:
        DeviceError: The device does not answer.
    """

    def __init__(
        self,
        store: JobStore,
        device: DeviceInfo,
        settings: WorkerSettings,
        observer: Observer,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._device = device
        self._settings = settings
        self._work_dir = settings.state_dir / "work"
        self._targets = TensorCache(settings.cache_dir / "targets")
        self._threads = settings.threads
        self._observer = observer
        self._clock = clock
        self.clearing = Clearing(store, self._work_dir, settings.unsure_seconds, clock)
        self._torch_device = prepare(device, settings.threads)
        self._painter: tuple[tuple[StyleRecipe, ExecutionPlan], Painter] | None = None
        self._unsettled: tuple[Job, NstdError] | None = None

    def work_one(self, job_id: int | None = None) -> Outcome | None:
        """Take the next job, or the one asked for, as far as it goes.

        Returns:
            What became of it, or None where there is nothing to do now.

        Raises:
            LedgerError, StorageError: The ledger itself cannot be used. The next call begins by
                noting what became of the job.
        """
        if self._unsettled is not None:
            earlier, late = self._unsettled
            return Outcome(self._settle(earlier, late), late)
        name = f"{self._device.name} of process {os.getpid()}"
        job = self._store.claim(
            name,
            lease_seconds=LEASE_SECONDS,
            job_id=job_id,
            reserved=self._settings.reserved,
        )
        if job is not None and job.state is JobState.PUBLISHING and not is_whole(job):
            gone = Interrupted("The finished film is gone; it is put together anew")
            self._settle(job, gone)
            job = self._store.claim(name, lease_seconds=LEASE_SECONDS, job_id=job.id)
        if job is None:
            return None
        try:
            self._process(job)
        except NstdError as error:
            return Outcome(self._settle(job, error), error)
        except Exception as error:
            # A job must never take the daemon down: whatever it was, it is this job's failure.
            fault = unforeseen(error, path_of(job.request.source), "working on")
            return Outcome(self._settle(job, fault), fault)
        return Outcome(self._store.get(job.id), None)

    def _process(self, job: Job) -> None:
        use_threads(self._threads)
        if job.state is JobState.PUBLISHING or is_published(job):
            keeper = LeaseKeeper(self._observer, self._store, job)
            finish_publishing(self._store, job, keeper.alive)
        else:
            # Frames of a film that is painted are never cleared away, whatever its state was.
            with locked(self._work_dir / str(job.id), shared=True, seconds=math.inf):
                stylize_film(self._film(self._with_places(job)))
        self.clearing.clear_up(job)

    def _with_places(self, job: Job) -> Job:
        """The job, with a note of the disks that its folders are on now.

        Raises:
            MountError: One is not there, or is another one than before.
        """
        before = job.request.found or {}
        found = before | {"places": Places.of(job).found().to_json()}
        return job if found == before else self._store.set_found(job, found)

    def _film(self, job: Job) -> Film:
        recipe = StyleRecipe.from_json(job.request.recipe)
        output = OutputSpec.from_json(job.request.output)
        if output.copy:
            recipe = replace(recipe, styles=(), temporal=INDEPENDENT)
        work = self._work_dir / str(job.id)
        plan, job = self._plan(job, work)
        return Film(
            job=job,
            store=self._store,
            work=work,
            plan=plan,
            output=output.encoded_by(plan.encoder),
            painter=self._ready_painter(job, recipe, plan),
            observer=LeaseKeeper(self._observer, self._store, job),
            estimator=build_estimator(recipe, plan, self._torch_device, self._settings.cache_dir),
        )

    def _plan(self, job: Job, work: Path) -> tuple[ExecutionPlan, Job]:
        """The job's frozen plan; a new one where this machine is not what it was made for."""
        wanted = OutputSpec.from_json(job.request.output).encode
        begun = None if job.plan is None else job.plan.get("encoder", "software")
        encoder, instead = choose_encoder(wanted, begun)
        if instead:
            logger.warning("%s is encoded in %s", path_of(job.request.source).name, instead)
            job = self._store.report(job, encoder=instead)
        plan = ExecutionPlan(
            device=self._torch_device.type,
            processor=self._device.processor,
            threads=self._threads,
            encoder=encoder,
        )
        if job.plan is None:
            # It was never begun: what lies there is another film's, of a ledger that is gone.
            empty_folder(work)  # which itself stays: it is locked
            return plan, self._store.set_plan(job, plan.to_json())
        # What was too large for the memory before is too large now.
        plan = replace(plan, history=job.plan.get("history", plan.history))
        if job.plan == plan.to_json():
            return plan, job
        changes = "; ".join(differences(job.plan, plan.to_json()))
        upgraded = job.plan.get("versions") != plan.versions
        if upgraded and self._settings.refuse_upgrade and self._is_begun(job, work):
            raise PlanError(
                f"Job {job.id} was begun with other versions than it would go on with ({changes})",
                "Install those again, or set after_upgrade: continue in config.yaml; then"
                f" `nstd retry {job.id}`",
            )
        logger.warning("Job %d goes on with another plan: %s", job.id, changes)
        return plan, self._change_plan(job, plan, changes)

    def _change_plan(self, job: Job, plan: ExecutionPlan, reason: str) -> Job:
        # Frames kept by the old plan would make a segment of two plans: it begins anew.
        for kept in (self._work_dir / str(job.id)).glob("segment-*/"):
            shutil.rmtree(kept)
        return self._store.set_plan(job, plan.to_json(), reason=reason)

    def _is_begun(self, job: Job, work: Path) -> bool:
        kept = next(work.glob("segment-*/frame-*.png"), None)
        return kept is not None or self._store.painted(job.id).segments > 0

    def _ready_painter(self, job: Job, recipe: StyleRecipe, plan: ExecutionPlan) -> Painter:
        """The painter for a recipe; the last is kept: films of one folder share their recipe."""
        wanted = (recipe, plan)
        if self._painter is None or self._painter[0] != wanted:
            self._painter = None  # frees its memory before the next is built
            self._observer.doing("loading the network")
            restore_frozen(job, recipe, self._settings.cache_dir)
            store = MemoryStore(Told(self._targets, self._observer.doing))
            painter = build_painter(recipe, plan, self._torch_device, store)
            self._painter = (wanted, painter)
        return self._painter[1]

    def _settle(self, job: Job, error: NstdError) -> Job:
        """Note in the ledger what `error` means for the job."""
        # Until then this process holds the job and lives: nobody else will note it.
        self._unsettled = (job, error)
        try:
            settled = self._note(job, error)
        except BusyError as lost:
            # Canceled, or taken over by another worker: the ledger already knows better.
            settled = self._store.get(job.id)
            if settled.token == job.token:
                raise  # the ledger was only locked, by another process
            if settled.state is not JobState.CANCELED:
                logger.warning("Job %d is no longer ours: %s", job.id, lost)
        self._unsettled = None
        if settled.state is JobState.CANCELED:
            self.clearing.clear_up(settled)
        return settled

    def _note(self, job: Job, error: NstdError) -> Job:
        now = self._store.get(job.id)
        if now.state not in {JobState.RUNNING, JobState.PUBLISHING}:
            return now
        if isinstance(error, DeviceMemoryError) and now.token == job.token:
            return self._with_less_memory(now, error)
        if isinstance(error, InputError | StorageError | VerificationError):
            error = _missing(job, error) or error
        if isinstance(error, VanishedError) and not is_as_queued(self._store, job):
            return self._store.vanished(job, str(error), kind=error.kind)
        hold = self._hold(job, error)
        if hold is None:
            return self._store.fail(job, str(error), kind=error.kind)
        until = self._clock() + hold.seconds if hold.seconds else 0.0
        return self._store.requeue(
            job, reason=hold.reason, kind=error.kind, not_before=until, counted=hold.counted
        )

    def _hold(self, job: Job, error: NstdError) -> "_Hold | None":
        """When and how the job is tried again; None where that is no use."""
        if isinstance(error, Interrupted):
            return _Hold(error.problem)
        if isinstance(error, DeviceError):
            # The device's fault, not the film's: it must not use up the film's attempts.
            return _Hold(str(error))
        if isinstance(error, DiskFullError | ShortMemoryError | BusyError | MountError):
            # It waits for room, for another job or for a disk, however long that takes: that is not
            # the film's fault either.
            return _Hold(str(error), FIRST_WAIT_SECONDS)
        if error.retryable:
            wait = min(FIRST_WAIT_SECONDS * 4 ** (job.attempts - 1), LONGEST_WAIT_SECONDS)
            return _Hold(str(error), wait, counted=True)
        source, allowed = path_of(job.request.source), self._settings.grace_seconds
        grace = seconds_of_grace(source, allowed, self._clock())
        if opens_later(error) and grace > 0:
            return _Hold(f"{error.problem}; it is tried again, since it may be coming yet", grace)
        return None

    def _with_less_memory(self, job: Job, error: DeviceMemoryError) -> Job:
        """Give the job back with a plan that needs less, or give it up where there is none."""
        plan = None if job.plan is None else ExecutionPlan.from_json(job.plan).smaller()
        if plan is None or job.state is not JobState.RUNNING:
            return self._store.fail(job, str(error), kind=error.kind)
        changes = "; ".join(differences(job.plan or {}, plan.to_json()))
        logger.warning("%s Job %d goes on with a smaller plan: %s", error, job.id, changes)
        job = self._change_plan(job, plan, f"{error.problem}; {changes}")
        return self._store.requeue(job, reason=error.problem, kind=error.kind, counted=False)


def make_worker(config: Config, store: JobStore, device: str, observer: Observer) -> Worker:
    """A worker on one device, as configured.

    Raises:
        DeviceError: The device is missing or does not answer.
    """
    (info,) = choose_devices((device,))
    return Worker(store, info, worker_settings(config), observer)


@dataclass(frozen=True, slots=True)
class _Hold:
    """When and how a job that is given back is tried again.

    Attributes:
        reason: Why it waits, in words.
        seconds: How long it waits.
        counted: Whether the start counts as an attempt.
    """

    reason: str
    seconds: float = 0.0
    counted: bool = False


def _missing(job: Job, error: NstdError) -> MountError | None:
    """The error of a folder of the job's that is not there, which may explain `error`; or None.

    A film on a disk that is away has not vanished, and nothing is wrong with it.
    """
    try:
        places = Places.of(job)
        if isinstance(error, VanishedError | StorageError):
            places.source.found()
        places.found()
    except MountError as missing:
        return missing
    except StorageError:
        return None  # it cannot be told
    return None
