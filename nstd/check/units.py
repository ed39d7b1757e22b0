"""systemd's units, read as systemd reads them: where they lie, their drop-ins, their syntax.

Only text: what the settings mean is `service`'s and `sandbox`'s to know. systemd.unit(5) and
systemd.syntax(7) are the reference.
"""

import re
import socket
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from nstd.check.access import unseen
from nstd.errors import ConfigError, UnreadableError, UsageError, VanishedError

UNIT_FOLDERS = tuple(
    Path(name, "systemd/system") for name in ("/etc", "/run", "/usr/local/lib", "/usr/lib")
)
"""Where systemd looks for units, the first that has one winning."""

_NAME = re.compile(r"(?P<prefix>[\w:.\\-]+)(@(?P<instance>[\w:.\\@-]*))?\.service", re.ASCII)
_SPACE = " \t\r\n"
_SECTION = re.compile(r"\[(.+)\]")
_ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "s": " "}
_CODES = re.compile(r"x([0-9a-fA-F]{2})|([0-7]{3})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})")
_FALSE = {"0", "no", "n", "false", "f", "off"}
_TRUE = {"1", "yes", "y", "true", "t", "on"}


@dataclass(frozen=True, slots=True)
class UnitName:
    """A service's name, taken apart.

    Attributes:
        prefix: What comes before `@`, or before `.service`.
        instance: What comes between `@` and `.service`; empty for a template, None without `@`.
    """

    prefix: str
    instance: str | None = None

    @property
    def full(self) -> str:
        """The whole name."""
        return f"{self.prefix}.service" if self.instance is None else self._with(self.instance)

    @property
    def template(self) -> str | None:
        """Name of the template it is made of, if it is an instance."""
        return self._with("") if self.instance else None

    def _with(self, instance: str) -> str:
        return f"{self.prefix}@{instance}.service"


@dataclass(frozen=True, slots=True)
class Unit:
    """A service's settings, unit file and drop-ins together.

    Attributes:
        name: Its name.
        files: What was read, in order; none for the unit's own file where it is masked.
        settings: Section, key and value of each line, in order; specifiers not yet replaced.
    """

    name: UnitName
    files: tuple[Path, ...]
    settings: tuple[tuple[str, str, str], ...]

    def text(self, *keys: str, section: str = "Service") -> str | None:
        """The last value that any of the keys was given; None for none, or an empty one."""
        values = [value for where, key, value in self.settings if where == section and key in keys]
        return (values[-1] or None) if values else None

    def lines(self, key: str, section: str = "Service") -> list[str]:
        """All values of a key that may be given again and again; an empty one drops those before.

        Specifiers are not replaced: that comes after the words are set apart.
        """
        values: list[str] = []
        for where, found, value in self.settings:
            if (where, found) == (section, key):
                values = [*values, value] if value else []
        return values

    def words(self, key: str, section: str = "Service") -> list[str]:
        """The words of all values of a key, specifiers replaced."""
        found = [word for line in self.lines(key, section) for word in split_words(line)]
        return [self.replaced(word) for word in found]

    def switch(self, key: str, *, default: bool = False) -> bool:
        """A setting that is on or off; one that is neither counts as not given."""
        value = (self.text(key) or "").lower()
        return True if value in _TRUE else False if value in _FALSE else default

    def seconds(self, *keys: str) -> float | None:
        """A span of time; None where it is not given, infinite where it has no end."""
        value = self.text(*keys)
        return None if value is None else parse_seconds(value)

    def replaced(self, text: str) -> str:
        """The text with its specifiers replaced.

        Raises:
            ConfigError: It has one that cannot be told without systemd.
        """
        known = _specifiers(self)

        def value(match: re.Match[str]) -> str:
            if match[1] not in known:
                raise ConfigError(
                    f"{self.name.full} says {match[0]} in “{text}”, which only systemd can tell",
                    "Write out what it stands for",
                )
            return known[match[1]]

        return re.sub(r"%(.)", value, text)


def find_unit(name: str, folders: Sequence[Path] = UNIT_FOLDERS) -> Unit:
    """Read a service's unit with its drop-ins.

    Args:
        name: A name such as `nstd`, `nstd.service` or `nstd@night.service`, looked for in
            `folders`; or, if it has a slash, the path of a file, with drop-ins beside it.
        folders: Where systemd looks.

    Raises:
        UsageError: It is no service's name, or that of a template without an instance.
        VanishedError: There is no such unit.
        UnreadableError: It is not what a unit looks like.
        StorageError: It cannot be read.
    """
    if "/" in name:
        path = Path(name)
        folders, name = [path.parent], path.name
    unit = parse_name(name)
    if unit.instance == "":
        example = f"{unit.prefix}@night.service"
        raise UsageError(
            f"{name} is a template, of which each instance has a name of its own",
            f"Name an instance, such as {example}",
        )
    names = [unit.full, *([unit.template] if unit.template else [])]
    # An instance's own file, wherever it is, comes before its template.
    places = [folder / each for each in names for folder in folders]
    file = next((place for place in places if _is_there(place)), None)
    if file is None:
        where = ", ".join(str(folder) for folder in folders)
        raise VanishedError(
            f"There is no unit {unit.full} in {where}",
            "Install it as docs/install.md says, or give the path of its file",
        )
    files = [file, *_drop_ins(names, folders)]
    settings = [line for path in files for line in parse(read_text(path), path)]
    return Unit(unit, tuple(files), tuple(settings))


def parse_name(name: str) -> UnitName:
    """Take a service's name apart; `.service` may be left out.

    Raises:
        UsageError: It is no service's name.
    """
    full = name if name.endswith(".service") else f"{name}.service"
    match = _NAME.fullmatch(full)
    if match is None:
        raise UsageError(f"{name!r} is not the name of a service", "Give one such as nstd.service")
    return UnitName(match["prefix"], match["instance"])


def parse(text: str, path: Path) -> Iterator[tuple[str, str, str]]:
    """Section, key and value of each line of a unit's text.

    Raises:
        UnreadableError: A line is none of section, assignment and comment.
    """
    section = ""
    for number, line in _logical_lines(text):
        if header := _SECTION.fullmatch(line):
            section = header[1]
            continue
        key, equals, value = line.partition("=")
        if not equals or not section:
            raise UnreadableError(
                f"{path}:{number}: “{line[:60]}” is no setting in a section",
                "Correct it; `systemd-analyze verify` says what else is wrong",
            )
        yield section, key.strip(_SPACE), value.strip(_SPACE)


def split_words(text: str) -> list[str]:
    """Words set apart by white space, quoted with " or ', with C's escapes, as in systemd.syntax.

    Raises:
        UnreadableError: A quote is not closed.
    """
    words: list[str] = []
    word: str | None = None
    quote = ""
    position = 0
    while position < len(text):
        char = text[position]
        position += 1
        if char == "\\" and position < len(text):
            plain, position = _unescaped(text, position)
            word = (word or "") + plain
        elif quote:
            word, quote = (word, "") if char == quote else ((word or "") + char, quote)
        elif char in "\"'":
            word, quote = word or "", char
        elif char not in _SPACE:
            word = (word or "") + char
        elif word is not None:
            words.append(word)
            word = None
    if quote:
        raise UnreadableError(f"In “{text}” a quote {quote} is not closed", "Close it")
    return [_in_utf8(each, text) for each in (words if word is None else [*words, word])]


def read_text(path: Path) -> str:
    """What a file says.

    Raises:
        UnreadableError: It is no text.
        AccessError: The one who asks may not read it.
        StorageError: The file system fails.
    """
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise unseen(error, path) from error
    except UnicodeDecodeError as error:
        raise UnreadableError(f"{path} is no text in UTF-8", "Write it anew") from error
    if "\0" in text:
        raise UnreadableError(f"{path} has a zero byte in it, as no text has", "Write it anew")
    return text


_UNITS = {
    "": 1.0, "s": 1.0, "sec": 1.0, "second": 1.0, "seconds": 1.0,
    "us": 1e-6, "usec": 1e-6, "µs": 1e-6, "ms": 1e-3, "msec": 1e-3,
    "m": 60.0, "min": 60.0, "minute": 60.0, "minutes": 60.0,
    "h": 3600.0, "hr": 3600.0, "hour": 3600.0, "hours": 3600.0,
    "d": 86400.0, "day": 86400.0, "days": 86400.0, "w": 604800.0, "week": 604800.0,
    "weeks": 604800.0,
}  # fmt: skip


def parse_seconds(text: str) -> float | None:
    """A span of time such as `90`, `1min 30s` or `infinity`; None for what is none."""
    if text == "infinity":
        return float("inf")
    parts = re.findall(r"([0-9.]+)\s*([^\W\d]*)\s*", text)
    if not parts or re.fullmatch(r"(\s*[0-9]+(\.[0-9]*)?\s*[^\W\d]*\s*)+", text) is None:
        return None
    if any(unit not in _UNITS for _, unit in parts):
        return None
    return sum(float(number) * _UNITS[unit] for number, unit in parts)


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError as error:
        raise unseen(error, path) from error


def _drop_ins(names: Sequence[str], folders: Sequence[Path]) -> list[Path]:
    """By name, whatever folder they are in; of two of one name the first folder's counts."""
    found: dict[str, Path] = {}
    kinds = [*names, "service"]
    places = [(folder, name) for folder in folders for name in kinds if name != "service"]
    places += [(folder, "service") for folder in folders if len(folders) > 1]
    for folder, name in places:
        for path in (folder / f"{name}.d").glob("*.conf"):
            found.setdefault(path.name, path)
    return [found[name] for name in sorted(found)]


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines with those that continue them, without comments, each with its first line's number."""
    pending, first = "", 0
    for number, raw in enumerate(text.split("\n"), start=1):
        line = raw.lstrip(_SPACE)
        if line.startswith(("#", ";")):
            continue  # also between a line and what continues it
        first = first if pending else number
        line = pending + line
        # An odd number of backslashes: the last one is not itself escaped.
        if (len(line) - len(line.rstrip("\\"))) % 2:
            pending = line[:-1] + " "
            continue
        pending = ""
        if line.strip(_SPACE):
            yield first, line.strip(_SPACE)
    if pending.strip(_SPACE):
        yield first, pending.strip(_SPACE)


def _unescaped(text: str, position: int) -> tuple[str, int]:
    """What the escape stands for whose backslash is before `position`, and where it ends.

    A byte above 127 is given as Python gives those of file names, until the word is complete.
    """
    if code := _CODES.match(text, position):
        byte, octal, point = code[1], code[2], code[3] or code[4]
        number = int(octal, 8) if octal else int(byte or point, 16)
        if not 0 < number <= (sys.maxunicode if point else 255):
            raise UnreadableError(f"In “{text}” \\{code[0]} stands for nothing", "Correct it")
        if point or number < 128:
            return chr(number), code.end()
        return bytes([number]).decode("utf-8", "surrogateescape"), code.end()
    char = text[position]
    return _ESCAPES.get(char, char if char in "\\\"'" else f"\\{char}"), position + 1


def _in_utf8(word: str, text: str) -> str:
    try:
        return word.encode("utf-8", "surrogateescape").decode()
    except UnicodeError as error:
        raise UnreadableError(f"A word of “{text}” is not in UTF-8", "Correct it") from error


def _specifiers(unit: Unit) -> dict[str, str]:
    """What specifiers stand for in a unit of the system's manager (so %h is root's home)."""
    name = unit.name
    instance = name.instance or ""
    last = name.prefix.rpartition("-")[2]
    file = instance or name.prefix
    return {
        "%": "%",
        "n": name.full, "N": name.full.removesuffix(".service"),
        "p": name.prefix, "P": _plain(name.prefix), "i": instance, "I": _plain(instance),
        "j": last, "J": _plain(last), "f": f"/{_plain(file).lstrip('/')}",
        "t": "/run", "S": "/var/lib", "C": "/var/cache", "L": "/var/log", "E": "/etc",
        "T": "/tmp", "V": "/var/tmp",  # noqa: S108 - what systemd says for them
        "u": "root", "U": "0", "g": "root", "G": "0", "h": "/root", "s": "/bin/sh",
        "H": socket.gethostname(), "l": socket.gethostname().partition(".")[0],
    }  # fmt: skip


def _plain(text: str) -> str:
    """The text that `systemd-escape` has made this of."""
    dashed = text.replace("-", "/")
    return re.sub(r"\\x(?!00)([0-9a-f]{2})", lambda match: chr(int(match[1], 16)), dashed)
