"""What a worker does with the job that it holds."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nstd.errors import BusyError, LedgerError
from nstd.ledger.job import Carried, FileIdentity, Job, JobRequest, JobState, Painted, Segment, Shot
from nstd.ledger.leases import Holder
from nstd.ledger.store import JobStore
from tests.unit.ledger.conftest import claim, claimed, in_state

Film = Callable[..., JobRequest]
Open = Callable[..., JobStore]
IDENTITY = FileIdentity(1, 2, 3, 4, 5)
CLOSED = Segment(0, 0, 9, path="segment-000000.mkv", digest="abc", carried=Carried(0, (9,), 0, 400))


def test_a_job_goes_all_the_way(store: JobStore, film: Film) -> None:
    job = claimed(store, film())
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


def test_what_is_found_out_about_a_film_is_merged_by_name(store: JobStore, film: Film) -> None:
    job = claimed(store, film())
    assert job.report == {}
    store.report(job, reader="opencv", damaged=2)
    store.report(job, reader="pyav", kept=[{"what": "sound"}])
    assert store.report(job, damaged=None).report == {"reader": "pyav", "kept": [{"what": "sound"}]}
    waiting = store.requeue(job, reason="stopped")
    assert store.get(job.id).report == waiting.report == claim(store).report != {}
    with pytest.raises(BusyError):
        store.report(job, reader="opencv")


def test_a_failed_job_keeps_its_sentence_whatever_name_is_in_it(
    store: JobStore, film: Film
) -> None:
    job = store.fail(claimed(store, film()), "caf\udce9.mp4 is no film")
    assert job.error == "caf\\udce9.mp4 is no film"
    assert store.events(job.id)[-1].reason == job.error


def test_a_queued_job_can_fail_or_vanish_before_anyone_claims_it(
    store: JobStore, film: Film
) -> None:
    first, _ = store.enqueue(film(b"a"))
    second, _ = store.enqueue(film(b"b"))
    assert store.fail(first, "It is no film").state is JobState.FAILED
    assert store.vanished(second, "It is gone").state is JobState.VANISHED


def test_what_was_read_before_a_claim_does_not_change_the_claimed_job(
    store: JobStore, film: Film
) -> None:
    seen, _ = store.enqueue(film())
    job = claim(store)
    with pytest.raises(BusyError, match="taken over by w"):
        store.vanished(seen, "It is gone")
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
    job = claimed(store, film())
    waiting = store.requeue(job, reason="No space is left", not_before=clock() + 60)
    assert (waiting.state, waiting.hold_reason) == (JobState.QUEUED, "No space is left")
    assert (waiting.attempts, waiting.worker) == (1, None)
    with pytest.raises(BusyError):
        store.progress(job, 1, 10)


def test_saying_the_same_progress_twice_paints_no_frame(store: JobStore, film: Film) -> None:
    job = claimed(store, film())
    store.progress(job, 5, 10)
    store.requeue(job, reason="Device busy")
    job = claim(store)
    for again in range(6):  # as kept frames are come by, one after the other
        store.progress(job, again, 12)
        found = store.get(job.id)
        assert (found.attempts, found.frames_done, found.frames_total) == (2, 5, 12)


def test_another_plan_keeps_the_frames_of_closed_segments(store: JobStore, film: Film) -> None:
    job = claimed(store, film())
    store.set_plan(job, {"device": "cpu"})
    store.open_segment(job, Segment(0, 0))
    store.progress(job, 4, 9)
    store.close_segment(job, replace(CLOSED, last=3))
    store.open_segment(job, Segment(1, 4, depends_on=0))
    store.progress(job, 6, 9)
    assert store.set_plan(job, {"device": "cpu"}).frames_done == 6
    assert store.set_plan(job, {"device": "cuda"}).frames_done == 4
    assert store.get(job.id).frames_done == 4


def test_nothing_is_painted_while_a_job_is_published(store: JobStore, film: Film) -> None:
    job = in_state(store, film(), JobState.PUBLISHING)
    with pytest.raises(LedgerError, match="nothing of it is painted"):
        store.progress(job, 1, 1)
    with pytest.raises(LedgerError, match="nothing of it is painted"):
        store.open_segment(job, Segment(0, 0))
    assert store.renew(job).state is JobState.PUBLISHING


def test_a_changed_plan_is_in_the_history(store: JobStore, film: Film) -> None:
    job = claimed(store, film())
    store.set_plan(job, {"batch": 2})
    store.set_plan(job, {"batch": 2})
    store.set_plan(job, {"batch": 1}, reason="too little memory")
    reasons = [event.reason for event in store.events(job.id)]
    assert reasons[-2:] == ["Plan frozen", "Plan changed: too little memory"]


# --- segments --------------------------------------------------------------------------------


def test_an_open_segment_may_be_begun_anew_and_a_closed_one_not(
    store: JobStore, film: Film
) -> None:
    job = claimed(store, film())
    store.open_segment(job, Segment(0, 0))
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
    job = claimed(store, film())
    store.open_segment(job, Segment(0, 0))
    lacking: dict[str, Any] = {field: None}
    with pytest.raises(LedgerError, match="no file to close with"):
        store.close_segment(job, replace(CLOSED, **lacking))


def test_a_segment_does_not_depend_on_one_that_is_not_there(store: JobStore, film: Film) -> None:
    job = claimed(store, film())
    with pytest.raises(LedgerError, match="senseless"):
        store.open_segment(job, Segment(1, 10, depends_on=0))


def test_a_job_begun_anew_has_no_segments(store: JobStore, film: Film) -> None:
    job = claimed(store, film())
    store.open_segment(job, Segment(0, 0))
    store.close_segment(job, CLOSED)
    store.open_segment(job, Segment(1, 10, depends_on=0))
    store.progress(job, 11, 20)
    store.clear_segments(job)
    assert store.segments(job.id) == []
    assert store.get(job.id).frames_done == 0


SHOT = Shot(
    0,
    (0.1 + 0.2, 1e-17),
    settled=1 / 3,
    palette={"source": ((0.1, 0.2, 0.3), (1.0, 0.0, 1.0))},
)


def close(store: JobStore, job: Job, segment: Segment, shot: Shot | None = None) -> None:
    """Open a segment, and close it."""
    store.open_segment(job, segment)
    last, carried = segment.first + 9, Carried(shot.first if shot else 0, (), 0, 400, damaged=1)
    name = f"{segment.index}.mp4"
    whole = replace(segment, last=last, path=name, digest="d", carried=carried)
    store.close_segment(job, whole, shot)


def test_a_shot_is_given_back_to_the_bit_and_stays_as_it_was_noted(
    open_store: Open, film: Film
) -> None:
    store = open_store()
    job = claimed(store, film())
    assert store.shot(job.id, 0) is None
    close(store, job, Segment(0, 0), SHOT)
    assert open_store(101).shot(job.id, 0) == SHOT
    close(store, job, Segment(1, 10, depends_on=0), replace(SHOT, settled=0.5))
    assert store.shot(job.id, 0) == SHOT
    assert store.segment(job.id, 0) == store.segments(job.id)[0]
    assert store.segment(job.id, 2) is None


def test_of_a_shot_that_needs_no_palette_none_is_noted(store: JobStore, film: Film) -> None:
    job = claimed(store, film())
    close(store, job, Segment(0, 0), Shot(0, (1.0,)))
    assert store.shot(job.id, 0) == Shot(0, (1.0,))


def test_a_shot_is_noted_as_long_as_a_segment_may_ask_for_it(store: JobStore, film: Film) -> None:
    job = claimed(store, film())
    later = replace(SHOT, first=20)
    close(store, job, Segment(0, 0), SHOT)
    close(store, job, Segment(2, 20), later)  # by another device, say: the first shot goes on
    assert store.shot(job.id, 0) == SHOT
    close(store, job, Segment(1, 10, depends_on=0), SHOT)
    assert store.shot(job.id, 0) is None
    assert store.shot(job.id, 20) == later
    store.open_segment(job, Segment(3, 30))
    assert store.shot(job.id, 20) is None
    close(store, job, Segment(3, 30), replace(SHOT, first=30))
    store.done(store.publishing(job))
    assert store.shot(job.id, 30) is None


def test_a_shot_goes_with_the_segment_that_begins_it(store: JobStore, film: Film) -> None:
    job = claimed(store, film())
    close(store, job, Segment(0, 0), SHOT)
    close(store, job, Segment(1, 10, depends_on=0), SHOT)
    store.reopen_segments(job, {1})
    assert store.shot(job.id, 0) == SHOT
    store.reopen_segments(job, {0})
    assert store.shot(job.id, 0) is None


def test_segments_that_are_opened_again_leave_the_others_as_they_are(
    store: JobStore, film: Film
) -> None:
    job = claimed(store, film())
    for number in range(4):
        close(store, job, Segment(number, 10 * number), replace(SHOT, first=10 * number))
    store.progress(job, 40, 40)
    assert store.painted(job.id) == Painted(segments=4, frames=40, damaged=4)
    before = store.segments(job.id)
    store.reopen_segments(job, {1, 2})
    after = store.segments(job.id)
    assert after == [before[0], Segment(1, 10), Segment(2, 20), before[3]]
    assert store.painted(job.id) == Painted(segments=2, frames=20, damaged=2)
    assert store.get(job.id).frames_done == 20
    assert store.events(job.id)[-1].reason == "Painted again: segment 2, 3"
    close(store, job, after[1], SHOT)
    with pytest.raises(LedgerError, match="closed already"):
        store.open_segment(job, before[3])


def test_plans_are_told_each_once_the_earliest_first(store: JobStore, film: Film) -> None:
    job = claimed(store, film())
    assert store.plans(job.id) == []
    for number, plan in enumerate(({"history": 9}, {"history": 5}, {"history": 9})):
        store.set_plan(job, plan)
        close(store, job, Segment(number, 10 * number), replace(SHOT, first=10 * number))
    assert store.plans(job.id) == [{"history": 9}, {"history": 5}]


@pytest.mark.parametrize(("counted", "attempts"), [(True, 1), (False, 0)])
def test_what_a_process_held_that_has_ended_its_parent_gives_back(
    open_store: Open, film: Film, counted: bool, attempts: int
) -> None:
    child, parent = open_store(100), open_store(7)
    job = claimed(child, film())
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


def test_all_of_it_is_there_when_the_ledger_is_opened_again(
    open_store: Callable[..., JobStore], film: Film, tmp_path: Path
) -> None:
    with open_store() as store:
        job = claimed(store, film())
        store.set_plan(job, {"device": "cpu"})
        store.open_segment(job, Segment(0, 0))
        before = store.get(job.id), store.segments(job.id), store.events(job.id)
    again = open_store()
    assert (again.get(job.id), again.segments(job.id), again.events(job.id)) == before
    again.progress(job, 1, 10)  # the claim outlives the connection
    assert again.get(job.id).frames_done == 1


def test_being_stopped_is_no_attempt(store: JobStore, film: Film) -> None:
    for _ in range(20):
        job = claimed(store, film())
        assert job.attempts == 1
        store.requeue(job, reason="Stopped", counted=False)


def test_a_painted_frame_makes_this_start_the_first_one(store: JobStore, film: Film) -> None:
    for _ in range(3):
        store.requeue(claimed(store, film()), reason="Device busy")
    job = claim(store)
    assert job.attempts == 4
    store.progress(job, 1, 10)
    assert store.get(job.id).attempts == 1


def test_the_kind_of_an_error_stands_beside_its_sentence_and_goes_with_it(
    store: JobStore, film: Film
) -> None:
    job = claimed(store, film())
    job = store.requeue(job, reason="No space is left", kind="DiskFullError")
    assert (job.hold_reason, job.kind) == ("No space is left", "DiskFullError")
    assert store.retry(job.id).kind is None
    job = store.fail(claim(store), "It is torn", kind="UnreadableError")
    assert (job.error, job.kind) == ("It is torn", "UnreadableError")
    assert store.cancel(job.id).kind is None
    store.retry(job.id)
    assert store.vanished(claim(store), "It is gone", kind="VanishedError").kind == "VanishedError"
    store.enqueue(film())
    assert store.done(store.publishing(claim(store))).kind is None
