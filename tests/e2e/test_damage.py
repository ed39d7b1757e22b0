"""A damaged copy of a style image whose original is gone: the remedy that is told works."""

import shutil
from pathlib import Path

import PIL.Image
import pytest

from tests.clips import make
from tests.e2e.program import TINY, Program


@pytest.fixture
def broken(program: Program, network: Path, style: Path) -> Program:
    """A queue with a film whose style image was damaged, and then replaced by another."""
    work = program.work
    (work / "in").mkdir()
    own = Path(shutil.copy(style, work / "style.png"))
    program.configure(
        network=str(network),
        recipes={"tiny": {"styles": str(own), **TINY}},
        folders=[{"watch": str(work / "in"), "output": str(work / "out"), "recipe": "tiny"}],
    )
    make(work / "in/film.mp4", times=range(0, 1024, 512), size=(48, 32))
    assert program.run("add", "in/film.mp4").code == 0
    (copy,) = (program.state / "frozen").glob("*.png")
    copy.write_bytes(copy.read_bytes()[:-20])
    PIL.Image.new("RGB", (64, 48), "red").save(own)
    ended = program.run("batch")
    assert ended.code == 1
    assert "is damaged, and" in ended.err
    assert f"{own} is gone or has changed" in ended.err
    assert "Traceback" not in ended.err
    return program


def test_the_image_put_back_and_the_job_retried(broken: Program, style: Path) -> None:
    shutil.copy(style, broken.work / "style.png")
    assert broken.run("retry", "1").code == 0
    assert broken.run("batch").code == 0
    assert [job["state"] for job in broken.jobs()] == ["done"]


def test_the_film_queued_again_with_the_image_that_is_there(broken: Program) -> None:
    assert broken.run("add", "--again", str(broken.work / "in/film.mp4")).code == 0
    assert broken.run("batch").code == 0
    assert broken.jobs()[-1]["state"] == "done"
    assert (broken.work / "out/film.mp4").exists()
