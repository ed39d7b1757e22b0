"""The queue from outside: overview, estimates, verbs on several jobs, and who works on it."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nstd.config import Config
from nstd.errors import BusyError, LedgerError, UsageError
from nstd.ledger.job import Event, Job, JobKey, JobRequest, JobState
from nstd.ledger.store import JobStore
from nstd.submit import control as queue
from nstd.submit import sources
from nstd.submit.control import Answer, daemon_lock, is_worked_on, overview, seconds_left

RUN, QUEUED = JobState.RUNNING, JobState.QUEUED


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config.model_validate(
        {"state_dir": tmp_path / "state", "cache_dir": tmp_path / "cache", "recipes": {}}
    )


@pytest.fixture
def store(config: Config) -> Iterator[JobStore]:
    with queue.open_ledger(config) as store:
        yield store


def request(name: bytes = b"a.mp4", recipe: str = "oil") -> JobRequest:
    key = JobKey(b"/in", name, "f", recipe)
    return JobRequest(key, b"/in/" + name, b"/out/" + name, {"styles": []})


def queued(store: JobStore, *names: bytes) -> list[int]:
    return [store.enqueue(request(name))[0].id for name in names]


def running(store: JobStore, name: bytes = b"a.mp4") -> Job:
    (number,) = queued(store, name)
    job = store.claim("w", lease_seconds=60, job_id=number)
    assert job is not None
    return job


def refused(answers: list[Answer]) -> dict[int, str]:
    return {one.number: str(one.error) for one in answers if one.error is not None}


def event(at: float, before: JobState | None, after: JobState, reason: str = "") -> Event:
    return Event(1, at, before, after, None, reason)


def job_at(**values: Any) -> Job:
    usual = {"frames_done": 10, "frames_total": 30, "updated": 200.0}
    return replace(Job(1, request(), RUN, 1, created=0.0, updated=0.0), **(usual | values))


TAKEN = [event(50, None, QUEUED), event(100, QUEUED, RUN, "Taken by w"), event(101, RUN, RUN)]


@pytest.mark.parametrize(
    ("job", "events", "left"),
    [
        (job_at(), TAKEN, 200.0),  # 10 frames took 100 s
        (job_at(updated=190.0), TAKEN, 170.0),  # 90 s for 10, and 10 s are over since
        (job_at(frames_total=10), TAKEN, 0.0),
        # Of 1000 s nothing was painted in 900.
        (
            job_at(updated=1100.0),
            [*TAKEN, event(150, RUN, QUEUED), event(1050, QUEUED, RUN)],
            200.0,
        ),
        (job_at(), [*TAKEN, event(180, RUN, RUN, "Begun anew")], 40.0),
        (job_at(frames_done=0), TAKEN, None),
        (job_at(frames_total=0), TAKEN, None),
        (job_at(state=QUEUED), TAKEN, None),
    ],
)
def test_the_time_left_goes_by_the_time_that_was_painted(
    job: Job, events: list[Event], left: float | None
) -> None:
    now = max(job.updated, 200.0)
    found = seconds_left(job, events, now)
    # Sums of a few hundred seconds: what is beyond rounding is wrong.
    assert found == (left if left is None else pytest.approx(left, abs=1e-6))


def test_time_that_went_by_since_is_not_left_and_never_negative() -> None:
    assert seconds_left(job_at(), TAKEN, 260.0) == pytest.approx(140.0)
    assert seconds_left(job_at(), TAKEN, 9000.0) == 0.0


def test_looking_makes_no_ledger(config: Config, tmp_path: Path) -> None:
    found = overview(config)
    assert set(found.counts.values()) == {0}
    assert not found.working
    assert queue.list_jobs(config, None, None) == []
    with pytest.raises(LedgerError, match="no job 7"):
        queue.details(config, 7)
    assert refused(queue.cancel(config, [7])) == {7: "There is no job 7. `nstd jobs` lists them."}
    assert not (tmp_path / "state").exists()


def test_the_overview_tells_what_runs_and_what_is_held(config: Config, store: JobStore) -> None:
    held, waiting, paused = queued(store, b"held", b"waiting", b"paused")
    claim = store.claim("w", lease_seconds=60, job_id=held)
    assert claim is not None
    store.requeue(claim, reason="Disk full", not_before=claim.updated + 3600)
    store.pause(paused)
    job = running(store, b"run")
    store.progress(job, 3, 9)
    found = overview(config)
    assert [one.job.id for one in found.running] == [job.id]
    assert [(one.id, queue.reason(one)) for one in found.held] == [
        (held, "Disk full"),
        (paused, "Paused"),
    ]
    assert (found.counts[QUEUED], found.counts[RUN]) == (3, 1)
    assert waiting not in {one.id for one in found.held}


def test_what_is_refused_of_one_job_is_done_of_the_others(config: Config, store: JobStore) -> None:
    one, two = queued(store, b"a", b"b")
    store.cancel(one)
    answers = queue.cancel(config, [99, one, two, two])
    assert [answer.number for answer in answers] == [99, one, two]
    said = refused(answers)
    assert said.keys() == {99, one}
    assert "no job 99" in said[99]
    assert f"Job {one} is canceled, so there is nothing to cancel" in said[one]
    assert store.get(two).state is JobState.CANCELED


def test_all_means_every_job_that_waits_or_runs(config: Config, store: JobStore) -> None:
    over, waiting = queued(store, b"over", b"waiting")
    store.cancel(over)
    job = running(store, b"run")
    paused = queue.pause(config, [], every=True)
    assert [answer.number for answer in paused] == [waiting, job.id]
    assert store.renew(job).paused
    assert queue.pause(config, [], every=True) == []
    resumed = queue.resume(config, [], every=True)
    assert [answer.number for answer in resumed] == [waiting, job.id]
    assert not store.get(waiting).paused


def test_failed_means_those_whose_film_was_not_queued_anew(config: Config, store: JobStore) -> None:
    first, second = running(store, b"a"), running(store, b"b")
    store.fail(first, "It is torn")
    store.fail(second, "It is torn too")
    newer, _ = store.enqueue(request(b"a"), again=True)
    answers = queue.retry(config, [], every=True)
    assert [(one.number, one.error) for one in answers] == [(second.id, None)]
    assert store.get(second.id).state is QUEUED
    assert store.get(newer.id).state is QUEUED


@pytest.mark.parametrize("verb", [queue.retry, queue.cancel, queue.pause, queue.resume])
def test_a_verb_without_a_job_is_refused(config: Config, verb: Any) -> None:
    with pytest.raises(UsageError, match="No job is named"):
        verb(config, [])


def test_a_daemon_is_seen_and_looking_does_not_keep_it_from_starting(config: Config) -> None:
    assert not is_worked_on(config)
    with daemon_lock(config, required=True):
        assert is_worked_on(config)
        with pytest.raises(BusyError), daemon_lock(config, required=True):
            pass
    assert not is_worked_on(config)


def test_a_lock_that_is_free_in_a_moment_is_waited_for(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As while somebody looks whether a daemon is there."""
    holder = ExitStack()
    holder.enter_context(daemon_lock(config, required=True))
    monkeypatch.setattr(time, "sleep", lambda _: holder.close())
    with daemon_lock(config, required=True) as held:
        assert held


def test_work_with_its_own_output_is_other_work() -> None:
    plain = request().key
    placed = replace(plain, recipe_name=sources.placed_recipe("oil", Path("/else")))
    assert placed != plain
    assert sources.recipe_name(plain) == sources.recipe_name(placed) == "oil"


def test_what_failed_is_dismissed_and_no_longer_counted(config: Config, store: JobStore) -> None:
    failed, kept, waiting = queued(store, b"a", b"b", b"c")
    for number in (failed, kept):
        store.fail(store.get(number), "It is torn. Mend it.")
    (answer,) = queue.cancel(config, [failed])
    assert answer.job is not None
    assert (answer.job.state, answer.job.error) == (JobState.CANCELED, None)
    assert store.events(failed)[-1].reason == "Dismissed on request"
    assert [one.number for one in queue.cancel(config, [], every=True)] == [kept]
    assert queue.cancel(config, [], every=True) == []
    assert overview(config).counts[JobState.FAILED] == 0
    assert store.get(waiting).state is JobState.QUEUED
    # It can be taken up again, and until then is not queued by itself.
    assert store.enqueue(request(b"a"))[1] is False
    assert queue.retry(config, [failed])[0].error is None
    assert store.get(failed).state is JobState.QUEUED


def test_a_job_says_why_it_vanished_until_its_film_is_back(config: Config, store: JobStore) -> None:
    (number,) = queued(store, b"a")
    gone = store.vanished(store.get(number), "There is no /in/a. Put it back.")
    assert queue.reason(gone) == "There is no /in/a. Put it back."
    assert store.events(number)[-1].reason == "There is no /in/a. Put it back."
    back, _ = store.enqueue(request(b"a"))
    assert (back.id, back.error, queue.reason(back)) == (number, None, "")
