"""Notices of running nstd processes, found from any environment.

A process that works on a state folder leaves a small file with its paths where any shell of the
machine finds it, and holds that file locked as long as it lives: a notice that can be locked was
left by a process that has ended.
"""

import fcntl
import hashlib
import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from nstd.config import Config, default_cache_dir
from nstd.errors import ConfigError, NstdError
from nstd.files import opened

logger = logging.getLogger(__name__)

RUNTIME = Path("/run")
"""Where systemd makes a unit's `RuntimeDirectory=`, and root its own."""


@dataclass(frozen=True, slots=True)
class Notice:
    """The notice of one running nstd.

    Attributes:
        state_dir: Its ledger and half-made films.
        cache_dir: Its weights and style targets.
        config: The file it goes by, or None.
    """

    state_dir: Path
    cache_dir: Path
    config: Path | None


@contextmanager
def announced(config: Config) -> Iterator[None]:
    """Leave a notice for as long as the block lasts; if none can be left, work goes on without one.

    To be called with the state folder's lock held, so that each folder has one notice.
    """
    found = _leave(config)
    try:
        yield
    finally:
        if found is not None:
            path, descriptor = found
            with suppress(OSError):
                path.unlink()
            os.close(descriptor)


def notices() -> list[Notice]:
    """The notices of all running nstd that this user may know of, the user's own first."""
    found: dict[Path, Notice] = {}
    for folder in _places():
        with suppress(OSError):  # closed to this user, or no folder
            for path in sorted(folder.glob("*.json")):
                notice = _read(path)
                if notice is not None:
                    found.setdefault(notice.state_dir, notice)
    return list(found.values())


def _leave(config: Config) -> tuple[Path, int] | None:
    content = {
        "state_dir": str(config.state_dir),
        "cache_dir": str(config.cache_dir),
        "config": None if config.source is None else str(config.source),
    }
    name = hashlib.sha256(os.fsencode(config.state_dir)).hexdigest()[:16] + ".json"
    for folder in _own_places():
        part, path = folder / f".{name}.part", folder / name
        try:
            folder.mkdir(parents=True, exist_ok=True)
            # If root works by hand beside a unit, the folder may be another user's: whatever is
            # there under that name is neither written to nor followed.
            part.unlink(missing_ok=True)
            descriptor = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        except OSError as error:
            logger.debug("No notice can be left in %s: %s", folder, error)
            continue
        try:
            os.fchmod(descriptor, 0o644)  # the unit's umask would close it to others
            os.write(descriptor, json.dumps(content).encode())
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            part.replace(path)
        except OSError as error:
            logger.debug("No notice can be left in %s: %s", folder, error)
            os.close(descriptor)
            continue
        return path, descriptor
    return None


def _read(path: Path) -> Notice | None:
    """The notice in a file, if the process that left it is alive."""
    try:
        with opened(path, beneath=None) as descriptor:
            try:
                # Shared, so that two processes that look do not take each other for a daemon.
                fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                data = json.loads(os.read(descriptor, 65536))
                source = data["config"]
                folders = Path(data["state_dir"]), Path(data["cache_dir"])
                return Notice(*folders, None if source is None else Path(source))
    except (NstdError, OSError, ValueError, KeyError, TypeError) as error:
        logger.debug("%s is no notice that can be read: %s", path, error)
    return None


def _own_places() -> list[Path]:
    """Folders in which this process may leave its notice, the best first; a reboot empties them."""
    places = []
    if named := os.environ.get("RUNTIME_DIRECTORY", "").split(":")[0]:
        places.append(Path(named))
    if (named := os.environ.get("XDG_RUNTIME_DIR", "")).startswith("/"):
        places.append(Path(named) / "nstd")
    if os.geteuid() == 0:
        places.append(RUNTIME / "nstd")
    with suppress(ConfigError):  # no home folder
        places.append(default_cache_dir() / "run")
    return places


def _places() -> list[Path]:
    own = RUNTIME / "user" / str(os.geteuid()) / "nstd"  # sudo and cron set no XDG_RUNTIME_DIR
    instances = sorted(RUNTIME.glob("nstd-*"))
    return list(dict.fromkeys([*_own_places(), own, RUNTIME / "nstd", *instances]))
