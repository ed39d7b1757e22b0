"""Worker processes, one for each device: started, listened to, and replaced if they die or hang."""

import logging
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nstd import child, errors
from nstd.daemon.channel import Channel
from nstd.daemon.faults import not_started
from nstd.errors import DeviceError, NstdError, WorkerError
from nstd.ledger.leases import Holder, process
from nstd.ledger.store import JobStore
from nstd.work.crew import WorkerSettings

logger = logging.getLogger(__name__)

PATIENCE = 5
"""How many workers of one device may end one after the other before the daemon gives up: without
one having been ready or, if the device is at fault, without one having painted a frame."""

LONGEST_PAUSE_SECONDS = 10.0
UNKILLABLE_SECONDS = 30.0
"""Seconds after which a killed process that is still there must be waiting in the kernel, for a
driver or a disk: only a restart of the machine, or of the service, frees its device."""


@dataclass(frozen=True, slots=True)
class LogSettings:
    """How a worker is to log.

    Attributes:
        level: The least severity.
        debug: Log everything.
    """

    level: str
    debug: bool


class WorkerProcess:
    """One worker, as its supervisor sees it.

    Args:
        device: Where it paints.
        settings: The worker's settings.
        log: How it logs.
        now: The time, of the supervisor's clock.

    Attributes:
        device: Where it paints.
        pid: Its process.
        ready: Whether it has said that its device answers and the ledger is open.
        status: What it is doing, in words; empty while it waits.
        painted: Whether it has painted a frame, or finished a job.
        error: The error that it has reported, or None.
        seen: When it last gave a sign of life.
        asked: Whether it was asked to end.
        holder: The name of its process in the ledger; None if it ended at once.
        killed: When it was killed, or None.
    """

    def __init__(self, device: str, settings: WorkerSettings, log: LogSettings, now: float) -> None:
        self.device = device
        self.ready = self.painted = False
        self.status = ""
        self.error: NstdError | None = None
        self.seen = now
        self.killed: float | None = None
        self._moved = -1
        self.asked = False
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._channel = Channel(ours)
        with theirs:
            try:
                self._process = subprocess.Popen(  # noqa: S603 - our own module
                    child.command("nstd.daemon.worker_process", str(theirs.fileno()), device),
                    env=child.environment(),
                    pass_fds=[theirs.fileno()],
                    stdin=subprocess.DEVNULL,
                )
            except OSError:
                self._channel.close()
                raise
        self._channel.say(
            parent=os.getpid(),
            device=device,
            settings=settings.to_json(),
            log_level=log.level,
            debug=log.debug,
        )
        self.pid = self._process.pid
        self.holder = _holder(self.pid)

    def listen(self, now: float) -> None:
        """Take its messages, and note whether it has read or written anything."""
        for message in self._channel.pending():
            self.seen = now
            if message["kind"] == "ready":
                self.ready = True
            elif message["kind"] == "status":
                self.status = message["status"]
                self.painted = self.painted or message["painted"]
            elif message["kind"] == "failed":
                self.error = _error_of(message)
        moved = _bytes_moved(self.pid)
        if moved is not None and moved != self._moved:
            # Reading a large film, or joining one, it says nothing for a long time.
            self._moved, self.seen = moved, now

    @property
    def code(self) -> int | None:
        """Its exit code, as `subprocess` gives it, or None while it runs."""
        return self._process.poll()

    def ask(self, wish: str) -> None:
        """Ask it to "stop" at its next step, or to "retire" after the job in hand."""
        self.asked = True
        self._channel.say(kind=wish)

    def kill(self, now: float) -> None:
        """Kill it."""
        if self.killed is None:
            self.killed = now
            self._process.kill()

    def close(self) -> None:
        """Close the socket."""
        self._channel.close()


class Supervisor:
    """Keeps one worker at work on each device.

    Everything happens in its methods, which one thread calls.

    Args:
        store: The ledger, where the jobs of dead workers are given back.
        crew: The settings of each device's worker, by the device's name.
        log: How workers log.
        timeout: Seconds without a sign of life after which a worker is replaced.
        clock: Seconds of a clock that runs evenly.
        hire: Starts a worker process.
    """

    def __init__(
        self,
        store: JobStore,
        crew: Mapping[str, WorkerSettings],
        log: LogSettings,
        *,
        timeout: float,
        clock: Callable[[], float] = time.monotonic,
        hire: Callable[[str, WorkerSettings, LogSettings, float], WorkerProcess] = WorkerProcess,
    ) -> None:
        self._store = store
        self._log = log
        self._timeout = timeout
        self._clock = clock
        self._hire = hire
        self._places = {device: _Post(settings) for device, settings in crew.items()}

    @property
    def ready(self) -> bool:
        """Whether every device has a worker that is ready."""
        return all(p.worker is not None and p.worker.ready for p in self._places.values())

    @property
    def healthy(self) -> bool:
        """Whether dead and hanging workers could be replaced so far."""
        now = self._clock()
        workers = [place.worker for place in self._places.values() if place.worker is not None]
        return not any(
            worker.killed is not None and now - worker.killed > UNKILLABLE_SECONDS
            for worker in workers
        )

    @property
    def statuses(self) -> list[str]:
        """What the busy workers are doing."""
        workers = [place.worker for place in self._places.values()]
        return [worker.status for worker in workers if worker is not None and worker.status]

    def facts(self) -> list[dict[str, Any]]:
        """Of each device its worker's process, how many were replaced, why none can be started."""
        return [
            {
                "device": device,
                "pid": None if place.worker is None else place.worker.pid,
                "ready": place.worker is not None and place.worker.ready,
                "replaced": place.replaced,
                "problem": place.problem,
            }
            for device, place in self._places.items()
        ]

    def tick(self) -> None:
        """Take messages, handle dead workers, kill those that hang, and start missing ones.

        Raises:
            DeviceError: A device does not answer, or fails again and again.
            WorkerError: Workers end again and again before they are ready.
            NstdError: A worker has reported an error that will not pass.
        """
        now = self._clock()
        for device, place in list(self._places.items()):
            if place.worker is not None:
                self._look_after(device, place, place.worker, now)
            if place.worker is None and place.leaving:
                del self._places[device]
            elif place.worker is None and now >= place.not_before:
                self._fill(device, place, now)

    def change(
        self, crew: Mapping[str, WorkerSettings], log: LogSettings, *, timeout: float
    ) -> None:
        """Use another crew from now on; a worker that is not in it finishes its current job."""
        self._timeout = timeout
        for device, place in self._places.items():
            wanted = crew.get(device)
            place.leaving = wanted is None
            if (wanted, log) != (place.settings, self._log) and place.worker is not None:
                place.worker.ask("retire")
            place.settings = wanted or place.settings
        for device, settings in crew.items():
            self._places.setdefault(device, _Post(settings))
        self._log = log

    def stop(self, seconds: float, meanwhile: Callable[[], bool]) -> None:
        """End all workers at their next step, and kill those left after so many seconds.

        A killed worker loses the frame in hand, as one does that stops at a step.

        Args:
            seconds: How long to wait.
            meanwhile: Called several times a second; true ends the waiting.
        """
        workers = [place.worker for place in self._places.values() if place.worker is not None]
        for worker in workers:
            worker.ask("stop")
        deadline = self._clock() + seconds
        while any(worker.code is None for worker in workers):
            if self._clock() >= deadline or meanwhile():
                break
            time.sleep(0.02)
        for worker in workers:
            if worker.code is None:
                worker.kill(self._clock())
        while any(worker.code is None for worker in workers) and self.healthy:
            meanwhile()
            time.sleep(0.02)
        for worker in workers:
            worker.close()
            self._give_back(worker, "nstd was stopped", counted=False)

    def _fill(self, device: str, place: "_Post", now: float) -> None:
        """Start a worker, or try again a little later if the system cannot start a process now."""
        try:
            place.worker = self._hire(device, place.settings, self._log, now)
            place.problem = None
        except OSError as error:
            place.failures += 1
            place.problem = str(not_started(error))
            pause = place.pause(now)
            logger.error(  # noqa: TRY400 - the system's fault, not the program's
                "A worker on %s cannot be started: %s The next try is in %.0f s",
                device,
                place.problem,
                pause,
            )

    def _look_after(self, device: str, place: "_Post", worker: WorkerProcess, now: float) -> None:
        worker.listen(now)
        if worker.painted:
            place.failures = 0
        if worker.code is not None:
            worker.listen(now)  # its last words
            worker.close()
            place.worker = None
            self._bury(device, place, worker, worker.code)
        elif worker.killed is None and now - worker.seen > self._timeout:
            logger.error(
                "The worker on %s (process %d) has given no sign of life for %.0f s, and is killed",
                device,
                worker.pid,
                now - worker.seen,
            )
            worker.kill(now)

    def _bury(self, device: str, place: "_Post", worker: WorkerProcess, code: int) -> None:
        """Give back what a dead worker held, and decide when the next one starts."""
        how = _how_it_ended(worker, code)
        broken_device = isinstance(worker.error, DeviceError)
        # If a device fails, the film in hand is not to blame.
        self._give_back(worker, f"Its worker {how}", counted=not broken_device)
        if code == 0 and worker.asked:
            return
        place.replaced += 1
        place.failures += 1
        place.unready = 0 if worker.ready else place.unready + 1
        if worker.error is not None and not worker.ready and not worker.error.retryable:
            raise worker.error
        if place.failures >= PATIENCE and broken_device and worker.error is not None:
            raise worker.error
        if place.unready >= PATIENCE:
            raise WorkerError(f"{place.unready} workers on {device} ended; the last one {how}")
        pause = place.pause(self._clock())
        logger.error(
            "The worker on %s (process %d) %s; another one starts%s",
            device,
            worker.pid,
            how,
            f" in {pause:.0f} s" if pause else "",
        )

    def _give_back(self, worker: WorkerProcess, reason: str, *, counted: bool) -> None:
        if worker.holder is None:
            return
        try:
            for job in self._store.release(worker.holder, reason=reason, counted=counted):
                logger.info("Job %d goes on where it was. %s", job.id, reason)
        except NstdError as error:
            # If this fails, the next claim finds the process gone and does the same.
            logger.warning("Jobs of process %d are given back later: %s", worker.pid, error)


class _Post:
    """A device and its worker, if there is one just now."""

    def __init__(self, settings: WorkerSettings) -> None:
        self.settings = settings
        self.worker: WorkerProcess | None = None
        self.leaving = False
        self.failures = 0
        self.unready = 0
        self.replaced = 0
        self.not_before = 0.0
        self.problem: str | None = None

    def pause(self, now: float) -> float:
        """Delay the next start, longer with each failure; gives the seconds."""
        seconds = min(2.0 ** (self.failures - 1) - 1, LONGEST_PAUSE_SECONDS)
        self.not_before = now + seconds
        return seconds


def _holder(pid: int) -> Holder | None:
    try:
        return process(pid)
    except NstdError:
        return None  # it has ended already, and holds nothing


def _how_it_ended(worker: WorkerProcess, code: int) -> str:
    if worker.error is not None:
        return f"failed: {worker.error.problem}"
    if worker.killed is not None:
        return "hung and was killed"
    if code < 0:
        name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
        hint = " (the system kills so where memory is short)" if name == "SIGKILL" else ""
        return f"was ended by {name}{hint}"
    return f"ended with code {code}"


def _error_of(message: dict[str, Any]) -> NstdError:
    kind = getattr(errors, message["error"], NstdError)
    error: NstdError = kind(message["problem"], message["remedy"])
    return error


def _bytes_moved(pid: int) -> int | None:
    """Bytes a process has read and written so far; None where that cannot be seen."""
    try:
        lines = Path(f"/proc/{pid}/io").read_text().splitlines()
    except OSError:
        return None
    counts = dict(line.split(": ", 1) for line in lines)
    return int(counts["rchar"]) + int(counts["wchar"])
