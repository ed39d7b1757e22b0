"""Who holds a job, and whether that process still lives: plain facts of this machine (Linux)."""

import os
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from nstd.errors import from_os_error


class Presence(StrEnum):
    """What can be known of the process that holds a lease."""

    ALIVE = "alive"
    GONE = "gone"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Holder:
    """A process, told apart from any other that had or will have its number.

    Attributes:
        pid: Its number.
        started: When it started, in clock ticks since the machine did: numbers are given again.
        boot: Boot of the machine and process-number namespace that the number is valid in; two
            containers on one machine see different processes under the same number.
    """

    pid: int
    started: int
    boot: str


def this_process() -> Holder:
    """The holder this process is.

    Raises:
        StorageError: `/proc` cannot be read.
    """
    return process(os.getpid())


def process(pid: int) -> Holder:
    """The holder that a process of this one's namespace is, such as a child that runs.

    Raises:
        NstdError: `/proc` cannot be read, or there is no such process.
    """
    path = Path("/proc/sys/kernel/random/boot_id")
    try:
        boot = path.read_text().strip()
        path = Path("/proc/self/ns/pid")
        namespace = str(path.readlink())
        path = Path(f"/proc/{pid}/stat")
        started = _started(path)
    except OSError as error:
        raise from_os_error(error, path, "reading") from error
    return Holder(pid, started, f"{boot} {namespace}")


def presence(holder: Holder, observer: Holder) -> Presence:
    """Whether `holder` still lives, as far as `observer`, this process, can see.

    Unknown for a process of another boot or another namespace: only its lease's end tells.
    """
    if holder.boot != observer.boot:
        return Presence.UNKNOWN
    try:
        started = _started(Path(f"/proc/{holder.pid}/stat"))
    except (FileNotFoundError, ProcessLookupError):
        return Presence.GONE
    except OSError:
        return Presence.UNKNOWN
    return Presence.ALIVE if started == holder.started else Presence.GONE


def lease_is_lost(now: float, until: float, seconds: float, seen: Presence) -> bool:
    """Whether a claim no longer counts.

    A lease that seems to have been granted in the future shows that the clock was set back. Its
    end may be hours away, so it counts only while its holder is seen to live.

    Args:
        now: The time, in seconds since the epoch.
        until: When the lease ends, likewise.
        seconds: How long it was granted for.
        seen: What is known of its holder.
    """
    if until <= now or seen is Presence.GONE:
        return True
    return seen is Presence.UNKNOWN and until - seconds > now


def _started(stat: Path) -> int:
    """Start of a process, from its `/proc/<pid>/stat`; a zombie counts as gone."""
    # The second field is the program's name in parentheses, which may itself hold anything.
    fields = stat.read_bytes().rpartition(b")")[2].split()
    if fields[0] in {b"Z", b"X"}:
        raise ProcessLookupError
    return int(fields[19])
