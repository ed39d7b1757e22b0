"""Queueing work, and changing its turn from outside."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from nstd.errors import BusyError, LedgerError
from nstd.ledger.job import FileIdentity, JobRequest, JobState, Segment
from nstd.ledger.leases import Presence
from nstd.ledger.store import JobStore
from tests.unit.ledger.conftest import Machine, claim, claimed, in_state

Film = Callable[..., JobRequest]


def test_a_queued_job_is_what_was_asked_for(store: JobStore, film: Film) -> None:
    request = film(b"caf\xe9 'n\n\xff.mp4", priority=3)  # no name is too strange
    job, new = store.enqueue(request)
    assert new
    assert job.request == request
    assert (job.state, job.attempts, job.worker) == (JobState.QUEUED, 0, None)
    assert store.get(job.id) == job
    assert store.find(request.key) == job


def test_the_same_work_is_queued_once(store: JobStore, film: Film) -> None:
    first, _ = store.enqueue(film())
    changed = replace(film(), recipe={"style": "ink.jpg"})
    second, new = store.enqueue(changed)
    assert not new
    assert second == first  # the frozen recipe stays


@pytest.mark.parametrize("field", ["folder", "relative", "fingerprint", "recipe_name"])
def test_another_key_is_other_work(store: JobStore, film: Film, field: str) -> None:
    store.enqueue(film())
    other: Any = "x" if field in {"fingerprint", "recipe_name"} else b"x"
    request = replace(film(), key=replace(film().key, **{field: other}))
    assert store.enqueue(request)[1]


@pytest.mark.parametrize("state", list(JobState))
def test_asking_again_makes_a_new_job_unless_one_is_under_way(
    store: JobStore, film: Film, state: JobState
) -> None:
    before = in_state(store, film(), state)
    asked = replace(film(), recipe={"style": "ink.jpg"})
    job, new = store.enqueue(asked, again=True)
    under_way = state in {JobState.QUEUED, JobState.RUNNING, JobState.PUBLISHING}
    assert new is not under_way
    assert (job.id == before.id) is under_way
    if new:
        assert job.request == asked
        assert store.find(asked.key) == job
        assert store.get(before.id).state is state  # the old one stays as it was


def test_a_film_that_is_back_goes_on_where_it_was(store: JobStore, film: Film) -> None:
    job = claimed(store, film())
    store.open_segment(job, Segment(0, 0))
    store.vanished(job, "It is gone")
    back, new = store.enqueue(film())
    assert (back.id, back.state, new) == (job.id, JobState.QUEUED, True)
    assert store.segments(job.id) == [Segment(0, 0)]


def test_a_film_that_is_back_with_another_recipe_begins_anew(store: JobStore, film: Film) -> None:
    job = in_state(store, film(), JobState.VANISHED)
    back, new = store.enqueue(replace(film(), recipe={"style": "ink.jpg"}))
    assert new
    assert back.id != job.id


def test_what_json_cannot_say_is_refused(store: JobStore, film: Film) -> None:
    with pytest.raises(LedgerError, match="no JSON"):
        store.enqueue(replace(film(), recipe={"weight": float("nan")}))
    assert store.jobs() == []


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        (JobState.RUNNING, "Job 1 is running already"),
        (JobState.PUBLISHING, "Job 1 is publishing already"),
        (JobState.DONE, "Job 1 is done. `nstd add --again"),
    ],
)
def test_a_job_under_way_or_done_is_not_retried(
    store: JobStore, film: Film, state: JobState, sentence: str
) -> None:
    job = in_state(store, film(), state)
    with pytest.raises(LedgerError, match=sentence):
        store.retry(job.id)
    assert store.get(job.id) == job


def test_an_old_job_is_not_retried_beside_a_newer_one(store: JobStore, film: Film) -> None:
    old = in_state(store, film(), JobState.FAILED)
    newer, _ = store.enqueue(film(), again=True)
    with pytest.raises(LedgerError, match=f"Job {newer.id} was queued for the same film"):
        store.retry(old.id)


def test_a_canceled_job_is_its_workers_no_longer(store: JobStore, film: Film) -> None:
    job = claimed(store, film())
    assert store.cancel(job.id).state is JobState.CANCELED
    with pytest.raises(BusyError, match="canceled now, and no longer held by w"):
        store.progress(job, 1, 10)
    assert store.claim("w", lease_seconds=60) is None


@pytest.mark.parametrize("state", [JobState.PUBLISHING, JobState.DONE])
def test_it_is_too_late_to_cancel_what_is_being_published(
    store: JobStore, film: Film, state: JobState
) -> None:
    job = in_state(store, film(), state)
    with pytest.raises(LedgerError, match="nothing to cancel"):
        store.cancel(job.id)
    assert store.get(job.id) == job


def test_a_job_that_is_over_is_not_paused(store: JobStore, film: Film) -> None:
    job = in_state(store, film(), JobState.DONE)
    with pytest.raises(LedgerError, match="nothing to pause"):
        store.pause(job.id)


def test_priority_changes_the_turn(store: JobStore, film: Film) -> None:
    store.enqueue(film(b"a"))
    late, _ = store.enqueue(film(b"b"))
    assert store.prioritize(late.id, 5).request.priority == 5
    assert claim(store).id == late.id


@pytest.mark.parametrize("state", [JobState.FAILED, JobState.CANCELED, JobState.VANISHED])
def test_a_retried_job_is_queued_with_fresh_attempts(
    store: JobStore, film: Film, state: JobState
) -> None:
    job = store.retry(in_state(store, film(), state).id)
    assert (job.state, job.attempts, job.error) == (JobState.QUEUED, 0, None)


def test_retrying_a_waiting_job_ends_its_wait(
    store: JobStore, film: Film, clock: Callable[[], float]
) -> None:
    job = claimed(store, film())
    store.requeue(job, reason="Disk full", not_before=clock() + 3600)
    assert store.claim("w", lease_seconds=60) is None
    waiting = store.retry(job.id)
    assert (waiting.hold_reason, waiting.not_before) == (None, 0.0)
    assert claim(store).id == job.id


def test_what_is_forgotten_leaves_nothing_and_is_new_work_when_it_comes_back(
    store: JobStore, film: Film
) -> None:
    job = claimed(store, film())
    store.set_plan(job, {"device": "cpu"})
    for number, before in ((0, None), (1, 0)):
        segment = Segment(number, number, depends_on=before)
        store.open_segment(job, segment)
        store.close_segment(job, replace(segment, last=number, path=f"{number}.mp4", digest="d"))
    seen = FileIdentity(2**63 + 5, 2, 3, 4, 5)
    store.record_file(b"/in", b"a.mp4", seen, "c0ffee")
    assert store.device_of(film().key) == seen.device
    other, _ = store.enqueue(film(b"b.mp4"))
    other_film, _ = store.enqueue(film(b"c.mp4"))
    failed = store.fail(job, "It is torn")
    assert store.forget([failed, other_film]) == {failed.id, other_film.id}
    assert store.jobs() == [other]
    assert not store.segments(job.id)
    assert not store.events(job.id)
    assert store.device_of(film().key) is None
    assert not store.forget([failed])  # it is gone already
    again, new = store.enqueue(film())
    assert new
    assert again.id > other_film.id  # a number is never given twice


def test_what_has_changed_since_is_not_forgotten(store: JobStore, film: Film) -> None:
    job = in_state(store, film(), JobState.FAILED)
    store.retry(job.id)
    assert not store.forget([job])
    assert store.get(job.id).state is JobState.QUEUED


@pytest.mark.parametrize("state", [JobState.RUNNING, JobState.PUBLISHING])
def test_what_a_worker_holds_is_forgotten_only_once_that_is_lost(
    store: JobStore, film: Film, machine: Machine, state: JobState
) -> None:
    job = in_state(store, film(), state)
    assert not store.forget([job])
    machine.seen[100] = Presence.GONE
    assert store.forget([job])
