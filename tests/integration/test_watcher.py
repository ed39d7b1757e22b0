"""The watcher with the kernel's events: what follows from each way to put a film into a folder."""

import errno
import logging
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from nstd.errors import StorageError
from nstd.intake import folder_watch
from nstd.intake.feed import EventFeed
from nstd.intake.watcher import WatchedFolder, Watcher, WatchSettings
from tests.watching import PATIENCE, QUIET, SETTLE, Intake, overflow

# pytest makes errors of warnings, and this one would end watchdog's thread; see nstd.intake.feed.
pytestmark = pytest.mark.filterwarnings("ignore:Callback with id:RuntimeWarning")


def test_a_file_written_in_place_settles(intake: Intake) -> None:
    (intake.root / "a.mp4").write_bytes(b"1")
    intake.expect("a.mp4")


def test_what_was_there_before_is_no_lost_event(start: Callable[..., Intake], root: Path) -> None:
    (root / "a.mp4").write_bytes(b"1")
    intake = start(WatchedFolder(root), reconcile_seconds=0.05)
    intake.expect("a.mp4")
    assert intake.watcher.caught == 0


def test_a_file_written_slowly_settles_after_its_last_byte(intake: Intake) -> None:
    with (intake.root / "a.mp4").open("wb") as film:
        for _ in range(8):
            film.write(b"frame")
            film.flush()
            assert intake.run(SETTLE / 2) == []
    intake.expect("a.mp4")


def test_a_file_moved_in_settles(intake: Intake, outside: Path) -> None:
    (outside / "a.mp4").write_bytes(b"1")
    (outside / "a.mp4").rename(intake.root / "a.mp4")
    intake.expect("a.mp4")


def test_a_file_moved_over_another_settles_anew(intake: Intake, outside: Path) -> None:
    (intake.root / "a.mp4").write_bytes(b"1")
    intake.expect("a.mp4")
    (outside / "a.mp4").write_bytes(b"2")
    (outside / "a.mp4").replace(intake.root / "a.mp4")
    intake.expect("a.mp4")


def test_a_download_counts_once_it_is_renamed(intake: Intake) -> None:
    part = intake.root / "a.mp4.part"
    part.write_bytes(b"1")
    assert intake.run(QUIET) == []
    part.rename(intake.root / "a.mp4")
    intake.expect("a.mp4")


def test_a_download_finished_by_a_hard_link_settles(intake: Intake) -> None:
    part = intake.root / ".a.mp4.part"
    part.write_bytes(b"1")
    os.link(part, intake.root / "a.mp4")
    part.unlink()
    intake.expect("a.mp4")


def test_an_overwritten_file_settles_again(intake: Intake) -> None:
    (intake.root / "a.mp4").write_bytes(b"1")
    intake.expect("a.mp4")
    (intake.root / "a.mp4").write_bytes(b"22")
    intake.expect("a.mp4")


def test_a_folder_made_with_a_file_at_once_is_seen(intake: Intake) -> None:
    deep = intake.root / "a" / "b"
    deep.mkdir(parents=True)
    (deep / "c.mp4").write_bytes(b"1")
    intake.expect("a/b/c.mp4")
    (deep / "d.mp4").write_bytes(b"1")
    intake.expect("a/b/d.mp4")


def test_a_folder_moved_in_is_seen_with_all_that_is_in_it(intake: Intake, outside: Path) -> None:
    (outside / "a" / "b").mkdir(parents=True)
    for name in ("a/1.mp4", "a/b/2.mp4", "a/b/.3.mp4"):
        (outside / name).write_bytes(b"1")
    (outside / "a").rename(intake.root / "a")
    intake.expect("a/1.mp4", "a/b/2.mp4")


def test_a_folder_renamed_inside_gives_its_files_new_names(intake: Intake) -> None:
    (intake.root / "a").mkdir()
    (intake.root / "a" / "1.mp4").write_bytes(b"1")
    intake.expect("a/1.mp4")
    (intake.root / "a").rename(intake.root / "b")
    intake.expect("b/1.mp4")


def test_strange_names_arrive_as_they_are(intake: Intake) -> None:
    names = ["two words.mp4", 'it\'s "so".mp4', "new\nline.mp4", os.fsdecode(b"caf\xe9.mp4")]
    for name in names:
        (intake.root / name).write_bytes(b"1")
    intake.expect(*names)


def test_reading_a_film_is_no_news(intake: Intake) -> None:
    film = intake.root / "a.mp4"
    film.write_bytes(b"1")
    intake.expect("a.mp4")
    for _ in range(5):
        film.read_bytes()
    assert intake.run(QUIET) == []


def test_a_link_is_not_followed(intake: Intake, outside: Path) -> None:
    (outside / "secret.mp4").write_bytes(b"1")
    (intake.root / "a.mp4").symlink_to(outside / "secret.mp4")
    (intake.root / "all").symlink_to(outside, target_is_directory=True)
    (outside / "more.mp4").write_bytes(b"1")
    assert intake.run(QUIET) == []


def test_lost_events_are_made_up_for_and_counted(
    start: Callable[..., Intake],
    root: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(EventFeed, "on_any_event", lambda self, event: None)
    intake = start(WatchedFolder(root), reconcile_seconds=0.5)
    (root / "a.mp4").write_bytes(b"1")
    intake.expect("a.mp4")
    assert intake.watcher.caught == 1
    (root / "b.mp4").write_bytes(b"1")
    intake.expect("b.mp4")
    assert intake.watcher.caught == 2
    said = [message for message in caplog.messages if "no event had told of" in message]
    assert said == [
        f"The scan found 1 file in {root} that no event had told of ('a.mp4'); 1 since the start",
        f"The scan found 1 file in {root} that no event had told of ('b.mp4'); 2 since the start",
    ]


def test_an_overflow_is_noticed_counted_and_scanned_for_at_once(
    start: Callable[..., Intake], root: Path, outside: Path, caplog: pytest.LogCaptureFixture
) -> None:
    intake, other = start(WatchedFolder(root)), start(WatchedFolder(outside))
    overflow(intake)
    (root / "a.mp4").write_bytes(b"1")
    # Without reconciliation, so that nothing else would find what was lost.
    intake.expect("a.mp4")
    other.run(SETTLE)
    assert (intake.watcher.overflows, other.watcher.overflows) == (1, 0)
    said = [message for message in caplog.messages if "overflowed" in message]
    assert said == [
        (
            f"Events of {root} were lost: the kernel's queue overflowed (see"
            " fs.inotify.max_queued_events); the folder is scanned"
        )
    ]
    (root / "b.mp4").write_bytes(b"1")
    intake.expect("b.mp4")


def test_the_second_line_on_an_overflow_is_not_a_second_overflow(
    start: Callable[..., Intake], root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    intake = start(WatchedFolder(root))
    watchdogs = logging.getLogger("watchdog.observers.inotify_c")
    watchdogs.warning("Inotify queue overflowed; filesystem events were lost")
    intake.run(SETTLE)
    emitters = logging.getLogger("watchdog.observers.inotify")
    emitters.warning("Inotify queue overflowed; reconciling recursive watches below %r", str(root))
    intake.run(SETTLE)
    assert intake.watcher.overflows == 1
    assert [message for message in caplog.messages if "Inotify queue" in message] == []


def test_what_comes_while_the_watches_are_set_anew_is_found_too(
    start: Callable[..., Intake], root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    intake = start(WatchedFolder(root))
    intake.run(2 * SETTLE)
    feed = intake.watcher._folders[0]._feed
    assert feed is not None
    with monkeypatch.context() as patch:
        patch.setattr(EventFeed, "on_any_event", lambda self, event: None)
        feed.note_overflow()
        intake.watcher.tick()
        (root / "a.mp4").write_bytes(b"1")
        intake.expect("a.mp4")
    assert intake.watcher.caught == 1


def test_events_that_come_are_not_counted_as_lost(start: Callable[..., Intake], root: Path) -> None:
    intake = start(WatchedFolder(root), reconcile_seconds=0.05)
    for number in range(20):
        (root / f"{number}.mp4").write_bytes(b"1")
        intake.run(0.03)
    intake.run(QUIET)
    assert intake.watcher.caught == 0


def test_a_root_deleted_and_made_again_is_watched_again(
    start: Callable[..., Intake], root: Path
) -> None:
    intake = start(WatchedFolder(root))
    shutil.rmtree(root)
    root.mkdir()
    intake.run(QUIET)
    (root / "a.mp4").write_bytes(b"1")
    intake.expect("a.mp4")
    assert intake.watcher.problems == []


def test_a_root_renamed_away_for_a_while_is_watched_again(
    start: Callable[..., Intake], root: Path
) -> None:
    intake = start(WatchedFolder(root))
    (root / "a.mp4").write_bytes(b"1")
    intake.expect("a.mp4")
    root.rename(root.parent / "away")
    intake.run(QUIET)
    assert len(intake.watcher.problems) == 1
    (root.parent / "away").rename(root)
    (root / "b.mp4").write_bytes(b"1")
    intake.expect("b.mp4")
    (root / "c.mp4").write_bytes(b"1")
    intake.expect("c.mp4")
    assert intake.watcher.problems == []


def test_another_folder_under_the_roots_name_is_watched_instead(
    start: Callable[..., Intake], root: Path, outside: Path
) -> None:
    intake = start(WatchedFolder(root))
    (outside / "a.mp4").write_bytes(b"1")
    root.rename(root.parent / "away")
    outside.rename(root)
    intake.expect("a.mp4")
    (root / "b.mp4").write_bytes(b"1")
    (root.parent / "away" / "c.mp4").write_bytes(b"1")
    intake.expect("b.mp4")


@pytest.mark.parametrize("ending", ["emitter", "reader", "observer"])
def test_events_that_ended_are_begun_anew_and_what_they_missed_is_found(
    start: Callable[..., Intake], root: Path, ending: str, caplog: pytest.LogCaptureFixture
) -> None:
    intake = start(WatchedFolder(root))
    feed = intake.watcher._folders[0]._feed
    assert feed is not None
    threads = {
        "emitter": next(iter(feed._observer.emitters)),
        "reader": getattr(feed._observer, "_inotify_fd", None),
        "observer": feed._observer,
    }
    thread = threads[ending]
    if thread is None:
        pytest.skip("watchdog before 7 reads in another thread")
    thread.stop()
    thread.join()
    (root / "a.mp4").write_bytes(b"1")
    intake.expect("a.mp4")
    assert sum("had ended" in message for message in caplog.messages) == 1
    assert intake.watcher.caught == 1
    (root / "b.mp4").write_bytes(b"1")
    intake.expect("b.mp4")
    assert intake.watcher.caught == 1


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EMFILE])
def test_without_inotify_the_folder_is_scanned_and_it_is_said(
    start: Callable[..., Intake],
    root: Path,
    number: int,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def exhausted(path: Path, *, recursive: bool) -> EventFeed:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch, caplog.at_level(logging.WARNING):
        patch.setattr(folder_watch, "EventFeed", exhausted)
        intake = start(WatchedFolder(root), reconcile_seconds=2.0)
        (root / "a.mp4").write_bytes(b"1")
        intake.expect("a.mp4")
        assert len(intake.watcher.problems) == 1
        assert "scanned every 0.15 s instead" in intake.watcher.problems[0]
        assert sum("fs.inotify.max_user_watches" in m for m in caplog.messages) == 1
    # Once there is room again, events are used again.
    deadline = time.monotonic() + PATIENCE
    while intake.watcher.problems and time.monotonic() < deadline:
        intake.run(0.1)
    assert intake.watcher.problems == []


def test_nothing_runs_on_after_the_end(start: Callable[..., Intake], root: Path) -> None:
    intake = start(WatchedFolder(root))
    feed = intake.watcher._folders[0]._feed
    assert feed is not None
    alive = [feed.alive]
    intake.watcher.stop()
    assert [*alive, feed.alive] == [True, False]
    intake.watcher.stop()


def test_only_watchdogs_false_alarm_is_kept_from_the_log(caplog: pytest.LogCaptureFixture) -> None:
    library = logging.getLogger("watchdog.observers.inotify")
    library.warning("queue_events() called when the thread is inactive")
    library.warning("Inotify watches are exhausted")
    assert caplog.messages == ["Inotify watches are exhausted"]


@pytest.mark.parametrize("name", ["a.mp4.nstd.yaml", "a.nstd.yaml"])
def test_a_film_waits_no_longer_once_its_sidecar_changes(root: Path, name: str) -> None:
    (root / "a.mp4").write_bytes(b"1")
    refused, now = [True], [0.0]

    def take(folder: WatchedFolder, path: Path) -> None:
        tries.append(path.name)
        if refused[0]:
            raise StorageError("Its sidecar is wrong", "Mend it")

    tries: list[str] = []
    watcher = Watcher(
        [WatchedFolder(root)],
        take,
        WatchSettings(
            settle_seconds=1.0,
            reconcile_seconds=1e6,
            polling=False,
        ),
        clock=lambda: now[0],
    )
    try:
        watcher.start()
        while len(tries) < 6:  # it is tried ever less often
            now[0] += 1
            watcher.tick()
        refused[0] = False
        watcher.tick()
        assert len(tries) == 6
        (root / name).write_text("seed: 3")
        until = time.monotonic() + 20
        while len(tries) == 6 and time.monotonic() < until:  # by that clock no time passes
            watcher.tick()
            time.sleep(0.01)
        assert tries[6:] == ["a.mp4"]
    finally:
        watcher.stop()
