"""Motion boundaries: the flow changes where the motion does, and stays as it is elsewhere."""

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nstd.flow import Checked, Dis, Farneback
from nstd.flow.motion_boundary import sharpen_boundaries
from tests.scenes import Scene, anything, noisy, scene, texture
from tests.unit.flow.both_ways import both_ways

HEIGHT, WIDTH = 120, 160


def smoothed(flow: np.ndarray, window: int) -> torch.Tensor:
    """As an estimator finds it that looks at windows."""
    parts = [cv2.blur(part.astype(np.float32), (window, window)) for part in flow]
    return torch.from_numpy(np.stack(parts))[None]


def off(found: torch.Tensor, true: np.ndarray) -> np.ndarray:
    """Length of the difference from the true flow, in pixels."""
    return np.asarray(np.hypot(*(found[0].numpy() - true)))


def shown(one: Scene) -> np.ndarray:
    return ~(one.revealed | one.entered)


@pytest.mark.parametrize(("square", "wall", "window"), [((3, 1), (0, 0), 9), ((-4, 2), (2, 1), 15)])
def test_a_rim_is_where_the_motion_changes(
    square: tuple[int, int], wall: tuple[int, int], window: int
) -> None:
    one = scene(HEIGHT, WIDTH, square=square, wall=wall)
    flows = smoothed(one.backward, window), smoothed(one.forward, window)
    pictures = noisy(one.earlier, 2, 1), noisy(one.later, 2, 2)
    backward, _ = both_ways(sharpen_boundaries, *pictures, *flows)
    before, after = (off(flow, one.backward)[shown(one)] for flow in (flows[0], backward))
    assert (before > 0.5).mean() > 0.04
    assert (after > 0.5).mean() < 0.25 * (before > 0.5).mean()


def test_both_ways_are_sharpened_alike() -> None:
    one = scene(HEIGHT, WIDTH, square=(4, 1), wall=(0, 0))
    pictures = noisy(one.earlier, 2, 1), noisy(one.later, 2, 2)
    flows = smoothed(one.backward, 13), smoothed(one.forward, 13)
    found = both_ways(sharpen_boundaries, *pictures, *flows)
    turned = both_ways(sharpen_boundaries, pictures[1], pictures[0], flows[1], flows[0])
    assert not torch.equal(found[1], flows[1])
    for one_way, other in zip(found, reversed(turned), strict=True):
        assert torch.equal(one_way, other)


@pytest.mark.parametrize("estimator", [Dis(), Farneback()])
def test_of_a_filmed_thing_less_of_the_flow_is_off(estimator: Dis | Farneback) -> None:
    one = scene(HEIGHT, WIDTH, square=(3, -2), wall=(0, 0))
    pictures = noisy(one.earlier, 2, 1), noisy(one.later, 2, 2)
    found = estimator.estimate(*pictures)
    backward, _ = Checked(estimator, "mine").estimate(*pictures)
    wrong = [(off(flow, one.backward)[shown(one)] > 0.5).mean() for flow in (found[0], backward)]
    assert wrong[1] < 0.4 * wrong[0]


def test_a_flow_that_is_right_stays_right() -> None:
    one = scene(HEIGHT, WIDTH, square=(4, -3), wall=(-1, 2))
    backward, _ = both_ways(
        sharpen_boundaries, noisy(one.earlier, 2, 1), noisy(one.later, 2, 2), *one.flows
    )
    assert (off(backward, one.backward)[shown(one)] > 0).mean() < 0.01


def test_what_changes_slowly_from_place_to_place_is_left_alone_to_the_bit() -> None:
    large = texture(HEIGHT, WIDTH, 1)
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    across = 3 + columns / 80  # stretched
    later = cv2.remap(large, columns + across, rows, cv2.INTER_LINEAR).astype(np.uint8)
    backward = torch.from_numpy(np.stack([across, np.zeros_like(across)]))[None]
    found, _ = both_ways(sharpen_boundaries, large, later, backward, -backward)
    assert torch.equal(found, backward)


def test_in_what_is_even_the_rim_is_halfway() -> None:
    """Nothing tells, so a place moves with the nearer of both, and nothing with neither."""
    even = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
    flow = np.zeros((2, HEIGHT, WIDTH), np.float32)
    flow[0, :, WIDTH // 2 :] = 2
    blurred = smoothed(flow, 13)
    between = (blurred[0, 0] > 0.2) & (blurred[0, 0] < 1.8)
    assert float(between.float().mean()) > 0.05
    found, _ = both_ways(sharpen_boundaries, even, even, blurred, blurred)
    wrong = off(found, flow)
    assert (wrong > 0.2).mean() < 0.3 * float(between.float().mean())
    assert wrong[:, : WIDTH // 2 - 3].max() < 0.2
    assert wrong[:, WIDTH // 2 + 3 : -3].max() < 0.2


def test_what_leads_out_of_the_picture_is_left_and_not_taken() -> None:
    """Beyond the border all looks as at it, so that what leads there may explain anything."""
    earlier, later = texture(HEIGHT, WIDTH, 1), texture(HEIGHT, WIDTH, 2)
    earlier[:, 0] = later[:, 8:20].mean(axis=1).astype(np.uint8)
    later[:, 8:20] = earlier[:, :1]
    flow = torch.zeros(1, 2, HEIGHT, WIDTH)
    flow[:, 0, :, :8] = -60  # all of it leads out, and from beside it would fit
    found, _ = both_ways(sharpen_boundaries, earlier, later, flow, flow)
    assert torch.equal(found, flow)
    flow[:, 0, :, :8] = -1e-3  # a motion that leads out from the first column alone
    flow[:, 0, :, 20:] = 9
    found, _ = both_ways(sharpen_boundaries, earlier, later, flow, flow)
    assert not torch.equal(found, flow)


@pytest.mark.parametrize(("deviation", "speed"), [(2, 28), (6, 8)])
def test_fast_things_have_rims_too_whatever_the_noise(deviation: float, speed: int) -> None:
    one = scene(HEIGHT, WIDTH + 80, square=(speed, 1), wall=(0, 0), side=50)
    flows = smoothed(one.backward, 13), smoothed(one.forward, 13)
    pictures = noisy(one.earlier, deviation, 1), noisy(one.later, deviation, 2)
    backward, _ = both_ways(sharpen_boundaries, *pictures, *flows)
    wrong = [(off(flow, one.backward)[shown(one)] > 0.5).mean() for flow in (flows[0], backward)]
    assert wrong[1] < 0.15 * wrong[0]


def test_noise_decides_nothing() -> None:
    """Even ground with much noise beside a thing: what stands there stays as the flow says."""
    picture = np.full((HEIGHT, WIDTH, 3), 120, np.uint8)
    flow = np.zeros((2, HEIGHT, WIDTH), np.float32)
    flow[0, 40:80, 60:100] = 4
    thing = torch.from_numpy(flow)[None]
    found, _ = both_ways(
        sharpen_boundaries, noisy(picture, 6, 1), noisy(picture, 6, 2), thing, thing
    )
    assert (off(found, flow) > 0.1).mean() < 0.02  # its corners are rounded off


@pytest.mark.parametrize("percent", [1, 3])
def test_a_slow_zoom_is_left_alone_to_the_bit(percent: int) -> None:
    large = texture(HEIGHT, WIDTH, 1)
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    flow = percent / 100 * np.stack([columns - WIDTH / 2, rows - HEIGHT / 2])
    later = cv2.remap(large, columns + flow[0], rows + flow[1], cv2.INTER_LINEAR)
    backward = torch.from_numpy(flow)[None]
    found, _ = both_ways(
        sharpen_boundaries, noisy(large, 2, 1), noisy(later, 2, 2), backward, -backward
    )
    assert torch.equal(found, backward)


@settings(deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 999), st.floats(0, 100))
def test_whatever_the_flow_the_result_is_of_motions_beside(
    height: int, width: int, seed: int, fastest: float
) -> None:
    earlier, later, *flows = anything(height, width, seed, fastest)
    given_ones = [flow.clone() for flow in flows]
    reach = 3 * (12 + 5)  # three times: motions so far away, and a median of squares so wide
    window = np.ones((2 * reach + 1,) * 2, np.uint8)
    for found, flow, before in zip(
        both_ways(sharpen_boundaries, earlier, later, *flows), flows, given_ones, strict=True
    ):
        assert torch.equal(flow, before)
        assert found.shape == flow.shape
        assert found.dtype == torch.float32
        for part, own in zip(found[0].numpy(), flow[0].numpy(), strict=True):
            assert set(part.ravel().tolist()) <= set(own.ravel().tolist())
            assert (part <= cv2.dilate(own, window)).all()
            assert (part >= cv2.erode(own, window)).all()
