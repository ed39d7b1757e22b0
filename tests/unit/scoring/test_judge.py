"""The judge: what moves as its source does is no flicker, and all else is, sharp or soft."""

import math

import cv2
import numpy as np
import pytest

from nstd.scoring.judge import (
    Verdict,
    find_motion,
    find_revealed,
    judge_pair,
    leads_back,
    sample,
    sums_along,
)
from tests.scenes import Picture, colored_noise, noisy, scene, texture

HEIGHT, WIDTH = 96, 128
PAN = (1.5, -0.5)


def moving(seed: int, by: tuple[float, float] = PAN, slope: float = 1.5) -> tuple[Picture, Picture]:
    """A periodic texture, and the same moved by `by`, exactly: its spectrum is turned."""
    field = colored_noise(HEIGHT, WIDTH, seed, slope)
    field = 128 + 40 * (field - field.mean()) / field.std()
    y, x = np.fft.fftfreq(HEIGHT)[:, None, None], np.fft.fftfreq(WIDTH)[None, :, None]
    turn = np.exp(-2j * np.pi * (x * by[0] + y * by[1]))
    moved = np.fft.ifft2(np.fft.fft2(field, axes=(0, 1)) * turn, axes=(0, 1)).real
    earlier, later = (np.clip(np.rint(one), 0, 255).astype(np.uint8) for one in (field, moved))
    return earlier, later


def blurred(pair: tuple[Picture, Picture]) -> tuple[Picture, Picture]:
    earlier, later = (cv2.GaussianBlur(one, (0, 0), 2).astype(np.uint8) for one in pair)
    return earlier, later


EXACT = moving(1)
SOURCE = noisy(EXACT[0], 2, seed=0), noisy(EXACT[1], 2, seed=1)
PAINT = moving(2, slope=1.3)
ALONE = PAINT[0], moving(3, slope=1.3)[1]


def judged(pair: tuple[Picture, Picture]) -> Verdict:
    return judge_pair(SOURCE, {"film": pair})["film"]


# --- the warp ------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", [0.25, 0.5, 0.75])
def test_a_ramp_is_moved_by_as_much_as_is_asked(way: float) -> None:
    rows, columns = np.mgrid[:20, :30].astype(np.float32)
    inside = (slice(5, -5), slice(5, -5))
    x, y = columns[inside].ravel(), rows[inside].ravel()
    ramps = np.stack([columns, rows], axis=2)
    moved = sample(ramps, x + way, y - way) - np.stack([x, y], axis=1)
    assert moved[:, 0] == pytest.approx(way, abs=0.002)
    assert moved[:, 1] == pytest.approx(-way, abs=0.002)


def test_waves_stay_waves_between_pixels() -> None:
    # Of 5 px, moved by half a pixel: bilinear interpolation takes 19 % of them, this 1 %.
    columns = np.arange(60, dtype=np.float32)
    wave = np.sin(2 * np.pi * columns / 5).astype(np.float32)
    picture = np.broadcast_to(wave[None, :, None], (20, 60, 1)).copy()
    x = columns[8:-8] + 0.5
    found = sample(picture, x, np.full_like(x, 10))[:, 0]
    assert found == pytest.approx(np.sin(2 * np.pi * x / 5), abs=0.02)


def test_a_large_picture_is_looked_up_in_pieces_that_do_not_show() -> None:
    picture = texture(180, 220, 1).astype(np.float32)
    rows, columns = np.mgrid[:180, :220]
    x, y = columns.ravel() + 0.3, rows.ravel() - 0.4
    whole, halves = (
        sample(picture, x, y),
        [
            sample(picture, *part)
            for part in (
                (x[:20_000], y[:20_000]),
                (x[20_000:], y[20_000:]),
            )
        ],
    )
    assert np.array_equal(whole, np.concatenate(halves))


def test_beyond_the_border_is_the_border() -> None:
    picture = texture(20, 30, 1).astype(np.float32)
    found = sample(picture, np.array([-5.0, 40.0]), np.array([3.0, 25.0]))
    assert found == pytest.approx(np.stack([picture[3, 0], picture[19, 29]]), abs=1e-3)


# --- where it looks ------------------------------------------------------------------------------


def test_the_motion_of_what_counts_is_the_true_one() -> None:
    motion = find_motion(*EXACT)
    off = np.linalg.norm(motion.backward[motion.counted] + PAN, axis=1)
    assert off.mean() < 0.05
    assert motion.counted.mean() > 0.5
    assert not (motion.counted & ~motion.seen).any()


@pytest.mark.parametrize("square", [(9, 5), (12, 0)])
def test_what_a_moving_thing_reveals_is_found_and_hardly_counts(square: tuple[int, int]) -> None:
    one = scene(square=square)
    found = find_revealed(one.earlier, one.later)
    assert found[one.revealed].mean() > 0.75
    assert found[~one.revealed & ~one.entered].mean() < 0.06
    assert find_motion(one.earlier, one.later).counted[one.revealed].mean() < 0.2


def test_what_was_outside_the_frame_is_not_compared() -> None:
    flow = np.full((HEIGHT, WIDTH, 2), (3, -4), dtype=np.float32)
    seen = leads_back(flow, -flow)
    assert not seen[:4].any()
    assert not seen[:, -3:].any()
    assert seen[4:, :-3].all()


def test_without_texture_or_with_two_minds_about_its_motion_a_place_does_not_count() -> None:
    earlier, later = (one.copy() for one in SOURCE)
    for one in (earlier, later):
        one[:, :48] = 90
        # Stripes, which may as well have moved along themselves.
        one[:, 80:] = (128 + 100 * np.sin(np.arange(HEIGHT) * 0.4))[:, None, None]
    counted = find_motion(earlier, later).counted
    assert not counted[:, :36].any()
    assert not counted[:, 100:].any()
    assert counted[20:-20, 62:70].any()


# --- what it says --------------------------------------------------------------------------------


def test_texture_carried_exactly_along_the_motion_is_below_one() -> None:
    # It has more gradient energy than its source, and so more error along a flow that is not exact.
    found = judged(PAINT)
    assert found.output.gradient > 2 * found.source.gradient
    assert found.ratio < 0.6  # 0.38
    assert found.counted > 0.9


def test_texture_over_what_has_none_gets_above_one_only_without_the_two_conditions() -> None:
    faint = [one.copy() for one in EXACT]
    for n, one in enumerate(faint):
        one[:, :64] = 90 + 0.02 * (one[:, :64] - 90.0)
        faint[n] = noisy(one, 2, seed=n)
    found = judge_pair((faint[0], faint[1]), {"film": PAINT})["film"]
    assert found.ratio < 0.7  # 0.49
    assert found.unconditioned_ratio > 2  # 3.4
    assert 0.3 < found.counted < 0.6


def test_the_source_itself_scores_one() -> None:
    found = judged(SOURCE)
    assert found.ratio == found.unconditioned_ratio == 1


def test_of_a_source_that_stands_everything_is_still_and_paint_that_stands_scores_no_more() -> None:
    still = (SOURCE[0],) * 2
    found = judge_pair(still, {"source": still, "paint": (PAINT[0],) * 2, "noise": SOURCE})
    assert found["source"].ratio == 1
    assert found["paint"].output.error == 0
    assert found["paint"].ratio <= 1
    assert found["noise"].ratio > 10


def test_paint_made_anew_in_each_frame_is_far_above() -> None:
    assert judged(ALONE).ratio > 50 * judged(PAINT).ratio


def test_a_flicker_of_known_size_is_told() -> None:
    lighter = PAINT[0], (PAINT[1] * 0.9 + 10).astype(np.uint8)
    noise = PAINT[0], noisy(PAINT[1], 5, seed=1)
    exact = judged(PAINT)
    assert judged(lighter).ratio > 5 * exact.ratio
    found = judged(noise).output.error - exact.output.error
    assert found == pytest.approx((5 / 255) ** 2, rel=0.05)


def test_blur_does_not_lower_it() -> None:
    soft = judged(blurred(ALONE))
    assert soft.output.error < 0.9 * judged(ALONE).output.error
    assert soft.ratio > judged(ALONE).ratio
    assert judged(blurred(PAINT)).ratio >= judged(PAINT).ratio


def test_grain_that_stands_on_the_screen_is_told() -> None:
    grain = np.random.default_rng(0).normal(0, 8, PAINT[0].shape)
    grainy = [np.clip(np.rint(one + grain), 0, 255).astype(np.uint8) for one in PAINT]
    assert judged((grainy[0], grainy[1])).ratio > 2 * judged(PAINT).ratio


def test_films_are_judged_side_by_side_as_each_for_itself() -> None:
    found = judge_pair(SOURCE, {"carried": PAINT, "alone": ALONE})
    for name, pair in (("carried", PAINT), ("alone", ALONE)):
        single = judged(pair)
        assert found[name].ratio == pytest.approx(single.ratio, rel=1e-4)
        assert found[name].output.pixels == single.output.pixels


def test_over_several_pairs_errors_and_gradients_are_added_up_first() -> None:
    one, other = judged(PAINT), judged(ALONE)
    both = sum([one, other], Verdict())
    errors = (one.output.errors + other.output.errors) / (2 * one.output.pixels)
    gradients = (one.output.gradients + other.output.gradients) / (2 * one.output.pixels)
    assert both.ratio == pytest.approx(errors / gradients / one.source.normalized)
    assert both.counted == one.counted


def test_where_the_source_is_bare_its_ratio_has_no_say() -> None:
    # Half of the picture is flat, and paint flickers there alone.
    bare = [one.copy() for one in EXACT]
    painted = [one.copy() for one in PAINT]
    for n, one in enumerate(bare):
        one[:, :64] = 90
        painted[n][:, :48] = ALONE[n][:, :48]
    found = judge_pair((bare[0], bare[1]), {"film": (painted[0], painted[1])})["film"]
    assert found.counted < 0.5
    assert found.unconditioned_ratio > 5 * found.ratio


def test_along_a_true_flow_the_error_is_that_of_rounding() -> None:
    flow = np.broadcast_to(-np.array(PAN, np.float32), (HEIGHT, WIDTH, 2))
    inside = np.zeros((HEIGHT, WIDTH), dtype=bool)
    inside[8:-8, 8:-8] = True
    ((sums,),) = sums_along(flow, [inside], [moving(1, slope=2.0)])
    assert sums.error < 1.5 * 2 / 12 / 255**2  # both frames are rounded
    assert sums.pixels == inside.sum()


@pytest.mark.parametrize(("height", "width"), [(16, 200), (24, 24)])
def test_small_pictures_and_flat_ones_are_judged_too(height: int, width: int) -> None:
    earlier, later = (texture(height, width, 1), texture(height, width, 2))
    assert judge_pair((earlier, later), {"film": (earlier, later)})["film"].unconditioned_ratio == 1
    flat = np.full_like(earlier, 7)
    found = judge_pair((flat, flat), {"film": (earlier, later)})["film"]
    assert found.counted == 0
    assert math.isnan(found.ratio)
    assert math.isnan(Verdict().ratio)
