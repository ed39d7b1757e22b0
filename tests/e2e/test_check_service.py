"""`nstd check --service`: a real unit, a real configuration, the real command."""

import json
import os
import pwd
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import make_home
from tests.e2e.forking import Case, Fate, run_forked
from tests.e2e.program import TINY, Program

UNIT = """\
[Unit]
Description=A service of one's own

[Service]
Type=notify
ExecStart={root}/bin/nstd run \\
    --config ${{SETTINGS}}/%i.yaml
ExecReload=/bin/kill -HUP $MAINPID
Environment="SETTINGS={root}/etc"
User={user}
# Root without its powers is bound by modes, as anybody is.
CapabilityBoundingSet=
WatchdogSec=60
KillMode=mixed
ProtectSystem=strict
ReadWritePaths={root}/media {root}/state {root}/cache
"""

CASES = {
    "good": ("--service", "{root}/units/nstd@night.service", "--json"),
    "for people": ("--service", "{root}/units/nstd@night.service"),
    "broken configuration": ("--service", "{root}/units/nstd@broken.service", "--json"),
    "shut out": ("--service", "{root}/units/nstd@outside.service", "--json"),
    "killed": ("--service", "{root}/units/nstd@killed.service", "--json"),
    "template": ("--service", "{root}/units/nstd@.service", "--json"),
    "nowhere": ("--service", "no-such-unit-of-ours"),
    "two configurations": ("--service", "--config", "{root}/etc/night.yaml"),
    "no option": ("nstd.service",),
}


def prepare(program: Program, network: Path, style: Path) -> None:
    """Everything that the units name."""
    root = program.work
    for name in ("bin", "etc", "units/nstd@killed.service.d", "media/in", "state", "cache"):
        (root / name).mkdir(parents=True)
    (root / "bin/nstd").write_text("#!/bin/sh\n")
    (root / "bin/nstd").chmod(0o755)
    user = pwd.getpwuid(os.getuid()).pw_name
    (root / "units/nstd@.service").write_text(UNIT.format(root=root, user=user))
    (root / "units/nstd@killed.service.d/mine.conf").write_text("[Service]\nKillMode=none\n")
    keys: dict[str, Any] = {
        "state_dir": f"{root}/state",
        "cache_dir": f"{root}/cache",
        "network": str(network),
        "recipes": {"tiny": {"styles": str(style), **TINY}},
    }
    outputs = {"night": "media/out", "killed": "media/out", "outside": "elsewhere/out"}
    for name, output in outputs.items():
        folder = {"watch": f"{root}/media/in", "output": f"{root}/{output}", "recipe": "tiny"}
        write_config(program, root / f"etc/{name}.yaml", keys | {"folders": [folder]})
    write_config(program, root / "etc/broken.yaml", keys | {"setle_seconds": 3})


def write_config(program: Program, path: Path, keys: dict[str, Any]) -> None:
    program.configure(**keys)
    program.config.rename(path)


@pytest.fixture(scope="module")
def checks(tmp_path_factory: pytest.TempPathFactory, network: Path, style: Path) -> dict[str, Fate]:
    program = make_home(tmp_path_factory.mktemp("service"), network, style)
    prepare(program, network, style)
    # The variable is that of whoever asks, and not the service's.
    environment = program.environment({"STATE_DIRECTORY": "/not/the/services"})
    cases = [
        Case(
            str(program.work),
            environment,
            ("check", *(argument.format(root=program.work) for argument in arguments)),
        )
        for arguments in CASES.values()
    ]
    return {name: fate for name, (fate,) in zip(CASES, run_forked(cases), strict=True)}


def faults(fate: Fate) -> list[tuple[str, str]]:
    found = json.loads(fate.out)
    return [(row["subject"], row["text"]) for row in found if row["verdict"] == "fault"]


def test_a_good_service_is_found_good_and_nothing_is_changed(checks: dict[str, Fate]) -> None:
    fate = checks["good"]
    assert (fate.code, faults(fate)) == (0, []), fate.out
    found = json.loads(fate.out)
    assert {row["subject"] for row in found} >= {"service", "config", "device", "network", "folder"}
    texts = [row["text"] for row in found]
    assert any("/bin/nstd run --config" in text and "/etc/night.yaml as " in text for text in texts)
    assert any("/media/out can be written to by " in text for text in texts)
    made = [name for name in fate.left if name.startswith(("state", "cache", "media"))]
    assert made == []


def test_for_people_it_is_one_line_a_finding(checks: dict[str, Fate]) -> None:
    lines = checks["for people"].out.splitlines()
    assert checks["for people"].code == 0
    assert len(lines) == len(json.loads(checks["good"].out))
    assert all(line[:5] in {"  ok ", " note", "FAULT"} for line in lines)


def test_an_instances_broken_configuration_is_named_with_its_line(checks: dict[str, Fate]) -> None:
    fate = checks["broken configuration"]
    assert fate.code == 78
    ((subject, text),) = faults(fate)
    assert subject == "config"
    assert "broken.yaml:" in text
    assert "setle_seconds" in text


def test_an_output_outside_of_what_the_service_may_write_is_a_fault(
    checks: dict[str, Fate],
) -> None:
    fate = checks["shut out"]
    assert fate.code == 75
    ((subject, text),) = faults(fate)
    assert subject == "folder"
    assert "/elsewhere/out is read-only for the service: ProtectSystem=strict" in text
    assert "ReadWritePaths=" in text


def test_what_a_drop_in_spoils_is_found(checks: dict[str, Fate]) -> None:
    fate = checks["killed"]
    assert fate.code == 1
    ((_, text),) = faults(fate)
    assert text.startswith("KillMode=none")


def test_what_is_no_service_is_refused_with_a_sentence(checks: dict[str, Fate]) -> None:
    assert checks["template"].code == 2
    ((_, text),) = faults(checks["template"])
    assert "nstd@night.service" in text
    assert checks["nowhere"].code == 1
    assert "There is no unit no-such-unit-of-ours.service" in checks["nowhere"].out
    assert checks["two configurations"].code == 2
    assert "--config and --service" in checks["two configurations"].err
    assert checks["no option"].code == 2
    assert "without --service" in checks["no option"].err
