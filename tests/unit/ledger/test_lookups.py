"""What can be asked of the ledger, and of the files and reports that are noted in it."""

import os
from collections.abc import Callable
from dataclasses import replace

import pytest

from nstd.errors import LedgerError
from nstd.ledger.job import FileIdentity, JobRequest, JobState
from nstd.ledger.store import JobStore
from tests.unit.ledger.conftest import Clock, claim, in_state

Film = Callable[..., JobRequest]
IDENTITY = FileIdentity(1, 2, 3, 4, 5)


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
        in_state(store, film(b"%d" % number), state)
    in_state(store, film(b"another"), JobState.DONE)
    assert store.counts() == {state: 1 + (state is JobState.DONE) for state in JobState}


@pytest.mark.parametrize("state", list(JobState))
def test_an_output_is_known_from_the_moment_it_is_put_in_place(
    store: JobStore, film: Film, state: JobState
) -> None:
    job = in_state(store, film(b"\xff.mp4"), state)
    known = state in {JobState.PUBLISHING, JobState.DONE}
    assert store.is_output(job.request.target) is known
    assert not store.is_output(job.request.source)


def test_the_newest_job_for_an_output_is_found(store: JobStore, film: Film) -> None:
    old = in_state(store, film(b"\xff.mp4"), JobState.DONE)
    assert store.jobs_for_target(old.request.target) == [old]
    newer, _ = store.enqueue(film(b"\xff.mp4"), again=True)
    assert store.jobs_for_target(old.request.target) == [newer, store.get(old.id)]
    assert store.jobs_for_target(old.request.source) == []


def test_a_film_has_one_newest_job_for_each_recipe(store: JobStore, film: Film) -> None:
    ink = replace(film(), key=replace(film().key, recipe_name="ink"))
    in_state(store, film(), JobState.DONE)
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


def test_the_daemons_last_report_is_kept(store: JobStore) -> None:
    assert store.last_report() is None
    store.report_daemon({"lost_events": 1})
    store.report_daemon({"lost_events": 2, "problems": ["a"]})
    assert store.last_report() == {"lost_events": 2, "problems": ["a"]}


def test_of_a_folder_whose_name_is_no_text_no_place_is_known(store: JobStore) -> None:
    assert store.last_place("source", os.fsdecode(b"/films/\xff")) is None


@pytest.mark.parametrize("mtime_ns", [10**19, -(10**19), 2**63, 0])
def test_a_file_of_any_time_is_known_again(store: JobStore, mtime_ns: int) -> None:
    identity = FileIdentity(1, 2**64 - 1, 3, mtime_ns, mtime_ns)
    store.record_file(b"/in", b"a.mp4", identity, "c0ffee")
    assert store.known_fingerprint(b"/in", b"a.mp4", identity) == "c0ffee"
    later = replace(identity, mtime_ns=mtime_ns + 1)
    assert store.known_fingerprint(b"/in", b"a.mp4", later) is None


def test_jobs_come_in_pages(store: JobStore, film: Film) -> None:
    ids = [store.enqueue(film(b"%d" % number))[0].id for number in range(7)]
    store.fail(claim(store, job_id=ids[2]), "It is no film")
    page, pages = store.jobs(limit=3), list[list[int]]()
    while page:
        pages.append([job.id for job in page])
        page = store.jobs(limit=3, before=page[-1].id)
    assert pages == [[7, 6, 5], [4, 3, 2], [1]]
    waiting = [job.id for job in store.jobs({JobState.QUEUED}, 2, before=5)]
    assert waiting == [4, 2]


def test_held_are_those_that_are_paused_or_wait_for_a_time_to_come(
    store: JobStore, film: Film, clock: Clock
) -> None:
    ids = [store.enqueue(film(b"%d" % number))[0].id for number in range(5)]
    for number, until in ((ids[0], 60.0), (ids[1], -1.0)):
        job = claim(store, job_id=number)
        store.requeue(job, reason="Busy", not_before=clock.now + until)
    store.pause(ids[3])
    store.pause(claim(store, job_id=ids[4]).id)  # it runs: it is not held yet
    now = clock.now
    assert [job.id for job in store.held(now)] == [ids[0], ids[3]]
    assert [job.id for job in store.held(now, 1)] == [ids[0]]
    assert (store.count_held(now), store.count_held(now + 61)) == (2, 1)
