"""What is left of a job that is over goes, and nothing of one that is not."""

import hashlib
import shutil
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nstd.disks.locks import locked
from nstd.ledger.job import Job, JobState
from nstd.ledger.store import JobStore
from nstd.work.originals import Clearing
from tests.integration.house import House
from tests.jobs import Onlooker


def test_a_canceled_jobs_frames_go_with_it(house: House) -> None:
    job = house.queue()

    def cancel(frame: int) -> None:
        if frame == 1:
            house.store.cancel(job.id)

    outcome = house.work(Onlooker(cancel))
    assert outcome.job.state is JobState.CANCELED
    assert not (house.state / f"work/{job.id}").exists()


def test_the_frames_of_a_job_that_was_canceled_while_it_waited_go_too(house: House) -> None:
    job = house.queue()
    onlooker = Onlooker()
    onlooker.stop_at(1)
    worker = house.worker(onlooker)
    worker.work_one()
    assert (house.state / f"work/{job.id}").exists()
    worker.clearing.clear_up_all()
    assert (house.state / f"work/{job.id}").exists()
    house.store.cancel(job.id)
    worker.clearing.clear_up_all()
    assert not (house.state / f"work/{job.id}").exists()


def kept(house: House, job: Job) -> list[str]:
    return [path.name for path in (house.state / f"work/{job.id}").rglob("frame-*.png")]


@pytest.mark.parametrize("state", [JobState.VANISHED, JobState.CANCELED, JobState.DONE])
def test_frames_stay_of_a_job_that_is_taken_up_again_before_they_are_cleared_away(
    house: House, state: JobState, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = house.queue()
    onlooker = Onlooker()
    onlooker.stop_at(1)
    stopped = house.work(onlooker).job
    before = kept(house, job)
    assert before
    # As another worker read it, which has moved an original for ten minutes since.
    monkeypatch.setattr(JobStore, "jobs", lambda *_: [replace(stopped, state=state)])
    house.worker(Onlooker()).clearing.clear_up_all()
    assert kept(house, job) == before


def test_nobody_clears_away_what_is_being_painted(house: House) -> None:
    """Canceled, and not noticed yet: from a second on the job may be retried and go on."""
    job = house.queue()
    other = house.worker(Onlooker())
    seen: list[list[str]] = []

    def cancel(frame: int) -> None:
        if frame == 1:
            house.store.cancel(job.id)
            other.clearing.clear_up_all()
            seen.append(kept(house, job))

    outcome = house.work(Onlooker(cancel))
    assert outcome.job.state is JobState.CANCELED
    assert len(seen[0]) == 2
    assert not (house.state / f"work/{job.id}").exists()


def test_a_film_is_not_begun_until_its_last_frames_are_cleared_away(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = house.queue()
    house.store.cancel(job.id)
    folder = house.state / f"work/{job.id}"
    folder.mkdir(parents=True)
    clearing, goes_on, begun = threading.Event(), threading.Event(), threading.Event()
    remove = shutil.rmtree

    def slow(path: Path, **more: Any) -> None:
        if path == folder:
            clearing.set()
            assert goes_on.wait(30)
        remove(path, **more)

    monkeypatch.setattr(shutil, "rmtree", slow)
    thread = threading.Thread(target=house.worker(Onlooker()).clearing.clear_up_all)
    thread.start()
    assert clearing.wait(30)
    house.store.retry(job.id)
    painter = house.worker(Onlooker(lambda _: begun.set()))
    outcomes: list[Any] = []
    painting = threading.Thread(target=lambda: outcomes.append(painter.work_one()))
    painting.start()
    assert not begun.wait(0.5)
    goes_on.set()
    thread.join(30)
    painting.join(60)
    assert (outcomes[0].error, outcomes[0].job.state) == (None, JobState.DONE)
    assert not folder.exists()


def test_two_workers_never_settle_one_original_at_once(house: House) -> None:
    job = house.queue(originals="move", move_to=str(house.folder / "painted-already"))
    content = hashlib.sha256(house.source.read_bytes()).hexdigest()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Clearing, "clear_up", lambda *_: None)  # killed just after `done`
        assert house.work(Onlooker()).error is None
    with pipeline_lock(house, job):
        house.worker(Onlooker()).clearing.clear_up_all()
        assert house.source.exists()
    house.worker(Onlooker()).clearing.clear_up_all()
    assert not house.source.exists()
    (moved,) = (house.folder / "painted-already").iterdir()
    assert hashlib.sha256(moved.read_bytes()).hexdigest() == content


def pipeline_lock(house: House, job: Job) -> Any:
    """As another worker holds it that clears up just now."""
    return locked(house.state / f"work/{job.id}")
