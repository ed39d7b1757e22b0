"""The `nstd` command: its subcommands, and how errors leave the process."""

import logging
import os
import sys
from collections.abc import Sequence
from importlib.metadata import version
from typing import NoReturn

import typer
from rich.console import Console

from nstd.cli import check, clean, demo, init, queue, score, service, styles, stylize, weights
from nstd.cli.grouped import GroupedCommand
from nstd.errors import NstdError, from_os_error
from nstd.log import is_journal

logger = logging.getLogger(__name__)

# Read when torch loads OpenMP. Its threads wait for each other by spinning, by default so long that
# beside other work a step took 1.3 s instead of 0.04; this short a spin costs 4 % alone, and beside
# the same work a step takes 0.2 s (bench/waiting.py).
os.environ.setdefault("GOMP_SPINCOUNT", "10000")

app = typer.Typer(
    name="nstd",
    help="Paint films and pictures in the style of others: neural style transfer by optimization.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["--help", "-h"]},
)
app.command("init")(init.init_command)
app.command("stylize", cls=GroupedCommand, epilog=stylize.EXAMPLES)(stylize.stylize_command)
app.command("batch")(service.batch_command)
app.command("run")(service.run_command)
app.command("add")(queue.add_command)
app.command("status")(queue.status_command)
app.command("jobs")(queue.jobs_command)
app.command("show")(queue.show_command)
app.command("retry")(queue.retry_command)
app.command("cancel")(queue.cancel_command)
app.command("pause")(queue.pause_command)
app.command("resume")(queue.resume_command)
app.command("clean")(clean.clean_command)
app.command("demo")(demo.demo_command)
app.command("score")(score.score_command)
app.command("check")(check.check_command)
app.command("styles")(styles.styles_command)
app.add_typer(weights.app, name="weights")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"nstd {version('nstd')}")
        raise typer.Exit


@app.callback()
def _options(
    version_: bool = typer.Option(
        False,
        "--version",
        callback=_print_version,
        is_eager=True,
        help="Show the version and exit.",
    ),
) -> None:
    del version_


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; a fault ends it with one sentence and the exit code of its kind."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    try:
        # What is wrong with the arguments themselves typer says, and ends the process with 2.
        app(args=arguments, prog_name="nstd")
    except OSError as error:
        # A last resort: most are translated where they arise, with more to say.
        fault = from_os_error(error, str(error.filename or "a file"), "using")
        _end(fault, arguments)
    except NstdError as error:
        _end(error, arguments)


def _end(error: NstdError, arguments: Sequence[str]) -> NoReturn:
    if "--debug" in arguments:
        Console(stderr=True).print_exception()
    _say(str(error))
    sys.exit(error.exit_code)


def _say(sentence: str) -> None:
    # Not through rich: a path with brackets in it is not markup.
    priority = "<3>" if is_journal() else ""
    sys.stderr.write(f"{priority}nstd: {sentence}\n")
