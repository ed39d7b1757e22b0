"""`nstd weights`: networks at hand, fetched, imported, verified."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from nstd.cli import completion
from nstd.cli.options import Plain, Telling, configured, print_data
from nstd.cli.spread import spread
from nstd.errors import UsageError

if TYPE_CHECKING:
    from nstd.weights.catalog import WeightsEntry

app = typer.Typer(help="Networks: list, fetch, import, verify.", no_args_is_help=True)


@app.command("list")
@spread
def list_command(common: Telling) -> None:
    """Show the networks at hand, and how to get the others."""
    from nstd.weights.catalog import list_weights

    settings = configured(common, level="warning")
    entries = list_weights(settings.cache_dir)
    if common.json:
        print_data([_as_data(entry) for entry in entries])
        return
    for entry in entries:
        typer.echo(_line(entry))


@app.command("fetch")
@spread
def fetch_command(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="vgg19, to paint with, or raft, which finds the flow between frames.",
            autocompletion=completion.words("vgg19", "raft"),
        ),
    ],
    url: Annotated[
        str | None,
        typer.Option(
            help="Another place that has the same file; its hash is checked all the same."
        ),
    ] = None,
    *,
    common: Plain,
) -> None:
    """Download a network's weights and check them.

    Of vgg19 what is used is kept: 575 MB become 52 MB. raft has 20 MB.
    """
    from nstd.weights.fetch import fetch_raft, fetch_vgg19

    settings = configured(common, level="warning")
    fetchers = {"vgg19": fetch_vgg19, "raft": fetch_raft}
    if name not in fetchers:
        raise UsageError(f"There is no network {name} to fetch", "vgg19 and raft can be fetched")
    columns = (
        TextColumn(name),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("", total=None)

        def show(done: int, total: int | None) -> None:
            progress.update(task, completed=done, total=total)

        path = fetchers[name](settings.cache_dir, url=url, progress=show)
    typer.echo(str(path))


@app.command("import")
@spread
def import_command(
    source: Annotated[Path, typer.Argument(metavar="FILE", help="A .pth or .safetensors file.")],
    name: Annotated[str | None, typer.Option(help="Name to use in recipes.")] = None,
    layout: Annotated[
        str | None,
        typer.Option(
            help="Whose file it is: torchvision, gatys, jcjohnson or nstd.",
            autocompletion=completion.words("torchvision", "gatys", "jcjohnson", "nstd"),
        ),
    ] = None,
    *,
    common: Plain,
) -> None:
    """Take a weights file that you have; no code in it is ever run."""
    from nstd.weights.convert import LAYOUTS, KeyLayout, import_weights

    settings = configured(common, level="warning")
    known: dict[str, KeyLayout] = {str(one): one for one in LAYOUTS}
    if layout is not None and layout not in known:
        raise UsageError(f"There is no layout {layout}", f"Choose one of {', '.join(LAYOUTS)}")
    chosen = None if layout is None else known[layout]
    typer.echo(str(import_weights(source, settings.cache_dir, name=name, layout=chosen)))


@app.command("verify")
@spread
def verify_command(
    network: Annotated[
        str,
        typer.Argument(
            metavar="NETWORK", help="Its name, or its file.", autocompletion=completion.weights
        ),
    ],
    *,
    common: Telling,
) -> None:
    """Read a network's weights whole, and compare them with their checksum."""
    from nstd.weights.catalog import verify_weights

    settings = configured(common, level="warning")
    entry = verify_weights(network, settings.cache_dir)
    if common.json:
        print_data(_as_data(entry))
    else:
        typer.echo(_line(entry))


def _line(entry: "WeightsEntry") -> str:
    if entry.state == "present":
        what = "optical flow"
        if entry.layers:
            what = f"{entry.layers[0]}…{entry.layers[-1]}, {max(entry.widths)} channels"
        return f"{entry.name}: {what}, {entry.path}, sha256 {entry.sha256}"
    why = f" ({entry.problem})" if entry.problem else ""
    return f"{entry.name}: {entry.state}{why}. {entry.remedy}."


def _as_data(entry: "WeightsEntry") -> dict[str, Any]:
    return asdict(entry) | {"path": None if entry.path is None else str(entry.path)}
