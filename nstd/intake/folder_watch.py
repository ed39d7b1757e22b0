"""All that concerns one watched folder: its events, its scans, its tracker."""

import errno
import logging
import os
import stat
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from pathlib import Path

from nstd.disks.mounts import needs_polling
from nstd.errors import AccessError, BeingWrittenError, InputError, NstdError
from nstd.intake.deaf import DeafFolders
from nstd.intake.feed import EventFeed
from nstd.intake.folder import (
    Listing,
    WatchedFolder,
    WatchSettings,
    identify,
    is_sidecar_of,
    oddity,
    root_identity,
    walk,
)
from nstd.intake.stability import StabilityTracker
from nstd.intake.unpainted import Cause, Unpainted
from nstd.intake.writers import Standing, standing_of, why_it_waits
from nstd.ledger.job import FileIdentity

log = logging.getLogger(__name__)

OnSettled = Callable[[WatchedFolder, Path], "Future[str | None] | str | None"]
"""Takes a settled file; returns why it is left alone, or None. It may return a future of that."""

_DENIED = PermissionError(errno.EACCES, os.strerror(errno.EACCES))

_NAMED = 3
"""How many of the files whose events were lost are named in the log."""
_SCANS_AFTER_OVERFLOW = 2
"""One at once and one later: while watchdog sets its watches anew, it misses events."""


class FolderWatch:
    """Watches one folder.

    Args:
        folder: The folder.
        on_settled: See `Watcher`.
        unpainted: Where it is noted what is not handed out, or was left alone.
        settings: How it is watched.

    Attributes:
        folder: The folder.
        caught: How many files have settled without an event.
        overflows: How often the kernel's queue of events was found to have overflowed.
        problem: What keeps it from being watched at all, or by its events, as a sentence, or None.
    """

    def __init__(
        self,
        folder: WatchedFolder,
        on_settled: OnSettled,
        unpainted: Unpainted,
        settings: WatchSettings,
    ) -> None:
        self.folder = folder
        self.caught = 0
        self.overflows = 0
        self.problem: str | None = None
        self._on_settled = on_settled
        self._unpainted = unpainted
        self._settings = settings
        self._deaf = DeafFolders(folder, settings.settle_seconds)
        self._odd: set[Path] = set()
        self._polls = False
        self._tracker = StabilityTracker(settings.settle_seconds, settings.unsure_seconds)
        self._feed: EventFeed | None = None
        self._listen_after: float | None = None
        self._root: tuple[int, int] | None = None
        self._scanned: float | None = None
        self._counting = False
        self._extra_scans = 0
        self._unannounced: set[Path] = set()
        self._in_hand: dict[Path, Future[str | None]] = {}

    @property
    def problems(self) -> list[str]:
        """What keeps it from being watched as asked, one sentence each."""
        found = (self.problem, self._deaf.problem)
        return [one for one in found if one is not None]

    def look_around(self, now: float) -> None:
        """Take hints, look at what is due, and scan if it is time."""
        if not self._is_there():
            return
        self._listen(now)
        self._notice_overflow()
        self._take_hints(now)
        # Hints come first, so that the scan does not count the events of their files as lost.
        for path in self._tracker.due(now):
            self._look(path, now)
        if self._scan_is_due(now):
            self._scan(now)
        elif self._feed is not None:
            for folder in self._deaf.due(now):
                self._enter(walk(self.folder, folder), now)

    def report(self, clock: Callable[[], float]) -> None:
        """Hand out the files that have settled."""
        if self._root is None:
            return
        self._collect(clock())
        if self._unannounced:
            self._count_lost()
        for path, _ in self._tracker.settled():
            if not os.access(path, os.R_OK, effective_ids=True):
                self._failed(path, "cannot be read", _DENIED, clock())
                continue
            told, standing = self._standing(path)
            if self._tracker.must_wait(path, standing, clock()):
                reason = why_it_waits(told, standing, self._tracker.unsure_seconds)
                self._unpainted.note(path, Cause.WAITING, reason)
            elif path in self._in_hand:
                # The version before it is still being read: this one comes after that.
                self._tracker.failed(path, clock())
            else:
                self._hand_out(path, clock)

    def _hand_out(self, path: Path, clock: Callable[[], float]) -> None:
        try:
            found = self._on_settled(self.folder, path)
        except NstdError as error:
            self._not_taken(path, error, clock())
        else:
            if isinstance(found, Future):
                self._in_hand[path] = found
                if self._unpainted.kind(path) is Cause.WAITING:  # and not refused before
                    self._unpainted.note(path, Cause.WAITING, "it is being read")
            else:
                self._taken(path, found)

    def _collect(self, now: float) -> None:
        """Take the results of files that other threads have read."""
        for path, found in list(self._in_hand.items()):
            if found.done():
                del self._in_hand[path]
                error = found.exception()
                if isinstance(error, NstdError):
                    self._not_taken(path, error, now)
                elif error is not None:
                    raise error
                else:
                    self._taken(path, found.result())

    def _taken(self, path: Path, left_alone: str | None) -> None:
        if left_alone is None:
            self._unpainted.drop(path)
        elif self._unpainted.note(path, Cause.UNKNOWN, left_alone):
            log.info("%s is left alone: %s", path, left_alone)

    def _not_taken(self, path: Path, error: NstdError, now: float) -> None:
        if path not in self._tracker and isinstance(error, InputError):
            return  # taken away while it was read
        kinds = ((BeingWrittenError, Cause.WAITING), (AccessError, Cause.UNREADABLE))
        kind = next((kind for one, kind in kinds if isinstance(error, one)), Cause.REFUSED)
        news = self._unpainted.note(path, kind, str(error))
        if isinstance(error, InputError) and not error.retryable:
            log.warning("%s is left alone: %s", path, error)
            return
        wait = self._tracker.failed(path, now)
        if not error.retryable:
            raise error
        level = logging.WARNING if news else logging.DEBUG
        log.log(level, "%s is tried again in %.0f s: %s", path, wait, error)

    def _standing(self, path: Path) -> tuple[Standing, Standing]:
        """What is known of those who write to a file: by its events, and all in all."""
        # In this order, since asking the kernel opens the file, which causes an event.
        told = Standing.UNKNOWN if self._feed is None else self._feed.standing(path)
        standing = standing_of(path)
        return told, told if standing is Standing.UNKNOWN else standing

    def _count_lost(self) -> None:
        """Count the files that have settled without an event, and say so in one line."""
        # Only once they have settled: until then their events may just be late.
        lost = sorted(self._unannounced.intersection(self._tracker.ready))
        if not lost:
            return
        self._unannounced.difference_update(lost)
        self.caught += len(lost)
        some = ", ".join(repr(str(path.relative_to(self.folder.path))) for path in lost[:_NAMED])
        log.warning(
            "The scan found %s in %s that no event had told of (%s%s); %s since the start",
            "1 file" if len(lost) == 1 else f"{len(lost):,} files",
            self.folder.path,
            some,
            ", …" if len(lost) > _NAMED else "",
            f"{self.caught:,}",
        )

    def stop(self) -> None:
        """End listening."""
        if self._feed is not None:
            self._feed.stop()
            self._feed = None

    # --- the folder itself -------------------------------------------------------------------

    def _is_there(self) -> bool:
        """Whether the folder is there; of one that is gone nothing is concluded."""
        root = root_identity(self.folder)
        if root is None:
            self._suspend()
            return False
        if root != self._root:
            # It appeared or came back, or another folder or disk has its name, and inotify still
            # watches the old one. What the scan finds now does not mean that events were lost.
            if self.problem is not None or self._root is not None:
                log.info("The folder %s is there anew; it is scanned", self.folder.path)
            self.stop()
            self._root, self._scanned, self._counting = root, None, False
            self._listen_after, self.problem = None, None
            # Asked again: what is there now may be a network mount.
            asked = self._settings.polling
            self._polls = needs_polling(self.folder.path) if asked is None else asked
        return True

    def _suspend(self) -> None:
        if self._root is not None or self.problem is None:
            missing = "is not there" if self.folder.marker is None else "or its marker is not there"
            self.problem = f"The folder {self.folder.path} {missing}: nothing in it is looked at"
            log.warning("%s", self.problem)
        # Watches on an unmounted disk look alive and stay silent for ever.
        self.stop()
        self._root = None

    # --- events ------------------------------------------------------------------------------

    def _listen(self, now: float) -> None:
        """Make sure that events come, where they are wanted."""
        if self._polls or (self._feed is not None and self._feed.alive):
            return
        if self._feed is not None:
            log.warning("The events of %s had ended; they are begun anew", self.folder.path)
            self.stop()
            self._scanned = None
        if (
            self._listen_after is not None
            and 0 < self._listen_after - now <= self._settings.reconcile_seconds
        ):
            return
        try:
            self._feed = EventFeed(self.folder.path, recursive=self.folder.recursive)
        except OSError as error:
            self._do_without_events(error)
            self._listen_after = now + self._settings.reconcile_seconds
        else:
            self.problem, self._listen_after = None, None

    def _do_without_events(self, error: OSError) -> None:
        if self.problem is None:
            self.problem = (
                f"The folder {self.folder.path} has no events ({error.strerror or error}): it is"
                f" scanned every {self._settings.settle_seconds:g} s instead"
            )
            # The user can raise both of inotify's limits, so has to be told.
            log.warning(
                "%s; see fs.inotify.max_user_watches and fs.inotify.max_user_instances",
                self.problem,
            )

    def _notice_overflow(self) -> None:
        if self._feed is None:
            return
        if self._extra_scans:
            self._feed.distrust()  # earlier events may have come after the loss was reported
        if not self._feed.take_overflow():
            return
        self._feed.distrust()
        self.overflows += 1
        if not self._extra_scans:
            log.warning(
                "Events of %s were lost: the kernel's queue overflowed (see"
                " fs.inotify.max_queued_events); the folder is scanned",
                self.folder.path,
            )
        self._extra_scans = _SCANS_AFTER_OVERFLOW

    def _take_hints(self, now: float) -> None:
        hints = self._feed.take() if self._feed is not None else set()
        for path in hints:
            self._unannounced.discard(path)
            if self._is_folder(path):
                # Files that came with it, or before its watch was set, have no events.
                self._enter(walk(self.folder, path), now)
                self._deaf.suspect(path, self._feed)
            elif path in self._tracker or self.folder.accepts(path):
                self._tracker.note(path, now)
            elif self.folder.enters(path.parent):
                self._pass_over(path)
                self._tracker.end_waits(partial(is_sidecar_of, path), now)

    def _is_folder(self, path: Path) -> bool:
        try:
            return stat.S_ISDIR(path.lstat().st_mode)
        except OSError:
            return False  # the look that follows says what is wrong

    # --- looks -------------------------------------------------------------------------------

    def _scan_is_due(self, now: float) -> bool:
        if self._scanned is None or now < self._scanned:
            return True
        soon = self._feed is None or self._extra_scans > 0 or self._deaf.suspected
        every = self._settings.settle_seconds if soon else self._settings.reconcile_seconds
        return now - self._scanned >= every

    def _scan(self, now: float) -> None:
        """Look at every file there is, and at every one that was."""
        listing = walk(self.folder)
        news = self._enter(listing, now)
        self._deaf.check(listing, self._feed, now)
        if self._counting and self._feed is not None:
            self._unannounced.update(path for path in news if path.parent not in self._deaf)
        self._unpainted.found(self.folder.path, Cause.IGNORED, listing.passed)
        for path in self._odd - set(listing.odd):
            self._unpainted.drop(path)
        self._odd = set(listing.odd)
        for path in self._tracker.paths:
            if path not in listing.files and path not in listing.failed:
                self._look(path, now)
        self._scanned, self._counting = now, True
        self._extra_scans = max(0, self._extra_scans - 1)

    def _enter(self, listing: Listing, now: float) -> list[Path]:
        """Give the tracker what a walk found; returns the paths that were news to it."""
        for path, error in listing.unlisted.items():
            self._complain(path, "cannot be listed", error)
        for path, error in listing.failed.items():
            self._failed(path, "cannot be looked at", error, now)
        for path, what in listing.odd.items():
            self._leave_alone(path, what)
        for path, what in listing.passed.items():
            self._unpainted.note(path, Cause.IGNORED, what)
        for path in listing.folders:
            if path not in listing.unlisted:
                self._unpainted.drop(path)
        return [path for path, identity in listing.files.items() if self._see(path, identity, now)]

    def _see(self, path: Path, identity: FileIdentity | None, now: float) -> bool:
        """Give the tracker what a look found, and say whether that is news."""
        news = self._tracker.look(path, identity, now)
        if news and self._unpainted.kind(path) is not Cause.WAITING:
            seconds = self._settings.settle_seconds
            reason = f"it changed less than {seconds:g} s ago (settle_seconds)"
            self._unpainted.note(path, Cause.WAITING, reason)
        return news

    def _look(self, path: Path, now: float) -> None:
        try:
            identity = identify(self.folder, path)
        except OSError as error:
            self._failed(path, "cannot be looked at", error, now)
            return
        if identity is None:
            self._unannounced.discard(path)
            what = oddity(self.folder, path)
            if what is None:
                self._unpainted.drop(path)
            else:
                self._odd.add(path)
                self._leave_alone(path, what)
        self._see(path, identity, now)

    def _failed(self, path: Path, problem: str, error: OSError, now: float) -> None:
        self._tracker.failed(path, now)
        self._complain(path, problem, error)

    def _pass_over(self, path: Path) -> None:
        """Note that a path does not count by its name, or that it is gone."""
        what = self.folder.leaves_out(path, is_folder=self._is_folder(path))
        if what is not None and os.path.lexists(path):
            self._unpainted.note(path, Cause.IGNORED, what)
        else:
            self._unpainted.drop(path)

    def _leave_alone(self, path: Path, what: str) -> None:
        """Say, once, what is not a regular file."""
        if self._unpainted.note(path, Cause.UNKNOWN, f"it is {what}"):
            log.info("%s is %s, and is left alone", path, what)

    def _complain(self, path: Path, problem: str, error: OSError) -> None:
        """Say what is wrong with a path, once; it is tried again without a word."""
        reason = error.strerror or str(error)
        if self._unpainted.note(path, Cause.UNREADABLE, f"it {problem}: {reason}"):
            log.warning("%s %s for now: %s", path, problem, reason)
