"""Whether somebody has a file open for writing: as the kernel says, or as its events tell.

A file that rests may still be open: a recorder or an upload that pauses has not finished its film.
The kernel answers with a *read lease*, which it grants only while nobody has the file open for
writing. It grants none on another user's file (without CAP_LEASE), and on a network mount it does
not know. There the events tell what has happened since nstd began to listen. Where neither tells,
the file must rest longer.
"""

import errno
import fcntl
import os
import signal
import stat
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from nstd.disks.mounts import needs_polling
from nstd.errors import BeingWrittenError

UNSURE_SECONDS = 60.0
"""How long a file must rest if nothing is known of its writers. Programs that copy or record write
every few seconds or every few hundred kilobytes, which is many times a minute."""


class Standing(Enum):
    """What is known of a file's writers."""

    OPEN = "somebody has it open for writing"
    CLOSED = "nobody has it open for writing"
    UNKNOWN = "it cannot be told whether somebody has it open for writing"


def ask_kernel(path: Path) -> Standing:
    """What the kernel says of a file on a disk of this machine; UNKNOWN where it says nothing.

    The answer holds for one moment. Whoever opens the file in that moment waits for some
    microseconds.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        # EAGAIN: somebody holds a lease for writing (Samba does, for a client that writes).
        return Standing.OPEN if error.errno == errno.EAGAIN else Standing.UNKNOWN
    try:
        # A lease on a pipe or a device means something else, or nothing.
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return Standing.UNKNOWN
        return _ask_for_lease(descriptor)
    finally:
        os.close(descriptor)  # which would give the lease back, too


def _ask_for_lease(descriptor: int) -> Standing:
    # If somebody opens the file for writing while the lease is held, the kernel sends a signal to
    # this process. The usual one, SIGIO, would end it; SIGURG is ignored by default.
    fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except OSError as error:
        return Standing.OPEN if error.errno == errno.EAGAIN else Standing.UNKNOWN
    fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    return Standing.CLOSED


def standing_of(path: Path) -> Standing:
    """What the kernel says of a file on any file system.

    Network file systems refuse leases as if somebody wrote, and know nothing of writers on other
    machines: of files on them nothing is known.
    """
    return Standing.UNKNOWN if needs_polling(path) else ask_kernel(path)


def require_closed(path: Path) -> None:
    """Refuse a file that somebody is writing to; where that is unknown, it passes.

    If a person has named a link, its target is what counts.

    Raises:
        BeingWrittenError: The kernel says that somebody has it open for writing.
    """
    if standing_of(Path(os.path.realpath(path))) is Standing.OPEN:
        raise BeingWrittenError(f"{path} is being written: a program has it open")


@dataclass(slots=True)
class _Heard:
    """What events have told of the file at one path.

    Attributes:
        created: Whether it appeared under this name since nstd began to listen.
        handles: How often it was opened, less how often it was closed.
        closed: Whether somebody who could write to it has closed it.
        written: Whether it was written to and not closed by a writer since.
    """

    created: bool = False
    handles: int = 0
    closed: bool = False
    written: bool = False

    @property
    def standing(self) -> Standing:
        if self.written:
            return Standing.OPEN
        # A file that was moved or linked here has no event of being closed: it may be open since
        # before. Handles left over may be those of readers.
        known = self.created and self.closed and self.handles <= 0
        return Standing.CLOSED if known else Standing.UNKNOWN


class Handles:
    """Follows who opens and closes files, by the kernel's events in their order.

    The kernel may merge equal events in a row, so a count may be too low or too high. That never
    hides that a file was written to and not closed since.
    """

    def __init__(self) -> None:
        self._seen: dict[Path, _Heard] = {}

    def standing(self, path: Path) -> Standing:
        """What is known of the file at this path."""
        seen = self._seen.get(path)
        return Standing.UNKNOWN if seen is None else seen.standing

    def created(self, path: Path) -> None:
        """A file appeared at this path: made, linked, or moved from a folder without events."""
        self._seen[path] = _Heard(created=True)

    def opened(self, path: Path) -> None:
        """It was opened, for reading or writing."""
        self._at(path).handles += 1

    def modified(self, path: Path) -> None:
        """It was written to, or its length was changed."""
        self._at(path).written = True

    def closed(self, path: Path, *, writer: bool) -> None:
        """It was closed.

        Args:
            path: The file.
            writer: Whether it was open for writing.
        """
        seen = self._at(path)
        seen.handles -= 1
        if writer:
            seen.closed, seen.written = True, False

    def moved(self, source: Path, target: Path) -> None:
        """It was renamed; what was at `target` is gone."""
        self.gone(target)
        if (seen := self._seen.pop(source, None)) is not None:
            self._seen[target] = seen

    def gone(self, path: Path) -> None:
        """There is no file of that name any more."""
        self._seen.pop(path, None)

    def forget(self) -> None:
        """Events were lost: nothing is known any more."""
        self._seen.clear()

    def _at(self, path: Path) -> _Heard:
        return self._seen.setdefault(path, _Heard())


def why_it_waits(told: Standing, standing: Standing, unsure_seconds: float) -> str:
    """Why a file is not taken yet, as a clause.

    Args:
        told: What its events tell of its writers.
        standing: What is known of its writers, from events and kernel together.
        unsure_seconds: How long it must rest where nothing is known.
    """
    if standing is Standing.UNKNOWN:
        return (
            "it cannot be told whether somebody still writes to it, so that it must have been"
            f" unchanged for {unsure_seconds:g} s (unsure_seconds)"
        )
    if told is Standing.OPEN:
        return (
            "it is being written: by its events it was written to, and not closed since"
            " (`nstd add` takes it all the same)"
        )
    return "it is being written: as the kernel says, a program has it open"
