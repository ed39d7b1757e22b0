"""The queue: `add`, `status`, `jobs`, `show`, `retry`, `cancel`, `pause`, `resume`."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nstd.cli import completion
from nstd.cli.listing import (
    added_data,
    answer_data,
    job_data,
    overview_data,
    overview_text,
    print_table,
    standing,
)
from nstd.cli.options import (
    ConfigOption,
    DebugOption,
    Face,
    JsonOption,
    configured,
    note,
    print_data,
    shown,
)
from nstd.config import Config, find_config
from nstd.errors import ConfigError, UsageError, visible
from nstd.ledger.job import JobState
from nstd.log import set_up_logging

if TYPE_CHECKING:
    from nstd.errors import NstdError
    from nstd.submit.add import Added
    from nstd.submit.control import Answer


WAITING = (JobState.QUEUED, JobState.RUNNING)
CANCELABLE = (*WAITING, JobState.FAILED)
AGAIN = (JobState.FAILED, JobState.CANCELED, JobState.VANISHED, JobState.QUEUED)
"""Jobs that a verb is offered for when its numbers are completed."""


def _numbers(offered: completion.Completer) -> Any:
    return typer.Argument(
        metavar="JOB", help="Their numbers, as `nstd jobs` lists them.", autocompletion=offered
    )


def add_command(
    paths: Annotated[
        list[Path], typer.Argument(metavar="PATH", help="Films, pictures, or folders of them.")
    ],
    recipe: Annotated[
        list[str] | None,
        typer.Option(
            "--recipe",
            "-r",
            metavar="NAME",
            help="A recipe of the configuration; may be given again.",
            autocompletion=completion.recipes,
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="A folder, for what lies in no watched folder."),
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Also what is done, failed or canceled.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an output that is there.")
    ] = False,
    priority: Annotated[
        int | None, typer.Option(help="A whole number: higher is sooner; usually 0.")
    ] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Queue films and pictures with the daemon: of a watched folder, or with --recipe and -o."""
    from nstd.submit.add import Wish, add

    settings = queue_of(config, Face(debug), adds=True)
    wish = Wish(
        recipes=tuple(recipe or ()),
        output=output,
        again=again,
        overwrite=overwrite,
        priority=priority,
    )
    added = add(settings, paths, wish)
    if json:
        print_data([added_data(one) for one in added])
    for one in added:
        _tell_added(one, json=json)
    _say_who_works(settings, [one.job for one in added if one.new])
    _end([one.error for one in added if one.error is not None], len(added))


def status_command(
    config: ConfigOption = None, json: JsonOption = False, debug: DebugOption = False
) -> None:
    """Show at one look what runs, what waits, and why.

    That is the queue of `nstd run` and `nstd batch`; `nstd stylize` tells by itself how far it is.
    """
    from nstd.submit.control import overview

    settings = queue_of(config, Face(debug))
    found = overview(settings)
    if json:
        print_data(overview_data(found, settings))
    else:
        typer.echo(overview_text(found, settings))


def jobs_command(
    state: Annotated[
        list[JobState] | None,
        typer.Option(
            "--state",
            "-s",
            metavar="STATE",
            help=f"Only jobs in this state: {', '.join(JobState)}. May be given again.",
        ),
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=1, help="At most so many of them.")
    ] = 50,
    config: ConfigOption = None,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """List jobs, the newest first: the queue of `nstd run` and `nstd batch`."""
    from nstd.submit.control import list_jobs

    settings = queue_of(config, Face(debug))
    found = list_jobs(settings, state or None, limit)
    if json:
        print_data([job_data(job) for job in found])
    elif found:
        print_table(found)
    else:
        typer.echo("There are none", err=True)


def retry_command(
    jobs: Annotated[list[int] | None, _numbers(completion.jobs(*AGAIN))] = None,
    failed: Annotated[bool, typer.Option("--failed", help="Every job that failed.")] = False,
    config: ConfigOption = None,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Queue jobs again that failed or were canceled, or end the waiting of queued ones."""
    from nstd.submit.control import retry

    settings = queue_of(config, Face(debug), changes=True)
    _tell(settings, retry(settings, jobs or [], failed=failed), json=json)


def cancel_command(
    jobs: Annotated[list[int] | None, _numbers(completion.jobs(*CANCELABLE))] = None,
    failed: Annotated[bool, typer.Option("--failed", help="Dismiss all that failed.")] = False,
    config: ConfigOption = None,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Give jobs up with all that is painted of them; `nstd retry` begins them anew.

    One that runs stops within moments. `nstd pause` keeps what is painted. One that failed is
    dismissed: `nstd status` tells of it no more, and nothing tries it again by itself.
    """
    from nstd.submit.control import cancel

    settings = queue_of(config, Face(debug), changes=True)
    _tell(settings, cancel(settings, jobs or [], failed=failed), json=json)


def pause_command(
    jobs: Annotated[list[int] | None, _numbers(completion.jobs(*WAITING, paused=False))] = None,
    all_jobs: Annotated[bool, typer.Option("--all", help="Every job that waits or runs.")] = False,
    config: ConfigOption = None,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Keep jobs from being painted; one that runs stops, and keeps its painted frames."""
    from nstd.submit.control import pause

    settings = queue_of(config, Face(debug), changes=True)
    _tell(settings, pause(settings, jobs or [], all_jobs=all_jobs), json=json)


def resume_command(
    jobs: Annotated[list[int] | None, _numbers(completion.jobs(*WAITING, paused=True))] = None,
    all_jobs: Annotated[bool, typer.Option("--all", help="Every job that is paused.")] = False,
    config: ConfigOption = None,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Let paused jobs go on where they stopped."""
    from nstd.submit.control import resume

    settings = queue_of(config, Face(debug), changes=True)
    _tell(settings, resume(settings, jobs or [], all_jobs=all_jobs), json=json)


def queue_of(path: Path | None, face: Face, *, adds: bool = False, changes: bool = False) -> Config:
    """The configuration, with the folders of the queue that is meant; see `locate`.

    Whoever steers the queue needs no more of the file than where that is: one that is broken, or
    cannot be read, does not lock them out of an nstd that runs.

    Args:
        path: Of `--config`.
        face: How to talk.
        adds: Whether the command needs the file, and leaves files of its own.
        changes: Whether the command must not meet another queue than was meant.

    Raises:
        ConfigError: The file is broken, and nothing runs by it.
        AccessError: The queue is another user's, and closed to this one.
        UsageError: Any of several may be meant.
    """
    from nstd.submit.locate import locate, locate_running

    try:
        config = configured(path, face, level="warning", needed=adds)
        found = locate(config, named=path is not None, leaves_files=adds)
        guessed = config.source is None and found.config.state_dir != config.state_dir
        if guessed and found.others and (adds or changes):
            raise UsageError(
                f"There are several queues, in {shown(found.config.state_dir)} and "
                + ", ".join(shown(folder) for folder, _ in found.others),
                "Name the file of the one that is meant with --config",
            )
    except ConfigError as error:
        broken = path or find_config()
        running = None if adds or broken is None else locate_running(broken)
        if running is None:
            raise
        set_up_logging("warning", debug=face.debug)
        first, *more = error.problem.splitlines()
        also = f" (and {len(more)} more faults)" if more else ""
        note(f"{first}{also}. This is the queue of the nstd that runs")
        found = running
    for folder, source in found.others:
        by = "" if source is None else f" (--config {shown(source)})"
        this = shown(found.config.state_dir)
        note(f"This is the queue in {this}; there is another in {shown(folder)}{by}")
    return found.config


def _tell(config: Config, answers: Sequence["Answer"], *, json: bool) -> None:
    """Say what became of each job, and end with the code of what was refused."""
    if json:
        print_data([answer_data(answer) for answer in answers])
    for answer in answers:
        if answer.error is not None:
            _complain(answer.error)
        elif answer.job is not None and not json:
            typer.echo(f"Job {answer.number}: {standing(answer.job)}")
    if not answers:
        typer.echo("There are none", err=True)
    _say_who_works(config, [answer.job for answer in answers])
    _end([answer.error for answer in answers if answer.error is not None], len(answers))


def _tell_added(one: "Added", *, json: bool) -> None:
    if one.error is not None:
        _complain(one.error)
        return
    job = one.job
    if job is None or json:
        return
    before = "" if one.new else "already "
    line = f"Job {job.id}: {before}{standing(job)}: {visible(job.request.source)}"
    if not one.new and job.state in {JobState.FAILED, JobState.CANCELED}:
        line += f"; `nstd retry {job.id}` goes on with it, --again begins anew"
    if one.new:
        line += f" → {visible(job.request.target)}"
        line += f". {visible(job.request.note)}" if job.request.note else ""
    typer.echo(line)


def _say_who_works(config: Config, jobs: Sequence[object]) -> None:
    """Where nobody takes what is queued, that is said: else one would wait for ever."""
    from nstd.submit.control import is_worked_on

    queued = any(getattr(job, "state", None) is JobState.QUEUED for job in jobs)
    if queued and not is_worked_on(config):
        typer.echo(
            f"No nstd works on {config.state_dir}: this waits for `nstd run` or `nstd batch`",
            err=True,
        )


def _complain(error: "NstdError") -> None:
    sys.stderr.write(f"nstd: {error}\n")


def _end(errors: Sequence["NstdError"], wishes: int) -> None:
    """End by what was refused: with its own code where it was all that was asked for, else 1."""
    if errors:
        raise typer.Exit(errors[0].exit_code if wishes == 1 else 1)
