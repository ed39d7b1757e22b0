"""`nstd check`: what works, what does not, what to do."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from nstd.cli.options import Common, Telling, configured, print_data
from nstd.config import Config
from nstd.errors import ConfigError, UsageError
from nstd.log import set_up_logging

if TYPE_CHECKING:
    from nstd.check.finding import Finding

_MARKS = {"ok": "  ok ", "note": " note", "fault": "FAULT"}


def check_command(
    unit: Annotated[
        str | None,
        typer.Argument(
            metavar="UNIT", help="With --service: the unit's name; nstd.service if not given."
        ),
    ] = None,
    service: Annotated[
        bool,
        typer.Option("--service", help="Look as a systemd unit's user, in its sandbox."),
    ] = False,
    run: Annotated[
        bool, typer.Option("--run", help="Look at what `nstd run` alone needs, too.")
    ] = False,
    make: Annotated[
        bool, typer.Option("--make", help="First make the configured folders that are not there.")
    ] = False,
    *,
    common: Telling,
) -> None:
    """Look at configuration, devices, codecs, weights, folders and disks.

    Exits with 0 where nothing is at fault.
    """
    if unit is not None and not service:
        raise UsageError(f"The unit {unit} is named without --service", "Add --service")
    if common.config is not None and service:
        raise UsageError("--config and --service name two configurations", "Give one of them")
    if make and service:
        raise UsageError("--make makes folders here, and --service looks", "Give one of them")
    findings = _of_service(unit, common) if service else _of_machine(common, run, make)
    if common.json:
        print_data([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            typer.echo(f"{_MARKS[finding.verdict]}  {finding.subject}: {finding.text}")
    faults = [finding for finding in findings if finding.verdict == "fault"]
    if faults:
        raise typer.Exit(faults[0].exit_code)


def _of_machine(common: Common, run: bool, make: bool) -> list["Finding"]:
    from nstd.check.machine import check, make_folders
    from nstd.check.start import require_folders

    settings: Config | None = None
    problem: ConfigError | None = None
    try:
        settings = configured(common, level="warning", needed=run)
        if run:
            require_folders(settings)
    except ConfigError as error:
        problem = error
    made = make_folders(settings) if make and settings is not None and problem is None else []
    return made + check(settings, problem)


def _of_service(unit: str | None, common: Common) -> list["Finding"]:
    from nstd.check.service import DEFAULT_UNIT, check_service

    set_up_logging("warning", debug=common.debug)
    return check_service(unit or DEFAULT_UNIT)
