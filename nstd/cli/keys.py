"""Keys of the configuration as options, and the given values in the configuration's form."""

import os
import re
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import typer

from nstd.cli import completion
from nstd.cli.spread import Keys, Texts
from nstd.config import OutputConfig
from nstd.config.reading import ReadingConfig
from nstd.config.recipe import RecipeConfig
from nstd.config.values import Section
from nstd.errors import UsageError
from nstd.style.keys import hints_of, keys_of
from nstd.style.ladder import Level
from nstd.style.recipe import StyleRecipe, Temporal


def _usual(value: object) -> str:
    """A default as it would be given on the command line."""
    if isinstance(value, Level):
        return f"{value.long_edge}:{value.steps}"
    if isinstance(value, tuple):
        return ",".join(_usual(one) for one in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _of_section(section: type[Section], panel: str) -> Keys:
    """The keys of a section, which describes each of them."""
    known = section.model_fields
    return Keys(
        helps={name: str(key.description) for name, key in known.items()},
        kinds={name: key.annotation for name, key in known.items()},
        usual={
            name: _usual(key.default)
            for name, key in known.items()
            if key.default is not None and key.default_factory is None
        },
        panel=panel,
    )


def recipe_keys_of(recipe: type[StyleRecipe], panel: str) -> Keys:
    """The keys of a recipe that are options of their own: strength, and those with a help."""
    strength = RecipeConfig.model_fields["strength"]
    helps = {name: key.help for name, key in keys_of(recipe).items() if key.help}
    defaults = {one.name: one.default for one in fields(recipe) if one.name in helps}
    usual = {name: _usual(one) for name, one in defaults.items() if one is not None}
    mode = hints_of(Temporal)["mode"]  # one word, which stands for the whole section
    return Keys(
        helps={"strength": str(strength.description)} | helps,
        kinds=hints_of(recipe) | {"strength": strength.annotation, "temporal": mode},
        usual=usual | {"strength": "normal", "temporal": Temporal().mode},
        panel=panel,
    )


LOOK = recipe_keys_of(StyleRecipe, "Look, instead of what --recipe or the defaults say")
ENCODING = _of_section(OutputConfig, "Encoding")
READING = _of_section(ReadingConfig, "Reading")


def style_option(words: str) -> Any:
    """The option for style images, which may be given again: texts for `parse_style`.

    Args:
        words: What help says of it.
    """
    return typer.Option(
        "--style",
        "-s",
        metavar="IMAGE[:WEIGHT][@SCALE]",
        help=words,
        autocompletion=completion.styles,
    )


def look_keys(look: Texts, styles: list[str] | None) -> dict[str, Any]:
    """The recipe's keys as the configuration would have them."""
    return dict(look) | {"styles": [parse_style(text) for text in styles] if styles else None}


def parse_style(text: str) -> dict[str, Any]:
    """`IMAGE[:WEIGHT][@SCALE]`; a file whose name ends that way is taken as it is."""
    marks = {":": "weight", "@": "scale"}
    found: dict[str, Any] = {}
    while not os.path.exists(text):  # noqa: PTH110 - Path.exists raises for a name too long
        match = re.fullmatch(r"(.+)([:@])([0-9.eE+-]+)", text)
        if match is None or marks[match[2]] in found:
            break
        text = match[1]
        found[marks[match[2]]] = match[3]
    return {"image": text} | found


def require_unpainted(keys: Mapping[str, Any]) -> None:
    """Refuse all options of a look but the size, where nothing is painted.

    Raises:
        UsageError: Something else is given.
    """
    given = [key for key, value in keys.items() if value is not None and key != "size"]
    if given:
        option = {"styles": "--style"}.get(given[0], "--" + given[0].replace("_", "-"))
        raise UsageError(f"--copy paints nothing, and {option} says how", "Leave out one of them")
