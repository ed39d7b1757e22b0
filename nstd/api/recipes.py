"""Keyword arguments → configuration, look and encoding. Their names are the keys of config.yaml."""

from collections.abc import Mapping, Sequence
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from nstd.config import Config, OutputOverride, RecipeConfig, load_config, recipe_from_options
from nstd.config.faults import shown_path
from nstd.config.load import usage_errors
from nstd.config.reading import ReadingOverride
from nstd.config.values import Context
from nstd.config.words import did_you_mean, quote
from nstd.config.yaml_lines import KeyPath
from nstd.errors import UsageError
from nstd.style.recipe import StyleRecipe

Style = str | PathLike[str] | Mapping[str, Any]
"""A style image: the name of one that ships, a file, or `{"image": …, "weight": …, "scale": …}`."""

SETTINGS = ("device", "threads", "cache_dir", "config")
"""Where painting is done, and what it needs for that."""

_STYLES = {"style", *RecipeConfig.synonyms("style")}
LOOK, ENCODING, READING = (
    tuple(key for key in section.keys() if key not in _STYLES)  # noqa: SIM118 - no mapping
    for section in (RecipeConfig, OutputOverride, ReadingOverride)
)
"""Keys by what they are about; `style` is an argument of its own."""


def recipe(style: Style | Sequence[Style] | None = None, **keys: Any) -> StyleRecipe:
    """A look, from the keys that a recipe has in config.yaml.

    Args:
        style: The style image: the name of one that ships (`nstd styles`), a file, or a mapping of
            `image`, `weight` and `scale`. Of several, in a list, the look is a blend.
        **keys: The recipe's other keys, such as `strength`, `size` or `levels`.

    Raises:
        UsageError: A key is unknown, or a value is wrong.
    """
    require_known(keys, LOOK)
    return look_of(configured({}), style, None, keys)


def look_of(
    config: Config,
    style: Style | Sequence[Style] | None,
    base: StyleRecipe | str | None,
    keys: Mapping[str, Any],
) -> StyleRecipe:
    """The look that is asked for.

    Args:
        config: For its recipes and its network.
        style: As `recipe` has it.
        base: A whole recipe, or the name of one in `config`; None for the defaults.
        keys: Further keys of a recipe, None where not given.

    Raises:
        UsageError: A value is wrong, or there is no such recipe; or `base` is a whole recipe and
            there is more to be said of the look.
    """
    given = {key: value for key, value in keys.items() if value is not None}
    listed: Any = style
    several = isinstance(style, Sequence) and not isinstance(style, str | bytes)
    if style is not None:
        given["styles"] = [_style(one) for one in (listed if several else [style])]

    def named(path: KeyPath) -> str:
        if path[0] != "styles":
            return shown_path(path)
        parts = path[1:] if several else path[2:]  # one that is no list is at no place in it
        if not several and not isinstance(style, Mapping):
            parts = ()
        return shown_path(("style", *parts))

    if base is None or isinstance(base, str):
        return recipe_from_options(config, name=base, overrides=given, named=named)
    if not isinstance(base, StyleRecipe):
        raise UsageError(
            f"An object of type {type(base).__name__} is no recipe",
            "Give one of nstd.recipe, or the name of one in the configuration",
        )
    if given:
        besides = ["style" if key == "styles" else key for key in given]
        raise UsageError(
            f"The recipe is given whole, and {', '.join(besides)} besides",
            "Give it alone, or what it is made of; dataclasses.replace makes another recipe of one",
        )
    return base


def configured(options: Mapping[str, Any], keys: Sequence[str] = ()) -> Config:
    """The configuration file that is named, or the defaults, with the options that are keys of one.

    No file is looked for: what a program paints must not depend on where it is started.

    Args:
        options: May have the keys of `SETTINGS`, and others.
        keys: Further keys of a configuration that may be among them.

    Raises:
        ConfigError: Something in the file is wrong.
        UsageError: An option is wrong.
    """
    named = {key: options.get(key) for key in ("threads", "cache_dir", *keys)}
    given = {key: value for key, value in named.items() if value is not None}
    if options.get("device") is not None:
        given["devices"] = [str(options["device"])]  # torch.device too
    with usage_errors(Config, _device):
        own = Config.model_validate(given, context=Context(base=Path.cwd()))
    if options.get("config") is None:
        return own
    file = load_config(Path(path_given("config", options["config"])))
    return file.model_copy(update={key: getattr(own, key) for key in given})


def _device(path: KeyPath) -> str:
    return "device" if path[0] == "devices" else shown_path(path)


def require_known(keys: Mapping[str, Any], known: Sequence[str]) -> None:
    """Raise UsageError where one of `keys` is none that is `known`."""
    for key in keys:
        if key not in known:
            hint = did_you_mean(key, ("style", "recipe", "on_progress", *known))
            raise UsageError(
                f"There is no option {quote(key)}{hint}",
                "docs/python.md lists them",
            )


def path_given(key: str, value: object) -> str:
    """The path that is given as an argument, as a text.

    Raises:
        UsageError: It is none.
    """
    path = fspath(value) if isinstance(value, str | PathLike) else None
    if not isinstance(path, str) or not path or "\0" in path:
        raise UsageError(
            f"{key}: {quote(value)} is no path", "Give a path, as a text or a pathlib.Path"
        )
    return path


def _style(style: object) -> Any:
    """A style as the configuration has it."""
    if isinstance(style, Mapping):
        return dict(style)
    if isinstance(style, str | PathLike):
        return fspath(style)
    raise UsageError(
        f"style: an object of type {type(style).__name__} is no style",
        "Give the name of one that ships, a file, a mapping with its image, or a list of these",
    )
