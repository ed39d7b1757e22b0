"""One film end to end, in this process: stopped, disturbed and resumed at chosen moments."""

import logging
import re
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from nstd.errors import (
    ChangedError,
    DiskFullError,
    Interrupted,
    OutputExistsError,
    UsageError,
    VanishedError,
)
from nstd.ledger.job import Job, JobState
from nstd.ledger.store import JobStore
from nstd.media.read.limits import Limits
from nstd.media.read.probe import probe
from nstd.style.optimize import Iterate
from nstd.work import room
from nstd.work.room import Disk
from tests.clips import make
from tests.integration.house import FRAMES, SEGMENT, SIZE, House, digest, scene, unbroken_digest
from tests.jobs import Onlooker
from tests.networks import make_quarter_network


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> str:
    return unbroken_digest(tmp_path_factory.mktemp("unbroken"))


@pytest.mark.parametrize("last", [0, SEGMENT - 1, SEGMENT, FRAMES - 2, FRAMES - 1])
def test_a_film_stopped_after_any_frame_goes_on_behind_it_and_ends_the_same(
    house: House, unbroken: str, last: int
) -> None:
    house.queue()
    first = Onlooker()
    first.stop_at(last)
    outcome = house.work(first)
    if last < FRAMES - 1:
        assert isinstance(outcome.error, Interrupted)
        assert (outcome.job.state, outcome.job.frames_done) == (JobState.QUEUED, last + 1)
        assert house.beside_the_target() == []
        second = Onlooker()
        outcome = house.work(second)
        assert second.worked_on == set(range(last + 1, FRAMES))
    assert (outcome.error, outcome.job.state) == (None, JobState.DONE)
    assert digest(house.target) == unbroken
    assert house.beside_the_target() == ["painted.mp4"]
    assert list((house.state / "work").iterdir()) == []


@pytest.mark.parametrize(("size", "painted"), [(80, (80, 60)), (48, (48, 36))])
def test_a_film_is_painted_at_the_size_its_recipe_wants(
    house: House, size: int, painted: tuple[int, int]
) -> None:
    house.recipe = replace(house.recipe, size=size)
    house.queue()
    assert house.work(Onlooker()).error is None
    info, source = probe(house.target), probe(house.source)
    assert (info.width, info.height) == painted
    # Everything else is the source's.
    assert (info.frames, info.time_base) == (source.frames, source.time_base)
    assert info.sample_aspect_ratio == source.sample_aspect_ratio


def test_segments_end_after_their_frames_and_carry_what_the_next_one_needs(house: House) -> None:
    job = house.queue()
    onlooker = Onlooker()
    onlooker.stop_at(FRAMES - 2)
    house.work(onlooker)
    first, second = house.store.segments(job.id)
    assert (first.first, first.last, first.depends_on) == (0, SEGMENT - 1, None)
    assert (second.first, second.last, second.depends_on) == (SEGMENT, None, 0)
    assert first.complete
    assert not second.complete
    # Of each level, 48 px and the frame's own 64, the first frame's content energy.
    assert first.carried is not None
    shot = house.store.shot(job.id, first.carried.shot)
    assert shot is not None
    assert len(shot.energies) == 2
    assert all(energy > 0 for energy in shot.energies)
    assert onlooker.total == FRAMES


class Counting(Onlooker):
    """Remembers what the ledger says at each step: frames painted, frames, attempts."""

    def __init__(self, store: JobStore) -> None:
        super().__init__()
        self.said: list[tuple[int, int, int]] = []
        self._store = store

    def stepped(self, frame: int, iterate: Iterate) -> None:
        (now,) = self._store.jobs()
        self.said.append((now.frames_done, now.frames_total, now.attempts))
        super().stepped(frame, iterate)


def with_attempts(house: House, attempts: int) -> None:
    with sqlite3.connect(house.state / "ledger.sqlite3") as connection:
        connection.execute("UPDATE jobs SET attempts = ?", (attempts,))


def test_how_many_frames_there_are_shows_before_the_first_is_painted(house: House) -> None:
    house.queue()
    first, second = Counting(house.store), Counting(house.store)
    first.stop_at(1)
    house.work(first)
    assert first.said[0] == (0, FRAMES, 1)
    with_attempts(house, 3)
    house.work(second)
    # Gone on with, the count does not fall, nor does the start count as a gain.
    assert second.said[0] == (2, FRAMES, 4)


def test_a_film_begun_anew_counts_from_nothing_and_gains_nothing_by_that(house: House) -> None:
    job = house.queue()
    first, second = Onlooker(), Counting(house.store)
    first.stop_at(SEGMENT)
    house.work(first)
    (closed, *_) = house.store.segments(job.id)
    (house.state / "work" / str(job.id) / str(closed.path)).write_bytes(b"damaged")
    with_attempts(house, 3)
    house.work(second)
    assert second.said[0] == (0, FRAMES, 4)


def test_a_film_that_changes_under_the_brush_is_given_up_and_left_alone(house: House) -> None:
    house.queue()
    other = make(house.folder / "other.mp4", times=(0, 512), size=SIZE)
    content = other.read_bytes()

    def change(frame: int) -> None:
        if frame == FRAMES - 1:
            other.replace(house.source)

    outcome = house.work(Onlooker(change))
    assert isinstance(outcome.error, ChangedError)
    assert outcome.job.state is JobState.QUEUED
    assert house.store.segments(outcome.job.id) == []
    assert house.beside_the_target() == []
    assert house.source.read_bytes() == content


@pytest.mark.parametrize("gone", [True, False], ids=["removed", "replaced"])
def test_a_film_that_is_not_there_any_more_has_vanished(house: House, gone: bool) -> None:
    house.queue()
    house.source.unlink()
    if not gone:
        make(house.source, times=(0, 512), size=SIZE)
    outcome = house.work(Onlooker())
    assert isinstance(outcome.error, VanishedError)
    assert outcome.job.state is JobState.VANISHED
    assert outcome.job.error == str(outcome.error)
    assert str(house.source) in outcome.job.error
    assert house.beside_the_target() == []


@pytest.mark.parametrize("harm", ["removed", "damaged"])
def test_a_closed_segment_that_is_harmed_is_painted_again(
    house: House, unbroken: str, harm: str, caplog: pytest.LogCaptureFixture
) -> None:
    job = house.begin()
    segment = house.state / f"work/{job.id}/segment-000001.mp4"
    if harm == "removed":
        segment.unlink()
    else:
        content = bytearray(segment.read_bytes())
        content[-1] ^= 1
        segment.write_bytes(content)
    with caplog.at_level(logging.WARNING):
        outcome = house.work(Onlooker())
    assert outcome.error is None
    assert digest(house.target) == unbroken
    assert "segment-000001.mp4, or what it leaves" in caplog.text
    assert "film.mp4 goes on with frame 0" in caplog.text


def test_another_plan_begins_its_segment_anew_and_says_so(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    house.begin()
    second = Onlooker()
    with caplog.at_level(logging.WARNING):
        outcome = house.work(second, threads=2)
    assert outcome.error is None
    # Closed segments stay; the frame that was kept of the open one would be of another plan.
    assert second.worked_on == set(range(SEGMENT, FRAMES))
    assert "goes on with another plan" in caplog.text
    assert outcome.job.plan is not None
    assert outcome.job.plan["threads"] == 2


def test_a_file_that_appears_at_the_target_meanwhile_is_not_replaced(house: House) -> None:
    house.queue()

    def intrude(frame: int) -> None:
        house.target.write_text("somebody else's")

    outcome = house.work(Onlooker(intrude))
    assert isinstance(outcome.error, OutputExistsError)
    assert outcome.job.state is JobState.FAILED
    assert house.target.read_text() == "somebody else's"


def test_a_frozen_network_that_was_tampered_with_is_not_used(house: House, unbroken: str) -> None:
    job = house.queue()
    frozen = Path(job.request.recipe["network"])
    make_quarter_network(frozen, 1, (2, 2, 4, 4, 4), readout=False)
    assert house.work(Onlooker()).error is None
    assert digest(house.target) == unbroken


def test_a_range_behind_the_films_end_is_refused(house: House) -> None:
    house.queue(first=FRAMES)
    outcome = house.work(Onlooker())
    assert isinstance(outcome.error, UsageError)
    assert house.beside_the_target() == []


@pytest.mark.parametrize(
    ("limits", "sentence"),
    [
        (Limits(frames=5), r"has at least 6 frames, and the limit is 5\. .* raise limits: frames"),
        (Limits(megapixels=0.003), r"64×48 pixels \(0\.0 megapixels\), and the limit is 0\.003"),
        (Limits(hours=1e-5), r"takes 6\.67e-05 hours, and the limit is 1e-05"),
    ],
)
def test_a_film_beyond_its_limits_fails_before_a_frame_is_painted(
    house: House, limits: Limits, sentence: str
) -> None:
    house.queue(limits=limits)
    onlooker = Onlooker()
    outcome = house.work(onlooker)
    assert outcome.job.state is JobState.FAILED
    assert re.search(sentence, outcome.job.error or "")
    assert onlooker.worked_on == set()


def test_a_film_waits_for_room_before_it_is_begun_and_before_each_segment(
    house: House, unbroken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = 0
    monkeypatch.setattr(room, "look_at", lambda folder: Disk(folder, 1, free))
    job = house.queue()
    onlooker = Onlooker()
    outcome = house.work(onlooker)
    assert isinstance(outcome.error, DiskFullError)
    assert outcome.job.state is JobState.QUEUED
    assert re.search(
        r"film\.mp4 needs about [\d.]+ KiB in .*work/1 and .*/out together, where 0 B are free and "
        r"1 GiB stay free\.",
        outcome.job.hold_reason or "",
    )
    assert onlooker.worked_on == set()

    def fill_up(frame: int) -> None:
        nonlocal free
        free = 0

    free = 2 << 30
    house.store.retry(job.id)
    outcome = house.work(Onlooker(fill_up))
    assert isinstance(outcome.error, DiskFullError)
    assert outcome.job.frames_done == SEGMENT  # the segment that was open is closed all the same
    free = 2 << 30
    house.store.retry(job.id)
    last = Onlooker()
    assert house.work(last).error is None
    assert last.worked_on == set(range(SEGMENT, FRAMES))
    assert digest(house.target) == unbroken


def test_a_picture_waits_for_room_too(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.source, house.target = house.folder / "style.png", house.folder / "out/painted.png"
    monkeypatch.setattr(room, "look_at", lambda folder: Disk(folder, 1, 1 << 30))
    house.queue()
    assert isinstance(house.work(Onlooker()).error, DiskFullError)
    assert house.beside_the_target() == []


@pytest.mark.parametrize(
    ("suffix", "kind"), [("png", np.uint16), ("tif", np.uint16), ("bmp", np.uint8)]
)
def test_a_picture_of_16_bits_is_painted_with_as_many_where_its_format_has_them(
    house: House, suffix: str, kind: type
) -> None:
    house.source, house.target = house.folder / "deep.png", house.folder / f"out/painted.{suffix}"
    cv2.imwrite(str(house.source), scene(4).astype(np.uint16) * 200)
    house.queue()
    assert house.work(Onlooker()).error is None
    painted = cv2.imread(str(house.target), cv2.IMREAD_UNCHANGED)
    assert painted is not None
    assert painted.shape == (SIZE[1], SIZE[0], 3)
    assert painted.dtype == np.dtype(kind)
    if kind is np.uint16:  # and not 8 bits, scaled
        assert len(np.unique(painted % 257)) > 200


def test_a_picture_of_16_bits_needs_twice_the_room(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    width, height = SIZE
    free = (1 << 30) + width * height * 5  # and a limit leaves a GiB free: enough for 8 bits
    monkeypatch.setattr(room, "look_at", lambda folder: Disk(folder, 1, free))
    house.target = house.folder / "out/painted.png"
    cv2.imwrite(str(house.folder / "8.png"), scene(4))
    cv2.imwrite(str(house.folder / "16.png"), scene(4).astype(np.uint16) * 257)
    for name, fits in (("8.png", True), ("16.png", False)):
        house.source = house.folder / name
        house.queue(overwrite=True)
        assert (house.work(Onlooker()).error is None) == fits


def test_a_picture_beyond_its_limit_fails(house: House) -> None:
    house.source, house.target = house.folder / "style.png", house.folder / "out/painted.png"
    house.queue(limits=Limits(still_megapixels=0.003))
    outcome = house.work(Onlooker())
    assert outcome.job.state is JobState.FAILED
    assert "raise limits: still_megapixels" in (outcome.job.error or "")


@pytest.mark.parametrize("original", ["delete", "move"])
def test_an_original_that_was_replaced_after_its_painting_is_not_touched(
    house: House, original: str, caplog: pytest.LogCaptureFixture
) -> None:
    moved = str(house.folder / "moved")
    house.queue(originals=original, move_to=moved)
    publish = house.store.done

    def done_late(job: Job) -> Job:
        house.source.write_text("a new film, put here in the last moment")
        return publish(job)

    house.store.done = done_late  # type: ignore[method-assign]
    with caplog.at_level(logging.WARNING):
        outcome = house.work(Onlooker())
    assert outcome.error is None
    assert house.source.read_text() == "a new film, put here in the last moment"
    assert not list(Path(moved).iterdir())
    assert "is not what was painted any more, and was left where it is" in caplog.text


def test_a_moved_original_replaces_no_other_file(house: House) -> None:
    moved = house.folder / "moved"
    moved.mkdir()
    (moved / "film.mp4").write_text("another film")
    content = house.source.read_bytes()
    house.queue(originals="move", move_to=str(moved))
    assert house.work(Onlooker()).error is None
    assert (moved / "film.mp4").read_text() == "another film"
    assert (moved / "film-2.mp4").read_bytes() == content
    assert not house.source.exists()


@pytest.mark.parametrize("change", [Path.unlink, lambda path: path.write_text("a new film")])
def test_a_film_that_is_in_place_is_done_whatever_has_become_of_its_source(
    house: House, change: Callable[[Path], object]
) -> None:
    """The disk of the ledger was full when that was to be noted."""
    done = house.store.done

    def full(job: Job) -> Job:
        raise DiskFullError(f"No space is left to note job {job.id}")

    house.store.done = full  # type: ignore[method-assign]
    job = house.queue()
    assert house.work(Onlooker()).job.state is JobState.QUEUED
    house.store.done = done  # type: ignore[method-assign]
    change(house.source)
    house.store.retry(job.id)
    second = Onlooker()
    assert house.work(second).job.state is JobState.DONE
    assert not second.worked_on
    assert house.target.is_file()
