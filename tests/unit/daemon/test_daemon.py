"""The daemon's signals, its refusals, its reports, and what a reload changes."""

import logging
import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from nstd.config import Config
from nstd.daemon import main as daemon
from nstd.errors import ConfigError
from nstd.ledger.store import JobStore
from nstd.work.crew import WorkerSettings


def never() -> Config:
    raise AssertionError("nobody asked for a reload")


class FakeSupervisor:
    """A crew that is ready at once."""

    ready = True

    def __init__(
        self, store: object, crew: Mapping[str, WorkerSettings], voice: object, *, timeout: float
    ) -> None:
        self.crews = [dict(crew)]
        self.stopped = 0
        self.healthy = True
        self.statuses: list[str] = []

    def tick(self) -> None:
        pass

    def facts(self) -> list[dict[str, Any]]:
        return [{"device": "cpu"}]

    def change(self, crew: Mapping[str, WorkerSettings], voice: object, *, timeout: float) -> None:
        self.crews.append(dict(crew))

    def stop(self, seconds: float, meanwhile: Callable[[], bool]) -> None:
        self.stopped += 1


class Script:
    """Signals that come one after the other, each while the daemon, ready by then, waits."""

    def __init__(
        self, *events: Callable[["Script"], None], starting: Callable[[], object] = lambda: None
    ) -> None:
        self.events = list(events)
        self.starting = starting
        self.stopping = self.hurried = self.asked = False

    def wait(self, seconds: float) -> None:
        if seconds < 0.5:  # it is starting
            self.starting()
            time.sleep(0.01)  # the intake's own thread has to come to its turn
            return
        if not self.events:
            self.stopping = True
            return
        self.events.pop(0)(self)

    def take_reload(self) -> bool:
        asked, self.asked = self.asked, False
        return asked

    def reload(self) -> None:
        self.asked = True


@pytest.fixture
def supervisor(monkeypatch: pytest.MonkeyPatch) -> list[FakeSupervisor]:
    made: list[FakeSupervisor] = []

    def make(*arguments: Any, **keywords: Any) -> FakeSupervisor:
        made.append(FakeSupervisor(*arguments, **keywords))
        return made[-1]

    monkeypatch.setattr(daemon, "Supervisor", make)
    return made


def live(
    config: Config, store: JobStore, script: Script, reread: Callable[[], Config] = never
) -> Mock:
    """A daemon's life; returns what its service manager was told."""
    manager = Mock()
    one: Any = daemon.Daemon(config, reread, store, manager, script, debug=False)  # type: ignore[arg-type]
    one.run()
    return manager


def told(manager: Mock) -> list[str]:
    return [name for name, _, _ in manager.mock_calls]


def test_without_a_folder_it_does_not_start(config: Config, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no folder to watch\. `nstd init` writes one"):
        daemon.run(config.model_copy(update={"folders": ()}), never)
    assert not (tmp_path / "state").exists()


def test_it_is_ready_only_once_workers_and_folders_are(
    config: Config,
    store: JobStore,
    supervisor: list[FakeSupervisor],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waits: list[int] = []

    def starting() -> None:
        waits.append(1)
        supervisor[0].ready = len(waits) >= 4

    monkeypatch.setattr(FakeSupervisor, "ready", False)
    words = told(live(config, store, Script(starting=starting)))
    assert words.count("ready") == 1
    assert words.index("extend") < words.index("ready")
    assert words[-2:] == ["stopping", "extend"]


def test_the_watchdog_is_put_off_only_while_workers_can_be_replaced(
    config: Config, store: JobStore, supervisor: list[FakeSupervisor]
) -> None:
    def sicken(script: Script) -> None:
        supervisor[0].healthy = False
        script.events += [lambda _: None] * 3

    manager = live(config, store, Script(lambda _: None, sicken))
    words = told(manager)
    last = len(words) - 1 - words[::-1].index("alive")
    assert words[last + 1 :].count("status") >= 3
    (text,) = manager.status.mock_calls[-1].args
    assert "hangs and cannot be killed: restart the service" in text
    report = store.last_report()
    assert report is not None
    assert report["problems"] == ["A worker hangs and cannot be killed: restart the service"]


def test_a_reload_changes_folders_and_crew_and_is_told(
    config: Config,
    store: JobStore,
    supervisor: list[FakeSupervisor],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    (tmp_path / "in2").mkdir()
    folder = config.folders[0].model_copy(update={"watch": tmp_path / "in2"})
    changed = config.model_copy(update={"folders": (folder,), "threads": 2})
    manager = live(config, store, Script(Script.reload, lambda _: None), lambda: changed)
    words = [word for word in told(manager) if word in {"ready", "reloading"}]
    assert words == ["ready", "reloading", "ready"]
    assert supervisor[0].crews[-1]["cpu"].threads == 2
    assert f"The configuration was reloaded; watching {tmp_path}/in2" in caplog.messages
    (text,) = manager.status.mock_calls[-1].args
    assert text == f"Watching {tmp_path}/in2"


def test_a_watched_folder_that_is_missing_is_said_and_waited_for(
    config: Config, store: JobStore, supervisor: list[FakeSupervisor], tmp_path: Path
) -> None:
    (tmp_path / "in").rmdir()
    manager = live(config, store, Script())
    assert "ready" in told(manager)
    assert f"{tmp_path}/in is not there" in manager.status.mock_calls[-1].args[0]


@pytest.mark.logs_errors
def test_a_configuration_that_is_wrong_is_refused_and_the_old_one_stays(
    config: Config,
    store: JobStore,
    supervisor: list[FakeSupervisor],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken() -> Config:
        raise ConfigError("config.yaml:3: no such key", "Correct it")

    bad: list[tuple[Callable[[], Config], str]] = [
        (broken, "config.yaml:3: no such key"),
        (lambda: config.model_copy(update={"state_dir": tmp_path}), "state_dir cannot change"),
        (lambda: config.model_copy(update={"devices": ("cuda:99",)}), "There is no device cuda:99"),
    ]
    for reread, sentence in bad:
        caplog.clear()
        manager = live(config, store, Script(Script.reload, lambda _: None), reread)
        (record,) = [one for one in caplog.records if one.levelno == logging.ERROR]
        assert "was not reloaded, and the old one holds: " + sentence in record.message
        assert len(supervisor[-1].crews) == 1
        assert told(manager).count("ready") == 2
        (text,) = manager.status.mock_calls[-1].args
        assert text == f"Watching {tmp_path}/in"


def test_the_report_says_who_works_and_is_written_only_where_there_is_news(
    config: Config,
    store: JobStore,
    supervisor: list[FakeSupervisor],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written: list[Any] = []
    monkeypatch.setattr(JobStore, "report_daemon", lambda _, facts: written.append(facts))
    live(config, store, Script(*[lambda _: None] * 5))
    assert len(written) == 1
    assert written[0]["workers"] == [{"device": "cpu"}]
    found = [written[0][name] for name in ("lost_events", "overflows", "problems")]
    assert found == [0, 0, []]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_first_signal_stops_at_a_step_and_the_second_at_once(
    number: signal.Signals, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    before = signal.getsignal(number)
    with daemon.Requests() as signals:
        signal.raise_signal(number)
        assert (signals.stopping, signals.hurried) == (True, False)
        signal.raise_signal(number)
        assert (signals.stopping, signals.hurried) == (True, True)
    assert signal.getsignal(number) is before
    assert caplog.messages == [
        f"{number.name}: stopping {how}" for how in ("at the next step", "at once")
    ]


def test_a_hangup_asks_for_a_reload_once_and_ends_the_waiting() -> None:
    with daemon.Requests() as signals:
        signal.raise_signal(signal.SIGHUP)
        signals.wait(60)
        assert signals.take_reload()
        assert not signals.take_reload()
        assert not signals.stopping
