"""`nstd run` and `nstd batch`: what a configuration names, for ever or once."""

from pathlib import Path
from typing import Annotated

import typer

from nstd.cli.options import Common, Plain, configured, report
from nstd.cli.progress import LOADING, reporting


def run_command(common: Plain) -> None:
    """Watch the configured folders and paint what is dropped there, until stopped.

    Ctrl-C or SIGTERM stops it, and it goes on where it was when it is started again. SIGHUP reads
    the configuration again.
    """
    from nstd.config import load_config
    from nstd.daemon.main import run

    settings = configured(common, needed=True, dated=True)
    run(settings, lambda: load_config(common.config or settings.source), debug=common.debug)


def batch_command(
    common: Common,
    paths: Annotated[list[Path] | None, typer.Argument(metavar="PATH", help="More films.")] = None,
) -> None:
    """Paint everything in the watched folders, the batch list and the queue once, then exit.

    Exits with 0 when all is done, and with 1 when some of it failed.
    """
    settings = configured(common, level="warning", needed=True)
    with reporting(common) as reporter:
        reporter.doing(LOADING)
        from nstd.work.batch import batch

        results = batch(settings, paths or [], reporter)
    report(results, common)
