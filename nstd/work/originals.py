"""What becomes of an original once its painted film is in place: it stays, goes, or is moved."""

import logging
import os
import time
from contextlib import suppress
from pathlib import Path

from nstd.errors import (
    BeingWrittenError,
    BusyError,
    ChangedError,
    DiskFullError,
    InputError,
    MountError,
    OutputExistsError,
    StorageError,
)
from nstd.intake.writers import UNSURE_SECONDS, Standing, standing_of
from nstd.ledger.fingerprint import fingerprint
from nstd.ledger.job import Job, JobState, path_of
from nstd.ledger.store import JobStore
from nstd.submit.output import OutputSpec
from nstd.submit.places import Places
from nstd.work.departure import Departure, short_hash
from nstd.work.locks import locked

logger = logging.getLogger(__name__)

LOCK_PREFIX = "original-"
"""Of the folders that are locked while an original is in hand, among the jobs' work folders."""

_SETTLED = frozenset({JobState.DONE, JobState.CANCELED})
"""States of a film's other jobs in which they need the original no more."""


class Settlement:
    """Moves or deletes the original of a job where that was asked for.

    Args:
        store: The ledger.
        job: It is DONE: only now, the output being in place, may its original go.
        work: Its work folder; those of other jobs lie beside it.
        unsure_seconds: How long a film must have been unchanged since it was queued of which it
            cannot be told whether somebody still writes to it.
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

    def settle(self) -> str | None:
        """Do what is left to be done, as far as it can be done now.

        Returns:
            None where nothing is left. Else why it waits, in words, and it is to be called again
            later: a program has the original open for writing, or a disk is not there, or full.

        Raises:
            BusyError: Another worker is at this original.
        """
        if self._output.originals == "keep":
            return None
        # One film may have several jobs, and one name may be that of several films in turn.
        lock = self._work.with_name(LOCK_PREFIX + short_hash(self._job.request.source))
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

    def _settle_alone(self) -> str | None:
        """Settle the original, whose lock is held."""
        try:
            # Of a film whose disk is away nothing can be told: it may look as if it had gone.
            self._places.source.found()
            self._settle_film()
        except (BeingWrittenError, MountError, DiskFullError) as error:
            return _waiting(error)
        except ChangedError:
            self._say_changed()
        except (OSError, StorageError, OutputExistsError) as error:
            if (missing := self._missing()) is not None:
                return _waiting(missing)
            # The film is painted and in place; that its original stayed is worth a word, not a
            # failure.
            logger.warning("%s stays where it is: %s", self._film.source, error)
        if self._film.is_over:
            return None
        return _waiting(MountError(f"The disk of {self._film.source} is away"))

    def _missing(self) -> MountError | None:
        """Which disk is not there now, so that something has failed; None for none."""
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

    def _require_rest(self) -> None:
        """Refuse a film that may be open, and was queued only just now; it is as it was then."""
        if standing_of(self._film.source) is not Standing.UNKNOWN:
            return
        # A clock that was set back since then says nothing.
        if 0 <= self._now - self._job.created < self._rest:
            raise BeingWrittenError(
                f"Whether {self._film.source} is still written cannot be told; it is left alone"
                f" until it was unchanged for {self._rest:g} s"
            )

    def _is_needed(self) -> bool:
        """Whether the original is to be painted in other recipes yet."""
        jobs = self._store.jobs_of_film(self._job.request.key)
        states = {job.request.key.recipe_name: job.state for job in jobs}
        return any(states.get(name) not in _SETTLED for name in self._output.siblings)

    def _say_changed(self) -> None:
        # Where there is nothing it was moved before, and this only could not be told any more.
        if os.path.lexists(self._film.source):
            logger.warning(
                "%s is not what was painted any more, and was left where it is", self._film.source
            )


def _waiting(error: Exception) -> str:
    return f"Its original waits: {error}"


def is_as_queued(store: JobStore, job: Job) -> bool:
    """Whether the source is there, with the content it was queued with."""
    key = job.request.key
    dropped = OutputSpec.from_json(job.request.output).dropped
    try:
        found = fingerprint(
            store, path_of(key.folder), path_of(job.request.source), dropped=dropped
        )
    except InputError:
        return False
    return found == key.fingerprint
