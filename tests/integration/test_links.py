"""The file that was queued is painted, whatever takes its name in a watched folder later."""

import os
from collections.abc import Callable
from pathlib import Path

import PIL.Image
import pytest

from nstd.errors import UnsupportedError
from nstd.files import hidden_path, part_path
from nstd.ledger.job import Job, JobState
from nstd.ledger.store import JobStore
from nstd.work.departure import short_hash
from tests.clips import make
from tests.integration.house import SIZE, House, digest, scene, unbroken_digest
from tests.jobs import Onlooker

SECRET = range(0, 9 * 512, 512)
"""Times of the frames of a film that lies where who drops films may not read."""


class DroppedHouse(House):
    """A house whose film lies in a watched folder, in a folder of its own."""

    def __init__(self, folder: Path, store: JobStore) -> None:
        super().__init__(folder, store)
        film = folder / "sub/film.mp4"
        film.parent.mkdir()
        self.source = self.source.rename(film)
        self.secret = make(folder.parent / "secret/film.mp4", times=SECRET, size=SIZE)


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("unbroken") / "in"
    folder.mkdir()
    (folder.parent / "secret").mkdir()
    return unbroken_digest(folder, DroppedHouse)


@pytest.fixture
def dropped(tmp_path: Path) -> DroppedHouse:
    for name in ("in", "secret"):
        (tmp_path / name).mkdir()
    return DroppedHouse(tmp_path / "in", JobStore(tmp_path / "state/ledger.sqlite3"))


def put_link(house: DroppedHouse) -> None:
    house.source.rename(house.source.with_name("aside"))
    house.source.symlink_to(house.secret)


def put_folder_link(house: DroppedHouse) -> None:
    house.source.parent.rename(house.folder / "aside")
    house.source.parent.symlink_to(house.secret.parent)


def put_pipe(house: DroppedHouse) -> None:
    house.source.rename(house.source.with_name("aside"))
    os.mkfifo(house.source)


Swap = Callable[[DroppedHouse], None]
SWAPS = {"link": put_link, "folder": put_folder_link, "pipe": put_pipe}


@pytest.mark.parametrize("swap", SWAPS.values(), ids=SWAPS)
def test_what_was_put_in_the_place_of_a_queued_film_is_not_painted(
    dropped: DroppedHouse, swap: Swap
) -> None:
    dropped.queue(dropped=True)
    swap(dropped)
    outcome = dropped.work(Onlooker())
    assert outcome.error is not None
    assert outcome.job.state is JobState.FAILED
    assert str(dropped.source) in str(outcome.error)
    assert dropped.beside_the_target() == []


class Swapper(Onlooker):
    """Puts another file in the film's place once that was probed, and the film back when done."""

    def __init__(self, house: DroppedHouse, swap: Swap) -> None:
        super().__init__(lambda _: self._back())
        self._house, self._swap = house, swap

    def began(self, job: Job, *, painted: int, total: int) -> None:
        super().began(job, painted=painted, total=total)
        self._swap(self._house)

    def _back(self) -> None:
        source, aside = self._house.source, self._house.folder / "aside"
        if aside.exists():
            source.parent.unlink()
            aside.rename(source.parent)
        elif source.is_symlink():
            source.with_name("aside").replace(source)


@pytest.mark.parametrize("swap", [put_link, put_folder_link], ids=["link", "folder"])
def test_a_link_put_there_while_a_film_is_painted_gets_nothing_of_its_own_painted(
    dropped: DroppedHouse, unbroken: str, swap: Swap
) -> None:
    dropped.queue(dropped=True)
    outcome = dropped.work(Swapper(dropped, swap))
    assert (outcome.error, outcome.job.state) == (None, JobState.DONE)
    assert digest(dropped.target) == unbroken


def test_a_link_that_stays_keeps_the_painted_film_from_being_published(
    dropped: DroppedHouse,
) -> None:
    dropped.queue(dropped=True)
    begun: list[int] = []

    def swap() -> None:
        if not begun:
            begun.append(1)
            put_link(dropped)

    outcome = dropped.work(Onlooker(when_begun=swap))
    assert isinstance(outcome.error, UnsupportedError)
    assert dropped.beside_the_target() == []


def test_a_link_that_a_person_named_is_painted_as_ever(dropped: DroppedHouse) -> None:
    put_link(dropped)
    dropped.queue()
    outcome = dropped.work(Onlooker())
    assert (outcome.error, outcome.job.frames_done) == (None, len(SECRET))


@pytest.mark.timeout(120)
def test_a_pipe_where_an_original_would_be_taken_aside_is_not_waited_for(
    dropped: DroppedHouse,
) -> None:
    # Who has dropped the film knows its name and content, and so the hidden name.
    mark = short_hash(os.fsencode(dropped.source) + b"\0" + digest(dropped.source).encode())
    os.mkfifo(hidden_path(dropped.source, f"{mark}.original"))
    dropped.queue(dropped=True, originals="delete")
    outcome = dropped.work(Onlooker())
    assert outcome.job.state is JobState.DONE
    assert not dropped.source.exists()  # it goes as was asked for


def test_nothing_of_a_descriptor_is_shown(dropped: DroppedHouse) -> None:
    dropped.source.write_bytes(dropped.source.read_bytes()[:700])
    dropped.queue(dropped=True)
    error = dropped.work(Onlooker()).error
    assert error is not None
    assert str(dropped.source) in str(error)
    assert "/proc/" not in str(error)


@pytest.mark.parametrize("suffix", [".mp4", ".png"])
def test_a_link_under_the_name_of_the_half_written_output_leads_to_nothing_that_is_written(
    dropped: DroppedHouse, suffix: str
) -> None:
    """People who fetch what is painted share the output's folder with the service."""
    if suffix == ".png":
        dropped.source = dropped.source.with_name("picture.png")
        PIL.Image.fromarray(scene(1)).save(dropped.source)
    dropped.target = dropped.target.with_suffix(suffix)
    precious = dropped.folder / "precious"
    precious.write_bytes(b"kept")
    dropped.target.parent.mkdir(exist_ok=True)
    part_path(dropped.target).symlink_to(precious)
    dropped.queue(dropped=True)
    assert dropped.work(Onlooker()).error is None
    assert precious.read_bytes() == b"kept"
    assert not dropped.target.is_symlink()
    assert dropped.beside_the_target() == [dropped.target.name]
