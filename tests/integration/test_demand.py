"""A worker before its first step: what is beyond limits or memory is refused once, and told."""

from dataclasses import replace
from typing import Any

import PIL.Image
import pytest

from nstd.errors import ConfigError, ShortMemoryError, UnsupportedError
from nstd.ledger.job import JobState
from nstd.media.read.limits import Limits
from nstd.painting.memory import Memory
from nstd.style.ladder import Level
from nstd.style.recipe import Temporal
from nstd.work import demand
from nstd.work.result import work_off
from tests.integration.house import House
from tests.jobs import Onlooker

GIB = 1 << 30
LIBRARIES = 600 << 20
"""What a worker takes before it paints."""


def have(monkeypatch: pytest.MonkeyPatch, total: int, free: int | None = None) -> None:
    """A machine with so much memory above what libraries take, all of it free unless said."""
    found = Memory(LIBRARIES + total, LIBRARIES + (total if free is None else free))
    monkeypatch.setattr(demand, "memory_of", lambda _: found)


def still(house: House) -> None:
    house.source = house.folder / "a.png"
    PIL.Image.new("RGB", (64, 48), "blue").save(house.source)
    house.target = house.folder / "out/a.png"


@pytest.mark.parametrize("kind", ["film", "still"])
def test_what_no_memory_will_do_for_fails_at_its_first_start(
    house: House, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    if kind == "still":
        still(house)
    have(monkeypatch, 64 * 48 * 4472 // 2)  # for half of the pixels, with the shortest history
    job = house.queue()
    onlooker = Onlooker()
    outcome = house.work(onlooker)
    assert isinstance(outcome.error, UnsupportedError)
    assert outcome.job.state is JobState.FAILED
    assert outcome.job.error == (
        f"Painting {house.source} at 64×48 pixels takes about 613 MiB of memory, and 607 MiB is "
        "all that cpu has. Give its recipe a size of 45 at most, or paint it on a device with more."
    )
    assert onlooker.worked_on == set()
    after = [event.after for event in house.store.events(job.id)]
    assert after.count(JobState.QUEUED) == 1


def test_where_a_shorter_history_will_do_that_is_taken_and_said(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    have(monkeypatch, 64 * 48 * (4400 + 24 * 5))
    job = house.queue()
    result = work_off(house.store, house.worker(Onlooker()), job)
    assert result.error is None
    done = house.store.get(job.id)
    assert done.state is JobState.DONE
    assert done.plan is not None
    assert done.plan["history"] == 5
    assert "goes on with a smaller plan: history: 10 → 5" in caplog.text


def test_memory_that_others_have_is_waited_for(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    have(monkeypatch, GIB, 1 << 20)
    house.queue()
    for _ in range(7):
        outcome = house.work(Onlooker())
        assert isinstance(outcome.error, ShortMemoryError)
        assert (outcome.job.state, outcome.job.attempts) == (JobState.QUEUED, 0)
        house.store.retry(outcome.job.id)
    assert outcome.job.hold_reason == (
        f"Painting {house.source} at 64×48 pixels takes about 614 MiB of memory, and 601 MiB is "
        "free now that cpu has. End other programs, or wait until they need less."
    )
    monkeypatch.undo()
    assert house.work(Onlooker()).error is None


@pytest.mark.parametrize(
    ("change", "limits", "sentence"),
    [
        ({"levels": (Level(48, 5000),)}, {}, "in 10,000 steps, and the limit is 3,000"),
        ({"size": 20000}, {}, "at 20000×15000 pixels (300.0 megapixels), and the limit is 120"),
        ({}, {"frame_minutes": 1e-4}, "about 0 minutes on cpu, and the limit is 0.0001"),
        ({}, {"painting_hours": 1e-9}, "about 0 hours on cpu, and the limit is 1e-09"),
    ],
)
def test_a_picture_beyond_a_limit_fails_at_its_first_start(
    house: House, change: dict[str, Any], limits: dict[str, float], sentence: str
) -> None:
    still(house)
    house.recipe = replace(house.recipe, **change)
    job = house.queue(limits=Limits(**limits))  # type: ignore[arg-type]
    onlooker = Onlooker()
    outcome = house.work(onlooker)
    assert sentence in str(outcome.job.error)
    assert onlooker.worked_on == set()
    after = [event.after for event in house.store.events(job.id)]
    assert after.count(JobState.QUEUED) == 1
    assert after[-1] is JobState.FAILED


@pytest.mark.parametrize("kind", ["film", "still"])
def test_a_recipe_that_overflows_fails_at_its_first_step_and_says_by_what(
    house: House, kind: str
) -> None:
    if kind == "still":
        still(house)
    house.recipe = replace(house.recipe, style_weight=1e30, temporal=Temporal())
    job = house.queue()
    onlooker = Onlooker()
    outcome = house.work(onlooker)
    assert isinstance(outcome.error, ConfigError)
    assert outcome.job.state is JobState.FAILED
    assert "most of all by style_weight, which is 1e+30. Give style_weight a smaller value." in str(
        outcome.job.error
    )
    assert onlooker.worked_on == set()
    assert [event.after for event in house.store.events(job.id)].count(JobState.QUEUED) == 1
