"""No query of the ledger scans all jobs, or the segments of all jobs."""

import re
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nstd.ledger.job import Carried, FileIdentity, JobRequest, JobState, Segment, Shot
from nstd.ledger.store import JobStore
from tests.unit.ledger.conftest import NOON, claim

Film = Callable[..., JobRequest]

SMALL = r"USING (COVERING )?INDEX (jobs_that_wait|jobs_unsettled|jobs_noted)\b"
"""Indexes of few jobs, read from one end to the other."""

COUNTED = "USING COVERING INDEX jobs_by"
"""To count jobs by state each of them has to be counted: from an index, without a look at them."""


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """All statements, with their values, that any connection runs from now on."""
    statements: list[str] = []
    connect = sqlite3.connect

    def watched(*args: Any, **options: Any) -> sqlite3.Connection:
        opened: sqlite3.Connection = connect(*args, **options)
        opened.set_trace_callback(statements.append)
        return opened

    monkeypatch.setattr(sqlite3, "connect", watched)
    return statements


def ask_everything(store: JobStore, film: Film) -> None:
    """Do with jobs what can be done with them, and ask all there is to be asked."""
    request = film()
    for name in (b"a", b"b", b"c", b"d"):
        store.enqueue(film(name), again=True)
    job = store.set_plan(claim(store), {"device": "cpu"})
    shot, end = Shot(0, (1.0,)), Carried(0, (), 0, 9)
    for number in range(3):
        segment = Segment(number, number, depends_on=number - 1 if number else None)
        store.open_segment(job, segment)
        closed = replace(segment, last=number, path="p", digest="d", carried=end)
        store.close_segment(job, closed, shot)
    store.progress(job, 1, 3)
    store.report(job, remarks=["odd"])
    store.set_found(job, {"places": {}})
    store.renew(job)
    for ask in (store.segments, store.painted, store.plans, store.events):
        ask(job.id)
    store.segment(job.id, 1)
    store.shot(job.id, 0)
    store.reopen_segments(job, {1, 2})
    store.clear_segments(job)
    store.requeue(job, reason="Busy", not_before=NOON + 60)
    for act in (store.pause, store.resume, store.cancel, store.retry):
        act(3)
    store.prioritize(3, 7)
    store.done(store.publishing(claim(store)))
    store.remark(store.jobs({JobState.DONE})[0], "It waits")
    store.fail(claim(store), "Torn")
    for states in (None, list(JobState)):
        store.jobs(states, 2, before=4)
    store.jobs_of([1, 2])
    store.held(NOON, 2)
    store.count_held(NOON)
    store.counts()
    store.unsettled()
    store.noted_jobs(NOON, 2)
    store.jobs_for_target(request.target)
    store.jobs_of_film(request.key)
    store.jobs_of_content("c0ffee")
    store.find(request.key)
    store.last_place("output", "/out")
    store.is_output(request.target)
    store.is_source(request.source)
    store.is_being_written(request.target, but_for=1)
    store.record_file(b"/in", b"a", FileIdentity(1, 2, 3, 4, 5), "f")
    store.known_fingerprint(b"/in", b"a", FileIdentity(1, 2, 3, 4, 5))
    store.device_of(request.key)
    store.forget(store.jobs({JobState.FAILED}))


def test_no_question_looks_at_every_row(
    asked: list[str], open_store: Callable[..., JobStore], film: Film, tmp_path: Path
) -> None:
    store = open_store()
    begun = len(asked)
    ask_everything(store, film)
    looked = [text for text in asked[begun:] if re.match(r"\s*(SELECT|INSERT|UPDATE|DELETE)", text)]
    assert len(looked) > 60
    connection = sqlite3.connect(tmp_path / "ledger.sqlite3")
    scans = {
        f"{step[3]}: {text}"
        for text in looked
        for step in connection.execute(f"EXPLAIN QUERY PLAN {text}")
        if re.match(r"SCAN (jobs|segments|shots|events|files)\b", step[3])
        and not re.search(SMALL, step[3])
        and COUNTED not in step[3]
    }
    connection.close()
    assert scans == set()


def test_the_next_job_is_found_without_sorting_those_that_wait(
    asked: list[str], open_store: Callable[..., JobStore], film: Film, tmp_path: Path
) -> None:
    store = open_store()
    store.enqueue(film())
    begun = len(asked)
    claim(store)
    connection = sqlite3.connect(tmp_path / "ledger.sqlite3")
    steps = [
        step[3]
        for text in asked[begun:]
        if re.match(r"\s*SELECT", text)
        for step in connection.execute(f"EXPLAIN QUERY PLAN {text}")
    ]
    connection.close()
    assert any("jobs_by_turn" in step for step in steps)
    assert not any("TEMP B-TREE" in step for step in steps)
