"""Logging, set up alike in every process of nstd."""

import logging
import sys
from os import PathLike

from nstd.errors import NstdError, visible

_CHATTY = ("watchdog", "PIL", "libav")


def set_up_logging(level: str, *, debug: bool) -> None:
    """Log to standard error.

    Args:
        level: The least severity: debug, info, warning or error.
        debug: Log everything, whatever `level` says, the libraries' words included.
    """
    chosen = "debug" if debug else level
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(VisibleFormatter("%(levelname)s: %(message)s"))
    logging.basicConfig(level=chosen.upper(), handlers=[handler], force=True)
    for chatty in _CHATTY:
        logging.getLogger(chatty).setLevel(logging.NOTSET if debug else logging.WARNING)


class VisibleFormatter(logging.Formatter):
    """Shows names as `visible` does, and indents all lines of a record but its first.

    So what begins like a record is one, whatever a file's name or a foreign library's words hold.
    """

    def format(self, record: logging.LogRecord) -> str:
        """The record's lines."""
        # A copy: other handlers get the record as it is.
        safe = logging.makeLogRecord(record.__dict__)
        if isinstance(safe.args, tuple):
            safe.args = tuple(_visible(argument) for argument in safe.args)
        first, *more = super().format(safe).split("\n")
        return "\n".join([visible(first), *(f"  {visible(line)}" for line in more)])


def _visible(argument: object) -> object:
    """An argument of a message: as it is where it holds no name."""
    if isinstance(argument, NstdError):
        return argument  # its lines are its own
    if isinstance(argument, str | bytes | PathLike | BaseException):
        return visible(argument if isinstance(argument, str) else str(argument))
    return argument
