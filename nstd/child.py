"""Child processes: they run a module of nstd with this interpreter, and end with their parent.

A module runs in a process of its own where it may crash or hang.
"""

import ctypes
import logging
import os
import resource
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

_PR_SET_PDEATHSIG = 1
"""prctl(2): the signal this process gets when the thread that started it ends."""


def command(module: str, *arguments: str) -> list[str]:
    """The command that runs a module of nstd with this interpreter."""
    # -P: modules that somebody has put into the working folder are not imported; see `environment`.
    return [sys.executable, "-P", "-m", module, *arguments]


def environment(base: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment variables for `command`: it imports from where this process imports."""
    variables = dict(os.environ if base is None else base)
    variables["PYTHONPATH"] = os.pathsep.join(path or os.getcwd() for path in sys.path)  # noqa: PTH109
    return variables


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when its parent ends, however that happens.

    Args:
        parent: The parent's number. If it has ended before this call, the process ends here.
    """
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(os.EX_TEMPFAIL)


_FIRST_TO_GO = "1000"
"""The highest oom_score_adj (proc(5)): the kernel kills this process first when memory is short."""


def confine(parent: int, memory: int, *, largest_file: int) -> None:
    """Have this process end with its parent, leave no core dump, and take no more than allowed.

    Args:
        parent: The parent's number.
        memory: Bytes.
        largest_file: Bytes of a file that is written, in memory too.
    """
    die_with_parent(parent)
    with suppress(OSError):  # some containers forbid it; the other bounds hold all the same
        Path("/proc/self/oom_score_adj").write_text(_FIRST_TO_GO, "ascii")
    # Private, writable memory. RLIMIT_AS would also count reserved address space: arenas and stacks
    # of threads, which are gigabytes on a machine with many cores, whatever the file.
    _limit(resource.RLIMIT_DATA, memory)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_FSIZE, largest_file)


def limit_time(seconds: int) -> None:
    """End this process once it has computed for so many seconds from now."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _limit(resource.RLIMIT_CPU, int(used.ru_utime + used.ru_stime) + seconds)


def _limit(kind: int, value: int) -> None:
    _, hard = resource.getrlimit(kind)
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(kind, (value, hard))


class Notes(logging.Handler):
    """Keeps what is logged in a child process, for its parent to log.

    Attributes:
        taken: Of each record the logger's name, the level and the message.
    """

    def __init__(self) -> None:
        super().__init__()
        self.taken: list[tuple[str, int, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record."""
        self.taken.append((record.name, record.levelno, record.getMessage()))
