"""`nstd.paint`: pictures and films in memory, painted as those in files are."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import PIL.Image
import pytest
import torch

import nstd
from nstd.errors import ConfigError, UsageError
from nstd.media.read.probe import probe
from nstd.media.read.reader import read_frames
from tests.clips import make, picture
from tests.quick_look import SIZE, quick_look

FRAMES = 4
ImageU8 = npt.NDArray[np.uint8]


@pytest.fixture
def look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Options for a fast painting; `tmp_path` is the working folder."""
    return quick_look(tmp_path, monkeypatch)


@pytest.fixture
def image() -> ImageU8:
    """A picture."""
    return picture(3, SIZE)


def test_a_picture_becomes_what_its_file_does(look: dict[str, Any], image: ImageU8) -> None:
    PIL.Image.fromarray(image).save("photo.png")
    before = image.copy()
    target = nstd.stylize("photo.png", **look).target
    assert target is not None
    painted = nstd.paint(image, **look)
    assert np.array_equal(image, before)
    assert painted.dtype == np.uint8
    with PIL.Image.open(target) as file:
        assert np.array_equal(painted, np.asarray(file))


def test_the_painting_is_of_the_pictures_own_kind(look: dict[str, Any], image: ImageU8) -> None:
    painted = nstd.paint(image, **look)
    tensor = torch.from_numpy(image).permute(2, 0, 1)
    from_image = nstd.paint(PIL.Image.fromarray(image), **look)
    assert from_image.mode == "RGB"
    assert np.array_equal(np.asarray(from_image), painted)
    from_tensor = nstd.paint(tensor, **look)
    assert from_tensor.dtype == torch.uint8
    assert np.array_equal(from_tensor.permute(1, 2, 0).numpy(), painted)
    # 16 bits of what 8 bits hold are the same picture, and so is its painting before it is rounded.
    deep = nstd.paint(image.astype(np.uint16) * np.uint16(257), **look)
    assert deep.dtype == np.uint16
    assert np.array_equal(np.rint(deep / 257).astype(np.uint8), painted)
    floating = nstd.paint(tensor.float() / 255, **look)
    assert floating.dtype == torch.float32
    assert 0 <= floating.min() < floating.max() <= 1
    codes = np.rint(floating.double().permute(1, 2, 0).numpy() * 65535).astype(np.uint16)
    assert np.array_equal(codes, deep)


def test_a_size_is_the_paintings(look: dict[str, Any], image: ImageU8) -> None:
    assert nstd.paint(image, size=44, **look | {"levels": "44:1"}).shape == (32, 44, 3)


@pytest.fixture
def film(tmp_path: Path) -> list[ImageU8]:
    """The frames of a film that lies in the working folder as film.mkv, without loss."""
    path = tmp_path / "film.mkv"
    make(path, times=range(0, FRAMES * 512, 512), size=SIZE, codec="ffv1", options={})
    return [frame.image for frame in read_frames(path, probe(path))]


def test_a_film_becomes_what_its_file_does(look: dict[str, Any], film: list[ImageU8]) -> None:
    nstd.stylize("film.mkv", output="out_%02d.png", **look)
    painted = list(nstd.paint(film, **look))
    assert len(painted) == FRAMES
    for number, frame in enumerate(painted):
        with PIL.Image.open(f"out_{number:02}.png") as file:
            assert np.array_equal(frame, np.asarray(file.convert("RGB")))
    # Held together: alone, a later frame is another picture.
    assert not np.array_equal(painted[-1], nstd.paint(film[-1], **look))
    stacked = nstd.paint(np.stack(film), **look)
    assert isinstance(stacked, np.ndarray)
    assert np.array_equal(stacked, np.stack(painted))
    tensors = nstd.paint(torch.from_numpy(np.stack(film)).permute(0, 3, 1, 2), **look)
    assert np.array_equal(tensors.permute(0, 2, 3, 1).numpy(), np.stack(painted))


def test_frames_of_a_generator_are_painted_as_they_are_asked_for(
    look: dict[str, Any], film: list[ImageU8]
) -> None:
    given = 0

    def frames() -> Iterator[ImageU8]:
        nonlocal given
        for number in range(60):
            given += 1
            yield film[number % FRAMES]

    threads = threading.active_count()
    told: list[nstd.Progress] = []
    painted = nstd.paint(frames(), on_progress=told.append, **look)
    assert given == 0
    assert next(painted).shape == film[0].shape
    assert next(painted).shape == film[0].shape
    assert told[-1].painted == 2
    assert told[-1].total is None
    assert given < 40
    painted.close()
    assert threading.active_count() == threads


def test_no_frame_gives_no_frame(look: dict[str, Any]) -> None:
    assert list(nstd.paint(iter([]), **look)) == []
    with pytest.raises(UsageError, match="A film without a frame"):
        nstd.paint(np.zeros((0, 48, 64, 3), np.uint8), **look)


def test_progress_of_a_film_ends_at_all(look: dict[str, Any], film: list[ImageU8]) -> None:
    told: list[nstd.Progress] = []
    nstd.paint(np.stack(film), on_progress=told.append, **look)
    assert told[0].doing == "loading the network"
    done = [one.done for one in told if one.done is not None]
    assert done == sorted(done)
    assert done[-1] == 1
    assert (told[-1].painted, told[-1].total) == (FRAMES, FRAMES)


def test_what_progress_raises_comes_out(look: dict[str, Any], image: ImageU8) -> None:
    def refuse(progress: nstd.Progress) -> None:
        if progress.loss is not None:
            raise KeyError(progress.frame)

    with pytest.raises(KeyError, match="0"):
        nstd.paint(image, on_progress=refuse, **look)


def test_torchs_settings_are_the_callers_between_frames(
    look: dict[str, Any], film: list[ImageU8]
) -> None:
    torch.set_num_threads(2)
    torch.backends.cudnn.benchmark = True
    for _ in nstd.paint(film, **look):
        assert torch.get_num_threads() == 2
        assert torch.backends.cudnn.benchmark


@pytest.mark.parametrize(
    "within",
    [torch.no_grad, torch.inference_mode, lambda: torch.autocast("cpu")],
    ids=["no_grad", "inference_mode", "autocast"],
)
def test_it_paints_the_same_within_torchs_contexts(
    within: Any, look: dict[str, Any], image: ImageU8
) -> None:
    alone, film = nstd.paint(image, **look), np.stack([image, image[::-1]])
    together = nstd.paint(film, **look)
    tensor = torch.from_numpy(image).permute(2, 0, 1)
    with within():
        assert np.array_equal(nstd.paint(image, **look), alone)
        assert np.array_equal(nstd.paint(film, **look), together)
        painted = nstd.paint(tensor, **look)
    assert np.array_equal(painted.permute(1, 2, 0).numpy(), alone)


def test_frames_of_another_kind_or_size_are_refused(
    look: dict[str, Any], film: list[ImageU8]
) -> None:
    for odd in (film[0][:-2], film[0] / 255, torch.zeros(3, 48, 64)):
        frames: Any = [film[0], odd]
        with pytest.raises(UsageError, match="Frame 1 is not of the kind and size"):
            list(nstd.paint(frames, **look))


@pytest.mark.parametrize(
    ("images", "options", "error", "said"),
    [
        ("film.mp4", {}, UsageError, "type str is no picture.*nstd.stylize"),
        (Path("film.mp4"), {}, UsageError, "PosixPath is no picture.*nstd.stylize"),
        (picture(3, SIZE), {"codec": "h264"}, UsageError, "no option “codec”"),
        (picture(3, SIZE), {"style": "gone.png"}, nstd.NstdError, "gone.png"),
        (picture(3, SIZE), {"network": "vgg91"}, nstd.NstdError, "no network called vgg91"),
        (picture(3, (16, 16)), {}, ConfigError, "16×16 px is too small"),
        (picture(3, SIZE)[..., :1], {}, UsageError, "not .height, width, 3."),
    ],
)
def test_what_is_wrong_is_an_error_of_the_tree(
    images: Any, options: dict[str, Any], error: type[Exception], said: str, look: dict[str, Any]
) -> None:
    with pytest.raises(error, match=said):
        nstd.paint(images, **look | options)


def test_paint_stays_the_function(look: dict[str, Any], image: ImageU8) -> None:
    nstd.paint(image, **look)
    assert callable(nstd.paint)
    assert callable(nstd.stylize)
