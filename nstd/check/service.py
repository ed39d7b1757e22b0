"""`nstd check` as systemd would run `nstd run`: as a unit's user, within the unit's sandbox.

systemd itself makes the sandbox: `systemd-run` starts a check with the unit's settings, and nothing
of systemd is imitated here. systemctl(1), systemd-run(1) and systemd.exec(5) are the reference.
"""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from nstd.check.finding import Finding, service_fault, service_note
from nstd.errors import UsageError

DEFAULT_UNIT = "nstd.service"
BOOTED = Path("/run/systemd/system")
"""Exists if systemd is the machine's service manager (sd_booted(3))."""

UNAVAILABLE = 69

_LONGEST_SECONDS = 120
"""Seconds that a check may take."""

_MANNER = re.compile(
    r"Type|NotifyAccess|Exec(Start|Stop|Reload|Condition)\w*|Restart\w*|Kill\w*|Send\w*|\w*Signal"
    r"|\w*Sec|\w*ExitStatus|OOMPolicy|CPUQuota|Standard\w+|Syslog\w*|PIDFile|GuessMainPID"
    r"|RemainAfterExit|Sockets|FileDescriptorStore\w*"
)
"""Settings for starting, watching and ending a service: for a check systemd-run has its own."""

_SHOWN_AS = {"EnvironmentFile": "EnvironmentFiles"}
_STATE = ("Id", "LoadState", "NeedDaemonReload", "DynamicUser", "ExecStart")

_SETUP_FAULTS = {
    200: "WorkingDirectory= is not there, or closed to it",
    203: "its program is not there or cannot be executed. A Python that its virtual environment has"
    " from a home folder is hidden by ProtectHome=: make it anew with /usr/bin/python3",
    216: "there is no such group. Make it with groupadd, or change Group=",
    217: "there is no such user. Make it with useradd, or change User=",
    226: "a folder that ReadWritePaths=, BindPaths= or the like names is not there. Create it, or"
    " put a - before it",
    238: "the folder of StateDirectory= cannot be made",
    239: "the folder of CacheDirectory= cannot be made",
}
"""Exit codes of a process that systemd could not set up; see systemd.exec(5)."""


def check_service(name: str) -> list[Finding]:
    """Run a check in place of what a unit would start; the unit is neither started nor stopped.

    Its state and cache folders are made, as when it starts.

    Args:
        name: The unit's name, as `systemctl` takes it.

    Raises:
        UsageError: It is a path.
    """
    if "/" in name:
        raise UsageError(
            f"{name} is a path, and systemd knows units by their names",
            "Install it in /etc/systemd/system, run `systemctl daemon-reload`, and give its name",
        )
    if not BOOTED.is_dir():
        return [
            service_fault(
                "systemd does not run here, and only it can make the service's sandbox. Run this"
                " where the service is to run, or `nstd check --run --config FILE` as its user.",
                UNAVAILABLE,
            )
        ]
    code, text, said = _ask("systemctl", "cat", "--", name)
    if code:
        return [service_fault(f"{said}. Install it as docs/install.md says.")]
    names = settings_of(text)
    asked = dict.fromkeys([*_STATE, *(_SHOWN_AS.get(each, each) for each in names)])
    code, text, said = _ask(
        "systemctl", "show", "--all", f"--property={','.join(asked)}", "--", name
    )
    if code:
        return [service_fault(f"{said}. Name a service, such as {DEFAULT_UNIT}.")]
    shown = shown_by(text)
    problem = next(_obstacles(name, shown), None)
    return [problem] if problem else list(_checked(names, shown))


def settings_of(text: str) -> list[str]:
    """A service's settings as `systemctl cat` shows them, without those in `_MANNER`."""
    found: dict[str, None] = {}
    section = ""
    for line in text.splitlines():
        if header := re.fullmatch(r"\[(\w+)\]\s*", line):
            section = header[1]
        elif section == "Service" and (key := re.match(r"\s*(\w+)\s*=", line)):
            found[key[1]] = None
    return [name for name in found if not _MANNER.fullmatch(name)]


def shown_by(text: str) -> dict[str, list[str]]:
    """The values of each property that `systemctl show` shows; lists of pairs have a line each."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        name, equals, value = line.partition("=")
        if equals:
            found.setdefault(name, []).append(value)
    return found


def properties(names: list[str], shown: dict[str, list[str]]) -> tuple[list[str], list[str]]:
    """Settings as `systemd-run` takes them, and the names of those that `show` does not tell."""
    given, untold = [], []
    for name in names:
        values = shown.get(_SHOWN_AS.get(name, name))
        if values is None or any("[unprintable]" in value for value in values):
            untold.append(name)
            continue
        if name == "EnvironmentFile":
            values = [_environment_file(value) for value in values]
        given += [f"{name}={value}" for value in values if value != "[not set]"]
    if "RuntimeDirectory" in names:
        # At its end the check would remove it from under a running daemon.
        given.append("RuntimeDirectoryPreserve=yes")
    return given, untold


def check_command(started: str) -> list[str] | None:
    """The check's command in place of ExecStart=; None if that is not `nstd run`.

    `systemctl show` separates arguments by blanks alone, so no argument may contain one.
    """
    found = re.match(r"\{ path=(.*?) ; argv\[\]=(.*?) ; ", started)
    words = found[2].split() if found else []
    if found is None or "run" not in words[1:]:
        return None
    at = words.index("run", 1)
    return [found[1], *words[1:at], "check", "--run", "--json", *words[at + 1 :]]


def _obstacles(name: str, shown: dict[str, list[str]]) -> Iterator[Finding]:
    """The error for a unit that cannot be checked."""
    state = {key: values[0] for key, values in shown.items()}
    if state.get("NeedDaemonReload") == "yes":
        yield service_fault(
            f"systemd has not read the changed {name}. Run systemctl daemon-reload."
        )
    if state.get("LoadState") != "loaded":
        yield service_fault(
            f"systemd has {name} as {state.get('LoadState')}. `systemctl status {name}` and"
            " `systemd-analyze verify` say why."
        )
    if state.get("DynamicUser") == "yes":
        yield service_fault(
            "DynamicUser=yes: a check would run as another user and change the owner of the state"
            " folder. Give the service a User= of its own.",
            UNAVAILABLE,
        )
    if check_command(state.get("ExecStart", "")) is None:
        yield service_fault(f"ExecStart= of {name} does not say `nstd run`. Correct it.")


def _checked(names: list[str], shown: dict[str, list[str]]) -> Iterator[Finding]:
    command = check_command(shown["ExecStart"][0]) or []
    given, untold = properties(names, shown)
    user = shown.get("User", [""])[0] or "root"
    yield Finding("service", "ok", f"{shown['Id'][0]} as {user}: {' '.join(command)}")
    if untold:
        yield service_note(f"systemctl does not tell {', '.join(untold)}: checked without.")
    unit = f"nstd-check-{os.getpid()}"
    code, text, said = _ask(
        "systemd-run",
        *("--quiet", "--collect", "--wait", "--pipe", "--no-ask-password", f"--unit={unit}"),
        f"--property=RuntimeMaxSec={_LONGEST_SECONDS}",  # a mount may never answer a read
        *(f"--property={each}" for each in given),
        "--",
        *command,
    )
    try:
        yield from [Finding(**row) for row in json.loads(text)]
    except (ValueError, TypeError):
        yield _not_checked(code, said, unit)


def _not_checked(code: int, said: str, unit: str) -> Finding:
    """The error if nothing was answered: systemd could not set up the process, or refused to."""
    if code in _SETUP_FAULTS:
        return service_fault(f"It cannot be started: {_SETUP_FAULTS[code]}.")
    if 200 <= code < 255:
        return service_fault(
            f"It cannot be started; `systemd-analyze exit-status {code}` names the step that fails"
            f" and `journalctl -u {unit}` says why."
        )
    return service_fault(
        f"It could not be checked: {said or f'exit code {code}'}. Run this as root,"
        " and see that ExecStart= names a program of this version;"
        f" `journalctl -u {unit}` may say more.",
        UNAVAILABLE,
    )


def _environment_file(value: str) -> str:
    """`/etc/nstd/env (ignore_errors=yes)`, written as in a unit."""
    path, _, ignored = value.rpartition(" (ignore_errors=")
    return f"-{path}" if ignored.startswith("yes") else path


def _ask(*command: str) -> tuple[int, str, str]:
    """A program's exit code, its standard output, and the last line of its standard error."""
    try:
        ended = subprocess.run(  # noqa: S603 - systemd's programs
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=2 * _LONGEST_SECONDS,
        )
    except OSError as error:
        return 127, "", f"{command[0]}: {error.strerror}"
    except subprocess.TimeoutExpired:
        return 127, "", f"{command[0]} does not answer"
    lines = ended.stderr.strip().splitlines()
    return ended.returncode, ended.stdout, lines[-1].rstrip(".") if lines else ""
