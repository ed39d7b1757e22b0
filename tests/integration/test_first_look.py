"""A first look at queued films: what will not open is failed before its turn comes."""

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any

import PIL.Image
import pytest

from nstd.daemon import first_look
from nstd.daemon.first_look import FirstLooks
from nstd.errors import LedgerError, StorageError
from nstd.ledger.job import Job, JobState
from nstd.ledger.store import JobStore
from nstd.media.frame import VideoInfo
from nstd.media.read.probe import probe
from tests.integration.house import House, scene


class Clock:
    """How long after the film's last change it is."""

    def __init__(self, house: House) -> None:
        self._house = house
        self.age = 100.0

    def __call__(self) -> float:
        return self._house.source.stat().st_ctime + self.age


@pytest.fixture
def clock(house: House) -> Clock:
    return Clock(house)


@pytest.fixture
def looks(house: House, clock: Clock) -> FirstLooks:
    return FirstLooks(house.store, 60.0, lambda: False, clock)


def queue_broken(house: House) -> Job:
    house.source.write_bytes(b"no film at all. " * 99)
    return house.queue()


def state(house: House, job: Job) -> JobState:
    return house.store.get(job.id).state


def test_a_good_film_stays_queued(house: House, looks: FirstLooks) -> None:
    job = house.queue()
    looks.add(job)
    looks.look()
    assert state(house, job) is JobState.QUEUED


@pytest.mark.logs_errors
def test_what_is_no_film_is_failed_with_a_sentence(house: House, looks: FirstLooks) -> None:
    job = queue_broken(house)
    looks.add(job)
    looks.look()
    found = house.store.get(job.id)
    assert (found.state, found.attempts) == (JobState.FAILED, 0)
    assert found.error is not None
    assert "film.mp4" in found.error


@pytest.mark.logs_errors
def test_it_is_given_its_time_first(house: House, looks: FirstLooks, clock: Clock) -> None:
    job = queue_broken(house)
    looks.add(job)
    clock.age = 10.0
    for age in (10.0, 30.0, 59.0):
        clock.age = age
        looks.look()
        assert state(house, job) is JobState.QUEUED
    clock.age = 61.0
    looks.look()
    assert state(house, job) is JobState.FAILED


def test_a_film_whose_turn_came_meanwhile_is_left_to_its_worker(
    house: House, looks: FirstLooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = queue_broken(house)
    looks.add(job)
    original = first_look.probe_guarded  # type: ignore[attr-defined]

    def claimed_meanwhile(path: Path, **more: Any) -> object:
        house.store.claim("a worker", lease_seconds=60)
        return original(path, **more)

    monkeypatch.setattr(first_look, "probe_guarded", claimed_meanwhile)
    looks.look()
    assert state(house, job) is JobState.RUNNING
    looks.add(job)
    looks.look()
    assert state(house, job) is JobState.RUNNING


def test_pictures_are_not_looked_at(
    house: House, looks: FirstLooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.source = house.source.with_suffix(".png")
    PIL.Image.fromarray(scene(1)).save(house.source)
    house.target = house.target.with_suffix(".png")
    job = house.queue()
    looks.add(job)
    monkeypatch.setattr(first_look, "probe_guarded", unwanted)
    looks.look()
    assert state(house, job) is JobState.QUEUED


def unwanted(*_: object, **__: object) -> None:
    raise AssertionError("it was probed")


def test_a_film_that_is_gone_is_left_to_its_worker(house: House, looks: FirstLooks) -> None:
    job = house.queue()
    looks.add(job)
    clock: Callable[[], float] = lambda: 1e10  # noqa: E731 - the file's own clock is gone with it
    looks._clock = clock
    house.source.unlink()
    looks.look()
    assert state(house, job) is JobState.QUEUED


def test_a_job_that_was_forgotten_meanwhile_is_none(house: House, looks: FirstLooks) -> None:
    looks.add(house.queue())
    (job,) = house.store.jobs()
    assert house.store.forget([house.store.cancel(job.id)])
    looks.look()


def test_a_disk_that_fails_is_left_to_the_worker_and_a_torn_ledger_is_not(
    house: House, looks: FirstLooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = house.queue()

    def gone(*_: object, **__: object) -> None:
        raise StorageError("The disk is gone")

    monkeypatch.setattr(first_look, "probe_guarded", gone)
    looks.add(job)
    looks.look()
    assert state(house, job) is JobState.QUEUED

    def torn(*_: object) -> None:
        raise LedgerError("The ledger is torn")

    monkeypatch.setattr(JobStore, "jobs_of", torn)
    looks.add(job)
    with pytest.raises(LedgerError, match="torn"):
        looks.look()


def test_one_look_is_one_film(house: House, looks: FirstLooks) -> None:
    """Between two looks the folders are looked after."""
    probed: list[object] = []
    facts = probe(house.source)

    def look(path: Path, **_: object) -> VideoInfo:
        probed.append(path)
        return facts

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(first_look, "probe_guarded", look)
        for _ in range(3):
            looks.add(house.queue())
        looks.look()
        assert len(probed) == 1
        looks.look()
        looks.look()
        looks.look()
    assert len(probed) == 3


def test_a_mount_that_does_not_answer_any_more_is_left_to_the_worker(
    house: House, looks: FirstLooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = queue_broken(house)
    looks.add(job)
    probed, original = first_look.probe_guarded, Path.stat  # type: ignore[attr-defined]

    def stat(path: Path, **more: Any) -> Any:
        if path == house.source:
            raise OSError(errno.EIO, "Input/output error")
        return original(path, **more)

    def then_silent(path: Path, **more: Any) -> Any:
        try:
            return probed(path, **more)
        finally:
            monkeypatch.setattr(Path, "stat", stat)

    now = looks._clock()
    looks._clock = lambda: now
    monkeypatch.setattr(first_look, "probe_guarded", then_silent)
    looks.look()
    monkeypatch.undo()
    assert state(house, job) is JobState.QUEUED
