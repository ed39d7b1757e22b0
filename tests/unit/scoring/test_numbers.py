"""What a picture looks like in numbers, and what of a change is drift."""

import cv2
import numpy as np
import pytest

from nstd.scoring.numbers import drift, look_of
from tests.scenes import noisy, texture


def flat(*color: int) -> np.ndarray:
    return np.full((8, 8, 3), color, dtype=np.uint8)


# --- looks ---------------------------------------------------------------------------------------


def test_blur_lowers_both_measures_of_sharpness_and_grain_raises_the_finer_one_most() -> None:
    image = texture(64, 64, 1)
    soft, grainy = cv2.GaussianBlur(image, (0, 0), 1).astype(np.uint8), noisy(image, 5, seed=1)
    sharp, soft_look, grainy_look = (look_of(one) for one in (image, soft, grainy))
    assert soft_look.gradient_energy < 0.8 * sharp.gradient_energy
    assert soft_look.laplacian_variance < 0.5 * sharp.laplacian_variance
    raised = grainy_look.gradient_energy / sharp.gradient_energy
    assert grainy_look.laplacian_variance / sharp.laplacian_variance > 1.2 * raised > 2


def test_gradient_energy_is_the_squared_steps_down_and_across() -> None:
    rows, columns = np.mgrid[:6, :9]
    ramp = np.repeat((20 * rows + 10 * columns)[..., None], 3, axis=2).astype(np.uint8)
    assert look_of(ramp).gradient_energy == pytest.approx((20**2 + 10**2) / 255**2)
    inside = look_of(flat(9, 9, 9))
    assert inside.gradient_energy == inside.laplacian_variance == 0


def test_luminance_is_that_of_light_and_contrast_its_deviation() -> None:
    gray = look_of(flat(128, 128, 128))
    assert gray.luminance == pytest.approx(((128 / 255 + 0.055) / 1.055) ** 2.4, rel=1e-6)
    assert gray.contrast == pytest.approx(0, abs=1e-9)
    assert look_of(flat(0, 255, 0)).luminance == pytest.approx(0.7152)
    halves = flat(0, 0, 0)
    halves[:, 4:] = 255
    assert look_of(halves).contrast == pytest.approx(0.5)


# --- drift ---------------------------------------------------------------------------------------


def test_drift_is_the_largest_move_of_the_mean_that_the_source_does_not_make() -> None:
    still = [0.5] * 5
    assert drift([0.2] * 5, still) == 0
    assert drift([0.2, 0.2, 0.2, 0.2, 0.15], still) == pytest.approx(-0.25)
    assert drift([0.2, 0.22, 0.2, 0.2, 0.2], still) == pytest.approx(0.1)
    assert drift([0.3], [0.7]) == 0.0
    assert drift([], []) == 0.0


@pytest.mark.parametrize("part", [0.0, 0.4, 1.0])
def test_what_follows_the_source_by_a_part_does_not_drift(part: float) -> None:
    light = np.array([0.4, 0.42, 0.5, 0.6, 0.55, 0.5])
    painted = 0.2 * (1 + part * (light / light[0] - 1))
    assert drift(painted.tolist(), light.tolist()) == pytest.approx(0, abs=1e-12)
    darker = painted * np.linspace(1, 0.9, len(painted))
    assert drift(darker.tolist(), light.tolist()) < -0.04


def test_a_film_that_fades_in_from_black_does_not_drift_by_that() -> None:
    light = np.linspace(0.001, 0.4, 20)
    painted = 0.05 + 0.5 * light
    assert abs(drift(painted.tolist(), light.tolist())) < 1e-12


def test_more_light_than_the_source_s_is_drift() -> None:
    light = [0.4, 0.41, 0.42, 0.43]
    assert drift([0.2, 0.21, 0.22, 0.23], light) == pytest.approx(0.03 / 0.2 - 0.03 / 0.4)
