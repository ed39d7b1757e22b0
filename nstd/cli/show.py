"""`nstd show`: all that is known of a job, or of a file."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nstd.cli import completion
from nstd.cli.listing import details_data, details_text, file_text
from nstd.cli.options import Telling, configured, print_data
from nstd.cli.queue import queue_of

if TYPE_CHECKING:
    from nstd.config import Config


def show_command(
    job: Annotated[
        str,
        typer.Argument(
            metavar="JOB|FILE",
            help="A job's number; or a film or picture.",
            autocompletion=completion.jobs(),
        ),
    ],
    *,
    common: Telling,
) -> None:
    """Show everything of one job: paths, state, recipe, segments, history.

    Of a file: what it is, how it is read, and, if nstd has painted it, in what way.
    """
    if re.fullmatch(r"\d{1,18}", job):
        from nstd.submit.control import details

        found = details(queue_of(common), int(job))
        if common.json:
            print_data(details_data(found))
        else:
            typer.echo(details_text(found))
        return
    settings = configured(common, level="warning")
    facts = _facts(settings, Path(job))
    if common.json:
        print_data(facts)
    else:
        typer.echo(file_text(facts))


def _facts(config: "Config", path: Path) -> dict[str, Any]:
    """What a film or picture is, and what it says of how it was painted, as data."""
    from nstd.media.names import is_still
    from nstd.media.pictures import read_still
    from nstd.media.read.asking import pack
    from nstd.media.read.guarded import probe_guarded
    from nstd.submit.provenance import parse_note

    facts: dict[str, Any]
    if is_still(path):
        still = read_still(path, config.limits_of())
        note, (height, width, _) = still.note, still.image.shape
        facts = {"format": still.format, "width": width, "height": height}
    else:
        info = probe_guarded(
            path,
            accept_truncated=True,
            limits=config.limits_of(),
            reading=config.reading_of(),
        )
        facts, note = pack(info), info.note
        del facts["note"]
    painted = parse_note(note, path.name) if note else None
    return {"file": str(path), **facts, "painted": painted}
