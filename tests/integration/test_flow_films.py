"""Films painted along the flow: stopped anywhere, cut into shots, standing still."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nstd.errors import (
    DeviceError,
    DeviceMemoryError,
    Interrupted,
    LedgerError,
)
from nstd.flow import Checked, with_flows
from nstd.ledger.job import JobState
from nstd.ledger.store import JobStore
from nstd.media.frame import ImageU8
from nstd.media.keep import FrameKeeper
from nstd.media.read.probe import probe
from nstd.media.read.reader import read_frames
from nstd.painting import frames, painter, segment
from nstd.painting.pictures import to_tensor
from nstd.painting.plan import ExecutionPlan
from nstd.style.canvas import resize
from nstd.style.ladder import Level
from nstd.style.optimize import Iterate
from nstd.style.recipe import Temporal
from nstd.temporal import shot
from nstd.temporal.palette import Palette, palette_of
from tests.clips import make
from tests.integration.house import SEGMENT, SIZE, House, digest, scene, unbroken_digest, write_film
from tests.jobs import Onlooker

FRAMES = 10
ALONG = Temporal(long_term=(3, 5))
"""Reaches back over more than a segment."""


def new_house(folder: Path, store: JobStore) -> House:
    house = House(folder, store, ALONG)
    house.recipe = replace(house.recipe, levels=(Level(32, 2), Level(64, 4)))
    make(house.source, times=range(0, FRAMES * 512, 512), size=SIZE)
    return house


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with JobStore(tmp_path / "state/ledger.sqlite3") as store:
        yield new_house(tmp_path, store)


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> str:
    return unbroken_digest(tmp_path_factory.mktemp("unbroken"), new_house)


@pytest.mark.parametrize("last", [0, SEGMENT - 1, SEGMENT, FRAMES - 2])
def test_a_film_stopped_after_any_frame_goes_on_behind_it_and_ends_the_same(
    house: House, unbroken: str, last: int
) -> None:
    job = house.queue()
    first = Onlooker()
    first.stop_at(last)
    assert isinstance(house.work(first).error, Interrupted)
    second = Onlooker()
    outcome = house.work(second)
    assert (outcome.error, outcome.job.state) == (None, JobState.DONE)
    assert second.worked_on == set(range(last + 1, FRAMES))
    assert digest(house.target) == unbroken
    assert not (house.state / f"work/{job.id}").exists()


def test_however_many_threads_find_the_flow_the_film_is_the_same(
    house: House, unbroken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[int, int]] = []
    begun: list[int] = []

    def three(_: ExecutionPlan, width: int, height: int) -> int:
        asked.append((width, height))
        return 3

    def noted(*arguments: Any, threads: int, **options: Any) -> Any:
        begun.append(threads)
        return with_flows(*arguments, threads=threads, **options)

    monkeypatch.setattr(frames, "flow_threads", three)
    monkeypatch.setattr(frames, "with_flows", noted)
    house.queue()
    assert house.work(Onlooker()).error is None
    assert digest(house.target) == unbroken
    assert set(asked) == {SIZE}
    assert set(begun) == {3}


def test_what_a_segment_leaves_is_only_what_the_next_ones_look_back_on(house: House) -> None:
    job = house.queue()
    onlooker = Onlooker()
    onlooker.stop_at(2 * SEGMENT)
    house.work(onlooker)
    work = house.state / f"work/{job.id}"
    (carried,) = work.glob("carried-*")
    assert carried.name == "carried-000002"
    kept = sorted(path.name for path in carried.iterdir())
    assert kept == [f"frame-{index:08}.png" for index in range(3, 8)]
    ours = work / "segment-000003"
    assert [path.name for path in ours.iterdir()] == ["frame-00000008.png"]


@pytest.mark.parametrize("harm", ["removed", "damaged"])
def test_of_an_open_segment_only_the_frame_that_is_harmed_is_painted_again(
    house: House, unbroken: str, harm: str
) -> None:
    job = house.queue()
    first = Onlooker()
    first.stop_at(2 * SEGMENT - 2)
    house.work(first)
    frame = house.state / f"work/{job.id}/segment-000002/frame-{SEGMENT + 1:08}.png"
    if harm == "removed":
        frame.unlink()
    else:
        frame.write_bytes(frame.read_bytes()[:-5])
    second = Onlooker()
    assert house.work(second).error is None
    assert second.worked_on == {SEGMENT + 1, *range(2 * SEGMENT - 1, FRAMES)}
    assert digest(house.target) == unbroken


@pytest.mark.parametrize("harm", ["removed", "damaged"])
def test_a_film_whose_carried_frames_are_harmed_begins_anew(
    house: House, unbroken: str, harm: str
) -> None:
    job = house.begin()
    frame = house.state / f"work/{job.id}/carried-000001/frame-00000002.png"
    if harm == "removed":
        frame.unlink()
    else:
        frame.write_bytes(frame.read_bytes()[:-5])
    second = Onlooker()
    assert house.work(second).error is None
    # What is kept of the open segment is what it would become again.
    assert second.worked_on == set(range(FRAMES)) - {SEGMENT}
    assert digest(house.target) == unbroken


def test_a_film_that_begins_anew_by_another_plan_goes_on_from_nothing_of_the_first(
    tmp_path: Path,
) -> None:
    films = {}
    for name in ("whole", "begun"):
        with JobStore(tmp_path / name / "ledger.sqlite3") as store:
            house = new_house(tmp_path / name, store)
            # So many steps that it tells how many of them the minimizer remembers.
            house.recipe = replace(house.recipe, levels=(Level(32, 4), Level(64, 24)))
            job = house.queue()
            if name == "begun":
                first = Onlooker()
                first.stop_at(SEGMENT)
                house.work(first)
            for _ in range(2):  # Each time with a shorter memory.
                assert isinstance(house.work(Cramped()).error, DeviceMemoryError)
            if name == "begun":
                closed = house.state / f"work/{job.id}/segment-000001.mp4"
                closed.write_bytes(closed.read_bytes()[:-7])
            assert house.work(Onlooker()).error is None
            films[name] = digest(house.target)
    assert films["whole"] == films["begun"]


class Cramped(Onlooker):
    """A device whose memory is too small."""

    def stepped(self, frame: int, iterate: Iterate) -> None:
        """Fail as it does."""
        raise DeviceMemoryError(f"no room for frame {frame}, step {iterate.step}")


@pytest.mark.parametrize(
    ("raised", "due"),
    [
        (
            torch.OutOfMemoryError("CUDA out of memory"),
            DeviceMemoryError,
        ),
        (torch.AcceleratorError("CUDA error: an illegal memory access"), DeviceError),
    ],
)
def test_what_fails_on_the_device_while_the_flow_is_computed_is_the_devices_fault(
    house: House, monkeypatch: pytest.MonkeyPatch, raised: Exception, due: type[Exception]
) -> None:
    class Failing:
        def estimate(self, earlier: ImageU8, later: ImageU8) -> Any:
            raise raised

    def failing(*_: object, **__: object) -> Checked:
        return Checked(Failing(), "failing")

    monkeypatch.setattr(painter, "choose_estimator", failing)
    house.queue()
    assert type(house.work(Onlooker()).error) is due


@pytest.mark.parametrize(
    "change",
    [
        """UPDATE shots SET palette = '{"hue":[[3]]}'""",
        "UPDATE shots SET palette = NULL",
        "DELETE FROM shots",
        "UPDATE segments SET shot = NULL",
    ],
)
def test_a_film_that_another_version_has_begun_otherwise_is_refused_in_words(
    house: House, change: str
) -> None:
    house.begin()
    with closing(sqlite3.connect(house.state / "ledger.sqlite3")) as ledger, ledger:
        ledger.execute(change)
    error = house.work(Onlooker()).error
    assert isinstance(error, LedgerError)
    assert "another version" in str(error).lower()


def test_a_film_that_was_begun_when_shots_had_a_tone_goes_on_with_what_is_painted(
    house: House, unbroken: str
) -> None:
    job = house.begin()
    work, path = house.state / f"work/{job.id}", house.state / "ledger.sqlite3"
    with closing(sqlite3.connect(path)) as ledger, ledger:
        ledger.execute(
            "ALTER TABLE shots ADD COLUMN tone TEXT CHECK (tone IS NULL OR json_valid(tone))"
        )
        assert ledger.execute("""UPDATE shots SET tone = '{"light":[0.1,0.2]}'""").rowcount == 1
        ledger.execute("PRAGMA user_version = 12")
    folders = [work / "segment-000002", work / "carried-000001"]
    for folder in folders:  # what painted frames were painted for lay beside them
        shutil.copytree(folder, folder / "shown")
    onlooker = Onlooker()
    with JobStore(path) as store:
        house.store = store
        assert house.work(onlooker).error is None
    assert onlooker.worked_on == set(range(SEGMENT + 1, FRAMES))
    assert digest(house.target) == unbroken
    assert not work.exists()


def test_a_cut_begins_a_segment_that_depends_on_nothing(house: House) -> None:
    write_film(house, [scene(1, i) for i in range(5)] + [scene(2, i) for i in range(5)])
    job = house.queue()
    closed: list[Any] = []
    with pytest.MonkeyPatch.context() as patch:
        original = JobStore.close_segment

        def close(store: JobStore, of: Any, segment: Any, shot: Any) -> None:
            closed.append(segment)
            original(store, of, segment, shot)

        patch.setattr(JobStore, "close_segment", close)
        assert house.work(Onlooker()).error is None
    assert house.store.get(job.id).state is JobState.DONE
    found = [(one.first, one.last, one.depends_on) for one in closed]
    assert found == [(0, 3, None), (4, 4, 0), (5, 8, None), (9, 9, 2)]
    # Each shot is balanced on its own first frame.
    assert [one.carried.shot for one in closed] == [0, 0, 5, 5]


def test_frames_that_stand_still_cost_no_step_and_come_out_identical(house: House) -> None:
    write_film(house, [scene(1)] * 6)
    house.queue()
    steps: dict[int, int] = {}
    painted: dict[int, ImageU8] = {}
    with pytest.MonkeyPatch.context() as patch:
        original = FrameKeeper.keep

        def keep(keeper: Any, index: int, image: ImageU8, *alpha: Any) -> None:
            painted.setdefault(index, image)
            original(keeper, index, image, *alpha)

        patch.setattr(FrameKeeper, "keep", keep)
        onlooker = Onlooker()
        stepped = Onlooker.stepped

        def count(one: Onlooker, frame: int, iterate: Any) -> None:
            steps[frame] = max(steps.get(frame, 0), 0 if iterate.final else iterate.step)
            stepped(one, frame, iterate)

        patch.setattr(Onlooker, "stepped", count)
        assert house.work(onlooker).error is None
    assert steps[0] > 0
    assert {steps[index] for index in range(1, 6)} == {0}
    for index in range(1, 6):
        assert np.array_equal(painted[index], painted[0])


def test_a_range_begins_a_shot_wherever_it_begins(house: House) -> None:
    house.queue(first=3, last=6)
    seen: list[int] = []
    with pytest.MonkeyPatch.context() as patch:
        original = shot.stylize_next

        def note(painter: Any, *rest: Any) -> Any:
            seen.append(1)
            return original(painter, *rest)

        patch.setattr(segment, "stylize_next", note)
        outcome = house.work(Onlooker())
    assert (outcome.error, outcome.job.frames_done) == (None, 4)
    assert len(seen) == 3  # of four frames
    assert probe(house.target).frames == 4


# --- palette -------------------------------------------------------------------------------------


def palettes_used(house: House, *onlookers: Onlooker) -> tuple[list[Palette], list[ImageU8]]:
    """What each later frame was held to, and the painted frames, over as many attempts."""
    palettes: list[Palette] = []
    painted: dict[int, ImageU8] = {}
    with pytest.MonkeyPatch.context() as patch:
        paint, original = shot.stylize_next, FrameKeeper.keep

        def note(*given: Any) -> Any:
            palettes.append(given[5])
            return paint(*given)

        def keep(keeper: Any, index: int, image: ImageU8, *alpha: Any) -> None:
            painted.setdefault(index, image)
            original(keeper, index, image, *alpha)

        patch.setattr(segment, "stylize_next", note)
        patch.setattr(FrameKeeper, "keep", keep)
        for onlooker in onlookers:
            house.work(onlooker)
    return palettes, [painted[index] for index in sorted(painted)]


def test_all_of_a_shot_is_held_to_its_first_frame_as_it_was_written(
    house: House,
) -> None:
    house.recipe = replace(house.recipe, size=48)
    house.queue()
    stopped = Onlooker()
    stopped.stop_at(SEGMENT + 1)
    palettes, painted = palettes_used(house, stopped, Onlooker())
    first = to_tensor(painted[0])
    source = next(iter(read_frames(house.source, probe(house.source)))).image
    due = palette_of(first, resize(to_tensor(source), first.shape[3], first.shape[2]))
    assert len(palettes) >= FRAMES - 1  # the frame that was stopped at may be begun twice
    assert set(palettes) == {due}


def test_each_shot_has_a_palette_of_its_own(house: House) -> None:
    write_film(house, [scene(1, i) for i in range(3)] + [scene(2, i) for i in range(3)])
    house.queue()
    palettes, painted = palettes_used(house, Onlooker())
    assert len(painted) == 6
    assert len(palettes) == 4
    assert palettes[0] == palettes[1] != palettes[2] == palettes[3]


def test_in_a_film_that_is_scaled_what_stands_still_is_the_same_twice(house: House) -> None:
    pictures = [scene(1), scene(1)]
    pictures[1] = pictures[0].copy()
    pictures[1][0, 0] = 255 - pictures[1][0, 0]  # so that it is not the same film frame
    write_film(house, pictures)
    house.recipe = replace(house.recipe, size=48)
    house.queue()
    seen: list[Any] = []
    with pytest.MonkeyPatch.context() as patch:
        original = shot.stylize_next

        def note(painter: Any, frame: Any, before: Any, *rest: Any) -> Any:
            seen.extend(before)
            return original(painter, frame, before, *rest)

        patch.setattr(segment, "stylize_next", note)
        assert house.work(Onlooker()).error is None
    (only,) = seen
    earlier, later = only.sources
    assert not only.same
    assert float((earlier - later)[..., 4:, 4:].abs().max()) == 0
