"""Where settled files become jobs: the watcher and the readers, in threads of their own.

Reading a large film to know its content takes minutes, and a read from a dead network mount may
never return: neither may keep the daemon from its signals, its workers and its service manager.
"""

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nstd.config import Config, FolderConfig
from nstd.daemon.first_look import FirstLooks
from nstd.daemon.readers import Readers, is_large
from nstd.errors import (
    ConfigError,
    InputError,
    LedgerError,
    NstdError,
    StorageError,
    VanishedError,
    WeightsError,
    contained,
    visible,
)
from nstd.files import facts_of
from nstd.intake.folder import WatchedFolder
from nstd.intake.unpainted import Cause
from nstd.intake.watcher import Watcher, WatchSettings
from nstd.ledger.fingerprint import fingerprint, is_known
from nstd.ledger.job import Job
from nstd.ledger.store import JobStore
from nstd.media.names import is_media, is_numbered, is_still, why_no_media
from nstd.submit.freeze import output_spec, submit_entry
from nstd.submit.inputs import watched_folder
from nstd.submit.sources import Candidate

if TYPE_CHECKING:
    from nstd.media.frame import VideoInfo

logger = logging.getLogger(__name__)

TICK_SECONDS = 0.5
"""Between two looks at the folders' events."""

LEAVE_SECONDS = 2.0

MOST_WAITING = 8
"""How many films that wait for something to be mended are each reported by name."""

MOMENT_SECONDS = 5.0
"""Seconds after which `nstd status` says that a file is being read."""

LONG_SECONDS = 120.0
"""Seconds after which the log says that a file is still being read, or nothing is looked at."""


class Desk:
    """Takes settled files and queues those that are films.

    Args:
        config: What to do with them.
        store: The ledger.
        looks: Looks at each film that is new.
        leaving: Asked before each file; nothing is taken once it says so.

    Attributes:
        reading: The files that are being read and queued, and since when.
    """

    def __init__(
        self,
        config: Config,
        store: JobStore,
        looks: FirstLooks | None = None,
        leaving: Callable[[], bool] = lambda: False,
    ) -> None:
        self._config = config
        self._leaving = leaving
        self.reading: dict[Path, float] = {}
        self._store = store
        self._looks = looks
        self.entries: dict[WatchedFolder, FolderConfig] = {
            watched_folder(folder): folder for folder in config.folders
        }

    def take(self, folder: WatchedFolder, path: Path) -> str | None:
        """Queue a settled file.

        Several threads may call this at the same time: files are read in parallel and queued one by
        one.

        Returns:
            None, or the reason why the file is left alone.

        Raises:
            NstdError: It waits for something to be mended, or cannot be painted.
        """
        if self._leaving():
            return None  # after a reload the configuration may not ask for it any more
        self.reading[path] = time.monotonic()
        try:
            with contained(path, "queueing"):
                return self._take(folder, path)
        finally:
            self.reading.pop(path, None)

    def _take(self, folder: WatchedFolder, path: Path) -> str | None:
        if is_numbered(path):  # a name that looks like a pattern, whose file is gone
            raise VanishedError(f"{path} was taken away")
        if not is_media(path):
            return why_no_media(path)
        if self._store.is_output(bytes(path)):
            return "nstd has painted it"
        jobs, info = self._submit(folder, path)
        for job, new in jobs:
            if new:
                name, note = job.request.key.recipe_name, job.request.note
                logger.info("Queued %s as job %d (%s)%s", path, job.id, name, note and f". {note}")
                if self._looks is not None:
                    self._looks.add(job, info)
        return None

    def _submit(
        self, folder: WatchedFolder, path: Path
    ) -> tuple[list[tuple[Job, bool]], "VideoInfo | None"]:
        candidate = Candidate(self.entries[folder], folder.path, path)
        info = self._looked_at(candidate)
        try:
            # Read in parallel with other files; from here on its content is known.
            dropped, leaving = candidate.dropped, self._leaving
            fingerprint(self._store, folder.path, path, dropped=dropped, stopping=leaving)
            queued = submit_entry(self._store, self._config, candidate, leaving=leaving)
        except (InputError, WeightsError, ConfigError) as error:
            if error.retryable:
                raise
            if facts_of(path) is None:
                raise VanishedError(f"{path} was taken away while it was queued") from error
            # The film is sound as far as is known: a style image or the network is missing. It is
            # tried again, less and less often, until that is mended.
            first, *more = error.problem.split("\n")
            raise StorageError([f"{path} waits: {first}", *more], error.remedy) from error
        return queued, info

    def _looked_at(self, candidate: Candidate) -> "VideoInfo | None":
        """Probe a large film before it is read: one that cannot be painted need not be."""
        folder, path = candidate.folder, candidate.source
        if (
            is_still(path)
            or self._looks is None
            or not is_large(path)
            or is_known(self._store, folder, path)
        ):
            return None
        output = output_spec(self._config, candidate.entry)
        try:
            return self._looks.probe(path, folder if candidate.dropped else None, output)
        except InputError as error:
            if error.retryable or facts_of(path) is None:
                raise
            if self._looks.may_come_yet(path, error):
                later = "it is tried again, since it may be coming yet"
                raise StorageError(f"{error.problem}; {later}", error.remedy) from error
            raise
        except NstdError as error:
            if error.retryable or isinstance(error, LedgerError):
                raise
            logger.info("%s was not looked at: %s", path, error)  # its worker finds out
            return None


class Intake(threading.Thread):
    """Watches the folders of a configuration until told to stop.

    Args:
        config: Which folders, and what to do with the films in them.
        store: The ledger.

    Attributes:
        scanned: Set once all folders were looked at.
        error: The error it ended with, or None.
    """

    def __init__(self, config: Config, store: JobStore) -> None:
        # A daemon thread: it may be stuck in a read from a mount that is gone.
        super().__init__(name="intake", daemon=True)
        self._store = store
        self._leave = threading.Event()
        self._looks = FirstLooks(store, config.grace_seconds, self._leave.is_set)
        self._desk = Desk(config, store, self._looks, self._leave.is_set)
        self._readers = Readers(self._desk.take)
        self._looking = threading.Thread(target=self._look, name="first looks", daemon=True)
        self._at_work = time.monotonic()
        self._watcher = Watcher(
            list(self._desk.entries),
            self._readers.submit,
            WatchSettings(
                settle_seconds=config.settle_seconds,
                unsure_seconds=config.unsure_seconds,
                reconcile_seconds=config.reconcile_seconds,
                polling=None if config.polling == "auto" else config.polling,
            ),
        )
        self.scanned = threading.Event()
        self.error: NstdError | None = None

    @property
    def lost_events(self) -> int:
        """How many settled files no event had announced."""
        return self._watcher.caught

    @property
    def overflows(self) -> int:
        """How often the kernel's queue of events was full."""
        return self._watcher.overflows

    @property
    def problems(self) -> list[str]:
        """What keeps folders from being watched as asked, one sentence each."""
        found = list(self._watcher.problems)
        now = time.monotonic()
        found += [
            f"{visible(path)} is being read for {_minutes(now - since)}"
            for path, since in self._desk.reading.copy().items()
            if now - since > LONG_SECONDS
        ]
        if now - self._at_work > LONG_SECONDS:
            silent = _minutes(now - self._at_work)
            found.append(
                f"The folders could not be looked at for {silent}: does a disk not answer?"
            )
        return found

    @property
    def reading(self) -> list[Path]:
        """The files whose reading takes more than a moment."""
        now = time.monotonic()
        reading = self._desk.reading.copy().items()
        return [path for path, since in reading if now - since > MOMENT_SECONDS]

    @property
    def refused(self) -> list[str]:
        """Why films are not queued: for example, a style image or a sidecar has to be mended."""
        return self._watcher.unpainted.told(Cause.REFUSED, MOST_WAITING)

    @property
    def unpainted(self) -> dict[str, Any]:
        """What lies in the folders and is not queued, and why; see `Unpainted.facts`."""
        return self._watcher.unpainted.facts()

    def run(self) -> None:
        """Watch; to be called by `start`."""
        try:
            self._watcher.start()
            self._looking.start()
            self.scanned.set()
            while not self._leave.wait(TICK_SECONDS):
                self._watcher.tick()
                self._at_work = time.monotonic()
        except NstdError as error:
            # Once it was told to stop, the ledger may be closed while it still runs.
            if not self._leave.is_set():
                self.error = error
        finally:
            self._watcher.stop()

    def _look(self) -> None:
        """Look at queued films, one by one; in a thread, since that may take minutes."""
        try:
            while not self._leave.wait(TICK_SECONDS):
                self._looks.look()
        except NstdError as error:
            if not self._leave.is_set():
                self.error = error

    def leave(self) -> None:
        """Stop, and wait a moment; what was about to be queued is found again by the next scan."""
        self._leave.set()
        deadline = time.monotonic() + LEAVE_SECONDS
        self.join(LEAVE_SECONDS)
        while self._readers.busy and time.monotonic() < deadline:
            time.sleep(0.01)
        if self.is_alive() or self._readers.busy:
            logger.info("A file is still being read; it is looked at anew the next time")

    def require_alive(self) -> None:
        """Raise the error that it ended with, if any.

        Raises:
            NstdError: There is one.
        """
        # In this order: a thread sets its error before it ends.
        looks = self._looking.is_alive() or not self.scanned.is_set()
        lives = self.is_alive() and looks
        if self.error is not None:
            raise self.error
        if not lives:
            raise NstdError("The watching of folders ended unexpectedly")


def _minutes(seconds: float) -> str:
    # Whole minutes, so that the sentence changes, and is reported, only once a minute.
    return f"{seconds / 60:.0f} minutes"
