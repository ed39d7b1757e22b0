"""Who gets which job, when a claim no longer counts, and when a job is given up."""

from collections.abc import Callable
from typing import Any

import pytest

from nstd.errors import BusyError
from nstd.ledger.job import FileIdentity, JobRequest, JobState, Segment
from nstd.ledger.leases import Holder, Presence
from nstd.ledger.store import JobStore
from tests.unit.ledger.conftest import claim

Film = Callable[..., JobRequest]
Open = Callable[..., JobStore]


def test_a_claim_is_counted_before_the_work(
    store: JobStore, film: Film, clock: Callable[[], float]
) -> None:
    store.enqueue(film())
    job = claim(store)
    assert (job.state, job.attempts, job.worker, job.pid) == (JobState.RUNNING, 1, "w", 100)
    assert job.lease_until == clock() + 60
    assert store.get(job.id) == job


def test_a_job_asked_for_by_number_is_the_one_claimed(store: JobStore, film: Film) -> None:
    store.enqueue(film(b"a", priority=9))
    job, _ = store.enqueue(film(b"b"))
    assert claim(store, job_id=job.id).id == job.id


def test_a_job_another_process_paints_is_busy(open_store: Open, film: Film) -> None:
    one, two = open_store(111), open_store(222)
    one.enqueue(film())
    job = claim(one, "one")
    with pytest.raises(BusyError, match="painted by one"):
        two.claim("two", lease_seconds=60, job_id=job.id)
    assert two.get(job.id) == job


def test_a_job_that_is_over_is_not_claimed_by_number(store: JobStore, film: Film) -> None:
    job, _ = store.enqueue(film())
    store.cancel(job.id)
    assert store.claim("w", lease_seconds=60, job_id=job.id) is None


def test_a_lease_that_ran_out_is_taken_over_and_fenced(
    open_store: Open, film: Film, clock: Any
) -> None:
    one, two = open_store(1), open_store(2)
    one.enqueue(film())
    old = claim(one, "one")
    clock.now += 60
    new = claim(two, "two")
    assert (new.id, new.attempts) == (old.id, 2)
    late: list[Callable[[], object]] = [
        lambda: one.renew(old),
        lambda: one.progress(old, 1, 10),
        lambda: one.set_plan(old, {}),
        lambda: one.open_segment(old, Segment(0, 0)),
        lambda: one.close_segment(old, Segment(0, 0, 9, path="p", digest="d")),
        lambda: one.clear_segments(old),
        lambda: one.publishing(old),
        lambda: one.done(old),
        lambda: one.fail(old, "Too late"),
        lambda: one.vanished(old, "It is gone"),
        lambda: one.requeue(old, reason="Too late"),
    ]
    for act in late:
        with pytest.raises(BusyError, match=r"taken over by two \(process 2\)"):
            act()
    assert two.get(new.id) == new


def test_a_lease_can_be_renewed_for_longer(open_store: Open, film: Film, clock: Any) -> None:
    one, two = open_store(1), open_store(2)
    one.enqueue(film())
    one.renew(claim(one), lease_seconds=600)
    clock.now += 599
    assert two.claim("two", lease_seconds=60) is None
    clock.now += 1
    assert two.claim("two", lease_seconds=60) is not None


def test_the_job_of_a_process_that_is_gone_is_free_at_once(
    open_store: Open, film: Film, machine: Any
) -> None:
    one, two = open_store(1), open_store(2)
    one.enqueue(film())
    old = claim(one, "one")
    assert two.claim("two", lease_seconds=60) is None
    machine.seen[1] = Presence.GONE
    assert claim(two, "two").id == old.id
    reasons = [event.reason for event in two.events(old.id)]
    assert reasons[-2:] == ["Its worker one (process 1) was lost", "Taken by two"]


def test_after_a_reboot_with_the_clock_set_back_no_one_waits_for_years(
    open_store: Open, film: Film, machine: Any, clock: Any
) -> None:
    one, two = open_store(1), open_store(2)
    one.enqueue(film())
    claim(one)
    machine.seen[1] = Presence.UNKNOWN
    assert two.claim("two", lease_seconds=60) is None  # it may live, in another container
    clock.now = 0.0
    assert two.claim("two", lease_seconds=60) is not None


def test_a_job_that_kills_its_workers_is_given_up(
    open_store: Open, film: Film, machine: Any
) -> None:
    open_store().enqueue(film(b"bad"))
    for pid in range(1, 6):
        job = claim(open_store(pid))
        assert (job.request.key.relative, job.attempts) == (b"bad", pid)
        machine.seen[pid] = Presence.GONE
    last = open_store(6)
    last.enqueue(film(b"good"))
    assert claim(last).request.key.relative == b"good"
    bad = last.get(job.id)
    assert bad.state is JobState.FAILED
    assert "started 5 times without painting a frame" in str(bad.error)


def test_publishing_that_was_cut_short_is_handed_out_first_and_as_it_is(
    open_store: Open, film: Film, machine: Any
) -> None:
    one, two = open_store(1), open_store(2)
    one.enqueue(film(b"a"))
    part = FileIdentity(1, 2, 3, 4, 5)
    old = claim(one, "one")
    one.publishing(old, part=part)
    one.enqueue(film(b"b", priority=9))
    machine.seen[1] = Presence.GONE
    job = claim(two, "two")
    assert (job.id, job.state, job.part) == (old.id, JobState.PUBLISHING, part)
    with pytest.raises(BusyError):
        one.done(old)
    assert two.done(job).state is JobState.DONE


def test_publishing_that_goes_on_is_nobody_elses(open_store: Open, film: Film) -> None:
    one, two = open_store(1), open_store(2)
    one.enqueue(film())
    job = one.publishing(claim(one, "one"))
    assert two.claim("two", lease_seconds=60) is None
    with pytest.raises(BusyError, match="painted by one"):
        two.claim("two", lease_seconds=60, job_id=job.id)
    assert one.done(job).state is JobState.DONE


def test_a_worker_given_up_while_publishing_is_told(
    open_store: Open, film: Film, machine: Any
) -> None:
    one, two = open_store(1), open_store(2)
    job, _ = one.enqueue(film())
    other, _ = one.enqueue(film(b"other"))
    held = one.publishing(claim(one, "one", job_id=job.id))
    machine.seen[1] = Presence.GONE
    two.claim("two", lease_seconds=60, job_id=other.id)
    with pytest.raises(BusyError, match="given up as lost"):
        one.done(held)


def test_a_wait_reckoned_by_a_clock_set_back_since_is_over(
    store: JobStore, film: Film, clock: Any
) -> None:
    store.enqueue(film())
    store.requeue(claim(store), reason="Disk full", not_before=clock() + 60)
    clock.now -= 30 * 365 * 86400
    assert claim(store).attempts == 2


def test_a_film_that_may_be_one_no_worker_survives_comes_after_the_others(
    open_store: Open, film: Film
) -> None:
    store = open_store()
    bad, _ = store.enqueue(film(b"bad.mp4"))
    good, _ = store.enqueue(film(b"good.mp4"))
    for pid in (101, 102):
        taken = open_store(pid).claim("w", lease_seconds=60)
        assert taken is not None
        assert taken.id == bad.id  # one crash may have any cause
        store.release(Holder(pid, 1, "this boot"), reason="It was ended by SIGSEGV")
    third = store.claim("w", lease_seconds=60)
    assert third is not None
    assert third.id == good.id
