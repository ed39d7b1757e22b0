"""What a painted file says of how it was painted, so that another can be painted the same way.

A note is one line of JSON with nstd's version and the recipe: style images and network by their
files' names, without folders, and by SHA-256. It names no time, no folder, no user and no host, and
is the same for every run. A note that is read may come from anybody: every value is checked as if
a person had written it in a configuration, and no path is taken from it.
"""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import is_dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from nstd.config import Config
from nstd.config.faults import faults_of, shown_path
from nstd.config.recipe import RecipeConfig
from nstd.config.values import Context
from nstd.config.words import quote
from nstd.errors import ConfigError, WeightsError
from nstd.files import Json, has_content
from nstd.gallery import list_styles
from nstd.media.names import is_still
from nstd.media.note import LONGEST_NOTE
from nstd.media.pictures import read_still
from nstd.media.read.guarded import probe_guarded
from nstd.style.keys import absent_values, to_values
from nstd.style.recipe import StyleRecipe
from nstd.weights.catalog import find_weights

MOST_PARTS = 256
"""Lists and sets of values in it: one for each style image and level, and a few more. Nested as
deeply as that they can still be walked through."""

_SHA256 = re.compile(r"[0-9a-f]{64}")


def note_of(recipe: StyleRecipe) -> str:
    """The note for what is painted by a frozen recipe."""
    values = recipe.to_json()
    values["styles"] = [
        {
            "name": Path(style.name or style.image).name,
            "sha256": style.sha256,
            "weight": style.weight,
            "scale": style.scale,
        }
        for style in recipe.styles
    ]
    values["network"] = {
        "name": Path(recipe.network_name or recipe.network).name,
        "sha256": recipe.network_sha256,
    }
    del values["network_name"], values["network_sha256"]
    note = {"nstd": version("nstd"), "recipe": values}
    return json.dumps(note, sort_keys=True, separators=(",", ":"))


def parse_note(note: str, name: str) -> Json:
    """A note as data, its outer shape checked.

    Args:
        note: As it stands in the file.
        name: The file's, for messages.

    Raises:
        ConfigError: It is no note of nstd's.
    """
    fits = len(note) <= LONGEST_NOTE and note.count("[") + note.count("{") <= MOST_PARTS
    try:
        data = json.loads(note) if fits else None
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, dict) or not isinstance(data.get("recipe"), dict):
        raise ConfigError(f"What {name} says of how it was painted is no note of nstd's")
    return {"nstd": str(data.get("nstd", "")), "recipe": data["recipe"]}


def read_note(path: Path) -> Json | None:
    """What a film or picture says of how it was painted; None where it says nothing.

    Raises:
        ConfigError: What it says is no note of nstd's.
        InputError: It cannot be read.
        StorageError: The file system failed.
    """
    if is_still(path):
        note = read_still(path).note
    else:
        note = probe_guarded(path, accept_truncated=True).note
    return parse_note(note, path.name) if note else None


def recipe_of_note(note: Json, name: str, config: Config, given: Mapping[str, Any]) -> RecipeConfig:
    """The recipe that a note tells of, as if a person had written it down.

    Style images and network are looked for by their content: among those that ship, those of jobs
    before, and the networks at hand.

    Args:
        note: Of `parse_note`.
        name: The file's that it was in, for messages.
        config: For nstd's folders.
        given: Keys that are given besides; if `styles` or `network` is among them, it is taken and
            not looked for.

    Raises:
        ConfigError: A style image is not at hand, or something in the note is wrong.
        WeightsError: The network is not at hand.
    """
    recipe: Json = note["recipe"]
    keys = {key: value for key, value in recipe.items() if key not in {"styles", "network"}}
    for key, meant in absent_values(StyleRecipe).items():
        keys.setdefault(key, to_values(meant) if is_dataclass(meant) else meant)
    styles = recipe.get("styles")
    if not (given.get("styles") or isinstance(styles, list)):
        raise ConfigError(f"{name} does not say in which style it was painted")
    keys["styles"] = given.get("styles") or [_style(one, name, config) for one in styles or []]
    keys["network"] = given.get("network") or _network(recipe.get("network"), name, config)
    try:
        return RecipeConfig.model_validate(keys, context=Context(base=Path.cwd()))
    except ValidationError as error:
        faults = faults_of(error, RecipeConfig)
        raise ConfigError(
            [f"{name}: {shown_path(fault.path)}: {fault.sentence}" for fault in faults],
            "Paint with a --style and options of your own",
        ) from error


def with_names_of(recipe: StyleRecipe, note: Json) -> StyleRecipe:
    """The recipe with a note's names for style images that were found among the copies of jobs.

    Such a copy is named by the hash of its content; the film's own note is to have the name again.
    """
    told, network = note["recipe"].get("styles"), note["recipe"].get("network")
    names = {
        one["sha256"]: one["name"]
        for one in [*(told if isinstance(told, list) else []), network]
        if isinstance(one, dict) and isinstance(one.get("sha256"), str)
        if isinstance(one.get("name"), str)
    }
    styles = tuple(
        replace(style, name=names.get(Path(style.image).stem)) for style in recipe.styles
    )
    return replace(recipe, styles=styles, network_name=names.get(Path(recipe.network).stem))


def _style(style: object, name: str, config: Config) -> Json:
    called, digest = _named(style, name)
    assert isinstance(style, dict)  # noqa: S101 - for the type checker: `_named` has seen to it
    for path in _style_images(digest, config):
        if has_content(path, digest):
            rest = {key: style[key] for key in ("weight", "scale") if key in style}
            return {"image": str(path)} | rest
    raise ConfigError(
        f"{name} was painted in the style image {quote(called)}, which is not here"
        f" (its SHA-256 begins with {digest[:12]})",
        "Name the style image with --style",
    )


def _network(network: object, name: str, config: Config) -> str:
    called, digest = _named(network, name)
    for path in _weights(called, digest, config):
        if has_content(path, digest):
            return called if path.parent.name != "frozen" else str(path)
    raise WeightsError(
        f"{name} was painted by the network {quote(called)}, which is not here"
        f" (its SHA-256 begins with {digest[:12]})",
        "Name another one with --network",
    )


def _named(data: object, name: str) -> tuple[str, str]:
    """Name and SHA-256 of a style image or a network, in the shape that they must have."""
    if isinstance(data, dict):
        called, digest = data.get("name"), data.get("sha256")
        if isinstance(called, str) and isinstance(digest, str) and _SHA256.fullmatch(digest):
            return called, digest
    raise ConfigError(f"What {name} says of its style images or its network is damaged")


def _style_images(digest: str, config: Config) -> Iterator[Path]:
    for style in list_styles():
        yield style.path
    yield from _frozen(digest, config)


def _weights(called: str, digest: str, config: Config) -> Iterator[Path]:
    if "/" not in called and not Path(called).suffix:
        with suppress(WeightsError):  # the caller says so if it is nowhere else either
            yield find_weights(called, config.cache_dir)
    yield from _frozen(digest, config)


def _frozen(digest: str, config: Config) -> list[Path]:
    """Copies of style images and weights that jobs were queued with: `nstd.submit.frozen`."""
    folders = (config.state_dir / "frozen", config.state_dir / "stylize" / "frozen")
    return [path for folder in folders for path in sorted(folder.glob(f"{digest}.*"))]
