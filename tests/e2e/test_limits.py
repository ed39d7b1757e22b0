"""Limits in a real daemon: what is too large fails, what has no room waits, sidecars count."""

import signal
from fractions import Fraction
from pathlib import Path
from typing import Any

from tests.clips import make
from tests.e2e.program import TINY, Program


def film(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    make(path, times=(0, 40, 80), time_base=Fraction(1, 1000), size=(48, 32))


GREEDY = {
    "size": "size: 65536",
    "levels": 'levels: "65536:100000"',
    "limits": "limits: {megapixels: 1000}\nsize: 65536",
}
REFUSED = {
    "size": "would be painted at 65536×43690 pixels (2,863.3 megapixels), and the limit is 40.",
    "levels": "would be painted in 100,000 steps, and the limit is 3,000. Give its recipe fewer",
}


def test_limits_room_and_sidecars_as_the_daemon_has_them(
    program: Program, network: Path, style: Path
) -> None:
    work = program.work
    wishes: dict[str, dict[str, Any]] = {
        "greedy": {},
        "free": {"priority": 3},
        "strict": {"limits": {"frames": 2}},
        "tight": {"limits": {"free_gib": 1e6}},
    }
    for name in wishes:
        film(work / name / f"{name}.mp4")
    film(work / "free/odd.mp4")
    sidecars = work / "free/free.mp4.nstd.yaml", work / "free/odd.nstd.yaml"
    sidecars[0].write_text("size: 64")
    sidecars[1].write_text("size: 64\nsteps: 3")
    for name, wish in GREEDY.items():
        film(work / "greedy" / f"{name}.mp4")
        (work / "greedy" / f"{name}.nstd.yaml").write_text(wish)
    (work / "greedy/greedy.mp4").unlink()
    program.configure(
        network=str(network),
        settle_seconds=0.2,
        grace_seconds=0,
        recipes={"tiny": {"styles": str(style), **TINY}},
        folders=[
            {"watch": str(work / name), "output": str(work / f"{name}-out"), "recipe": "tiny"}
            | wish
            for name, wish in wishes.items()
        ],
    )

    def rows() -> dict[str, dict[str, Any]]:
        return {Path(row["source"].decode()).stem: row for row in program.jobs()}

    with program.started("run") as daemon:
        named = wishes.keys() - {"greedy"} | GREEDY.keys() - {"limits"}
        daemon.until(lambda: rows().keys() == named, "all but two are queued")
        daemon.until(lambda: rows()["free"]["state"] == "done", "the film is painted")
        daemon.until(lambda: rows()["strict"]["state"] == "failed", "the long one has failed")
        for name, sentence in REFUSED.items():
            daemon.until(lambda: sentence in str(rows()[name]["error"]), f"{name} has failed")  # noqa: B023 - called at once
        daemon.until(lambda: "limits.nstd.yaml:1: limits: unknown key" in daemon.log, "no limits")
        daemon.until(lambda: rows()["tight"]["hold_reason"], "the one without room waits")
        daemon.until(
            lambda: "odd.nstd.yaml:2: steps: unknown key" in daemon.log, "the slip is told"
        )
        sidecars[1].write_text("size: 64")
        daemon.until(lambda: "odd" in rows(), "the mended one's film is queued")
        daemon.until(lambda: rows()["odd"]["state"] == "done", "and painted")
        found = rows()
        daemon.send(signal.SIGTERM)
        ended = daemon.wait()
    assert ended.code == 0
    assert (
        "has at least 3 frames, and the limit is 2. Cut it into parts" in found["strict"]["error"]
    )
    assert found["tight"]["state"] == "queued"
    assert "and 977 TiB stay free. Free some space" in found["tight"]["hold_reason"]
    assert [found[name]["priority"] for name in ("free", "odd", "strict")] == [3, 3, 0]
    outputs = {str(path.relative_to(work)) for path in work.glob("*-out/*")}
    assert outputs == {"free-out/free.mp4", "free-out/odd.mp4"}
    # Sidecars are no films, nor worth a word as what is none.
    assert "yaml is no film" not in ended.err
    shown = program.run("jobs").out
    assert "free.mp4" in shown
