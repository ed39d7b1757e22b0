"""Sidecars: `night.mp4.nstd.yaml` beside `night.mp4` changes the recipes it is painted in."""

import hashlib
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from pydantic import ValidationError

from nstd.config.faults import faults_of
from nstd.config.load import as_text, listing, overridden
from nstd.config.recipe import RecipeConfig
from nstd.config.values import Context
from nstd.config.yaml_lines import read_yaml
from nstd.errors import ConfigError, NstdError
from nstd.files import opened

SIDECAR_SUFFIX = ".nstd.yaml"
"""What a sidecar's name ends in; no film's does."""

LARGEST_SIDECAR = 16 << 10
"""Bytes: every key of a recipe takes less than two thousand. Reading one takes a third of a second
for each hundred thousand, and a folder may be full of them."""

_REMEDY = "Correct the sidecar, or take it away"


def sidecar_of(source: Path) -> Path | None:
    """The sidecar of a film or picture: beside it, `name.suffix.nstd.yaml` or `name.nstd.yaml`.

    Only the first that is there counts.
    """
    places = (source.with_name(name + SIDECAR_SUFFIX) for name in (source.name, source.stem))
    return next((place for place in places if os.path.lexists(place)), None)


def note_of_sidecar(source: Path) -> dict[str, str] | None:
    """Name and SHA-256 of a film's sidecar, to know it again.

    Returns:
        None where there is none, where it is a link (which is never removed), and where reading it
        is refused.
    """
    sidecar = sidecar_of(source)
    if sidecar is None:
        return None
    try:
        with opened(sidecar, beneath=sidecar.parent) as descriptor:
            content = os.read(descriptor, LARGEST_SIDECAR + 1)
    except (NstdError, OSError):
        return None
    if len(content) > LARGEST_SIDECAR:
        return None
    return {"name": sidecar.name, "sha256": hashlib.sha256(content).hexdigest()}


def with_sidecar(
    recipe: RecipeConfig, sidecar: Path, folder: Path | None, recipes: Iterable[RecipeConfig] = ()
) -> RecipeConfig:
    """A recipe with the keys that a sidecar gives instead of its own.

    `strength` and `content_weight` replace each other; relative paths are relative to the sidecar.

    Args:
        recipe: As configured.
        sidecar: The file.
        folder: The folder that it, and what it names, must lie in, led to by no link: style images
            below its own folder, and networks by name. None where it may name any file.
        recipes: Those whose style images and networks it may name, too.

    Raises:
        ConfigError: It cannot be read, leads out of the folder, or something in it is wrong, also
            together with the recipe. The error names every fault, one a line.
    """
    try:
        document = read_yaml(
            as_text(_content(sidecar, folder), sidecar, LARGEST_SIDECAR), str(sidecar)
        )
    except ConfigError as error:
        raise ConfigError(error.problem.split("\n"), _REMEDY) from error
    data = document.data
    if data is None:
        # It may just be being written: its film must not be queued without it.
        raise ConfigError(f"{sidecar} says nothing", "Give keys of a recipe in it, or take it away")
    if isinstance(data, dict):
        known = RecipeConfig.keys()
        given = {key: v for key, v in data.items() if v is not None or key not in known}
        data = overridden(recipe, given)
    faults = list(document.faults)
    changed = None
    try:
        context = Context(sidecar.parent, within=folder, known=_named_in([recipe, *recipes]))
        changed = RecipeConfig.model_validate(data, context=context)
    except ValidationError as error:
        faults += faults_of(error, RecipeConfig)
    if changed is None or faults:
        raise ConfigError(listing(faults, document, str(sidecar)), _REMEDY)
    return changed


def _named_in(recipes: Sequence[RecipeConfig]) -> frozenset[str]:
    """The style images and networks that recipes name."""
    styles = {str(style.image) for recipe in recipes for style in recipe.styles}
    return frozenset(styles | {recipe.network for recipe in recipes if recipe.network is not None})


def _content(sidecar: Path, folder: Path | None) -> bytes:
    """Its content, read up to one byte more than a sidecar may have."""
    try:
        with opened(sidecar, beneath=folder) as descriptor:
            return os.read(descriptor, LARGEST_SIDECAR + 1)
    except NstdError as error:
        raise ConfigError(error.problem) from error
    except OSError as error:
        raise ConfigError(f"{sidecar} cannot be read: {error.strerror or error}") from error
