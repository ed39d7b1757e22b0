"""`nstd init`: a configuration to begin with."""

from pathlib import Path
from typing import Annotated

import typer

from nstd.cli.options import DebugOption, Face, JsonOption, print_data, shown
from nstd.log import set_up_logging


def init_command(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where to.")] = Path(),
    service: Annotated[
        bool, typer.Option("--service", help="Also a systemd unit for it: nstd.service.")
    ] = False,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Write a commented configuration, nstd.yaml, and make the folders it names: in and out.

    Nothing that is there is replaced.
    """
    from nstd.config.sample import begin

    set_up_logging("warning", debug=Face(debug).debug)
    made = begin(folder, service=service)
    config, unit = shown(made.config), None if made.unit is None else shown(made.unit)
    if json:
        folders = {"watched": shown(made.watched), "painted": shown(made.painted)}
        print_data({"config": config, "unit": unit} | folders)
        return
    typer.echo(f"Written: {config}" + ("" if unit is None else f", {unit}"))
    typer.echo(
        f"Drop films into {shown(made.watched)}; painted they appear in {shown(made.painted)}"
    )
    if unit is None:
        typer.echo(f"Next: nstd run --config {config}")
        return
    typer.echo(f"Next, as root: let the user nstd read {config} and write to both folders; then")
    typer.echo(f"  install -m 644 {unit} /etc/systemd/system/ && systemctl daemon-reload")
    typer.echo("  nstd check --service && systemctl enable --now nstd")
