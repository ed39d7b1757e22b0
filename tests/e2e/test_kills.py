"""SIGKILL at every step that changes something on the disk: the same command then finishes."""

import json
import signal
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from tests.clips import make
from tests.e2e.conftest import make_home
from tests.e2e.killing import Case, Fate
from tests.e2e.program import PATIENCE, ROOT, digest, snapshot

ARGUMENTS = ("stylize", "film.mp4", "--recipe", "tiny", "--levels", "32:2", "-o", "painted.mp4")

STORE = "nstd.jobs.store.SqliteJobStore"
KEEPER = "nstd.media.keep.FrameKeeper"

STEPS = {
    "never": ("nstd.pipeline", "publish", "before", 99),
    "a frame is painted and not kept": (KEEPER, "keep", "before", 2),
    "a frame is written and not renamed": ("nstd.media.files", "replace", "before", 3),
    "a frame is kept and not counted": (KEEPER, "keep", "after", 2),
    "a segment is opened": (STORE, "open_segment", "after", 2),
    "a segment is half written": ("nstd.pipeline.SegmentWriter", "write", "after", 2),
    "a segment is written and not closed": ("nstd.pipeline", "_encode", "after", 1),
    "a segment is closed and its frames are still there": (STORE, "close_segment", "after", 1),
    "between two segments": (KEEPER, "clear", "after", 1),
    "the film is about to be joined": ("nstd.pipeline", "assemble", "before", 1),
    "the film is joined": ("nstd.pipeline", "assemble", "after", 1),
    "the film is about to be published": (STORE, "publishing", "after", 1),
    "the film has both its names": ("os", "link", "after", 1),
    "the film is published and not done": ("nstd.pipeline", "publish", "after", 1),
}
"""What has just happened when it dies: owner, step, before or after it, at which call."""


@pytest.fixture(scope="module")
def fates(
    tmp_path_factory: pytest.TempPathFactory, network: Path, style: Path
) -> dict[str, tuple[Path, Fate]]:
    """Each step's working folder and fate; a film of six frames in segments of four."""
    cases = []
    for target, step, when, call in STEPS.values():
        program = make_home(tmp_path_factory.mktemp("killed"), network, style)
        make(program.work / "film.mp4", times=range(0, 6 * 512, 512), size=(48, 32))
        work, environment = str(program.work), program.environment()
        assert when in {"before", "after"}
        cases.append(Case(work, environment, ARGUMENTS, target, step, when, call))  # type: ignore[arg-type]
    answer = subprocess.run(
        [sys.executable, "-m", "tests.e2e.killing"],
        input=json.dumps([asdict(case) for case in cases]),
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=PATIENCE,
    )
    assert answer.returncode == 0, answer.stderr
    found = [Fate(**data) for data in json.loads(answer.stdout)]
    works = [Path(case.work) for case in cases]
    return dict(zip(STEPS, zip(works, found, strict=True), strict=True))


@pytest.mark.parametrize("step", [step for step in STEPS if step != "never"])
def test_killed_when(step: str, fates: dict[str, tuple[Path, Fate]]) -> None:
    work, fate = fates[step]
    assert fate.killed == -signal.SIGKILL, fate.log
    assert fate.resumed == 0, fate.log
    unbroken = digest(fates["never"][0] / "painted.mp4")
    assert digest(work / "painted.mp4") == unbroken
    # What was visible under the film's name was never anything but the whole film.
    assert fate.left.get("painted.mp4", unbroken) == unbroken
    assert sorted(snapshot(work)) == ["film.mp4", "painted.mp4"]
