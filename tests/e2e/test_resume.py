"""Work that is stopped or killed goes on where it was, and ends in the same bytes."""

import signal
import time
from contextlib import suppress
from pathlib import Path

import PIL.Image
import pytest

from tests.clips import make, picture
from tests.e2e.conftest import make_home
from tests.e2e.program import Ended, Program, digest, snapshot

COMMAND = ("stylize", "films", "--recipe", "tiny", "--levels", "32:20", "-o", "painted")
"""Steps enough for a frame to take a tenth of a second and more: time to be hit in."""

SECONDS_TO_STOP = 20
"""Far more than a step takes, and far less than the rest of a film of hours would."""


def prepare(program: Program) -> dict[str, str]:
    """Make a picture, and a film of two segments of four frames that is painted after it."""
    films = program.work / "films"
    films.mkdir()
    PIL.Image.fromarray(picture(0, (48, 32))).save(films / "a.png")
    make(films / "b.mp4", times=range(0, 8 * 512, 512), size=(64, 48), sound=("aac",))
    return snapshot(program.work)


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory, network: Path, style: Path) -> str:
    """Hash of the film as a run paints it that nothing befalls."""
    program = make_home(tmp_path_factory.mktemp("unbroken"), network, style)
    prepare(program)
    ended = program.run(*COMMAND)
    assert ended.code == 0, ended.err
    return digest(program.work / "painted/b.mp4")


def kept(program: Program, segment: int) -> dict[str, int]:
    """The painted frames of a segment that are on the disk, with the inode each has."""
    found = {}
    for path in program.state.glob(f"stylize/work/*/segment-{segment:06}/frame-*.png"):
        with suppress(FileNotFoundError):  # the segment was closed meanwhile
            found[path.name] = path.stat().st_ino
    return found


def visible(program: Program) -> dict[str, str]:
    """What there is besides the picture's result: its files' hashes by name."""
    found = snapshot(program.work)
    del found["painted/a.png"]
    return found


def finished(program: Program, ended: Ended, unbroken: str) -> None:
    """The film is there, is the same as one painted without a break, and nothing is beside it."""
    assert ended.code == 0, ended.err
    assert digest(program.work / "painted/b.mp4") == unbroken
    assert sorted(visible(program)) == ["films/a.png", "films/b.mp4", "painted/b.mp4"]


def test_sigterm_ends_it_with_75_in_seconds_and_the_same_command_finishes(
    program: Program, unbroken: str
) -> None:
    before = prepare(program)
    with program.started(*COMMAND) as running:
        running.until(lambda: len(kept(program, 1)) >= 2, "two frames are painted")
        asked = time.monotonic()
        running.send(signal.SIGTERM)
        ended = running.wait()
        assert time.monotonic() - asked < SECONDS_TO_STOP
    assert ended.code == 75, ended.err
    assert "Painting b.mp4 was stopped at frame " in ended.err.splitlines()[-1]
    assert "Run the same command again" in ended.err
    assert "Traceback" not in ended.err
    assert visible(program) == before

    picture_before = (program.work / "painted/a.png").stat()
    survived = kept(program, 1)
    with program.started(*COMMAND) as running:
        running.until(lambda: len(kept(program, 1)) > len(survived), "another frame is painted")
        # Frames that were painted again would be other files.
        assert kept(program, 1).items() >= survived.items()
        finished(program, running.wait(), unbroken)
    picture_after = (program.work / "painted/a.png").stat()
    assert picture_after.st_ino == picture_before.st_ino
    assert picture_after.st_mtime_ns == picture_before.st_mtime_ns


def test_sigkill_costs_nothing_that_is_painted(program: Program, unbroken: str) -> None:
    before = prepare(program)
    with program.started(*COMMAND) as running:
        running.until(lambda: kept(program, 2), "a frame of the second segment is painted")
        running.send(signal.SIGKILL)
        assert running.wait().code == -signal.SIGKILL
    assert visible(program) == before

    survived = kept(program, 2)
    with program.started(*COMMAND) as running:
        running.until(lambda: len(kept(program, 2)) > len(survived), "another frame is painted")
        assert kept(program, 2).items() >= survived.items()
        ended = running.wait()
    assert "b.mp4 (2 of 2): going on after 4 frames painted before" in ended.err
    finished(program, ended, unbroken)


def test_sigkill_and_damage_to_all_that_it_left_cost_no_byte(
    program: Program, unbroken: str
) -> None:
    prepare(program)
    with program.started(*COMMAND) as running:
        running.until(lambda: kept(program, 2), "a frame of the second segment is painted")
        running.send(signal.SIGKILL)
        running.wait()
    left = [
        path
        for folder in ("stylize/frozen", "stylize/work")
        for path in (program.state / folder).rglob("*.*")
        if path.is_file()
    ]
    left += (program.cache / "targets").iterdir()
    kinds = {path.parent.name.split("-")[0] + path.suffix for path in left}
    assert {"frozen.png", "frozen.safetensors", "segment.png", "carried.png"} <= kinds
    assert {"targets.safetensors"} < kinds
    for path in left:
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    finished(program, program.run(*COMMAND), unbroken)
