"""`nstd score`: how well a painted film holds together."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from nstd.cli import completion
from nstd.cli.keys import parse_style, style_option
from nstd.cli.options import Common, Machine, Working, configured, print_data, shown
from nstd.config import Config, recipe_from_options
from nstd.errors import UsageError
from nstd.style.recipe import StyleRecipe

NETWORK = "pocket"
"""The same network everywhere, so that scores of different machines can be compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreOptions:
    """What is measured, and what comes of it."""

    style: Annotated[
        list[str] | None,
        style_option("Measure style and content loss too, by these; as it was painted."),
    ] = None
    network: Annotated[
        str | None,
        typer.Option(
            help=f"What measures them; {NETWORK} unless given.",
            autocompletion=completion.networks,
        ),
    ] = None
    first: Annotated[
        int | None,
        typer.Option(min=0, help="Of a part: the number of the source's frame it begins with."),
    ] = None
    segment_frames: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Frames in a segment, as it was painted; where they meet is looked at.",
        ),
    ] = None
    plot: Annotated[
        Path | None, typer.Option(help="Draw curves along the film, such as score.png.")
    ] = None
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a plot that is there.")
    ] = False
    accept_truncated: Annotated[
        bool,
        typer.Option("--accept-truncated", help="Score what is there of films that are cut off."),
    ] = False


def score_command(
    film: Annotated[Path, typer.Argument(metavar="FILM", help="The painted film.")],
    source: Annotated[Path, typer.Option(help="The film that it was painted from.")],
    asked: ScoreOptions,
    machine: Machine,
    common: Working,
) -> None:
    """Measure how a painted film holds together: flicker, sharpness, drift, seams, style."""
    settings = configured(common, machine, level="warning")
    given = {key: getattr(asked, key) for key in ("segment_frames", "accept_truncated")}
    settings = settings.model_copy(update={key: value for key, value in given.items() if value})
    recipe = _recipe(settings, asked)
    # Not imported earlier: mistakes in the options are told at once.
    from nstd.scoring import as_data, as_text, draw_score, require_writable, score_film

    if asked.plot is not None:
        require_writable(asked.plot, overwrite=asked.overwrite)
    with _progress(common) as measured:
        score, films = score_film(
            settings,
            film,
            source,
            first=asked.first,
            recipe=recipe,
            measured=measured,
        )
    if asked.plot is not None:
        draw_score(score, asked.plot, overwrite=asked.overwrite)
    if common.json:
        names = {"film": film, "source": source, "plot": asked.plot}
        paths = {name: None if path is None else shown(path) for name, path in names.items()}
        print_data(paths | as_data(score, films))
    else:
        typer.echo(as_text(score, films), nl=False)
        if asked.plot is not None:
            typer.echo(shown(asked.plot))


def _recipe(config: Config, asked: ScoreOptions) -> StyleRecipe | None:
    """What style and content loss are measured by, or None."""
    if asked.style:
        styles = [parse_style(one) for one in asked.style]
        wanted = {"styles": styles, "network": asked.network or NETWORK}
        return recipe_from_options(config, name=None, overrides=wanted)
    if asked.network is not None:
        raise UsageError("--network measures style, and there is none", "Name one with --style")
    return None


@contextmanager
def _progress(common: Common) -> Iterator[Callable[[int, int], None]]:
    """Shows on a terminal how many frames are done."""
    console = Console(stderr=True)
    progress = Progress(
        TextColumn("scoring"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=common.quiet or not console.is_terminal,
    )
    with progress:
        task = progress.add_task("", total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total or None)
