"""Runs nstd in forks of one process that has imported it: a start takes seconds, a fork nothing.

A run is a process of its own, with its own environment, folder, output and exit code. It may be
observed, and struck (see `observing`). `run_forked` starts this module as a program, and talks to
it.
"""

import importlib
import json
import os
import subprocess
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from nstd.cli import main
from tests.e2e.injected.sitecustomize import observe
from tests.e2e.program import PATIENCE, ROOT, snapshot
from tests.unprivileged import drop_privileges


@dataclass(frozen=True)
class Case:
    """One or more runs of a command, one after the other.

    Attributes:
        work: The working folder.
        environment: All variables.
        arguments: Of nstd.
        runs: How many.
        modes: What files below the working folder have during the runs instead of their usual
            mode. If there are any, the runs lack root's power to pass them over.
    """

    work: str
    environment: Mapping[str, str]
    arguments: Sequence[str]
    runs: int = 1
    modes: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Fate:
    """How a run ended.

    Attributes:
        code: Exit status; minus the signal's number where one has ended it.
        out: Its standard output.
        err: Its standard error.
        left: The files in the working folder after it, with their hashes.
    """

    code: int
    out: str = field(repr=False)
    err: str
    left: dict[str, str] = field(repr=False)


def run_forked(cases: Sequence[Case]) -> list[list[Fate]]:
    """For each case the fates of its runs."""
    answer = subprocess.run(
        [sys.executable, "-m", "tests.e2e.forking"],
        input=json.dumps([asdict(case) for case in cases]),
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=2 * PATIENCE,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    return [[Fate(**fate) for fate in fates] for fates in json.loads(answer.stdout)]


def _try_case(data: Mapping[str, Any]) -> list[dict[str, Any]]:
    case, fates = Case(**data), []
    for _ in range(case.runs):
        streams = [Path(case.work).parent / name for name in ("forked.out", "forked.err")]
        with _modes(case):
            code = _forked(case, streams)
        out, err = (stream.read_text() for stream in streams)
        fates.append(asdict(Fate(code, out, err, snapshot(Path(case.work)))))
    return fates


@contextmanager
def _modes(case: Case) -> Iterator[None]:
    paths = {Path(case.work, name): mode for name, mode in case.modes.items()}
    usual = {path: path.stat().st_mode for path in paths}
    for path, mode in paths.items():
        path.chmod(mode)
    try:
        yield
    finally:
        for path, mode in usual.items():
            path.chmod(mode)


def _forked(case: Case, streams: Sequence[Path]) -> int:
    child = os.fork()
    if child == 0:
        _become(case, streams)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def _become(case: Case, streams: Sequence[Path]) -> None:
    """Be nstd; never returns, whatever happens."""
    code = 99
    try:
        for number, stream in enumerate(streams, start=1):
            os.dup2(os.open(stream, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
        os.environ.clear()
        os.environ.update(case.environment)
        os.chdir(case.work)
        if case.modes:
            drop_privileges()
        if "NSTD_OBSERVED" in os.environ:
            observe(Path(os.environ["NSTD_OBSERVED"]))
        main(case.arguments)
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else code
    except BaseException:  # noqa: BLE001 - whatever it was, the fork must not go on as its parent
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(code)


if __name__ == "__main__":
    # Before the first fork, since commands import what they need only when they run.
    for needed in (
        "nstd.work.batch",
        "nstd.daemon.main",
        "nstd.check.machine",
        "nstd.weights.fetch",
        "torchvision",
    ):
        importlib.import_module(needed)
    asked = json.load(sys.stdin)
    print(json.dumps([_try_case(case) for case in asked]))  # noqa: T201 - its answer
