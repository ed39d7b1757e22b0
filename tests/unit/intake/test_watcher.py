"""The watcher without events, by a clock of the test's own; events are tried in integration."""

import logging
import os
import shutil
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

import pytest

from nstd.errors import (
    AccessError,
    BusyError,
    LedgerError,
    StorageError,
    UnreadableError,
)
from nstd.intake.watcher import WatchedFolder, Watcher, WatchSettings
from tests.unprivileged import give_away, unprivileged

SETTLE = 5.0


class Clock:
    """Seconds of a clock, as told by the test."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Desk:
    """Takes settled files, and raises what it is told to."""

    def __init__(self) -> None:
        self.files: list[str] = []
        self.error: Exception | None = None
        self.later: list[Future[str | None]] = []
        self.slow = False

    def __call__(self, folder: WatchedFolder, path: Path) -> "Future[str | None] | str | None":
        if self.error is not None:
            raise self.error
        if path.suffix == ".txt":
            return "it is no film"
        self.files.append(str(path.relative_to(folder.path)))
        if self.slow:
            self.later.append(Future())
            return self.later[-1]
        return None

    def take(self) -> list[str]:
        taken, self.files = self.files, []
        return sorted(taken)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    path = tmp_path / "in"
    path.mkdir()
    return path


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def watch(clock: Clock, desk: Desk) -> Callable[..., Watcher]:
    def make(*folders: WatchedFolder) -> Watcher:
        return Watcher(
            folders,
            desk,
            WatchSettings(
                settle_seconds=SETTLE,
                reconcile_seconds=60.0,
                polling=True,
            ),
            clock=clock,
        )

    return make


def _pass(watcher: Watcher, clock: Clock, seconds: float) -> None:
    for _ in range(int(seconds)):
        clock.now += 1
        watcher.tick()


def test_each_folder_is_watched_by_its_own_rules(
    watch: Callable[..., Watcher], tmp_path: Path, clock: Clock, desk: Desk
) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    for root in (one, two):
        (root / "sub").mkdir(parents=True)
        for name in ("a.mp4", "b.txt", "sub/c.mp4"):
            (root / name).write_bytes(b"1")
    watcher = watch(WatchedFolder(one, recursive=False), WatchedFolder(two, patterns=("*.mp4",)))
    watcher.start()
    _pass(watcher, clock, SETTLE)
    assert desk.take() == ["a.mp4", "a.mp4", "sub/c.mp4"]


def test_a_file_deleted_before_it_settled_is_no_error(
    watch: Callable[..., Watcher], root: Path, clock: Clock, desk: Desk
) -> None:
    (root / "a.mp4").write_bytes(b"1")
    watcher = watch(WatchedFolder(root))
    watcher.start()
    (root / "a.mp4").unlink()
    _pass(watcher, clock, 3 * SETTLE)
    assert desk.take() == []


def test_a_file_that_cannot_be_looked_at_is_named_once_and_not_forgotten(
    watch: Callable[..., Watcher],
    root: Path,
    clock: Clock,
    desk: Desk,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    film = root / "a.mp4"
    film.write_bytes(b"1")
    lstat = Path.lstat

    def failing(path: Path) -> object:
        if path == film:
            raise OSError(5, "Input/output error")
        return lstat(path)

    watcher = watch(WatchedFolder(root))
    with monkeypatch.context() as patch:
        patch.setattr(Path, "lstat", failing)
        watcher.start()
        _pass(watcher, clock, 100)
    assert [record.getMessage() for record in caplog.records].count(
        f"{film} cannot be looked at for now: Input/output error"
    ) == 1
    assert desk.take() == []
    _pass(watcher, clock, 300)
    assert desk.take() == ["a.mp4"]


def test_what_is_no_file_is_named_once(
    watch: Callable[..., Watcher],
    root: Path,
    clock: Clock,
    desk: Desk,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    os.mkfifo(root / "a.mp4")
    (root / "b.mp4").symlink_to("nowhere")
    (root / "c.mp4").mkdir()
    watcher = watch(WatchedFolder(root))
    watcher.start()
    _pass(watcher, clock, 100)
    assert sorted(caplog.messages) == [
        f"{root / 'a.mp4'} is a pipe, and is left alone",
        f"{root / 'b.mp4'} is a link, and is left alone",
    ]
    (root / "a.mp4").unlink()
    (root / "a.mp4").write_bytes(b"1")
    _pass(watcher, clock, 100)
    assert desk.take() == ["a.mp4"]


def test_a_temporary_failure_of_the_taker_is_tried_again(
    watch: Callable[..., Watcher], root: Path, clock: Clock, desk: Desk
) -> None:
    (root / "a.mp4").write_bytes(b"1")
    watcher = watch(WatchedFolder(root))
    watcher.start()
    desk.error = BusyError("The ledger is locked")
    _pass(watcher, clock, 2 * SETTLE)
    assert desk.take() == []
    desk.error = None
    _pass(watcher, clock, 4 * SETTLE)
    assert desk.take() == ["a.mp4"]


def test_a_file_the_taker_cannot_use_is_named_and_left_alone(
    watch: Callable[..., Watcher],
    root: Path,
    clock: Clock,
    desk: Desk,
    caplog: pytest.LogCaptureFixture,
) -> None:
    (root / "a.mp4").write_bytes(b"1")
    watcher = watch(WatchedFolder(root))
    watcher.start()
    desk.error = UnreadableError("a.mp4 is no film")
    _pass(watcher, clock, 20 * SETTLE)
    assert sum("is left alone: a.mp4 is no film" in m for m in caplog.messages) == 1
    desk.error = None
    _pass(watcher, clock, 20 * SETTLE)
    assert desk.take() == []


def test_a_broken_ledger_ends_the_tick_and_loses_no_file(
    watch: Callable[..., Watcher], root: Path, clock: Clock, desk: Desk
) -> None:
    for name in ("a.mp4", "b.mp4", "c.mp4"):
        (root / name).write_bytes(b"1")
    watcher = watch(WatchedFolder(root))
    watcher.start()
    desk.error = LedgerError("The ledger is damaged")
    with pytest.raises(LedgerError, match="damaged"):
        _pass(watcher, clock, SETTLE)
    desk.error = None
    _pass(watcher, clock, 4 * SETTLE)
    assert desk.take() == ["a.mp4", "b.mp4", "c.mp4"]


def test_without_its_marker_a_folder_says_nothing(
    watch: Callable[..., Watcher], root: Path, clock: Clock, desk: Desk
) -> None:
    marker = root / ".mounted"
    marker.touch()
    (root / "a.mp4").write_bytes(b"1")
    watcher = watch(WatchedFolder(root, marker=".mounted"))
    watcher.start()
    _pass(watcher, clock, SETTLE)
    assert desk.take() == ["a.mp4"]
    assert watcher.problems == []

    marker.unlink()
    (root / "b.mp4").write_bytes(b"1")
    _pass(watcher, clock, 3 * SETTLE)
    assert len(watcher.problems) == 1
    assert "or its marker is not there" in watcher.problems[0]
    assert desk.take() == []

    marker.touch()
    _pass(watcher, clock, 2 * SETTLE)
    assert watcher.problems == []
    assert desk.take() == ["b.mp4"]  # and a.mp4, unchanged, was not forgotten


def test_a_disk_that_was_away_is_not_taken_for_new(
    watch: Callable[..., Watcher], root: Path, clock: Clock, desk: Desk
) -> None:
    (root / "a.mp4").write_bytes(b"1")
    (root / ".mounted").touch()
    watcher = watch(WatchedFolder(root, marker=".mounted"))
    watcher.start()
    _pass(watcher, clock, SETTLE)
    assert desk.take() == ["a.mp4"]
    # An unmounted disk leaves an empty folder under its name.
    root.rename(root.parent / "disk")
    root.mkdir()
    _pass(watcher, clock, 100)
    root.rmdir()
    (root.parent / "disk").rename(root)
    _pass(watcher, clock, 100)
    assert desk.take() == []


def test_a_folder_that_comes_later_is_watched_from_then_on(
    watch: Callable[..., Watcher],
    tmp_path: Path,
    clock: Clock,
    desk: Desk,
    caplog: pytest.LogCaptureFixture,
) -> None:
    root = tmp_path / "later"
    watcher = watch(WatchedFolder(root))
    watcher.start()
    _pass(watcher, clock, 10)
    assert len(watcher.problems) == 1
    assert sum("is not there" in message for message in caplog.messages) == 1
    root.mkdir()
    (root / "a.mp4").write_bytes(b"1")
    _pass(watcher, clock, 2 * SETTLE)
    assert watcher.problems == []
    assert desk.take() == ["a.mp4"]


def test_a_scan_by_polling_counts_no_event_as_lost(
    watch: Callable[..., Watcher], root: Path, clock: Clock, desk: Desk
) -> None:
    watcher = watch(WatchedFolder(root))
    watcher.start()
    (root / "a.mp4").write_bytes(b"1")
    _pass(watcher, clock, 3 * SETTLE)
    assert desk.take() == ["a.mp4"]
    assert watcher.caught == 0
    watcher.stop()


# --- what is not painted ---------------------------------------------------------------------


def _told(watcher: Watcher, root: Path) -> dict[str, tuple[str, str]]:
    """Kind and reason of each file that is not painted."""
    return {
        str(Path(file["path"]).relative_to(root)): (file["kind"], file["reason"])
        for file in watcher.unpainted.facts()["files"]
    }


def test_what_is_not_painted_is_told_with_the_reason_and_what_is_painted_is_not(
    watch: Callable[..., Watcher], root: Path, clock: Clock, desk: Desk
) -> None:
    for name in ("a.mp4", "b.txt", ".c.mp4", "d.part", "e.mov", "f.mp4.nstd.yaml", ".mounted"):
        (root / name).write_bytes(b"1")
    for name in ("@eaDir", "raw"):
        (root / name).mkdir()
        (root / name / "x.mp4").write_bytes(b"1")
    (root / "g.mp4").symlink_to("a.mp4")
    patterns = ("*.mp4", "*.txt")
    watcher = watch(WatchedFolder(root, True, patterns, exclude=("raw",), marker=".mounted"))
    watcher.start()
    settling = ("waiting", "it changed less than 5 s ago (settle_seconds)")
    others = {
        ".c.mp4": ("ignored", "hidden"),
        "d.part": ("ignored", "temporary"),
        "e.mov": ("ignored", "not in the pattern"),
        "@eaDir": ("ignored", "a system's own"),
        "raw": ("ignored", "excluded"),
        "g.mp4": ("unknown", "it is a link"),
    }
    assert _told(watcher, root) == {"a.mp4": settling, "b.txt": settling} | others
    _pass(watcher, clock, SETTLE)
    assert desk.take() == ["a.mp4"]
    assert _told(watcher, root) == {"b.txt": ("unknown", "it is no film")} | others
    for name in ("b.txt", ".c.mp4", "d.part", "e.mov", "g.mp4"):
        (root / name).unlink()
    shutil.rmtree(root / "@eaDir")
    _pass(watcher, clock, 2 * SETTLE)
    assert _told(watcher, root) == {"raw": others["raw"]}


def test_of_a_folder_that_is_not_recursive_the_folders_in_it_are_told(
    watch: Callable[..., Watcher], root: Path
) -> None:
    (root / "sub").mkdir()
    watcher = watch(WatchedFolder(root, recursive=False))
    watcher.start()
    assert _told(watcher, root) == {"sub": ("ignored", "a folder, and recursive is no")}


def test_a_file_that_is_written_to_is_told_as_that_for_as_long_as_it_is(
    watch: Callable[..., Watcher], root: Path, clock: Clock, desk: Desk
) -> None:
    watcher = watch(WatchedFolder(root))
    with (root / "a.mp4").open("wb", buffering=0) as recorder:
        watcher.start()
        for _ in range(3):
            recorder.write(b"frame")
            _pass(watcher, clock, 10 * SETTLE)
            assert _told(watcher, root) == {
                "a.mp4": (
                    "waiting",
                    "it is being written: as the kernel says, a program has it open",
                )
            }
    _pass(watcher, clock, 3 * SETTLE)
    assert (desk.take(), _told(watcher, root)) == (["a.mp4"], {})


def test_another_users_file_says_how_long_it_must_rest(
    watch: Callable[..., Watcher], root: Path, clock: Clock, desk: Desk
) -> None:
    (root / "a.mp4").write_bytes(b"1")
    give_away(root / "a.mp4")
    with unprivileged():
        watcher = watch(WatchedFolder(root))
        watcher.start()
        _pass(watcher, clock, 59)
        ((kind, reason),) = _told(watcher, root).values()
        assert (kind, desk.take()) == ("waiting", [])
        assert "must have been unchanged for 60 s (unsure_seconds)" in reason
        _pass(watcher, clock, 1)
    assert (desk.take(), _told(watcher, root)) == (["a.mp4"], {})


def test_what_is_refused_is_told_until_it_is_mended_and_logged_once(
    watch: Callable[..., Watcher],
    root: Path,
    clock: Clock,
    desk: Desk,
    caplog: pytest.LogCaptureFixture,
) -> None:
    (root / "a.mp4").write_bytes(b"1")
    watcher = watch(WatchedFolder(root))
    watcher.start()
    desk.error = StorageError("Its style is not there", "Put it there")
    _pass(watcher, clock, 100)
    told = ("refused", "Its style is not there. Put it there.")
    assert _told(watcher, root) == {"a.mp4": told}
    desk.error = AccessError("No permission for reading it")
    _pass(watcher, clock, 400)
    assert [kind for kind, _ in _told(watcher, root).values()] == ["unreadable"]
    assert [one.split(": ")[1] for one in caplog.messages] == [
        "Its style is not there. Put it there.",
        "No permission for reading it. Give the user nstd runs as access to it.",
    ]
    desk.error = None
    _pass(watcher, clock, 400)
    assert (desk.take(), _told(watcher, root)) == (["a.mp4"], {})


def test_a_file_that_may_not_be_read_is_told_at_once_and_logged_once_until_it_may(
    watch: Callable[..., Watcher],
    root: Path,
    clock: Clock,
    desk: Desk,
    deniable: None,
    caplog: pytest.LogCaptureFixture,
) -> None:
    film = root / "a.mp4"
    film.write_bytes(b"1")
    film.chmod(0o000)
    with unprivileged():
        watcher = watch(WatchedFolder(root))
        watcher.start()
        _pass(watcher, clock, SETTLE)
        told = ("unreadable", "it cannot be read: Permission denied")
        assert _told(watcher, root) == {"a.mp4": told}
        _pass(watcher, clock, 1000)
        assert caplog.messages == [f"{film} cannot be read for now: Permission denied"]
        film.chmod(0o600)
        _pass(watcher, clock, 400)
    assert (desk.take(), _told(watcher, root)) == (["a.mp4"], {})


def test_a_folder_that_cannot_be_listed_is_told_until_it_can(
    watch: Callable[..., Watcher], root: Path, clock: Clock, desk: Desk, deniable: None
) -> None:
    closed = root / "closed"
    closed.mkdir()
    (closed / "a.mp4").write_bytes(b"1")
    closed.chmod(0o000)
    with unprivileged():
        watcher = watch(WatchedFolder(root))
        watcher.start()
        _pass(watcher, clock, 100)
        told = ("unreadable", "it cannot be listed: Permission denied")
        assert _told(watcher, root) == {"closed": told}
        closed.chmod(0o700)
        _pass(watcher, clock, 100)
    assert (desk.take(), _told(watcher, root)) == (["closed/a.mp4"], {})


# --- what is taken beside the watcher ---------------------------------------------------------


def test_a_file_that_changes_while_it_is_taken_is_taken_again_after_that(
    watch: Callable[..., Watcher], root: Path, clock: Clock, desk: Desk
) -> None:
    desk.slow = True
    (root / "a.mp4").write_bytes(b"1")
    watcher = watch(WatchedFolder(root))
    watcher.start()
    _pass(watcher, clock, 2 * SETTLE)
    assert desk.take() == ["a.mp4"]
    (root / "a.mp4").write_bytes(b"another")
    (root / "b.mp4").write_bytes(b"2")
    _pass(watcher, clock, 20 * SETTLE)
    assert desk.take() == ["b.mp4"]  # it keeps no other waiting
    for found in desk.later:
        found.set_result(None)
    _pass(watcher, clock, 400)
    assert desk.take() == ["a.mp4"]


def test_what_is_wrong_with_a_file_may_be_told_later(
    watch: Callable[..., Watcher],
    root: Path,
    clock: Clock,
    desk: Desk,
    caplog: pytest.LogCaptureFixture,
) -> None:
    desk.slow = True
    for name in ("a.mp4", "b.mp4"):
        (root / name).write_bytes(b"1")
    watcher = watch(WatchedFolder(root))
    watcher.start()
    _pass(watcher, clock, 2 * SETTLE)
    assert desk.take() == ["a.mp4", "b.mp4"]
    desk.later[0].set_exception(BusyError("Another process keeps it locked"))
    desk.later[1].set_exception(UnreadableError("It is no film"))
    _pass(watcher, clock, 3 * SETTLE)
    assert len(desk.take()) == 1  # the first is tried again, the other is left alone
    assert "is left alone: It is no film" in caplog.text
    desk.later[2].set_exception(LedgerError("The ledger is torn"))
    with pytest.raises(LedgerError, match="torn"):
        _pass(watcher, clock, 1)
