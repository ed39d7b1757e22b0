"""`nstd demo`, the real program: from nothing to a painted film, and nothing lost on the way."""

import json
import signal
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

from tests.e2e.conftest import make_home
from tests.e2e.looking import look, pictures
from tests.e2e.program import Ended, Program, snapshot

FRAMES = 5
FILES = ["painted.mp4", "sample.mp4", "sheet.png"]

CUT_OFF = """
import socket

def refuse(*_, **__):
    raise SystemExit("it wanted the network")

socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = refuse
"""
"""A `sitecustomize` under which a process ends that would reach out."""


@dataclass
class Made:
    """What a run has made that was stopped and started again.

    Attributes:
        program: Its home.
        stopped: How the first ended.
        meanwhile: The files that were there then.
        survived: The painted frames of the first that the second had from it, and all the first's.
        ended: How the second ended.
    """

    program: Program
    stopped: Ended
    meanwhile: list[str]
    survived: tuple[set[int], set[int]]
    ended: Ended


def command(network: Path) -> tuple[str, ...]:
    return ("demo", "--network", str(network), "--seconds", str(round(FRAMES / 12, 3)))


def kept(program: Program) -> set[int]:
    """The inodes of the painted frames that are on the disk."""
    found = set()
    for path in program.state.glob("stylize/work/*/segment-*/frame-*.png"):
        with suppress(FileNotFoundError):  # the segment was closed meanwhile
            found.add(path.stat().st_ino)
    return found


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, network: Path, style: Path) -> Made:
    """Stopped after two frames and started again, both times with the network cut off."""
    program = make_home(tmp_path_factory.mktemp("demo"), network, style)
    (program.home / "cut-off").mkdir()
    (program.home / "cut-off/sitecustomize.py").write_text(CUT_OFF)
    path = f"{program.home / 'cut-off'}:{program.environment()['PYTHONPATH']}"
    environment = {"PYTHONPATH": path}
    with program.started(*command(network), environment=environment) as running:
        running.until(lambda: len(kept(program)) >= 2, "two frames are painted")
        running.send(signal.SIGTERM)
        stopped = running.wait()
    meanwhile, before = list(snapshot(program.work)), kept(program)
    with program.started(*command(network), environment=environment) as running:
        running.until(lambda: kept(program) - before, "another frame is painted")
        survived = kept(program) & before
        ended = running.wait()
    return Made(program, stopped, meanwhile, (survived, before), ended)


def test_one_that_is_stopped_says_so_and_leaves_no_half_file(made: Made) -> None:
    assert made.stopped.code == 75, made.stopped.err
    assert "Run the same command again" in made.stopped.err
    assert made.meanwhile == ["nstd-demo/sample.mp4"]


def test_the_same_command_goes_on_with_what_is_painted(made: Made) -> None:
    survived, before = made.survived
    assert len(before) >= 2
    assert survived == before


def test_film_source_and_sheet_are_there_and_named_and_nothing_else(made: Made) -> None:
    program, ended = made.program, made.ended
    assert ended.code == 0, ended.err
    assert sorted(snapshot(program.work)) == [f"nstd-demo/{name}" for name in FILES]
    for name in FILES:
        assert str(program.work / "nstd-demo" / name) in ended.out
    assert ended.out.count("already") == 1, "only the sample was"
    assert ended.out.splitlines()[-1].startswith("Next")


def test_the_film_is_the_source_painted(made: Made, ffprobe: str) -> None:
    folder = made.program.work / "nstd-demo"
    source, painted = (look(folder / name, ffprobe) for name in ("sample.mp4", "painted.mp4"))
    assert painted.times == source.times[:FRAMES]
    assert painted.sound
    for before, after in zip(
        pictures(folder / "sample.mp4"), pictures(folder / "painted.mp4"), strict=False
    ):
        # More than encoding once more costs: 3 code values.
        assert np.abs(before.astype(int) - after).mean() > 4.5


def test_the_sheet_shows_both(made: Made) -> None:
    with PIL.Image.open(made.program.work / "nstd-demo/sheet.png") as image:
        sheet = np.asarray(image.convert("RGB"), float)
    assert min(sheet.shape[:2]) > 400
    # Pictures and ground: neither half is of one color.
    upper, lower = np.array_split(sheet, 2)
    assert min(upper.std(), lower.std()) > 20


def test_another_run_leaves_all_of_it_and_says_so(made: Made, network: Path) -> None:
    program = made.program
    before = {path: path.stat() for path in (program.work / "nstd-demo").iterdir()}
    ended = program.run(*command(network), "--json")
    assert ended.code == 0, ended.err
    rows: dict[str, Any] = json.loads(ended.out)
    assert [Path(rows[key]).name for key in ("target", "source", "sheet")] == FILES
    assert sorted(Path(path).name for path in rows["kept"]) == FILES
    # All but when it was looked at last.
    assert {path: path.stat()[:7] + path.stat()[8:] for path in before} == {
        path: found[:7] + found[8:] for path, found in before.items()
    }
