"""Weighted median filtering: of several motions that fit, that of neighbors of like color."""

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as some

from nstd.flow import motion_boundary
from nstd.flow.motion_boundary import sharpen_boundaries
from nstd.flow.neighborhood import Neighborhood
from nstd.flow.photo_consistency import Plane
from nstd.flow.weighted_median import WeightedMedian, weighted_medians
from tests.scenes import scene, texture
from tests.unit.flow.both_ways import both_ways

HEIGHT, WIDTH, SIDE = 100, 140, 40
TOP, LEFT = 30, 50


def pictures(move: tuple[int, int], *, deviation: float) -> tuple[np.ndarray, np.ndarray]:
    """A textured square that moves before an even wall."""
    thing = texture(SIDE, SIDE, 3)
    found = []
    for (x, y), seed in (((0, 0), 1), (move, 2)):
        picture = np.full((HEIGHT, WIDTH, 3), (70, 120, 190), np.float64)
        picture[TOP + y : TOP + y + SIDE, LEFT + x : LEFT + x + SIDE] = thing
        picture += np.random.default_rng(seed).normal(0, deviation, picture.shape)
        found.append(np.clip(np.rint(picture), 0, 255).astype(np.uint8))
    return found[0], found[1]


def dragging(move: tuple[int, int]) -> tuple[torch.Tensor, np.ndarray]:
    """The backward flow as windows find it, and where the later picture shows the wall."""
    flow = np.zeros((2, HEIGHT, WIDTH), np.float32)
    wall = np.ones((HEIGHT, WIDTH), bool)
    x, y = move
    square = slice(TOP + y, TOP + y + SIDE), slice(LEFT + x, LEFT + x + SIDE)
    wall[square] = False
    flow[0][square], flow[1][square] = -x, -y
    wide = np.stack([cv2.dilate(np.abs(part), np.ones((13, 13))) for part in flow])
    return torch.from_numpy(np.copysign(wide, -np.array([x, y])[:, None, None])[None]).float(), wall


@pytest.mark.parametrize("move", [(3, 1), (-4, 2)])
@pytest.mark.parametrize("deviation", [0, 2])
def test_an_even_wall_is_not_dragged_along(
    move: tuple[int, int], deviation: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    earlier, later = pictures(move, deviation=deviation)
    flow, wall = dragging(move)

    def moving() -> int:
        found, _ = both_ways(sharpen_boundaries, earlier, later, flow, torch.zeros_like(flow))
        return int((np.hypot(*found[0].numpy())[wall] > 0.5).sum())

    with_it = moving()
    monkeypatch.setattr(motion_boundary, "PASSES", 0)
    without = moving()
    assert without > 600  # of 960 that are dragged along
    assert with_it < 0.5 * without


def places(own: Plane, other: Plane, asked: np.ndarray) -> Neighborhood:
    return Neighborhood(own, other, asked, window=5, most=400.0)


def test_a_motion_that_explains_a_place_worse_is_not_taken() -> None:
    """All around has the place's color and another motion, which the pictures contradict."""
    picture = texture(60, 60, 1).astype(np.float32)
    picture[20:40, 20:40] = 100
    picture[30, 30] = 255
    vectors = np.full((2, 60, 60), 3, np.float32)
    vectors[:, 28:33, 28:33] = 0
    everywhere = np.ones((60, 60), bool)
    beside = places(picture, picture, everywhere)
    found = WeightedMedian(picture, beside, [(6, 0), (-6, 0), (0, 6), (0, -6)]).median(
        vectors, np.float32(0.5)
    )
    assert (found[:, 30, 30] == 0).all()
    even = np.full_like(picture, 100)
    found = WeightedMedian(
        even, places(even, even, everywhere), [(6, 0), (-6, 0), (0, 6), (0, -6)]
    ).median(vectors, np.float32(0.5))
    assert (found[:, 30, 30] == 3).all()


def test_no_place_is_sent_out_of_the_picture_and_none_that_was_not_asked_moves() -> None:
    even = np.full((40, 40, 3), 100, np.float32)
    vectors = np.full((2, 40, 40), 5, np.float32)
    vectors[0, :, 34:] = 0
    asked = np.ones((40, 40), bool)
    asked[:10] = False
    found = WeightedMedian(even, places(even, even, asked), [(-8, 0), (-7, 0), (-6, 0)]).median(
        vectors, np.float32(0.5)
    )
    assert (found[0, 10:35, 34] == 5).all()  # 34 + 5 is the last column
    assert (found[0, :, 35:] == 0).all()
    assert np.array_equal(found[:, :10], vectors[:, :10])


FULL = 0x7FFF
"""The weight 1."""

finite = st.floats(-1e6, 1e6, width=32) | st.sampled_from([0.0, -0.0, 1e-38, -1e-38])


@settings(deadline=None)
@given(st.data(), st.integers(1, 18), st.integers(1, 5))
def test_the_median_is_the_weighed_one(data: st.DataObject, count: int, width: int) -> None:
    values = data.draw(some.arrays(np.float32, (count, width), elements=finite))
    says = data.draw(some.arrays(np.int16, (count, width), elements=st.integers(0, FULL)))
    says[0] = FULL
    found = weighted_medians(list(values), list(says))
    for at in range(width):
        own, weights = values[:, at], says[:, at].astype(int)
        below, above = (weights[sign * own < sign * found[at]].sum() for sign in (1, -1))
        assert found[at] in own
        assert 2 * below <= weights.sum()
        assert 2 * above <= weights.sum()


def test_light_that_changes_lets_no_motion_pass() -> None:
    """Then all motions explain badly, and what is faint must not go with what is around."""
    one = scene(120, 160, square=(4, -3), wall=(-1, 2))
    generator = np.random.default_rng(0)
    earlier, later = (
        np.rint(picture * 0.1 + light + generator.normal(0, 2, picture.shape)).astype(np.uint8)
        for picture, light in ((one.earlier, 80), (one.later, 96))
    )
    backward, _ = both_ways(sharpen_boundaries, earlier, later, *one.flows)
    off = np.hypot(*(backward[0].numpy() - one.backward))[~(one.revealed | one.entered)]
    assert (off > 0.5).mean() < 0.006  # 0.010 if noise counts as whatever frames differ by


def test_a_zoom_beside_a_rim_stays_as_it_was() -> None:
    """What looks alike lies on one side there, and moves otherwise the farther it is."""
    height, width = 160, 220
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    ground, thing = texture(height, width, 5), texture(50, 50, 9)
    flow = np.float32(0.04) * np.stack([columns - width / 2, rows - height / 2])
    moved = cv2.remap(ground, columns + flow[0], rows + flow[1], cv2.INTER_LINEAR)
    later = np.asarray(moved, np.uint8)
    earlier = ground.copy()
    earlier[50:100, 80:130] = later[50:100, 85:135] = thing
    flow[:, 50:100, 85:135] = np.array([-5, 0])[:, None, None]
    given_one = torch.from_numpy(flow)[None]
    found, _ = both_ways(sharpen_boundaries, earlier, later, given_one, -given_one)
    shown = np.ones((height, width), bool)
    shown[50:100, 78:88] = False
    assert float(np.hypot(*(found[0].numpy() - flow))[shown].mean()) < 0.01  # 0.05 if all may move
