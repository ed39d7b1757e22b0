"""Who may read and write what, told from modes, owners and groups: nobody's place is taken."""

import errno
import grp
import os
import pwd
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from nstd.errors import AccessError, ConfigError, NstdError, from_os_error

READ, WRITE, ENTER = 4, 2, 1
"""As in a mode's last three bits; to enter a folder is to execute a program."""


@dataclass(frozen=True, slots=True)
class Account:
    """A user as far as files are concerned.

    Attributes:
        name: The user's name.
        uid: The user's number.
        groups: Numbers of the groups the user is in.
        home: The home folder.
        powerful: Whether modes do not bind this user.
    """

    name: str
    uid: int
    groups: frozenset[int]
    home: Path = Path("/")
    powerful: bool = False


@dataclass(frozen=True, slots=True)
class Obstacle:
    """What keeps somebody from a file.

    Attributes:
        path: Itself, or a folder on the way to it.
        wanted: The bits that are missing.
        has_acl: Whether an access control list, which is not looked at, may grant them.
    """

    path: Path
    wanted: int
    has_acl: bool


def account(user: str, group: str | None, supplementary: list[str], *, powerful: bool) -> Account:
    """Who a service runs as.

    Args:
        user: Name or number.
        group: Its main group's name or number, or None for the one in the user database.
        supplementary: Further groups.
        powerful: Whether root is root with all its powers; of no effect for others.

    Raises:
        ConfigError: There is no such user or group.
    """
    try:
        entry = pwd.getpwuid(int(user)) if user.isdecimal() else pwd.getpwnam(user)
    except KeyError as error:
        raise ConfigError(
            f"There is no user {user}", f"Make it with `useradd --system {user}`, or change User="
        ) from error
    main = entry.pw_gid if group is None else _gid(group)
    # As systemd does, by initgroups: the groups that the database says, and those of the unit.
    groups = {main, *os.getgrouplist(entry.pw_name, main), *map(_gid, supplementary)}
    return Account(
        entry.pw_name,
        entry.pw_uid,
        frozenset(groups),
        Path(entry.pw_dir),
        powerful and entry.pw_uid == 0,
    )


def obstacle(who: Account, path: Path, wanted: int) -> Obstacle | None:
    """What keeps somebody from a file or folder that is there, or None.

    Args:
        who: Who wants it.
        path: The file or folder, absolute; links are followed.
        wanted: `READ`, `WRITE`, `ENTER`, or several of them.

    Raises:
        AccessError: The one who asks may not look that far.
        VanishedError: It is not there.
        StorageError: The file system fails.
    """
    if who.powerful and not (wanted & ENTER and not path.is_dir()):
        return None
    for each, bits in (*((folder, ENTER) for folder in _way(path)), (path, wanted)):
        missing = bits & ~_granted(who, each)
        if missing:
            return Obstacle(each, missing, _has_acl(each))
    return None


def is_there(path: Path) -> bool:
    """Whether a path is there; where the one who asks may not look, it is taken to be."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


def nearest(path: Path) -> Path:
    """The path itself, or the last folder on the way to it that is there.

    Raises:
        AccessError: The one who asks may not look that far.
        StorageError: The file system fails.
    """
    while True:
        try:
            path.stat()
        except (FileNotFoundError, NotADirectoryError):
            path = path.parent
        except OSError as error:
            raise unseen(error, path) from error
        else:
            return path


def unseen(error: OSError, path: Path) -> NstdError:
    """Translate what was met in looking at a path."""
    if error.errno in (errno.EACCES, errno.EPERM):
        return AccessError(f"{path} may not be looked at by this user", "Run this check as root")
    return from_os_error(error, path, "reading")


def _granted(who: Account, path: Path) -> int:
    """The bits that a file's mode gives: those of the first class that fits, and no others."""
    try:
        status = path.stat()
    except OSError as error:
        raise unseen(error, path) from error
    mode = status.st_mode
    if who.powerful:
        # Even root executes only what somebody may execute.
        return READ | WRITE | (ENTER if stat.S_ISDIR(mode) or mode & 0o111 else 0)
    if status.st_uid == who.uid:
        return mode >> 6 & 7
    return mode >> 3 & 7 if status.st_gid in who.groups else mode & 7


def _way(path: Path) -> Iterator[Path]:
    """The folders that are entered on the way, those that links lead through included."""
    yield from reversed(path.parents)
    real = Path(os.path.realpath(path))
    if real != path:
        yield from reversed(real.parents)


def _has_acl(path: Path) -> bool:
    try:
        return "system.posix_acl_access" in os.listxattr(path)
    except OSError:
        return False  # a file system without attributes has no such lists


def _gid(group: str) -> int:
    try:
        return int(group) if group.isdecimal() else grp.getgrnam(group).gr_gid
    except KeyError as error:
        raise ConfigError(
            f"There is no group {group}", f"Make it with `groupadd --system {group}`"
        ) from error
