"""The demonstration in this process: what it leaves alone, what it refuses, where it goes on."""

from pathlib import Path

import PIL.Image
import pytest

from nstd.config import Config, recipe_from_options
from nstd.demo import Demo, make_demo
from nstd.errors import Interrupted, NstdError, OutputExistsError, StorageError, WeightsError
from nstd.ledger.job import Job
from nstd.style.optimize import Iterate
from tests.clips import picture
from tests.networks import make_quarter_network

FILES = ("sample.mp4", "painted.mp4", "sheet.png")


class Onlooker:
    """Notes which frames are worked on; stops the work where it is told to."""

    def __init__(self, stop_after: int | None = None) -> None:
        self.frames: set[int] = set()
        self._finished = 0
        self._stop_after = stop_after

    @property
    def stopping(self) -> bool:
        return self._stop_after is not None and self._finished >= self._stop_after

    def began(self, job: Job, *, painted: int, total: int) -> None:
        pass

    def turn(self, number: int, count: int) -> None:
        pass

    def doing(self, what: str) -> None:
        pass

    def alive(self) -> None:
        pass

    def stepped(self, frame: int, iterate: Iterate) -> None:
        self.frames.add(frame)

    def painted(self, frame: int) -> None:
        self._finished += 1


class Home:
    """Folders of one test, and a network that paints nothing much, fast."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.out = folder / "demo"
        self.network = str(
            make_quarter_network(folder / "n.safetensors", 0, (2, 2, 2, 2, 2), readout=False)
        )
        for name in ("one", "two"):
            image = picture(len(name), (64, 48))
            PIL.Image.fromarray(image if name == "one" else 255 - image).save(
                folder / f"{name}.png"
            )

    def demo(
        self, *, style: str = "one", stop_after: int | None = None, overwrite: bool = False
    ) -> tuple[Demo | NstdError, set[int]]:
        """What was made, or why not; and which frames were worked on for it."""
        config = Config.model_validate(
            {
                "state_dir": self.folder / "state",
                "cache_dir": self.folder / "cache",
                "devices": "cpu",
                "threads": 1,
            }
        )
        wish = {"styles": [str(self.folder / f"{style}.png")], "levels": "64:1,320:1"}
        recipe = recipe_from_options(config, name=None, overrides=wish | {"network": self.network})
        onlooker = Onlooker(stop_after)
        try:
            made = make_demo(config, recipe, self.out, onlooker, frames=3, overwrite=overwrite)
        except NstdError as error:
            return error, onlooker.frames
        return made, onlooker.frames

    def contents(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in sorted(self.out.iterdir())}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home in which all is made; a test leaves it as it was."""
    home = Home(tmp_path_factory.mktemp("made"))
    found, frames = home.demo()
    assert isinstance(found, Demo)
    assert (frames, found.kept) == ({0, 1, 2}, ())
    assert set(home.contents()) == set(FILES)
    return home


def test_the_next_time_it_leaves_its_files(made: Home) -> None:
    before = made.contents()
    again, frames = made.demo()
    assert isinstance(again, Demo)
    assert (frames, {path.name for path in again.kept}) == (set(), set(FILES))
    assert made.contents() == before


def test_a_sheet_that_is_gone_is_made_again_and_nothing_painted(made: Home) -> None:
    before = made.contents()
    (made.out / "sheet.png").unlink()
    _, frames = made.demo()
    assert (frames, made.contents()) == (set(), before)


def test_another_style_replaces_nothing_unasked(made: Home) -> None:
    before = made.contents()
    refused, frames = made.demo(style="two")
    assert isinstance(refused, OutputExistsError)
    assert "painted.mp4 is there already" in str(refused)
    assert (frames, made.contents()) == (set(), before)


def test_told_to_overwrite_it_takes_the_place_of_all_that_differs(home: Home) -> None:
    home.out.mkdir()
    for name in FILES:
        (home.out / name).write_text("old")
    found, frames = home.demo(overwrite=True)
    assert isinstance(found, Demo)
    assert (frames, found.kept) == ({0, 1, 2}, ())
    assert b"old" not in home.contents().values()


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_the_users_is_never_replaced(home: Home, name: str) -> None:
    home.out.mkdir()
    (home.out / name).write_text("mine")
    refused, frames = home.demo()
    assert isinstance(refused, OutputExistsError)
    assert name in str(refused)
    assert frames == set()
    assert (home.out / name).read_text() == "mine"


def test_what_was_stopped_goes_on_and_no_half_file_was_there(home: Home) -> None:
    stopped, frames = home.demo(stop_after=2)
    assert isinstance(stopped, Interrupted)
    assert frames == {0, 1, 2}
    assert set(home.contents()) == {"sample.mp4"}
    found, frames = home.demo()
    assert isinstance(found, Demo)
    assert (frames, found.kept) == ({2}, (home.out / "sample.mp4",))


def test_what_cannot_be_is_an_error_of_its_kind(home: Home) -> None:
    home.out = home.folder / "one.png" / "demo"
    assert isinstance(home.demo()[0], StorageError)
    home.out = home.folder / "demo"
    home.network = "pokket"
    assert isinstance(home.demo()[0], WeightsError)
