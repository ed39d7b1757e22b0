"""`nstd demo`, the real program: from nothing to a painted film, and nothing lost on the way."""

import json
import signal
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

from tests.e2e.conftest import make_home
from tests.e2e.looking import look, pictures
from tests.e2e.program import Ended, Program, snapshot

FRAMES = 3
FILES = ["painted.mp4", "sample.mp4", "sheet.png"]

CUT_OFF = """
import socket

def refuse(*_, **__):
    raise SystemExit("it wanted the network")

socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = refuse
"""
"""A `sitecustomize` under which a process ends that would reach out."""


def arguments(network: Path, frames: int = FRAMES) -> tuple[str, ...]:
    return ("--network", str(network), "--seconds", str(frames / 12))


@pytest.fixture(scope="module")
def made(
    tmp_path_factory: pytest.TempPathFactory, network: Path, style: Path
) -> tuple[Program, Ended]:
    """What one run has made, with the network cut off."""
    program = make_home(tmp_path_factory.mktemp("demo"), network, style)
    (program.home / "cut-off").mkdir()
    (program.home / "cut-off/sitecustomize.py").write_text(CUT_OFF)
    path = f"{program.home / 'cut-off'}:{program.environment()['PYTHONPATH']}"
    return program, program.run("demo", *arguments(network), environment={"PYTHONPATH": path})


def test_film_source_and_sheet_are_there_and_named_and_nothing_else(
    made: tuple[Program, Ended],
) -> None:
    program, ended = made
    assert ended.code == 0, ended.err
    assert sorted(snapshot(program.work)) == [f"nstd-demo/{name}" for name in FILES]
    for name in FILES:
        assert str(program.work / "nstd-demo" / name) in ended.out
    assert "already" not in ended.out
    assert ended.out.splitlines()[-1].startswith("Next")


def test_the_film_is_the_source_painted(made: tuple[Program, Ended], ffprobe: str) -> None:
    folder = made[0].work / "nstd-demo"
    source, painted = (look(folder / name, ffprobe) for name in ("sample.mp4", "painted.mp4"))
    assert painted == source
    assert len(source.times) == FRAMES
    assert source.sound
    for before, after in zip(
        pictures(folder / "sample.mp4"), pictures(folder / "painted.mp4"), strict=True
    ):
        # Far more than the code values that encoding costs.
        assert np.abs(before.astype(int) - after).mean() > 8


def test_the_sheet_shows_both(made: tuple[Program, Ended]) -> None:
    with PIL.Image.open(made[0].work / "nstd-demo/sheet.png") as image:
        sheet = np.asarray(image.convert("RGB"), float)
    assert min(sheet.shape[:2]) > 400
    # Pictures and ground: neither half is of one color.
    upper, lower = np.array_split(sheet, 2)
    assert min(upper.std(), lower.std()) > 20


def test_another_run_leaves_all_of_it_and_says_so(
    made: tuple[Program, Ended], network: Path
) -> None:
    program, _ = made
    before = {path: path.stat() for path in (program.work / "nstd-demo").iterdir()}
    ended = program.run("demo", *arguments(network), "--json")
    assert ended.code == 0, ended.err
    rows: dict[str, Any] = json.loads(ended.out)
    assert [Path(rows[key]).name for key in ("target", "source", "sheet")] == FILES
    assert sorted(Path(path).name for path in rows["kept"]) == FILES
    # All but when it was looked at last.
    assert {path: path.stat()[:7] + path.stat()[8:] for path in before} == {
        path: found[:7] + found[8:] for path, found in before.items()
    }


def test_one_that_is_stopped_leaves_no_half_file_and_goes_on(
    program: Program, network: Path
) -> None:
    command = ("demo", *arguments(network, 6))

    def kept() -> list[Path]:
        return sorted(program.state.glob("stylize/work/*/segment-*/frame-*.png"))

    with program.started(*command) as running:
        running.until(lambda: len(kept()) >= 2, "two frames are painted")
        running.send(signal.SIGTERM)
        ended = running.wait()
    assert ended.code == 75, ended.err
    assert "Run the same command again" in ended.err
    assert list(snapshot(program.work)) == ["nstd-demo/sample.mp4"]
    inodes = {path: path.stat().st_ino for path in kept()}

    with program.started(*command) as running:
        running.until(lambda: len(kept()) > len(inodes), "another frame is painted")
        assert {path: path.stat().st_ino for path in inodes} == inodes
        ended = running.wait()
    assert ended.code == 0, ended.err
    assert sorted(snapshot(program.work)) == [f"nstd-demo/{name}" for name in FILES]
