"""Watching folders for films: start scan, events and reconciliation, all through one tracker.

Events are hints: they cause an early look and are never trusted. What they miss is found by the
reconciliation scan. Where there are no events (a network mount, inotify exhausted), frequent scans
replace them.
"""

import time
from collections.abc import Callable, Iterable

from nstd.intake.folder import WatchedFolder, WatchSettings
from nstd.intake.folder_watch import FolderWatch, OnSettled
from nstd.intake.unpainted import Unpainted

__all__ = ["WatchSettings", "WatchedFolder", "Watcher"]


class Watcher:
    """Reports each film in the watched folders once it has settled.

    All work is done in `start`, `tick` and `stop`, which one thread calls; watchdog's threads only
    collect hints.

    Args:
        folders: The folders; none lies in another.
        on_settled: Called by `tick` with each file that has settled, once for each identity it
            has; returns why it is left alone, or None. If it raises a retryable error, it is called
            again after a growing wait. An `InputError` is logged, and that identity is not reported
            again. Any other error ends the tick. It may return a future instead, whose result or
            error is treated in the same way once it is there.
        settings: How they are watched.
        clock: Seconds of a clock that runs evenly.

    Attributes:
        unpainted: What lies in the folders and is not handed out, or was left alone, and why.
    """

    def __init__(
        self,
        folders: Iterable[WatchedFolder],
        on_settled: OnSettled,
        settings: WatchSettings,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self.unpainted = Unpainted()
        self._folders = [
            FolderWatch(folder, on_settled, self.unpainted, settings) for folder in folders
        ]

    @property
    def caught(self) -> int:
        """How many files have settled without an event: their events were lost."""
        return sum(watch.caught for watch in self._folders)

    @property
    def overflows(self) -> int:
        """How often the kernel's queue of events was found to have overflowed."""
        return sum(watch.overflows for watch in self._folders)

    @property
    def problems(self) -> list[str]:
        """What keeps folders from being watched as asked, one sentence each; empty if healthy."""
        return [problem for watch in self._folders for problem in watch.problems]

    def start(self) -> None:
        """Begin to listen, then look at all that is there: nothing falls between the two.

        No file has settled yet when it returns. A folder that is not there is no error: it is
        scanned when it comes, and is one of the `problems` until then.
        """
        for watch in self._folders:
            watch.look_around(self._clock())

    def tick(self) -> None:
        """Do what is due; to be called about once a second.

        Raises:
            NstdError: `on_settled` raised it, and it is neither retryable nor about the file.
        """
        for watch in self._folders:
            watch.look_around(self._clock())
            watch.report(self._clock)

    def stop(self) -> None:
        """End watching."""
        for watch in self._folders:
            watch.stop()
