"""The photographs trained on: loaded by name, and never those held out."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nstd.errors import UsageError
from training.pictures import Augmenter, load_photographs, load_pictures

SIZE = 48


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
