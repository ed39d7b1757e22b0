"""Noise: rough on every scale, without a seam."""

import numpy as np
import pytest

from art.harbor.noise import fractal_line, fractal_noise, smoothstep


def test_noise_has_mean_0_and_deviation_1() -> None:
    noise = fractal_noise(np.random.default_rng(0), 40, 64)
    assert noise.shape == (40, 64)
    assert noise.dtype == np.float32
    assert noise.mean() == pytest.approx(0, abs=1e-5)
    assert noise.std() == pytest.approx(1, abs=1e-5)


def test_noise_goes_around_without_a_seam() -> None:
    noise = fractal_noise(np.random.default_rng(0), 64, 96, slope=2.0)
    line = fractal_line(np.random.default_rng(0), 96, slope=1.5, largest=96)
    # A step across the edge is like a step anywhere; at a seam it would be of the order of the
    # deviation, which is ten times as much.
    inside = np.abs(np.diff(noise, axis=1)).max()
    assert np.abs(noise[:, 0] - noise[:, -1]).max() <= 1.5 * inside
    assert abs(line[0] - line[-1]) <= 1.5 * np.abs(np.diff(line)).max()


def test_stretched_noise_is_longer_than_high() -> None:
    noise = fractal_noise(np.random.default_rng(0), 128, 128, stretch=4.0)
    across, down = (np.abs(np.diff(noise, axis=axis)).mean() for axis in (1, 0))
    assert across < 0.6 * down


def test_smoothstep_goes_up_or_down_between_its_ends() -> None:
    assert smoothstep(1, 3, [0, 1, 2, 3, 4]).tolist() == [0, 0, 0.5, 1, 1]
    assert smoothstep(3, 1, [0, 1, 2, 3, 4]).tolist() == [1, 1, 0.5, 0, 0]
