"""One worker in a process of its own, started and supervised by the daemon.

Films are read by large libraries written in C, and painted by drivers: in a process of its own a
crash, a leak or a hang costs the frame in hand and nothing else. Both sides send JSON through a
socket, one message in each packet. A worker whose supervisor is gone ends at once: what is painted
is kept, and the next worker continues it.
"""

import logging
import os
import signal
import socket
import sys
import threading
import time
from typing import Any

from nstd.child import die_with_parent
from nstd.config.words import duration_text
from nstd.daemon.channel import Channel
from nstd.errors import DeviceError, DeviceMemoryError, Interrupted, NstdError
from nstd.ledger.job import Job, JobState, path_of
from nstd.ledger.store import JobStore
from nstd.log import set_up_logging
from nstd.style.devices import choose_devices
from nstd.style.optimize import Iterate
from nstd.work.crew import WorkerSettings
from nstd.work.worker import Outcome, Worker

logger = logging.getLogger(__name__)

BEAT_SECONDS = 1.0
IDLE_SECONDS = 0.5
LEDGER_WAIT_SECONDS = 5.0
CLEAR_UP_SECONDS = 60.0


def main() -> None:
    """Work for the supervisor at the other end of the socket whose number is the argument."""
    channel = Channel(socket.socket(fileno=int(sys.argv[1])))
    asked = channel.receive()
    if asked is None:
        return  # the supervisor is gone already
    die_with_parent(asked["parent"])
    # The supervisor decides when to stop: Ctrl-C reaches both processes.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    set_up_logging(asked["log_level"], debug=asked["debug"], dated=True)
    try:
        _work(asked, channel)
    except NstdError as error:
        logger.debug("The worker failed here:", exc_info=error)
        channel.say(
            kind="failed",
            error=type(error).__name__,
            problem=error.problem,
            remedy=error.remedy,
        )
        sys.exit(error.exit_code)


class TellingObserver:
    """An observer that tells the supervisor and the log about progress."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._stop = threading.Event()
        self._retire = threading.Event()
        self._said = 0.0
        self._name, self._painted, self._total = "", 0, 0
        self._since: float | None = None

    @property
    def stopping(self) -> bool:
        """Whether to stop at the next step."""
        return self._stop.is_set()

    @property
    def retiring(self) -> bool:
        """Whether to end before the next job."""
        return self._stop.is_set() or self._retire.is_set()

    def listen(self) -> None:
        """Obey the supervisor; ends the process when it is gone."""
        while (message := self._channel.receive()) is not None:
            if message["kind"] == "stop":
                self._stop.set()
            elif message["kind"] == "retire":
                self._retire.set()
        os._exit(os.EX_TEMPFAIL)

    def wait(self, seconds: float) -> None:
        """Wait for so long, or until told to stop."""
        self.alive()
        self._stop.wait(seconds)

    def alive(self) -> None:
        """Give a sign of life, from time to time."""
        now = time.monotonic()
        if now - self._said >= BEAT_SECONDS:
            self._said = now
            self._channel.say(kind="beat")

    def turn(self, number: int, count: int) -> None:
        """Nothing to tell: a daemon has no fixed number of inputs."""

    def doing(self, what: str) -> None:  # noqa: ARG002 - a sign of life
        """Give a sign of life."""
        self.alive()

    def began(self, job: Job, *, painted: int, total: int) -> None:
        """Tell which job is painted, and how far it is."""
        self._name, self._painted, self._total = f"job {job.id}", painted, total
        self._since = time.monotonic()
        logger.info(
            "Painting %s: %d of %d frames are done: %s", self._name, painted, total, _way(job)
        )
        self._say_status()

    def stepped(self, frame: int, iterate: Iterate) -> None:  # noqa: ARG002 - a sign of life
        """Give a sign of life."""
        self.alive()

    def painted(self, frame: int) -> None:  # noqa: ARG002 - its number says not how many are done
        """Tell how many frames are done."""
        self._painted += 1
        self._say_status(painted=True)
        if self._total >= 20 and self._painted % (self._total // 10) == 0:
            logger.info("Painting %s: %d of %d frames", self._name, self._painted, self._total)

    def ended(self, outcome: Outcome) -> None:
        """Log what became of a job."""
        job, error = outcome.job, outcome.error
        if error is None:
            taken = "" if self._since is None else f" in {duration_text(_now() - self._since)}"
            counted = "1 frame" if job.frames_done == 1 else f"{job.frames_done} frames"
            logger.info("Done: job %d: %s, %s%s", job.id, _way(job), counted, taken)
        elif job.state in {JobState.CANCELED, JobState.VANISHED}:
            why = "" if job.error is None else f". {job.error}"
            logger.info("Job %d is %s: %s%s", job.id, job.state, _way(job), why)
        elif isinstance(error, Interrupted):
            logger.info("Job %d: %s", job.id, error.problem)
        elif job.state is JobState.QUEUED:
            logger.warning("Job %d waits: %s", job.id, error)
        else:
            logger.error("Job %d is %s: %s", job.id, job.state, error)
        self._since = None
        self._channel.say(kind="status", status="", painted=error is None)

    def _say_status(self, *, painted: bool = False) -> None:
        status = f"Painting {self._name}: frame {self._painted} of {self._total or '?'}"
        self._channel.say(kind="status", status=status, painted=painted)
        self._said = time.monotonic()


def _way(job: Job) -> str:
    """The job's source and target, as words."""
    return f"{path_of(job.request.source)} → {path_of(job.request.target)}"


def _work(asked: dict[str, Any], channel: Channel) -> None:
    settings = WorkerSettings.from_json(asked["settings"])
    (device,) = choose_devices((asked["device"],))
    voice = TellingObserver(channel)
    threading.Thread(target=voice.listen, name="listener", daemon=True).start()
    with JobStore(settings.state_dir / "ledger.sqlite3") as store:
        worker = Worker(store, device, settings, voice)
        channel.say(kind="ready")
        work_off_jobs(worker, voice)


def work_off_jobs(worker: Worker, voice: TellingObserver) -> None:
    """Take one job after the other until told to stop.

    Raises:
        DeviceError: The device failed: the next film would meet the same.
        LedgerError: The ledger is damaged.
    """
    cleared: float | None = None
    while not voice.retiring:
        try:
            # At the start and between films, since a queue may not run empty for weeks.
            if cleared is None or _now() - cleared > CLEAR_UP_SECONDS:
                worker.clearing.clear_up_all()
                cleared = _now()
            outcome = worker.work_one()
        except NstdError as error:
            if not error.retryable:
                raise
            # Most likely the disk is full. The job stays claimed, and is settled by the next call.
            logger.warning("The ledger cannot be used for now: %s", error)
            voice.wait(LEDGER_WAIT_SECONDS)
            continue
        if outcome is None:
            voice.wait(IDLE_SECONDS)
            continue
        voice.ended(outcome)
        if is_broken(outcome.error):
            assert outcome.error is not None  # noqa: S101 - for the type checker
            raise outcome.error


def _now() -> float:
    return time.monotonic()


def is_broken(error: NstdError | None) -> bool:
    """Whether an error means that this device cannot be used any more."""
    return isinstance(error, DeviceError) and not isinstance(error, DeviceMemoryError)


if __name__ == "__main__":
    main()
