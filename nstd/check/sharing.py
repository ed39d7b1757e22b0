"""Whether people can drop films into a service's folders, and fetch the painted ones.

A daemon with a user of its own shares its folders by their group; docs/install.md says how.
"""

import os
import pwd
import stat
from collections.abc import Iterator
from pathlib import Path

from nstd.check.finding import Finding
from nstd.config import Config

FIRST_PERSON = 1000
"""User numbers below this are services': UID_MIN in login.defs of Debian, Fedora, Arch and their
relatives. People who run nstd themselves drop films as the same user."""

_HOW = "docs/install.md says how people share the folders"


def sharing(config: Config, *, user: int, group: int, umask: int) -> Iterator[Finding]:
    """Find the folders that are closed to everybody but the service.

    Args:
        config: Names the folders; missing ones are passed over.
        user: The service's user.
        group: The group of new files where a folder does not set another.
        umask: The service's.
    """
    for folder in config.folders:
        if (facts := _facts(folder.watch)) is not None:
            yield from _dropping(folder.watch, facts, user)
    for output in dict.fromkeys(one.output for one in (*config.folders, *config.batch)):
        if (facts := _facts(output)) is not None:
            yield from _fetching(output, facts, user, group, umask)


def umask_of_this_process() -> int:
    """This process's umask; os.umask could only tell it by changing it, for all threads."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("Umask:"):
            return int(line.split()[1], 8)
    return 0


def _dropping(path: Path, facts: os.stat_result, user: int) -> Iterator[Finding]:
    mode = facts.st_mode
    if facts.st_uid != user or mode & stat.S_IWOTH:
        return  # it is one person's own folder, or open to everybody
    if not mode & stat.S_IWGRP:
        yield _note(
            f"Nobody but {_name(user)} can drop films into {path}, whose mode is {_shown(mode)}",
            f"Give it to a group of people: chgrp GROUP {path} && chmod 2770 {path}",
        )
    elif not mode & stat.S_ISGID:
        yield _note(
            f"What people drop into {path} has their own groups, and may be closed to"
            f" {_name(user)}",
            f"chmod g+s {path}",
        )


def _fetching(
    path: Path, facts: os.stat_result, user: int, group: int, umask: int
) -> Iterator[Finding]:
    mode = facts.st_mode
    if mode & 0o005 == 0o005 and not umask & stat.S_IROTH:
        return  # everybody can use it
    if facts.st_uid == user and mode & 0o050 != 0o050:
        yield _note(
            f"Nobody but {_name(user)} can look into {path}, whose mode is {_shown(mode)}",
            f"Give it to a group of people: chgrp GROUP {path} && chmod 2770 {path}",
        )
    elif umask & stat.S_IRGRP:
        yield _note(
            f"What is painted into {path} is closed to its group (umask {umask:04o})",
            "Set UMask=0002 in the unit",
        )
    elif facts.st_gid != group and not mode & stat.S_ISGID and umask & stat.S_IROTH:
        yield _note(
            f"What is painted into {path} gets {_name(user)}'s group and not the folder's",
            f"chmod g+s {path}",
        )


def _facts(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except OSError:
        return None  # reported as a finding of its own


def _note(problem: str, remedy: str) -> Finding:
    return Finding("sharing", "note", f"{problem}. {remedy}; {_HOW}.")


def _shown(mode: int) -> str:
    return f"{stat.S_IMODE(mode):04o}"


def _name(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return f"user {user}"
