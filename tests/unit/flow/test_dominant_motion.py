"""Dominant motions: where the flow is wrong it becomes one of them; where it is right, it stays."""

from collections.abc import Sequence

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nstd.flow.dominant_motion import take_dominant_motions
from nstd.flow.estimator import ImageU8
from nstd.flow.photo_consistency import along_flow
from tests.scenes import anything, colored_noise, noisy, scene, texture, uniform
from tests.unit.flow.both_ways import both_ways

HEIGHT, WIDTH = 120, 200
BAND = slice(80, 100)
SPEED = 1.9


def rainbow(step: int, height: int = HEIGHT, width: int = WIDTH) -> ImageU8:
    """Still bars with strong edges, and before them a smooth band that scrolls to the left."""
    bars = np.array([[0, 0, 0], [250, 0, 0], [0, 250, 250], [250, 0, 250], [0, 0, 250]])
    picture = np.repeat(bars[np.arange(width) * 5 // width].astype(np.uint8)[None], height, axis=0)
    phase = 2 * np.pi * (np.arange(width) + SPEED * step) / 150
    hues = 127 + 120 * np.cos(phase[:, None] - np.array([0, 2, 4]) * np.pi / 3)
    picture[BAND] = np.rint(hues).astype(np.uint8)
    return picture


def differing(earlier: ImageU8, later: ImageU8, backward: torch.Tensor) -> np.ndarray:
    return along_flow(later.astype(np.float32), earlier.astype(np.float32), backward[0].numpy())


def test_a_place_takes_the_motion_that_was_found_elsewhere() -> None:
    earlier, later = rainbow(0), rainbow(1)
    found = uniform(0, 0, HEIGHT, WIDTH)
    found[0, 0, BAND, :40] = 1.5  # found in one place only, and too slow
    backward, _ = both_ways(take_dominant_motions, earlier, later, found, -found)
    band = backward[0, 0, 84:96, 8:-8].numpy()
    assert np.median(band) == pytest.approx(SPEED, abs=0.05)
    assert float((np.abs(band - SPEED) < 0.1).mean()) > 0.6
    assert float(backward[..., :70, :].abs().max()) == 0
    assert (
        differing(earlier, later, backward).mean() < 0.2 * differing(earlier, later, found).mean()
    )


def test_what_an_estimator_makes_up_goes_where_it_explains_nothing() -> None:
    earlier, later = rainbow(0), rainbow(1)
    found = uniform(0, 0, HEIGHT, WIDTH)
    found[0, 0, 20:60] = 30
    found[0, 0, BAND] = SPEED
    backward, _ = both_ways(take_dominant_motions, earlier, later, found, -found)
    errors = [differing(earlier, later, flow)[:75].mean() for flow in (found, backward)]
    assert errors[0] > 1000
    assert errors[1] < errors[0] / 100


def test_a_flow_that_is_right_is_left_alone_to_the_bit() -> None:
    one = scene(HEIGHT, WIDTH, square=(7, 3), wall=(-4, 2), side=50)
    hidden = (one.revealed | one.entered).astype(np.uint8)
    known = torch.from_numpy(cv2.dilate(hidden, np.ones((13, 13))) == 0)
    backward, _ = both_ways(take_dominant_motions, one.earlier, one.later, *one.flows)
    assert float(known.float().mean()) > 0.7
    assert torch.equal(backward[..., known], one.flows[0][..., known])


def test_a_flow_nearly_right_is_left_alone_too() -> None:
    """A motion that all have in common is no better than one that changes from place to place."""
    large = texture(HEIGHT, WIDTH, 1, slope=2)
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    across = 3 + columns / 100  # stretched
    later = cv2.remap(large, columns + across, rows, cv2.INTER_LINEAR).astype(np.uint8)
    backward = torch.from_numpy(np.stack([across, np.zeros_like(across)]))[None]
    found, _ = both_ways(take_dominant_motions, large, later, backward, -backward)
    assert torch.equal(found[..., :-10], backward[..., :-10])


def test_both_ways_are_explained() -> None:
    earlier, later = rainbow(0), rainbow(1)
    backward, forward = (uniform(0, 0, HEIGHT, WIDTH) for _ in range(2))
    backward[0, 0, BAND, :40], forward[0, 0, BAND, :40] = SPEED, -SPEED
    found = both_ways(take_dominant_motions, earlier, later, backward, forward)
    for flow, speed in zip(found, (SPEED, -SPEED), strict=True):
        assert float(flow[0, 0, 84:96, 8:-8].median()) == pytest.approx(speed, abs=0.05)


def test_a_large_picture_is_compared_at_some_of_its_places_and_explained_at_all() -> None:
    width = 1341  # of which every third pixel is compared
    earlier, later = (rainbow(step, HEIGHT, width) for step in (0, 1))
    found = uniform(0, 0, HEIGHT, width)
    found[0, 0, BAND, : width // 5] = SPEED
    backward, _ = both_ways(take_dominant_motions, earlier, later, found, -found)
    assert backward.shape == found.shape
    assert float((backward[0, 0, 88:92, 20:-20] - SPEED).abs().median()) < 0.05
    assert float(backward[..., :60, :].abs().max()) == 0


@settings(deadline=None)
@given(st.integers(1, 24), st.integers(1, 24), st.integers(0, 999), st.floats(0, 200))
def test_whatever_the_flow_the_result_is_one(
    height: int, width: int, seed: int, fastest: float
) -> None:
    earlier, later, *flows = anything(height, width, seed, fastest)
    before = [flow.clone() for flow in flows]
    found = both_ways(take_dominant_motions, earlier, later, *flows)
    again = both_ways(take_dominant_motions, earlier, later, *flows)
    for flow, same, given_flow, untouched in zip(found, again, flows, before, strict=True):
        assert flow.shape == given_flow.shape
        assert flow.dtype == torch.float32
        assert bool(flow.isfinite().all())
        assert torch.equal(flow, same)
        assert torch.equal(given_flow, untouched)


# --- which motions are offered, and how they are found -------------------------------------------

STRIP_PX = 30
INNER = slice(8, STRIP_PX - 8)
"""Of a strip, what no window shares with another."""


def strips(
    *speeds: float,
    contrast: Sequence[float] | float = 40,
    slope: float = 1.5,
    width: int = WIDTH,
) -> tuple[ImageU8, ImageU8]:
    """Strips one below the other, each a texture that scrolls round by its own speed."""
    frequency = 2 * np.pi * np.fft.fftfreq(width)[None, :, None]
    frames: tuple[list[ImageU8], list[ImageU8]] = [], []
    for number, speed in enumerate(speeds):
        deviation = contrast[number] if isinstance(contrast, Sequence) else contrast
        noise = colored_noise(STRIP_PX, width, number, slope)
        spectrum = np.fft.fft(noise / noise.std() * deviation, axis=1)
        for frame, by in zip(frames, (0, speed), strict=True):
            shifted = np.fft.ifft(spectrum * np.exp(1j * frequency * by), axis=1).real
            frame.append(np.clip(np.rint(127 + shifted), 0, 255).astype(np.uint8))
    return np.concatenate(frames[0]), np.concatenate(frames[1])


def strip(number: int) -> slice:
    return slice(number * STRIP_PX, (number + 1) * STRIP_PX)


def said(*speeds: float) -> torch.Tensor:
    """A backward flow that says one speed of each strip."""
    flow = uniform(0, 0, STRIP_PX * len(speeds), WIDTH)
    for number, speed in enumerate(speeds):
        flow[0, 0, strip(number)] = speed
    return flow


def explained(earlier: ImageU8, later: ImageU8, backward: torch.Tensor) -> torch.Tensor:
    """x of the backward flow that is made of it, where nothing came into the picture."""
    found, _ = both_ways(
        take_dominant_motions, earlier, later, backward, torch.zeros_like(backward)
    )
    return found[0, 0, :, 80:-80]


def within(flow: torch.Tensor, number: int) -> torch.Tensor:
    return flow[strip(number)][INNER]


def share_of(speed: float, flow: torch.Tensor, number: int) -> float:
    """How much of a strip moves by a speed."""
    return float(((within(flow, number) - speed).abs() < 0.05).float().mean())


@pytest.mark.parametrize("seed", range(2))
def test_of_noise_no_motion_explains_a_place_better_by_chance(seed: int) -> None:
    even = np.full((HEIGHT, WIDTH, 3), 127, np.uint8)
    made_up = np.random.default_rng(seed).integers(-9, 10, (1, 2, HEIGHT, WIDTH))
    backward = torch.from_numpy(made_up.astype(np.float32))
    found, _ = both_ways(
        take_dominant_motions, noisy(even, 6, seed), noisy(even, 6, seed + 9), backward, -backward
    )
    assert torch.equal(found, backward)


def test_what_one_motion_explains_does_not_speak_for_another() -> None:
    """The third strip's flow is wrong, but better than none; the first two explain it."""
    earlier, later = strips(3, 3, 3, -6, -6, contrast=(40, 40, 40, 18, 18))
    found = explained(earlier, later, said(3, 3, 4.5, -6, 0))
    assert share_of(3, found, 2) > 0.9
    assert share_of(-6, found, 4) > 0.9


@pytest.mark.parametrize("speed", [1.3, 1.5, 1.72, 2.17, -2.61])
@pytest.mark.parametrize("off", [-0.9, 0.4])
def test_motion_between_pixels_is_found_to_a_hundredth_of_one(speed: float, off: float) -> None:
    found = explained(*strips(speed, speed, contrast=50, slope=2), said(speed + off, 0))
    assert float(within(found, 1).median()) == pytest.approx(speed, abs=0.005)
