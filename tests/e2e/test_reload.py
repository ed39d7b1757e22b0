"""SIGHUP at the real daemon: a new configuration counts for new films, a broken one for none."""

import json
import signal
from fractions import Fraction
from pathlib import Path

import yaml

from tests.clips import make
from tests.e2e.program import TINY, Program


def write(program: Program, network: Path, style: Path, *watched: str, steps: int) -> None:
    for name in watched:
        (program.work / name).mkdir(exist_ok=True)
    program.configure(
        network=str(network),
        settle_seconds=0.3,
        segment_frames=4,
        recipes={"tiny": {"styles": str(style), **TINY, "levels": f"48:{steps}"}},
        folders=[
            {
                "watch": str(program.work / name),
                "output": str(program.work / f"{name}-out"),
                "recipe": "tiny",
            }
            for name in watched
        ],
    )


def film(path: Path, frames: int) -> None:
    times = range(0, frames * 40, 40)
    make(path, times=times, time_base=Fraction(1, 1000), size=(48, 32))


def steps_of(program: Program) -> dict[str, int]:
    """The steps of each job's frozen recipe, by the film's name."""
    return {
        job["relative"].decode(): json.loads(job["recipe"])["levels"][0]["steps"]
        for job in program.jobs()
    }


def test_a_reload(program: Program, network: Path, style: Path) -> None:
    write(program, network, style, "in", steps=30)
    with program.started("run") as running:
        running.until(lambda: "Watching" in running.log, "it watches")
        film(program.work / "in/long.mp4", 60)
        running.until(lambda: "Painting job 1" in running.log, "the first film is begun")

        good = program.config.read_text()
        program.config.write_text(good + "\nfoldrs: []\n")
        running.send(signal.SIGHUP)
        running.until(lambda: "was not reloaded" in running.log, "the broken one is refused")
        assert "foldrs" in running.log
        film(program.work / "in/second.mp4", 1)
        running.until(lambda: len(program.jobs()) == 2, "the old folder is still watched")

        program.config.write_text(yaml.safe_dump({"state_dir": str(program.home / "other")}))
        running.send(signal.SIGHUP)
        running.until(lambda: "state_dir cannot change" in running.log, "that is refused too")

        write(program, network, style, "in", "more", steps=3)
        running.send(signal.SIGHUP)
        running.until(lambda: "configuration was reloaded" in running.log, "it is reloaded")
        film(program.work / "more/third.mp4", 1)
        running.until(lambda: len(program.jobs()) == 3, "the new folder is watched")
        # The film in hand goes on, with the look it was queued with.
        assert next(job["state"] for job in program.jobs()) == "running"
        assert steps_of(program) == {"long.mp4": 30, "second.mp4": 30, "third.mp4": 3}
        program.run("cancel", "1")
        running.until(
            lambda: [job["state"] for job in program.jobs()] == ["canceled", "done", "done"],
            "all else is painted",
        )
        running.send(signal.SIGTERM)
        ended = running.wait()
    assert ended.code == 0, ended.err
    assert "another one starts" not in ended.err  # nothing about the workers had changed
    assert (program.work / "more-out/third.mp4").is_file()
