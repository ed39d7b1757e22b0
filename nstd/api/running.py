"""Painting in a thread of its own, so that Ctrl-C ends it cleanly.

Python delivers Ctrl-C to the main thread, in the middle of whatever that does. Painting is to stop
between two steps instead, with its ledger in order. So it runs in a thread of its own, and the
caller's thread waits for it: `on_progress` is called there, and errors are raised there.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from threading import Event, Lock, Thread
from typing import TypeVar

import torch

from nstd.api.progress import OnProgress, Progress, stepped
from nstd.errors import Interrupted
from nstd.ledger.job import Job
from nstd.style.optimize import Iterate

_Made = TypeVar("_Made")


class CallerObserver:
    """The observer of one input: reports progress to the caller, and stops when asked to.

    Args:
        tell: Called with the progress, by the thread that paints.
    """

    def __init__(self, tell: Callable[[Progress], object]) -> None:
        self._tell = tell
        self._stop = Event()
        self._painted = 0
        self._total: int | None = None

    def stop(self) -> None:
        """Ask painting to end at its next step."""
        self._stop.set()

    @property
    def stopping(self) -> bool:
        """Whether `stop` was called."""
        return self._stop.is_set()

    def began(self, job: Job, *, painted: int, total: int) -> None:
        """A film begins, or goes on."""
        del job
        self._painted, self._total = painted, total or None
        self._tell(Progress(painted=painted, total=self._total))

    def turn(self, number: int, count: int) -> None:
        """Report nothing: there is only one input."""

    def doing(self, what: str) -> None:
        """Something begins that takes a while before the next step.

        Raises:
            Interrupted: `stop` was called.
        """
        if self.stopping:
            raise Interrupted(f"It was stopped before {what}")
        self._tell(Progress(painted=self._painted, total=self._total, doing=what))

    def alive(self) -> None:
        """Report nothing."""

    def stepped(self, frame: int, iterate: Iterate) -> None:
        """A step was taken."""
        self._tell(stepped(self._painted, self._total, frame, iterate))

    def painted(self, frame: int) -> None:
        """A frame is finished, or one that was kept is passed by."""
        del frame
        self._painted += 1
        self._tell(Progress(painted=self._painted, total=self._total))


class _Settings:
    """Remembers the caller's PyTorch settings of the whole process while any call paints."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._users = 0
        self._flags = (False, False, False, False)

    def enter(self) -> None:
        """Remember the settings, unless another call has done so."""
        cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
        with self._lock:
            if not self._users:
                found = cudnn.benchmark, cudnn.deterministic, cudnn.allow_tf32, matmul.allow_tf32
                self._flags = found
            self._users += 1

    def leave(self) -> None:
        """Restore the settings, unless another call still paints."""
        cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
        with self._lock:
            self._users -= 1
            if not self._users:
                found = self._flags
                cudnn.benchmark, cudnn.deterministic, cudnn.allow_tf32, matmul.allow_tf32 = found


_SETTINGS = _Settings()


@contextmanager
def torch_settings(kind: str = "cpu") -> Iterator[None]:
    """Restore the caller's PyTorch settings after the block.

    Settings of the whole process are restored once no other call paints. The caller may be within
    `no_grad`, `inference_mode` or `autocast`: within the block there are gradients and no
    autocast all the same, so that painting gives the same bytes.

    Args:
        kind: Of the device that paints: "cpu", "cuda" or "mps".
    """
    threads = torch.get_num_threads()
    _SETTINGS.enter()
    try:
        plain = torch.autocast(kind, enabled=False)
        with torch.inference_mode(mode=False), torch.enable_grad(), plain:
            yield
    finally:
        torch.set_num_threads(threads)
        _SETTINGS.leave()


def run(work: Callable[[CallerObserver], _Made], on_progress: OnProgress | None) -> _Made:
    """Do `work` in a thread, report its progress in this one, and return its result.

    An exception of `on_progress`, and an interrupt by the user (`KeyboardInterrupt`), ends the work
    at its next step and is raised after that. A second interrupt is raised at once.

    Args:
        work: The work; called with its observer.
        on_progress: Called by this thread; None for no reports.

    Raises:
        NstdError: What `work` raises.
    """
    told: SimpleQueue[Progress | None] = SimpleQueue()
    observer = CallerObserver(told.put if on_progress else lambda _: None)
    made: list[_Made] = []
    failed: list[BaseException] = []

    def worked() -> None:
        try:
            with torch_settings():
                made.append(work(observer))
        except BaseException as error:  # noqa: BLE001 - raised again by the caller's thread
            failed.append(error)
        finally:
            told.put(None)

    # A daemon: a process that is to end at once need not wait for a step, since a kill is safe.
    thread = Thread(target=worked, name="nstd", daemon=True)
    try:
        thread.start()
        while (progress := told.get()) is not None:
            if on_progress is not None:
                on_progress(progress)
    except BaseException:
        observer.stop()
        if thread.ident is not None:
            thread.join()
        raise
    thread.join()
    if failed:
        raise failed[0]
    return made[0]
