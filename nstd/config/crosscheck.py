"""Faults between entries that are each valid by themselves."""

from typing import Any, TypeVar

from pydantic import ValidationError

from nstd.config.faults import faults_of
from nstd.config.model import Config
from nstd.config.output import OutputConfig, OutputOverride
from nstd.config.overlap import AllFolders, overlaps
from nstd.config.places import BatchConfig, FolderConfig
from nstd.config.values import Context, Section
from nstd.config.words import did_you_mean, quote
from nstd.config.yaml_lines import Fault, KeyPath

_S = TypeVar("_S", bound=Section)


def cross_faults(data: Any, context: Context) -> list[Fault]:
    """Overlapping folders, unknown recipes, and encodings that do not fit together.

    Looks at every entry of `data` that is valid by itself, so that a slip in one place does not
    hide the faults in others.

    Raises:
        ConfigError: There is no home folder, and `data` does not say where nstd's own ones are.
    """
    if not isinstance(data, dict):
        return []
    own = _valid_keys({key: data.get(key) for key in ("state_dir", "cache_dir", "output")}, context)
    config = Config.model_validate(own, context=context)
    places = AllFolders(
        folders=_valid_entries(FolderConfig, data.get("folders"), context),
        batch=_valid_entries(BatchConfig, data.get("batch"), context),
        own={"state_dir": config.state_dir, "cache_dir": config.cache_dir},
    )
    faults = overlaps(places)
    recipes = data.get("recipes") or {}
    entries: list[tuple[KeyPath, FolderConfig | BatchConfig]] = [
        *((("folders", i), folder) for i, folder in places.folders.items()),
        *((("batch", i), entry) for i, entry in places.batch.items()),
    ]
    for path, entry in entries:
        if isinstance(recipes, dict):
            key = "recipe" if "recipe" in data[path[0]][path[1]] else "recipes"
            faults += _unknown_recipes(entry.recipes, (*path, key), list(recipes))
        if entry.encode is not None and "output" in own:
            faults += _misfits(config.output, entry.encode, (*path, "encode"))
    return faults


def _unknown_recipes(names: tuple[str, ...], path: KeyPath, known: list[str]) -> list[Fault]:
    faults = []
    for index, name in enumerate(names):
        if name not in known:
            hint = did_you_mean(name, known) or "; recipes: has none"
            faults.append(Fault((*path, index), f"there is no recipe {quote(name)}{hint}"))
    return faults


def _misfits(output: OutputConfig, encode: OutputOverride, path: KeyPath) -> list[Fault]:
    try:
        output.overridden(encode)
    except ValidationError as error:
        found = faults_of(error, OutputConfig)
        return [Fault((*path, *fault.path), fault.sentence) for fault in found]
    return []


def _valid_keys(data: dict[str, Any], context: Context) -> dict[str, Any]:
    """The top-level keys of `data` that are valid."""
    try:
        Config.model_validate(data, context=context)
    except ValidationError as error:
        wrong = {fault.path[0] for fault in faults_of(error, Config)}
        return {key: value for key, value in data.items() if key not in wrong}
    return data


def _valid_entries(section: type[_S], data: Any, context: Context) -> dict[int, _S]:
    """The valid entries of a list, by their index."""
    entries = {}
    for index, item in enumerate(data if isinstance(data, list) else ()):
        try:
            entries[index] = section.model_validate(item, context=context)
        except ValidationError:
            continue  # Config's own validation tells what is wrong with it
    return entries
