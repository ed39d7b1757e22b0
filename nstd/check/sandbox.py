"""What a unit's sandbox leaves of the file system and of the devices, by systemd.exec(5)."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from nstd.check.access import is_there
from nstd.check.units import Unit

GPU_GROUPS = ("nvidia-frontend", "nvidia", "nvidiactl", "nvidia-uvm", "nvidia-caps")
"""Of character devices, as /proc/devices calls them; drivers differ in which of them they have."""

SERVICE_FOLDERS = {
    "RuntimeDirectory": ("/run", "RUNTIME_DIRECTORY"),
    "StateDirectory": ("/var/lib", "STATE_DIRECTORY"),
    "CacheDirectory": ("/var/cache", "CACHE_DIRECTORY"),
    "LogsDirectory": ("/var/log", "LOGS_DIRECTORY"),
    "ConfigurationDirectory": ("/etc", "CONFIGURATION_DIRECTORY"),
}
"""Folders that systemd makes for a service and gives to its user: where, and in which variable."""

_HOMES = ("/home", "/root", "/run/user")
_TEMPORARY = ("/tmp", "/var/tmp")  # noqa: S108 - what PrivateTmp= takes away
_SYSTEM = {
    "yes": ("/usr", "/boot", "/efi"),
    "full": ("/usr", "/boot", "/efi", "/etc"),
    "strict": ("/",),
}


@dataclass(frozen=True, slots=True)
class Rule:
    """What a setting does to a folder and all below it.

    Attributes:
        path: The folder.
        effect: "hidden", "read-only" or "writable"; "sealed" is hidden with no way to open a part.
        setting: As the unit says it.
    """

    path: Path
    effect: str
    setting: str


@dataclass(frozen=True, slots=True)
class Sandbox:
    """The rules of one unit.

    Attributes:
        rules: Of the file system.
        absent: Paths without which the unit does not start, each with the setting that names it.
        passed_over: The same for paths that are wanted only if they are there, and are not.
        made: Folders that systemd makes, by their variable.
    """

    rules: tuple[Rule, ...]
    absent: tuple[tuple[Path, str], ...]
    passed_over: tuple[tuple[Path, str], ...]
    made: dict[str, tuple[Path, ...]]

    def hides(self, path: Path) -> Rule | None:
        """The rule that takes a path away, if one does: itself, or what it links to."""
        for each in (path, _real(path)):
            rule = self._rule(each)
            if rule is not None and rule.effect in ("hidden", "sealed"):
                return rule
        return None

    def forbids_writing(self, path: Path) -> Rule | None:
        """The rule that takes a path away, or makes it read-only, if one does."""
        rule = self.hides(path) or self._rule(_real(path))
        return None if rule is None or rule.effect == "writable" else rule

    def makes(self, path: Path) -> bool:
        """Whether systemd makes the folder, or one it lies in, and gives it to the service."""
        return any(path.is_relative_to(made) for paths in self.made.values() for made in paths)

    def _rule(self, path: Path) -> Rule | None:
        """The rule that says what becomes of a path: the innermost one, unless it is sealed off."""
        rules = [rule for rule in self.rules if path.is_relative_to(rule.path)]
        sealed = [rule for rule in rules if rule.effect == "sealed"]
        if sealed:
            return sealed[0]
        # Of two rules for one folder the one that opens it counts.
        order = ("hidden", "read-only", "writable")
        return max(
            rules, key=lambda rule: (len(rule.path.parts), order.index(rule.effect)), default=None
        )


def sandbox(unit: Unit) -> Sandbox:
    """The sandbox that a unit describes.

    Raises:
        ConfigError: A path has a specifier that cannot be told.
        UnreadableError: A quote is not closed.
    """
    made = {
        variable: tuple(Path(base, word.partition(":")[0]) for word in unit.words(key))
        for key, (base, variable) in SERVICE_FOLDERS.items()
    }
    rules = [*_protections(unit), *_binds(unit)]
    rules += [Rule(path, "writable", "its own folder") for paths in made.values() for path in paths]
    missing: dict[bool, list[tuple[Path, str]]] = {False: [], True: []}
    own = [path for paths in made.values() for path in paths]
    for key, effect in (
        ("ReadWritePaths", "writable"),
        ("ReadOnlyPaths", "read-only"),
        ("InaccessiblePaths", "sealed"),
    ):
        for word in unit.words(key):
            optional, path = word.startswith("-"), Path(word.lstrip("-+"))
            if is_there(path) or any(path.is_relative_to(folder) for folder in own):
                rules.append(Rule(_real(path), effect, f"{key}={word}"))
            else:
                missing[optional].append((path, f"{key}={word}"))
    return Sandbox(tuple(rules), tuple(missing[False]), tuple(missing[True]), made)


def hidden_gpu_groups(unit: Unit, present: Sequence[str]) -> list[str]:
    """The groups of a GPU's devices that a unit keeps from its service.

    Args:
        unit: The unit.
        present: Names of the groups of character devices that this machine has.
    """
    needed = [group for group in GPU_GROUPS if group in present] or list(GPU_GROUPS)
    if unit.switch("PrivateDevices"):
        return needed
    allowed = [line.split() for line in unit.lines("DeviceAllow")]
    policy = (unit.text("DevicePolicy") or "auto").lower()
    if policy == "auto" and not allowed:
        return []
    patterns = []
    for words in allowed:
        # Without rights of its own a line gives all.
        if words and (len(words) == 1 or {"r", "w"} <= set(words[1])):
            patterns += _group_patterns(words[0])
    return [g for g in needed if not any(fnmatchcase(g, pattern) for pattern in patterns)]


def character_groups(devices: Path = Path("/proc/devices")) -> list[str]:
    """Names of the groups of character devices that the kernel has, none where it does not say."""
    try:
        text = devices.read_text()
    except OSError:
        return []
    lines = text.partition("Block devices:")[0].splitlines()
    return [
        line.split()[1] for line in lines if len(line.split()) == 2 and line.split()[0].isdecimal()
    ]


def _group_patterns(device: str) -> list[str]:
    if device.startswith("char-"):
        return [device.removeprefix("char-")]
    if device.startswith("/dev/nvidia-uvm"):
        return ["nvidia-uvm"]
    if device.startswith("/dev/nvidia-caps"):
        return ["nvidia-caps"]
    # All of these have one major number, whose group has had several names.
    return ["nvidia-frontend", "nvidia", "nvidiactl"] if device.startswith("/dev/nvidia") else []


def _protections(unit: Unit) -> Iterator[Rule]:
    dynamic = unit.switch("DynamicUser")
    system = _level(unit, "ProtectSystem", default="strict" if dynamic else "no")
    for folder in _SYSTEM.get(system, ()):
        yield Rule(_real(Path(folder)), "read-only", f"ProtectSystem={system}")
    if system == "strict":
        for folder in ("/dev", "/proc", "/sys"):
            yield Rule(Path(folder), "writable", "ProtectSystem=strict")
    home = _level(unit, "ProtectHome", default="read-only" if dynamic else "no")
    effect = {"yes": "sealed", "tmpfs": "hidden", "read-only": "read-only"}.get(home)
    if effect is not None:
        for folder in _HOMES:
            yield Rule(_real(Path(folder)), effect, f"ProtectHome={home}")
    if unit.switch("PrivateTmp", default=dynamic):
        for folder in _TEMPORARY:
            yield Rule(_real(Path(folder)), "hidden", "PrivateTmp=yes")
    for word in unit.words("TemporaryFileSystem"):
        yield Rule(_real(Path(word.partition(":")[0])), "hidden", f"TemporaryFileSystem={word}")


def _binds(unit: Unit) -> Iterator[Rule]:
    for key, effect in (("BindPaths", "writable"), ("BindReadOnlyPaths", "read-only")):
        for word in unit.words(key):
            source, _, rest = word.lstrip("-").partition(":")
            yield Rule(_real(Path(rest.partition(":")[0] or source)), effect, f"{key}={word}")


def _level(unit: Unit, key: str, default: str) -> str:
    """A setting that is on, off, or one of several words."""
    value = (unit.text(key) or default).lower()
    if value in ("1", "true", "y", "t", "on"):
        return "yes"
    return value


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))
