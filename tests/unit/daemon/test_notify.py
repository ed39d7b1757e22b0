"""The service manager's protocol, against a real datagram socket."""

import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nstd.daemon.notify import ServiceManager

Heard = Callable[[], list[str]]


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, Heard]]:
    """The value of NOTIFY_SOCKET, and what came in since the last look."""
    abstract = f"nstd-test-{os.getpid()}-{time.monotonic_ns()}"
    path = str(tmp_path / "notify")
    name, address = (path, path) if request.param == "path" else (f"@{abstract}", f"\0{abstract}")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(address)
        listener.setblocking(False)

        def heard() -> list[str]:
            found = []
            while True:
                try:
                    found.append(listener.recv(4096).decode())
                except BlockingIOError:
                    return found

        yield name, heard


def test_each_word_is_a_datagram_of_its_own(manager: tuple[str, Heard]) -> None:
    name, heard = manager
    with ServiceManager({"NOTIFY_SOCKET": name}) as told:
        told.ready()
        told.stopping()
        told.extend(2.5)
    assert heard() == ["READY=1", "STOPPING=1", "EXTEND_TIMEOUT_USEC=2500000"]


def test_the_watchdog_is_put_off_four_times_in_its_time_and_no_oftener(
    manager: tuple[str, Heard],
) -> None:
    name, heard = manager
    now = 1000.0
    environment = {"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "60000000"}
    with ServiceManager(environment, lambda: now) as told:
        for _ in range(120):
            told.alive()
            now += 0.5
    assert heard() == ["WATCHDOG=1"] * 4


def test_without_a_watchdog_nobody_is_told_of_life(manager: tuple[str, Heard]) -> None:
    name, heard = manager
    with ServiceManager({"NOTIFY_SOCKET": name}) as told:
        told.alive()
    assert heard() == []


def test_a_reload_says_when_it_began_by_the_monotonic_clock(manager: tuple[str, Heard]) -> None:
    name, heard = manager
    before = time.monotonic_ns() // 1000
    with ServiceManager({"NOTIFY_SOCKET": name}) as told:
        told.reloading()
    (word,) = heard()
    first, second = word.split("\n")
    assert first == "RELOADING=1"
    key, value = second.split("=")
    assert key == "MONOTONIC_USEC"
    assert before <= int(value) <= time.monotonic_ns() // 1000


def test_a_status_is_one_line_and_is_said_again_only_when_it_changes(
    manager: tuple[str, Heard],
) -> None:
    name, heard = manager
    with ServiceManager({"NOTIFY_SOCKET": name}) as told:
        told.status("Painting größe.mp4\nREADY=1")  # a name may hold a line break
        told.status("Painting größe.mp4 READY=1")
        told.status("Waiting")
    assert heard() == ["STATUS=Painting größe.mp4 READY=1", "STATUS=Waiting"]


def test_a_name_that_is_not_utf_8_is_spelled_out(manager: tuple[str, Heard]) -> None:
    name, heard = manager
    folder = os.fsdecode(b"/films/\xe9t\xe9")
    with ServiceManager({"NOTIFY_SOCKET": name}) as told:
        told.status(f"Watching {folder}")
    assert heard() == ["STATUS=Watching /films/\\udce9t\\udce9"]


def test_without_a_service_manager_nothing_is_said_and_nothing_fails() -> None:
    with ServiceManager({}) as told:
        told.ready()
        told.status("Waiting")
        assert told.watchdog_seconds is None


def test_a_socket_that_is_gone_is_logged_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with ServiceManager({"NOTIFY_SOCKET": str(tmp_path / "gone")}) as told:
        told.ready()
        told.stopping()
    assert caplog.text.count("The service manager cannot be told") == 1


def test_a_manager_that_does_not_listen_for_a_while_keeps_nobody_waiting(
    manager: tuple[str, Heard],
) -> None:
    name, heard = manager
    now = 0.0
    variables = {"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "8000000"}
    with ServiceManager(variables, lambda: now) as told:
        begun = time.monotonic()
        for number in range(2000):
            told.status(f"Frame {number}")
        now = 100.0
        told.alive()
        told.stopping()
        assert time.monotonic() - begun < 10
        assert "STATUS=Frame 1999" not in heard()
        told.status("Frame 1999")
        told.alive()
        told.stopping()
        assert heard() == ["STATUS=Frame 1999", "WATCHDOG=1", "STOPPING=1"]


def test_an_address_that_is_none_is_said_and_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    with ServiceManager({"NOTIFY_SOCKET": "vsock:2:1234"}) as told:
        told.ready()
    assert "NOTIFY_SOCKET=vsock:2:1234 is no path" in caplog.text


@pytest.mark.parametrize(
    ("environment", "seconds"),
    [
        ({"WATCHDOG_USEC": "60000000"}, 60.0),
        ({"WATCHDOG_USEC": "1500000", "WATCHDOG_PID": str(os.getpid())}, 1.5),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_the_watchdog_s_time_is_the_one_meant_for_this_process(
    environment: dict[str, str], seconds: float | None
) -> None:
    with ServiceManager(environment) as told:
        assert told.watchdog_seconds == seconds
