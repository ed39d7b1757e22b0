"""Every row of what can happen in a watched folder, and what must come of it.

What the observer says of it:

| row | test |
|---|---|
| moved in, or renamed over another, from outside | test_watcher: a_file_moved_in…, …_moved_over… |
| hard-link finalise | test_watcher: a_download_finished_by_a_hard_link_settles |
| rename inside | a_rename_inside; test_watcher: a_folder_renamed_inside… |
| folder moved in; `mkdir -p` and a file at once | test_watcher: a_folder_moved_in…, …_at_once… |
| written through mmap | written_through_mmap |
| queue overflow by 9,000 files | nine_thousand_files_and_an_overflow; e2e/test_overflow |
| root deleted and recreated | test_watcher: a_root_deleted_and_made_again_is_watched_again |
| polled root renamed away for 2.5 s | a_polled_root_renamed_away |

What must happen:

| row | test |
|---|---|
| still being written | test_watcher: a_file_written_slowly…; still_being_written_through_a_map |
| deleted while queued | deleted_while_queued |
| overwritten while being stylized | overwritten_while_being_stylized |
| symlink | test_watcher: a_link_is_not_followed; a_link_that_is_allowed |
| EACCES, EBUSY, EIO | an_error_of_the_file_system, a_folder_…, a_film_that_may_not_be_read |
| same name in two subfolders | the_same_name_in_two_subfolders |
| output lands in a watched folder | an_output_in_a_watched_folder; unit/test_config_folders |
| same bytes again | the_same_bytes_again |
| strange names | strange_names |
| hidden and temporary names | hidden_and_temporary_names |
"""

import errno
import mmap
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nstd.config import Config
from nstd.daemon.desk import Desk
from nstd.intake.watcher import WatchedFolder
from nstd.ledger.job import JobState
from nstd.ledger.store import JobStore
from nstd.submit.control import open_ledger
from nstd.work.worker import make_worker
from tests.jobs import Onlooker, save_picture, small_config
from tests.unprivileged import unprivileged
from tests.watching import QUIET, SETTLE, Intake, overflow


class House:
    """A watched folder whose settled files become jobs, and a worker for them."""

    def __init__(self, config: Config, store: JobStore, begin: Callable[..., Intake]) -> None:
        self.config, self.store = config, store
        desk = Desk(config, store)
        (folder,) = desk.entries
        self.root = folder.path
        self.intake = begin(folder, on_settled=desk.take)

    def states(self) -> dict[str, str]:
        """Of every job the film's relative path, and its state."""
        return {os.fsdecode(job.request.key.relative): job.state for job in self.store.jobs()}

    def work(self, happens: Callable[[], object] = lambda: None) -> None:
        """Work off all jobs that are to be worked on now."""
        worker = make_worker(self.config, self.store, "cpu", Onlooker(when_begun=happens))
        while worker.work_one() is not None:
            pass

    def painted(self) -> set[str]:
        out = self.config.folders[0].output
        return {str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()}


def picture(path: Path, color: str = "blue") -> Path:
    return save_picture(path, color, "png")


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return small_config(tmp_path)


@pytest.fixture
def house(config: Config, start: Callable[..., Intake]) -> Iterator[House]:
    with open_ledger(config) as store:
        yield House(config, store, start)


# --- what the observer says ------------------------------------------------------------------


def test_a_rename_inside(intake: Intake) -> None:
    (intake.root / "a.mp4").write_bytes(b"1")
    intake.expect("a.mp4")
    (intake.root / "a.mp4").rename(intake.root / "b.mp4")
    intake.expect("b.mp4")


def test_written_through_mmap(intake: Intake) -> None:
    film = intake.root / "a.mp4"
    film.write_bytes(bytes(mmap.PAGESIZE))
    intake.expect("a.mp4")
    before = film.stat()
    # The kernel says only that it was opened and closed.
    with film.open("r+b") as file, mmap.mmap(file.fileno(), 0) as view:
        view[:5] = b"movie"
        view.flush()
    assert film.stat().st_mtime_ns > before.st_mtime_ns
    intake.expect("a.mp4")


def test_still_being_written_through_a_map(intake: Intake) -> None:
    film = intake.root / "a.mp4"
    film.write_bytes(bytes(mmap.PAGESIZE))
    with film.open("r+b") as file, mmap.mmap(file.fileno(), 0) as view:
        for number in range(8):
            view[number] = 1
            view.flush()
            assert intake.run(SETTLE / 2) == []
    intake.expect("a.mp4")


def test_nine_thousand_files_and_an_overflow(
    start: Callable[..., Intake], root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    intake = start(WatchedFolder(root))
    names = [f"{number:04}.mp4" for number in range(9000)]

    def drop() -> None:
        for name in names:
            (root / name).touch()

    overflow(intake, drop)
    intake.expect(*names)
    assert intake.watcher.overflows == 1
    # Not one of them had an event: the queue was full when they came.
    assert intake.watcher.caught == 9000
    assert len([message for message in caplog.messages if "were lost" in message]) == 1
    assert len([message for message in caplog.messages if "had told of" in message]) == 1


def test_a_polled_root_renamed_away(start: Callable[..., Intake], root: Path) -> None:
    intake = start(WatchedFolder(root), polling=True)
    (root / "a.mp4").write_bytes(b"1")
    intake.expect("a.mp4")
    away = root.rename(root.parent / "away")
    assert intake.run(2.5) == []
    assert len(intake.watcher.problems) == 1
    away.rename(root)
    (root / "b.mp4").write_bytes(b"1")
    intake.expect("b.mp4")
    assert intake.watcher.problems == []


# --- what must happen ------------------------------------------------------------------------


def test_deleted_while_queued(house: House) -> None:
    film = picture(house.root / "a.png")
    house.intake.expect("a.png")
    film.unlink()
    assert house.intake.run(QUIET) == []
    house.work()
    assert house.states() == {"a.png": JobState.VANISHED}
    (job,) = house.store.jobs()
    assert f"There is no {film}" in (job.error or "")


def test_overwritten_while_being_stylized(house: House) -> None:
    film = picture(house.root / "a.png")
    house.intake.expect("a.png")
    other = picture(house.root.parent / "other.png", "green")
    content = other.read_bytes()
    house.work(lambda: other.replace(film) if other.exists() else None)
    assert house.painted() == set()
    assert film.read_bytes() == content
    # What is there now settles like anything else, and is what is painted.
    house.intake.expect("a.png")
    house.work()
    assert sorted(job.state for job in house.store.jobs()) == [JobState.DONE, JobState.QUEUED]
    assert house.painted() == {"a.png"}
    assert film.read_bytes() == content


@pytest.mark.parametrize("number", [errno.EACCES, errno.EBUSY, errno.EIO])
def test_an_error_of_the_file_system(
    intake: Intake, number: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    film = intake.root / "a.mp4"
    lstat = Path.lstat

    def failing(path: Path) -> os.stat_result:
        if path == film:
            raise OSError(number, os.strerror(number))
        return lstat(path)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "lstat", failing)
        film.write_bytes(b"1")
        assert intake.run(QUIET) == []
    assert len([m for m in caplog.messages if os.strerror(number) in m]) == 1
    intake.expect("a.mp4")


@pytest.mark.usefixtures("deniable")
def test_a_folder_that_denies_access(intake: Intake, caplog: pytest.LogCaptureFixture) -> None:
    folder = intake.root / "sub"
    folder.mkdir()
    (folder / "a.mp4").write_bytes(b"1")
    folder.chmod(0)
    try:
        with unprivileged():
            assert intake.run(QUIET) == []
    finally:
        folder.chmod(0o755)
    assert len([m for m in caplog.messages if "Permission denied" in m]) >= 1
    intake.expect("sub/a.mp4")


@pytest.mark.usefixtures("deniable")
def test_a_film_that_may_not_be_read(house: House, caplog: pytest.LogCaptureFixture) -> None:
    film = picture(house.root / "a.png")
    film.chmod(0)
    with unprivileged():
        assert house.intake.run(QUIET) == []
    assert [message for message in caplog.messages if "cannot be read for now" in message]
    assert house.states() == {}
    film.chmod(0o644)
    house.intake.expect("a.png")
    assert house.states() == {"a.png": JobState.QUEUED}


def test_the_same_name_in_two_subfolders(house: House) -> None:
    for name in ("one/a.png", "two/a.png", "two/deep/a.png"):
        picture(house.root / name)  # of the same content, too
    house.intake.expect("one/a.png", "two/a.png", "two/deep/a.png")
    house.work()
    assert set(house.states().values()) == {JobState.DONE}
    assert house.painted() == {"one/a.png", "two/a.png", "two/deep/a.png"}
    keys = {job.request.key for job in house.store.jobs()}
    assert len(keys) == 3
    assert {key.folder for key in keys} == {os.fsencode(house.root)}


def test_an_output_in_a_watched_folder(
    house: House, config: Config, start: Callable[..., Intake]
) -> None:
    picture(house.root / "a.png")
    house.intake.expect("a.png")
    house.work()
    # From now on the folder of the outputs is watched itself: none of them is a film to paint.
    out = config.folders[0].output
    chained = config.folders[0].model_copy(update={"watch": out, "output": out.parent / "out2"})
    later = House(config.model_copy(update={"folders": (chained,)}), house.store, start)
    later.intake.expect("a.png")
    picture(out / "b.png")
    later.intake.expect("b.png")
    assert house.states() == {"a.png": JobState.DONE, "b.png": JobState.QUEUED}


def test_the_same_bytes_again(house: House) -> None:
    film = picture(house.root / "a.png")
    house.intake.expect("a.png")
    house.work()
    content = film.read_bytes()
    film.unlink()
    house.intake.run(QUIET)
    film.write_bytes(content)
    house.intake.expect("a.png")
    assert house.states() == {"a.png": JobState.DONE}
    assert len(house.store.jobs()) == 1


def test_strange_names(house: House) -> None:
    names = [
        "two words.png",
        'it\'s "so".png',
        "new\nline.png",
        os.fsdecode(b"caf\xe9.png"),
        "x" * 251 + ".png",
        "-o.png",
        "%s {stem} $HOME *.png",
        os.fsdecode(b"\xff\xfe/\xe9.png"),
    ]
    for name in names:
        picture(house.root / name)
    house.intake.expect(*names)
    house.work()
    assert house.states() == dict.fromkeys(names, JobState.DONE)
    assert house.painted() == set(names)


def test_hidden_and_temporary_names(intake: Intake) -> None:
    names = [
        ".a.mp4",
        "b.mp4~",
        "~$c.mp4",
        "d.mp4.part",
        "e.mp4.tmp",
        "f.mp4.crdownload",
        "._g.mp4",
    ]
    for name in names:
        (intake.root / name).write_bytes(b"1")
    assert intake.run(QUIET) == []
    for number, name in enumerate(names):
        (intake.root / name).rename(intake.root / f"{number}.mp4")
    intake.expect(*(f"{number}.mp4" for number in range(len(names))))
