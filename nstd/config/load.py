"""Reading config.yaml; recipes from the command line."""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from nstd.config.crosscheck import cross_faults
from nstd.config.faults import faults_of, shown_path
from nstd.config.find import LARGEST_FILE, OWN_NAME, find_config, is_foreign
from nstd.config.model import Config
from nstd.config.output import OutputConfig, OutputOverride
from nstd.config.reading import ReadingOverride
from nstd.config.recipe import RecipeConfig, as_size
from nstd.config.values import Context, Section
from nstd.config.words import did_you_mean, quote
from nstd.config.yaml_lines import Document, Fault, KeyPath, read_yaml
from nstd.errors import ConfigError, UsageError
from nstd.media.read.reading import Reading
from nstd.media.write.containers import CONTAINERS, container_of
from nstd.style.recipe import UNPAINTED, StyleRecipe

MOST_FAULTS = 50
"""At most this many faults of one file are told: enough to mend, and not too long for a log."""

_logger = logging.getLogger(__name__)

Named = Callable[[KeyPath], str]
"""What the value at a path of keys is called, depending on who gives it."""


def as_option(path: KeyPath) -> str:
    """As the command line calls it: `--style-layers`."""
    key = str(path[0])
    return "--style" if key == "styles" else f"--{key.replace('_', '-')}"


def load_config(path: Path | None = None, *, needed: bool = True) -> Config:
    """The configuration.

    Args:
        path: The file given with `--config`, or None to look for one (see `find_config`).
        needed: Whether nothing can be done without one: another program's `config.yaml` in the
            working folder is then an error. Else it is passed over: `Config.ignored` names it.

    Returns:
        What the file says, or the defaults where there is none: `Config.source` tells which.

    Raises:
        ConfigError: It cannot be read, or something in it is wrong. The error names every fault,
            one a line.
    """
    found = find_config(path)
    ignored: Path | None = None
    if path is None and found is not None and is_foreign(found):
        if needed:
            raise ConfigError(
                f"{found} in this folder is no configuration of nstd",
                f"Name yours with --config, or call it {OWN_NAME}: that is looked for first",
            )
        ignored = found.absolute()
        found = find_config(but_for=[found])
    if found is None:
        _logger.debug("no configuration file: defaults")
        return Config.model_validate({}, context=Context(base=Path.cwd(), ignored=ignored))
    document = read_yaml(_read(found), str(found))
    context = Context(found.absolute().parent, source=found.absolute(), ignored=ignored)
    data = {} if document.data is None else document.data
    faults = list(document.faults)
    config = None
    try:
        config = Config.model_validate(data, context=context)
    except ValidationError as error:
        faults += faults_of(error, Config)
    faults += cross_faults(data, context)
    if config is None or faults:
        raise ConfigError(listing(faults, document, str(found)))
    _logger.debug("configuration: %s", found)
    return config


def recipe_from_options(
    config: Config,
    *,
    name: str | None,
    overrides: Mapping[str, Any],
    like: RecipeConfig | None = None,
    named: Named = as_option,
) -> StyleRecipe:
    """The recipe that the command line, or a program, asks for.

    Args:
        config: The configuration.
        name: Name of one of its recipes, or None for one made of `overrides` alone.
        overrides: Values by key of `RecipeConfig`; None is not given. Relative paths are relative
            to the working folder. `strength` and `content_weight` replace each other.
        like: The recipe to begin with where `name` names none.
        named: What errors call a key.

    Raises:
        UsageError: There is no such recipe, or an option is wrong.
    """
    chosen = like
    if name is not None:
        chosen = named_recipe(config, name)
    given = {key: value for key, value in overrides.items() if value is not None}
    if not given.get("styles") and chosen is None:
        raise UsageError(
            "No style image is given",
            f"Name one with {named(('styles',))} (`nstd styles` lists those that come with nstd), "
            f"or a {named(('recipe',))}",
        )
    if chosen is not None:
        given = overridden(chosen, given)
    with usage_errors(RecipeConfig, named):
        recipe = RecipeConfig.model_validate(given, context=Context(base=Path.cwd()))
    return recipe.recipe(config.network)


def named_recipe(config: Config, name: str) -> RecipeConfig:
    """The recipe of that name.

    Raises:
        UsageError: There is none.
    """
    if name not in config.recipes:
        hint = did_you_mean(name, config.recipes)
        where = f"Recipes are in {config.source}: {', '.join(config.recipes) or 'it has none'}"
        if config.source is None:
            where = "Recipes are in a configuration, and none was found: `nstd init` writes one"
        raise UsageError(f"There is no recipe {quote(name)}{hint}", where)
    return config.recipes[name]


def overridden(recipe: RecipeConfig, given: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of `recipe` and those `given`, which win, to be validated together.

    `strength` and `content_weight` replace each other.
    """
    base = {key: getattr(recipe, key) for key in recipe.model_fields_set}
    for same in (same for key in given for same in RecipeConfig.synonyms(key)):
        base.pop(same, None)
    for key, other in (("strength", "content_weight"), ("content_weight", "strength")):
        if key in given:
            base.pop(other, None)
    return base | dict(given)


def unpainted_from_options(size: object) -> StyleRecipe:
    """The recipe that paints nothing.

    Args:
        size: As a recipe has it, or None for the films' own.

    Raises:
        UsageError: It is no size.
    """
    try:
        return replace(UNPAINTED, size=None if size is None else as_size(size))
    except ValueError as error:
        raise UsageError(f"--size: {error}") from error


def output_from_options(
    config: Config,
    overrides: Mapping[str, Any],
    named: Named = as_option,
    *,
    output: str | None = None,
) -> OutputConfig:
    """How the command line wants films encoded, where it differs from the configuration.

    Args:
        config: The configuration.
        overrides: Values by key of `OutputOverride`; None is not given.
        named: What errors call a key.
        output: The file, or folder, that films become: its suffix may name a container. None where
            none is named.

    Raises:
        UsageError: An option is wrong, or they do not fit together.
    """
    given = {key: value for key, value in overrides.items() if value is not None}
    folder = output is None or output.endswith("/")
    named_by_output = None if folder else container_of(Path(str(output)).suffix)
    if named_by_output is not None:
        given.setdefault("container", named_by_output.name)
    container = CONTAINERS.get(str(given.get("container")))
    if container is not None and container.codecs and config.output.codec not in container.codecs:
        given.setdefault("codec", container.codecs[0])
    with usage_errors(OutputConfig, named):
        return config.output.overridden(OutputOverride.model_validate(given))


def reading_from_options(
    config: Config, overrides: Mapping[str, Any], named: Named = as_option
) -> Reading:
    """How the command line wants films read, where it differs from the configuration.

    Args:
        config: The configuration.
        overrides: Values by key of `ReadingOverride`; None is not given.
        named: What errors call a key.

    Raises:
        UsageError: An option is wrong.
    """
    with usage_errors(ReadingOverride, named):
        return config.reading.reading(ReadingOverride.model_validate(dict(overrides)))


@contextmanager
def usage_errors(section: type[Section], named: Named) -> Iterator[None]:
    """Make one UsageError of all that is wrong with the keys of a section.

    Args:
        section: What is validated.
        named: What the error calls a key.
    """
    try:
        yield
    except ValidationError as error:
        faults = faults_of(error, section)
        sentences = [
            f"{named(fault.path)}: {fault.sentence}" if fault.path else fault.sentence
            for fault in faults
        ]
        raise UsageError(sentences) from error


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be read: {error.strerror or error}",
            "Make it readable for this user, or name another file with --config",
        ) from error
    return as_text(content, path)


def as_text(content: bytes, path: Path, largest: int = LARGEST_FILE) -> str:
    """What was read of a file, as text; at most `largest` + 1 bytes were read.

    Raises:
        ConfigError: It is larger than that, or no text.
    """
    if len(content) > largest:
        raise ConfigError(f"{path} is larger than {largest >> 10} KiB: no configuration")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path}:{line}: not UTF-8 text") from error


def listing(faults: list[Fault], document: Document, name: str) -> list[str]:
    """The faults of a document in the order of their lines, not all of very many.

    Args:
        faults: The faults.
        document: What they were found in.
        name: Its file's.
    """
    listed = []
    for fault in faults:
        path = fault.path
        while path and path not in document.lines:
            path = path[:-1]
        if path or not fault.path:
            line = fault.line or document.lines.get(path, 1)
        else:  # about a default: it stands in no line
            path, line = fault.path, 0
        where = f"{name}:{line}" if line else name
        what = f"{shown_path(path)}: " if path else ""
        listed.append((line, f"{where}: {what}{fault.sentence}"))
    listed.sort(key=lambda entry: entry[0])
    told = [text for _, text in listed[:MOST_FAULTS]]
    more = len(listed) - len(told)
    return [*told, f"{name}: and {more:,} more"] if more else told
