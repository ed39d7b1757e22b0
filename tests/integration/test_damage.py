"""Damage in the state folder while nobody paints: the film that is continued is the same."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from nstd.errors import DamagedError, Interrupted, UnreadableError, WeightsError
from nstd.ledger.job import JobState
from nstd.ledger.store import JobStore
from nstd.media.frame import Frame
from nstd.painting.frames import FilmSource
from nstd.style.ladder import Level
from nstd.style.recipe import Temporal
from tests.clips import make
from tests.integration.house import SEGMENT, SIZE, House, digest, scene, unbroken_digest, write_film
from tests.jobs import Onlooker

FRAMES = 7
STOPPED_AT = SEGMENT + 1
"""In the second segment, of which two frames are painted then."""


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def delete(path: Path) -> None:
    path.unlink()


def replace_by_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()
    (path / "file").write_text("in the way")


HARMS = (flip, truncate, empty, delete, replace_by_folder)

PLACES = {
    "a style": "state/frozen/*.png",
    "the weights": "state/frozen/*.safetensors",
    "the targets": "cache/targets/*.safetensors",
    "a closed segment": "state/work/*/segment-000001.mp4",
    "a kept frame": "state/work/*/segment-000002/frame-00000004.png",
    "the last kept frame": "state/work/*/segment-000002/frame-00000005.png",
    "a carried frame": "state/work/*/carried-000001/frame-00000003.png",
}


def new_house(folder: Path, store: JobStore) -> House:
    house = House(folder, store, Temporal())
    house.recipe = replace(house.recipe, levels=(Level(48, 2),))
    make(house.source, times=range(0, FRAMES * 512, 512), size=SIZE)
    return house


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> str:
    return unbroken_digest(tmp_path_factory.mktemp("unbroken"), new_house)


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A folder with a film that is half painted, and a copy of the folder."""
    folder = tmp_path_factory.mktemp("stopped")
    with JobStore(folder / "state/ledger.sqlite3") as store:
        house = new_house(folder, store)
        house.queue()
        first = Onlooker()
        first.stop_at(STOPPED_AT)
        assert isinstance(house.work(first).error, Interrupted)
    return folder, Path(shutil.copytree(folder, f"{folder}-copy"))


@pytest.fixture
def half(stopped: tuple[Path, Path]) -> Iterator[House]:
    """A house with a film that is half painted."""
    folder, copy = stopped
    shutil.rmtree(folder)
    shutil.copytree(copy, folder)
    (folder / "out").rmdir()  # which a new house makes
    with JobStore(folder / "state/ledger.sqlite3") as store:
        house = new_house(folder, store)
        for made in copy.glob("*.*"):
            shutil.copy2(made, folder)  # the very files that it was begun with
        yield house


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("harm", HARMS)
def test_a_film_goes_on_after_any_damage_and_ends_the_same(
    half: House, unbroken: str, place: str, harm: Callable[[Path], None]
) -> None:
    found = list(half.folder.glob(PLACES[place]))
    assert found
    for path in found:
        harm(path)
    outcome = half.work(Onlooker())
    assert (outcome.error, outcome.job.state) == (None, JobState.DONE)
    assert digest(half.target) == unbroken


@pytest.mark.parametrize("place", PLACES)
def test_damage_in_the_middle_of_a_run_is_mended_by_the_next_try(
    half: House, unbroken: str, place: str
) -> None:
    def damage(frame: int) -> None:
        if frame == STOPPED_AT:
            for path in half.folder.glob(PLACES[place]):
                flip(path)

    outcome = half.work(Onlooker(damage))
    if outcome.error is not None:
        assert isinstance(outcome.error, DamagedError)
        assert outcome.job.state is JobState.QUEUED
        half.store.retry(outcome.job.id)
        outcome = half.work(Onlooker())
    assert outcome.job.state is JobState.DONE
    assert digest(half.target) == unbroken


def test_of_a_film_whose_frames_stand_each_for_itself_only_what_is_damaged_is_painted_again(
    tmp_path: Path,
) -> None:
    with JobStore(tmp_path / "state/ledger.sqlite3") as store:
        house = House(tmp_path, store)
        make(house.source, times=range(0, 11 * 512, 512), size=SIZE)
        house.queue()
        first, second = Onlooker(), Onlooker()
        first.stop_at(9)
        house.work(first)
        (work,) = (house.state / "work").iterdir()
        flip(work / "segment-000003/frame-00000008.png")
        flip(work / "segment-000002.mp4")
        assert house.work(second).error is None
        assert second.worked_on == {4, 5, 6, 7, 8, 10}


def test_what_is_closed_behind_a_gap_is_not_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    frames = FilmSource.frames

    def noted(source: FilmSource, first: int) -> Iterator[Frame]:
        for frame in frames(source, first):
            read.append(frame.index)
            yield frame

    with JobStore(tmp_path / "state/ledger.sqlite3") as store:
        house = House(tmp_path, store)
        make(house.source, times=range(0, 11 * 512, 512), size=SIZE)
        house.queue()
        first, second = Onlooker(), Onlooker()
        first.stop_at(9)
        house.work(first)
        (work,) = (house.state / "work").iterdir()
        flip(work / "segment-000001.mp4")
        monkeypatch.setattr(FilmSource, "frames", noted)
        assert house.work(second).error is None
    assert second.worked_on == {0, 1, 2, 3, 10}
    assert read == [0, 1, 2, 3, 4, 8, 9, 10]  # 4 tells that the gap has ended


def test_of_a_film_of_several_shots_all_but_the_damaged_one_is_kept(tmp_path: Path) -> None:
    films = []
    for name in ("whole", "damaged"):
        with JobStore(tmp_path / name / "state/ledger.sqlite3") as store:
            house = new_house(tmp_path / name, store)
            make(house.source, times=range(0, 14 * 512, 512), size=SIZE)
            shots = ((1, 3), (2, SEGMENT + 1), (3, SEGMENT + 2))
            write_film(house, [scene(seed, i) for seed, length in shots for i in range(length)])
            job = house.queue()
            if name == "damaged":
                first, second = Onlooker(), Onlooker()
                first.stop_at(12)
                house.work(first)
                found = [(one.first, one.last, one.depends_on) for one in store.segments(job.id)]
                assert found == [
                    (0, 2, None),
                    (3, 6, None),
                    (7, 7, 1),
                    (8, 11, None),
                    (12, None, 3),
                ]
                (work,) = (house.state / "work").iterdir()
                flip(work / "segment-000003.mp4")
                house.work(second)
                # The shot before the damage, and the one after it, are as they were.
                assert second.worked_on == {3, 4, 5, 6, 7, 13}
                assert second.total == second.frames + 7
            else:
                assert house.work(Onlooker()).error is None
            assert store.get(job.id).frames_done == 14
            films.append(digest(house.target))
    assert films[0] == films[1]


@pytest.mark.parametrize(
    ("place", "origin", "error"),
    [("a style", "style.png", UnreadableError), ("the weights", "net.safetensors", WeightsError)],
)
def test_where_its_origin_is_gone_too_putting_that_back_mends_it(
    half: House, unbroken: str, place: str, origin: str, error: type[Exception]
) -> None:
    (copy,) = half.folder.glob(PLACES[place])
    flip(copy)
    source = half.folder / origin
    aside = source.rename(half.folder / "aside")
    outcome = half.work(Onlooker())
    job = outcome.job
    assert isinstance(outcome.error, error)
    assert outcome.job.state is JobState.FAILED
    said = outcome.job.error or ""
    assert f"is damaged, and {source} is gone or has changed. Put back what was there" in said
    assert f"`nstd retry {job.id}`" in said
    assert f"`nstd add --again {half.source}`" in said
    shutil.copy(aside, source)
    half.store.retry(job.id)
    outcome = half.work(Onlooker())
    assert (outcome.error, outcome.job.state) == (None, JobState.DONE)
    assert digest(half.target) == unbroken


@pytest.mark.parametrize("harm", HARMS)
@pytest.mark.parametrize("place", ["a style", "the weights"])
def test_a_damaged_copy_is_made_again_when_the_next_film_is_queued(
    half: House, place: str, harm: Callable[[Path], None]
) -> None:
    (copy,) = half.folder.glob(PLACES[place])
    whole = digest(copy)
    harm(copy)
    half.source = make(half.folder / "other.mp4", times=range(0, 1024, 512), size=SIZE)
    half.queue()
    assert digest(copy) == whole
