"""What a daemon checks when it starts, in a process of its own, which may take its time.

Checking codecs, devices and networks takes large libraries, and an output's disk may not answer:
neither may delay the daemon or stay in its memory.
"""

import logging
import os
import pickle
import subprocess
import tempfile
import threading

from nstd.child import command, environment
from nstd.config import Config
from nstd.errors import ConfigError

logger = logging.getLogger(__name__)

_MODULE = "nstd.check.machine"


def require_folders(config: Config) -> None:
    """Raise if a daemon has no folder to watch; one that is not there yet is waited for.

    Raises:
        ConfigError: No folder is watched.
    """
    if not config.folders:
        if config.source is None:
            raise ConfigError(
                "There is no configuration, and so no folder to watch", "`nstd init` writes one"
            )
        raise ConfigError(f"{config.source} watches no folder", "Add one under `folders:`")


def warn_in_background(config: Config, *, debug: bool = False) -> None:
    """Log what the daemon's jobs will wait for or fail with; the daemon itself goes on.

    Args:
        config: The daemon's.
        debug: Log everything.
    """
    with tempfile.TemporaryFile() as asked:
        pickle.dump((os.getpid(), config, debug), asked)
        asked.seek(0)
        try:
            looking = subprocess.Popen(  # noqa: S603 - our own module
                command(_MODULE), env=environment(), stdin=asked
            )
        except OSError as error:
            logger.warning("The check at the start could not be made: %s", error)
            return
    threading.Thread(target=looking.wait, name="check", daemon=True).start()
