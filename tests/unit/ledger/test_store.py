"""The ledger's promises about queueing, working and looking, one by one."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nstd.errors import BusyError, LedgerError
from nstd.ledger.job import FileIdentity, Job, JobRequest, JobState, Segment
from nstd.ledger.leases import Holder
from nstd.ledger.store import JobStore

Open = Callable[..., JobStore]
Film = Callable[..., JobRequest]
IDENTITY = FileIdentity(1, 2, 3, 4, 5)
CLOSED = Segment(0, 0, 9, path="segment-000000.mkv", digest="abc", carried={"frames": ["f"]})


def _claim(store: JobStore, worker: str = "w", job_id: int | None = None) -> Job:
    job = store.claim(worker, lease_seconds=60.0, job_id=job_id)
    assert job is not None
    return job


def _claimed(store: JobStore, request: JobRequest) -> Job:
    store.enqueue(request)
    return _claim(store)


def _in_state(store: JobStore, request: JobRequest, state: JobState) -> Job:
    job, _ = store.enqueue(request)
    if state is JobState.QUEUED:
        return job
    job = _claim(store, job_id=job.id)
    ways: dict[JobState, Callable[[], Job]] = {
        JobState.RUNNING: lambda: job,
        JobState.PUBLISHING: lambda: store.publishing(job),
        JobState.DONE: lambda: store.done(store.publishing(job)),
        JobState.FAILED: lambda: store.fail(job, "It is no film"),
        JobState.CANCELED: lambda: store.cancel(job.id),
        JobState.VANISHED: lambda: store.vanished(job),
    }
    return ways[state]()


# --- queueing --------------------------------------------------------------------------------


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
    before = _in_state(store, film(), state)
    asked = replace(film(), recipe={"style": "ink.jpg"})
    job, new = store.enqueue(asked, again=True)
    under_way = state in {JobState.QUEUED, JobState.RUNNING, JobState.PUBLISHING}
    assert new is not under_way
    assert (job.id == before.id) is under_way
    if new:
        assert job.request == asked
        assert store.find(asked.key) == job
        assert store.get(before.id).state is state  # the old one stays as it was


@pytest.mark.parametrize("state", [JobState.DONE, JobState.FAILED, JobState.CANCELED])
def test_work_that_is_over_is_not_begun_by_itself(
    store: JobStore, film: Film, state: JobState
) -> None:
    before = _in_state(store, film(), state)
    assert store.enqueue(film()) == (before, False)


def test_a_film_that_is_back_goes_on_where_it_was(store: JobStore, film: Film) -> None:
    job = _claimed(store, film())
    store.open_segment(job, Segment(0, 0))
    store.vanished(job)
    back, new = store.enqueue(film())
    assert (back.id, back.state, new) == (job.id, JobState.QUEUED, True)
    assert store.segments(job.id) == [Segment(0, 0)]


def test_a_film_that_is_back_with_another_recipe_begins_anew(store: JobStore, film: Film) -> None:
    job = _in_state(store, film(), JobState.VANISHED)
    back, new = store.enqueue(replace(film(), recipe={"style": "ink.jpg"}))
    assert new
    assert back.id != job.id


def test_what_json_cannot_say_is_refused(store: JobStore, film: Film) -> None:
    with pytest.raises(LedgerError, match="no JSON"):
        store.enqueue(replace(film(), recipe={"weight": float("nan")}))
    assert store.jobs() == []


@pytest.mark.parametrize("state", [JobState.FAILED, JobState.CANCELED, JobState.VANISHED])
def test_a_retried_job_is_queued_with_fresh_attempts(
    store: JobStore, film: Film, state: JobState
) -> None:
    job = store.retry(_in_state(store, film(), state).id)
    assert (job.state, job.attempts, job.error) == (JobState.QUEUED, 0, None)


def test_retrying_a_waiting_job_ends_its_wait(
    store: JobStore, film: Film, clock: Callable[[], float]
) -> None:
    job = _claimed(store, film())
    store.requeue(job, reason="Disk full", not_before=clock() + 3600)
    assert store.claim("w", lease_seconds=60) is None
    waiting = store.retry(job.id)
    assert (waiting.hold_reason, waiting.not_before) == (None, 0.0)
    assert _claim(store).id == job.id


@pytest.mark.parametrize("state", [JobState.RUNNING, JobState.PUBLISHING, JobState.DONE])
def test_a_job_under_way_or_done_is_not_retried(
    store: JobStore, film: Film, state: JobState
) -> None:
    job = _in_state(store, film(), state)
    with pytest.raises(LedgerError):
        store.retry(job.id)
    assert store.get(job.id) == job


def test_an_old_job_is_not_retried_beside_a_newer_one(store: JobStore, film: Film) -> None:
    old = _in_state(store, film(), JobState.FAILED)
    newer, _ = store.enqueue(film(), again=True)
    with pytest.raises(LedgerError, match=f"Job {newer.id} was queued for the same film"):
        store.retry(old.id)


def test_a_canceled_job_is_its_workers_no_longer(store: JobStore, film: Film) -> None:
    job = _claimed(store, film())
    assert store.cancel(job.id).state is JobState.CANCELED
    with pytest.raises(BusyError, match="canceled now, and no longer held by w"):
        store.progress(job, 1, 10)
    assert store.claim("w", lease_seconds=60) is None


@pytest.mark.parametrize("state", [JobState.PUBLISHING, JobState.DONE])
def test_it_is_too_late_to_cancel_what_is_being_published(
    store: JobStore, film: Film, state: JobState
) -> None:
    job = _in_state(store, film(), state)
    with pytest.raises(LedgerError, match="nothing to cancel"):
        store.cancel(job.id)
    assert store.get(job.id) == job


def test_a_paused_job_is_not_started_until_it_is_resumed(store: JobStore, film: Film) -> None:
    job, _ = store.enqueue(film())
    assert store.pause(job.id).paused
    assert store.claim("w", lease_seconds=60) is None
    store.resume(job.id)
    assert _claim(store).id == job.id


def test_a_worker_sees_that_its_job_was_paused(store: JobStore, film: Film) -> None:
    job = _claimed(store, film())
    assert not store.renew(job).paused
    store.pause(job.id)
    assert store.renew(job).paused


def test_a_pause_outlasts_the_start_that_it_ends_but_not_the_job(
    store: JobStore, film: Film
) -> None:
    job = _claimed(store, film())
    store.pause(job.id)
    assert store.requeue(job, reason="Stopped", counted=False).paused
    assert store.retry(job.id).paused
    assert not store.cancel(job.id).paused
    store.retry(job.id)
    assert _claim(store).id == job.id


def test_a_job_that_is_over_is_not_paused(store: JobStore, film: Film) -> None:
    job = _in_state(store, film(), JobState.DONE)
    with pytest.raises(LedgerError, match="nothing to pause"):
        store.pause(job.id)


def test_priority_changes_the_turn(store: JobStore, film: Film) -> None:
    store.enqueue(film(b"a"))
    late, _ = store.enqueue(film(b"b"))
    assert store.prioritize(late.id, 5).request.priority == 5
    assert _claim(store).id == late.id


# --- working ---------------------------------------------------------------------------------


def test_a_job_goes_all_the_way(store: JobStore, film: Film) -> None:
    job = _claimed(store, film())
    assert store.set_plan(job, {"device": "cpu"}).plan == {"device": "cpu"}
    store.progress(job, 1, 10)
    publishing = store.publishing(job, part=IDENTITY)
    assert (publishing.state, publishing.part) == (JobState.PUBLISHING, IDENTITY)
    done = store.done(job)
    assert (done.state, done.worker, done.part) == (JobState.DONE, None, IDENTITY)
    history = [(event.before, event.after) for event in store.events(job.id)]
    assert history == [
        (None, JobState.QUEUED),
        (JobState.QUEUED, JobState.RUNNING),
        (JobState.RUNNING, JobState.RUNNING),  # the plan
        (JobState.RUNNING, JobState.PUBLISHING),
        (JobState.PUBLISHING, JobState.DONE),
    ]


def test_a_failed_job_keeps_its_sentence_whatever_name_is_in_it(
    store: JobStore, film: Film
) -> None:
    job = store.fail(_claimed(store, film()), "caf\udce9.mp4 is no film")
    assert job.error == "caf\\udce9.mp4 is no film"
    assert store.events(job.id)[-1].reason == job.error


def test_a_queued_job_can_fail_or_vanish_before_anyone_claims_it(
    store: JobStore, film: Film
) -> None:
    first, _ = store.enqueue(film(b"a"))
    second, _ = store.enqueue(film(b"b"))
    assert store.fail(first, "It is no film").state is JobState.FAILED
    assert store.vanished(second).state is JobState.VANISHED


def test_what_was_read_before_a_claim_does_not_change_the_claimed_job(
    store: JobStore, film: Film
) -> None:
    seen, _ = store.enqueue(film())
    job = _claim(store)
    with pytest.raises(BusyError, match="taken over by w"):
        store.vanished(seen)
    assert store.get(job.id) == job


def test_an_unclaimed_job_is_not_worked_on(store: JobStore, film: Film) -> None:
    job, _ = store.enqueue(film())
    for act in (store.renew, store.publishing, store.done, store.clear_segments):
        with pytest.raises(LedgerError, match="claimed first"):
            act(job)
    with pytest.raises(LedgerError, match="claimed first"):
        store.requeue(job, reason="no")


def test_a_given_back_job_waits_with_its_reason(
    store: JobStore, film: Film, clock: Callable[[], float]
) -> None:
    job = _claimed(store, film())
    waiting = store.requeue(job, reason="No space is left", not_before=clock() + 60)
    assert (waiting.state, waiting.hold_reason) == (JobState.QUEUED, "No space is left")
    assert (waiting.attempts, waiting.worker) == (1, None)
    with pytest.raises(BusyError):
        store.progress(job, 1, 10)


def test_being_stopped_is_no_attempt(store: JobStore, film: Film) -> None:
    for _ in range(20):
        job = _claimed(store, film())
        assert job.attempts == 1
        store.requeue(job, reason="Stopped", counted=False)


def test_a_painted_frame_makes_this_start_the_first_one(store: JobStore, film: Film) -> None:
    for _ in range(3):
        store.requeue(_claimed(store, film()), reason="Device busy")
    job = _claim(store)
    assert job.attempts == 4
    store.progress(job, 1, 10)
    assert store.get(job.id).attempts == 1


def test_saying_the_same_progress_twice_paints_no_frame(store: JobStore, film: Film) -> None:
    job = _claimed(store, film())
    store.progress(job, 5, 10)
    store.requeue(job, reason="Device busy")
    job = _claim(store)
    for again in range(6):  # as kept frames are come by, one after the other
        store.progress(job, again, 12)
        found = store.get(job.id)
        assert (found.attempts, found.frames_done, found.frames_total) == (2, 5, 12)


def test_another_plan_keeps_the_frames_of_closed_segments(store: JobStore, film: Film) -> None:
    job = _claimed(store, film())
    store.set_plan(job, {"device": "cpu"})
    store.open_segment(job, Segment(0, 0))
    store.progress(job, 4, 9)
    store.close_segment(job, replace(CLOSED, last=3))
    store.open_segment(job, Segment(1, 4, depends_on=0))
    store.progress(job, 6, 9)
    assert store.set_plan(job, {"device": "cpu"}).frames_done == 6
    assert store.set_plan(job, {"device": "cuda"}).frames_done == 4
    assert store.get(job.id).frames_done == 4


def test_a_done_job_has_been_published(store: JobStore, film: Film) -> None:
    job = _claimed(store, film())
    with pytest.raises(LedgerError, match="from running to done"):
        store.done(job)


def test_nothing_is_painted_while_a_job_is_published(store: JobStore, film: Film) -> None:
    job = _in_state(store, film(), JobState.PUBLISHING)
    with pytest.raises(LedgerError, match="nothing of it is painted"):
        store.progress(job, 1, 1)
    with pytest.raises(LedgerError, match="nothing of it is painted"):
        store.open_segment(job, Segment(0, 0))
    assert store.renew(job).state is JobState.PUBLISHING


def test_a_changed_plan_is_in_the_history(store: JobStore, film: Film) -> None:
    job = _claimed(store, film())
    store.set_plan(job, {"batch": 2})
    store.set_plan(job, {"batch": 2})
    store.set_plan(job, {"batch": 1}, reason="too little memory")
    reasons = [event.reason for event in store.events(job.id)]
    assert reasons[-2:] == ["Plan frozen", "Plan changed: too little memory"]


# --- segments --------------------------------------------------------------------------------


def test_a_segment_enters_open_and_is_closed_with_all_of_it(store: JobStore, film: Film) -> None:
    job = _claimed(store, film())
    store.open_segment(job, Segment(0, 0))
    assert store.segments(job.id) == [Segment(0, 0)]
    store.close_segment(job, CLOSED)
    store.open_segment(job, Segment(1, 10, depends_on=0))
    assert store.segments(job.id) == [CLOSED, Segment(1, 10, depends_on=0)]


def test_an_open_segment_may_be_begun_anew_and_a_closed_one_not(
    store: JobStore, film: Film
) -> None:
    job = _claimed(store, film())
    store.open_segment(job, Segment(0, 0, carried={"frames": ["old"]}))
    store.open_segment(job, Segment(0, 0))
    assert store.segments(job.id) == [Segment(0, 0)]
    store.close_segment(job, CLOSED)
    with pytest.raises(LedgerError, match="closed already"):
        store.open_segment(job, Segment(0, 0))
    with pytest.raises(LedgerError, match="not open"):
        store.close_segment(job, CLOSED)
    assert store.segments(job.id) == [CLOSED]


@pytest.mark.parametrize("field", ["last", "path", "digest"])
def test_a_segment_is_not_closed_without_its_file(store: JobStore, film: Film, field: str) -> None:
    job = _claimed(store, film())
    store.open_segment(job, Segment(0, 0))
    lacking: dict[str, Any] = {field: None}
    with pytest.raises(LedgerError, match="no file to close with"):
        store.close_segment(job, replace(CLOSED, **lacking))


def test_a_segment_does_not_depend_on_one_that_is_not_there(store: JobStore, film: Film) -> None:
    job = _claimed(store, film())
    with pytest.raises(LedgerError, match="senseless"):
        store.open_segment(job, Segment(1, 10, depends_on=0))


def test_a_job_begun_anew_has_no_segments(store: JobStore, film: Film) -> None:
    job = _claimed(store, film())
    store.open_segment(job, Segment(0, 0))
    store.close_segment(job, CLOSED)
    store.open_segment(job, Segment(1, 10, depends_on=0))
    store.progress(job, 11, 20)
    store.clear_segments(job)
    assert store.segments(job.id) == []
    assert store.get(job.id).frames_done == 0


@pytest.mark.parametrize(("counted", "attempts"), [(True, 1), (False, 0)])
def test_what_a_process_held_that_has_ended_its_parent_gives_back(
    open_store: Open, film: Film, counted: bool, attempts: int
) -> None:
    child, parent = open_store(100), open_store(7)
    job = _claimed(child, film())
    for other in (
        Holder(101, 1, "this boot"),
        Holder(100, 2, "this boot"),
        Holder(100, 1, "other"),
    ):
        assert parent.release(other, reason="Another", counted=counted) == []
    (back,) = parent.release(
        Holder(100, 1, "this boot"), reason="It was ended by SIGSEGV", counted=counted
    )
    assert (back.id, back.state, back.attempts) == (job.id, JobState.QUEUED, attempts)
    assert back.hold_reason == "It was ended by SIGSEGV"
    with pytest.raises(BusyError):
        child.progress(job, 1, 2)


def test_a_job_in_mid_publishing_is_given_back_as_that(open_store: Open, film: Film) -> None:
    child, parent = open_store(100), open_store(7)
    child.publishing(_claimed(child, film()))
    (back,) = parent.release(Holder(100, 1, "this boot"), reason="Ended")
    assert (back.state, back.lease_until) == (JobState.PUBLISHING, 0.0)


def test_the_daemons_last_report_is_kept(store: JobStore) -> None:
    assert store.last_report() is None
    store.report({"lost_events": 1})
    store.report({"lost_events": 2, "problems": ["a"]})
    assert store.last_report() == {"lost_events": 2, "problems": ["a"]}


def test_what_is_done_is_painted_once_more_by_adding_it_again(store: JobStore, film: Film) -> None:
    job = _in_state(store, film(), JobState.DONE)
    with pytest.raises(LedgerError, match=r"Job 1 is done. `nstd add --again"):
        store.retry(job.id)


# --- looking ---------------------------------------------------------------------------------


def test_a_job_that_never_was_is_told(store: JobStore, film: Film) -> None:
    for act in (store.get, store.cancel, store.retry, store.pause):
        with pytest.raises(LedgerError, match="There is no job 7"):
            act(7)
    with pytest.raises(LedgerError, match="There is no job 7"):
        store.claim("w", lease_seconds=60, job_id=7)
    assert store.find(film().key) is None
    assert store.events(7) == []


def test_jobs_are_listed_newest_first(store: JobStore, film: Film) -> None:
    ids = [store.enqueue(film(name))[0].id for name in (b"a", b"b", b"c")]
    store.cancel(ids[1])
    assert [job.id for job in store.jobs()] == ids[::-1]
    assert [job.id for job in store.jobs(limit=2)] == ids[:0:-1]
    assert [job.id for job in store.jobs([JobState.QUEUED])] == [ids[2], ids[0]]
    assert [job.id for job in store.jobs({JobState.CANCELED}, limit=5)] == [ids[1]]
    assert store.jobs([]) == []


def test_every_state_is_counted(store: JobStore, film: Film) -> None:
    for number, state in enumerate(JobState):
        _in_state(store, film(b"%d" % number), state)
    _in_state(store, film(b"another"), JobState.DONE)
    assert store.counts() == {state: 1 + (state is JobState.DONE) for state in JobState}


@pytest.mark.parametrize("state", list(JobState))
def test_an_output_is_known_from_the_moment_it_is_put_in_place(
    store: JobStore, film: Film, state: JobState
) -> None:
    job = _in_state(store, film(b"\xff.mp4"), state)
    known = state in {JobState.PUBLISHING, JobState.DONE}
    assert store.is_output(job.request.target) is known
    assert not store.is_output(job.request.source)


def test_the_newest_job_for_an_output_is_found(store: JobStore, film: Film) -> None:
    old = _in_state(store, film(b"\xff.mp4"), JobState.DONE)
    assert store.jobs_for_target(old.request.target) == [old]
    newer, _ = store.enqueue(film(b"\xff.mp4"), again=True)
    assert store.jobs_for_target(old.request.target) == [newer, store.get(old.id)]
    assert store.jobs_for_target(old.request.source) == []


def test_a_film_has_one_newest_job_for_each_recipe(store: JobStore, film: Film) -> None:
    ink = replace(film(), key=replace(film().key, recipe_name="ink"))
    _in_state(store, film(), JobState.DONE)
    other, _ = store.enqueue(ink)
    again, _ = store.enqueue(film(), again=True)
    store.enqueue(film(content="another content"))
    found = {job.request.key.recipe_name: job for job in store.jobs_of_film(film().key)}
    assert found == {"oil": again, "ink": other}
    assert len(store.jobs_of_film(film().key)) == 2


def test_an_unchanged_file_is_known_by_its_fingerprint(store: JobStore) -> None:
    store.record_file(b"/in", b"\xff.mp4", IDENTITY, "one")
    assert store.known_fingerprint(b"/in", b"\xff.mp4", IDENTITY) == "one"
    assert store.known_fingerprint(b"/in", b"other.mp4", IDENTITY) is None
    changed = replace(IDENTITY, ctime_ns=6)
    assert store.known_fingerprint(b"/in", b"\xff.mp4", changed) is None
    store.record_file(b"/in", b"\xff.mp4", changed, "two")
    assert store.known_fingerprint(b"/in", b"\xff.mp4", changed) == "two"
    assert store.known_fingerprint(b"/in", b"\xff.mp4", IDENTITY) is None


def test_inodes_of_64_bits_are_told_apart(store: JobStore) -> None:
    large = replace(IDENTITY, inode=2**64 - 1, device=2**63)
    store.record_file(b"/in", b"a", large, "one")
    assert store.known_fingerprint(b"/in", b"a", large) == "one"
    assert store.known_fingerprint(b"/in", b"a", replace(large, inode=2**64 - 2)) is None


def test_all_of_it_is_there_when_the_ledger_is_opened_again(
    open_store: Callable[..., JobStore], film: Film, tmp_path: Path
) -> None:
    with open_store() as store:
        job = _claimed(store, film())
        store.set_plan(job, {"device": "cpu"})
        store.open_segment(job, Segment(0, 0))
        before = store.get(job.id), store.segments(job.id), store.events(job.id)
    again = open_store()
    assert (again.get(job.id), again.segments(job.id), again.events(job.id)) == before
    again.progress(job, 1, 10)  # the claim outlives the connection
    assert again.get(job.id).frames_done == 1
