"""Logging, set up in the same way in every process of nstd."""

import logging
import os
import sys
from os import PathLike

from nstd.errors import NstdError, visible

_CHATTY = ("watchdog", "PIL", "libav")


_PRIORITIES = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3}
"""Priorities of syslog, each for the lowest level that has it; journald reads them from the head of
a line (sd-daemon(3))."""


def set_up_logging(level: str, *, debug: bool, dated: bool = False) -> None:
    """Log to standard error; if that is the journal, each line begins with its priority.

    Args:
        level: The lowest severity that is logged: debug, info, warning or error.
        debug: Log everything, whatever `level` says, also what libraries log.
        dated: Begin each line with date and time, as for a daemon. The journal has its own.
    """
    chosen = "debug" if debug else level
    handler = logging.StreamHandler(sys.stderr)
    form = "%(levelname)s: %(message)s"
    if is_journal():
        handler.setFormatter(JournalFormatter(form))
    else:
        dated_form = f"%(asctime)s {form}" if dated else form
        handler.setFormatter(VisibleFormatter(dated_form, "%Y-%m-%d %H:%M:%S"))
    logging.basicConfig(level=chosen.upper(), handlers=[handler], force=True)
    for chatty in _CHATTY:
        logging.getLogger(chatty).setLevel(logging.NOTSET if debug else logging.WARNING)


class VisibleFormatter(logging.Formatter):
    """Shows names as `visible` does, and indents all lines of a record but its first.

    So nothing in a file's name or in a library's message can look like a record of its own.
    """

    def format(self, record: logging.LogRecord) -> str:
        """The record's lines."""
        # A copy: other handlers get the record as it is.
        safe = logging.makeLogRecord(record.__dict__)
        if isinstance(safe.args, tuple):
            safe.args = tuple(_visible(argument) for argument in safe.args)
        first, *more = super().format(safe).split("\n")
        return "\n".join([visible(first), *(f"  {visible(line)}" for line in more)])


class JournalFormatter(VisibleFormatter):
    """A `VisibleFormatter` that puts the record's priority before each of its lines."""

    def format(self, record: logging.LogRecord) -> str:
        """The record's lines."""
        least = max((one for one in _PRIORITIES if one <= record.levelno), default=logging.DEBUG)
        priority = _PRIORITIES[least]
        return "\n".join(f"<{priority}>{line}" for line in super().format(record).split("\n"))


def is_journal() -> bool:
    """Whether standard error is the journal: systemd says which file that is (systemd.exec(5))."""
    try:
        there = os.fstat(sys.stderr.fileno())
    except (OSError, ValueError):  # closed, or no file
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{there.st_dev}:{there.st_ino}"


def _visible(argument: object) -> object:
    """An argument of a message, made safe to show if it may contain a name."""
    if isinstance(argument, NstdError):
        return argument  # its lines are its own
    if isinstance(argument, str | bytes | PathLike | BaseException):
        return visible(argument if isinstance(argument, str) else str(argument))
    return argument
