"""Logging, set up alike in every process of nstd."""

import logging
import sys

_CHATTY = ("watchdog", "PIL", "libav")


def set_up_logging(level: str, *, debug: bool) -> None:
    """Log to standard error.

    Args:
        level: The least severity: debug, info, warning or error.
        debug: Log everything, whatever `level` says, the libraries' words included.
    """
    chosen = "debug" if debug else level
    logging.basicConfig(
        level=chosen.upper(), stream=sys.stderr, format="%(levelname)s: %(message)s", force=True
    )
    for chatty in _CHATTY:
        logging.getLogger(chatty).setLevel(logging.NOTSET if debug else logging.WARNING)
