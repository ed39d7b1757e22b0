"""The daemon's parts: the desk where files become jobs, its log, its signals, its refusals."""

import logging
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast
from unittest.mock import Mock

import PIL.Image
import pytest

from nstd import daemon
from nstd.config import Config
from nstd.errors import ConfigError, LedgerError, NstdError, StorageError, UnreadableError
from nstd.intake.folder import WatchedFolder
from nstd.jobs.store import SqliteJobStore
from tests.networks import make_quarter_network


@pytest.fixture
def config(tmp_path: Path) -> Config:
    style = tmp_path / "style.png"
    PIL.Image.new("RGB", (8, 8)).save(style)
    network = make_quarter_network(tmp_path / "n.safetensors", 0, (2, 2, 2, 2, 2), readout=False)
    (tmp_path / "in").mkdir()
    return Config.model_validate(
        {
            "state_dir": tmp_path / "state",
            "cache_dir": tmp_path / "cache",
            "devices": "cpu",
            "network": str(network),
            "recipes": {"oil": {"styles": str(style)}},
            "folders": [{"watch": tmp_path / "in", "output": tmp_path / "out", "recipe": "oil"}],
        }
    )


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteJobStore]:
    with SqliteJobStore(tmp_path / "state/ledger.sqlite3") as store:
        yield store


@pytest.fixture
def desk(config: Config, store: SqliteJobStore) -> daemon._Desk:
    return daemon._Desk(config, store)


def folder_of(desk: daemon._Desk) -> WatchedFolder:
    (folder,) = desk.entries
    return folder


def test_a_film_is_queued_once_and_said_once(
    desk: daemon._Desk, store: SqliteJobStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    film = tmp_path / "in/a.mp4"
    film.write_bytes(b"a film")
    for _ in range(2):
        desk.take(folder_of(desk), film)
    assert [job.request.key.relative for job in store.jobs()] == [b"a.mp4"]
    assert caplog.messages == [f"Queued {film} as job 1 (oil)"]


def test_what_is_no_film_by_its_name_is_named_once(
    desk: daemon._Desk, store: SqliteJobStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    for _ in range(3):
        desk.take(folder_of(desk), tmp_path / "in/notes.txt")
    assert len(caplog.messages) == 1
    assert "notes.txt is no film and no picture" in caplog.messages[0]
    assert store.jobs() == []


def test_what_nstd_has_painted_itself_is_not_taken(
    desk: daemon._Desk, store: SqliteJobStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    film = tmp_path / "in/a.mp4"
    film.write_bytes(b"a film")
    monkeypatch.setattr(SqliteJobStore, "is_output", lambda _, path: path == bytes(film))
    desk.take(folder_of(desk), film)
    assert store.jobs() == []


def test_a_film_waits_while_its_style_image_is_missing(
    desk: daemon._Desk, store: SqliteJobStore, tmp_path: Path
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


def test_without_a_folder_it_does_not_start(config: Config, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="watches no folder"):
        daemon.run(config.model_copy(update={"folders": ()}))
    assert not (tmp_path / "state").exists()


def test_a_watched_folder_that_is_missing_is_told_at_the_start(
    config: Config, tmp_path: Path
) -> None:
    (tmp_path / "in").rmdir()
    with pytest.raises(ConfigError, match=f"no folder {tmp_path}/in to watch"):
        daemon.run(config)


class FakeWorker:
    """Gives the outcomes it is told to; then tells the painter to end."""

    def __init__(self, outcomes: list[Any], stop: threading.Event) -> None:
        self._outcomes = outcomes
        self._stop = stop

    def work_one(self) -> Any:
        if not self._outcomes:
            self._stop.set()
            return None
        outcome = self._outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


@pytest.fixture
def painter(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes a painter whose worker has these outcomes."""

    def make(*outcomes: Any) -> daemon._Painter:
        stop = threading.Event()
        fake = FakeWorker(list(outcomes), stop)
        monkeypatch.setattr(daemon, "make_worker", lambda *_: fake)
        return daemon._Painter(cast("Any", None), cast("Any", None), "cpu", stop)

    return make


def outcome(error: NstdError | None) -> Any:
    return Mock(job=Mock(id=7, state="failed"), error=error)


@pytest.mark.logs_errors
def test_a_job_that_fails_is_an_error_in_the_log_and_the_painter_goes_on(
    painter: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    one = painter(outcome(UnreadableError("a.mp4 is torn", "Mend it")), outcome(None))
    one.run()
    assert caplog.record_tuples == [
        ("nstd.daemon", logging.ERROR, "Job 7 is failed: a.mp4 is torn. Mend it."),
        ("nstd.daemon", logging.INFO, "Done: job 7"),
    ]
    assert one.error is None


def test_a_painter_whose_ledger_fails_ends_the_daemon(painter: Any) -> None:
    broken = LedgerError("The ledger is torn")
    one = painter(broken, outcome(None))
    one.run()
    assert one.error is broken
    with pytest.raises(LedgerError, match="torn"):
        daemon._require_alive([one])


def test_a_painter_that_ended_without_a_word_ends_the_daemon(painter: Any) -> None:
    one = painter()
    one.start()
    one.join()
    with pytest.raises(NstdError, match="painter cpu ended unexpectedly"):
        daemon._require_alive([one])


def test_the_log_tells_of_a_long_film_every_tenth(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    log = daemon._Log(threading.Event())
    log.began(Mock(id=3), painted=0, total=40)
    for frame in range(40):
        log.painted(frame)
    assert caplog.messages[0] == "Painting job 3: 0 of 40 frames are done"
    assert caplog.messages[1:] == [
        f"Painting job 3: {done} of 40 frames" for done in range(4, 41, 4)
    ]


def test_the_log_does_not_count_short_films(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    log = daemon._Log(threading.Event())
    log.began(Mock(id=3), painted=0, total=5)
    for frame in range(5):
        log.painted(frame)
    assert len(caplog.messages) == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_first_signal_stops_and_the_second_is_left_to_the_system(
    number: signal.Signals, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    before, stop = signal.getsignal(number), threading.Event()
    with daemon._stopping_on_signals(stop):
        signal.raise_signal(number)
        assert stop.is_set()
        assert daemon._Log(stop).stopping
        assert signal.getsignal(number) is signal.SIG_DFL
    assert signal.getsignal(number) is before
    assert caplog.messages == [f"{number.name}: stopping at the next step"]
