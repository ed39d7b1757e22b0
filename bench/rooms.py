"""How long is a job's way through the house? Calls between rooms, from claim to done.

    python bench/rooms.py                # of this checkout
    python bench/rooms.py OTHER          # both, side by side

A room is a file of nstd. The real program paints a small film (`nstd stylize`: two shots, three
segments, with flow). While `Worker.work_one` runs, every call from a function of one room to a
function of another is recorded, in the worker's own thread; calls of Python or of a library in
between are skipped. A generator is called for each item. A property is read as an attribute is, and
does not count.

Each pair of a calling room and a called function counts once, so that neither frames nor steps, nor
calls in the painting loop, make the way longer:

- *stays*: calls to one of the job's own rooms (`JOB`), from anywhere: who follows a job has to open
  that room;
- *climbs*: calls to a room in a higher layer than the calling one, by the layers of pyproject.toml:
  something was passed down, to be called back;
- *calls below*: calls from one of the job's rooms to a lower layer. The called function's name says
  what it does, and who follows the job need not go there.

*Visits* are all of these calls, as often as they were made. Calls among lower layers are not
counted: how media reads a film, or how style paints one, is another subject.
"""

import argparse
import json
import os
import runpy
import subprocess
import sys
import tempfile
import tomllib
from collections import Counter
from fractions import Fraction
from pathlib import Path
from types import FrameType

import av
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
JOB = ("work",)
"""The packages whose rooms are the job's own."""
SIZE, FRAMES, CUT = (64, 48), 8, 5
LOOK = ("--style", "impasto", "--levels", "48:2,64:2", "--preset", "ultrafast", "--threads", "1")

Call = tuple[str, str, str]
"""The calling room, the called one, and the function that was called there."""


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("other", type=Path, nargs="?", help="another checkout to compare with")
    parser.add_argument("--calls", action="store_true", help="list the calls of this checkout")
    parser.add_argument("--trace", nargs=2, type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.trace:
        trace(*options.trace)
        return
    roots = [ROOT] if options.other is None else [options.other.resolve(), ROOT]
    found = [traced(root) for root in roots]
    if options.calls:
        for (caller, callee, function), count in sorted(found[-1].items()):
            print(f"{caller:28} → {callee}:{function} ({count})")
    print(f"{'':32}" + "".join(f"{root.name:>12}" for root in roots))
    tables = [table(root, calls) for root, calls in zip(roots, found, strict=True)]
    for row in dict.fromkeys(name for one in tables for name in one):
        print(f"{row:32}" + "".join(f"{one.get(row, 0):12,}" for one in tables))


def table(root: Path, calls: Counter[Call]) -> dict[str, int]:
    """What is printed of a checkout, row after row."""
    floors = floors_of(root)

    def layers_down(call: Call) -> int:
        return floors[package(call[1])] - floors[package(call[0])]

    stays = [one for one in calls if package(one[1]) in JOB]
    below = [one for one in calls if package(one[0]) in JOB and layers_down(one) > 0]
    found = {
        "stays": len(stays),
        "climbs": sum(layers_down(one) < 0 for one in calls),
        "rooms of the job": len({one[1] for one in stays}),
        "calls below": len(below),
        "visits": calls.total(),
    }
    callers = Counter(one[0] for one in stays)
    return found | {f"  stays from {room}": count for room, count in sorted(callers.items())}


def floors_of(root: Path) -> dict[str, int]:
    """The layer of each package, counted from the top."""
    settings = tomllib.loads((root / "pyproject.toml").read_text())
    layers = settings["tool"]["importlinter"]["contracts"][0]["layers"]
    names = ((name.strip(), floor) for floor, one in enumerate(layers) for name in one.split("|"))
    return {name.strip("() "): floor for name, floor in names}


def package(room: str) -> str:
    """The package, or file, of nstd that a room is in."""
    return room.partition("/")[0].removesuffix(".py")


def traced(root: Path) -> Counter[Call]:
    """The calls for a film that a checkout's program paints, in a process of its own."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(root),
            "HOME": name,
            "OMP_NUM_THREADS": "1",
        }
        words = [sys.executable, __file__, "--trace", str(root), str(folder)]
        subprocess.run(words, env=environment, check=True, stdout=subprocess.DEVNULL)
        rows = json.loads((folder / "calls.json").read_text())
    return Counter({(caller, callee, function): n for caller, callee, function, n in rows})


def trace(root: Path, folder: Path) -> None:
    """Paint a film in this process, and write down the calls for it."""
    draw_film(folder / "film.mkv")
    (folder / "nstd.yaml").write_text("devices: cpu\nsegment_frames: 3\n")
    words = ["stylize", str(folder / "film.mkv"), "-o", str(folder / "out.mp4"), "--quiet"]
    words += ["--config", str(folder / "nstd.yaml"), *LOOK]
    sys.argv = ["nstd", *words]
    looker = Looker(f"{root / 'nstd'}{os.sep}")
    sys.setprofile(looker)
    try:
        runpy.run_module("nstd", run_name="__main__")
    except SystemExit as ended:
        if ended.code:
            raise
    finally:
        sys.setprofile(None)
    rows = [[*call, count] for call, count in looker.calls.items()]
    (folder / "calls.json").write_text(json.dumps(rows))


class Looker:
    """Counts the calls between rooms while `Worker.work_one` runs; a profile function."""

    def __init__(self, nstd: str) -> None:
        self.calls: Counter[Call] = Counter()
        self._nstd = nstd
        self._worker: FrameType | None = None

    def __call__(self, frame: FrameType, event: str, _: object) -> None:
        """Look at a call, or a return; `sys.setprofile` calls this."""
        if event == "call":
            if self._worker is not None:
                self._called(frame)
            elif frame.f_code.co_qualname == "Worker.work_one":
                self._worker = frame
        elif event == "return" and frame is self._worker:
            self._worker = None

    def _called(self, frame: FrameType) -> None:
        callee = self._room(frame)
        before = frame.f_back
        while before is not None and self._room(before) is None:
            before = before.f_back
        caller = None if before is None else self._room(before)
        if callee is None or caller is None or callee == caller or is_property(frame):
            return
        if package(callee) in JOB or package(caller) in JOB:
            function = frame.f_code.co_qualname.partition(".<locals>")[0]
            self.calls[caller, callee, function] += 1

    def _room(self, frame: FrameType) -> str | None:
        name = frame.f_code.co_filename
        return name.removeprefix(self._nstd) if name.startswith(self._nstd) else None


def is_property(frame: FrameType) -> bool:
    """Whether the called function is the getter of a property."""
    code = frame.f_code
    if code.co_varnames[: code.co_argcount] != ("self",):
        return False
    found = getattr(type(frame.f_locals["self"]), code.co_name, None)
    return isinstance(found, property)


def draw_film(path: Path) -> None:
    """Two shots of noise that stands still; the first is longer than a segment."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=Fraction(25))
        stream.width, stream.height = SIZE
        stream.pix_fmt = "bgr0"
        for number in range(FRAMES):
            noise = np.random.default_rng(number >= CUT).integers(0, 255, (*SIZE[::-1], 3))
            image = av.VideoFrame.from_ndarray(noise.astype(np.uint8), format="rgb24")
            container.mux(stream.encode(image))
        container.mux(stream.encode(None))


if __name__ == "__main__":
    main()
