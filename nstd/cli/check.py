"""`nstd check`: what works, what does not, what to do."""

from dataclasses import asdict

import typer

from nstd.cli.options import ConfigOption, DebugOption, Face, JsonOption, configured, print_data
from nstd.config import Config
from nstd.errors import ConfigError

_MARKS = {"ok": "  ok ", "note": " note", "fault": "FAULT"}


def check_command(
    config: ConfigOption = None, json: JsonOption = False, debug: DebugOption = False
) -> None:
    """Look at configuration, devices, codecs, weights, folders and disks.

    Exits with 0 where nothing is at fault.
    """
    from nstd.check import check

    settings: Config | None = None
    problem: ConfigError | None = None
    try:
        settings = configured(config, Face(debug), level="warning")
    except ConfigError as error:
        problem = error
    findings = check(settings, problem)
    if json:
        print_data([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            typer.echo(f"{_MARKS[finding.verdict]}  {finding.subject}: {finding.text}")
    faults = [finding for finding in findings if finding.verdict == "fault"]
    if faults:
        raise typer.Exit(faults[0].exit_code)
