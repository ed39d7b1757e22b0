"""Runs nstd in forks that kill themselves at a named step, and then again to the end.

A module to be run: `python -m tests.e2e.killing`, with a list of `Case`s as JSON on its standard
input. It imports nstd once and forks for every run: a start takes seconds, a fork nothing.
"""

import importlib
import json
import os
import signal
import sys
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from nstd.cli import main
from tests.e2e.program import snapshot

# Imported before the first fork, since commands import what they need only when they run.
for needed in ("nstd.batch", "nstd.pipeline", "nstd.worker"):
    importlib.import_module(needed)


@dataclass(frozen=True)
class Case:
    """Where to run, and when to die.

    Attributes:
        work: The working folder.
        environment: All variables.
        arguments: Of nstd.
        target: What the step is the method or function of: a module, and a class in it if any.
        step: Its name.
        when: Whether to die before or after it.
        call: At which call of it, from 1.
    """

    work: str
    environment: Mapping[str, str]
    arguments: Sequence[str]
    target: str
    step: str
    when: Literal["before", "after"]
    call: int = 1


@dataclass(frozen=True)
class Fate:
    """What became of a case.

    Attributes:
        killed: Exit status of the run that was to die: minus the signal's number.
        left: The files it left in the working folder, with their hashes.
        resumed: Exit status of the run after it.
        log: What both wrote.
    """

    killed: int
    left: dict[str, str]
    resumed: int
    log: str


def try_case(case: Case) -> Fate:
    """Run a case twice: once to die, once to the end."""
    log = Path(case.work).parent / "log"
    killed = _forked(case, log, dying=True)
    left = snapshot(Path(case.work))
    resumed = _forked(case, log, dying=False)
    return Fate(killed, left, resumed, log.read_text())


def _forked(case: Case, log: Path, *, dying: bool) -> int:
    child = os.fork()
    if child == 0:
        _become(case, log, dying=dying)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def _become(case: Case, log: Path, *, dying: bool) -> None:
    """Be nstd; never returns, whatever happens."""
    try:
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(descriptor, 1)
        os.dup2(descriptor, 2)
        os.environ.clear()
        os.environ.update(case.environment)
        os.chdir(case.work)
        if dying:
            _arrange_death(case)
        main(case.arguments)
    except SystemExit as ended:
        os._exit(ended.code if isinstance(ended.code, int) else 99)
    except BaseException:
        traceback.print_exc()
    os._exit(99)


def _arrange_death(case: Case) -> None:
    owner = _owner(case.target)
    original = getattr(owner, case.step)
    calls = 0

    def deadly(*arguments: Any, **keywords: Any) -> Any:
        nonlocal calls
        calls += 1
        if case.when == "before" and calls == case.call:
            os.kill(os.getpid(), signal.SIGKILL)
        result = original(*arguments, **keywords)
        if calls == case.call:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, case.step, deadly)


def _owner(target: str) -> Any:
    module, _, name = target.rpartition(".")
    if name[:1].isupper():
        return getattr(importlib.import_module(module), name)
    return importlib.import_module(target)


if __name__ == "__main__":
    cases = [Case(**data) for data in json.load(sys.stdin)]
    print(json.dumps([asdict(try_case(case)) for case in cases]))  # noqa: T201 - its answer
