"""`nstd demo`: from nothing to a painted film, in about a minute."""

import shlex
import sys
from pathlib import Path
from shutil import which
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nstd.cli import completion
from nstd.cli.options import Machine, Working, configured, print_data, shown
from nstd.cli.progress import LOADING, reporting
from nstd.config import recipe_from_options

if TYPE_CHECKING:
    from nstd.demo import Demo

NETWORK = "pocket"
STYLE = "impasto"

LOOK: dict[str, Any] = {"levels": "160:20,320:14", "content_weight": 0.15, "tv_weight": 3.0}
"""Chosen by eye; two seconds of film take two CPU cores about a minute."""

STYLE_SCALE = 1.5
"""Scale of the style image: in so small a film, larger strokes show better."""


def demo_command(
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder for the film, its source and a sheet.")
    ] = Path("nstd-demo"),
    style: Annotated[
        str,
        typer.Option(
            "--style",
            "-s",
            help="Name of a style that comes with nstd, or a file.",
            autocompletion=completion.styles,
        ),
    ] = STYLE,
    network: Annotated[
        str,
        typer.Option(
            help="Its name (`nstd weights list`), or a weights file.",
            autocompletion=completion.networks,
        ),
    ] = NETWORK,
    seconds: Annotated[
        float, typer.Option(min=0.25, max=2.0, help="How much of the film is painted.")
    ] = 2.0,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace files that are there.")
    ] = False,
    *,
    machine: Machine,
    common: Working,
) -> None:
    """Paint a small film that comes with nstd, and show both side by side; needs no network."""
    settings = configured(common, machine, level="warning")
    given = {"styles": [{"image": style, "scale": STYLE_SCALE}], "network": network}
    recipe = recipe_from_options(settings, name=None, overrides=given | LOOK)
    with reporting(common) as reporter:
        reporter.doing(LOADING)
        from nstd.demo import FRAME_RATE, make_demo

        frames = round(seconds * FRAME_RATE)
        demo = make_demo(settings, recipe, output, reporter, frames=frames, overwrite=overwrite)
    if common.json:
        print_data(_as_data(demo))
    else:
        tell(demo, style, network)


def _as_data(demo: "Demo") -> dict[str, Any]:
    return {
        "source": shown(demo.sample),
        "target": shown(demo.painted),
        "sheet": shown(demo.sheet),
        "kept": [shown(path) for path in demo.kept],
    }


def tell(demo: "Demo", style: str, network: str) -> None:
    """Print where everything is, and what to try next."""
    rows = (("Painted", demo.painted), ("Source", demo.sample), ("Side by side", demo.sheet))
    for name, path in rows:
        kept = " (was there already)" if path in demo.kept else ""
        sys.stdout.write(f"{name + ':':13} {shown(path)}{kept}\n")
    look = f"--style {shlex.quote(style)}"
    if network != NETWORK:
        look += f" --network {shlex.quote(network)}"
    called = sys.argv[0] if Path(sys.argv[0]).name == "nstd" else "nstd"
    # A bare name was found in PATH, and argv does not say where.
    program = "nstd" if which("nstd") == str(Path(called).absolute()) else shlex.quote(called)
    sys.stdout.write(f"Next, a film of yours: {program} stylize FILM {look} -o painted.mp4\n")
