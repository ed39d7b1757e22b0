"""Folders below a watched one without events from the kernel, which are scanned instead."""

import logging
from pathlib import Path

from nstd.errors import visible
from nstd.intake.feed import EventFeed
from nstd.intake.folder import Listing, WatchedFolder

log = logging.getLogger(__name__)

LIMIT = Path("/proc/sys/fs/inotify/max_user_watches")


class DeafFolders:
    """Finds the folders without events.

    Each folder needs a watch of its own, and the kernel gives each user a limited number.
    Files in folders without one would only be noticed by the reconciliation scan.

    Args:
        folder: The watched folder that they lie in.
        every: Seconds between two scans of a deaf one.

    Attributes:
        problem: Which folders they are and what to do, as a sentence; None where there are none.
    """

    def __init__(self, folder: WatchedFolder, every: float) -> None:
        self.problem: str | None = None
        self._folder = folder
        self._every = every
        self._suspects: set[Path] = set()
        self._deaf: set[Path] = set()
        self._scanned = 0.0

    def __contains__(self, folder: Path) -> bool:
        return folder in self._deaf

    @property
    def suspected(self) -> bool:
        """Whether another check should follow soon, to tell deaf folders from new ones."""
        return len(self._suspects) > 0

    def suspect(self, folder: Path, feed: EventFeed | None) -> None:
        """Note that there is a new folder."""
        if feed is not None and self._folder.enters(folder) and feed.is_deaf(folder):
            self._suspects.add(folder)

    def check(self, listing: Listing, feed: EventFeed | None, now: float) -> None:
        """Take what a scan of the whole watched folder has found."""
        deaf = set() if feed is None else {one for one in listing.folders if feed.is_deaf(one)}
        deaf -= set(listing.unlisted)
        # A new folder gets its watch in a moment: deaf is one that twice had none.
        self._suspects, known = deaf - self._suspects - self._deaf, self._deaf
        self._deaf = deaf - self._suspects
        self._scanned = now
        if self._deaf != known:
            self._say(new=not known)

    def due(self, now: float) -> list[Path]:
        """The folders to scan now, with all that is in them."""
        if not self._deaf or 0 <= now - self._scanned < self._every:
            return []
        self._scanned = now
        return [one for one in self._deaf if not self._deaf.intersection(one.parents)]

    def _say(self, *, new: bool) -> None:
        if not self._deaf:
            self.problem = None
            return
        first, count = visible(min(self._deaf)), len(self._deaf)
        which = f"{first} has" if count == 1 else f"{first} and {count - 1:,} more folders have"
        self.problem = (
            f"{which} no events, since the kernel watches no more folders for this user"
            f" (fs.inotify.max_user_watches is {_limit()}): scanned every {self._every:g} s"
            " instead. Raise that limit with sysctl, and reload or restart nstd"
        )
        if new:
            log.warning("%s", self.problem)


def _limit() -> str:
    try:
        return LIMIT.read_text().strip()
    except OSError:
        return "unknown"
