"""A running watcher with the kernel's events, and what settles in the folder it watches."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from nstd.intake.watcher import WatchedFolder, Watcher, WatchSettings

SETTLE = 0.15
PATIENCE = 20.0
"""Events come within milliseconds (a move out of nowhere after half a second, watchdog's wait for
its other half); a loaded machine may take far longer, and then the test only takes longer too."""
QUIET = 0.9

QUEUE = Path("/proc/sys/fs/inotify/max_queued_events")
READ_AT_ONCE = 2048
"""Events that watchdog takes from the queue, and hands on, before it can be held up."""

OnSettled = Callable[[WatchedFolder, Path], object]


class Intake:
    """A running watcher of one folder, and the files that settled."""

    def __init__(
        self,
        folder: WatchedFolder,
        reconcile_seconds: float = 1e6,
        *,
        polling: bool = False,
        unsure_seconds: float = 1e6,
        on_settled: OnSettled | None = None,
    ) -> None:
        self.root = folder.path
        self.files: list[str] = []
        self._on_settled = on_settled
        self.watcher = Watcher(
            [folder],
            self._take,
            WatchSettings(
                settle_seconds=SETTLE,
                unsure_seconds=unsure_seconds,
                reconcile_seconds=reconcile_seconds,
                polling=polling,
            ),
        )

    def run(self, seconds: float) -> list[str]:
        """The files that settle within this time."""
        return self._run_until(lambda: False, seconds)

    def expect(self, *names: str) -> None:
        """Wait for these files to settle; no other may, nor one of them twice."""
        found = self._run_until(lambda: set(names) <= set(self.files), PATIENCE)
        found += self.run(2 * SETTLE)
        assert sorted(found) == sorted(names)

    def _take(self, folder: WatchedFolder, path: Path) -> str | None:
        if self._on_settled is not None:
            self._on_settled(folder, path)
        self.files.append(str(path.relative_to(folder.path)))
        return None

    def _run_until(self, condition: Callable[[], bool], seconds: float) -> list[str]:
        deadline = time.monotonic() + seconds
        while not condition() and time.monotonic() < deadline:
            self.watcher.tick()
            time.sleep(0.02)
        found, self.files = self.files, []
        return found


def overflow(intake: Intake, happens: Callable[[], object] = lambda: None) -> None:
    """Let the kernel's queue for the folder overflow, with the thread that reads it held up.

    Args:
        intake: Watches the folder.
        happens: What is done when the queue is full: its events are lost.
    """
    feed = intake.watcher._folders[0]._feed
    assert feed is not None
    reader = getattr(feed._observer, "_inotify_fd", None)
    if reader is None:
        pytest.skip("watchdog before 7 does not tell of an overflow")
    one, two = ((intake.root / name).open("wb", buffering=0) for name in (".one", ".two"))
    with reader._lock, one, two:
        # Equal events in a row are merged.
        for _ in range(int(QUEUE.read_text()) // 2 + READ_AT_ONCE):
            one.write(b"1")
            two.write(b"2")
        happens()
