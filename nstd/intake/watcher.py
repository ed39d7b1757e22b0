"""Watching folders for films: start scan, events and reconciliation, all through one tracker.

Events are hints: they make for an early look and are never believed. What they miss, the
reconciliation scan finds; where there are none (a network mount, inotify exhausted), a scan takes
their place.
"""

import logging
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from nstd.errors import VanishedError
from nstd.intake.folder import WatchedFolder, identify, root_identity, walk
from nstd.intake.folder_watch import FolderWatch, OnSettled
from nstd.intake.stability import StabilityTracker
from nstd.intake.unpainted import Unpainted
from nstd.intake.writers import UNSURE_SECONDS, Standing, standing_of

__all__ = ["WatchedFolder", "Watcher", "scan_once"]

log = logging.getLogger(__name__)


class Watcher:
    """Says of each film in the watched folders when it has settled.

    Nothing is done but in `start`, `tick` and `stop`, which one thread calls; watchdog's threads
    only collect hints.

    Args:
        folders: The folders; none lies in another.
        on_settled: Called by `tick` with each file that has settled, once for each identity it
            has; returns why it is left alone, or None. If it raises a retryable error, it is called
            again after a growing wait. An `InputError` is logged, and that identity is done with.
            Any other error ends the tick. It may give a future instead, whose result or error is
            taken likewise when it is there.
        settle_seconds: How long a file must look the same.
        unsure_seconds: How long, where it cannot be told whether somebody still writes to it.
        reconcile_seconds: Time between two reconciliation scans.
        polling: Whether to scan every `settle_seconds` instead of using events; None decides for
            each folder by its file system.
        clock: Seconds of a clock that runs evenly.

    Attributes:
        unpainted: What lies in the folders and is not handed out, or was left alone, and why.
    """

    def __init__(
        self,
        folders: Iterable[WatchedFolder],
        on_settled: OnSettled,
        *,
        settle_seconds: float,
        unsure_seconds: float = UNSURE_SECONDS,
        reconcile_seconds: float,
        polling: bool | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self.unpainted = Unpainted()
        self._folders = [
            FolderWatch(
                folder,
                on_settled,
                self.unpainted,
                settle_seconds=settle_seconds,
                unsure_seconds=unsure_seconds,
                reconcile_seconds=reconcile_seconds,
                polling=polling,
            )
            for folder in folders
        ]

    @property
    def caught(self) -> int:
        """How many settled files no event had told of: events that were lost."""
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


def scan_once(
    folder: WatchedFolder,
    *,
    settle_seconds: float,
    unsure_seconds: float = UNSURE_SECONDS,
    patience_seconds: float = 60.0,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> list[Path]:
    """The files that are in the folder now and have settled, in the order of their names.

    Args:
        folder: The folder.
        settle_seconds: How long a file must look the same; the call takes at least that long.
        unsure_seconds: How long, where it cannot be told whether somebody still writes to it.
        patience_seconds: How much longer to wait for files that still change, are open for writing
            or cannot be looked at; those left then are named in the log.
        clock: Seconds of a clock that runs evenly.
        sleep: Waits for so many seconds.

    Raises:
        VanishedError: The folder, or its marker, is not there.
    """
    if root_identity(folder) is None:
        raise VanishedError(
            f"The folder {folder.path} or its marker is not there",
            "Create the folder, mount its disk, or take it out of the configuration",
        )
    tracker = StabilityTracker(settle_seconds, unsure_seconds=unsure_seconds)
    deadline = clock() + settle_seconds + patience_seconds
    listing = walk(folder)
    for path in [*listing.files, *listing.failed]:
        tracker.note(path, clock())
    for path, error in listing.unlisted.items():
        log.warning("The folder %r cannot be listed: %s", str(path), error)
    settled: list[Path] = []
    unsure: list[Path] = []
    while tracker.unsettled:
        _look_at_all(folder, tracker, clock)
        found, unknown = _settled_now(tracker, clock)
        settled += found
        if unknown and not unsure:
            deadline += unsure_seconds
            log.info(
                "Whether somebody still writes to %r cannot be told: it must rest for %g s",
                str(unknown[0]),
                unsure_seconds,
            )
        unsure += unknown
        if clock() >= deadline:
            break
        if tracker.unsettled:
            sleep(max(settle_seconds, 0.05))
    for path in tracker.unsettled:
        log.warning(
            "%r is left out: it still changes, is open for writing, or cannot be looked at",
            str(path),
        )
    return sorted(settled)


def _look_at_all(
    folder: WatchedFolder, tracker: StabilityTracker, clock: Callable[[], float]
) -> None:
    for path in tracker.unsettled:
        try:
            tracker.look(path, identify(folder, path), clock())
        except OSError as error:
            log.info("%r cannot be looked at: %s", str(path), error)
            tracker.failed(path, clock())


def _settled_now(
    tracker: StabilityTracker, clock: Callable[[], float]
) -> tuple[list[Path], list[Path]]:
    """The files that have settled, and those that rest and whose writers are unknown."""
    settled, unknown = [], []
    for path, _ in tracker.settled():
        standing = standing_of(path)
        if not tracker.must_wait(path, standing, clock()):
            settled.append(path)
        elif standing is Standing.UNKNOWN:
            unknown.append(path)
    return settled, unknown
