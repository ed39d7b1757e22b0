"""The score: flicker as what the source does not explain, sharpness, drift, seams, new regions."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from nstd.scoring.numbers import (
    Pair,
    compare,
    contrast,
    drift,
    gradient_energy,
    luminance,
    seam_step,
    visible,
    warp_error,
    warp_ratio,
)
from nstd.temporal.warp import warp, warp_sharp
from tests.scenes import scene, texture


def compared(*frames_and_flows: Any) -> Pair:
    found = compare(*frames_and_flows)
    assert found is not None
    return found


def tensor(picture: np.ndarray) -> Tensor:
    return torch.from_numpy(picture.copy()).permute(2, 0, 1)[None].float() / 255


def field(values: np.ndarray) -> Tensor:
    return torch.from_numpy(values.copy())[None].float()


SCENE = scene(square=(9, 5), wall=(-3, 2))
FLOWS = (field(SCENE.backward), field(SCENE.forward))
SOURCE = (tensor(SCENE.earlier), tensor(SCENE.later))


def painted(seed: int = 5) -> tuple[Tensor, Tensor]:
    """Paint that moves with the scene: other textures on the same square and wall."""
    other = scene(square=(9, 5), wall=(-3, 2), seed=seed)
    return tensor(other.earlier), tensor(other.later)


# --- flicker -------------------------------------------------------------------------------------


def test_paint_that_moves_with_the_scene_does_not_flicker() -> None:
    pair = compared(painted(), SOURCE, *FLOWS)
    assert pair.output == pytest.approx(0, abs=1e-12)
    assert pair.source == pytest.approx(0, abs=1e-12)
    assert 0.7 < pair.covered < 0.95
    assert warp_ratio([pair]) == 1.0  # both under the floor


def test_paint_that_is_new_in_every_frame_flickers_by_all_its_contrast() -> None:
    (earlier, _), (_, later) = painted(5), painted(6)
    pair = compared((earlier, later), SOURCE, *FLOWS)
    seen = visible(*FLOWS)
    assert pair.output == pytest.approx(
        float(earlier.var() + later.var() + (earlier.mean() - later.mean()) ** 2), rel=0.15
    )
    assert bool(seen.any())
    assert warp_ratio([pair]) > 1000


def test_noise_of_a_known_size_is_told_exactly() -> None:
    generator = torch.Generator().manual_seed(0)
    noise = 0.01 * torch.randn(SOURCE[1].shape, generator=generator)
    pair = compared(
        (painted()[0], painted()[1] + 2 * noise), (SOURCE[0], SOURCE[1] + noise), *FLOWS
    )
    assert pair.source == pytest.approx(1e-4, rel=0.02)  # 45,000 samples: 0.7 % of deviation
    assert pair.output == pytest.approx(4e-4, rel=0.02)
    assert warp_ratio([pair]) == pytest.approx(4, rel=1e-5)


def test_what_is_hidden_or_comes_in_counts_for_nothing() -> None:
    seen = visible(*FLOWS)[0].numpy()
    assert not seen[SCENE.revealed].any()
    assert not seen[SCENE.entered].any()
    later = painted()[1].clone()
    later[:, :, torch.from_numpy(~seen)] = 0.5
    assert compared((painted()[0], later), SOURCE, *FLOWS).output == pytest.approx(0, abs=1e-12)


def test_that_paint_is_sharp_is_no_flicker() -> None:
    """Waves of 5 px are moved by half a pixel, exactly: bilinear warps take a fifth of them."""
    columns = torch.arange(80, dtype=torch.float64)
    earlier, later = (
        (0.5 + 0.4 * torch.sin(2 * math.pi * (columns - shift) / 5)).expand(1, 3, 40, 80)
        for shift in (0, 0.5)
    )
    backward = torch.zeros(1, 2, 40, 80, dtype=torch.float64)
    backward[:, 0] = -0.5
    seen = torch.zeros(1, 40, 80, dtype=torch.bool)
    seen[..., 8:-8] = True
    bilinear = float((later - warp(earlier, backward)).square().mean(dim=1)[seen].mean())
    assert warp_error(earlier, later, backward, seen) < 0.01 * bilinear


def test_strokes_of_black_and_white_are_not_moved_beyond_them() -> None:
    """A sharp kernel overshoots where paint can not."""
    strokes = (torch.arange(80) // 3 % 2).double().expand(1, 3, 40, 80)
    backward = torch.zeros(1, 2, 40, 80, dtype=torch.float64)
    backward[:, 0] = 0.5
    later = warp_sharp(strokes, backward, reach=4).clamp(0, 1)
    seen = torch.ones(1, 40, 80, dtype=torch.bool)
    assert warp_error(strokes, later, backward, seen) == 0


def test_the_ratio_is_of_the_means_with_a_floor_under_both() -> None:
    assert warp_ratio([Pair(3e-4, 1e-4, 1), Pair(1e-4, 3e-4, 1)]) == pytest.approx(1)
    rounded_twice = 2 / 12 / 255**2  # the mean square of an error that is even over a step of 1/255
    for pair in (Pair(2e-4, 0.0, 1), Pair(2e-4, rounded_twice / 2, 1)):
        assert warp_ratio([pair]) == pytest.approx(2e-4 / rounded_twice, rel=0.02)
    assert warp_ratio([Pair(0.0, 2e-4, 1)]) == pytest.approx(rounded_twice / 2e-4, rel=0.02)
    assert math.isnan(warp_ratio([]))


def test_where_nothing_is_seen_nothing_is_compared() -> None:
    away = torch.full((1, 2, 20, 30), 100.0)
    image = torch.rand((1, 3, 20, 30), generator=torch.Generator().manual_seed(0))
    assert compare((image, image), (image, image), away, -away) is None


# --- sharpness and drift -------------------------------------------------------------------------


def test_blur_shows_in_the_gradient_energy() -> None:
    image = tensor(texture(64, 64, 1))
    half = torch.zeros(1, 2, 64, 64)
    half[:, 0] = 0.5
    assert gradient_energy(warp_sharp(image, half)) < 0.95 * gradient_energy(image)
    values = torch.arange(12.0).view(1, 1, 3, 4).expand(1, 3, 3, 4)
    assert gradient_energy(values) == pytest.approx(4**2 + 1**2)


def test_luminance_is_that_of_light_and_contrast_its_deviation() -> None:
    gray = torch.full((1, 3, 4, 4), 0.5)
    assert luminance(gray) == pytest.approx(((0.5 + 0.055) / 1.055) ** 2.4, rel=1e-6)
    assert contrast(gray) == pytest.approx(0, abs=1e-6)
    green = torch.zeros(1, 3, 4, 4)
    green[:, 1] = 1
    assert luminance(green) == pytest.approx(0.7152)
    halves = torch.zeros(1, 3, 4, 4)
    halves[..., 2:] = 1
    assert contrast(halves) == pytest.approx(0.5)


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


# --- seams ---------------------------------------------------------------------------------------


def test_a_seam_is_a_step_in_flicker_where_segments_meet() -> None:
    inside = [Pair(1e-4, 1e-4, 1), Pair(2e-4, 1e-4, 1)]
    assert seam_step(inside, [Pair(1.5e-4, 1e-4, 1)]) == pytest.approx(1)
    assert seam_step(inside, [Pair(6e-4, 1e-4, 1)]) == pytest.approx(4)
    # What the source does at the border is no seam.
    assert seam_step(inside, [Pair(6e-4, 4e-4, 1)]) == pytest.approx(1)
    assert math.isnan(seam_step(inside, []))
