"""What several commands share: options, the configuration, logging, results."""

import json
import logging
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nstd.cli import completion
from nstd.cli.spread import Only
from nstd.config import Config, load_config
from nstd.errors import Interrupted, NstdError, visible
from nstd.log import set_up_logging

if TYPE_CHECKING:
    from nstd.ledger.job import Job
    from nstd.work.result import Result

    RecipeOf = Callable[[Job], str | None]

logger = logging.getLogger(__name__)

GENERAL = "General"
"""The group of options that many commands have, where help shows groups."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Common:
    """What most commands are told: which configuration, and how to talk."""

    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            help="Configuration file; else ./nstd.yaml, ./config.yaml, the XDG folder's,"
            " /etc/nstd's.",
            rich_help_panel=GENERAL,
        ),
    ] = None
    json: Annotated[
        bool,
        typer.Option(
            "--json", help="Print data as JSON on standard output.", rich_help_panel=GENERAL
        ),
    ] = False
    json_progress: Annotated[
        bool,
        typer.Option(
            "--json-progress",
            help="Print events as JSON on standard output, one a line; the last one has the"
            " results.",
            rich_help_panel=GENERAL,
        ),
    ] = False
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Show no progress.", rich_help_panel=GENERAL)
    ] = False
    debug: Annotated[
        bool,
        typer.Option(
            "--debug",
            help="Log everything, and show the traceback of an error.",
            rich_help_panel=GENERAL,
        ),
    ] = False


Plain = Annotated[Common, Only(("config", "debug"))]
"""Options of commands that print a line or two."""
Telling = Annotated[Common, Only(("config", "json", "debug"))]
"""Options of commands that print what they find."""
Working = Annotated[Common, Only(("config", "json", "quiet", "debug"))]
"""Options of commands that take a while."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """Where and how to compute, instead of what the configuration says."""

    device: Annotated[
        str | None,
        typer.Option(
            help="cpu, cuda:N (a GPU, counted from 0) or mps; the configuration's if not given.",
            rich_help_panel=GENERAL,
            autocompletion=completion.devices,
        ),
    ] = None
    threads: Annotated[
        int | None,
        typer.Option(min=1, help="CPU threads; all if not given.", rich_help_panel=GENERAL),
    ] = None


def configured(
    common: Common,
    machine: Machine | None = None,
    *,
    level: str | None = None,
    needed: bool = False,
    dated: bool = False,
) -> Config:
    """Read the configuration and set up logging as it says.

    Args:
        common: Which one, and how to talk.
        machine: Where to compute; None for what the configuration says.
        level: Least severity to log, instead of the configuration's.
        needed: Whether the command can do nothing without one: else another program's
            `config.yaml` in the working folder is passed over, with a note.
        dated: Whether the log says when.

    Raises:
        ConfigError: Something in the configuration is wrong.
    """
    config = load_config(common.config, needed=needed)
    if config.ignored is not None and not common.quiet:
        note(f"{shown(config.ignored)} is not nstd's, and is left alone")
    set_up_logging(level or config.log_level, debug=common.debug, dated=dated)
    if not common.quiet:
        logging.getLogger("nstd.network").setLevel(min(logging.INFO, logging.root.level))
    update: dict[str, Any] = {}
    if machine is not None and machine.device is not None:
        update["devices"] = (machine.device,)
    if machine is not None and machine.threads is not None:
        update["threads"] = machine.threads
    return config.model_copy(update=update)


def print_event(event: Any) -> None:
    """Print an event as one line of JSON on standard output, at once."""
    sys.stdout.write(_as_json(event))
    sys.stdout.flush()


def _as_json(data: Any, indent: int | None = None) -> str:
    """The data as JSON, and a line feed; names that are not text have their bytes escaped."""
    text = json.dumps(data, indent=indent, ensure_ascii=False)
    return text.encode("utf-8", "backslashreplace").decode() + "\n"


def print_data(data: Any) -> None:
    """Print data as JSON on standard output."""
    sys.stdout.write(_as_json(data, indent=2))


def report(results: Sequence["Result"], common: Common, recipe: "RecipeOf | None" = None) -> None:
    """Tell what became of each input, and end the command with the exit code of the worst.

    Args:
        results: Of each.
        common: How to talk.
        recipe: Gives the name of a job's recipe; None for what the job's identity says.

    Raises:
        Exit: With code 1, or the error's own code where there was one input.
    """
    rows = [_as_data(result, recipe or _named) for result in results]
    if common.json_progress:
        print_event({"event": "ended", "results": rows})
    elif common.json:
        print_data(rows)
    failed = [result for result in results if result.error is not None]
    for result in results:
        if result.error is not None:
            logger.debug("It failed here:", exc_info=result.error)
            name = shown(result.source)
            named = re.search(re.escape(name) + r"(?![\w./-])", result.error.problem)
            head = "" if named else f"{name}: "
            sys.stderr.write(f"nstd: {head}{result.error}\n")
        elif result.gone:
            sys.stderr.write(
                f"{shown(result.target)} was painted before, and is not there any more. "
                f"`nstd add --again` queues {shown(result.source)} anew.\n"
            )
        elif not (common.json or common.json_progress):
            sys.stdout.write(f"{shown(result.target)}\n")
    if not (results or common.quiet):
        sys.stderr.write("There is nothing to paint\n")
    kept = [result for result in results if result.kept and not result.gone]
    if kept and not common.quiet:
        were = "was" if len(kept) == 1 else "were"
        count = f"{len(kept)} of {len(results)} " if len(results) > 1 else "It "
        left = "is left as it is" if len(kept) == 1 else "are left as they are"
        sys.stderr.write(f"{count}{were} painted before and {left}\n")
    if failed and failed[-1].error is not None:
        error = failed[-1].error
        # One input: its own code. That the command was stopped outweighs failures.
        alone = len(results) == 1 or isinstance(error, Interrupted)
        raise typer.Exit(error.exit_code if alone else 1)


def note(sentence: str) -> None:
    """Say on standard error what is worth knowing but not a fault."""
    sys.stderr.write(f"nstd: {sentence}.\n")


def shown(path: Path | None) -> str:
    """A path for people, as `visible` shows it."""
    return visible(str(path))


def error_data(error: NstdError | None) -> dict[str, Any]:
    """An error as data: its sentence, and its kind, a word that does not change."""
    if error is None:
        return {"error": None, "kind": None}
    return {"error": str(error), "kind": error.kind}


def style_names(job: "Job") -> list[str]:
    """What a job's style images were called before they were frozen."""
    styles = job.request.recipe.get("styles", [])
    return [visible(style.get("name") or style["image"]) for style in styles]


def _named(job: "Job") -> str:
    from nstd.submit.sources import recipe_name

    return recipe_name(job.request.key)


def _as_data(result: "Result", recipe: "RecipeOf") -> dict[str, Any]:
    job = result.job
    return {
        "source": shown(result.source),
        "target": None if result.target is None else shown(result.target),
        "recipe": None if job is None else recipe(job),
        "styles": [] if job is None else style_names(job),
        "frames": result.frames,
        "seconds": None if result.seconds is None else round(result.seconds, 3),
        "report": result.report,
        **error_data(result.error),
        "kept": result.kept,
        "gone": result.gone,
        "stopped": isinstance(result.error, Interrupted),
    }
