"""Looks on inside the daemon and its worker, and strikes at a named step when it is told to.

Python imports a module of this name at its start wherever its folder is on the path; nothing of it
ships. It wraps the functions of `POINTS` as their modules are imported, and speaks to the test
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
from typing import Any, NamedTuple

STORE = "nstd.ledger.store:JobStore"
KEEPER = "nstd.media.keep:FrameKeeper"
PAINT = "nstd.work.lease:LeaseKeeper.stepped"


class Point(NamedTuple):
    """Where a run can be struck: each leaves another state of the ledger and the disk.

    Attributes:
        step: A module's function, or a class's method.
        when: "before" or "after" it; of a step that yields, before or after each item.
        call: At which call of it, from 1.
        in_worker: Whether it is a daemon's worker that comes by.
        goes: Met only where the original goes at the end: those of `move` and `delete` that do.
    """

    step: str
    when: str
    call: int = 1
    in_worker: bool = True
    goes: tuple[str, ...] = ()


POINTS = {
    # First, since it is met only by the first film that has a recipe.
    "what it needs is half frozen, and it is not queued": Point(
        "nstd.submit.frozen:move_into_place", "after", in_worker=False
    ),
    "it is queued": Point(f"{STORE}.enqueue", "after", in_worker=False),
    "it is claimed and not probed": Point("nstd.work.source:probe_guarded", "before"),
    "a frame is in hand": Point("nstd.painting.segment:stylize_frame", "after", 2),
    "a segment is opened and its first frame not kept": Point(f"{KEEPER}.keep", "before", 5),
    "a file is written and has no name yet": Point("nstd.files:replace", "before", 3),
    "a frame is kept and not counted": Point(f"{STORE}.progress", "before", 4),
    "a segment is half written": Point("nstd.media.write.segment:SegmentWriter.write", "after", 2),
    "a segment is written and not closed": Point(f"{STORE}.close_segment", "before", 2),
    "a segment is closed and its frames are there": Point(f"{STORE}.close_segment", "after"),
    "the film is joined and not verified": Point("nstd.media.write.assemble:verify", "before"),
    "it is PUBLISHING and not in place": Point("os:link", "before"),
    "it has both its names": Point("os:link", "after"),
    "it is in place and not DONE": Point(f"{STORE}.done", "before"),
    "it is DONE and its original is there": Point(
        "nstd.work.originals:Settlement.settle", "before", goes=("move", "delete")
    ),
    "its original is aside": Point(
        "nstd.work.departure:Departure._take_aside", "after", goes=("move", "delete")
    ),
    "its original is aside and to be published": Point(
        "nstd.work.departure:publish", "before", goes=("move",)
    ),
    "its original is settled and its work folder there": Point(
        "nstd.work.originals:Settlement.settle", "after", goes=("move", "delete")
    ),
    "its original has both names": Point("os:link", "after", 2, goes=("move",)),
    "its original is moved and nothing said": Point(
        "nstd.work.departure:publish", "after", goes=("move",)
    ),
}
"""By what has just happened."""

JOIN, FAIL = "nstd.work.pipeline:assemble", f"{STORE}.fail"
STEPS = {point.step for point in POINTS.values()} | {JOIN, FAIL}

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
    in_hand = None

    @functools.wraps(original)
    def counted(keeper: Any, frame: int, iterate: Any) -> None:
        nonlocal in_hand
        target = os.fsdecode(keeper.job.request.target)
        if in_hand != (in_hand := (target, frame)):
            with (folder / "painted").open("a") as lines:
                lines.write(f"{target}\t{frame}\n")
        original(keeper, frame, iterate)

    return counted


def _striking(step: str, original: Function, folder: Path) -> Function:
    @functools.wraps(original)
    def struck(*arguments: Any, **keywords: Any) -> Any:
        _pass(folder, step, "before", arguments)
        with _full(folder, step):
            result = original(*arguments, **keywords)
        if isinstance(result, Iterator):
            return _each(result, arguments)
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
    # A file that was dropped is read by its descriptor: /proc/self/fd/N leads to its name.
    if armed["only"] and armed["only"] not in (os.path.realpath(str(one)) for one in arguments):
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
