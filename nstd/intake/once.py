"""A folder looked at once, as `batch` does: which of its files have settled, and which have not."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from nstd.disks.place import NOT_THERE
from nstd.errors import BeingWrittenError, NstdError, VanishedError, from_os_error
from nstd.intake.folder import WatchedFolder, identify, root_identity, walk
from nstd.intake.stability import StabilityTracker
from nstd.intake.writers import UNSURE_SECONDS, Standing, standing_of

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Found:
    """What is in a folder.

    Attributes:
        settled: The files that have settled, in the order of their names.
        left_out: Files that have not settled and folders that could not be listed, with the
            reason.
    """

    settled: list[Path] = field(default_factory=list)
    left_out: dict[Path, NstdError] = field(default_factory=dict)


def scan_once(
    folder: WatchedFolder,
    *,
    settle_seconds: float,
    unsure_seconds: float = UNSURE_SECONDS,
    patience_seconds: float = 60.0,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Found:
    """The files that are in the folder now, once they have settled.

    Args:
        folder: The folder.
        settle_seconds: How long a file must look the same; the call takes at least that long.
        unsure_seconds: How long it must look the same where it cannot be told whether somebody
            still writes to it.
        patience_seconds: How much longer to wait for files that still change, are open for writing
            or cannot be looked at.
        clock: Seconds of a clock that runs evenly.
        sleep: Waits for so many seconds.

    Raises:
        VanishedError: The folder, or its marker, is not there.
    """
    if root_identity(folder) is None:
        missing = "is not there" if folder.marker is None else "or its marker is not there"
        raise VanishedError(
            f"The folder {folder.path} {missing}",
            NOT_THERE if folder.marker is None else f"{NOT_THERE}. A marker is never made",
        )
    tracker = StabilityTracker(settle_seconds, unsure_seconds=unsure_seconds)
    deadline = clock() + settle_seconds + patience_seconds
    listing = walk(folder)
    for path in [*listing.files, *listing.failed]:
        tracker.note(path, clock())
    found = Found()
    for path, error in listing.unlisted.items():
        found.left_out[path] = from_os_error(error, path, "listing")
    unsure = False
    while tracker.unsettled:
        _look_at_all(folder, tracker, found, clock)
        unknown = _take_settled(tracker, found, clock)
        if unknown and not unsure:
            unsure, deadline = True, deadline + unsure_seconds
            log.info(
                "Whether somebody still writes to %s cannot be told: it must rest for %g s",
                unknown[0],
                unsure_seconds,
            )
        if clock() >= deadline:
            break
        if tracker.unsettled:
            sleep(max(settle_seconds, 0.05))
    for path in set(found.left_out) - set(tracker.unsettled) - set(listing.unlisted):
        del found.left_out[path]
    found.settled.sort()
    return found


def _look_at_all(
    folder: WatchedFolder, tracker: StabilityTracker, found: Found, clock: Callable[[], float]
) -> None:
    for path in tracker.unsettled:
        try:
            news = tracker.look(path, identify(folder, path), clock())
        except OSError as error:
            found.left_out[path] = from_os_error(error, path, "looking at")
            tracker.failed(path, clock())
        else:
            if news:
                found.left_out[path] = BeingWrittenError(f"{path} is being written: it changes")


def _take_settled(
    tracker: StabilityTracker, found: Found, clock: Callable[[], float]
) -> list[Path]:
    """Take the files that have settled; returns those that wait since their writers are unknown."""
    unknown = []
    for path, _ in tracker.settled():
        standing = standing_of(path)
        if not tracker.must_wait(path, standing, clock()):
            found.settled.append(path)
        elif standing is Standing.UNKNOWN:
            unknown.append(path)
        else:
            found.left_out[path] = BeingWrittenError(
                f"{path} is being written: a program has it open"
            )
    return unknown
