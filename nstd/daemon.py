"""The daemon: watches folders, queues what settles there, paints it, stops cleanly when told."""

import logging
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from nstd.batch import device_names, make_worker, watched_folder
from nstd.config import Config, FolderConfig
from nstd.errors import (
    ConfigError,
    DeviceError,
    DeviceMemoryError,
    InputError,
    Interrupted,
    NstdError,
    StorageError,
    WeightsError,
)
from nstd.intake.folder import WatchedFolder
from nstd.intake.submit import is_media, submit_entry
from nstd.intake.watcher import Watcher
from nstd.jobs.job import Job, JobState
from nstd.jobs.store import SqliteJobStore
from nstd.notify import ServiceManager
from nstd.queue import daemon_lock, open_ledger
from nstd.style.optimize import Iterate
from nstd.worker import Worker

logger = logging.getLogger(__name__)

TICK_SECONDS = 0.5
"""Between two looks at the folders' events; a stopped daemon leaves its loop at once."""


def run(config: Config) -> None:
    """Watch and paint until SIGTERM or SIGINT; then stop at the next step and keep what is done.

    Raises:
        ConfigError: No folder is watched.
        BusyError: Another daemon works on the same state folder.
        DeviceError: A configured device is missing.
    """
    if not config.folders:
        raise ConfigError("config.yaml watches no folder", "Add one under `folders:`")
    stop = threading.Event()
    with (
        _stopping_on_signals(stop),
        daemon_lock(config, required=True),
        open_ledger(config) as store,
        ServiceManager() as manager,
    ):
        _require_folders(config)
        painters = _start_painters(config, store, stop)
        desk = _Desk(config, store)
        watcher = Watcher(
            list(desk.entries),
            desk.take,
            settle_seconds=config.settle_seconds,
            reconcile_seconds=config.reconcile_seconds,
            polling=None if config.polling == "auto" else config.polling,
        )
        try:
            watcher.start()
            watching = ", ".join(str(folder.watch) for folder in config.folders)
            logger.info("Watching %s", watching)
            # Not before: the ledger is open, the devices are there, all folders were looked at.
            manager.ready()
            while not stop.wait(TICK_SECONDS):
                watcher.tick()
                _require_alive(painters)
                busy = [text for painter in painters if (text := painter.status)]
                manager.status("; ".join(busy) or f"Watching {watching}")
        finally:
            manager.stopping()
            stop.set()
            watcher.stop()
            for painter in painters:
                painter.join()
        logger.info("Stopped; what is painted so far is kept")


class _Desk:
    """Where settled files become jobs."""

    def __init__(self, config: Config, store: SqliteJobStore) -> None:
        self._config = config
        self._store = store
        self.entries: dict[WatchedFolder, FolderConfig] = {
            watched_folder(folder): folder for folder in config.folders
        }
        self._named: set[Path] = set()

    def take(self, folder: WatchedFolder, path: Path) -> None:
        """Queue a settled file, or name it in the log once where it is no film."""
        if not is_media(path):
            if path not in self._named:
                self._named.add(path)
                logger.info("%s is no film and no picture by its name, and is left alone", path)
            return
        if self._store.is_output(bytes(path)):
            return
        for job, new in self._submit(folder, path):
            if new:
                logger.info("Queued %s as job %d (%s)", path, job.id, job.request.key.recipe_name)

    def _submit(self, folder: WatchedFolder, path: Path) -> list[tuple[Job, bool]]:
        try:
            entry = self.entries[folder]
            return submit_entry(self._store, self._config, entry, folder.path, path)
        except (InputError, WeightsError) as error:
            if error.retryable or not path.exists():
                raise
            # The film is sound as far as one knows: a style image or the network is missing. It is
            # tried again, less and less often, until that is mended.
            raise StorageError(f"{path} waits: {error.problem}", error.remedy) from error


class _Painter(threading.Thread):
    """One worker in a thread of its own; ends when `stop` is set, or with an error to show."""

    def __init__(self, config: Config, store: SqliteJobStore, device: str, stop: threading.Event):
        super().__init__(name=f"painter {device}")
        self._stop_event = stop
        self._log = _Log(stop)
        self.worker: Worker = make_worker(config, store, device, self._log)
        self.error: NstdError | None = None

    @property
    def status(self) -> str:
        """What it is at, for people; empty while it waits."""
        return self._log.status

    def run(self) -> None:
        """Work off jobs until told to stop."""
        while not self._stop_event.is_set():
            try:
                outcome = self.worker.work_one()
                self._log.status = ""
            except NstdError as error:  # the ledger itself failed: the daemon must not go on blind
                self.error = error
                return
            if outcome is None:
                self._stop_event.wait(TICK_SECONDS)
            elif _is_broken(outcome.error):
                self.error = outcome.error  # the next film would meet the same device
                return
            elif outcome.error is None:
                logger.info("Done: job %d", outcome.job.id)
            elif isinstance(outcome.error, Interrupted):
                logger.info("Job %d: %s", outcome.job.id, outcome.error.problem)
            elif outcome.job.state is JobState.CANCELED:
                logger.info("Job %d was canceled", outcome.job.id)
            else:
                logger.error("Job %d is %s: %s", outcome.job.id, outcome.job.state, outcome.error)


def _is_broken(error: NstdError | None) -> bool:
    return isinstance(error, DeviceError) and not isinstance(error, DeviceMemoryError)


class _Log:
    """An observer that writes to the log: each film's beginning, and a line a tenth of it."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self.status = ""
        self._name = ""
        self._painted = self._total = 0

    @property
    def stopping(self) -> bool:
        return self._stop.is_set()

    def began(self, job: Job, *, painted: int, total: int) -> None:
        self._name, self._painted, self._total = f"job {job.id}", painted, total
        logger.info("Painting %s: %d of %d frames are done", self._name, painted, total)
        self._say()

    def stepped(self, frame: int, iterate: Iterate) -> None:
        pass

    def painted(self, frame: int) -> None:  # noqa: ARG002 - counted, since a batch has several
        self._painted += 1
        self._say()
        if self._total >= 20 and self._painted % (self._total // 10) == 0:
            logger.info("Painting %s: %d of %d frames", self._name, self._painted, self._total)

    def _say(self) -> None:
        self.status = f"Painting {self._name}: frame {self._painted} of {self._total or '?'}"


def _start_painters(config: Config, store: SqliteJobStore, stop: threading.Event) -> list[_Painter]:
    painters = [_Painter(config, store, device, stop) for device in device_names(config)]
    painters[0].worker.clear_up_all()
    for painter in painters:
        painter.start()
    return painters


def _require_alive(painters: Sequence[_Painter]) -> None:
    for painter in painters:
        if painter.error is not None:
            raise painter.error
        if not painter.is_alive():
            raise NstdError(f"The {painter.name} ended unexpectedly")


def _require_folders(config: Config) -> None:
    """A watched folder that is missing at the start is a mistake to be told, not waited for."""
    for folder in config.folders:
        if not folder.watch.is_dir():
            raise ConfigError(
                f"There is no folder {folder.watch} to watch",
                "Create it, mount its disk, or take it out of config.yaml",
            )


@contextmanager
def _stopping_on_signals(stop: threading.Event) -> Iterator[None]:
    """SIGTERM and SIGINT set `stop`; a second one ends the process at once."""

    def handle(number: int, frame: FrameType | None) -> None:
        del frame
        logger.info("%s: stopping at the next step", signal.Signals(number).name)
        stop.set()
        signal.signal(number, signal.SIG_DFL)

    before = {number: signal.signal(number, handle) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
