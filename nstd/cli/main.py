"""The `nstd` command: its subcommands, and how errors leave the process."""

import logging
import sys
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any, NoReturn

import typer
from pydantic import ValidationError
from rich.console import Console

from nstd.cli import check, clean, demo, init, queue, score, service, show, styles, stylize, weights
from nstd.cli.grouped import GroupedCommand, GroupedCommands
from nstd.cli.options import error_data, print_data, print_event
from nstd.cli.spread import Command, spread
from nstd.config.faults import sentence_of
from nstd.errors import NstdError, UsageError, from_os_error
from nstd.log import is_journal
from nstd.style.devices import spin_briefly

logger = logging.getLogger(__name__)

spin_briefly()

_CLICK_ERROR: Any = next(
    one for one in typer.BadParameter.__mro__ if one.__name__ == "ClickException"
)
"""The base of click's errors: typer brings its own click, and exports only some derived ones."""

app = typer.Typer(
    name="nstd",
    cls=GroupedCommands,
    help="Paint films and pictures in the style of others: neural style transfer by optimization.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["--help", "-h"]},
)
_PAINT, _SERVE, _QUEUE, _CARE = "Paint now", "Watch folders", "The queue", "Housekeeping"

_COMMANDS: tuple[tuple[str, str, Command, str], ...] = (
    (_PAINT, "stylize", stylize.stylize_command, "Paint films and pictures."),
    (_PAINT, "demo", demo.demo_command, "Paint a small film that comes with nstd."),
    (_PAINT, "styles", styles.styles_command, "List the styles that come with nstd."),
    (_PAINT, "score", score.score_command, "Measure how a painted film holds together."),
    (_SERVE, "init", init.init_command, "Write a configuration to begin with."),
    (_SERVE, "run", service.run_command, "Watch folders, and paint what is dropped there."),
    (_SERVE, "batch", service.batch_command, "Paint what the configuration names, once."),
    (_SERVE, "check", check.check_command, "Say what works here, what does not, what to do."),
    (_QUEUE, "add", queue.add_command, "Queue films and pictures."),
    (_QUEUE, "status", queue.status_command, "Say what runs, what waits, and why."),
    (_QUEUE, "jobs", queue.jobs_command, "List jobs."),
    (_QUEUE, "show", show.show_command, "Show everything of one job, or of a file."),
    *((_QUEUE, name, verb.command(), verb.words) for name, verb in queue.VERBS.items()),
    (_CARE, "clean", clean.clean_command, "Show what is abandoned, and remove it if told to."),
)
"""Group, name, function and a few words of each command, in the order of help."""

for _group, _name, _function, _words in _COMMANDS:
    app.command(
        _name,
        cls=GroupedCommand,
        short_help=_words,
        rich_help_panel=_group,
        epilog=stylize.EXAMPLES if _name == "stylize" else None,
    )(spread(_function))
app.add_typer(weights.app, name="weights", rich_help_panel=_CARE)


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
        code = app(args=arguments, prog_name="nstd", standalone_mode=False)
    except _CLICK_ERROR as error:  # what is wrong with the arguments themselves
        if isinstance(error.__cause__, ValidationError):  # whose words are for programmers
            error.message = sentence_of(error.__cause__)
        error.show()
        if error.format_message():
            _print_error(UsageError(error.format_message()), arguments)
        sys.exit(error.exit_code)
    except typer.Abort:
        _say("It was ended")
        sys.exit(1)
    except OSError as error:
        # A last resort: most are translated where they arise, where more is known.
        fault = from_os_error(error, str(error.filename or "a file"), "using")
        _end(fault, arguments)
    except NstdError as error:
        _end(error, arguments)
    sys.exit(code if isinstance(code, int) else 0)


def _end(error: NstdError, arguments: Sequence[str]) -> NoReturn:
    if "--debug" in arguments:
        Console(stderr=True).print_exception()
    _say(str(error))
    _print_error(error, arguments)
    sys.exit(error.exit_code)


def _print_error(error: NstdError, arguments: Sequence[str]) -> None:
    """Print the error as JSON too: where JSON was asked for, there is always some."""
    data = error_data(error) | {"exit_code": error.exit_code}
    if "--json-progress" in arguments:
        print_event({"event": "ended"} | data)
    elif "--json" in arguments:
        print_data(data)


def _say(sentence: str) -> None:
    # Not through rich: a path with brackets in it is not markup.
    priority = "<3>" if is_journal() else ""
    sys.stderr.write(f"{priority}nstd: {sentence}\n")
