"""Sidecars: `night.mp4.nstd.yaml` beside `night.mp4` changes the recipes it is painted in."""

import os
import stat
from pathlib import Path

from pydantic import ValidationError

from nstd.config.faults import faults_of
from nstd.config.find import LARGEST_FILE
from nstd.config.load import as_text, listing, overridden
from nstd.config.recipe import RecipeConfig
from nstd.config.values import Context
from nstd.config.yaml_lines import read_yaml
from nstd.errors import ConfigError

SIDECAR_SUFFIX = ".nstd.yaml"
"""What a sidecar's name ends in; no film's does."""

_REMEDY = "Correct the sidecar, or take it away"


def sidecar_of(source: Path) -> Path | None:
    """The sidecar of a film or picture: beside it, `name.suffix.nstd.yaml` or `name.nstd.yaml`.

    The first that is there counts, and no other.
    """
    places = (source.with_name(name + SIDECAR_SUFFIX) for name in (source.name, source.stem))
    return next((place for place in places if os.path.lexists(place)), None)


def with_sidecar(recipe: RecipeConfig, sidecar: Path, folder: Path) -> RecipeConfig:
    """A recipe with the keys that a sidecar gives instead of its own.

    `strength` and `content_weight` replace each other; relative paths are relative to the sidecar.

    Args:
        recipe: As configured.
        sidecar: The file.
        folder: The folder it must lie in, even where it is a link.

    Raises:
        ConfigError: It cannot be read, leads out of the folder, or something in it is wrong, also
            together with the recipe. The error names every fault, one a line.
    """
    try:
        document = read_yaml(as_text(_content(sidecar, folder), sidecar), str(sidecar))
    except ConfigError as error:
        raise ConfigError(error.problem.split("\n"), _REMEDY) from error
    data = document.data
    if data is None:
        # It may be a file that is only just being written: its film must not be queued without it.
        raise ConfigError(f"{sidecar} says nothing", "Give keys of a recipe in it, or take it away")
    if isinstance(data, dict):
        known = RecipeConfig.keys()
        given = {key: v for key, v in data.items() if v is not None or key not in known}
        data = overridden(recipe, given)
    faults = list(document.faults)
    changed = None
    try:
        changed = RecipeConfig.model_validate(data, context=Context(base=sidecar.parent))
    except ValidationError as error:
        faults += faults_of(error, RecipeConfig)
    if changed is None or faults:
        raise ConfigError(listing(faults, document, str(sidecar)), _REMEDY)
    return changed


def _content(sidecar: Path, folder: Path) -> bytes:
    """At most a byte more than a sidecar may have."""
    real = Path(os.path.realpath(sidecar))
    if not real.is_relative_to(os.path.realpath(folder)):
        raise ConfigError(f"{sidecar} is a link that leads out of {folder}")
    try:
        # A pipe, to be opened without this, waits for a writer for ever.
        descriptor = os.open(real, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise ConfigError(f"{sidecar} is not a file")
            return file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise ConfigError(f"{sidecar} cannot be read: {error.strerror or error}") from error
