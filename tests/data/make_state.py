"""Makes a stored home again: that of an nstd of an earlier commit, with work in every state.

    python -m tests.data.make_state CHECKOUT NAME

NAME is that of a folder beside this file, and CHECKOUT holds the commit that it is of:

    state-0.1.0      fba7938, whose ledger has version 2
    state-ledger-10  4031b7b, the last one whose segments carry their shot's palette

The program is run from there by this Python, in a home of its own below /tmp; what it leaves there
is stored. Of what is stored only the ledger names that home, and the configuration: see
`tests/e2e/test_carried_over.py`, which carries both over.
"""

import os
import shutil
import signal
import sqlite3
import sys
import time
from contextlib import closing
from pathlib import Path

import PIL.Image

from tests.clips import make, picture
from tests.e2e.conftest import WIDTHS
from tests.e2e.program import Program, Running
from tests.networks import make_quarter_network

SEGMENT_FRAMES = 3


def main() -> None:
    """Make the state of a home, and store it."""
    commit, name = sys.argv[1:]
    stored = Path(__file__).parent / name
    home = made_in(name)
    shutil.rmtree(home, ignore_errors=True)
    program, checkout = Program(home), {"PYTHONPATH": str(Path(commit).absolute())}
    watched = program.work / "in"
    watched.mkdir()
    network = make_quarter_network(home / "tiny.safetensors", 0, WIDTHS, readout=False)
    style = home / "style.png"
    PIL.Image.fromarray(picture(7, (64, 48))[:, ::-1].copy()).save(style)
    program.configure(
        network=str(network),
        segment_frames=SEGMENT_FRAMES,
        settle_seconds=0.2,
        recipes={"tiny": {"styles": str(style), "levels": "32:2", "strength": "strong"}},
        folders=[{"watch": str(watched), "output": str(program.work / "out"), "recipe": "tiny"}],
    )

    film(watched / "done.mp4", frames=SEGMENT_FRAMES + 1)
    assert program.run("batch", environment=checkout).code == 0
    film(watched / "half.mp4")
    with program.started("batch", environment=checkout) as running:
        kill_in_second_segment(program, running)
    for name in ("queued.mp4", "paused.mp4"):
        film(watched / name)
        assert program.run("add", str(watched / name), environment=checkout).code == 0
    assert program.run("pause", "4", environment=checkout).code == 0

    with closing(sqlite3.connect(program.state / "ledger.sqlite3")) as ledger:
        ledger.execute("PRAGMA journal_mode = DELETE")  # all of it is in one file
        ledger.execute("VACUUM")
    for path in (program.cache.parent, home / "run", *home.glob("*.out"), *home.glob("*.err")):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    shutil.rmtree(stored, ignore_errors=True)
    shutil.copytree(home, stored)


def made_in(name: str) -> Path:
    """The home of a stored state: the same wherever it is made."""
    return Path("/tmp") / name.replace("state", "nstd")  # noqa: S108


def film(path: Path, frames: int = 10) -> None:
    """A film in which a square moves."""
    make(path, times=range(0, frames * 512, 512), size=(48, 32))


def kill_in_second_segment(program: Program, running: Running) -> None:
    """End it where a frame of the second segment is kept, and another is still to be painted."""
    kept = program.state / "work/2/segment-000002"
    while True:
        running.until(lambda: list(kept.glob("frame-*.png")), "a frame is painted")
        running.send(signal.SIGSTOP)
        time.sleep(0.1)
        names = [path.name for path in kept.iterdir() if path.is_file()]
        if 0 < len(names) < SEGMENT_FRAMES and all(name.startswith("frame-") for name in names):
            os.kill(running.process.pid, signal.SIGKILL)
            running.wait()
            return
        assert len(names) < SEGMENT_FRAMES, "it was too fast; try again"
        running.send(signal.SIGCONT)


if __name__ == "__main__":
    main()
