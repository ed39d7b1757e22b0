"""Light, contrast and sharpness of a long shot: what they are, and that they are held."""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from nstd.temporal.tone import (
    Tone,
    hold_tone,
    tone_of,
)
from tests.scenes import texture

HEIGHT, WIDTH = 96, 128


def picture(seed: int, low: float = 0.2, high: float = 0.8) -> Tensor:
    codes = torch.from_numpy(texture(HEIGHT, WIDTH, seed)).permute(2, 0, 1)[None].float() / 255
    return low + (high - low) * codes


PAINTED, SOURCE = picture(1), picture(2)


def blurred(image: Tensor, share: float) -> Tensor:
    soft = F.avg_pool2d(F.pad(image, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    return image + share * (soft - image)


def light(image: Tensor) -> list[float]:
    """Mean linear red, green and blue, by numpy."""
    codes = image[0].double().numpy()
    linear = np.where(codes <= 0.04045, codes / 12.92, ((codes + 0.055) / 1.055) ** 2.4)
    return [float(one.mean()) for one in linear]


def luminance(image: Tensor) -> np.ndarray:
    codes = image[0].double().numpy()
    linear = np.where(codes <= 0.04045, codes / 12.92, ((codes + 0.055) / 1.055) ** 2.4)
    return np.tensordot((0.2126, 0.7152, 0.0722), linear, axes=1)


def contrast(image: Tensor) -> float:
    return float(luminance(image).std())


def gradient_energy(image: Tensor) -> float:
    codes = image[0].double().numpy()
    return sum(float(np.square(np.diff(codes, axis=axis)).mean()) for axis in (1, 2))


def held(image: Tensor, frames: int, source: Tensor = SOURCE, begin: Tone | None = None) -> Tensor:
    """What becomes of a picture that nothing else changes."""
    for _ in range(frames):
        image = hold_tone(image, source, begin or tone_of(PAINTED, SOURCE))
    return image


# --- what it is ----------------------------------------------------------------------------------


def test_a_tone_is_what_scores_measure() -> None:
    tone = tone_of(PAINTED, SOURCE)
    assert tone.light == pytest.approx(light(PAINTED), rel=1e-5)
    assert sum(np.multiply((0.2126, 0.7152, 0.0722), tone.light)) == pytest.approx(
        luminance(PAINTED).mean(), rel=1e-5
    )
    assert tone.contrast == pytest.approx(contrast(PAINTED), rel=1e-5)
    assert tone.sharpness == pytest.approx(gradient_energy(PAINTED), rel=1e-5)
    assert tone.source_light == pytest.approx(light(SOURCE), rel=1e-5)
    assert tone.source_contrast == pytest.approx(contrast(SOURCE), rel=1e-5)
    assert tone.source_sharpness == pytest.approx(gradient_energy(SOURCE), rel=1e-5)


def test_it_survives_the_ledger() -> None:
    tone = tone_of(PAINTED, SOURCE)
    assert Tone.of(json.loads(json.dumps(asdict(tone)))) == tone


def test_paint_follows_its_source_as_far_as_its_places_do() -> None:
    # 1: it is its source; 0: it goes against it.
    assert tone_of(SOURCE, SOURCE).follows == pytest.approx([1, 1, 1], rel=1e-5)
    codes = SOURCE.double()
    linear = torch.where(codes <= 0.04045, codes / 12.92, ((codes + 0.055) / 1.055) ** 2.4)
    half = 0.1 + 0.5 * linear  # linear light
    painted = torch.where(half <= 0.0031308, half * 12.92, 1.055 * half ** (1 / 2.4) - 0.055)
    assert tone_of(painted, codes).follows == pytest.approx([0.5, 0.5, 0.5], rel=1e-4)
    assert tone_of(1 - SOURCE, SOURCE).follows == (0, 0, 0)


def test_an_even_source_lets_paint_go_as_far_as_it_goes_but_not_below_black() -> None:
    even = torch.full_like(SOURCE, 0.5)
    assert tone_of(even + 0.1, even).follows == (1, 1, 1)
    limits = np.divide(light(even - 0.1), light(even))
    assert tone_of(even - 0.1, even).follows == pytest.approx(limits, rel=1e-4)


# --- what it does --------------------------------------------------------------------------------


def test_a_picture_that_has_not_drifted_is_left_to_the_bit() -> None:
    assert torch.equal(held(PAINTED, 1), PAINTED)


@pytest.mark.parametrize(
    "drifted",
    [
        PAINTED * 0.9,
        PAINTED * 0.9 + 0.1,
        PAINTED * torch.tensor([0.9, 1.0, 1.1])[:, None, None],
        0.5 + 0.8 * (PAINTED - 0.5),
        blurred(PAINTED, 0.7),
    ],
    ids=["darker", "lighter", "of another color", "flatter", "softer"],
)
def test_drift_is_taken_back(drifted: Tensor) -> None:
    found = held(drifted, 60)
    assert light(found) == pytest.approx(light(PAINTED), rel=0.005)
    assert contrast(found) == pytest.approx(contrast(PAINTED), rel=1.1 * 0.04)
    assert gradient_energy(found) == pytest.approx(gradient_energy(PAINTED), rel=1.1 * 0.02)


def test_no_frame_changes_by_more_than_a_step_or_so() -> None:
    drifted = PAINTED * 0.5
    found = hold_tone(drifted, SOURCE, tone_of(PAINTED, SOURCE))
    for before, after in zip(light(drifted), light(found), strict=True):
        assert 1 < after / before < 1 + 1.2 * 0.01
    assert float((found - drifted).abs().max()) < 0.02


def test_with_its_source_it_may_grow_lighter() -> None:
    lighter = SOURCE + 0.1
    begin = tone_of(PAINTED, SOURCE)
    half = replace(begin, follows=(0.5, 0.5, 0.5))
    grown = [b - a for a, b in zip(light(SOURCE), light(lighter), strict=True)]
    for tone, share in ((half, 0.5), (replace(begin, follows=(0.0, 0.0, 0.0)), 0)):
        found = held(PAINTED, 60, lighter, tone)
        due = [was + share * by for was, by in zip(light(PAINTED), grown, strict=True)]
        assert light(found) == pytest.approx(due, rel=0.005)


@pytest.mark.parametrize("factor", [0.0, 0.02, 0.3])
def test_a_first_frame_that_was_nearly_black_holds_no_light(factor: float) -> None:
    begin = tone_of(PAINTED * factor, SOURCE * factor)
    found = held(PAINTED, 30, SOURCE, begin)
    assert light(found) == pytest.approx(light(PAINTED), rel=0.02)


def test_what_changes_much_alike_is_not_driven_to_extremes() -> None:
    rows, columns = torch.arange(HEIGHT)[:, None], torch.arange(WIDTH)
    board = ((rows + columns) % 2).float().expand(1, 3, HEIGHT, WIDTH)
    noise = torch.rand((1, 3, HEIGHT, WIDTH), generator=torch.Generator().manual_seed(0))
    ramp = (columns / WIDTH).expand(1, 3, HEIGHT, WIDTH)
    for image, like in ((board, torch.ones_like(board)), (noise, ramp), (ramp, board)):
        found = hold_tone(image, like, tone_of(like, like))
        assert float((found - image).abs().max()) < 3 * 0.05
        assert bool(found.isfinite().all())


@pytest.mark.parametrize("share", [0.0, 0.4, 0.7])
def test_where_its_source_grows_soft_it_may_but_need_not(share: float) -> None:
    painted = blurred(PAINTED, share)
    found = held(painted, 30, blurred(SOURCE, 0.7))
    energies = [gradient_energy(image) for image in (found, painted)]
    assert energies[0] == pytest.approx(energies[1], rel=1.1 * 0.02)


def test_of_one_color_all_over_only_the_light_is_held() -> None:
    gray, dark = torch.full_like(PAINTED, 0.5), torch.full_like(PAINTED, 0.4)
    found = held(dark, 100, SOURCE, tone_of(gray, SOURCE))
    torch.testing.assert_close(found, gray, rtol=0, atol=0.01)
    black = torch.zeros_like(PAINTED)
    assert torch.equal(held(black, 5, SOURCE, tone_of(PAINTED, SOURCE)), black)


def test_the_result_is_a_picture_of_its_own_type() -> None:
    bright = (PAINTED * 1.6).clamp(0, 1).half()
    found = held(bright, 3, SOURCE, tone_of((PAINTED * 1.8).clamp(0, 1), SOURCE))
    assert found.dtype == torch.float16
    assert float(found.min()) >= 0
    assert float(found.max()) <= 1
