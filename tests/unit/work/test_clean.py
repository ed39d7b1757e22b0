"""What is abandoned: found, told, and removed; and all that is not, left alone."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from nstd.config import Config
from nstd.disks.locks import locked
from nstd.files import part_path
from nstd.ledger.fingerprint import fingerprint
from nstd.ledger.job import FileIdentity, Job, JobKey, JobRequest, JobState
from nstd.ledger.leases import Holder, Presence
from nstd.ledger.store import JobStore
from nstd.media.write.numbered import rest_path
from nstd.weights.catalog import writing
from nstd.work.clean import Leftover, LeftoverKind, clean

DAY = 86400.0
NOW = time.time()


class House:
    """A state folder with a queue and with what `stylize` has begun, in which time passes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = Config(state_dir=folder / "state", cache_dir=folder / "cache")
        self.now = NOW
        self.alive = True
        self.queue = self._open(folder / "state")
        self.own = self._open(folder / "state/stylize")
        for name in ("in", "out"):
            (folder / name).mkdir()

    def _open(self, folder: Path) -> JobStore:
        def presence(holder: Holder, observer: Holder) -> Presence:
            return Presence.ALIVE if self.alive else Presence.GONE

        path = folder / "ledger.sqlite3"
        return JobStore(path, lambda: self.now, holder=Holder(7, 1, "b"), presence=presence)

    def put(self, store: JobStore, name: str, state: JobState, *, frames: int = 0) -> Job:
        """A job of a film that is there, ended `state`, with its painting or its work folder."""
        film, target = self.folder / "in" / name, self.folder / "out" / name
        film.write_text(name)
        content = fingerprint(store, film.parent, film, dropped=True)
        key = JobKey(os.fsencode(film.parent), name.encode(), content, "oil")
        asked = JobRequest(key, os.fsencode(film), os.fsencode(target), {"style": 1}, {})
        job, _ = store.enqueue(asked)
        if frames:
            self.work(store, job).mkdir(parents=True)
            (self.work(store, job) / "frame.png").write_bytes(bytes(8192))
        if state is JobState.QUEUED:
            return job
        claimed = store.claim("w", lease_seconds=60, job_id=job.id)
        assert claimed is not None
        if state is JobState.FAILED:
            return store.fail(claimed, "It is torn")
        if state is JobState.CANCELED:
            return store.cancel(job.id)
        if state is JobState.RUNNING:
            return claimed
        target.write_text("painted")
        published = store.publishing(claimed, part=FileIdentity.from_stat(target.stat()))
        return store.done(published) if state is JobState.DONE else published

    def work(self, store: JobStore, job: Job) -> Path:
        return (self.folder / "state" if store is self.queue else self.folder / "state/stylize") / (
            f"work/{job.id}"
        )

    def lose(self, job: Job, *, film: bool = True, painting: bool = True) -> None:
        """The user takes them away."""
        if film:
            Path(os.fsdecode(job.request.source)).unlink()
        if painting:
            Path(os.fsdecode(job.request.target)).unlink(missing_ok=True)

    def clean(self, days: float = 30, *, remove: bool = False) -> list[Leftover]:
        own = self.config
        return clean(own, own, older_than=days * DAY, remove=remove, clock=lambda: self.now)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    yield house
    house.queue.close()
    house.own.close()


@pytest.mark.parametrize("state", [JobState.QUEUED, JobState.FAILED, JobState.RUNNING])
def test_what_stylize_began_and_nobody_goes_on_with_is_shown_and_goes(
    house: House, state: JobState
) -> None:
    job = house.put(house.own, "a.mp4", state, frames=3)
    work = house.work(house.own, job)
    house.alive = False
    house.now += 40 * DAY
    (found,) = house.clean()
    assert (found.kind, found.path, found.kept) == (
        LeftoverKind.BEGUN,
        house.folder / "in/a.mp4",
        None,
    )
    assert found.bytes >= 8192
    assert 39 * DAY < found.age < 41 * DAY
    assert work.exists()  # it was only looked at
    (gone,) = house.clean(remove=True)
    assert gone.kept is None
    assert not work.exists()
    assert house.own.jobs() == []
    assert (house.folder / "in/a.mp4").exists()
    assert house.clean() == []


def test_a_run_that_was_refused_before_its_first_frame_was_not_begun(house: House) -> None:
    job = house.put(house.own, "a.mp4", JobState.FAILED)
    work = house.work(house.own, job)
    work.mkdir(parents=True)  # as its worker had locked it
    house.now += 40 * DAY
    assert [one.kind for one in house.clean()] == [LeftoverKind.RECORD]
    (gone,) = house.clean(remove=True)
    assert gone.kept is None
    assert (house.own.jobs(), work.exists()) == ([], False)
    assert house.clean() == []


def test_what_was_begun_lately_is_shown_and_stays(house: House) -> None:
    job = house.put(house.own, "a.mp4", JobState.QUEUED, frames=3)
    house.now += 2 * DAY
    (found,) = house.clean(remove=True)
    assert found.kept == "it is younger"
    assert house.work(house.own, job).exists()
    house.clean(days=1, remove=True)
    assert not house.work(house.own, job).exists()


def test_nothing_that_stylize_began_goes_while_one_runs(house: House) -> None:
    job = house.put(house.own, "a.mp4", JobState.QUEUED, frames=3)
    house.now += 40 * DAY
    with locked(house.config.state_dir / "stylize", shared=True):
        (found,) = house.clean(remove=True)
    assert found.kept == "`nstd stylize` runs now"
    assert house.own.get(job.id) == job
    assert house.work(house.own, job).exists()


@pytest.mark.parametrize("which", ["own", "queue"])
def test_frames_that_somebody_paints_stay(house: House, which: str) -> None:
    job = house.put(getattr(house, which), "a.mp4", JobState.FAILED, frames=3)
    work = house.work(getattr(house, which), job)
    house.now += 40 * DAY
    with locked(work, shared=True):
        (found,) = house.clean(remove=True)
    assert found.kept == "it is in use"
    assert (work / "frame.png").exists()


def test_a_job_that_a_living_worker_holds_stays_however_old(house: House) -> None:
    job = house.put(house.own, "a.mp4", JobState.RUNNING, frames=3)
    house.now += 50
    (found,) = house.clean(days=0, remove=True)
    assert found.kept == "it is in use"
    assert house.work(house.own, job).exists()


def test_a_painted_film_that_is_only_not_in_its_place_stays(house: House) -> None:
    house.put(house.own, "a.mp4", JobState.PUBLISHING, frames=3)
    house.alive = False
    house.now += 400 * DAY
    (found,) = house.clean(remove=True)
    assert "the same command puts it in its place" in str(found.kept)
    assert len(house.own.jobs()) == 1


def test_frames_of_a_failed_job_go_and_the_job_stays(house: House) -> None:
    job = house.put(house.queue, "a.mp4", JobState.FAILED, frames=3)
    house.now += 40 * DAY
    (found,) = house.clean(remove=True)
    assert (found.kind, found.kept) == (LeftoverKind.FRAMES, None)
    assert not house.work(house.queue, job).exists()
    assert house.queue.get(job.id) == job  # else the film, which is there, would be queued again


@pytest.mark.parametrize("state", [JobState.DONE, JobState.FAILED, JobState.CANCELED])
def test_a_job_is_forgotten_once_its_film_and_its_painting_are_gone(
    house: House, state: JobState
) -> None:
    job = house.put(house.queue, "a.mp4", state)
    house.now += 40 * DAY
    assert house.clean(remove=True) == []
    house.lose(job)
    (found,) = house.clean(remove=True)
    assert (found.kind, found.bytes, found.kept) == (LeftoverKind.RECORD, 0, None)
    assert house.queue.jobs() == []


@pytest.mark.parametrize("left", ["film", "painting"])
def test_a_painted_film_is_remembered_as_long_as_either_is_there(house: House, left: str) -> None:
    job = house.put(house.queue, "a.mp4", JobState.DONE)
    house.lose(job, film=left != "film", painting=left != "painting")
    house.now += 4000 * DAY
    assert house.clean(days=0, remove=True) == []
    assert house.queue.get(job.id) == job


def test_a_job_whose_original_is_still_to_be_settled_stays(house: House) -> None:
    job = house.put(house.queue, "a.mp4", JobState.DONE, frames=1)
    house.lose(job)
    house.now += 40 * DAY
    assert house.clean(remove=True) == []
    assert house.work(house.queue, job).exists()


def test_a_disk_that_is_not_mounted_is_not_taken_for_films_that_are_gone(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = house.put(house.queue, "a.mp4", JobState.FAILED)
    house.lose(job)
    # What the ledger remembers is of another disk than the one that is there now.
    other = FileIdentity(4242, 1, 1, 1, 1)
    house.queue.record_file(job.request.key.folder, b"a.mp4", other, job.request.key.fingerprint)
    house.now += 40 * DAY
    assert house.clean(remove=True) == []
    (house.folder / "in").rmdir()
    assert house.clean(remove=True) == []
    assert house.queue.get(job.id) == job


def test_jobs_that_wait_or_run_are_no_leftovers(house: House) -> None:
    house.put(house.queue, "a.mp4", JobState.QUEUED, frames=1)
    house.put(house.queue, "b.mp4", JobState.RUNNING, frames=1)
    house.now += 400 * DAY
    assert house.clean(days=0, remove=True) == []


def test_frames_of_a_ledger_that_is_gone_go(house: House) -> None:
    stray = house.config.state_dir / "work/99"
    stray.mkdir(parents=True)
    (stray / "segment.mp4").write_bytes(bytes(5000))
    (found,) = house.clean(remove=True)
    assert (found.kind, found.path, found.kept) == (LeftoverKind.STRAY, stray, "it is younger")
    house.now += 40 * DAY
    (found,) = house.clean(remove=True)
    assert found.kept is None
    assert not stray.exists()


def _age(path: Path, days: float) -> None:
    os.utime(path, (NOW - days * DAY, NOW - days * DAY))


def test_unfinished_files_beside_outputs_go_and_those_of_others_stay(house: House) -> None:
    done = house.put(house.queue, "a.mp4", JobState.FAILED)
    busy = house.put(house.queue, "b.mp4", JobState.QUEUED)
    house.put(house.own, "b.mp4", JobState.DONE)  # the same output, asked for twice
    parts = [part_path(Path(os.fsdecode(job.request.target))) for job in (done, busy)]
    foreign = house.folder / "out/.c.mp4.part"
    frozen = house.config.state_dir / "frozen/.0123.jpg.99.part"
    frozen.parent.mkdir()
    for path in (*parts, foreign, frozen):
        path.write_text("half")
        _age(path, 31)
    found = house.clean(remove=True)
    assert [(one.kind, one.path) for one in found] == [
        (LeftoverKind.PART, parts[0]),
        (LeftoverKind.PART, frozen),
    ]
    assert [path.exists() for path in (*parts, foreign, frozen)] == [False, True, True, False]


def test_a_folder_beside_an_output_that_is_no_pictures_is_somebody_elses(house: House) -> None:
    done = house.put(house.queue, "a.mp4", JobState.FAILED)
    folder = rest_path(Path(os.fsdecode(done.request.target)))
    folder.mkdir(parents=True)
    (folder / "other.txt").write_text("mine")
    _age(folder / "other.txt", 31)
    _age(folder, 31)
    assert house.clean(remove=True) == []
    assert (folder / "other.txt").read_text() == "mine"


def test_a_part_that_may_be_written_to_stays_whatever_was_asked_for(house: House) -> None:
    done = house.put(house.queue, "a.mp4", JobState.FAILED)
    part = part_path(Path(os.fsdecode(done.request.target)))
    part.write_text("half")
    _age(part, 0.9)
    (found,) = house.clean(days=0, remove=True)
    assert found.kept == "it is younger"
    part.unlink()
    part.symlink_to(house.folder / "in/a.mp4")
    assert house.clean(days=0) == []  # a link is none of nstd's


@pytest.mark.parametrize("remove", [False, True])
def test_the_unfinished_file_of_what_is_forgotten_goes_with_it(house: House, remove: bool) -> None:
    old = house.put(house.own, "a.mp4", JobState.QUEUED, frames=1)
    house.now += 40 * DAY
    young = house.put(house.own, "b.mp4", JobState.QUEUED, frames=1)
    parts = [part_path(Path(os.fsdecode(job.request.target))) for job in (old, young)]
    for path in parts:
        path.write_text("half")
        _age(path, 10)
    found = house.clean(remove=remove)
    assert [(one.kind, one.kept) for one in found] == [
        (LeftoverKind.BEGUN, None),
        (LeftoverKind.BEGUN, "it is younger"),
        (LeftoverKind.PART, None),
    ]
    assert [path.exists() for path in parts] == [not remove, True]


def test_weights_that_were_fetched_in_part_go(house: House) -> None:
    folder = house.config.cache_dir / "weights"
    folder.mkdir(parents=True)
    part, notes, whole = (
        folder / name for name in ("v.pth.part", "v.pth.part.json", "v.safetensors")
    )
    for path in (part, notes, whole):
        path.write_bytes(bytes(100))
        _age(path, 31)
    with writing(house.config.cache_dir):
        assert [one.kept for one in house.clean(remove=True)] == ["it is in use"] * 2
    found = house.clean(remove=True)
    assert [(one.kind, one.path, one.bytes) for one in found] == [
        (LeftoverKind.PART, part, 100),
        (LeftoverKind.PART, notes, 100),
    ]
    assert [path.exists() for path in (part, notes, whole)] == [False, False, True]


def test_what_the_queue_s_own_user_began_is_found_beside_one_s_own(
    house: House, tmp_path: Path
) -> None:
    job = house.put(house.own, "a.mp4", JobState.QUEUED, frames=1)
    house.now += 40 * DAY
    mine = Config(state_dir=tmp_path / "mine", cache_dir=tmp_path / "cache")
    found = clean(house.config, mine, older_than=DAY, remove=False, clock=lambda: house.now)
    assert [(one.kind, one.job) for one in found] == [(LeftoverKind.BEGUN, job)]


def test_where_there_is_no_ledger_there_is_nothing_and_none_is_made(tmp_path: Path) -> None:
    config = Config(state_dir=tmp_path / "state", cache_dir=tmp_path / "cache")
    assert clean(config, config, older_than=0, remove=True) == []
    assert not config.state_dir.exists()
