"""The README's pictures: what they show, and that they are what the program makes."""

from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from art import showcase
from art.harbor.scene import Scene
from nstd.gallery import list_styles

ROOT = Path(__file__).resolve().parents[3]
FILM, GALLERY = (ROOT / "docs" / name for name in (showcase.FILM, showcase.GALLERY))


def frame(index: int) -> np.ndarray:
    with PIL.Image.open(FILM) as film:
        film.seek(index)
        return np.asarray(film.convert("RGB")).astype(int)


def test_the_readme_begins_with_the_film_and_shows_the_styles() -> None:
    before, _, after = (ROOT / "README.md").read_text().partition("\n## ")
    assert f"(docs/{FILM.name})" in before
    assert f"(docs/{GALLERY.name})" in before + after


def test_the_film_loads_at_once_and_shows_what_was_drawn_beside_what_was_painted() -> None:
    assert FILM.stat().st_size <= 1_500_000
    with PIL.Image.open(FILM) as film:
        assert (film.format, film.info["loop"]) == ("WEBP", 0)
        assert getattr(film, "n_frames", 1) == showcase.FRAMES
    scene = Scene()
    for index in (0, showcase.FRAMES - 1):
        width, height = showcase.HALF
        drawn = PIL.Image.fromarray(scene.large(index)).resize(showcase.HALF)
        left, right = frame(index)[:, :width], frame(index)[:, -width:]
        assert left.shape == right.shape == (height, width, 3)
        assert np.abs(left - np.asarray(drawn)).mean() < 8  # of 255: what WebP costs
        assert np.abs(right - np.asarray(drawn)).mean() > 30


def test_the_gallery_shows_the_picture_and_every_style_that_ships() -> None:
    assert GALLERY.stat().st_size <= 1_000_000
    with PIL.Image.open(GALLERY) as gallery:
        colors = np.asarray(gallery.convert("RGB")).astype(int)
    rows = -(-(len(list_styles()) + 1) // 4)
    cells = [
        part for row in np.array_split(colors, rows) for part in np.array_split(row, 4, axis=1)
    ]
    shown = [cell for cell in cells if cell.std() > 30]  # the ground alone has 0
    assert len(shown) == len(list_styles()) + 1
    drawn, *painted = shown
    for one in painted:
        height = min(len(one), len(drawn))
        width = min(one.shape[1], drawn.shape[1])
        assert np.abs(one[:height, :width] - drawn[:height, :width]).mean() > 15


def test_a_style_is_set_into_a_corner_and_hides_little() -> None:
    picture = np.full((300, 400, 3), 200, np.uint8)
    both = showcase.with_inset(picture, np.zeros((60, 80, 3), np.uint8))
    assert both.shape == (300, 400, 3)
    assert (both[-1, -1] == 0).all()
    assert 0.8 < (both == 200).mean() < 0.95


@pytest.mark.slow
def test_what_is_painted_already_is_left_as_it_is(tmp_path: Path) -> None:
    drawn = showcase.draw_picture(tmp_path / "drawn.png")
    target = tmp_path / "painted.png"
    options = ("--size", "64", "--levels", "64:2")
    showcase.paint(drawn, target, "impasto", *options)
    first = target.read_bytes(), target.stat().st_mtime_ns
    showcase.paint(drawn, target, "impasto", *options)
    assert (target.read_bytes(), target.stat().st_mtime_ns) == first
    target.unlink()
    showcase.paint(drawn, target, "impasto", *options)
    assert target.read_bytes() == first[0]
