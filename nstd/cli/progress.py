"""Progress of painting: a bar on a terminal, a line now and then elsewhere."""

import logging
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from nstd.cli.options import Face
from nstd.config.words import duration_text
from nstd.errors import visible
from nstd.ledger.job import Job

if TYPE_CHECKING:
    from nstd.style.optimize import Iterate

logger = logging.getLogger(__name__)

LINE_SECONDS = 15.0
"""Between two lines where there is no terminal."""


class Reporter:
    """Shows one film after the other; the observer of `stylize` and `batch`."""

    def __init__(self, face: Face) -> None:
        console = Console(stderr=True)
        self._quiet = face.quiet
        self._live = console.is_terminal and not face.quiet
        self._progress = Progress(
            TextColumn("{task.fields[name]}", markup=False),
            BarColumn(),
            TextColumn("frame {task.fields[shown]}, loss {task.fields[loss]}"),
            TimeRemainingColumn(),
            console=console,
            disable=not self._live,
        )
        self._task: TaskID | None = None
        self._stop = threading.Event()
        self._name = ""
        self._total = self._painted = self._before = 0
        self._loss = "…"
        self._since = self._until = self._line = time.monotonic()
        self._worked_on: set[int] = set()

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()
        self._tell()

    def stop(self) -> None:
        """Ask the work to end at its next step."""
        self._stop.set()

    @property
    def stopping(self) -> bool:
        """Whether `stop` was called."""
        return self._stop.is_set()

    def began(self, job: Job, *, painted: int, total: int) -> None:
        """A film begins."""
        self._tell()
        self._name = visible(job.request.key.relative)
        self._painted = self._before = painted
        self._total, self._loss = total, "…"
        self._since = self._until = self._line = time.monotonic()
        self._worked_on.clear()
        if painted:
            self._say(f"{self._name}: going on after {painted} frames painted before")
        if self._task is not None:
            self._progress.remove_task(self._task)
        self._task = self._progress.add_task(
            "", total=total or None, completed=painted, name=self._name, shown="", loss="…"
        )

    def alive(self) -> None:
        """Nothing to show."""

    def stepped(self, frame: int, iterate: "Iterate") -> None:
        """A step was taken: show how far the frame in hand is."""
        self._worked_on.add(frame)
        self._loss = f"{float(iterate.losses.total[0]):.4f}"
        self._show(self._painted + min(iterate.done, 1.0))

    def painted(self, frame: int) -> None:  # noqa: ARG002 - counted here
        """A frame is finished."""
        self._painted += 1
        self._until = time.monotonic()
        self._show(self._painted)

    def _tell(self) -> None:
        """What became of the film before."""
        count = min(len(self._worked_on), self._painted - self._before)
        if not self._quiet and count:
            frames = "1 frame" if count == 1 else f"{count} frames"
            taken = duration_text(self._until - self._since)
            sys.stderr.write(f"{self._name}: {frames} painted in {taken}\n")

    def _show(self, done: float) -> None:
        shown = f"{min(int(done) + 1, self._total or int(done) + 1)}/{self._total or '?'}"
        if self._task is not None:
            self._progress.update(self._task, completed=done, shown=shown, loss=self._loss)
        now = time.monotonic()
        if not self._live and now - self._line >= LINE_SECONDS:
            self._line = now
            speed = (done - self._before) / (now - self._since)
            left = (self._total - done) / speed if self._total and speed > 0 else None
            eta = "" if left is None else f", about {duration_text(left)} left"
            self._say(f"{self._name}: frame {shown}, loss {self._loss}{eta}")

    def _say(self, line: str) -> None:
        if not self._quiet and not self._live:
            sys.stderr.write(f"{line}\n")


@contextmanager
def reporting(face: Face) -> Iterator[Reporter]:
    """A reporter that SIGINT and SIGTERM stop; a second signal ends the process at once."""
    with Reporter(face) as reporter:

        def handle(number: int, frame: FrameType | None) -> None:
            del frame
            reporter.stop()
            signal.signal(number, signal.SIG_DFL)

        numbers = (signal.SIGINT, signal.SIGTERM)
        before = {number: signal.signal(number, handle) for number in numbers}
        try:
            yield reporter
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
