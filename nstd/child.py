"""Processes of our own: started with this interpreter, and never left behind.

A module of nstd is run in a process of its own where what it does may crash or hang.
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
    # -P: the working folder is nobody's to put modules into; see `environment`.
    return [sys.executable, "-P", "-m", module, *arguments]


def environment(base: Mapping[str, str] | None = None) -> dict[str, str]:
    """The variables for `command`: its modules come from where this process has its own from."""
    variables = dict(os.environ if base is None else base)
    variables["PYTHONPATH"] = os.pathsep.join(path or os.getcwd() for path in sys.path)  # noqa: PTH109
    return variables


def die_with_parent(parent: int) -> None:
    """See to it that this process is killed when its parent ends, however that happens.

    Args:
        parent: The parent's number. If it has ended before this call, the process ends here.
    """
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(os.EX_TEMPFAIL)


_FIRST_TO_GO = "1000"
"""The kernel's word for the process to kill when memory is short; the best one for us."""


def confine(parent: int, memory: int, *, largest_file: int) -> None:
    """End with `parent`, leave no core, and take no more than allowed.

    Args:
        parent: The parent's number.
        memory: Bytes.
        largest_file: Bytes of a file that is written, in memory too.
    """
    die_with_parent(parent)
    with suppress(OSError):  # some containers forbid it; the other bounds hold all the same
        Path("/proc/self/oom_score_adj").write_text(_FIRST_TO_GO, "ascii")
    # Private, writable memory. RLIMIT_AS counts address space besides: reserved arenas and stacks
    # of threads, gigabytes that no file has asked for on a machine with many cores.
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
    """Keeps what is logged in a child, to be logged where somebody reads it.

    Attributes:
        taken: Of each record the logger's name, the level and the message.
    """

    def __init__(self) -> None:
        super().__init__()
        self.taken: list[tuple[str, int, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record."""
        self.taken.append((record.name, record.levelno, record.getMessage()))
