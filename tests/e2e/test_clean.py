"""`nstd clean` beside the real program: what it paints stays, what was killed goes when told."""

import json
from typing import Any

from tests.clips import make
from tests.e2e.program import Program

COMMAND = ("stylize", "a.mp4", "--recipe", "tiny", "--levels", "32:20", "-o", "painted.mp4")
"""Steps enough for a frame to take a tenth of a second and more."""


def cleaned(program: Program, *arguments: str) -> list[dict[str, Any]]:
    ended = program.run("clean", "--json", "--older-than", "0", *arguments)
    assert (ended.code, ended.err) == (0, "")
    found: list[dict[str, Any]] = json.loads(ended.out)
    return found


def test_what_stylize_paints_stays_and_what_was_killed_goes_and_begins_anew(
    program: Program,
) -> None:
    # Said, so that no other nstd that runs on this machine is meant.
    program.config.write_text(program.config.read_text() + f"state_dir: {program.state}\n")
    film = make(program.work / "a.mp4", times=range(0, 6 * 512, 512), size=(64, 48))
    with program.started(*COMMAND) as running:
        work = program.state / "stylize/work/1"
        running.until(lambda: next(work.rglob("frame-*.png"), None), "a frame was painted")
        (busy,) = cleaned(program, "--yes")
        assert busy["kept"] == "`nstd stylize` runs now"
        assert next(work.rglob("frame-*.png"), None)
        assert running.process.poll() is None
    (killed,) = cleaned(program)
    assert (killed["kind"], killed["path"], killed["kept"]) == ("begun", str(film), None)
    assert killed["frames_done"] >= 1
    assert killed["bytes"] > 0
    assert work.exists()
    (gone,) = cleaned(program, "--yes")
    assert (gone["path"], gone["kept"]) == (str(film), None)
    assert not work.exists()
    assert cleaned(program) == []
    ended = program.run(*COMMAND, "--json")
    assert ended.code == 0, ended.err
    assert "6 frames painted" in ended.err  # none was kept
    assert cleaned(program, "--yes") == []  # what is painted is remembered
    again = program.run(*COMMAND)
    assert "was painted before and is left as it is" in again.err
