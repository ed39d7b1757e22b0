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

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        help="Configuration file; else ./nstd.yaml, ./config.yaml, the XDG folder's, /etc/nstd's.",
        rich_help_panel=GENERAL,
    ),
]
DebugOption = Annotated[
    bool,
    typer.Option(
        "--debug",
        help="Log everything, and show the traceback of an error.",
        rich_help_panel=GENERAL,
    ),
]
JsonOption = Annotated[
    bool,
    typer.Option("--json", help="Print data as JSON on standard output.", rich_help_panel=GENERAL),
]
JsonProgressOption = Annotated[
    bool,
    typer.Option(
        "--json-progress",
        help="Print events as JSON on standard output, one a line; the last one has the results.",
        rich_help_panel=GENERAL,
    ),
]
QuietOption = Annotated[
    bool, typer.Option("--quiet", "-q", help="Show no progress.", rich_help_panel=GENERAL)
]
DeviceOption = Annotated[
    str | None,
    typer.Option(
        help="cpu, cuda:N (a GPU, counted from 0) or mps; the configuration's if not given.",
        rich_help_panel=GENERAL,
        autocompletion=completion.devices,
    ),
]
ThreadsOption = Annotated[
    int | None, typer.Option(min=1, help="CPU threads; all if not given.", rich_help_panel=GENERAL)
]


@dataclass(frozen=True, slots=True)
class Face:
    """How a command is to talk.

    Attributes:
        debug: Log everything.
        json: Print what comes of it as JSON.
        quiet: Show no progress.
        events: Print progress and what comes of it as JSON, a line each.
    """

    debug: bool
    json: bool = False
    quiet: bool = False
    events: bool = False


def configured(
    path: Path | None,
    face: Face,
    *,
    level: str | None = None,
    needed: bool = False,
    dated: bool = False,
) -> Config:
    """Read the configuration and set up logging as it says.

    Args:
        path: Of `--config`.
        face: How to talk.
        level: Least severity to log, instead of the configuration's.
        needed: Whether the command can do nothing without one: else another program's
            `config.yaml` in the working folder is passed over, with a note.
        dated: Whether the log says when.

    Raises:
        ConfigError: Something in the configuration is wrong.
    """
    config = load_config(path, needed=needed)
    if config.ignored is not None and not face.quiet:
        note(f"{shown(config.ignored)} is not nstd's, and is left alone")
    set_up_logging(level or config.log_level, debug=face.debug, dated=dated)
    if not face.quiet:
        logging.getLogger("nstd.network").setLevel(min(logging.INFO, logging.root.level))
    return config


def with_machine(config: Config, device: str | None, threads: int | None) -> Config:
    """The configuration with what `--device` and `--threads` say, where they are given."""
    update: dict[str, Any] = {}
    if device is not None:
        update["devices"] = (device,)
    if threads is not None:
        update["threads"] = threads
    return config.model_copy(update=update)


def print_event(event: Any) -> None:
    """Print an event as one line of JSON on standard output, at once."""
    sys.stdout.write(_as_json(event))
    sys.stdout.flush()


def _as_json(data: Any, indent: int | None = None) -> str:
    """The data as JSON, and a line feed; of names that are no text the bytes are escaped."""
    text = json.dumps(data, indent=indent, ensure_ascii=False)
    return text.encode("utf-8", "backslashreplace").decode() + "\n"


def print_data(data: Any) -> None:
    """Print data as JSON on standard output."""
    sys.stdout.write(_as_json(data, indent=2))


def report(results: Sequence["Result"], face: Face, recipe: "RecipeOf | None" = None) -> None:
    """Tell what became of each input; ends the command by the worst of them.

    Args:
        results: Of each.
        face: How to talk.
        recipe: Gives the name of a job's recipe; None for what the job's identity says.

    Raises:
        Exit: With code 1, or the error's own code where there was one input.
    """
    rows = [_as_data(result, recipe or _named) for result in results]
    if face.events:
        print_event({"event": "ended", "results": rows})
    elif face.json:
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
        elif not (face.json or face.events):
            sys.stdout.write(f"{shown(result.target)}\n")
    if not (results or face.quiet):
        sys.stderr.write("There is nothing to paint\n")
    kept = [result for result in results if result.kept and not result.gone]
    if kept and not face.quiet:
        were = "was" if len(kept) == 1 else "were"
        count = f"{len(kept)} of {len(results)} " if len(results) > 1 else "It "
        left = "is left as it is" if len(kept) == 1 else "are left as they are"
        sys.stderr.write(f"{count}{were} painted before and {left}\n")
    if failed and failed[-1].error is not None:
        error = failed[-1].error
        # One input's own code; that it was stopped is more than that some failed.
        alone = len(results) == 1 or isinstance(error, Interrupted)
        raise typer.Exit(error.exit_code if alone else 1)


def note(sentence: str) -> None:
    """Say on standard error what is worth knowing, and no fault."""
    sys.stderr.write(f"nstd: {sentence}.\n")


def shown(path: Path | None) -> str:
    """A path for people, as `visible` shows it."""
    return visible(str(path))


def error_data(error: NstdError | None) -> dict[str, Any]:
    """What is wrong, as data: in words, and by a word that stays."""
    if error is None:
        return {"error": None, "kind": None}
    return {"error": str(error), "kind": error.kind}


def style_names(job: "Job") -> list[str]:
    """What a job's style images were called before they were frozen."""
    styles = job.request.recipe.get("styles", [])
    return [visible(style.get("name") or style["image"]) for style in styles]


def _named(job: "Job") -> str:
    from nstd.submit.control import recipe_name

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
