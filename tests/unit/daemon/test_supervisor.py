"""Workers that die, hang, fail and retire, as their supervisor sees them; no real processes."""

import errno
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nstd.daemon.supervisor import (
    LogSettings,
    Supervisor,
    WorkerProcess,
)
from nstd.errors import (
    DeviceError,
    DiskFullError,
    LedgerError,
    NstdError,
    StorageError,
    WorkerError,
)
from nstd.ledger.leases import Holder
from nstd.work.crew import WorkerSettings

SETTINGS = WorkerSettings(state_dir=Path("/state"), cache_dir=Path("/cache"), threads=1)
VOICE = LogSettings("info", debug=False)
TIMEOUT = 100.0


class FakeProcess:
    """A worker that does what the test says."""

    def __init__(self, device: str, settings: WorkerSettings, now: float, pid: int) -> None:
        self.device, self.settings, self.pid = device, settings, pid
        self.holder = Holder(pid, 1, "boot")
        self.ready = self.painted = False
        self.status = ""
        self.error: NstdError | None = None
        self.seen = now
        self.killed: float | None = None
        self.code: int | None = None
        self.dies_when_killed = True
        self.wishes: list[str] = []
        self.lives = True
        self.closed = False

    def listen(self, now: float) -> None:
        if self.lives and self.code is None:
            self.seen = now

    @property
    def asked(self) -> bool:
        return bool(self.wishes)

    def ask(self, wish: str) -> None:
        self.wishes.append(wish)
        if wish == "stop" and self.lives:
            self.code = 0

    def kill(self, now: float) -> None:
        self.killed = now
        if self.dies_when_killed:
            self.code = -signal.SIGKILL

    def close(self) -> None:
        self.closed = True


class FakeStore:
    """Notes which processes' jobs were given back, and on what terms."""

    def __init__(self) -> None:
        self.released: list[tuple[int, str, bool]] = []
        self.error: NstdError | None = None

    def release(self, holder: Holder, *, reason: str, counted: bool = True) -> list[Any]:
        if self.error is not None:
            raise self.error
        self.released.append((holder.pid, reason, counted))
        return []


class Yard:
    """A supervisor with its clock and all the processes it has started."""

    def __init__(self, devices: tuple[str, ...] = ("cpu",)) -> None:
        self.now = 0.0
        self.store = FakeStore()
        self.started: list[FakeProcess] = []
        self.supervisor = Supervisor(
            self.store,  # type: ignore[arg-type]
            dict.fromkeys(devices, SETTINGS),
            VOICE,
            timeout=TIMEOUT,
            clock=lambda: self.now,
            hire=self._hire,  # type: ignore[arg-type]
        )
        self.supervisor.tick()

    def _hire(
        self, device: str, settings: WorkerSettings, voice: LogSettings, now: float
    ) -> FakeProcess:
        self.started.append(FakeProcess(device, settings, now, 100 + len(self.started)))
        return self.started[-1]

    @property
    def last(self) -> FakeProcess:
        return self.started[-1]

    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        self.supervisor.tick()

    def change(self, crew: Mapping[str, WorkerSettings], voice: LogSettings = VOICE) -> None:
        self.supervisor.change(crew, voice, timeout=TIMEOUT)


@pytest.fixture
def yard() -> Yard:
    return Yard()


def test_each_device_has_one_worker_and_all_have_to_be_ready() -> None:
    yard = Yard(("cuda:0", "cuda:1"))
    assert [one.device for one in yard.started] == ["cuda:0", "cuda:1"]
    yard.started[0].ready = True
    ready = [yard.supervisor.ready]
    yard.started[1].ready = True
    assert [*ready, yard.supervisor.ready] == [False, True]
    yard.started[1].status = "Painting job 3"
    assert yard.supervisor.statuses == ["Painting job 3"]
    yard.pass_time(1)
    assert len(yard.started) == 2


@pytest.mark.logs_errors
@pytest.mark.parametrize(
    ("code", "how"),
    [
        (-signal.SIGSEGV, "was ended by SIGSEGV"),
        (-signal.SIGKILL, "was ended by SIGKILL (the system kills so where memory is short)"),
        (-63, "was ended by signal 63"),
        (1, "ended with code 1"),
    ],
)
def test_a_worker_that_dies_is_replaced_and_its_job_given_back(
    yard: Yard, code: int, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    yard.last.ready = True
    yard.last.code = code
    yard.pass_time(1)
    assert yard.store.released == [(100, f"Its worker {how}", True)]
    yard.pass_time(0)
    assert [one.pid for one in yard.started] == [100, 101]
    assert yard.started[0].closed
    assert f"The worker on cpu (process 100) {how}; another one starts" in caplog.text
    assert yard.supervisor.facts() == [
        {"device": "cpu", "pid": 101, "ready": False, "replaced": 1, "problem": None}
    ]


@pytest.mark.logs_errors
def test_a_worker_that_gives_no_sign_of_life_is_killed_and_replaced(yard: Yard) -> None:
    yard.last.ready, yard.last.lives = True, False
    yard.pass_time(TIMEOUT)
    assert yard.last.killed is None
    yard.pass_time(1)
    assert yard.started[0].killed == TIMEOUT + 1
    yard.pass_time(0)
    yard.pass_time(0)
    assert len(yard.started) == 2
    assert yard.store.released == [(100, "Its worker hung and was killed", True)]


@pytest.mark.logs_errors
def test_one_that_cannot_even_be_killed_is_no_health(yard: Yard) -> None:
    yard.last.lives = yard.last.dies_when_killed = False
    yard.pass_time(TIMEOUT + 1)
    yard.pass_time(30)
    healthy = [yard.supervisor.healthy]
    yard.pass_time(1)
    assert [*healthy, yard.supervisor.healthy] == [True, False]
    assert len(yard.started) == 1  # two on one device would be worse
    yard.last.code = -signal.SIGKILL
    yard.pass_time(0)
    yard.pass_time(0)
    assert yard.supervisor.healthy
    assert len(yard.started) == 2


@pytest.mark.logs_errors
def test_the_pause_before_the_next_start_grows_and_ends_with_a_painted_frame(yard: Yard) -> None:
    pauses = []
    for _ in range(6):
        yard.last.ready, yard.last.code = True, -signal.SIGSEGV
        count, begun = len(yard.started), yard.now
        while len(yard.started) == count:
            yard.pass_time(0.5)
        pauses.append(yard.now - begun)
    assert pauses == sorted(pauses)
    assert pauses[0] <= 1
    assert 9 <= pauses[-1] <= 11
    yard.last.painted = yard.last.ready = True
    yard.pass_time(0)
    yard.last.code = -signal.SIGSEGV
    yard.pass_time(0)
    yard.pass_time(0)
    assert len(yard.started) == 8


def test_a_device_that_does_not_answer_at_the_start_ends_the_daemon(yard: Yard) -> None:
    yard.last.error, yard.last.code = DeviceError("The device cpu does not answer"), 69
    with pytest.raises(DeviceError, match="does not answer"):
        yard.pass_time(0)


@pytest.mark.logs_errors
def test_a_device_that_fails_in_mid_film_is_tried_again_and_not_for_ever(yard: Yard) -> None:
    def fail() -> None:
        yard.last.ready = True
        yard.last.error, yard.last.code = DeviceError("The device cpu failed"), 69
        yard.pass_time(0)

    for _ in range(4):
        fail()
        yard.pass_time(20)
    # That is the device's fault: the job's starts do not count.
    assert {counted for _, _, counted in yard.store.released} == {False}
    with pytest.raises(DeviceError, match="The device cpu failed"):
        fail()


def test_a_ledger_that_cannot_be_used_ends_the_daemon(yard: Yard) -> None:
    yard.last.error, yard.last.code = LedgerError("The ledger is torn"), 1
    with pytest.raises(LedgerError, match="torn"):
        yard.pass_time(0)


@pytest.mark.logs_errors
def test_what_can_pass_is_waited_for(yard: Yard) -> None:
    yard.last.error, yard.last.code = DiskFullError("No space is left"), 75
    yard.pass_time(0)
    yard.pass_time(0)
    assert len(yard.started) == 2


@pytest.mark.logs_errors
def test_workers_that_end_before_they_are_ready_end_the_daemon(yard: Yard) -> None:
    for _ in range(4):
        yard.last.code = -signal.SIGILL
        yard.pass_time(0)
        yard.pass_time(20)
    yard.last.code = -signal.SIGILL
    with pytest.raises(WorkerError, match=r"5 workers on cpu ended; the last one was .* SIGILL"):
        yard.pass_time(0)


@pytest.mark.logs_errors
def test_a_ledger_that_is_busy_does_not_keep_the_dead_from_being_replaced(yard: Yard) -> None:
    yard.store.error = StorageError("The disk is busy")
    yard.last.ready, yard.last.code = True, -signal.SIGSEGV
    yard.pass_time(0)
    yard.pass_time(0)
    assert len(yard.started) == 2


@pytest.mark.logs_errors
def test_a_system_without_room_for_a_process_is_tried_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    left = 2
    original = Yard._hire

    def hire(yard: Yard, *arguments: Any) -> FakeProcess:
        nonlocal left
        left -= 1
        if left >= 0:
            raise OSError(errno.ENOMEM, "Cannot allocate memory")
        return original(yard, *arguments)

    monkeypatch.setattr(Yard, "_hire", hire)
    yard = Yard()
    assert (
        "A worker on cpu cannot be started: The system gives no more processes (Cannot"
        in caplog.text
    )
    assert not yard.supervisor.ready
    for _ in range(5):
        yard.pass_time(1)
    assert len(yard.started) == 1


def test_stopping_asks_first_and_counts_no_attempt() -> None:
    yard = Yard(("cuda:0", "cuda:1"))
    yard.supervisor.stop(5.0, lambda: False)
    assert [one.wishes for one in yard.started] == [["stop"], ["stop"]]
    assert [one.killed for one in yard.started] == [None, None]
    assert yard.store.released == [
        (100, "nstd was stopped", False),
        (101, "nstd was stopped", False),
    ]


@pytest.mark.parametrize("hurried", [False, True])
def test_one_that_does_not_come_to_its_step_is_killed(yard: Yard, hurried: bool) -> None:
    yard.last.lives = False

    def meanwhile() -> bool:
        yard.now += 1
        return hurried

    yard.supervisor.stop(5.0, meanwhile)
    killed = yard.last.killed
    assert killed is not None
    assert killed == 1 if hurried else killed >= 5
    assert yard.store.released == [(100, "nstd was stopped", False)]


def test_stopping_does_not_wait_for_ever_for_one_that_cannot_be_killed(yard: Yard) -> None:
    yard.last.lives = yard.last.dies_when_killed = False

    def meanwhile() -> bool:
        yard.now += 1
        return False

    yard.supervisor.stop(5.0, meanwhile)
    assert yard.now >= 30


def test_another_crew_lets_the_jobs_in_hand_be_finished() -> None:
    yard = Yard(("cpu", "cuda:0"))
    other = replace(SETTINGS, threads=2)
    yard.change({"cpu": other, "cuda:1": SETTINGS})
    assert [one.wishes for one in yard.started] == [["retire"], ["retire"]]
    yard.pass_time(1)
    assert [one.device for one in yard.started] == ["cpu", "cuda:0", "cuda:1"]
    for one in yard.started[:2]:
        one.code = 0
    yard.pass_time(1)
    yard.pass_time(1)
    assert [(one.device, one.settings.threads) for one in yard.started[3:]] == [("cpu", 2)]
    assert [fact["device"] for fact in yard.supervisor.facts()] == ["cpu", "cuda:1"]


# --- a real process --------------------------------------------------------------------------


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_reading_and_writing_is_a_sign_of_life(monkeypatch: pytest.MonkeyPatch) -> None:
    script = "import time\nwhile True: open('/dev/null').read(); time.sleep(0.01)"
    monkeypatch.setattr("nstd.child.command", lambda *_: [sys.executable, "-c", script])
    worker = WorkerProcess("cpu", SETTINGS, VOICE, 0.0)
    try:
        worker.listen(1.0)
        assert worker.seen == 1.0
        worker._process.send_signal(signal.SIGSTOP)
        until(lambda: _state(worker.pid) == "T")
        worker.listen(2.0)
        worker.listen(3.0)
        assert worker.seen <= 2.0
        worker.kill(4.0)
        until(lambda: worker.code is not None)
        assert worker.code == -signal.SIGKILL
    finally:
        worker.kill(5.0)
        worker._process.wait(60)
        worker.close()


def test_a_worker_ends_when_its_supervisor_does(tmp_path: Path) -> None:
    """A supervisor that is killed takes its worker with it: two must never work on one film."""
    script = (
        "import os, sys, time\n"
        "from pathlib import Path\n"
        "from nstd.daemon.supervisor import WorkerProcess, LogSettings\n"
        "from nstd.work.crew import WorkerSettings\n"
        "folder = Path(sys.argv[1])\n"
        "settings = WorkerSettings(state_dir=folder, cache_dir=folder, threads=1)\n"
        "worker = WorkerProcess('cpu', settings, LogSettings('info', False), 0.0)\n"
        "while not worker.ready:\n"
        "    worker.listen(0.0)\n"
        "    time.sleep(0.01)\n"
        "print(worker.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as supervisor:
        assert supervisor.stdout is not None
        pid = int(supervisor.stdout.readline())
        assert _state(pid) is not None
        supervisor.kill()
        until(lambda: _state(pid) is None)


def _state(pid: int) -> str | None:
    """What a process is doing; None where it has ended."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if state in {"Z", "X"} else state


@pytest.mark.logs_errors
@pytest.mark.parametrize("harm", ["closed", "gone"])
def test_a_program_that_cannot_be_run_is_named_with_what_to_do(
    harm: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    program = tmp_path / "bin/python"
    program.parent.mkdir()
    if harm == "closed":
        program.write_text("#!/bin/sh\n")  # which nobody may run, root neither
    monkeypatch.setattr(sys, "executable", str(program))
    supervisor = Supervisor(FakeStore(), {"cpu": SETTINGS}, VOICE, timeout=TIMEOUT)  # type: ignore[arg-type]
    supervisor.tick()
    (facts,) = supervisor.facts()
    assert facts["problem"].startswith(f"{program} ")
    assert f"A worker on cpu cannot be started: {facts['problem']} The next try" in caplog.text
    if harm == "closed":
        assert "(Permission denied)" in facts["problem"]
        assert "enter each folder it lies in" in facts["problem"]
    else:
        assert "restart the daemon" in facts["problem"]


@pytest.mark.logs_errors
def test_that_it_could_not_be_started_is_over_with_the_next_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    yard = Yard()
    hire, refusals = yard._hire, [PermissionError(errno.EACCES, "Permission denied", "/bin/x")]

    def hiring(*arguments: Any) -> FakeProcess:
        if refusals:
            raise refusals.pop()
        return hire(*arguments)

    monkeypatch.setattr(yard.supervisor, "_hire", hiring)
    yard.last.code = 1
    yard.last.ready = True
    yard.pass_time(1)
    assert yard.supervisor.facts()[0]["problem"].startswith("/bin/x may not be run by the user ")
    yard.pass_time(10)
    assert yard.supervisor.facts()[0]["problem"] is None
