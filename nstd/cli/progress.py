"""Progress of painting: a bar on a terminal, a line now and then elsewhere, or events as JSON."""

import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from nstd.cli.options import Common, print_event
from nstd.config.words import duration_text
from nstd.errors import Interrupted, visible
from nstd.ledger.job import Job

if TYPE_CHECKING:
    from nstd.style.optimize import Iterate

LINE_SECONDS = 15.0
"""Seconds between two lines where there is no terminal."""

DOING_SECONDS = 2.0
"""Where there is no terminal, work that takes less time gets no line, unless it is the first."""

LOADING = "loading PyTorch"
"""The first step of every command that paints; it takes seconds by itself."""


class Reporter:
    """Shows one film after the other; the observer of `stylize` and `batch`.

    The remaining time is estimated from the frames that are painted in this run: those kept from
    an earlier run take no time. The first frame of a film that is painted along its motion takes
    several times as long as those that go on from it: what is estimated by it alone is said so, and
    it is left out as soon as another one is finished.
    """

    def __init__(self, common: Common) -> None:
        console = Console(stderr=True)
        self._events = common.json_progress
        self._quiet = common.quiet or common.json_progress
        self._live = console.is_terminal and not self._quiet
        self._progress = Progress(
            TextColumn("{task.fields[name]}", markup=False),
            BarColumn(),
            TextColumn("{task.fields[text]}", markup=False),
            TextColumn("{task.fields[left]}", markup=False),
            console=console,
            disable=not self._live,
        )
        self._stop = threading.Event()
        self._name, self._loss = "", "…"
        self._number, self._count = 1, 1
        self._total = self._painted = self._before = 0
        self._begun = self._since = self._until = self._line = time.monotonic()
        self._first_ended = self._begun
        self._said, self._doing = False, ""
        self._done_before = 0.0
        self._worked_on: set[int] = set()
        self._task = self._progress.add_task("", total=None, name="", text="", left="")
        self._all = self._progress.add_task("", name="", text="", left="", visible=False)

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

    def turn(self, number: int, count: int) -> None:
        """Input `number` of `count` is next."""
        self._tell()
        if number == 1:
            self._begun = time.monotonic()
        self._number, self._count, self._doing = number, count, ""
        self._name, self._total = "", 0
        self._painted = self._before = 0
        self._progress.update(
            self._task, total=None, completed=0, name=self._place, text="", left=""
        )
        if count > 1:
            self._show_all(0.0)

    def doing(self, what: str) -> None:
        """Something is begun that takes a while before the next step.

        Raises:
            Interrupted: `stop` was called; better to end before the work than after it.
        """
        if self.stopping:
            raise Interrupted(f"It was stopped before {what}")
        if what == self._doing:
            return
        self._doing = what
        self._emit(event="doing", what=what)
        words = f"{what[:1].upper()}{what[1:]}"
        self._progress.update(self._task, text=words, left="")
        # At once: during imports that follow, no other thread may get to draw.
        self._progress.refresh()
        now = time.monotonic()
        if not self._said or now - self._line >= DOING_SECONDS:
            self._line = now
            self._say(f"{self._place}: {what}" if self._place else words)

    def began(self, job: Job, *, painted: int, total: int) -> None:
        """A film begins, or is begun once more."""
        self._tell()
        self._name = visible(job.request.key.relative)
        self._painted = self._before = painted
        self._total, self._loss, self._doing = total, "…", ""
        line, self._line = self._line, time.monotonic()
        self._since = self._until = self._first_ended = self._line
        self._worked_on.clear()
        self._emit(
            event="began",
            source=visible(job.request.source),
            target=visible(job.request.target),
            number=self._number,
            count=self._count,
            painted=painted,
            total=total or None,
        )
        if painted:
            frames = "1 frame" if painted == 1 else f"{painted} frames"
            before = f"going on after {frames} painted before"
            if painted == total:
                # Also where it is linked to what another job has painted: no run was interrupted.
                before = f"{frames} painted before, so none is left to paint"
            self._say(f"{self._place}: {before}")
        elif self._since - line >= DOING_SECONDS:
            self._say(f"{self._place}: painting")
        self._progress.update(
            self._task, total=total or None, completed=painted, name=self._place, text="", left=""
        )

    def alive(self) -> None:
        """Nothing to show."""

    def stepped(self, frame: int, iterate: "Iterate") -> None:
        """A step was taken: show how far the frame in hand is."""
        self._worked_on.add(frame)
        self._loss = f"{float(iterate.losses.total[0]):.4f}"
        self._show(self._painted + min(iterate.done, 1.0))

    def painted(self, frame: int) -> None:
        """A frame is finished, or one that was kept is passed by."""
        self._painted += 1
        self._until = time.monotonic()
        if frame not in self._worked_on:
            self._before += 1
            self._since = self._until
        if self._painted - self._before <= 1:
            self._first_ended = self._until
        left = self._seconds_left(self._painted)
        self._emit(
            event="painted",
            painted=self._painted,
            total=self._total or None,
            seconds_left=None if left is None else round(left, 1),
        )
        self._show(self._painted)

    @property
    def _place(self) -> str:
        """The film in hand, and which of several it is."""
        which = f"{self._number} of {self._count}" if self._count > 1 else ""
        return f"{self._name} ({which})" if self._name and which else self._name or which

    def _tell(self) -> None:
        """Tell what became of the previous film."""
        count = min(len(self._worked_on), self._painted - self._before)
        if count:
            frames = "1 frame" if count == 1 else f"{count} frames"
            taken = duration_text(self._until - self._since)
            if not self._quiet:
                sys.stderr.write(f"{self._name}: {frames} painted in {taken}\n")
            share = count / self._total if self._total else 1.0
            self._done_before += min(share, 1.0)
        self._worked_on.clear()

    def _seconds_left(self, done: float) -> float | None:
        """How long the film in hand still takes, as far as this run tells."""
        taken, made = time.monotonic() - self._since, done - self._before
        if not self._total or made <= 0 or taken <= 0:
            return None
        if made >= 2:
            taken, made = time.monotonic() - max(self._since, self._first_ended), made - 1
        return max(0.0, (self._total - done) * taken / made)

    def _left(self, done: float) -> str:
        """How long the film in hand still takes, in words."""
        seconds = self._seconds_left(done)
        if seconds is None:
            return ""
        if done - self._before < 2 and self._total - self._before > 1:
            return f"{duration_text(seconds)} left at the first frame's pace"
        return f"about {duration_text(seconds)} left"

    def _all_left(self, done: float) -> float | None:
        """How long all inputs still take, if each takes as long as those that were painted."""
        made = self._done_before + max(0.0, done - self._before) / (self._total or 1)
        taken = time.monotonic() - self._begun
        share = done / self._total if self._total else 0.0
        left = self._count - self._number + 1 - share
        return left * taken / made if self._total and made > 0 and taken > 0 else None

    def _show(self, done: float) -> None:
        shown = f"{min(int(done) + 1, self._total or int(done) + 1)}/{self._total or '?'}"
        left = self._left(done)
        text = f"frame {shown}, loss {self._loss}"
        self._progress.update(self._task, completed=done, text=text, left=left)
        if self._count > 1:
            left += self._show_all(done)
        now = time.monotonic()
        if now - self._line >= LINE_SECONDS:
            self._line = now
            self._say(f"{self._place}: {text}{', ' if left else ''}{left}")

    def _show_all(self, done: float) -> str:
        """Show how far all inputs are; gives the words for the time they take."""
        seconds = self._all_left(done)
        left = "" if seconds is None else f"about {duration_text(seconds)} left"
        completed = self._number - 1 + (done / self._total if self._total else 0.0)
        self._progress.update(
            self._all,
            completed=completed,
            total=self._count,
            name="All",
            text=f"{self._number} of {self._count}",
            left=left,
            visible=True,
        )
        return f", {left} in all" if left else ""

    def _say(self, line: str) -> None:
        self._said = True
        if not self._quiet and not self._live:
            sys.stderr.write(f"{line}\n")
            sys.stderr.flush()

    def _emit(self, **event: Any) -> None:
        if self._events:
            print_event(event)


@contextmanager
def reporting(common: Common) -> Iterator[Reporter]:
    """A reporter that SIGINT and SIGTERM stop; a second signal ends the process at once."""
    with Reporter(common) as reporter:

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
