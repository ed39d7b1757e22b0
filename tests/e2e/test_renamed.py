"""A real daemon: a subfolder is renamed, and nothing of it is painted again."""

import signal
from fractions import Fraction
from pathlib import Path
from typing import Any

from tests.clips import make
from tests.e2e.program import TINY, Program


def test_a_renamed_subfolder_is_not_painted_again(
    program: Program, network: Path, style: Path
) -> None:
    work = program.work
    for number in (2, 3):
        path = work / f"in/old/{number}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        make(path, times=range(0, 40 * number, 40), time_base=Fraction(1, 1000), size=(48, 32))
    program.configure(
        network=str(network),
        settle_seconds=0.2,
        recipes={"tiny": {"styles": str(style), **TINY}},
        folders=[{"watch": str(work / "in"), "output": str(work / "out"), "recipe": "tiny"}],
    )

    def done() -> list[dict[str, Any]]:
        return [row for row in program.jobs() if row["state"] == "done"]

    with program.started("run") as daemon:
        daemon.until(lambda: len(done()) == 2, "both are painted")
        (work / "in/old").rename(work / "in/new")
        daemon.until(lambda: len(done()) == 4, "both are there under their new names")
        daemon.send(signal.SIGTERM)
        ended = daemon.wait()
    assert ended.code == 0
    for number in (2, 3):
        assert (work / f"out/new/{number}.mp4").samefile(work / f"out/old/{number}.mp4")
    assert ended.err.count("it is not painted again") == 2
