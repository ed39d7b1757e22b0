"""SIGKILL at every step that changes something on the disk: the same command then finishes."""

import signal
from pathlib import Path

import pytest

from tests.clips import make
from tests.e2e.conftest import make_home
from tests.e2e.forking import Case, Death, Fate, run_forked

ARGUMENTS = ("stylize", "film.mp4", "--recipe", "tiny", "--levels", "32:2", "-o", "painted.mp4")

STORE = "nstd.ledger.store.JobStore"
KEEPER = "nstd.media.keep.FrameKeeper"
PIPELINE, SEGMENTS = "nstd.work.pipeline", "nstd.work.segments"

DEATHS = {
    "a frame is painted and not kept": Death(KEEPER, "keep", "before", 2),
    "a frame is written and not renamed": Death("nstd.files", "replace", "before", 3),
    "a frame is kept and not counted": Death(KEEPER, "keep", "after", 2),
    "a segment is opened": Death(STORE, "open_segment", "after", 2),
    "a segment is half written": Death(f"{SEGMENTS}.SegmentWriter", "write", "after", 2),
    "a segment is written and not closed": Death(SEGMENTS, "_encode", "after"),
    "a segment is closed and its frames are still there": Death(STORE, "close_segment", "after"),
    "between two segments": Death(KEEPER, "clear", "after"),
    "the film is about to be joined": Death(SEGMENTS, "assemble", "before"),
    "the film is joined": Death(SEGMENTS, "assemble", "after"),
    "the film is about to be published": Death(STORE, "publishing", "after"),
    "the film has both its names": Death("os", "link", "after"),
    "the film is published and not done": Death(PIPELINE, "publish", "after"),
}
"""By what has just happened when it dies."""


@pytest.fixture(scope="module")
def fates(
    tmp_path_factory: pytest.TempPathFactory, network: Path, style: Path
) -> dict[str, list[Fate]]:
    """The fates of a film of six frames in segments of four; "never" is two runs in peace."""
    cases = []
    for death in (None, *DEATHS.values()):
        program = make_home(tmp_path_factory.mktemp("killed"), network, style)
        make(program.work / "film.mp4", times=range(0, 6 * 512, 512), size=(48, 32))
        cases.append(Case(str(program.work), program.environment(), ARGUMENTS, (death, None)))
    return dict(zip(("never", *DEATHS), run_forked(cases), strict=True))


@pytest.mark.parametrize("moment", DEATHS)
def test_killed_when(moment: str, fates: dict[str, list[Fate]]) -> None:
    killed, resumed = fates[moment]
    unbroken = fates["never"][0].left
    assert killed.code == -signal.SIGKILL, killed.err
    # What is visible under the film's name is never anything but the whole film.
    assert killed.left.get("painted.mp4", unbroken["painted.mp4"]) == unbroken["painted.mp4"]
    assert resumed.code == 0, resumed.err
    assert resumed.left == unbroken


def test_what_is_finished_is_not_painted_again(fates: dict[str, list[Fate]]) -> None:
    first, second = fates["never"]
    assert (first.code, second.code) == (0, 0), second.err
    assert second.out == first.out
    assert second.left == first.left
