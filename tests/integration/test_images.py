"""Numbered images, painted as one film: stopped, resumed, disturbed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import PIL.Image
import pytest

from nstd.errors import ChangedError, Interrupted, UsageError, VanishedError
from nstd.ledger.job import JobState, path_of
from nstd.ledger.store import JobStore
from nstd.media.read.probe import probe
from nstd.style.recipe import Temporal
from nstd.work.source import is_as_queued
from tests.integration.house import FRAMES, SEGMENT, House, digest, scene, unbroken_digest
from tests.jobs import Onlooker


class Studio(House):
    """A house whose film is numbered images."""

    def __init__(self, folder: Path, store: JobStore) -> None:
        super().__init__(folder, store, Temporal())
        self.images = [folder / f"shots/shot_{number:04d}.png" for number in range(7, 7 + FRAMES)]
        self.images[0].parent.mkdir()
        for number, path in enumerate(self.images):
            PIL.Image.fromarray(scene(1, 2 * number)).save(path)
        self.source = folder / "shots/shot_%04d.png"


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> str:
    return unbroken_digest(tmp_path_factory.mktemp("unbroken"), Studio)


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    with JobStore(tmp_path / "state/ledger.sqlite3") as store:
        yield Studio(tmp_path, store)


@pytest.mark.parametrize("last", [0, SEGMENT - 1, SEGMENT])
def test_painted_with_flow_and_stopped_after_any_image_it_ends_the_same(
    studio: Studio, unbroken: str, last: int
) -> None:
    job = studio.queue()
    assert path_of(job.request.source) == studio.images[0]
    first, second = Onlooker(), Onlooker()
    first.stop_at(last)
    assert isinstance(studio.work(first).error, Interrupted)
    outcome = studio.work(second)
    assert (outcome.error, outcome.job.state) == (None, JobState.DONE)
    assert second.worked_on == set(range(last + 1, FRAMES))
    assert digest(studio.target) == unbroken
    assert probe(studio.target).frames == FRAMES
    assert all(image.exists() for image in studio.images)


def test_an_image_that_changes_while_it_is_painted_is_noticed(studio: Studio) -> None:
    studio.queue()
    onlooker = Onlooker()
    onlooker.stop_at(1)
    studio.work(onlooker)
    changing = Onlooker()
    painted = changing.painted

    def change(frame: int) -> None:
        painted(frame)
        if frame == FRAMES - 1:
            PIL.Image.fromarray(scene(9)).save(studio.images[3])

    changing.painted = change  # type: ignore[method-assign]
    outcome = studio.work(changing)
    assert isinstance(outcome.error, ChangedError)
    assert not studio.target.exists()


@pytest.mark.parametrize("change", ["other", "more", "fewer"])
def test_what_is_not_there_as_it_was_queued_is_not_painted(studio: Studio, change: str) -> None:
    studio.queue()
    if change == "fewer":
        studio.images[-1].unlink()
    else:
        path = studio.images[2] if change == "other" else studio.images[0].with_stem("shot_0099")
        PIL.Image.fromarray(scene(5)).save(path)
    assert isinstance(studio.work(Onlooker()).error, VanishedError)


@pytest.mark.parametrize("output", [{"originals": "delete"}, {"originals": "move"}])
def test_the_images_are_always_kept(studio: Studio, output: dict[str, Any]) -> None:
    if output["originals"] == "move":
        output = output | {"move_to": str(studio.folder / "moved")}
    with pytest.raises(UsageError, match="numbered images are neither moved nor deleted"):
        studio.queue(**output)


def test_images_are_known_to_be_those_that_were_queued(studio: Studio) -> None:
    job = studio.queue()
    assert is_as_queued(studio.store, studio.store.get(job.id))
    studio.images[-1].unlink()
    assert not is_as_queued(studio.store, studio.store.get(job.id))
    studio.images[0].parent.rename(studio.folder / "away")
    assert not is_as_queued(studio.store, studio.store.get(job.id))
