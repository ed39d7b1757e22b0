"""Films with alpha, with more than 8 bits and out as pictures, through a worker, kills included."""

import shutil
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import PIL.Image
import pytest

from nstd.config import Config
from nstd.errors import ChangedError, Interrupted, OutputExistsError, UsageError
from nstd.ledger.store import JobStore
from nstd.media.frame import ImageU8
from nstd.media.write.codecs import EncodeSettings
from nstd.media.write.numbered import rest_path
from nstd.style.recipe import INDEPENDENT, StyleRecipe, StyleSource, Temporal
from nstd.submit.frames import FrameRange
from nstd.submit.freeze import Freezing, Submission, submit
from nstd.submit.output import OutputSpec
from nstd.work.stylize import Wanted, stylize
from tests.clips import make
from tests.integration.house import FRAMES, SEGMENT, SIZE, House, digest
from tests.integration.test_media_alpha import film_with_alpha
from tests.jobs import Onlooker

PICTURES = EncodeSettings("ffv1", 0, container="mkv", depth=8, pictures="png")


@pytest.fixture
def houses(tmp_path: Path) -> Iterator[Any]:
    """Makes houses, each with a ledger of its own."""
    stores: list[JobStore] = []

    def new(name: str, target: str, temporal: Temporal = INDEPENDENT) -> House:
        stores.append(JobStore(tmp_path / name / "state/ledger.sqlite3"))
        house = House(tmp_path / name, stores[-1], temporal)
        house.target = house.target.with_name(target)
        return house

    yield new
    for store in stores:
        store.close()


def deep_film(path: Path) -> None:
    """A gray ramp of 10 bits: in 8 its steps are four times as high."""
    with av.open(str(path), "w") as output:
        stream = output.add_stream("ffv1", rate=25)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height = SIZE
        stream.pix_fmt = "gbrp10le"
        for index in range(FRAMES):
            row = np.arange(SIZE[0], dtype=np.uint16) * 64 * 4 + index * 64
            gray = np.broadcast_to(row[None, :, None], (SIZE[1], SIZE[0], 3))
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(gray), format="rgb48le")
            frame = frame.reformat(format="gbrp10le")
            frame.pts = index
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))


def coarse(index: int, size: tuple[int, int]) -> ImageU8:
    """Squares that move to the left."""
    random = np.random.default_rng(0)
    squares = random.integers(0, 256, (size[1] // 8, size[0] // 8 + 2, 3)).astype(np.uint8)
    return np.kron(squares, np.ones((8, 8, 1), np.uint8))[:, index : index + size[0]].copy()


@pytest.mark.parametrize("temporal", [INDEPENDENT, Temporal()])
def test_alpha_and_16_bits_are_the_same_over_a_kill(houses: Any, temporal: Temporal) -> None:
    found = []
    for name in ("whole", "resumed"):
        house = houses(name, "painted.mkv", temporal)
        house.source.unlink()
        house.source = film_with_alpha(house.folder / "film.mov", picture=coarse)
        encode = EncodeSettings("ffv1", 0, container="mkv", depth=16)
        house.queue(encode=encode)
        if name == "resumed":
            for stopped in (2, SEGMENT):
                onlooker = Onlooker()
                onlooker.stop_at(stopped)
                assert isinstance(house.work(onlooker).error, Interrupted)
        assert house.work(Onlooker()).error is None
        found.append(digest(house.target))
    assert found[0] == found[1]
    with av.open(str(house.target)) as film:
        assert film.streams.video[0].codec_context.pix_fmt == "gbrap16le"
        for frame in film.decode(video=0):
            alpha = frame.to_ndarray(format="rgba64le")[..., 3]
            assert set(np.unique(alpha % 257)) == {0}
            assert (alpha.min(), alpha.max()) == (0, 65535)


def test_a_deep_film_is_copied_with_all_its_bits(houses: Any) -> None:
    house = houses("deep", "painted.mkv")
    house.source.unlink()
    house.source = house.folder / "film.mkv"
    deep_film(house.source)
    house.queue(encode=EncodeSettings("ffv1", 0, container="mkv", depth=16), copy=True)
    assert house.work(Onlooker()).error is None
    with av.open(str(house.source)) as before, av.open(str(house.target)) as after:
        pairs = zip(before.decode(video=0), after.decode(video=0), strict=True)
        for one, other in pairs:
            wanted, got = (each.to_ndarray(format="rgb48le") for each in (one, other))
            # 10 bits of 1023 steps: each is 64 of 65535.
            assert np.abs(wanted.astype(int) - got).max() < 64


def test_a_copy_stops_where_a_segment_ends_and_goes_on_there(houses: Any) -> None:
    house = houses("stopped", "painted.mp4")
    house.queue(copy=True)
    first, second = Onlooker(), Onlooker()
    first.stop_at(1)
    error = house.work(first).error
    assert isinstance(error, Interrupted)
    assert error.problem == f"Painting film.mp4 was stopped at frame {SEGMENT}"
    assert house.work(second).error is None
    assert (first.frames, second.frames) == (SEGMENT, FRAMES - SEGMENT)


@pytest.mark.parametrize("copies", [(True, False), (False, True)])
def test_a_worker_tells_a_copy_from_a_painting_by_the_same_recipe(
    houses: Any, copies: tuple[bool, bool]
) -> None:
    house = houses("both", "painted.mp4")
    for copy in copies:
        wanted = Submission(
            source=house.source,
            folder=house.folder,
            recipe_name=f"oil {copy}",
            recipe=house.recipe,
            output=OutputSpec(encode=EncodeSettings(preset="ultrafast"), overwrite=True, copy=copy),
            target=house.target,
        )
        submit(house.store, wanted, Freezing(house.state, house.cache))
    onlooker = Onlooker()
    worker = house.worker(onlooker)
    for copy in copies:
        onlooker.worked_on.clear()
        assert worker.work_one().error is None
        assert onlooker.worked_on == (set() if copy else set(range(FRAMES)))


def test_numbered_pictures_are_published_all_together(houses: Any) -> None:
    house = houses("numbered", "x_0000.png")
    house.begin(encode=PICTURES)
    assert house.beside_the_target() == []
    assert house.work(Onlooker()).error is None
    assert house.beside_the_target() == [f"x_{index:04}.png" for index in range(FRAMES)]
    for path in house.target.parent.iterdir():
        with PIL.Image.open(path) as picture:
            assert picture.size == SIZE


def test_a_picture_of_somebody_elses_is_found_before_painting(houses: Any) -> None:
    house = houses("taken", "x_0000.png")
    other = house.target.with_name("x_0005.png")
    other.write_bytes(b"mine")
    house.queue(encode=PICTURES)
    onlooker = Onlooker()
    error = house.work(onlooker).error
    assert isinstance(error, OutputExistsError)
    assert "x_0005.png is there already" in str(error)
    assert not onlooker.worked_on
    assert house.beside_the_target() == ["x_0005.png"]
    assert other.read_bytes() == b"mine"


def test_images_keep_their_numbers_where_some_are_missing(tmp_path: Path) -> None:
    for number in (7, 8, 11):
        PIL.Image.fromarray(coarse(number, SIZE)).save(tmp_path / f"shot_{number:03}.png")
    (tmp_path / "out").mkdir()
    source, target = tmp_path / "shot_%03d.png", tmp_path / "out/x_%04d.png"
    spec = OutputSpec(encode=PICTURES, copy=True)
    config = Config(state_dir=tmp_path / "state", cache_dir=tmp_path / "cache")
    style = StyleSource(image=str(tmp_path / "shot_007.png"))
    recipe = StyleRecipe(styles=(style,), temporal=INDEPENDENT)
    (result,) = stylize(config, [source], Wanted(recipe, spec), target, Onlooker())
    assert result.error is None
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["x_0007.png", "x_0008.png", "x_0011.png"]
    with PIL.Image.open(tmp_path / "out/x_0011.png") as picture:
        assert np.array_equal(np.asarray(picture), coarse(11, SIZE))


def test_what_is_not_published_leaves_nothing_beside_the_target(houses: Any) -> None:
    house = houses("changed", "x_0000.png")
    house.queue(encode=PICTURES)

    def changed(*_: Any) -> None:
        raise ChangedError("It was changed meanwhile")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("nstd.work.publish.require_unchanged", changed)
        assert isinstance(house.work(Onlooker()).error, ChangedError)
    assert house.beside_the_target() == []


def test_an_image_is_not_replaced_by_what_is_painted_of_another(tmp_path: Path) -> None:
    """Even where the folder goes by two names, and outputs may be replaced."""
    (tmp_path / "in").mkdir()
    (tmp_path / "link").symlink_to("in")
    for number in (1, 2, 3):
        PIL.Image.fromarray(coarse(number, SIZE)).save(tmp_path / f"in/shot_{number:02}.png")
    before = {path: path.read_bytes() for path in (tmp_path / "in").iterdir()}
    config = Config(state_dir=tmp_path / "state", cache_dir=tmp_path / "cache")
    style = StyleSource(image=str(tmp_path / "in/shot_01.png"))
    recipe = StyleRecipe(styles=(style,), temporal=INDEPENDENT)
    spec = OutputSpec(encode=PICTURES, copy=True, overwrite=True)
    source, target = tmp_path / "in/shot_%02d.png", tmp_path / "link/shot_%02d.png"
    frames = FrameRange(Fraction(1, 24), Fraction(3, 24))
    (result,) = stylize(config, [source], Wanted(recipe, spec, frames), target, Onlooker())
    assert isinstance(result.error, UsageError)
    assert before == {path: path.read_bytes() for path in (tmp_path / "in").iterdir()}


def lose(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Paint, and lose the worker when all is ready to be published."""

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("nstd.work.publish.put_in_place", killed)
        with pytest.raises(KeyboardInterrupt):
            house.work(Onlooker())
    house.store.release(house.store._holder, reason="it ended")


@pytest.mark.parametrize("published", [0, 2])
def test_a_job_is_done_only_when_all_its_pictures_are_there(
    houses: Any, monkeypatch: pytest.MonkeyPatch, published: int
) -> None:
    house = houses("lost", "x_0000.png")
    house.queue(encode=PICTURES)
    lose(house, monkeypatch)
    rest = rest_path(house.target)
    for path in sorted(rest.iterdir())[:published]:
        path.rename(house.target.with_name(path.name))
    shutil.rmtree(rest)
    assert house.work(Onlooker()).error is None
    assert house.beside_the_target() == [f"x_{index:04}.png" for index in range(FRAMES)]


def test_of_a_configuration_only_own_pictures_are_replaced(
    houses: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = houses("own", "x_0000.png")
    house.queue(encode=PICTURES)
    assert house.work(Onlooker()).error is None
    before = house.target.with_name("x_0003.png").stat().st_ino
    make(house.source, times=range(0, 4 * 512, 512), size=SIZE)
    house.queue(encode=PICTURES, overwrite=True, only_own=True)
    other = house.target.with_name("x_0005.png")
    other.write_bytes(b"mine")
    lose(house, monkeypatch)
    assert house.work(Onlooker()).error is None
    # There are fewer now: of the others that which is nstd's has gone.
    assert house.beside_the_target() == [*(f"x_{index:04}.png" for index in range(4)), other.name]
    assert other.read_bytes() == b"mine"
    assert house.target.with_name("x_0003.png").stat().st_ino != before
    house.target.with_name("x_0002.png").write_bytes(b"mine too")
    make(house.source, times=range(0, 5 * 512, 512), size=SIZE)
    house.queue(encode=PICTURES, overwrite=True, only_own=True)
    error = house.work(Onlooker()).error
    assert isinstance(error, OutputExistsError)
    assert house.target.with_name("x_0002.png").read_bytes() == b"mine too"
