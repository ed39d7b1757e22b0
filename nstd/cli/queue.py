"""The queue: `add`, `status`, `jobs`, and the verbs that steer jobs: one table."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nstd.cli import completion
from nstd.cli.listing import (
    MOST_HELD,
    added_data,
    answer_data,
    job_data,
    overview_data,
    overview_text,
    print_table,
    standing,
)
from nstd.cli.options import Common, Telling, configured, note, print_data, shown
from nstd.cli.spread import Command
from nstd.config import Config, find_config
from nstd.errors import ConfigError, UsageError, visible
from nstd.ledger.job import JobState
from nstd.log import set_up_logging
from nstd.submit import control
from nstd.submit.control import Answer

if TYPE_CHECKING:
    from nstd.errors import NstdError
    from nstd.submit.add import Added


@dataclass(frozen=True, slots=True, kw_only=True)
class Verb:
    """A command that does one thing to jobs by their numbers, or to every job of a kind.

    Attributes:
        does: The function of `nstd.submit.control` that does it.
        words: A few words for the list of commands.
        help: A sentence for the command's own help.
        offered: Completes the jobs' numbers.
        flag: The option that names every job of a kind.
        flag_help: Says which kind that is.
    """

    does: Callable[..., list[Answer]]
    words: str
    help: str
    offered: completion.Completer
    flag: str
    flag_help: str

    def command(self) -> Command:
        """The command itself."""

        def command(
            jobs: Annotated[
                list[int] | None,
                typer.Argument(
                    metavar="JOB",
                    help="Their numbers, as `nstd jobs` lists them.",
                    autocompletion=self.offered,
                ),
            ] = None,
            every: Annotated[bool, typer.Option(self.flag, help=self.flag_help)] = False,
            *,
            common: Telling,
        ) -> None:
            settings = queue_of(common, changes=True)
            if not (jobs or every):
                raise UsageError("No job is named", f"Give its number, or {self.flag}")
            _tell(settings, self.does(settings, jobs or [], every=every), json=common.json)

        command.__doc__ = self.help
        return command


_WAITING = (JobState.QUEUED, JobState.RUNNING)

VERBS = {
    "pause": Verb(
        does=control.pause,
        words="Keep jobs from being painted.",
        help="Keep jobs from being painted; one that runs stops, and keeps its painted frames.",
        offered=completion.jobs(*_WAITING, paused=False),
        flag="--all",
        flag_help="Every job that waits or runs.",
    ),
    "resume": Verb(
        does=control.resume,
        words="Let paused jobs go on.",
        help="Let paused jobs go on where they stopped.",
        offered=completion.jobs(*_WAITING, paused=True),
        flag="--all",
        flag_help="Every job that is paused.",
    ),
    "cancel": Verb(
        does=control.cancel,
        words="Give jobs up.",
        help="""Give jobs up with all that is painted of them; `nstd retry` begins them anew.

        One that runs stops within moments. `nstd pause` keeps what is painted. One that failed is
        dismissed: `nstd status` tells of it no more, and nothing tries it again by itself.
        """,
        offered=completion.jobs(*_WAITING, JobState.FAILED),
        flag="--failed",
        flag_help="Dismiss all that failed.",
    ),
    "retry": Verb(
        does=control.retry,
        words="Queue jobs again.",
        help="Queue jobs again that failed or were canceled, or end the waiting of queued ones.",
        offered=completion.jobs(
            JobState.FAILED, JobState.CANCELED, JobState.VANISHED, JobState.QUEUED
        ),
        flag="--failed",
        flag_help="Every job that failed.",
    ),
}
"""The commands that steer jobs, by name, in the order of help."""


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
    *,
    common: Telling,
) -> None:
    """Queue films and pictures with the daemon: of a watched folder, or with --recipe and -o."""
    from nstd.submit.add import Wish, add

    settings = queue_of(common, adds=True)
    wish = Wish(
        recipes=tuple(recipe or ()),
        output=output,
        again=again,
        overwrite=overwrite,
        priority=priority,
    )
    added = add(settings, paths, wish)
    if common.json:
        print_data([added_data(one) for one in added])
    for one in added:
        _tell_added(one, json=common.json)
    _say_who_works(settings, [one.job for one in added if one.new])
    _end([one.error for one in added if one.error is not None], len(added))


def status_command(common: Telling) -> None:
    """Show at one look what runs, what waits, and why.

    That is the queue of `nstd run` and `nstd batch`; `nstd stylize` tells by itself how far it is.
    """
    settings = queue_of(common)
    found = control.overview(settings, None if common.json else MOST_HELD)
    if common.json:
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
    before: Annotated[
        int | None,
        typer.Option(
            "--before",
            metavar="NUMBER",
            min=1,
            help="Only jobs with smaller numbers: those after the last one of a list.",
        ),
    ] = None,
    *,
    common: Telling,
) -> None:
    """List jobs, the newest first: the queue of `nstd run` and `nstd batch`."""
    settings = queue_of(common)
    found = control.list_jobs(settings, state or None, limit, before=before)
    if common.json:
        print_data([job_data(job) for job in found])
    elif found:
        print_table(found)
    else:
        typer.echo("There are none", err=True)


def queue_of(common: Common, *, adds: bool = False, changes: bool = False) -> Config:
    """The configuration, with the folders of the queue that is meant; see `locate`.

    To steer the queue, only its place is needed from the file: a file that is broken, or cannot be
    read, does not keep anybody from an nstd that runs.

    Args:
        common: Which configuration, and how to talk.
        adds: Whether the command needs the file, and leaves files of its own.
        changes: Whether the command must not meet another queue than was meant.

    Raises:
        ConfigError: The file is broken, and nothing runs by it.
        AccessError: The queue is another user's, and closed to this one.
        UsageError: Any of several may be meant.
    """
    from nstd.submit.locate import locate, locate_running

    try:
        config = configured(common, level="warning", needed=adds)
        found = locate(config, named=common.config is not None, leaves_files=adds)
        guessed = config.source is None and found.config.state_dir != config.state_dir
        if guessed and found.others and (adds or changes):
            raise UsageError(
                f"There are several queues, in {shown(found.config.state_dir)} and "
                + ", ".join(shown(folder) for folder, _ in found.others),
                "Name the file of the one that is meant with --config",
            )
    except ConfigError as error:
        broken = common.config or find_config()
        running = None if adds or broken is None else locate_running(broken)
        if running is None:
            raise
        set_up_logging("warning", debug=common.debug)
        first, *more = error.problem.splitlines()
        also = f" (and {len(more)} more faults)" if more else ""
        note(f"{first}{also}. This is the queue of the nstd that runs")
        found = running
    for folder, source in found.others:
        by = "" if source is None else f" (--config {shown(source)})"
        this = shown(found.config.state_dir)
        note(f"This is the queue in {this}; there is another in {shown(folder)}{by}")
    return found.config


def _tell(config: Config, answers: Sequence[Answer], *, json: bool) -> None:
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
    """Say so where no nstd runs that would paint what is queued: else one would wait forever."""
    queued = any(getattr(job, "state", None) is JobState.QUEUED for job in jobs)
    if queued and not control.is_worked_on(config):
        typer.echo(
            f"No nstd works on {config.state_dir}: this waits for `nstd run` or `nstd batch`",
            err=True,
        )


def _complain(error: "NstdError") -> None:
    sys.stderr.write(f"nstd: {error}\n")


def _end(errors: Sequence["NstdError"], wishes: int) -> None:
    """End with an error's own code where it was the only job asked for, else with 1."""
    if errors:
        raise typer.Exit(errors[0].exit_code if wishes == 1 else 1)
