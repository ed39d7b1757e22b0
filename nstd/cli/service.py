"""`nstd run` and `nstd batch`: what a configuration names, for ever or once."""

from pathlib import Path
from typing import Annotated

import typer

from nstd.cli.options import (
    ConfigOption,
    DebugOption,
    Face,
    JsonOption,
    JsonProgressOption,
    QuietOption,
    configured,
    report,
)
from nstd.cli.progress import LOADING, reporting


def run_command(config: ConfigOption = None, debug: DebugOption = False) -> None:
    """Watch the configured folders and paint what is dropped there, until stopped.

    Ctrl-C or SIGTERM stops it, and it goes on where it was when it is started again. SIGHUP reads
    the configuration again.
    """
    from nstd.config import load_config
    from nstd.daemon.main import run

    settings = configured(config, Face(debug), needed=True, dated=True)
    run(settings, lambda: load_config(config or settings.source), debug=debug)


def batch_command(
    paths: Annotated[list[Path] | None, typer.Argument(metavar="PATH", help="More films.")] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
    json_progress: JsonProgressOption = False,
    quiet: QuietOption = False,
    debug: DebugOption = False,
) -> None:
    """Paint everything in the watched folders and the batch list once, then exit.

    Exits with 0 when all is done, and with 1 when some of it failed.
    """
    face = Face(debug, json, quiet, json_progress)
    settings = configured(config, face, level="warning", needed=True)
    with reporting(face) as reporter:
        reporter.doing(LOADING)
        from nstd.work.batch import batch

        results = batch(settings, paths or [], reporter)
    report(results, face)
