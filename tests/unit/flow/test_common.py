"""Where the flow goes wrong, a place takes another part's motion; where it is right, it stays."""

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nstd.flow.common import COMPARED_PX, explain_better
from nstd.flow.differences import along_flow
from nstd.flow.estimator import Image
from tests.scenes import scene, texture

HEIGHT, WIDTH = 120, 200
BAND = slice(80, 100)
SPEED = 1.9


def uniform(x: float, y: float, height: int = HEIGHT, width: int = WIDTH) -> torch.Tensor:
    vector = torch.tensor((x, y), dtype=torch.float32)[None, :, None, None]
    return vector.expand(1, 2, height, width).clone()


def rainbow(step: int, height: int = HEIGHT, width: int = WIDTH) -> Image:
    """Still bars with strong edges, and before them a smooth band that scrolls to the left."""
    bars = np.array([[0, 0, 0], [250, 0, 0], [0, 250, 250], [250, 0, 250], [0, 0, 250]])
    picture = np.repeat(bars[np.arange(width) * 5 // width].astype(np.uint8)[None], height, axis=0)
    phase = 2 * np.pi * (np.arange(width) + SPEED * step) / 150
    hues = 127 + 120 * np.cos(phase[:, None] - np.array([0, 2, 4]) * np.pi / 3)
    picture[BAND] = np.rint(hues).astype(np.uint8)
    return picture


def differing(earlier: Image, later: Image, backward: torch.Tensor) -> np.ndarray:
    return along_flow(later.astype(np.float32), earlier.astype(np.float32), backward[0].numpy())


def test_a_place_takes_the_motion_that_was_found_elsewhere() -> None:
    earlier, later = rainbow(0), rainbow(1)
    found = uniform(0, 0)
    found[0, 0, BAND, :40] = 1.5  # found in one place only, and too slow
    backward, _ = explain_better(earlier, later, found, -found)
    band = backward[0, 0, 84:96, 8:-8].numpy()
    assert np.median(band) == pytest.approx(SPEED, abs=0.05)
    assert float((np.abs(band - SPEED) < 0.1).mean()) > 0.6
    assert float(backward[..., :70, :].abs().max()) == 0
    assert (
        differing(earlier, later, backward).mean() < 0.2 * differing(earlier, later, found).mean()
    )


def test_what_an_estimator_makes_up_goes_where_it_explains_nothing() -> None:
    earlier, later = rainbow(0), rainbow(1)
    found = uniform(0, 0)
    found[0, 0, 20:60] = 30
    found[0, 0, BAND] = SPEED
    backward, _ = explain_better(earlier, later, found, -found)
    errors = [differing(earlier, later, flow)[:75].mean() for flow in (found, backward)]
    assert errors[0] > 1000
    assert errors[1] < errors[0] / 100


def test_a_flow_that_is_right_is_left_alone_to_the_bit() -> None:
    one = scene(HEIGHT, WIDTH, square=(7, 3), wall=(-4, 2), side=50)
    flows = [
        torch.from_numpy(flow.astype(np.float32))[None] for flow in (one.backward, one.forward)
    ]
    hidden = (one.revealed | one.entered).astype(np.uint8)
    known = torch.from_numpy(cv2.dilate(hidden, np.ones((13, 13))) == 0)
    backward, _ = explain_better(one.earlier, one.later, *flows)
    assert float(known.float().mean()) > 0.7
    assert torch.equal(backward[..., known], flows[0][..., known])


def test_a_flow_nearly_right_is_left_alone_too() -> None:
    """A motion that all have in common is no better than one that changes from place to place."""
    large = texture(HEIGHT, WIDTH, 1, slope=2)
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    across = 3 + columns / 100  # stretched
    later = cv2.remap(large, columns + across, rows, cv2.INTER_LINEAR).astype(np.uint8)
    backward = torch.from_numpy(np.stack([across, np.zeros_like(across)]))[None]
    found, _ = explain_better(large, later, backward, -backward)
    assert torch.equal(found[..., :-10], backward[..., :-10])


def test_both_ways_are_explained() -> None:
    earlier, later = rainbow(0), rainbow(1)
    backward, forward = (uniform(0, 0) for _ in range(2))
    backward[0, 0, BAND, :40], forward[0, 0, BAND, :40] = SPEED, -SPEED
    found = explain_better(earlier, later, backward, forward)
    for flow, speed in zip(found, (SPEED, -SPEED), strict=True):
        assert float(flow[0, 0, 84:96, 8:-8].median()) == pytest.approx(speed, abs=0.05)


def test_a_large_picture_is_compared_at_some_of_its_places_and_explained_at_all() -> None:
    width = 2 * COMPARED_PX + 61
    earlier, later = (rainbow(step, HEIGHT, width) for step in (0, 1))
    found = uniform(0, 0, HEIGHT, width)
    found[0, 0, BAND, : width // 5] = SPEED
    backward, _ = explain_better(earlier, later, found, -found)
    assert backward.shape == found.shape
    assert float((backward[0, 0, 88:92, 20:-20] - SPEED).abs().median()) < 0.05
    assert float(backward[..., :60, :].abs().max()) == 0


@settings(deadline=None)
@given(st.integers(1, 24), st.integers(1, 24), st.integers(0, 999), st.floats(0, 200))
def test_whatever_the_flow_the_result_is_one(
    height: int, width: int, seed: int, fastest: float
) -> None:
    random = np.random.default_rng(seed)
    earlier, later = random.integers(0, 256, (2, height, width, 3), dtype=np.uint8)
    flows = [
        torch.from_numpy(
            random.uniform(-fastest, fastest, (1, 2, height, width)).astype(np.float32)
        )
        for _ in range(2)
    ]
    before = [flow.clone() for flow in flows]
    found = explain_better(earlier, later, *flows)
    again = explain_better(earlier, later, *flows)
    for flow, same, given_flow, untouched in zip(found, again, flows, before, strict=True):
        assert flow.shape == given_flow.shape
        assert flow.dtype == torch.float32
        assert bool(flow.isfinite().all())
        assert torch.equal(flow, same)
        assert torch.equal(given_flow, untouched)
