"""A worker when something goes wrong: memory, disks, upgrades, films still being copied."""

import errno
import hashlib
import logging
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, cast

import pytest

from nstd.errors import (
    BusyError,
    DeviceError,
    DeviceMemoryError,
    DiskFullError,
    Interrupted,
    StorageError,
)
from nstd.files import part_path
from nstd.ledger.job import Job, JobState
from nstd.ledger.store import JobStore
from nstd.media.frame import Frame
from nstd.media.read.probe import probe
from nstd.media.read.reader import read_frames
from nstd.media.read.shots import ShotFrame, with_cuts
from nstd.media.write.codecs import EncodeSettings
from nstd.media.write.encoders import Layout
from nstd.media.write.options import encoder_options
from nstd.media.write.segment import SegmentWriter
from nstd.painting import frames, segment
from nstd.style import optimize
from nstd.style.optimize import Painter
from nstd.style.recipe import Temporal
from nstd.work import checks, lease, pipeline, publish, segments, worker
from nstd.work.originals import Clearing
from tests.clips import make
from tests.integration.house import FRAMES, SEGMENT, SIZE, House, scene, write_film
from tests.jobs import Onlooker


def reasons(house: House, job: Job) -> list[str]:
    return [event.reason for event in house.store.events(job.id)]


def small_memory(monkeypatch: pytest.MonkeyPatch, largest_history: int) -> list[int]:
    """A device whose memory does for so many curvature pairs; the list gets what was tried."""
    tried: list[int] = []
    original = optimize.stylize_frame

    def stylize_frame(painter: Painter, *arguments: Any) -> Any:
        tried.append(painter.history)
        if painter.history > largest_history:
            raise DeviceMemoryError("The memory of cpu is too small: 1 GiB more")
        return original(painter, *arguments)

    monkeypatch.setattr(segment, "stylize_frame", stylize_frame)
    return tried


def test_where_memory_is_too_small_a_smaller_plan_is_tried_and_kept(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = small_memory(monkeypatch, 5)
    job = house.queue()
    first = house.work(Onlooker())
    assert isinstance(first.error, DeviceMemoryError)
    # That the plan was too large is no fault of the film's.
    assert (first.job.state, first.job.attempts) == (JobState.QUEUED, 0)
    second = house.work(Onlooker())
    assert (second.error, second.job.state) == (None, JobState.DONE)
    assert tried == [10, *[5] * FRAMES]
    assert second.job.plan is not None
    assert second.job.plan["history"] == 5
    (changed,) = [reason for reason in reasons(house, job) if reason.startswith("Plan changed")]
    assert changed.endswith("The memory of cpu is too small: 1 GiB more; history: 10 → 5")


def test_a_smaller_plan_counts_from_a_segments_start(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = house.begin()
    (segment, _) = house.store.segments(job.id)
    tried = small_memory(monkeypatch, 5)
    house.work(Onlooker())
    outcome = house.work(Onlooker())
    assert outcome.error is None
    # The closed segment stays; the frame kept of the open one was of the larger plan.
    assert house.store.segments(job.id)[0] == segment
    assert tried == [10, *[5] * (FRAMES - SEGMENT)]


def test_where_no_plan_is_small_enough_the_job_fails_with_a_sentence(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = small_memory(monkeypatch, 0)
    house.queue()
    while house.work(Onlooker()).job.state is JobState.QUEUED:
        pass
    (job,) = house.store.jobs()
    assert job.state is JobState.FAILED
    assert job.error is not None
    assert job.error.startswith("The memory of cpu is too small: 1 GiB more. Lower the levels'")
    assert tried == [10, 5, 3]


def test_a_device_that_fails_costs_the_film_no_attempt(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise DeviceError("The device cpu failed: it is on fire")

    monkeypatch.setattr(segment, "stylize_frame", broken)
    house.queue()
    outcome = house.work(Onlooker())
    assert (outcome.job.state, outcome.job.attempts) == (JobState.QUEUED, 0)
    assert outcome.job.hold_reason is not None
    assert "on fire" in outcome.job.hold_reason


def test_a_full_disk_is_waited_for_however_often(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise DiskFullError("No space is left for writing segment-000001.mp4")

    monkeypatch.setattr(SegmentWriter, "write", full)
    house.queue()
    for _ in range(7):
        outcome = house.work(Onlooker())
        assert isinstance(outcome.error, DiskFullError)
        # The four painted frames count as progress; the start itself does not.
        assert (outcome.job.state, outcome.job.attempts) == (JobState.QUEUED, 0)
        assert outcome.job.not_before > time.time()
        house.store.retry(outcome.job.id)
    monkeypatch.undo()
    assert house.work(Onlooker()).error is None


def stale() -> OSError:
    """What a network mount says of a file once its server was replaced."""
    return OSError(errno.ESTALE, os.strerror(errno.ESTALE))


class Mount:
    """Files of which the system says nothing while `gone`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *files: Path) -> None:
        self.gone = True
        original = Path.stat

        def stat(path: Path, **more: Any) -> os.stat_result:
            if self.gone and path in files:
                raise stale()
            return original(path, **more)

        monkeypatch.setattr(Path, "stat", stat)


def test_a_film_waits_for_an_output_that_cannot_be_looked_at(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    mount = Mount(monkeypatch, house.target)
    house.queue()
    outcome = house.work(Onlooker())
    assert (type(outcome.error), outcome.job.state) == (StorageError, JobState.QUEUED)
    assert outcome.job.hold_reason is not None
    assert "painted.mp4 failed: Stale file handle" in outcome.job.hold_reason
    mount.gone = False
    house.store.retry(outcome.job.id)
    assert house.work(Onlooker()).error is None


def test_the_error_in_hand_is_kept_where_the_film_cannot_be_looked_at(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    mount = Mount(monkeypatch, house.source)
    mount.gone = False

    def full(*_: Any) -> None:
        mount.gone = True
        raise DiskFullError("No space is left for writing segment-000001.mp4")

    house.queue()
    monkeypatch.setattr(SegmentWriter, "write", full)
    outcome = house.work(Onlooker())
    assert isinstance(outcome.error, DiskFullError)
    assert outcome.job.state is JobState.QUEUED


def test_an_error_of_the_system_where_nobody_looked_for_one_passes_as_elsewhere(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise OSError(errno.EIO, "Input/output error", "/mnt/films/night.mp4")

    house.queue()
    with monkeypatch.context() as patch:
        patch.setattr(checks, "require_room", fail)
        outcome = house.work(Onlooker())
    assert (type(outcome.error), outcome.job.state) == (StorageError, JobState.QUEUED)
    assert str(outcome.error).startswith("Working on /mnt/films/night.mp4 failed: Input/output err")
    house.store.retry(outcome.job.id)
    assert house.work(Onlooker()).error is None


@pytest.mark.logs_errors
def test_what_nobody_foresaw_fails_its_job_alone(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(checks, "require_room", fail)
    house.queue()
    outcome = house.work(Onlooker())
    assert outcome.job.state is JobState.FAILED
    assert "unexpectedly: ZeroDivisionError: division by zero" in (outcome.job.error or "")


def test_a_finished_film_whose_disk_goes_away_is_no_broken_promise(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = part_path(house.target)

    def unmount(*_: Any) -> None:
        part.unlink()

    house.queue()
    with monkeypatch.context() as patch:
        patch.setattr("nstd.media.write.verify._check_streams", unmount)
        outcome = house.work(Onlooker())
    assert (type(outcome.error), outcome.job.state) == (StorageError, JobState.QUEUED)
    house.store.retry(outcome.job.id)
    assert house.work(Onlooker()).error is None


def test_a_film_in_place_is_done_whatever_is_left_beside_it(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    left = part_path(house.target)
    published: list[Job] = []

    def lost(_: JobStore, job: Job) -> Job:
        published.append(job)
        raise KeyboardInterrupt

    house.queue()
    with monkeypatch.context() as patch:
        patch.setattr(JobStore, "done", lost)
        with pytest.raises(KeyboardInterrupt):
            house.work(Onlooker())
    (job,) = published
    os.link(house.target, left)
    original = Path.unlink

    def unlink(path: Path, **more: Any) -> None:
        if path == left:
            raise stale()
        original(path, **more)

    monkeypatch.setattr(Path, "unlink", unlink)
    publish.finish_publishing(house.store, job)
    assert house.store.get(job.id).state is JobState.DONE
    assert f"{left} could not be removed: " in caplog.text


def test_what_cannot_be_noted_in_the_ledger_is_noted_by_the_next_call(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that is full for films is full for the ledger too."""
    house.queue()
    onlooker = Onlooker()
    worker = house.worker(onlooker)
    original = JobStore.requeue
    left = 2

    def requeue(store: JobStore, job: Job, **more: Any) -> Job:
        nonlocal left
        left -= 1
        if left >= 0:
            raise DiskFullError("No space is left for the ledger")
        return original(store, job, **more)

    monkeypatch.setattr(JobStore, "requeue", requeue)
    onlooker.stop_at(1)
    for _ in range(2):
        with pytest.raises(DiskFullError):
            worker.work_one()
        (job,) = house.store.jobs()
        assert job.state is JobState.RUNNING  # still this worker's: nobody else may go on with it
    settled = worker.work_one()
    assert settled is not None
    assert isinstance(settled.error, Interrupted)
    assert settled.job.state is JobState.QUEUED
    onlooker.stop_at(FRAMES)
    onlooker.stopping = False
    done = worker.work_one()
    assert done is not None
    assert done.job.state is JobState.DONE


def test_a_locked_ledger_is_no_lost_job(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.queue()
    onlooker = Onlooker()
    onlooker.stop_at(0)
    worker = house.worker(onlooker)

    def locked(*_: Any, **__: Any) -> None:
        raise BusyError("Another process keeps the ledger locked")

    with monkeypatch.context() as patch:
        patch.setattr(JobStore, "requeue", locked)
        with pytest.raises(BusyError, match="locked"):
            worker.work_one()
    settled = worker.work_one()
    assert settled is not None
    assert settled.job.state is JobState.QUEUED


@pytest.mark.parametrize("begun", [False, True])
def test_an_upgrade_in_mid_film_is_refused_where_that_is_asked(house: House, begun: bool) -> None:
    house.queue()
    first = Onlooker()
    first.stopping = True
    if begun:
        first.stopping = False
        first.stop_at(0)
    before = house.work(first).job
    assert before.plan is not None
    older = {**before.plan, "versions": {**before.plan["versions"], "torch": "1.0"}}
    claimed = house.store.claim("another", lease_seconds=60)
    assert claimed is not None
    house.store.set_plan(claimed, older)
    house.store.requeue(claimed, reason="stopped", counted=False)
    outcome = house.work(Onlooker(), refuse_upgrade=True)
    if not begun:
        assert outcome.job.state is JobState.DONE  # nothing was painted with the old versions
        return
    assert outcome.job.state is JobState.FAILED
    assert outcome.job.error is not None
    assert "was begun with other versions than it would go on with (torch: 1.0 → " in (
        outcome.job.error
    )
    assert f"then `nstd retry {before.id}`" in outcome.job.error
    house.store.retry(before.id)
    assert house.work(Onlooker()).job.state is JobState.DONE


def test_a_film_that_does_not_open_yet_is_given_its_time(house: House) -> None:
    content = house.source.read_bytes()
    house.source.write_bytes(content[: len(content) // 2])
    house.queue()
    held = house.work(Onlooker(), grace_seconds=600)
    assert (held.job.state, held.job.attempts) == (JobState.QUEUED, 0)
    assert held.job.hold_reason is not None
    assert held.job.hold_reason.endswith("it is tried again, since it may be coming yet")
    assert 0 < held.job.not_before - time.time() <= 600
    house.store.retry(held.job.id)
    time.sleep(0.02)
    failed = house.work(Onlooker(), grace_seconds=0.01)
    assert failed.job.state is JobState.FAILED


def other_plan(house: House, package: str = "av", version: str = "1.0") -> None:
    """Let the job's plan, and that of its segments, be one of another version."""
    connection = sqlite3.connect(house.state / "ledger.sqlite3")
    with connection:
        for table in ("jobs", "plans"):
            connection.execute(
                f"UPDATE {table} SET plan = json_set(plan, ?, ?)",  # noqa: S608 - our own names
                (f"$.versions.{package}", version),
            )
    connection.close()


@pytest.mark.parametrize("fits", [True, False])
def test_after_an_upgrade_segments_stay_that_can_be_joined_and_others_are_painted_anew(
    house: House, fits: bool, caplog: pytest.LogCaptureFixture
) -> None:
    job = house.begin()
    path = house.state / f"work/{job.id}/segment-000001.mp4"
    other_plan(house)
    if not fits:
        # As an encoder with another idea of its header would have written it.
        info = probe(house.source)
        settings = EncodeSettings(preset="ultrafast")
        monkeyed = {
            **encoder_options(settings, Layout("yuv420p")),
            "profile": "main",
            "preset": "slow",
        }
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("nstd.media.write.segment.encoder_options", lambda *_: monkeyed)
            with SegmentWriter(path, info, settings) as writer:
                for frame in read_frames(house.source, info, 0, SEGMENT - 1):
                    writer.write(frame)
        connection = sqlite3.connect(house.state / "ledger.sqlite3")
        with connection:
            connection.execute(
                "UPDATE segments SET digest = ? WHERE number = 0",
                (hashlib.sha256(path.read_bytes()).hexdigest(),),
            )
        connection.close()
    second = Onlooker()
    with caplog.at_level(logging.WARNING):
        assert house.work(second).error is None
    assert second.worked_on == set(range(SEGMENT if fits else 0, FRAMES))
    begun_anew = "film.mp4 begins anew: what is painted cannot be joined with what this version"
    assert (begun_anew in caplog.text) is not fits
    assert "goes on with another plan: av: 1.0 → " in caplog.text
    assert probe(house.target).frames == FRAMES


def test_after_an_upgrade_that_finds_other_shots_in_a_gap_all_behind_it_is_painted_anew(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(house.source, times=range(0, 14 * 512, 512), size=SIZE)
    house.recipe = replace(house.recipe, temporal=Temporal())
    write_film(house, [scene(seed, i) for seed, n in ((1, 4), (2, 4), (3, 6)) for i in range(n)])
    job, first, second = house.queue(), Onlooker(), Onlooker()
    first.stop_at(12)
    house.work(first)
    (house.state / f"work/{job.id}/segment-000002.mp4").write_bytes(b"damaged")
    other_plan(house)

    def with_one_more(source: Iterator[Frame], first: int) -> Iterator[ShotFrame]:
        for one in with_cuts(source, first):
            yield replace(one, begins_shot=one.begins_shot or one.frame.index == 6)

    monkeypatch.setattr(frames, "with_cuts", with_one_more)
    assert house.work(second).error is None
    assert second.worked_on == set(range(4, 14))
    found = [(one.first, one.last) for one in house.store.segments(job.id)]
    assert found == [(0, 3), (4, 5), (6, 7), (8, 11), (12, 13)]


@pytest.mark.parametrize(("rotation", "anew"), [(0, False), (180, True)])
def test_a_turned_film_begun_when_they_were_coded_lying_is_painted_anew(
    house: House, rotation: int, anew: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Its segments fit those of today, whose pictures are upright, but for being upside down."""
    make(house.source, times=range(0, FRAMES * 512, 512), rotation=rotation)
    house.recipe = replace(house.recipe, content_weight=0.0)
    house.begin()
    other_plan(house, "nstd", "0.1.0")
    second = Onlooker()
    assert house.work(second).error is None
    assert second.worked_on == set(range(0 if anew else SEGMENT, FRAMES))
    assert ("film.mp4 begins anew" in caplog.text) is anew


def test_encoding_and_joining_give_signs_of_life(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {"encoding": 0, "joining": 0}
    phase = ""
    onlooker = Onlooker()

    @contextmanager
    def during(name: str) -> Iterator[None]:
        nonlocal phase
        phase = name
        try:
            yield
        finally:
            phase = ""

    class Writer(SegmentWriter):
        def __exit__(
            self,
            kind: type[BaseException] | None,
            error: BaseException | None,
            trace: TracebackType | None,
        ) -> None:
            with during("encoding"):
                super().__exit__(kind, error, trace)

        def write(self, frame: Frame) -> None:
            with during("encoding"):
                super().write(frame)

    assemble = pipeline.assemble_film

    def joined(*arguments: Any) -> Path:
        with during("joining"):
            return assemble(*arguments)

    def alive() -> None:
        if phase:
            given[phase] += 1

    monkeypatch.setattr(onlooker, "alive", alive)
    monkeypatch.setattr(segments, "SegmentWriter", Writer)
    monkeypatch.setattr(pipeline, "assemble_film", joined)
    house.queue()
    assert house.work(onlooker).error is None
    # Written and flushed; read, joined and verified.
    assert given == {"encoding": 2 * FRAMES, "joining": 3 * FRAMES}


def test_signs_of_life_keep_the_claim_and_see_a_pause(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The probe of a film of many gigabytes takes no steps for an hour."""
    now = 0.0
    monkeypatch.setattr(worker.time, "monotonic", lambda: now)  # type: ignore[attr-defined]
    house.queue()
    job = house.store.claim("w", lease_seconds=3600)
    assert job is not None
    keeper = lease.LeaseKeeper(Onlooker(), house.store, job)
    until = house.store.get(job.id).lease_until
    now += 1800
    keeper.alive()
    assert house.store.get(job.id).lease_until > until
    house.store.pause(job.id)
    keeper.alive()
    seen = [keeper.stopping]  # it looked a moment ago
    now += 1.5
    keeper.alive()
    assert [*seen, keeper.stopping] == [False, True]
    house.store.resume(job.id)
    house.store.cancel(job.id)
    now += 1.5
    with pytest.raises(BusyError, match="canceled"):
        keeper.stepped(0, cast("Any", None))


@pytest.mark.parametrize("marker", [None, ".mounted"])
def test_a_film_whose_disk_is_gone_has_not_vanished(house: House, marker: str | None) -> None:
    watched = house.folder / "in"
    watched.mkdir()
    house.source = house.source.rename(watched / "film.mp4")
    home, house.folder = house.folder, watched
    if marker:
        (watched / marker).touch()
    job = house.begin(marker=marker)
    away = watched.rename(home / "away")
    if marker:
        watched.mkdir()  # the mount point, bare
    for _ in range(7):
        held = house.work(Onlooker()).job
        assert (held.state, held.attempts) == (JobState.QUEUED, 0)
        assert held.hold_reason is not None
        assert "is not there (No such file or directory)" in held.hold_reason
        house.store.retry(job.id)
    house.worker(Onlooker()).clearing.clear_up_all()
    if marker:
        watched.rmdir()
    away.rename(watched)
    last = Onlooker()
    assert house.work(last).error is None
    assert last.worked_on == set(range(SEGMENT + 1, FRAMES))  # no frame was lost


def test_waiting_for_another_job_at_the_same_target_is_no_attempt(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.queue()
    monkeypatch.setattr(JobStore, "is_being_written", lambda *_, **__: True)
    for _ in range(7):
        outcome = house.work(Onlooker())
        assert (outcome.job.state, outcome.job.attempts) == (JobState.QUEUED, 0)
        assert outcome.job.not_before > time.time()
        house.store.retry(outcome.job.id)


def test_a_worker_that_lost_its_job_meddles_no_more_for_want_of_memory(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = house.queue()
    held: list[Job | None] = []

    def too_small(*_: Any) -> None:
        house.store.cancel(job.id)
        house.store.retry(job.id)
        held.append(house.store.claim("another", lease_seconds=60))
        raise DeviceMemoryError("The memory of cpu is too small")

    monkeypatch.setattr(segment, "stylize_frame", too_small)
    house.work(Onlooker())
    (claimed,) = held
    assert claimed is not None
    assert house.store.renew(claimed).state is JobState.RUNNING


def test_a_film_begun_on_one_kind_of_device_is_left_to_it(house: House) -> None:
    job = house.queue()
    onlooker = Onlooker()
    onlooker.stop_at(1)
    worker_of_it = house.worker(onlooker)
    worker_of_it.work_one()
    begun = house.store.get(job.id).plan
    assert begun is not None
    kind = (begun["device"], begun["processor"])
    assert house.worker(Onlooker(), reserved=(kind,)).work_one() is None
    other = house.worker(Onlooker(), reserved=(("cuda", "another"),)).work_one()
    assert other is not None
    assert other.job.state is JobState.DONE


def test_the_frames_of_a_film_that_vanished_are_kept_for_a_week(house: House) -> None:
    job = house.queue()
    onlooker = Onlooker()
    onlooker.stop_at(1)
    at_work = house.worker(onlooker)
    at_work.work_one()
    away = house.source.rename(house.folder / "away")
    gone = house.work(Onlooker())
    assert gone.job.state is JobState.VANISHED
    frames = house.state / f"work/{job.id}"
    at_work.clearing.clear_up_all()
    assert frames.exists()
    away.rename(house.source)
    house.queue()  # as the watcher does
    last = Onlooker()
    assert house.work(last).error is None
    assert last.worked_on == set(range(2, FRAMES))


def test_after_that_they_go(house: House) -> None:
    job = house.queue()
    onlooker = Onlooker()
    onlooker.stop_at(1)
    house.worker(onlooker).work_one()
    house.source.unlink()
    house.work(Onlooker())
    later = time.time() + 8 * 86400
    Clearing(house.store, house.state / "work", clock=lambda: later).clear_up_all()
    assert not (house.state / f"work/{job.id}").exists()


def test_a_read_only_output_is_told_of_before_the_first_frame(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    statvfs = os.statvfs

    def read_only(path: Any) -> Any:
        found = statvfs(path)
        if Path(path) != house.target.parent:
            return found
        return os.statvfs_result([*found[:8], found.f_flag | os.ST_RDONLY, *found[9:]])

    house.queue()
    onlooker = Onlooker()
    with monkeypatch.context() as patch:
        patch.setattr(os, "statvfs", read_only)
        held = house.work(onlooker).job
    assert (held.state, held.attempts, onlooker.worked_on) == (JobState.QUEUED, 0, set())
    assert f"{house.target.parent} is read-only" in str(held.hold_reason)
    with monkeypatch.context() as patch:
        patch.setattr(os, "access", lambda *_, **__: False)
        house.store.retry(held.id)
        held = house.work(onlooker).job
    assert (held.state, onlooker.worked_on) == (JobState.QUEUED, set())
    assert "No permission for writing in" in str(held.hold_reason)
    house.store.retry(held.id)
    assert house.work(onlooker).error is None
