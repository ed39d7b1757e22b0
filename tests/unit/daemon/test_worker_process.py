"""The worker's side: what it says, what it obeys, and what ends it."""

import logging
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nstd.daemon import worker_process
from nstd.daemon.channel import Channel
from nstd.errors import (
    DeviceError,
    DeviceMemoryError,
    DiskFullError,
    Interrupted,
    LedgerError,
    NstdError,
    UnreadableError,
)
from nstd.ledger.job import Job, JobKey, JobRequest, JobState
from nstd.work.crew import WorkerSettings
from nstd.work.worker import Outcome


@pytest.fixture
def ends() -> Iterator[tuple[Channel, Channel]]:
    """The supervisor's end and the worker's."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    channels = Channel(ours), Channel(theirs)
    yield channels
    for channel in channels:
        channel.close()


@pytest.fixture
def voice(ends: tuple[Channel, Channel]) -> worker_process.TellingObserver:
    return worker_process.TellingObserver(ends[1])


class FakeWorker:
    """Gives the outcomes it is told to, then asks its process to end."""

    def __init__(self, voice: worker_process.TellingObserver, *outcomes: Any) -> None:
        self._voice = voice
        self._outcomes = list(outcomes)
        self.cleared = 0
        self.clearing = self

    def work_one(self) -> Outcome | None:
        if not self._outcomes:
            self._voice._stop.set()
            return None
        outcome = self._outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome  # type: ignore[no-any-return]

    def clear_up_all(self) -> None:
        self.cleared += 1


def outcome(error: NstdError | None, state: JobState = JobState.FAILED) -> Outcome:
    return Outcome(job(7, state), error)


def job(number: int, state: JobState = JobState.RUNNING) -> Job:
    request = JobRequest(JobKey(b"/in", b"a.mp4", "f", "r"), b"/in/a.mp4", b"/out/a.mp4", {})
    return Job(number, request, state, 1, 0.0, 0.0, frames_done=48)


def work_off(voice: worker_process.TellingObserver, *outcomes: Any) -> FakeWorker:
    worker = FakeWorker(voice, *outcomes)
    worker_process.work_off_jobs(worker, voice)  # type: ignore[arg-type]
    return worker


paths = st.binary(min_size=1).filter(lambda name: b"\0" not in name)


@given(paths, st.integers(1, 64), st.floats(0, 1e5), st.booleans())
def test_settings_arrive_as_they_were_whatever_bytes_a_path_has(
    name: bytes, threads: int, grace: float, refuse: bool
) -> None:
    settings = WorkerSettings(
        state_dir=Path("/state") / name.decode("utf-8", "surrogateescape").strip("/"),
        cache_dir=Path("/cache"),
        threads=threads,
        grace_seconds=grace,
        refuse_upgrade=refuse,
    )
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        Channel(ours).say(settings=settings.to_json())
        message = Channel(theirs).receive()
    assert message is not None
    assert WorkerSettings.from_json(message["settings"]) == settings


def test_messages_come_whole_and_in_order(ends: tuple[Channel, Channel]) -> None:
    ours, theirs = ends
    for number in range(5):
        theirs.say(kind="status", number=number, text="x" * 5000)
    assert [message["number"] for message in ours.pending()] == list(range(5))
    assert ours.pending() == []


def test_a_worker_does_not_wait_for_a_supervisor_that_does_not_listen(
    ends: tuple[Channel, Channel],
) -> None:
    for _ in range(1000):
        ends[1].say(kind="status", text="x" * 16_000)
    assert 0 < len(ends[0].pending()) < 1000


def test_a_word_to_one_who_is_gone_is_no_fault(ends: tuple[Channel, Channel]) -> None:
    ends[0].close()
    ends[1].say(kind="beat")
    assert ends[1].receive() is None


def test_it_stops_or_retires_when_it_is_told_to_and_ends_when_nobody_is_there(
    ends: tuple[Channel, Channel],
    voice: worker_process.TellingObserver,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    codes: list[int] = []
    monkeypatch.setattr("os._exit", codes.append)
    listener = threading.Thread(target=voice.listen)
    listener.start()
    ends[0].say(kind="retire")
    until(lambda: voice.retiring)
    assert not voice.stopping
    ends[0].say(kind="stop")
    until(lambda: voice.stopping)
    ends[0].close()
    listener.join(30)
    assert codes == [75]


def until(condition: Any) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_signs_of_life_are_given_once_a_second_at_most(
    ends: tuple[Channel, Channel],
    voice: worker_process.TellingObserver,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 100.0
    monkeypatch.setattr(worker_process.time, "monotonic", lambda: now)  # type: ignore[attr-defined]
    for _ in range(30):
        voice.stepped(0, Mock())
        now += 0.1
    assert 3 <= len(ends[0].pending()) <= 4


def test_each_frame_is_told_and_a_long_film_logged_every_tenth(
    ends: tuple[Channel, Channel],
    voice: worker_process.TellingObserver,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    voice.began(job(3), painted=0, total=40)
    for frame in range(40):
        voice.painted(frame)
    assert caplog.messages == [
        "Painting job 3: 0 of 40 frames are done: /in/a.mp4 → /out/a.mp4",
        *(f"Painting job 3: {done} of 40 frames" for done in range(4, 41, 4)),
    ]
    told = ends[0].pending()
    assert [message["painted"] for message in told] == [False, *[True] * 40]
    assert told[-1]["status"] == "Painting job 3: frame 40 of 40"


def test_short_films_are_not_counted_in_the_log(
    voice: worker_process.TellingObserver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    voice.began(job(3), painted=0, total=5)
    for frame in range(5):
        voice.painted(frame)
    assert len(caplog.messages) == 1


@pytest.mark.logs_errors
def test_what_became_of_each_job_is_in_the_log(
    voice: worker_process.TellingObserver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    work_off(
        voice,
        outcome(UnreadableError("a.mp4 is torn", "Mend it")),
        outcome(None, JobState.DONE),
        outcome(Interrupted("Painting a.mp4 was stopped at frame 3"), JobState.QUEUED),
        outcome(Interrupted("Painting a.mp4 was stopped at frame 3"), JobState.CANCELED),
        outcome(DiskFullError("No space is left", "Free some"), JobState.QUEUED),
    )
    assert [(one.levelname, one.message) for one in caplog.records] == [
        ("ERROR", "Job 7 is failed: a.mp4 is torn. Mend it."),
        ("INFO", "Done: job 7: /in/a.mp4 → /out/a.mp4, 48 frames"),
        ("INFO", "Job 7: Painting a.mp4 was stopped at frame 3"),
        ("INFO", "Job 7 is canceled: /in/a.mp4 → /out/a.mp4"),
        ("WARNING", "Job 7 waits: No space is left. Free some."),
    ]


@pytest.mark.logs_errors
def test_a_device_that_failed_ends_the_process_and_one_that_is_too_small_does_not(
    voice: worker_process.TellingObserver,
) -> None:
    work_off(voice, outcome(DeviceMemoryError("too small"), JobState.QUEUED))
    again = worker_process.TellingObserver(voice._channel)
    with pytest.raises(DeviceError, match="on fire"):
        work_off(again, outcome(DeviceError("on fire"), JobState.QUEUED), outcome(None))


def test_a_ledger_on_a_full_disk_is_waited_for_and_one_that_is_torn_is_not(
    voice: worker_process.TellingObserver,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(worker_process, "LEDGER_WAIT_SECONDS", 0.01)
    work_off(voice, DiskFullError("No space is left for the ledger"), outcome(None, JobState.DONE))
    assert "The ledger cannot be used for now: No space is left for the ledger" in caplog.text
    again = worker_process.TellingObserver(voice._channel)
    with pytest.raises(LedgerError, match="torn"):
        work_off(again, LedgerError("torn"))


def test_when_idle_it_clears_up_now_and_then(voice: worker_process.TellingObserver) -> None:
    assert work_off(voice, outcome(None, JobState.DONE), None, None).cleared == 1


def test_how_long_a_film_has_taken_is_said_with_it_and_not_with_the_next(
    voice: worker_process.TellingObserver,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    caplog.set_level(logging.INFO)
    voice.began(job(7), painted=0, total=48)
    now = 200.0
    voice.ended(outcome(None, JobState.DONE))
    voice.ended(outcome(None, JobState.DONE))  # published where another worker was lost
    gone = replace(job(7, JobState.VANISHED), error="There is no /in/a.mp4. Put it back.")
    voice.ended(Outcome(gone, UnreadableError("There is no /in/a.mp4")))
    way = "/in/a.mp4 → /out/a.mp4"
    assert caplog.messages[1:] == [
        f"Done: job 7: {way}, 48 frames in 3 min 20 s",
        f"Done: job 7: {way}, 48 frames",
        f"Job 7 is vanished: {way}. There is no /in/a.mp4. Put it back.",
    ]
