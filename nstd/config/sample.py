"""What `nstd init` writes: a configuration to begin with, and a systemd unit that uses it."""

import re
import sys
from dataclasses import dataclass
from pathlib import Path

from nstd.config.find import OWN_NAME
from nstd.errors import OutputExistsError, from_os_error
from nstd.files import part_path, publish, removed_on_failure

WATCHED, PAINTED = "in", "out"
"""The folders of the sample's first example."""

UNIT_NAME = "nstd.service"

_PACKAGE = Path(__file__).resolve().parents[1]
_SOURCES = {"config.yaml": "config.yaml", UNIT_NAME: f"systemd/{UNIT_NAME}"}
"""What a wheel has in `nstd/data`, and where it is in a checkout: pyproject.toml puts it there."""

_EXAMPLE = re.compile(r"(?m)^(##  The least\b.*\n(?:##.*\n)*)((?:# .*\n)+)")
"""The first example of a section, under the words that tell of it."""


@dataclass(frozen=True, slots=True)
class Begun:
    """What was written.

    Attributes:
        config: The configuration; where only a unit was written, it was there.
        watched: The folder it watches; None where it was there.
        painted: The folder it paints into; None where it was there.
        unit: The systemd unit, or None.
    """

    config: Path
    watched: Path | None
    painted: Path | None
    unit: Path | None


def begin(folder: Path, *, service: bool) -> Begun:
    """Write a configuration into a folder, and make the folders that it names.

    Args:
        folder: Where to; it is made where there is none.
        service: Whether a systemd unit for it is written, too; alone beside a configuration.

    Raises:
        OutputExistsError: What is to be written is there already; nothing is written.
        StorageError: The file system refused.
    """
    folder = folder.absolute()
    config = folder / OWN_NAME
    fresh = not (service and config.is_file())
    texts = {config: sample_config()} if fresh else {}
    if service:
        texts[folder / UNIT_NAME] = unit_for(config)
    for path in texts:
        if path.exists() or path.is_symlink():
            raise OutputExistsError(
                f"{path} is there already", "Edit it, or choose another folder: it is not replaced"
            )
    inside = (folder / WATCHED, folder / PAINTED) if fresh else ()
    for inner in (folder, *inside):
        try:
            inner.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise from_os_error(error, inner, "making the folder") from error
    for path, text in texts.items():
        part = part_path(path)
        with removed_on_failure(part):
            try:
                part.write_text(text, "utf-8")
            except OSError as error:
                raise from_os_error(error, path, "writing") from error
            publish(part, path, overwrite=False)
    unit = folder / UNIT_NAME if service else None
    watched, painted = inside or (None, None)
    return Begun(config, watched, painted, unit)


def sample_config() -> str:
    """The commented configuration, with its first recipe and its first folder uncommented."""

    def in_force(match: re.Match[str]) -> str:
        return match[1] + re.sub(r"(?m)^# ", "", match[2])

    return _EXAMPLE.sub(in_force, shipped_text("config.yaml"))


def unit_for(config: Path) -> str:
    """The systemd unit with this program, a configuration, and leave to write beside that."""
    python = Path(sys.executable)
    script = python.with_name("nstd")
    program = _quoted(script) if script.exists() else f"{_quoted(python)} -m nstd"
    values = {
        "ExecStart": f"{program} run --config {_quoted(config)}",
        "ReadWritePaths": _quoted(config.parent, before="-"),
    }
    text = shipped_text(UNIT_NAME)
    for key, value in values.items():
        before, after = re.split(rf"(?m)^{key}=.*$", text)
        text = f"{before}{key}={value}{after}"
    return text.replace("/etc/nstd/config.yaml", str(config))


def shipped_text(name: str) -> str:
    """A file that ships, from the installed package or from the checkout it is run in."""
    inside = _PACKAGE / "data" / name
    path = inside if inside.is_file() else _PACKAGE.parent / _SOURCES[name]
    return path.read_text("utf-8")


def _quoted(path: Path, *, before: str = "") -> str:
    """A path quoted for systemd, so that specifiers, quotes and blanks are kept."""
    text = before + str(path).replace("%", "%%")
    if re.fullmatch(r"[\w./@%+-]+", text):
        return text
    escaped = text.replace("\\", r"\\").replace('"', r"\"")
    return f'"{escaped}"'
