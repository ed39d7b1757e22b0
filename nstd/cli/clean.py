"""`nstd clean`: what is abandoned, and its removal."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.filesize import decimal

from nstd.cli.options import Common, Telling, configured, note, print_data, shown
from nstd.cli.queue import queue_of
from nstd.config import Config
from nstd.config.words import duration_text, parse_duration
from nstd.errors import AccessError
from nstd.ledger.job import path_of

if TYPE_CHECKING:
    from nstd.work.clean import Leftover

USUAL_AGE = "30d"


def clean_command(
    older_than: Annotated[
        str,
        typer.Option(
            metavar="AGE",
            help="Only what nothing was done with for so long, such as 30d or 12h; 0 is all.",
        ),
    ] = USUAL_AGE,
    yes: Annotated[
        bool, typer.Option("--yes/--dry-run", "-y", help="Remove it, or only show it.")
    ] = False,
    *,
    common: Telling,
) -> None:
    """Show what is abandoned, and remove it with --yes.

    That is: films that `nstd stylize` began and never finished; painted frames of failed jobs;
    unfinished files of runs that were killed; records of jobs that are over, and of which neither
    film nor painting is there any more, or of which no frame was painted. Films, paintings, and
    what is in use are never touched.
    """
    from nstd.work.clean import clean

    age = parse_duration(older_than, "--older-than")
    own = configured(common, level="warning")
    queue = _queue(own, common, changes=yes)
    found = clean(queue, own, older_than=age, remove=yes)
    if common.json:
        print_data([_as_data(one) for one in found])
    else:
        _tell(found, removed=yes)


def _queue(own: Config, common: Common, *, changes: bool) -> Config:
    """The queue that is meant; the user's own where that one is closed to them."""
    try:
        found = queue_of(common, changes=changes)
    except AccessError as error:
        note(f"Only your own is looked at: {error.problem}")
        return own
    if found.state_dir != own.state_dir:
        note(f"This is of {shown(own.state_dir)} and of the queue in {shown(found.state_dir)}")
    return found


def _tell(found: Sequence["Leftover"], *, removed: bool) -> None:
    from nstd.work.clean import LeftoverKind

    titles = {
        LeftoverKind.BEGUN: "Begun by `nstd stylize` and never finished",
        LeftoverKind.FRAMES: "Painted frames of jobs that failed",
        LeftoverKind.STRAY: "Frames of jobs that no ledger knows",
        LeftoverKind.PART: "Unfinished files of runs that were killed",
    }
    for kind, title in titles.items():
        rows = [one for one in found if one.kind is kind]
        if rows:
            typer.echo(f"{title}:")
        for one in rows:
            typer.echo("  " + "  ".join(_cells(one, decimal(one.bytes))))
    records = [one for one in found if one.kind is LeftoverKind.RECORD]
    if records:
        typer.echo(f"Records of jobs that left nothing to go on with: {len(records)}")
    going = [one for one in found if one.kept is None]
    if not found:
        typer.echo("Nothing is abandoned")
    elif not going:
        typer.echo("Nothing of it goes; --older-than 0 counts what is younger, too")
    else:
        things = f"{len(going)} of {len(found)}, {decimal(sum(one.bytes for one in going))}"
        typer.echo(f"Removed: {things}" if removed else f"`nstd clean --yes` removes {things}")


def _cells(one: "Leftover", size: str) -> list[str]:
    cells = [shown(one.path)]
    if one.job is not None:
        painted = one.job.frames_done
        total = f" of {one.job.frames_total}" if one.job.frames_total else ""
        cells += [f"{painted}{total} frames", f"→ {shown(path_of(one.job.request.target))}"]
    cells += [size, f"{duration_text(max(0.0, one.age))} old"]
    return [*cells, f"(stays: {one.kept})"] if one.kept else cells


def _as_data(one: "Leftover") -> dict[str, Any]:
    job = one.job
    return {
        "kind": str(one.kind),
        "path": shown(one.path),
        "job": None if job is None else job.id,
        "target": None if job is None else shown(path_of(job.request.target)),
        "frames_done": None if job is None else job.frames_done,
        "frames_total": None if job is None else job.frames_total,
        "bytes": one.bytes,
        "age_seconds": one.age,
        "kept": one.kept,
    }
