"""Looks on inside the daemon and its worker, and strikes at a named step when it is told to.

Python imports a module of this name at its start wherever its folder is on the path; nothing of it
ships. It wraps the functions in `STEPS` as their modules are imported, and speaks to the test
through a folder of files, whose path is the value of `NSTD_OBSERVED`:

- `armed`: a JSON object that says at which call of which step a signal strikes whom;
- `struck`: the same, once it has struck;
- `full`: name of a step during which the process may write nothing, as on a full disk;
- `painted`: a line for each frame whose painting has begun.
"""

import functools
import importlib.abc
import importlib.machinery
import json
import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

STORE = "nstd.ledger.store:JobStore"
KEEPER = "nstd.media.keep:FrameKeeper"
TRACKER = "nstd.intake.stability:StabilityTracker"
PAINT = "nstd.work.segments:paint"

STEPS = (
    f"{TRACKER}.note",
    f"{TRACKER}.look",
    "nstd.daemon.desk:Desk.take",
    "nstd.submit.freeze:fingerprint",
    "nstd.submit.freeze:move_into_place",
    f"{STORE}.enqueue",
    f"{STORE}.claim",
    f"{STORE}.set_plan",
    "nstd.work.pipeline:probe_guarded",
    f"{STORE}.open_segment",
    "nstd.work.sequence:read_frames",
    "nstd.cache:TensorCache.put",
    "nstd.work.segments:_energies",
    "nstd.work.segments:stylize_frame",
    f"{KEEPER}.keep",
    "nstd.files:replace",
    f"{STORE}.progress",
    "nstd.media.write.segment:SegmentWriter.write",
    "nstd.work.segments:_encode",
    f"{STORE}.close_segment",
    f"{KEEPER}.clear",
    "nstd.work.segments:assemble",
    "nstd.media.write.assemble:verify",
    f"{STORE}.publishing",
    "os:link",
    "nstd.work.pipeline:publish",
    f"{STORE}.done",
    f"{STORE}.fail",
    "nstd.work.worker:settle_original",
    "nstd.work.originals:_take_aside",
    "nstd.work.originals:publish",
    "shutil:rmtree",
)
"""What can be struck at: a module's function, or a class's method, before or after a call."""

Function = Callable[..., Any]

_calls: dict[str, int] = {}
"""Of what is armed, by its number: how often this process has come by."""


def observe(folder: Path) -> None:
    """Wrap the steps in the modules that are there, and in the others as they are imported."""
    steps: dict[str, list[str]] = {}
    for step in (*STEPS, PAINT):
        steps.setdefault(step.partition(":")[0], []).append(step)
    for name in steps.keys() & sys.modules.keys():
        _wrap_all(sys.modules[name], steps.pop(name), folder)
    sys.meta_path.insert(0, _Finder(steps, folder))


class _Finder(importlib.abc.MetaPathFinder):
    """Finds modules as usual, and has the steps in them wrapped once they are loaded."""

    def __init__(self, steps: dict[str, list[str]], folder: Path) -> None:
        self._steps, self._folder = steps, folder

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name not in self._steps:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            loader, load = spec.loader, spec.loader.exec_module

            def exec_module(module: ModuleType) -> None:
                load(module)
                _wrap_all(module, self._steps[name], self._folder)

            vars(loader)["exec_module"] = exec_module
        return spec


def _wrap_all(module: ModuleType, steps: Sequence[str], folder: Path) -> None:
    for step in steps:
        owner: Any = module
        *classes, name = step.partition(":")[2].split(".")
        for inner in classes:
            owner = getattr(owner, inner)
        watch = _counting if step == PAINT else _striking
        setattr(owner, name, watch(step, getattr(owner, name), folder))


def _counting(step: str, original: Function, folder: Path) -> Function:
    del step

    @functools.wraps(original)
    def counted(film: Any, iterates: Any, index: int) -> Any:
        with (folder / "painted").open("a") as lines:
            lines.write(f"{film.target}\t{index}\n")
        return original(film, iterates, index)

    return counted


def _striking(step: str, original: Function, folder: Path) -> Function:
    @functools.wraps(original)
    def struck(*arguments: Any, **keywords: Any) -> Any:
        _pass(folder, step, "before", arguments)
        with _full(folder, step):
            result = original(*arguments, **keywords)
        if isinstance(result, Iterator):
            return _each(result, arguments)
        if result is not None or not step.endswith(".claim"):  # most claims find no job
            _pass(folder, step, "after", arguments)
        return result

    def _each(items: Iterator[Any], arguments: Sequence[Any]) -> Iterator[Any]:
        for item in items:
            _pass(folder, step, "after", arguments)
            yield item

    return struck


@contextmanager
def _full(folder: Path, step: str) -> Iterator[None]:
    """Refuse every byte during a step, if it is asked for."""
    try:
        asked = (folder / "full").read_text()
    except FileNotFoundError:
        asked = ""
    if asked != step:
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def _pass(folder: Path, step: str, when: str, arguments: Sequence[Any]) -> None:
    """Come by at a step, and strike if this is the moment."""
    file = folder / "armed"
    try:
        armed = json.loads(file.read_text())
    except FileNotFoundError:
        return
    if (armed["step"], armed["when"]) != (step, when):
        return
    if armed["only"] and armed["only"] not in map(str, arguments):
        return
    count = _calls[armed["number"]] = _calls.get(armed["number"], 0) + 1
    if count != armed["call"]:
        return
    if armed["once"]:
        try:
            file.rename(folder / "struck")
        except FileNotFoundError:
            return  # another process was faster
    _strike(armed)


def _strike(armed: dict[str, Any]) -> None:
    number = signal.Signals[armed["signal"]]
    in_worker = "nstd.daemon.worker_process" in sys.orig_argv
    victim = os.getppid() if in_worker and armed["victim"] == "daemon" else os.getpid()
    if not in_worker and armed["victim"] == "worker":
        raise RuntimeError(f"{armed['step']} is no step of a worker")
    os.kill(victim, number)
    if armed["twice"]:
        time.sleep(0.1)  # two at one moment would count as one
        os.kill(victim, number)
    if number == signal.SIGKILL:
        time.sleep(600)  # the worker goes down with its daemon, and does nothing more before that


if "NSTD_OBSERVED" in os.environ:
    observe(Path(os.environ["NSTD_OBSERVED"]))
