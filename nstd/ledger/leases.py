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
    """A process, distinguished from others that had or will have the same number.

    Attributes:
        pid: Its number.
        started: When it started, in clock ticks since the machine started; numbers are reused.
        boot: The machine's boot and the namespace of process numbers in which the number is valid;
            two containers on one machine see different processes under the same number.
    """

    pid: int
    started: int
    boot: str


def this_process() -> Holder:
    """This process as a holder.

    Raises:
        StorageError: `/proc` cannot be read.
    """
    return process(os.getpid())


def process(pid: int) -> Holder:
    """Another process as a holder, in the namespace of this one, such as a running child.

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

    It is unknown for a process of another boot or namespace: only the end of its lease tells.
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

    If a lease seems to have been granted in the future, the clock was set back. Its end may be
    hours away, so it counts only while its holder is seen alive.

    Args:
        now: The time, in seconds since the epoch.
        until: When the lease ends, in seconds since the epoch.
        seconds: How long it was granted for.
        seen: What is known of its holder.
    """
    if until <= now or seen is Presence.GONE:
        return True
    return seen is Presence.UNKNOWN and until - seconds > now


def _started(stat: Path) -> int:
    """Start of a process, from its `/proc/<pid>/stat`; a zombie counts as gone."""
    # The second field is the program's name in parentheses, which may contain any character.
    fields = stat.read_bytes().rpartition(b")")[2].split()
    if fields[0] in {b"Z", b"X"}:
        raise ProcessLookupError
    return int(fields[19])
