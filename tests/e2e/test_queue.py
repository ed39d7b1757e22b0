"""The queue's commands beside a running daemon: pause, resume, cancel, retry."""

import json
import signal
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from nstd.cli import main
from tests.clips import make
from tests.e2e.conftest import make_home
from tests.e2e.looking import look
from tests.e2e.program import TINY, Program

FRAMES = 6


def film(path: Path) -> Path:
    times = range(0, FRAMES * 40, 40)
    return make(path, times=times, time_base=Fraction(1, 1000), size=(48, 32))


Do = Callable[..., str]


@pytest.fixture
def do(home: Program, capsys: pytest.CaptureFixture[str]) -> Do:
    """Gives a command here, since a start takes longer than the daemon paints; it must succeed."""

    def one(*arguments: str) -> str:
        with pytest.raises(SystemExit) as ended:
            main([*arguments, "--config", str(home.config)])
        out, said = capsys.readouterr()
        assert ended.value.code == 0, said
        return str(out)

    return one


def row(program: Program, number: int) -> dict[str, Any]:
    (found,) = [job for job in program.jobs() if job["id"] == number]
    return found


def is_at(program: Program, number: int, state: str) -> bool:
    return bool(row(program, number)["state"] == state)


@pytest.fixture
def home(tmp_path: Path, network: Path, style: Path) -> Program:
    """A watched folder with nothing in it; a frame takes some tenths of a second."""
    program = make_home(tmp_path / "home", network, style)
    work = program.work
    (work / "in").mkdir()
    program.configure(
        state_dir=str(program.state),
        network=str(network),
        segment_frames=4,
        recipes={"tiny": {"styles": str(style), **TINY, "levels": "32:12", "tolerance": 0}},
        folders=[{"watch": str(work / "in"), "output": str(work / "out"), "recipe": "tiny"}],
    )
    return program


def test_jobs_are_added_paused_resumed_canceled_and_retried_beside_a_daemon(
    home: Program, do: Do, ffprobe: str
) -> None:
    for name in ("a.mp4", "b.mp4"):
        film(home.work / "in" / name)
    added = do("add", *(str(home.work / "in" / name) for name in ("a.mp4", "b.mp4")))
    assert [line.split(":")[0] for line in added.splitlines()] == ["Job 1", "Job 2"]
    with home.started("run") as running:
        running.until(lambda: row(home, 1)["frames_done"] >= 1, "a frame is painted")
        do("pause", "1", "2")
        running.until(lambda: is_at(home, 1, "queued"), "the running one is put back")
        kept = row(home, 1)["frames_done"]
        assert 1 <= kept < FRAMES
        seen = json.loads(do("status", "--json"))
        assert seen["working"]
        assert [one["job"] for one in seen["held"]] == [1, 2]
        assert seen["held"][0]["reason"].startswith("Paused. Painting a.mp4 was stopped at frame")
        assert seen["running"] == []

        do("resume", "2")
        running.until(lambda: row(home, 2)["frames_done"] >= 1, "the other begins")
        assert do("cancel", "2") == "Job 2: canceled\n"
        running.until(lambda: "Job 2 is canceled" in running.log, "its worker notices")
        assert not list((home.work / "out").iterdir())

        assert do("resume", "--all") == "Job 1: queued\n"
        assert do("retry", "2") == "Job 2: queued\n"
        running.until(lambda: is_at(home, 1, "done") and is_at(home, 2, "done"), "both are done")
        running.send(signal.SIGTERM)
        assert running.wait().code == 0
    assert sorted(path.name for path in (home.work / "out").iterdir()) == ["a.mp4", "b.mp4"]
    for name in ("a.mp4", "b.mp4"):
        assert len(look(home.work / "out" / name, ffprobe).times) == FRAMES
    assert "Traceback" not in running.log
    assert "ERROR" not in running.log
