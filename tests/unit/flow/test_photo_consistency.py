"""Differences along a motion: exact where it is known, and noise counted as noise."""

import numpy as np
import pytest

from nstd.flow.photo_consistency import PixelSet, along_flow, along_shift, averaged, leaves
from tests.scenes import texture

HEIGHT, WIDTH = 40, 60


def uniform(x: float, y: float) -> np.ndarray:
    return np.broadcast_to(np.array([x, y], np.float32)[:, None, None], (2, HEIGHT, WIDTH))


def test_along_the_true_motion_pictures_do_not_differ() -> None:
    own = texture(HEIGHT, WIDTH, 1).astype(np.float32)
    other = np.roll(own, (2, 3), axis=(0, 1))
    inside = (slice(0, -2), slice(0, -3))
    assert along_flow(own, other, uniform(3, 2))[inside].max() == 0
    assert along_shift(own, other, (3, 2))[inside].max() == 0
    assert along_flow(own, other, uniform(0, 0)).mean() > 10


def test_whole_pixels_differ_by_as_much_either_way() -> None:
    own, other = (texture(HEIGHT, WIDTH, seed).astype(np.float32) for seed in (1, 2))
    flow = along_flow(own, other, uniform(-4, 5))
    assert flow == pytest.approx(along_shift(own, other, (-4, 5)), rel=1e-5, abs=1e-3)


def test_between_pixels_noise_is_no_better_match() -> None:
    """E(a − b)² of independent noise is 2σ², however the interpolation averages b."""
    random = np.random.default_rng(1)
    own, other = random.normal(0, 5, (2, 400, 400, 3)).astype(np.float32)
    for x, y in ((0, 0), (0.5, 0), (0.5, 0.5), (0.25, 0.75)):
        flow = np.broadcast_to(np.array([x, y], np.float32)[:, None, None], (2, 400, 400))
        # 480,000 squares of relative deviation √2, averaged: 0.2 %, more where they are smoothed.
        assert along_flow(own, other, flow).mean() == pytest.approx(50, rel=0.02)


def test_with_a_stride_every_so_many_places_are_compared() -> None:
    own, other = (texture(HEIGHT, WIDTH, seed).astype(np.float32) for seed in (1, 2))
    flow = np.random.default_rng(3).uniform(-3, 3, (2, HEIGHT, WIDTH)).astype(np.float32)
    some, every = along_flow(own, other, flow[:, ::3, ::3], 3), along_flow(own, other, flow)
    assert np.array_equal(some, every[::3, ::3])


@pytest.mark.parametrize("count", [1, 2, 8, 9, 1023, 1024, 1025, HEIGHT * WIDTH])
def test_some_places_are_compared_as_all_of_them_are(count: int) -> None:
    own, other = (texture(HEIGHT, WIDTH, seed).astype(np.float32) for seed in (1, 2))
    random = np.random.default_rng(3)
    flow = random.uniform(-9, 9, (2, HEIGHT, WIDTH)).astype(np.float32)
    chosen = np.sort(random.permutation(HEIGHT * WIDTH)[:count])
    rows, columns = np.divmod(chosen, WIDTH)
    places, vectors = PixelSet(own, rows, columns), flow[:, rows, columns]
    assert np.array_equal(
        places.along_flow(other, vectors), along_flow(own, other, flow).flat[chosen]
    )
    assert np.array_equal(places.leaves(vectors), leaves(flow).flat[chosen])
    assert leaves(flow).any()


@pytest.mark.slow
def test_more_places_are_compared_than_rows_of_a_thousand_would_hold() -> None:
    """OpenCV refuses pictures of more than 32,766 rows: 33.5 million places were too many."""
    own = np.zeros((6200, 5600, 3), np.float32)
    rows, columns = np.divmod(np.arange(own.shape[0] * own.shape[1]), own.shape[1])
    found = PixelSet(own, rows, columns).along_flow(own + 2, np.zeros((2, len(rows)), np.float32))
    assert float(found.min()) == float(found.max()) == 4


def test_averages_are_of_squares_around_each_place() -> None:
    values = np.zeros((9, 9), np.float32)
    values[4, 4] = 25
    around = averaged(values, 5)
    assert around[2:7, 2:7] == pytest.approx(1)
    assert around[:2].max() == pytest.approx(0, abs=1e-6)
