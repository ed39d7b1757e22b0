"""`nstd init`: a configuration to begin with."""

from pathlib import Path
from typing import Annotated

import typer

from nstd.cli.options import Common, print_data, shown
from nstd.cli.spread import Only
from nstd.log import set_up_logging


def init_command(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where to.")] = Path(),
    service: Annotated[
        bool,
        typer.Option(
            "--service",
            help="Also a systemd unit for it, nstd.service; that alone beside an nstd.yaml.",
        ),
    ] = False,
    *,
    common: Annotated[Common, Only(("json", "debug"))],
) -> None:
    """Write a commented configuration, nstd.yaml, and make the folders it names: in and out.

    Nothing that is there is replaced.
    """
    from nstd.config.sample import begin

    set_up_logging("warning", debug=common.debug)
    made = begin(folder, service=service)
    config = shown(made.config)
    unit, watched, painted = (
        None if path is None else shown(path) for path in (made.unit, made.watched, made.painted)
    )
    if common.json:
        print_data({"config": config, "unit": unit, "watched": watched, "painted": painted})
        return
    if watched is None:
        typer.echo(f"Written: {unit}")
    else:
        typer.echo(f"Written: {config}" + ("" if unit is None else f", {unit}"))
        typer.echo(f"Drop films into {watched}; painted they appear in {painted}")
    if unit is None:
        typer.echo(f"Next: nstd run --config {config}")
        return
    typer.echo(f"Next, as root: let the user nstd read {config} and write to its folders; then")
    typer.echo(f"  install -m 644 {unit} /etc/systemd/system/ && systemctl daemon-reload")
    typer.echo("  nstd check --service && systemctl enable --now nstd")
