"""Processes of our own: started with this interpreter, and never left behind.

A module of nstd is run in a process of its own where what it does may crash or hang.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Mapping

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
