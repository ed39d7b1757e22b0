"""What may be replaced where `overwrite` says so: what nstd has put there itself, and no more."""

from collections.abc import Callable
from pathlib import Path

import pytest

from nstd.errors import OutputExistsError
from nstd.ledger.job import JobState
from nstd.work import publish
from tests.clips import make
from tests.integration.house import SIZE, House
from tests.jobs import Onlooker


def new_content(house: House) -> None:
    make(house.source, times=range(0, 3 * 512, 512), size=SIZE)


def own(house: House) -> bytes:
    """Paint it once, and give the source other content."""
    house.queue(overwrite=True, only_own=True)
    assert house.work(Onlooker()).error is None
    before = house.target.read_bytes()
    new_content(house)
    return before


def test_its_own_output_is_replaced(house: House) -> None:
    before = own(house)
    house.queue(overwrite=True, only_own=True)
    assert house.work(Onlooker()).error is None
    assert house.target.read_bytes() != before
    assert house.beside_the_target() == ["painted.mp4"]


def edited(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"a remark")


def foreign(path: Path) -> None:
    path.unlink()
    path.write_bytes(b"somebody's own film")


@pytest.mark.parametrize("change", [edited, foreign])
def test_what_was_edited_or_is_foreign_stays(house: House, change: Callable[[Path], None]) -> None:
    own(house)
    change(house.target)
    there = house.target.read_bytes()
    house.queue(overwrite=True, only_own=True)
    onlooker = Onlooker()
    outcome = house.work(onlooker)
    assert outcome.job.state is JobState.FAILED
    assert outcome.job.error == (
        f"{house.target} is there already, and is not as nstd has painted it. Move it away, or "
        "replace it by `nstd add --again --overwrite`."
    )
    assert onlooker.worked_on == set()
    assert house.target.read_bytes() == there


def test_one_that_is_edited_while_the_new_content_is_painted_stays_too(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    own(house)
    house.queue(overwrite=True, only_own=True)
    outcome = house.work(Onlooker(lambda frame: edited(house.target) if frame == 2 else None))
    assert isinstance(outcome.error, OutputExistsError)
    assert house.target.read_bytes().endswith(b"a remark")
    assert house.beside_the_target() == ["painted.mp4"]


def test_one_that_is_edited_while_its_worker_is_gone_stays_too(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    own(house)
    job = house.queue(overwrite=True, only_own=True)

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(publish, "put_in_place", killed)
    with pytest.raises(KeyboardInterrupt):
        house.work(Onlooker())
    monkeypatch.undo()
    assert house.store.get(job.id).state is JobState.PUBLISHING
    edited(house.target)
    house.store.release(house.store._holder, reason="it ended")
    outcome = house.work(Onlooker())
    assert isinstance(outcome.error, OutputExistsError)
    assert house.target.read_bytes().endswith(b"a remark")


def test_by_hand_anything_may_be_replaced(house: House) -> None:
    own(house)
    foreign(house.target)
    house.queue(overwrite=True)
    assert house.work(Onlooker()).error is None
