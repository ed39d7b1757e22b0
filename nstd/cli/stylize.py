"""`nstd stylize`: one or more films or pictures, right now."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nstd.cli import completion
from nstd.cli.keys import ENCODING, LOOK, READING, look_keys, require_unpainted, style_option
from nstd.cli.options import Common, Machine, configured, report
from nstd.cli.progress import LOADING, reporting
from nstd.cli.spread import Texts
from nstd.config import (
    Config,
    OutputConfig,
    output_from_options,
    reading_from_options,
    recipe_from_options,
    unpainted_from_options,
)
from nstd.errors import UsageError
from nstd.style.recipe import StyleRecipe
from nstd.submit.frames import parse_frames

if TYPE_CHECKING:
    from nstd.submit.output import OutputSpec

EXAMPLES = """Examples:

\b
  nstd stylize film.mp4 --style impasto -o painted.mp4
  nstd stylize film.mp4 --style woodcut --frames 0:2s --size 256 -o try.mp4
  nstd stylize film.mp4 --style a.jpg:2 --style b.jpg:1@1.5 -o painted.mp4
  nstd stylize films/ --recipe night -o painted/
"""
"""Shown below the help."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StylizeOptions:
    """What is asked for besides the keys of the configuration."""

    style: Annotated[
        list[str] | None,
        style_option(
            "A picture, or one of `nstd styles`. Several are blended by weight (1 if not given)."
            " SCALE is the size at which it is looked at, 0.1 to 10: more makes larger strokes."
        ),
    ] = None
    recipe: Annotated[
        str | None,
        typer.Option(
            "--recipe",
            "-r",
            help="A recipe of the configuration.",
            autocompletion=completion.recipes,
        ),
    ] = None
    like: Annotated[
        Path | None,
        typer.Option(
            metavar="PAINTED",
            help="Paint as this film or picture was painted, which nstd made; instead of --recipe.",
        ),
    ] = None
    frames: Annotated[
        str | None,
        typer.Option(
            metavar="A:B",
            help="Only the frames from A up to before B, counted from 0, or seconds as in"
            " 1.5s:4s. Either may be left out.",
        ),
    ] = None
    sequence: Annotated[
        bool,
        typer.Option("--sequence", help="The numbered images in a folder are one film."),
    ] = False
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an output that is there.")
    ] = False
    accept_truncated: Annotated[
        bool,
        typer.Option("--accept-truncated", help="Paint what is there of a film that is cut off."),
    ] = False
    strict: Annotated[
        bool,
        typer.Option(
            "--strict", help="Refuse a film of which anything but its look would be lost."
        ),
    ] = False
    copy: Annotated[
        bool, typer.Option("--copy", help="Paint nothing: to see what is kept of a film.")
    ] = False


def stylize_command(
    inputs: Annotated[
        list[Path],
        typer.Argument(
            metavar="INPUT",
            help="Films, pictures, or folders of them (without the folders within).",
        ),
    ],
    output: Annotated[
        str,
        typer.Option(
            "--output",
            "-o",
            metavar="PATH",
            help="A file for one input, or a folder; one that is not there ends in a slash.",
        ),
    ],
    asked: StylizeOptions,
    look: Annotated[Texts, LOOK],
    encoding: Annotated[Texts, ENCODING],
    reading: Annotated[Texts, READING],
    machine: Machine,
    common: Common,
) -> None:
    """Paint films and pictures.

    Stop it with Ctrl-C: the same command goes on where it stopped, and leaves what is finished.
    """
    settings = configured(common, machine, level="warning", needed=asked.recipe is not None)
    recipe = _recipe(settings, asked, look_keys(look, asked.style))
    spec = _spec(settings, asked, output_from_options(settings, encoding, output=output), reading)
    frames = parse_frames(asked.frames)
    if asked.sequence:
        from nstd.media.numbered import pattern_in

        inputs = [pattern_in(path) if path.is_dir() else path for path in inputs]
    from nstd.submit.pairs import pair

    pair(inputs, output, spec, frames)  # mistakes in them are told before anything is loaded
    with reporting(common) as reporter:
        reporter.doing(LOADING)
        from nstd.work.stylize import Wanted, stylize

        results = stylize(settings, inputs, Wanted(recipe, spec, frames), output, reporter)
    report(results, common, lambda _: asked.recipe)


def _spec(
    config: Config, asked: StylizeOptions, encoding: OutputConfig, reading: Texts
) -> "OutputSpec":
    """How films are read, cut, encoded and published."""
    from nstd.submit.freeze import named_output

    return replace(
        named_output(config, encoding, reading_from_options(config, reading)),
        accept_truncated=asked.accept_truncated or config.accept_truncated,
        strict=asked.strict or config.strict,
        overwrite=asked.overwrite,
        copy=asked.copy,
    )


def _recipe(config: Config, asked: StylizeOptions, keys: dict[str, Any]) -> StyleRecipe:
    """The recipe that is named, or that a painted file tells of, with the options' keys."""
    if asked.copy:
        require_unpainted({"recipe": asked.recipe, "like": asked.like, **keys})
        return unpainted_from_options(keys["size"])
    if asked.like is None:
        return recipe_from_options(config, name=asked.recipe, overrides=keys)
    if asked.recipe is not None:
        raise UsageError("--recipe and --like both name a recipe", "Give one of them")
    from nstd.submit.provenance import read_note, recipe_of_note, with_names_of

    note = read_note(asked.like)
    if note is None:
        raise UsageError(
            f"{asked.like} does not say how it was painted",
            "Name a film or picture that nstd has made, or a style with --style",
        )
    begun = recipe_of_note(note, asked.like.name, config, keys)
    recipe = recipe_from_options(config, name=None, overrides=keys, like=begun)
    return with_names_of(recipe, note)
