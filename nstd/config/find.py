"""Where the configuration is, and which of the files named so are not nstd's."""

import logging
import os
import re
import stat
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path

from nstd.config.model import Config, xdg_folder
from nstd.config.yaml_lines import read_yaml
from nstd.errors import ConfigError, StorageError
from nstd.files import facts_of

SYSTEM_CONFIG = Path("/etc/nstd/config.yaml")
FILE_NAME = "config.yaml"
OWN_NAME = "nstd.yaml"
"""Looked for first in the working folder, where `config.yaml` is often another program's."""

LARGEST_FILE = 256 << 10
"""In bytes. A larger file is not a configuration: a film or device was named by mistake."""

_TYPO = 0.85
"""Similarity from which a key counts as misspelled: it does with one wrong letter in seven, while
`services` (0.80) is not taken for `devices`."""

_KEY = re.compile(r"(?m)^[\"']?([A-Za-z_][\w.-]*)[\"']?[ \t]*:(?=\s|$)")
"""A key at the top of a file that is not YAML as nstd reads it."""

_logger = logging.getLogger(__name__)


def find_config(path: Path | None = None, *, but_for: Iterable[Path] = ()) -> Path | None:
    """Where the configuration is.

    Args:
        path: The file given with `--config`, or None for the first that exists of ./nstd.yaml,
            ./config.yaml, $XDG_CONFIG_HOME/nstd/config.yaml and /etc/nstd/config.yaml.
        but_for: Places that are passed over.

    Raises:
        ConfigError: `path` does not exist, is a folder, or cannot be looked at.
    """
    if path is not None:
        there = configured_place(path)
        if there is None:
            raise ConfigError(f"There is no file {path}", "Check the path given with --config")
        if stat.S_ISDIR(there.st_mode):
            raise ConfigError(f"{path} is a folder, not a file", "Name the file in it")
        return path
    places = (place for place in _usual_places() if place not in but_for)
    return next((place for place in places if _is_file(place)), None)


def is_foreign(path: Path) -> bool:
    """Whether a file that was found by its name alone is plainly another program's.

    It is where fewer than half of its top keys are nstd's, misspelled ones included, or where it is
    not a text with keys. An empty file is nstd's: it stands for the defaults.
    """
    if path != Path(FILE_NAME):
        return False  # named nstd.yaml, or in a folder of nstd's own: it is meant for nstd
    try:
        with path.open("rb") as file:
            text = file.read(LARGEST_FILE + 1).decode("utf-8-sig", "replace")
    except OSError:
        return False  # nobody can tell
    keys = _top_keys(text)
    if keys is None:
        return False
    own = [key for key in keys if get_close_matches(key, Config.keys(), n=1, cutoff=_TYPO)]
    return not own or 2 * len(own) < len(keys)


def configured_place(path: Path) -> os.stat_result | None:
    """What is at a path that the user has named; None where there is nothing.

    Raises:
        ConfigError: It cannot be looked at: permission is denied, or its mount does not answer.
    """
    try:
        return facts_of(path)
    except StorageError as error:
        raise ConfigError(error.problem, error.remedy) from error


def _top_keys(text: str) -> list[str] | None:
    """The keys; None where the file says nothing."""
    try:
        data = read_yaml(text, FILE_NAME).data
    except ConfigError:  # other programs' YAML has tags, templates and several documents
        return _KEY.findall(text)
    if data is None:
        return None
    return list(data) if isinstance(data, dict) else []


def _usual_places() -> list[Path]:
    places = [Path(OWN_NAME), Path(FILE_NAME)]
    try:
        places.append(xdg_folder("XDG_CONFIG_HOME", ".config") / "nstd" / FILE_NAME)
    except RuntimeError:
        _logger.info("there is no home folder to look for a configuration in")
    return [*places, SYSTEM_CONFIG]


def _is_file(place: Path) -> bool:
    try:
        return place.is_file()
    except OSError as error:
        # /etc/nstd is often closed to others than the service's own user; they have no part in it.
        _logger.info("%s cannot be looked at: %s", place, error.strerror)
        return False
