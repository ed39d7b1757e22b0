"""`nstd styles`: the styles that ship, in words and as a contact sheet."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from nstd.cli.options import Telling, configured, note, print_data, shown
from nstd.errors import ConfigError
from nstd.gallery import list_styles

COLUMNS = 4
CELL_PX = 384
QUALITY = 92


def styles_command(
    sheet: Annotated[
        Path | None, typer.Option(help="Write a contact sheet to this picture, such as styles.png.")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a sheet that is there.")
    ] = False,
    *,
    common: Telling,
) -> None:
    """List the styles that ship; each can be named wherever a style image can."""
    try:
        configured(common, level="warning")
    except ConfigError as error:
        if common.config is not None:
            raise
        note(f"{error.problem.splitlines()[0]}; what ships needs no configuration")
    if sheet is not None:
        _write_sheet(sheet, overwrite=overwrite)
    styles = list_styles()
    if common.json:
        print_data(
            [
                {"name": one.name, "description": one.description, "path": shown(one.path)}
                for one in styles
            ]
        )
        return
    width = max(len(one.name) for one in styles)
    for one in styles:
        typer.echo(f"{one.name:{width}}  {one.description}")
    if sheet is not None:
        typer.echo(shown(sheet))
    elif sys.stdout.isatty():
        typer.echo("\nTo see them: nstd styles --sheet styles.png", err=True)


def _write_sheet(target: Path, *, overwrite: bool) -> None:
    from nstd.files import publish, removed_on_failure
    from nstd.media.pictures import read_style_image
    from nstd.media.sheet import contact_sheet
    from nstd.media.still import Still
    from nstd.media.still_write import encode_still

    styles = list_styles()
    drawn = contact_sheet(
        [read_style_image(style.path) for style in styles],
        [style.name for style in styles],
        columns=COLUMNS,
        cell=CELL_PX,
    )
    part = encode_still(drawn, Still(drawn, None, "PNG"), target, quality=QUALITY)
    with removed_on_failure(part):
        publish(part, target, overwrite=overwrite)
