"""The pictures trained on: drawn by seed, of the right form, and never those held out."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from nstd.errors import UsageError
from tests.unit.training import tiny
from training import pictures
from training.pictures import Augmenter, Crop, load_photographs, load_pictures

KINDS = {"batch": Augmenter.batch, "plain": Augmenter.plain, "styles": Augmenter.styles}
SIZE = 48


@pytest.fixture(scope="module")
def augmenter() -> Augmenter:
    return Augmenter(tiny.photographs(3, 70, 90), tiny.photographs(1, 64, 64), SIZE)


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_generator_draws_the_same_and_another_others(
    augmenter: Augmenter, kind: str
) -> None:
    first, again, other = (
        KINDS[kind](augmenter, 12, np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("kind", KINDS)
def test_pictures_are_float32_in_the_unit_range_and_of_the_size(
    augmenter: Augmenter, kind: str
) -> None:
    drawn = KINDS[kind](augmenter, 40, np.random.default_rng(0))
    assert drawn.shape == (40, 3, SIZE, SIZE)
    assert drawn.dtype == torch.float32
    assert drawn.min() >= 0
    assert drawn.max() <= 1
    assert (drawn.flatten(1).std(dim=1) > 0.01).all()  # none is flat


@pytest.mark.parametrize(("height", "width"), [(20, 30), (200, 10), (1, 1)])
def test_a_crop_may_be_larger_than_the_picture(height: int, width: int) -> None:
    drawn = Augmenter(tiny.photographs(1, height, width), [], SIZE).batch(
        10, np.random.default_rng(0)
    )
    assert drawn.shape == (10, 3, SIZE, SIZE)
    assert drawn.isfinite().all()


def test_plain_crops_show_the_photographs_colors() -> None:
    red = np.full((60, 60, 3), (250, 20, 30), np.uint8)
    drawn = Augmenter([red], [], SIZE).plain(3, np.random.default_rng(0))
    wanted = torch.tensor([250, 20, 30]).float() / 255
    # Of a constant picture a warp's bilinear weights give the constant, up to a code's rounding.
    assert (drawn - wanted[:, None, None]).abs().max() <= 1 / 255


def test_held_out_photographs_are_never_trained_on(tmp_path: Path) -> None:
    for number in range(23):
        Image.new("RGB", (40, 40), (10 * number, 7, 9)).save(tmp_path / f"{number:02}.png")
    trained_on, held_out = load_photographs(tmp_path)
    reds, others = ({int(p[0, 0, 0]) // 10 for p in group} for group in (trained_on, held_out))
    assert others == {0, 10, 20}
    assert reds == set(range(23)) - others
    drawn = Augmenter(trained_on, [], SIZE).plain(200, np.random.default_rng(0))
    seen = {round(float(red) * 255) // 10 for red in drawn[:, 0, 20, 20]}
    assert seen == reds


def test_pictures_are_loaded_by_name_and_nothing_else_is(tmp_path: Path) -> None:
    for name, red in (("b.JPG", 200), ("a.png", 10), ("c.jpeg", 90)):
        form = "png" if name.endswith("png") else "jpeg"
        Image.new("RGB", (16, 8), (red, 0, 0)).save(tmp_path / name, form)
    (tmp_path / "notes.txt").write_text("no picture")
    loaded = load_pictures(tmp_path)
    assert [p.shape for p in loaded] == [(8, 16, 3)] * 3
    assert [int(p[0, 0, 0]) for p in loaded] == pytest.approx([10, 200, 90], abs=3)  # JPEG


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_photographs_are_refused(tmp_path: Path, count: int) -> None:
    for number in range(count):
        Image.new("RGB", (8, 8)).save(tmp_path / f"{number}.png")
    with pytest.raises(UsageError, match="fewer than two"):
        load_photographs(tmp_path)


def _blended(crop: Crop, generator: np.random.Generator) -> Crop:
    return pictures.blend(crop, crop[::-1].copy(), generator)


@pytest.mark.parametrize(
    "change",
    [
        pictures.recolor,
        pictures.paint_like,
        pictures.mosaic,
        pictures.strokes,
        pictures.add_noise,
        _blended,
    ],
)
def test_each_change_changes_the_picture_and_not_its_form(
    change: Callable[[Crop, np.random.Generator], Crop],
) -> None:
    crop = tiny.photographs(1, SIZE, SIZE)[0].astype(np.float32) / np.float32(255)
    original, largest = crop.copy(), []
    for seed in range(8):
        changed, again = (change(crop, np.random.default_rng(seed)) for _ in range(2))
        assert np.array_equal(changed, again)
        assert changed.shape == crop.shape
        assert changed.dtype == np.float32
        assert np.isfinite(changed).all()
        assert not np.array_equal(changed, crop)
        largest.append(np.abs(changed - crop).max())
        assert np.array_equal(crop, original)  # what was given is left as it was
    assert max(largest) > 0.05  # strengths are drawn too: not every change is to be seen
