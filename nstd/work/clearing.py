"""What is left to do of jobs that are over: their originals settled, their work folders removed.

It needs no device: whoever starts does it first thing, whether there is anything to paint or not.
"""

import logging
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from nstd.errors import BusyError, from_os_error
from nstd.intake.writers import UNSURE_SECONDS
from nstd.ledger.job import Job, JobState
from nstd.ledger.store import JobStore
from nstd.work.locks import locked
from nstd.work.originals import LOCK_PREFIX, Settlement

logger = logging.getLogger(__name__)

VANISHED_KEPT_SECONDS = 7 * 86400.0
"""How long the frames of a film that has vanished are kept: it may come back."""

_OVER = frozenset({JobState.DONE, JobState.CANCELED, JobState.VANISHED})
"""States of jobs whose work folders are needed no more."""


class Clearing:
    """Clears up after jobs that are over.

    Args:
        store: The ledger.
        work_dir: Holds the jobs' work folders.
        unsure_seconds: See `Settlement`.
        clock: Seconds since the epoch.
    """

    def __init__(
        self,
        store: JobStore,
        work_dir: Path,
        unsure_seconds: float = UNSURE_SECONDS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._unsure_seconds = unsure_seconds
        self._work_dir = work_dir
        self._clock = clock

    def clear_up_all(self) -> None:
        """Do what a worker that was lost just after its last word to the ledger has left undone.

        Also the frames of jobs that were canceled while nobody painted them.

        Raises:
            LedgerError, StorageError: The ledger cannot be used.
        """
        try:
            names = sorted(path.name for path in self._work_dir.iterdir())
        except FileNotFoundError:
            return  # nothing was ever painted
        except OSError as error:
            raise from_os_error(error, self._work_dir, "looking into") from error
        for name in names:
            if name.startswith(LOCK_PREFIX):
                self._remove_lock(self._work_dir / name)
        # Numbers of jobs that there are not are of a ledger that is gone.
        for job in self._store.jobs_of(int(name) for name in names if name.isdecimal()):
            if job.state in _OVER and not self._may_come_back(job):
                self.clear_up(job)

    def clear_up(self, job: Job) -> None:
        """Settle the original and remove the work folder, unless another worker has it in hand.

        Raises:
            LedgerError, StorageError: The ledger cannot be used.
        """
        folder = self._work_dir / str(job.id)
        with locked(folder) as mine:
            if not mine:
                return
            # It may have been retried, or its film may be back, since the job was read.
            now = self._store.get(job.id)
            if now.state not in _OVER:
                return
            # The work folder goes last: as long as it is there, something is left to be done.
            if now.state is not JobState.DONE or self._is_settled(now, folder):
                shutil.rmtree(folder, ignore_errors=True)

    def _is_settled(self, job: Job, folder: Path) -> bool:
        """Settle the original; where it has to wait that is said once, and noted."""
        now, rest = self._clock(), self._unsure_seconds
        try:
            waits = Settlement(self._store, job, folder, unsure_seconds=rest, now=now).settle()
        except BusyError:
            return False
        if waits != job.hold_reason:
            if waits is not None:
                logger.warning("Job %d is done. %s", job.id, waits)
            self._store.remark(job, waits)
        return waits is None

    def _may_come_back(self, job: Job) -> bool:
        # A disk that was unmounted under a bare mount point looks like films that were deleted.
        fresh = self._clock() - job.updated < VANISHED_KEPT_SECONDS
        return job.state is JobState.VANISHED and fresh

    def _remove_lock(self, folder: Path) -> None:
        """Of a worker that was killed while it held it."""
        with locked(folder) as mine:
            if mine:
                with suppress(OSError):  # an empty folder is no loss
                    folder.rmdir()
