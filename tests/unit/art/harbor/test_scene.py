"""The sample's picture: the same every time, full of detail, and moving at every depth."""

import numpy as np
import pytest

from art.harbor.scene import SIZE, Scene


@pytest.fixture(scope="module")
def scene() -> Scene:
    return Scene()


def test_a_frame_is_a_picture_of_the_films_size(scene: Scene) -> None:
    frame = scene.frame(0)
    assert frame.dtype == np.uint8
    assert frame.shape == (SIZE[1], SIZE[0], 3)
    assert frame.flags.c_contiguous


def test_the_same_seed_gives_the_same_frame_in_any_order(scene: Scene) -> None:
    scene.frame(9)
    assert (Scene().frame(3) == scene.frame(3)).all()


def test_another_seed_gives_another_picture(scene: Scene) -> None:
    assert np.abs(Scene(1).frame(0).astype(int) - scene.frame(0)).mean() > 2


@pytest.mark.parametrize(
    ("what", "rows", "columns"),
    [
        ("clouds", slice(25, 60), slice(0, 320)),
        ("mountains", slice(60, 95), slice(60, 130)),
        ("headland", slice(90, 106), slice(0, 90)),
        ("water", slice(106, 150), slice(150, 320)),
        ("boat", slice(80, 132), slice(80, 130)),
        ("rocks", slice(160, 180), slice(0, 60)),
    ],
)
def test_everything_moves(scene: Scene, what: str, rows: slice, columns: slice) -> None:
    first, later = (scene.frame(index)[rows, columns].astype(int) for index in (0, 6))
    assert np.abs(first - later).mean() > 1, what


def test_no_part_is_flat(scene: Scene) -> None:
    # What stylization shows itself on: every tile of 20 pixels has its light and its dark.
    frame = scene.frame(0).astype(float)
    tiles = frame.reshape(9, 20, 16, 20, 3).swapaxes(1, 2).reshape(-1, 400, 3)
    assert tiles.std(axis=1).max(axis=1).min() > 1


def test_it_uses_the_whole_range_of_light(scene: Scene) -> None:
    dark, bright = np.percentile(scene.frame(0), (1, 99))
    assert dark < 40
    assert bright > 215


def test_late_frames_can_be_drawn(scene: Scene) -> None:
    late = scene.frame(2000)
    assert late.std() > 20
