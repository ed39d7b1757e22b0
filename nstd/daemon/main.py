"""The daemon: folders watched, workers supervised, signals obeyed, the service manager told."""

import logging
import os
import select
import signal
import socket
import time
from collections import deque
from collections.abc import Callable
from types import FrameType
from typing import Any, Self

from nstd.check.start import require_folders, warn_in_background
from nstd.config import Config
from nstd.daemon.desk import Intake
from nstd.daemon.notify import ServiceManager
from nstd.daemon.supervisor import UNKILLABLE_SECONDS, LogSettings, Supervisor
from nstd.errors import ConfigError, NstdError, visible
from nstd.ledger.store import JobStore
from nstd.submit.control import daemon_lock, open_ledger
from nstd.work.crew import crew

logger = logging.getLogger(__name__)

TICK_SECONDS = 1.0
"""Seconds between two looks at the workers; a signal ends the wait at once. A look takes 0.4 ms on
a busy machine, and the whole daemon is to take at most 2 ms of each second (`bench/idle.py`)."""

STOP_SECONDS = 5.0
"""Seconds after which a worker that has not reached its next step is killed: the frame in hand is
lost either way, and everything painted before is kept."""

LONGEST_START_SECONDS = 900.0
"""Seconds after which a start counts as hanging, and the service manager may end it."""

STARTING_TICK_SECONDS = 0.05
STARTING_SECONDS = 30.0
"""Seconds that the service manager is asked for, each time anew, until all is ready."""


def run(config: Config, reread: Callable[[], Config], *, debug: bool = False) -> None:
    """Watch and paint until SIGTERM or SIGINT; then stop at the next step and keep what is done.

    A second signal stops at once. SIGHUP reads the configuration again.

    Args:
        config: What to do.
        reread: Reads the configuration anew.
        debug: Log everything.

    Raises:
        ConfigError: No folder is watched.
        BusyError: Another daemon works on the same state folder.
        DeviceError: A configured device is missing, or fails again and again.
        WorkerError: Workers end again and again.
    """
    require_folders(config)
    with (
        Requests() as signals,
        daemon_lock(config, required=True),
        open_ledger(config) as store,
        ServiceManager() as manager,
    ):
        warn_in_background(config, debug=debug)
        Daemon(config, reread, store, manager, signals, debug=debug).run()
        logger.info("Stopped; at the next start work goes on where it was")


class Daemon:
    """All that lives as long as the daemon does."""

    def __init__(
        self,
        config: Config,
        reread: Callable[[], Config],
        store: JobStore,
        manager: ServiceManager,
        signals: "Requests",
        *,
        debug: bool,
    ) -> None:
        self._config = config
        self._reread = reread
        self._store = store
        self._manager = manager
        self._signals = signals
        self._debug = debug
        self._started = time.time()
        self._ready = False
        self._lost_before = self._overflows_before = 0
        self._reported: dict[str, Any] | None = None
        self._intake = Intake(config, store)
        self._supervisor = Supervisor(
            store, crew(config), self._log_settings(), timeout=config.worker_timeout_seconds
        )

    def run(self) -> None:
        """Get ready, then go on until told to stop."""
        self._intake.start()
        try:
            self._get_ready()
            while not self._signals.stopping:
                self._tick()
                if self._signals.take_reload():
                    self._reload()
                self._signals.wait(TICK_SECONDS)
        finally:
            self._stop()

    def _get_ready(self) -> None:
        """Wait until the devices answer and all folders were looked at."""
        begun = time.monotonic()
        extended = -STARTING_SECONDS
        while not self._signals.stopping:
            self._tick()
            if self._supervisor.ready and self._intake.scanned.is_set():
                self._ready = True
                logger.info("Watching %s", self._watching)
                self._manager.ready()
                return
            now = time.monotonic()
            if now - extended > STARTING_SECONDS / 4 and now - begun < LONGEST_START_SECONDS:
                extended = now
                self._manager.extend(STARTING_SECONDS)
            self._signals.wait(STARTING_TICK_SECONDS)

    def _tick(self) -> None:
        self._store.require_there()
        self._supervisor.tick()
        self._intake.require_alive()
        problems = self._problems()
        busy = self._supervisor.statuses
        at_rest = f"Watching {self._watching}" if self._ready else "Getting ready"
        self._manager.status("; ".join([*busy, *problems, *self._intake.refused]) or at_rest)
        if self._supervisor.healthy:
            self._manager.alive()
        self._report(problems)

    def _problems(self) -> list[str]:
        problems = self._intake.problems
        if not self._supervisor.healthy:
            problems.append("A worker hangs and cannot be killed: restart the service")
        return problems

    def _report(self, problems: list[str]) -> None:
        """Write the daemon's report into the ledger if anything has changed."""
        facts = {
            "pid": os.getpid(),
            "started": self._started,
            "lost_events": self._lost_before + self._intake.lost_events,
            "overflows": self._overflows_before + self._intake.overflows,
            "problems": problems,
            "reading": [visible(path) for path in self._intake.reading],
            "unpainted": self._intake.unpainted,
            "workers": self._supervisor.facts(),
        }
        if facts == self._reported:
            return
        try:
            self._store.report_daemon(facts)
        except NstdError as error:
            logger.debug("The report could not be written: %s", error)
        else:
            self._reported = facts

    def _reload(self) -> None:
        """Read the configuration again and apply it; a faulty one changes nothing."""
        self._manager.reloading()
        try:
            config = self._reread()
            _require_same_state(self._config, config)
            require_folders(config)
            workers = crew(config)
        except NstdError as error:
            logger.error("The configuration was not reloaded, and the old one holds: %s", error)  # noqa: TRY400 - a sentence for the user, no fault of the program
        else:
            self._config = config
            if not self._debug:
                logging.getLogger().setLevel(config.log_level.upper())
            self._supervisor.change(
                workers, self._log_settings(), timeout=config.worker_timeout_seconds
            )
            self._lost_before += self._intake.lost_events
            self._overflows_before += self._intake.overflows
            self._intake.leave()
            self._intake = Intake(config, self._store)
            self._intake.start()
            warn_in_background(config, debug=self._debug)
            logger.info("The configuration was reloaded; watching %s", self._watching)
        self._manager.ready()

    def _stop(self) -> None:
        self._manager.stopping()
        self._manager.extend(STOP_SECONDS + UNKILLABLE_SECONDS)
        self._supervisor.stop(STOP_SECONDS, lambda: self._signals.hurried)
        self._intake.leave()

    def _log_settings(self) -> LogSettings:
        return LogSettings(self._config.log_level, self._debug)

    @property
    def _watching(self) -> str:
        return ", ".join(str(folder.watch) for folder in self._config.folders)


class Requests:
    """What signals asked of the process: to stop, to stop at once, to reload its configuration."""

    def __init__(self) -> None:
        self._stops = self._said = 0
        self._reload = False
        self._unsaid: deque[int] = deque()
        self._before: dict[signal.Signals, Any] = {}
        self._bell_before = -1
        # Python writes to it at each signal. A handler that took a lock, as that of an Event or of
        # the log, could meet its own thread holding it.
        self._bell, self._ringer = socket.socketpair()

    def __enter__(self) -> Self:
        self._ringer.settimeout(0)
        self._bell_before = signal.set_wakeup_fd(self._ringer.fileno(), warn_on_full_buffer=False)
        asked = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
        self._before = {number: signal.signal(number, self._handle) for number in asked}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._bell_before)
        self._say()
        self._bell.close()
        self._ringer.close()

    @property
    def stopping(self) -> bool:
        """Whether to stop."""
        return self._stops > 0

    @property
    def hurried(self) -> bool:
        """Whether to stop at once."""
        return self._stops > 1

    def take_reload(self) -> bool:
        """Whether a reload was asked for since the last call."""
        asked, self._reload = self._reload, False
        return asked

    def wait(self, seconds: float) -> None:
        """Wait for so long, or until the next signal; log which signals came."""
        if select.select([self._bell], [], [], seconds)[0]:
            self._bell.recv(4096)
        self._say()

    def _handle(self, number: int, frame: FrameType | None) -> None:
        del frame
        if number == signal.SIGHUP:
            self._reload = True
        else:
            self._stops += 1
        self._unsaid.append(number)

    def _say(self) -> None:
        while self._unsaid:
            number = self._unsaid.popleft()
            name = signal.Signals(number).name
            if number == signal.SIGHUP:
                logger.info("%s: reading the configuration again", name)
            else:
                self._said += 1
                how = "at once" if self._said > 1 else "at the next step"
                logger.info("%s: stopping %s", name, how)


def _require_same_state(before: Config, after: Config) -> None:
    """Refuse a change of folders that are open."""
    if after.state_dir != before.state_dir:
        raise ConfigError(
            "state_dir cannot change while nstd runs", "Set it back, or restart the service"
        )
