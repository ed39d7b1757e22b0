"""The desk where settled files become jobs, and the thread it sits in."""

import errno
import logging
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from nstd.config import Config
from nstd.daemon.desk import Desk, Intake
from nstd.daemon.first_look import FirstLooks
from nstd.errors import InputError, LedgerError, NstdError, StorageError, WeightsError
from nstd.intake.folder import WatchedFolder
from nstd.ledger.job import path_of
from nstd.ledger.store import JobStore
from tests.jobs import save_picture


@pytest.fixture
def desk(config: Config, store: JobStore) -> Desk:
    return Desk(config, store)


def folder_of(desk: Desk) -> WatchedFolder:
    (folder,) = desk.entries
    return folder


def test_a_film_is_queued_once_and_said_once(
    desk: Desk, store: JobStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    film = tmp_path / "in/a.mp4"
    film.write_bytes(b"a film")
    for _ in range(2):
        desk.take(folder_of(desk), film)
    assert [job.request.key.relative for job in store.jobs()] == [b"a.mp4"]
    # A check that another test's daemon has begun in the background may still have words to say.
    said = [one.message for one in caplog.records if one.name == "nstd.daemon.desk"]
    assert said == [f"Queued {film} as job 1 (oil)"]


def test_a_film_waits_while_its_style_image_is_missing(
    desk: Desk, store: JobStore, tmp_path: Path
) -> None:
    film = tmp_path / "in/a.mp4"
    film.write_bytes(b"a film")
    style = (tmp_path / "style.png").rename(tmp_path / "mislaid.png")
    with pytest.raises(StorageError, match=r"a\.mp4 waits: .*style\.png") as caught:
        desk.take(folder_of(desk), film)
    assert caught.value.retryable
    style.rename(tmp_path / "style.png")
    desk.take(folder_of(desk), film)
    assert len(store.jobs()) == 1


def test_a_film_waits_while_its_sidecar_is_wrong_and_that_is_no_film(
    desk: Desk, store: JobStore, tmp_path: Path
) -> None:
    film, sidecar = tmp_path / "in/a.mp4", tmp_path / "in/a.mp4.nstd.yaml"
    film.write_bytes(b"a film")
    sidecar.write_text("seed: 3\nlevel: 64:3\n")
    assert not folder_of(desk).accepts(sidecar)
    told = r"a\.mp4 waits: .*/in/a\.mp4\.nstd\.yaml:2: level: unknown key; did you mean “levels”\?"
    with pytest.raises(StorageError, match=told) as caught:
        desk.take(folder_of(desk), film)
    assert caught.value.retryable
    sidecar.write_text("seed: 3\nlevels: 64:3\n")
    desk.take(folder_of(desk), film)
    (job,) = store.jobs()
    assert job.request.recipe["seed"] == 3


def test_a_film_that_is_taken_away_with_its_faulty_sidecar_is_the_films_affair(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault of a sidecar, or of the configuration, would end the daemon."""
    film = tmp_path / "in/a.mp4"
    film.write_bytes(b"a film")
    film.with_name("a.mp4.nstd.yaml").write_text("level: 64:3\n")
    monkeypatch.setattr(JobStore, "find", lambda *_: film.unlink())
    with pytest.raises(InputError, match="taken away"):
        desk.take(folder_of(desk), film)


@pytest.mark.logs_errors
def test_a_fault_that_one_film_brings_out_stays_with_that_film(
    config: Config,
    store: JobStore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fails_at_one(store: JobStore, path: bytes) -> bool:
        if path.endswith(b"b.mp4"):
            raise ZeroDivisionError("nobody foresaw it")
        return False

    monkeypatch.setattr(JobStore, "is_output", fails_at_one)
    for name in ("a", "b", "c"):
        (tmp_path / f"in/{name}.mp4").write_bytes(name.encode())
    intake = Intake(config.model_copy(update={"settle_seconds": 0.01}), store)
    intake.start()
    deadline = time.monotonic() + 30
    while (len(store.jobs()) < 2 or not intake.refused) and time.monotonic() < deadline:
        time.sleep(0.01)
    intake.require_alive()
    intake.leave()
    assert {job.request.key.relative for job in store.jobs()} == {b"a.mp4", b"c.mp4"}
    (told,) = intake.refused
    assert told.startswith(f"{tmp_path}/in/b.mp4 is refused: queueing it failed unexpectedly")
    assert "ZeroDivisionError: nobody foresaw it" in told
    (logged,) = (record for record in caplog.records if record.levelname == "ERROR")
    assert logged.exc_info is not None


def test_a_ledger_that_fails_for_good_ends_the_intake_and_says_so(
    config: Config, store: JobStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def torn(*_: object) -> None:
        raise LedgerError("The ledger is torn")

    monkeypatch.setattr(JobStore, "is_output", torn)
    (tmp_path / "in/a.mp4").write_bytes(b"a film")
    intake = Intake(config.model_copy(update={"settle_seconds": 0.01}), store)
    intake.start()
    intake.join(30)
    with pytest.raises(LedgerError, match="torn"):
        intake.require_alive()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_first_looks_that_ended_without_a_word_are_noticed(
    config: Config, store: JobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ends(_: object) -> None:
        raise ZeroDivisionError("nobody foresaw it")

    monkeypatch.setattr(FirstLooks, "look", ends)
    intake = Intake(config, store)
    intake.start()
    try:
        assert intake.scanned.wait(30)
        intake._looking.join(30)
        with pytest.raises(NstdError, match="ended unexpectedly"):
            intake.require_alive()
    finally:
        intake.leave()


def test_an_intake_that_ended_without_a_word_is_noticed(config: Config, store: JobStore) -> None:
    intake = Intake(config, store)
    intake.start()
    intake.leave()
    with pytest.raises(NstdError, match="watching of folders ended unexpectedly"):
        intake.require_alive()


def test_a_read_that_is_stuck_is_left_behind(
    config: Config,
    store: JobStore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    begun, gone = threading.Event(), threading.Event()

    def stuck(*_: object) -> None:
        begun.set()
        gone.wait(30)
        raise LedgerError("The ledger is closed")

    monkeypatch.setattr(Desk, "take", stuck)
    monkeypatch.setattr("nstd.daemon.desk.LEAVE_SECONDS", 0.05)
    (tmp_path / "in/a.mp4").write_bytes(b"a film")
    intake = Intake(config.model_copy(update={"settle_seconds": 0.01}), store)
    intake.start()
    assert begun.wait(30)
    caplog.set_level(logging.INFO)
    intake.leave()
    intake.join(30)  # it ends by itself, although the read does not
    assert not intake.is_alive()
    assert "A file is still being read; it is looked at anew the next time" in caplog.messages
    gone.set()
    assert intake.error is None  # that the ledger was closed under it is no fault


def test_what_takes_long_is_among_the_problems(
    config: Config, store: JobStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, gone = threading.Event(), threading.Event()

    def stuck(*_: object, **__: object) -> list[object]:
        begun.set()
        gone.wait(30)
        return []

    monkeypatch.setattr("nstd.daemon.desk.submit_entry", stuck)
    (tmp_path / "in/a.mp4").write_bytes(b"a film")
    intake = Intake(config.model_copy(update={"settle_seconds": 0.01}), store)
    intake.start()
    assert begun.wait(30)
    quiet = intake.problems
    silent = "The folders could not be looked at for 0 minutes: does a disk not answer?"
    assert intake.reading == []
    monkeypatch.setattr("nstd.daemon.desk.MOMENT_SECONDS", -1.0)
    monkeypatch.setattr("nstd.daemon.desk.LONG_SECONDS", -1.0)
    reading = intake.problems
    assert intake.reading == [tmp_path / "in/a.mp4"]
    gone.set()
    intake.leave()
    found = [f"{tmp_path}/in/a.mp4 is being read for 0 minutes", silent]
    assert (quiet, reading) == ([], found)
    assert intake.problems == [silent]


def test_once_it_leaves_nothing_more_is_taken(
    config: Config, store: JobStore, tmp_path: Path
) -> None:
    """What follows has another configuration, and finds the files anew."""
    left: list[bool] = []
    desk = Desk(config, store, leaving=lambda: bool(left))
    (tmp_path / "in/a.mp4").write_bytes(b"a film")
    (tmp_path / "in/b.mp4").write_bytes(b"another film")
    desk.take(folder_of(desk), tmp_path / "in/a.mp4")
    left.append(True)
    desk.take(folder_of(desk), tmp_path / "in/b.mp4")
    assert [job.request.key.relative for job in store.jobs()] == [b"a.mp4"]


@pytest.mark.parametrize("missing", ["style.png", "n.safetensors"])
def test_what_was_queued_before_needs_its_style_and_network_no_more(
    desk: Desk, store: JobStore, tmp_path: Path, missing: str
) -> None:
    """They were frozen with it; after a restart every film is handed in again."""
    film = tmp_path / "in/a.mp4"
    film.write_bytes(b"a film")
    desk.take(folder_of(desk), film)
    (tmp_path / missing).unlink()
    desk.take(folder_of(desk), film)
    assert len(store.jobs()) == 1
    other = tmp_path / "in/b.mp4"
    other.write_bytes(b"another film")
    with pytest.raises(StorageError, match=r"b\.mp4 waits: "):
        desk.take(folder_of(desk), other)


def test_films_that_wait_are_told_of(config: Config, store: JobStore, tmp_path: Path) -> None:
    (tmp_path / "style.png").unlink()
    film = tmp_path / "in/a.mp4"
    film.write_bytes(b"a film")
    intake = Intake(config.model_copy(update={"settle_seconds": 0.01}), store)
    intake.start()
    deadline = time.monotonic() + 30
    while not intake.refused and time.monotonic() < deadline:
        time.sleep(0.01)
    (problem,) = intake.refused
    assert problem.startswith(f"{film} waits: ")
    film.unlink()
    while intake.refused and time.monotonic() < deadline:
        time.sleep(0.01)
    assert intake.refused == []
    intake.leave()


def test_a_mount_that_does_not_answer_in_between_is_tried_again(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    film = tmp_path / "in/a.mp4"
    film.write_bytes(b"a film")
    original = Path.stat

    def stat(path: Path, **more: Any) -> Any:
        if path == film:
            raise OSError(errno.EIO, "Input/output error")
        return original(path, **more)

    def no_network(*_: object, **__: object) -> None:
        monkeypatch.setattr(Path, "stat", stat)
        raise WeightsError("There is no network")

    monkeypatch.setattr("nstd.daemon.desk.submit_entry", no_network)
    with pytest.raises(StorageError) as caught:
        desk.take(folder_of(desk), film)
    assert caught.value.retryable


def test_a_picture_that_is_not_read_is_named_with_what_to_do(desk: Desk, tmp_path: Path) -> None:
    called, hidden = tmp_path / "in/a.psd", tmp_path / "in/b.jpg"
    called.write_bytes(b"8BPS\0\1")
    hidden.write_bytes(b"\xff\x0a\x00")
    reason = desk.take(folder_of(desk), called)
    assert reason == (
        "it is a picture of the kind Photoshop, which is not read: convert it to TIFF or PNG"
    )
    with pytest.raises(InputError, match="of the kind JPEG XL, which is not read") as caught:
        desk.take(folder_of(desk), hidden)
    assert not caught.value.retryable


def test_a_name_like_a_pattern_is_never_taken_for_all_that_it_matches(
    desk: Desk, store: JobStore, tmp_path: Path
) -> None:
    for name in ("in/a1.png", "in/a2.png"):
        save_picture(tmp_path / name)
    with pytest.raises(InputError, match="was taken away"):
        desk.take(folder_of(desk), tmp_path / "in/a%d.png")
    assert not store.jobs()
    real = save_picture(tmp_path / "in/a%d.png")
    desk.take(folder_of(desk), real)
    (job,) = store.jobs()
    assert path_of(job.request.source) == real
