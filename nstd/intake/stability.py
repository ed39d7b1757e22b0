"""When a file has settled: decided from looks at it alone, with the clock passed in.

A file is settled when its identity (device, inode, size, times) was the same at two looks at
least `settle_seconds` apart, and nobody has it open for writing, as far as that is known. Events
and scans only cause a look at a file. So no event is trusted too far, and a lost one costs some
time but no file.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from nstd.errors import InputError, InternalError, NstdError, UnsupportedError
from nstd.intake.writers import Standing
from nstd.ledger.job import FileIdentity

__all__ = ["FileIdentity", "StabilityTracker"]

LONGEST_BACKOFF = 300.0


@dataclass(slots=True)
class _Watched:
    """What is known of one path.

    Attributes:
        identity: What the last look found; None before the first that succeeded.
        since: Time of the first look that found this identity.
        steady: Whether a look at least `settle_seconds` later found it again.
        due: When to look again, or None where only a new hint is a reason to.
        delivered: The identity that was last reported as settled.
        failing: Whether the last thing done with the path failed, and it waits for another try.
        open: Whether somebody was writing to it when that was last asked.
        failures: How often something done with this identity has failed.
        retry_at: When the wait after the last failure ends.
    """

    identity: FileIdentity | None = None
    since: float = 0.0
    steady: bool = False
    due: float | None = 0.0
    delivered: FileIdentity | None = None
    failing: bool = False
    open: bool = False
    failures: int = 0
    retry_at: float = 0.0

    @property
    def reported(self) -> bool:
        return self.identity is not None and self.identity == self.delivered

    @property
    def ready(self) -> bool:
        """Whether it has settled, and is to be reported."""
        return self.steady and not self.failing and not self.reported


class StabilityTracker:
    """Follows files until they have settled; each identity of a file is reported once.

    Times are seconds of any one clock. If it is set back, the waiting begins anew.

    Args:
        settle_seconds: How long a file must look the same.
        unsure_seconds: How long it must look the same where it is unknown whether somebody still
            writes to it.
        longest_backoff: Longest wait after a look that failed, in seconds. The first wait is
            `settle_seconds`; each further one is twice as long.
    """

    def __init__(
        self,
        settle_seconds: float,
        unsure_seconds: float = 0.0,
        *,
        longest_backoff: float = LONGEST_BACKOFF,
    ) -> None:
        self.settle_seconds = settle_seconds
        self.unsure_seconds = max(unsure_seconds, settle_seconds)
        self._longest_backoff = max(longest_backoff, self.unsure_seconds)
        self._files: dict[Path, _Watched] = {}
        # Files with something due: an idle tick touches none of the thousands at rest.
        self._active: dict[Path, _Watched] = {}

    def __contains__(self, path: Path) -> bool:
        return path in self._files

    @property
    def paths(self) -> list[Path]:
        """Every path that is followed, settled or not."""
        return list(self._files)

    @property
    def unsettled(self) -> list[Path]:
        """The paths whose current identity was not reported yet."""
        return [path for path, file in self._files.items() if not file.reported]

    @property
    def ready(self) -> list[Path]:
        """The paths that `settled` would hand out now."""
        return [path for path, file in self._active.items() if file.ready]

    def note(self, path: Path, now: float) -> None:
        """Take a hint that something is or was at this path: it is due for a look now."""
        file = self._follow(path)
        file.due = now

    def due(self, now: float) -> list[Path]:
        """The paths to look at now."""
        for file in self._active.values():
            # If something is due later than the longest wait from now, the clock was set back.
            if file.due is not None and file.due - now > self._longest_backoff:
                file.due = now
        return [p for p, file in self._active.items() if file.due is not None and file.due <= now]

    def look(self, path: Path, identity: FileIdentity | None, now: float) -> bool:
        """Take what a look found.

        Args:
            path: Where it looked.
            identity: What it found; None for nothing, or nothing that could be a film. Then the
                path is forgotten.
            now: When it looked.

        Returns:
            Whether this was news: an identity that the path did not have before.
        """
        if identity is None:
            self._files.pop(path, None)
            self._active.pop(path, None)
            return False
        file = self._follow(path)
        news = identity != file.identity
        if news:
            file.identity, file.failures = identity, 0
        if news or not self._waits(file, now):
            file.failing = False
        if news or now < file.since:
            file.since, file.steady = now, False
        elif now - file.since >= self.settle_seconds:
            file.steady = True
        if file.failing:
            file.due = file.retry_at
        else:
            file.due = None if file.reported else file.since + self.settle_seconds
        if file.due is None:
            del self._active[path]
        return news

    def failed(self, path: Path, now: float) -> float:
        """Note that a look failed, or that what was done with the settled file failed.

        The path is not forgotten, however often that happens. It is due again after a wait that
        doubles each time, and is then reported as settled again, even if it was reported before.

        Returns:
            The wait, in seconds.
        """
        file = self._follow(path)
        doubled = self.settle_seconds * 2.0 ** min(file.failures, 32)
        wait = min(doubled, self._longest_backoff)
        file.failing = True
        file.failures += 1
        file.delivered = None
        file.due = file.retry_at = now + wait
        return wait

    def end_waits(self, concerns: Callable[[Path], bool], now: float) -> None:
        """Make failed files due now: what made them fail may be mended."""
        for path, file in self._active.items():
            if file.failing and concerns(path):
                file.due = file.retry_at = now
                file.failures = 0

    def must_wait(self, path: Path, standing: Standing, now: float) -> bool:
        """Whether a settled file must wait nevertheless, since somebody may be writing to it.

        Args:
            path: A file that `settled` has just handed out.
            standing: What is known of its writers. While somebody has it open, its rest has not
                begun; where nothing is known, it must rest for `unsure_seconds`.
            now: When that was asked.

        Returns:
            Whether it must wait. If so, it counts as not reported, and is reported later.
        """
        file = self._files[path]
        is_open = standing is Standing.OPEN
        if is_open or file.open:
            file.since = now
        file.open = is_open
        rest = self.settle_seconds if standing is not Standing.UNKNOWN else self.unsure_seconds
        if now - file.since >= rest:
            return False
        self._follow(path)
        file.steady, file.delivered, file.due = False, None, file.since + rest
        return True

    def settled(self) -> Iterator[tuple[Path, FileIdentity]]:
        """The files that have settled and were not reported yet, each with its identity.

        Each counts as reported once it is handed out. If the caller stops early, the rest come the
        next time.
        """
        for path, file in list(self._active.items()):
            if file.identity is None or not file.ready:
                continue
            file.delivered, file.due = file.identity, None
            self._active.pop(path, None)
            yield path, file.identity

    def _follow(self, path: Path) -> _Watched:
        """What is known of the path; from now on something is due with it."""
        file = self._files.setdefault(path, _Watched())
        return self._active.setdefault(path, file)

    def _waits(self, file: _Watched, now: float) -> bool:
        """Whether the wait after a failure still lasts; not if the clock was set back since."""
        return file.failing and 0 < file.retry_at - now <= self._longest_backoff


def opens_later(error: NstdError) -> bool:
    """Whether a film that gave this error may open once all of it has arrived."""
    return isinstance(error, InputError) and not isinstance(error, UnsupportedError | InternalError)


def seconds_of_grace(source: Path, grace_seconds: float, now: float) -> float:
    """Seconds for which a film that does not open may still be in the making; 0 or less for none.

    Args:
        source: The film.
        grace_seconds: How old its last change must be.
        now: Seconds since the epoch.
    """
    try:
        age = now - source.stat().st_ctime
    except OSError:
        return 0.0  # gone: the next look finds out
    # A change in the future means that the clock was set back: it tells nothing.
    return grace_seconds - age if age >= 0 else 0.0
