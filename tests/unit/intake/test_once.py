"""A folder looked at once, by a clock of the test's own."""

from collections.abc import Callable
from pathlib import Path

import pytest

from nstd.errors import AccessError, VanishedError
from nstd.intake.folder import WatchedFolder
from nstd.intake.once import Found, scan_once
from tests.unprivileged import unprivileged

SETTLE = 5.0


class Clock:
    """Seconds of a clock, as told by the test."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def root(tmp_path: Path) -> Path:
    path = tmp_path / "in"
    path.mkdir()
    return path


@pytest.fixture
def clock() -> Clock:
    return Clock()


def _scan(
    folder: WatchedFolder, clock: Clock, meanwhile: Callable[[], None] = lambda: None
) -> Found:
    def sleep(seconds: float) -> None:
        clock.now += seconds
        meanwhile()

    return scan_once(folder, settle_seconds=SETTLE, patience_seconds=20.0, clock=clock, sleep=sleep)


def test_what_is_there_and_has_settled_is_found(root: Path, clock: Clock) -> None:
    for name in ("b.mp4", "a.mp4", "c.part"):
        (root / name).write_bytes(b"1")
    assert _scan(WatchedFolder(root), clock) == Found([root / "a.mp4", root / "b.mp4"])
    assert clock.now == 1000 + SETTLE


def test_a_file_that_still_grows_is_waited_for(root: Path, clock: Clock) -> None:
    film = root / "a.mp4"
    film.write_bytes(b"1")

    def grow() -> None:
        if clock.now <= 1010:
            film.write_bytes(film.read_bytes() + b"frame")

    assert _scan(WatchedFolder(root), clock, grow) == Found([film])


def test_what_never_settles_is_left_out_with_the_reason(root: Path, clock: Clock) -> None:
    film, other = root / "a.mp4", root / "b.mp4"
    film.write_bytes(b"1")
    other.write_bytes(b"1")

    def grow() -> None:
        film.write_bytes(film.read_bytes() + b"frame")

    found = _scan(WatchedFolder(root), clock, grow)
    assert found.settled == [other]
    assert [str(error) for error in found.left_out.values()] == [
        f"{film} is being written: it changes. Wait until it is closed, and try again."
    ]
    assert clock.now <= 1000 + SETTLE + 20 + SETTLE


def test_what_cannot_be_looked_at_is_left_out_with_the_reason(
    root: Path, clock: Clock, deniable: None
) -> None:
    (root / "a.mp4").write_bytes(b"1")
    closed = root / "closed"
    closed.mkdir()
    closed.chmod(0o000)
    with unprivileged():
        found = _scan(WatchedFolder(root), clock)
    assert found.settled == [root / "a.mp4"]
    ((path, error),) = found.left_out.items()
    assert (path, type(error)) == (closed, AccessError)


def test_a_folder_that_is_not_there_is_told(root: Path, clock: Clock) -> None:
    with pytest.raises(VanishedError, match="not there"):
        _scan(WatchedFolder(root / "gone"), clock)
    with pytest.raises(VanishedError, match="marker"):
        _scan(WatchedFolder(root, marker=".mounted"), clock)
