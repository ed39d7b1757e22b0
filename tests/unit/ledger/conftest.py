"""What the tests of the ledger share: a clock that is set by hand, and work to queue."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from nstd.ledger.job import Job, JobKey, JobRequest, JobState
from nstd.ledger.leases import Holder, Presence
from nstd.ledger.store import JobStore

NOON = 1_700_000_000.0

WAYS = {
    "queued": {"running", "failed", "canceled", "vanished"},
    "running": {"queued", "publishing", "failed", "canceled", "vanished"},
    "publishing": {"done", "queued", "failed"},
    "done": set[str](),
    "failed": {"queued", "canceled"},
    "canceled": {"queued"},
    "vanished": {"queued"},
}
"""Where a job may go from each state, as the documentation has it."""


class Clock:
    """Seconds since the epoch, as told by the test."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        return self.now


class Machine:
    """Which of the processes that hold jobs live."""

    def __init__(self) -> None:
        self.seen: dict[int, Presence] = {}

    def __call__(self, holder: Holder, observer: Holder) -> Presence:
        return self.seen.get(holder.pid, Presence.ALIVE)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest.fixture
def open_store(tmp_path: Path, clock: Clock, machine: Machine) -> Iterator[Callable[..., JobStore]]:
    """Opens the one ledger of the test in the name of a process."""
    opened: list[JobStore] = []

    def open_one(pid: int = 100, **options: int) -> JobStore:
        holder = Holder(pid, 1, "this boot")
        path = tmp_path / "ledger.sqlite3"
        store = JobStore(path, clock, holder=holder, presence=machine, **options)
        opened.append(store)
        return store

    yield open_one
    for store in opened:
        store.close()


@pytest.fixture
def store(open_store: Callable[..., JobStore]) -> JobStore:
    return open_store()


@pytest.fixture
def film() -> Callable[..., JobRequest]:
    """Makes a request for the film of this name."""

    def make(name: bytes = b"a.mp4", *, content: str = "c0ffee", priority: int = 0) -> JobRequest:
        return JobRequest(
            key=JobKey(b"/in", name, content, "oil"),
            source=b"/in/" + name,
            target=b"/out/" + name,
            recipe={"style": "oil.jpg", "weights": [1.0, 0.5]},
            output={"codec": "h264"},
            priority=priority,
        )

    return make


def claim(store: JobStore, worker: str = "w", **options: Any) -> Job:
    """The job that `worker` gets, for a minute; there has to be one."""
    job = store.claim(worker, lease_seconds=60.0, **options)
    assert job is not None
    return job


def claimed(store: JobStore, request: JobRequest) -> Job:
    """The next job, once `request` is queued."""
    store.enqueue(request)
    return claim(store)


def in_state(store: JobStore, request: JobRequest, state: JobState) -> Job:
    """The job for `request`, brought to a state."""
    job, _ = store.enqueue(request)
    if state is JobState.QUEUED:
        return job
    job = claim(store, job_id=job.id)
    ways: dict[JobState, Callable[[], Job]] = {
        JobState.RUNNING: lambda: job,
        JobState.PUBLISHING: lambda: store.publishing(job),
        JobState.DONE: lambda: store.done(store.publishing(job)),
        JobState.FAILED: lambda: store.fail(job, "It is no film"),
        JobState.CANCELED: lambda: store.cancel(job.id),
        JobState.VANISHED: lambda: store.vanished(job, "It is gone"),
    }
    return ways[state]()
