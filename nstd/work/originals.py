"""What becomes of an original once its painted film is in place: it stays, goes, or is moved.

After that its job's work folder is removed too. None of this needs a device: each start first
finishes what was left undone for jobs that are over, whether there is anything to paint or not.
"""

import logging
import os
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from nstd.config import SIDECAR_SUFFIX, sidecar_of
from nstd.disks.locks import locked
from nstd.errors import (
    BeingWrittenError,
    BusyError,
    DiskFullError,
    InputError,
    MountError,
    OutputExistsError,
    StorageError,
    from_os_error,
)
from nstd.files import file_sha256
from nstd.intake.writers import UNSURE_SECONDS, Standing, standing_of
from nstd.ledger.job import Job, JobState, path_of
from nstd.ledger.store import JobStore
from nstd.media.names import is_media
from nstd.submit.output import OutputSpec
from nstd.submit.places import Places
from nstd.work.departure import Departure, short_hash
from nstd.work.source import is_as_queued

logger = logging.getLogger(__name__)

_LOCK_PREFIX = "original-"
"""Begins the names of the folders, among the jobs' work folders, that lock an original."""

_SETTLED = frozenset({JobState.DONE, JobState.CANCELED})
"""In these states a film's other jobs no longer need the original."""

VANISHED_KEPT_SECONDS = 7 * 86400.0
"""How long the frames of a film that has vanished are kept: it may come back."""

_OVER = frozenset({JobState.DONE, JobState.CANCELED, JobState.VANISHED})
"""In these states a job no longer needs its work folder."""


class Settlement:
    """Moves or deletes the original of a job where that was asked for.

    Args:
        store: The ledger.
        job: DONE: only once its output is in place may its original go.
        work: Its work folder; those of other jobs lie beside it.
        unsure_seconds: How long ago a film must have been queued, and be unchanged since, where it
            cannot be told whether a program still writes to it.
        now: Seconds since the epoch.
    """

    def __init__(
        self,
        store: JobStore,
        job: Job,
        work: Path,
        *,
        unsure_seconds: float = UNSURE_SECONDS,
        now: float | None = None,
    ) -> None:
        self._store = store
        self._job = job
        self._work = work
        self._rest = unsure_seconds
        self._now = time.time() if now is None else now
        self._output = OutputSpec.from_json(job.request.output)
        self._places = Places.of(job)
        self._film = self._departure()
        self._sidecar = self._departure_of_sidecar()

    def settle(self) -> str | None:
        """Do what is left to be done, as far as it can be done now.

        Returns:
            None where nothing is left. Else why it waits, in words, and it is to be called again
            later: a program has the original open for writing, or a disk is not there, or full.

        Raises:
            BusyError: Another worker is moving or deleting this original.
        """
        if self._output.originals == "keep":
            return None
        # One film may have several jobs, and one name may be that of several films in turn.
        lock = self._work.with_name(_LOCK_PREFIX + short_hash(self._job.request.source))
        try:
            with locked(lock) as mine:
                if not mine:
                    raise BusyError(f"Another worker is at {self._film.source}")
                try:
                    return self._settle_alone()
                finally:
                    with suppress(OSError):  # an empty folder is no loss
                        lock.rmdir()
        except (OSError, StorageError) as error:  # the state folder's disk is full, most likely
            return _waiting(error)

    def _departure(self) -> Departure:
        key = self._job.request.key
        return Departure(
            path_of(self._job.request.source),
            key.fingerprint,
            note=self._work / "original-aside",
            to=self._places.originals if self._output.originals == "move" else None,
            relative=path_of(key.relative),
            is_unchanged=lambda: is_as_queued(self._store, self._job),
        )

    def _departure_of_sidecar(self) -> Departure | None:
        """The film's sidecar, if it was queued with one; it leaves only with that content."""
        noted = (self._job.request.found or {}).get("sidecar")
        if noted is None:
            return None
        source, content = self._film.source.with_name(noted["name"]), noted["sha256"]
        return Departure(
            source,
            content,
            note=self._work / "sidecar-aside",
            to=self._film.to,
            relative=path_of(self._job.request.key.relative).with_name(noted["name"]),
            is_unchanged=lambda: (
                source.is_file() and not source.is_symlink() and file_sha256(source) == content
            ),
        )

    def _settle_alone(self) -> str | None:
        """Settle the original; its lock is held."""
        try:
            # Nothing is known of a film whose disk is away: it would look as if it were gone.
            self._places.source.found()
            self._settle_film()
            if self._sidecar is not None and self._film.is_over:
                self._settle_sidecar(self._sidecar)
        except (BeingWrittenError, MountError, DiskFullError) as error:
            return _waiting(error)
        except InputError:  # something else has its name, or nothing has
            self._say_changed()
        except (OSError, StorageError, OutputExistsError) as error:
            if (missing := self._missing()) is not None:
                return _waiting(missing)
            # The film is painted and in place; that its original stayed is worth a word, not a
            # failure.
            logger.warning("%s stays where it is: %s", self._film.source, error)
        for each in (self._film, self._sidecar):
            if each is not None and not each.is_over:
                return _waiting(MountError(f"The disk of {each.source} is away"))
        return None

    def _missing(self) -> MountError | None:
        """The error of a disk that is away, which explains a failure; None where all are there."""
        try:
            for place in (self._places.source, self._film.to):
                if place is not None:
                    place.found()
        except MountError as missing:
            return missing
        except StorageError:
            return None
        return None

    def _settle_film(self) -> None:
        film = self._film
        needed = self._is_needed()
        if film.is_aside:
            if not needed and film.has_its_content_aside():
                film.leave()
                return
            film.come_back()
        elif film.is_out_of_sight:
            logger.debug("The folder of %s is away, and maybe the film aside in it", film.source)
            return
        film.forget_earlier()
        if needed:
            logger.info("%s stays until its other recipes are painted too", film.source)
        elif film.is_unchanged():
            self._require_rest()
            film.leave()
        else:
            self._say_changed()

    def _settle_sidecar(self, sidecar: Departure) -> None:
        """Let the sidecar leave with its film, unless a film that is still there needs it."""
        needed = self._is_sidecar_needed(sidecar.source)
        if sidecar.is_aside:
            if not needed and sidecar.has_its_content_aside():
                sidecar.leave()
                return
            sidecar.come_back()
        elif sidecar.is_out_of_sight:
            return
        sidecar.forget_earlier()
        if not needed and sidecar.is_unchanged():
            sidecar.leave()

    def _is_sidecar_needed(self, sidecar: Path) -> bool:
        """Whether a film or picture is there that the sidecar belongs to, maybe a new one."""
        stem = sidecar.name.removesuffix(SIDECAR_SUFFIX)
        beside = [sidecar.with_name(name) for name in os.listdir(sidecar.parent)]  # noqa: PTH208
        return any(
            is_media(one) and stem in {one.name, one.stem} and sidecar_of(one) in {sidecar, None}
            for one in beside
        )

    def _require_rest(self) -> None:
        """Refuse a film that may be open, and was queued, as it is now, only a moment ago."""
        if standing_of(self._film.source) is not Standing.UNKNOWN:
            return
        # A clock that was set back since then says nothing.
        if 0 <= self._now - self._job.created < self._rest:
            raise BeingWrittenError(
                f"Whether {self._film.source} is still written cannot be told; it is left alone"
                f" until it was unchanged for {self._rest:g} s"
            )

    def _is_needed(self) -> bool:
        """Whether the original is still to be painted in other recipes."""
        jobs = self._store.jobs_of_film(self._job.request.key)
        states = {job.request.key.recipe_name: job.state for job in jobs}
        return any(states.get(name) not in _SETTLED for name in self._output.siblings)

    def _say_changed(self) -> None:
        # Where nothing is there, it was moved earlier, and only the ledger could not be told.
        if os.path.lexists(self._film.source):
            logger.warning(
                "%s is not what was painted any more, and was left where it is", self._film.source
            )


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
        """Finish what a worker left undone that was lost just after its last word to the ledger.

        The frames of jobs that were canceled while nobody painted them are removed, too.

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
            if name.startswith(_LOCK_PREFIX):
                self._remove_lock(self._work_dir / name)
        # A number that no job has is of a ledger that is gone.
        for job in self._store.jobs_of(int(name) for name in names if name.isdecimal()):
            if job.state in _OVER and not self._may_come_back(job):
                self.clear_up(job)

    def clear_up(self, job: Job) -> None:
        """Settle the original and remove the work folder, unless another worker uses it.

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
        """Settle the original; that it has to wait is logged once, and noted with the job."""
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
        """Remove the lock of a worker that was killed while it held it."""
        with locked(folder) as mine:
            if mine:
                with suppress(OSError):  # an empty folder is no loss
                    folder.rmdir()


def _waiting(error: Exception) -> str:
    return f"Its original waits: {error}"
