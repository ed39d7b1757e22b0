"""The watcher and files that are open for writing: its own user's, and other users'."""

import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from shutil import which

import pytest

from nstd.errors import BeingWrittenError
from nstd.intake.once import scan_once
from nstd.intake.watcher import WatchedFolder
from tests.unprivileged import STRANGER, give_away, unprivileged
from tests.watching import SETTLE, Intake, overflow

LONG = 5 * SETTLE
"""A pause of a writer, many times as long as a file must rest."""

pytestmark = pytest.mark.filterwarnings("ignore:Callback with id:RuntimeWarning")


@pytest.fixture(params=["own", "other"])
def owner(request: pytest.FixtureRequest) -> Iterator[Callable[[Path], None]]:
    """Whose the files are, and so who tells of their writers: the kernel itself, or its events."""
    if request.param == "own":
        yield lambda _: None
        return
    with unprivileged():
        yield give_away


@pytest.fixture
def others() -> Iterator[Callable[[Path], None]]:
    """The files are another user's."""
    with unprivileged():
        yield give_away


def test_a_recorder_that_pauses_is_waited_for(
    intake: Intake, owner: Callable[[Path], None]
) -> None:
    film = intake.root / "a.mp4"
    with film.open("wb", buffering=0) as recorder:
        owner(film)
        for _ in range(3):
            recorder.write(b"frame")
            assert intake.run(LONG) == []
    intake.expect("a.mp4")


def test_so_it_is_once_it_was_renamed(intake: Intake, owner: Callable[[Path], None]) -> None:
    part = intake.root / ".a.part"
    with part.open("wb", buffering=0) as recorder:
        owner(part)
        recorder.write(b"frame")
        part.rename(intake.root / "a.mp4")
        assert intake.run(LONG) == []
    intake.expect("a.mp4")


def test_a_file_that_is_written_on_is_waited_for_again(
    intake: Intake, owner: Callable[[Path], None]
) -> None:
    film = intake.root / "a.mp4"
    film.write_bytes(b"1")
    owner(film)
    intake.expect("a.mp4")
    with film.open("ab", buffering=0) as recorder:
        recorder.write(b"frame")
        assert intake.run(LONG) == []
    intake.expect("a.mp4")


def test_the_kernel_knows_of_a_recorder_that_was_there_before(
    root: Path, start: Callable[..., Intake]
) -> None:
    with (root / "a.mp4").open("wb", buffering=0) as recorder:
        recorder.write(b"frame")
        intake = start(WatchedFolder(root))
        assert intake.run(LONG) == []
    intake.expect("a.mp4")


UNSURE = 8 * SETTLE


def rests(intake: Intake, name: str) -> None:
    """A file is taken, and not before the longer rest."""
    assert intake.run(LONG) == []
    intake.expect(name)


def test_another_users_file_that_was_there_before_rests_longer(
    root: Path, others: Callable[[Path], None], start: Callable[..., Intake]
) -> None:
    (root / "a.mp4").write_bytes(b"1")
    others(root / "a.mp4")
    rests(start(WatchedFolder(root), unsure_seconds=UNSURE), "a.mp4")


def test_so_it_does_where_it_is_moved_or_linked_into_the_folder(
    root: Path, outside: Path, others: Callable[[Path], None], start: Callable[..., Intake]
) -> None:
    for name in ("a.mp4", "b.mp4"):
        (outside / name).write_bytes(b"1")
        others(outside / name)
    intake = start(WatchedFolder(root), unsure_seconds=UNSURE)
    (outside / "a.mp4").rename(root / "a.mp4")
    rests(intake, "a.mp4")
    os.link(outside / "b.mp4", root / "b.mp4")
    rests(intake, "b.mp4")


def test_so_it_does_where_there_are_no_events(
    root: Path, others: Callable[[Path], None], start: Callable[..., Intake]
) -> None:
    intake = start(WatchedFolder(root), unsure_seconds=UNSURE, polling=True)
    (root / "a.mp4").write_bytes(b"1")
    others(root / "a.mp4")
    rests(intake, "a.mp4")


def test_what_was_known_is_not_after_an_overflow(
    root: Path, others: Callable[[Path], None], start: Callable[..., Intake]
) -> None:
    intake = start(WatchedFolder(root), unsure_seconds=UNSURE)
    with (root / "a.mp4").open("wb", buffering=0) as recorder:
        others(root / "a.mp4")
        recorder.write(b"frame")
        assert intake.run(LONG) == []
        # That it is closed meanwhile is lost: it must not be waited for until doomsday.
        overflow(intake, recorder.close)
    rests(intake, "a.mp4")


# --- ways in which files come ----------------------------------------------------------------


COPY = "elsewhere/a.mp4", "in/a.mp4"

COPIES = {
    "scp": ["sh", "-c", "cat elsewhere/a.mp4 > in/a.mp4 && touch -d 2001-01-01 in/a.mp4"],
    "cp": ["cp", "--preserve=timestamps", *COPY],
    "rsync": ["rsync", "--times", *COPY],
    "rsync --inplace": ["rsync", "--times", "--inplace", *COPY],
    "part, then rename": ["sh", "-c", "cp elsewhere/a.mp4 in/x.part && mv in/x.part in/a.mp4"],
}


@pytest.fixture
def public() -> Iterator[Path]:
    """A folder that everybody reaches, as pytest's own are not, with two in it."""
    with tempfile.TemporaryDirectory() as name:
        for folder in (Path(name), Path(name, "in"), Path(name, "elsewhere")):
            folder.mkdir(exist_ok=True)
            folder.chmod(0o777)
        yield Path(name)


@pytest.mark.parametrize("command", COPIES.values(), ids=COPIES)
@pytest.mark.usefixtures("others")
def test_what_another_user_copies_is_known_to_be_whole(
    public: Path, start: Callable[..., Intake], command: list[str]
) -> None:
    """The longer rest, of days here, is for what is unknown."""
    if which(command[0]) is None:
        pytest.skip(f"needs {command[0]}")
    if os.geteuid() != 0:
        pytest.skip("only root can be another user")
    intake = start(WatchedFolder(public / "in"))
    for size in (100_000, 200_000):
        (public / "elsewhere/a.mp4").write_bytes(os.urandom(size))
        subprocess.run(command, cwd=public, user=STRANGER, check=True)
        intake.expect("a.mp4")
    assert (public / "in/a.mp4").stat().st_uid == STRANGER


# --- once ------------------------------------------------------------------------------------


def test_a_batch_leaves_out_what_is_open_and_says_so(root: Path) -> None:
    (root / "a.mp4").write_bytes(b"1")
    with (root / "b.mp4").open("wb"):
        found = scan_once(WatchedFolder(root), settle_seconds=0.05, patience_seconds=0.3)
    assert found.settled == [root / "a.mp4"]
    ((path, error),) = found.left_out.items()
    assert (path, type(error)) == (root / "b.mp4", BeingWrittenError)


def test_a_batch_gives_another_users_file_the_longer_rest(
    root: Path, others: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    (root / "a.mp4").write_bytes(b"1")
    (root / "b.mp4").write_bytes(b"1")
    others(root / "b.mp4")
    now = [1000.0]
    found = scan_once(
        WatchedFolder(root),
        settle_seconds=5,
        unsure_seconds=300,
        clock=lambda: now[0],
        sleep=lambda seconds: now.__setitem__(0, now[0] + seconds),
    )
    assert (found.settled, found.left_out) == ([root / "a.mp4", root / "b.mp4"], {})
    assert now[0] == 1300
    assert [m for m in caplog.messages if "b.mp4 cannot be told: it must rest for 300 s" in m]
