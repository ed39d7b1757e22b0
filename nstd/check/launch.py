"""How systemd would start a service: as whom, with which words and which environment."""

import contextlib
import glob
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from nstd.check.access import Account, account, is_there
from nstd.check.sandbox import SERVICE_FOLDERS, Sandbox, sandbox
from nstd.check.units import UNIT_FOLDERS, Unit, find_unit, read_text, split_words
from nstd.errors import ConfigError, NstdError, VanishedError

PROGRAM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin"
"""Where systemd looks for a program that is no path, and `$PATH` of the services."""


@dataclass(frozen=True, slots=True)
class Launch:
    """A service as it would start.

    Attributes:
        unit: Its unit.
        sandbox: What it may see and write.
        who: As whom it runs; None where that is not known before, or there is no such user.
        problem: Why there is no such user.
        command: The program and its arguments.
        environment: Its variables.
        folder: Its working folder.
    """

    unit: Unit
    sandbox: Sandbox
    who: Account | None
    problem: NstdError | None
    command: tuple[str, ...]
    environment: Mapping[str, str]
    folder: Path

    @property
    def config(self) -> Path | None:
        """The configuration that the command names, absolute; None where it names none."""
        for word, following in zip(self.command, [*self.command[1:], ""], strict=True):
            if word == "--config" or word.startswith("--config="):
                return self.folder / (word.partition("=")[2] or following)
        return None

    @property
    def user(self) -> str:
        """The user's name, for people."""
        return self.who.name if self.who is not None else self.unit.text("User") or "its own user"

    @contextmanager
    def environed(self) -> Iterator[None]:
        """Have the service's environment and working folder, as far as it is there, for a while."""
        before = dict(os.environ)
        # A folder has a `.`, which a file has not.
        folder = self.folder if os.access(f"{self.folder}/.", os.X_OK) else Path("/")
        with contextlib.chdir(folder):
            os.environ.clear()
            os.environ.update(self.environment)
            try:
                yield
            finally:
                os.environ.clear()
                os.environ.update(before)


def read_launch(name: str, folders: Sequence[Path] = UNIT_FOLDERS) -> Launch:
    """Read a unit and what follows from it; see `find_unit`.

    Raises:
        UsageError: It is no service's name, or that of a template.
        ConfigError: It is masked, starts nothing, or has a specifier that only systemd can tell.
        VanishedError: There is no such unit, or a file that it takes variables from is missing.
        UnreadableError: It is not what a unit looks like.
        StorageError: Something cannot be read.
    """
    unit = find_unit(name, folders)
    if unit.files[0].resolve() == Path(os.devnull):
        raise ConfigError(
            f"{unit.name.full} is masked", f"Unmask it: systemctl unmask {unit.name.full}"
        )
    shut_in = sandbox(unit)
    who, problem = None, None
    if not unit.switch("DynamicUser"):
        try:
            who = _account(unit)
        except ConfigError as error:
            problem = error
    environment = _environment(unit, shut_in, who)
    where = (unit.text("WorkingDirectory") or "/").lstrip("-")
    home = Path("/") if who is None else who.home
    folder = home if where == "~" else Path(unit.replaced(where))
    return Launch(unit, shut_in, who, problem, _command(unit, environment), environment, folder)


def _account(unit: Unit) -> Account:
    user, group = (unit.replaced(unit.text(key) or "") for key in ("User", "Group"))
    # Root in a user namespace, or with powers taken away, is bound by modes like anybody.
    bound = unit.switch("PrivateUsers") or any(
        section == "Service" and key == "CapabilityBoundingSet" for section, key, _ in unit.settings
    )
    extra = unit.words("SupplementaryGroups")
    return account(user or "root", group or None, extra, powerful=not bound)


def _command(unit: Unit, environment: Mapping[str, str]) -> tuple[str, ...]:
    lines = unit.lines("ExecStart")
    if len(lines) != 1:
        raise ConfigError(
            f"{unit.name.full} has {len(lines) or 'no'} ExecStart=, where one is needed",
            "A drop-in that names another program first says `ExecStart=` alone, to empty the list",
        )
    match = re.match(r"[-@:+!|]*", lines[0])
    prefix = "" if match is None else match[0]
    words = [unit.replaced(word) for word in split_words(lines[0][len(prefix) :])]
    if "@" in prefix:
        del words[1:2]  # what the program is told it is called
    if not words:
        raise ConfigError(f"{unit.name.full} starts no program", "Name one in ExecStart=")
    program = _program(words[0])
    if ":" in prefix:
        return (program, *words[1:])
    return (program, *_substituted(words[1:], environment))


def _program(name: str) -> str:
    if "/" in name:
        return name
    places = [Path(folder, name) for folder in PROGRAM_PATH.split(":")]
    return str(next((place for place in places if is_there(place)), places[-1]))


def _substituted(words: Sequence[str], environment: Mapping[str, str]) -> Iterator[str]:
    """`${NAME}` anywhere; `$NAME` only as a whole word, which becomes as many as it has."""
    for word in words:
        if whole := re.fullmatch(r"\$(\w+)", word, re.ASCII):
            yield from split_words(environment.get(whole[1], ""))
        else:
            yield re.sub(
                r"\$\$|\$\{(\w+)\}",
                lambda match: "$" if match[1] is None else environment.get(match[1], ""),
                word,
                flags=re.ASCII,
            )


def _environment(unit: Unit, shut_in: Sandbox, who: Account | None) -> dict[str, str]:
    """What the service's processes have; files come last and win."""
    environment = {"PATH": PROGRAM_PATH}
    if who is not None and unit.text("User"):
        environment |= {"USER": who.name, "LOGNAME": who.name, "HOME": str(who.home)}
    for _, variable in SERVICE_FOLDERS.values():
        if paths := shut_in.made[variable]:
            environment[variable] = ":".join(map(str, paths))
    for word in unit.words("Environment"):
        name, equals, value = word.partition("=")
        if equals:
            environment[name] = value
    for line in unit.lines("EnvironmentFile"):
        environment |= _environment_file(unit.replaced(line))
    return environment


def _environment_file(name: str) -> dict[str, str]:
    pattern = name.removeprefix("-")
    paths = sorted(glob.glob(pattern))  # noqa: PTH207 - the pattern is absolute
    if not paths and not name.startswith("-"):
        raise VanishedError(
            f"There is no {pattern}, which EnvironmentFile= names", "Make it, or put a - before it"
        )
    found = {}
    for path in paths:
        for line in read_text(Path(path)).split("\n"):
            key, equals, value = line.strip().partition("=")
            if equals and not key.startswith(("#", ";")):
                quoted = value.startswith(("'", '"'))
                found[key.strip()] = split_words(value)[0] if quoted else value.strip()
    return found
