"""A first look at queued films: one that cannot be opened is reported before its turn comes."""

import logging
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from nstd.errors import (
    BusyError,
    InputError,
    Interrupted,
    LedgerError,
    NstdError,
    StorageError,
    contained,
)
from nstd.files import facts_of, opened, readable
from nstd.intake.stability import opens_later, seconds_of_grace
from nstd.ledger.job import Job, JobState, path_of
from nstd.ledger.store import JobStore
from nstd.media.names import is_still
from nstd.media.read.guarded import probe_guarded
from nstd.style.recipe import StyleRecipe
from nstd.submit.limits import require_within_limits
from nstd.submit.output import OutputSpec

if TYPE_CHECKING:
    # Not at run time: it imports NumPy, and the daemon's own process stays small.
    from nstd.media.frame import VideoInfo

logger = logging.getLogger(__name__)


class FirstLooks:
    """Probes queued films one by one, in children with limited time and memory.

    A film whose turn comes meanwhile is left to its worker, which probes it itself.

    Args:
        store: The ledger.
        grace_seconds: A film that does not open is looked at again until its last change is this
            old: it may still be coming.
        stopping: Asked while a film is probed; true ends the probe.
        clock: Seconds since the epoch.
    """

    def __init__(
        self,
        store: JobStore,
        grace_seconds: float,
        stopping: Callable[[], bool],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._grace_seconds = grace_seconds
        self._stopping = stopping
        self._clock = clock
        self._due: deque[tuple[float, Job]] = deque()

    def probe(self, source: Path, folder: Path | None, output: OutputSpec) -> "VideoInfo":
        """Probe a film in a child process.

        Args:
            source: The film.
            folder: Where no link is followed, or None.
            output: For its limits, and how the film is read.

        Raises:
            NstdError: As `probe_guarded`.
        """
        with opened(source, beneath=folder) as descriptor:
            return probe_guarded(
                readable(descriptor),
                accept_truncated=output.accept_truncated,
                limits=output.limits,
                reading=output.reading,
                stopping=self._stopping,
            )

    def may_come_yet(self, source: Path, error: NstdError) -> bool:
        """Whether a film that failed with `error` may open once all of it has arrived."""
        now = self._clock()
        return opens_later(error) and seconds_of_grace(source, self._grace_seconds, now) > 0

    def add(self, job: Job, info: "VideoInfo | None" = None) -> None:
        """Look at a job that was just queued, or judge it by what is known of its film."""
        if info is not None:
            try:
                self._require_within_limits(job, info)
            except InputError as error:
                self._refuse(job, error)
            return
        if not is_still(path_of(job.request.source)):
            self._due.append((0.0, job))

    def look(self) -> None:
        """Look at one film, if one is due."""
        for _ in range(len(self._due)):
            due, job = self._due.popleft()
            now = self._clock()
            # Farther ahead than any wait: the clock was set back.
            if due <= now or due > now + self._grace_seconds:
                self._look_at(job)
                return
            self._due.append((due, job))

    def _look_at(self, job: Job) -> None:
        try:
            # None if `nstd clean` has removed it since.
            if [one.state for one in self._store.jobs_of([job.id])] != [JobState.QUEUED]:
                return
            with contained(path_of(job.request.source), "looking at"):
                self._probe(job)
        except (InputError, Interrupted) as error:
            if not error.retryable:
                self._refuse(job, error)
        except LedgerError:
            raise
        except NstdError as error:
            # The disk is slow or gone: the worker finds that out, and waits for it.
            logger.info("Job %d was not looked at: %s", job.id, error)

    def _probe(self, job: Job) -> None:
        output = OutputSpec.from_json(job.request.output)
        folder = path_of(job.request.key.folder) if output.dropped else None
        self._require_within_limits(job, self.probe(path_of(job.request.source), folder, output))

    def _require_within_limits(self, job: Job, info: "VideoInfo") -> None:
        output = OutputSpec.from_json(job.request.output)
        source = path_of(job.request.source)
        recipe = StyleRecipe.from_json(job.request.recipe)
        size = info.width, info.height
        require_within_limits(source, recipe, output.limits, size, still=False)

    def _refuse(self, job: Job, error: NstdError) -> None:
        source = path_of(job.request.source)
        try:
            if facts_of(source) is None:
                return  # the worker will note that the film has vanished
        except StorageError as unseen:
            logger.info("Job %d was not looked at: %s", job.id, unseen)
            return
        now = self._clock()
        grace = seconds_of_grace(source, self._grace_seconds, now)
        if grace > 0 and opens_later(error):
            self._due.append((now + grace, job))
            return
        try:
            self._store.fail(job, str(error), kind=error.kind)
        except BusyError:
            return  # a worker has it already
        except StorageError as unsaid:
            # Most likely the ledger's disk is full: the worker will find that out.
            logger.info("Job %d could not be failed: %s", job.id, unsaid)
            return
        logger.error("Job %d is failed: %s", job.id, error)
