"""Which queue is meant: that of the running nstd, whatever the environment of the caller.

The unit's ledger lies where systemd puts it, and only the unit is told where: without this, an
administrator's shell would look in its own home folder and find nothing.
"""

import os
import pwd
import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from nstd.config import Config
from nstd.config.find import SYSTEM_CONFIG
from nstd.errors import AccessError
from nstd.submit.notice import Notice, notices

SYSTEM_STATE = Path("/var/lib")
SYSTEM_CACHE = Path("/var/cache")
"""Where systemd makes a unit's `StateDirectory=` and `CacheDirectory=`."""


@dataclass(frozen=True, slots=True)
class Queue:
    """The queue that is meant.

    Attributes:
        config: The configuration, with the folders of that queue.
        others: State folders of other queues, each with the file that its nstd goes by, or None.
    """

    config: Config
    others: tuple[tuple[Path, Path | None], ...]


def locate(config: Config, *, named: bool, leaves_files: bool = False) -> Queue:
    """The queue that is meant by a configuration.

    If the state folder is named (by the key `state_dir`, or by $STATE_DIRECTORY), it is that one.
    Otherwise it is the first that exists of: the queue of the nstd that runs with this very file,
    that of the unit if the file is in /etc/nstd, and the user's own. Where no file was found it may
    also be that of any running nstd, or the unit's.

    Args:
        config: As it was read.
        named: Whether its file was named by the user.
        leaves_files: Whether the command puts files there, which must be the owner's.

    Raises:
        AccessError: The queue is another user's, and closed to this one.
    """
    own = Notice(config.state_dir, config.cache_dir, config.source)
    if "state_dir" in config.model_fields_set or os.environ.get("STATE_DIRECTORY"):
        found, running = [own], []
    else:
        running = notices()
        found = list(_candidates(config.source, own, running))
    chosen = next((one for one in found if _is_there(one.state_dir)), own)
    if chosen is not own or _is_there(own.state_dir):
        _require_access(chosen.state_dir, leaves_files=leaves_files)
    others = {
        one.state_dir: one.config
        for one in (found if named else [*found, *running])
        if one.state_dir != chosen.state_dir and _is_there(one.state_dir)
    }
    return Queue(_at(config, chosen), tuple(others.items()))


def locate_running(path: Path) -> Queue | None:
    """The queue of the nstd that runs with a configuration that cannot be read now, or None.

    Args:
        path: The file.

    Raises:
        AccessError: The queue is another user's, and closed to this one.
    """
    found = [one for one in notices() if _same(one.config, path)]
    if not found:
        return None
    chosen, *others = found
    _require_access(chosen.state_dir, leaves_files=False)
    config = Config(state_dir=chosen.state_dir, cache_dir=chosen.cache_dir)
    return Queue(config, tuple((one.state_dir, one.config) for one in others))


def _candidates(source: Path | None, own: Notice, running: list[Notice]) -> Iterator[Notice]:
    if source is None:
        yield from (own, *running, Notice(SYSTEM_STATE / "nstd", SYSTEM_CACHE / "nstd", None))
        return
    yield from (one for one in running if _same(one.config, source))
    if source.parent == SYSTEM_CONFIG.parent:
        name = "nstd" if source == SYSTEM_CONFIG else f"nstd-{source.stem}"
        yield Notice(SYSTEM_STATE / name, SYSTEM_CACHE / "nstd", source)
    yield own


def _at(config: Config, notice: Notice) -> Config:
    """The configuration with a notice's folders, except those that it names itself."""
    update = {"state_dir": notice.state_dir}
    if "cache_dir" not in config.model_fields_set:
        update["cache_dir"] = notice.cache_dir
    return config.model_copy(update=update)


def _same(one: Path | None, other: Path) -> bool:
    return one is not None and os.path.realpath(one) == os.path.realpath(other)


def _is_there(folder: Path) -> bool:
    """Whether a queue is there, even one that this user may not open."""
    try:
        return (folder / "ledger.sqlite3").stat() is not None
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True


def _require_access(folder: Path, *, leaves_files: bool) -> None:
    owner, me = _owner(folder), os.geteuid()
    if owner == me or (_may_use(folder) and not (leaves_files and me == 0)):
        return
    name = _name_of(owner)
    closed = "who could not use what root leaves" if me == 0 else "and is closed to others"
    program = sys.argv[0] if Path(sys.argv[0]).name == "nstd" else "nstd"
    typed = shlex.join(["sudo", "-u", name, program, *sys.argv[1:]])
    raise AccessError(
        f"The queue in {folder} belongs to {name}, {closed}",
        f"Run the command as that user: {typed}",
    )


def _owner(folder: Path) -> int:
    """The owner of a folder; if it cannot be looked at, the owner of the folder that it lies in."""
    for one in (folder, *folder.parents):
        try:
            return one.stat().st_uid
        except OSError:
            continue
    return 0


def _may_use(folder: Path) -> bool:
    """Whether the ledger can be opened: SQLite writes beside it even where it only reads."""
    ledger = folder / "ledger.sqlite3"
    return os.access(folder, os.R_OK | os.W_OK | os.X_OK, effective_ids=True) and os.access(
        ledger, os.R_OK | os.W_OK, effective_ids=True
    )


def _name_of(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return f"#{user}"
