"""Scenes of known motion: each frame shows what the one before it did, where the flow says."""

import math
from dataclasses import replace

import cv2
import numpy as np
import pytest
import skimage.transform
import torch

from nstd.scoring.known import flow_error, mean_error, sums_along_truth
from nstd.scoring.scenes import Layer, Motion, Scene, scenes
from tests.scenes import texture

SIZE = (96, 64)
FRAMES = 4
SUITE = {
    one.name: one for one in scenes([texture(192, 288, 7), texture(192, 288, 8)], SIZE, FRAMES)
}
CLEAR = [name for name, one in SUITE.items() if not one.noise]


def gray(picture: np.ndarray) -> np.ndarray:
    mean: np.ndarray = picture.mean(axis=-1)
    return mean


def best_motion(here: np.ndarray, there: np.ndarray, flow: np.ndarray) -> list[float]:
    """By how many pixels, 30 px from the middle, other motions beside `flow` fit the pictures best.

    To the right, down, outward (a zoom) and around (a turn). Warped by splines of order five.
    """
    rows, columns = np.mgrid[0 : SIZE[1], 0 : SIZE[0]].astype(float)
    y, x = (rows - rows.mean()) / 30, (columns - columns.mean()) / 30
    one, none = np.ones_like(x), np.zeros_like(x)
    ways = np.array([[one, none], [none, one], [x, y], [-y, x]])

    def error(beside: np.ndarray) -> float:
        places = np.stack([rows + flow[1] + beside[1], columns + flow[0] + beside[0]])
        warped = skimage.transform.warp(there, places, order=5, mode="reflect")  # type: ignore[no-untyped-call]
        return float(np.square(warped - here)[12:-12, 12:-12].mean())

    step, found = 0.2, []
    for way in ways:
        # Where the parabola through three errors is lowest.
        less, same, more = (error(by * way) for by in (-step, 0, step))
        found.append(step * (less - more) / (less + more - 2 * same) / 2)
    return found


# --- the suite -----------------------------------------------------------------------------------


def test_the_suite_has_all_kinds_of_motion() -> None:
    kinds = ["pan", "still", "disk", "three layers", "parallax", "zoom", "rotation"]
    kinds += ["fade in", "fade out", "light", "cut"]
    assert all(any(name.startswith(kind) for name in SUITE) for kind in kinds)
    assert len(SUITE) >= 16


@pytest.mark.parametrize("name", ["pan 0.5, 0.5 px, noise 2", "three layers", "cut"])
def test_a_scene_is_always_the_same(name: str) -> None:
    again = scenes([texture(192, 288, 7), texture(192, 288, 8)], SIZE, FRAMES)
    other = next(one for one in again if one.name == name)
    for number in range(FRAMES):
        assert np.array_equal(SUITE[name].frame(number), other.frame(number))


def test_noise_differs_from_frame_to_frame_by_its_deviation() -> None:
    scene = SUITE["still, noise 2"]
    change = scene.frame(1).astype(float) - scene.frame(0)
    assert change.std() == pytest.approx(2 * math.sqrt(2), rel=0.03)


# --- motion --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "pan 0.25, 0.25 px",
        "pan 0.5, 0.5 px",
        "pan 1.5, 0.5 px",
        "pan 3, -1 px",
        "zoom 1 %",
        "rotation 1°",
    ],
)
def test_no_other_motion_explains_the_pictures_better(name: str) -> None:
    """To a fiftieth of a pixel, which is what noise of rounding and aliasing leaves."""
    scene = SUITE[name]
    for number in (1, FRAMES - 1):
        earlier, later = gray(scene.frame(number - 1)), gray(scene.frame(number))
        backward, forward, _ = scene.flow(number)
        assert best_motion(later, earlier, backward) == pytest.approx([0] * 4, abs=0.02)
        assert best_motion(earlier, later, forward) == pytest.approx([0] * 4, abs=0.02)


def test_a_pan_by_whole_pixels_shows_the_same_bytes_elsewhere() -> None:
    scene = SUITE["pan 8, -3 px"]
    earlier, later = scene.frame(1), scene.frame(2)
    assert np.array_equal(later[:-3, 8:], earlier[3:, :-8])
    truth = scene.flow(2)
    assert np.array_equal(np.unique(truth.backward, axis=None), [-8, 3])
    expected = np.zeros(SIZE[::-1], bool)
    expected[:-3, 8:] = True
    assert np.array_equal(truth.visible[0], expected)
    assert np.array_equal(scene.revealed(2), ~expected)


def test_no_step_displaces() -> None:
    """A ramp that moves by a quarter of a pixel changes by a quarter of its slope."""
    ramp = torch.arange(4.0 * 160).mul(0.4).expand(1, 3, 4 * 100, 4 * 160).contiguous()
    for seed, shift in enumerate((0.25, 0.33, 0.7, 1.1)):
        scene = Scene("ramp", (Layer(ramp, Motion((shift, 0))),), SIZE, 8, noise=1, seed=seed)
        change = np.mean([scene.frame(n).astype(float) - scene.frame(n - 1) for n in range(1, 8)])
        # Noise of σ 1 in the two outer frames: 1.6 * 0.002 is three standard deviations.
        assert change / -1.6 == pytest.approx(shift, abs=0.004)


def test_layers_hide_and_reveal() -> None:
    """Motion by whole pixels: what both frames show is the same to the last bit, and only that."""
    ground, front = (
        torch.from_numpy(texture(4 * 100, 4 * 140, seed).astype(np.float32)).permute(2, 0, 1)[None]
        for seed in (1, 2)
    )
    square = Layer(
        front.contiguous(), Motion((5, -2)), lambda x, y: (np.abs(x) < 16) & (np.abs(y) < 12)
    )
    scene = Scene("square", (Layer(ground.contiguous(), Motion((0, 1))), square), SIZE, 4)
    backward, forward, visible = scene.flow(2)
    pictures = scene.frame(2), scene.frame(1)
    rows, columns = np.mgrid[0 : SIZE[1], 0 : SIZE[0]]
    for here, there, flow, seen in zip(
        pictures, pictures[::-1], (backward, forward), visible, strict=True
    ):
        y = np.clip(rows + np.rint(flow[1]).astype(int), 0, SIZE[1] - 1)
        x = np.clip(columns + np.rint(flow[0]).astype(int), 0, SIZE[0] - 1)
        same = (here == there[y, x]).all(axis=-1)
        assert same[seen].all()
        assert same[~seen].mean() < 0.2
    # The square leaves 3 rows and 5 columns of its 24 and 32; one more row enters at the top.
    assert scene.revealed(2).sum() == 24 * 32 - (24 - 3) * (32 - 5) + SIZE[0]
    assert np.array_equal(scene.revealed(2), ~visible[0])


def test_rims_count_for_nothing() -> None:
    scene = SUITE["disk before still, noise 2"]
    seen, new = scene.flow(2).visible[0], scene.revealed(2)
    rim = ~seen & ~new
    assert rim.any()
    assert not (seen & new).any()
    # A circle of 16 px around, and as much where it was.
    assert rim.sum() < 3 * 2 * math.pi * 16


def test_nothing_is_seen_across_a_cut() -> None:
    scene = SUITE["cut"]
    assert not scene.flow(2).visible.any()
    assert scene.revealed(2).all()
    assert scene.flow(3).visible.any()
    change = scene.frame(2).astype(float) - scene.frame(1)
    assert np.abs(change).mean() > 20


def test_light_changes_and_the_picture_does_not_move() -> None:
    lit = SUITE["light that moves, noise 2"]
    assert not lit.flow(2).backward.any()
    change = lit.frame(3).astype(float) - lit.frame(0)
    blurred = cv2.GaussianBlur(change, (0, 0), 5)
    assert np.abs(blurred).max() > 10
    means = [SUITE["fade in, pan 0.5, 0.5 px"].frame(n).mean() for n in range(FRAMES)]
    assert means[-1] / means[0] == pytest.approx(9 / 6, rel=0.02)


# --- how far a flow is from it -------------------------------------------------------------------


@pytest.mark.parametrize("name", SUITE)
def test_the_true_flow_is_off_by_nothing(name: str) -> None:
    scene = SUITE[name]
    truth = scene.flow(1)
    # As estimators give it.
    found = [torch.from_numpy(flow)[None] for flow in truth[:2]]
    error = flow_error(found, scene, 1)
    assert error.pixels > 0.5 * 2 * 80 * 48
    assert (error.end_point, error.bias, error.off_by_03, error.off_by_05) == (0, 0, 0, 0)


def test_no_motion_at_all_is_found_out() -> None:
    scene = SUITE["pan 0.25, 0.25 px"]
    error = flow_error([np.zeros((2, *SIZE[::-1]))] * 2, scene, 1)
    assert error.end_point == pytest.approx(0.25 * math.sqrt(2))
    assert error.bias == pytest.approx(0.25 * math.sqrt(2))
    assert (error.off_by_03, error.off_by_05, error.at_zero) == (1, 0, 1)


def test_both_directions_count_and_the_border_does_not() -> None:
    scene = SUITE["pan 0.5, 0.5 px"]
    backward, forward, _ = scene.flow(1)
    off = forward.copy()
    off[0] += 1
    one_way = flow_error((backward, off), scene, 1)
    assert one_way.off_by_05 == pytest.approx(0.5, abs=0.02)
    assert one_way.bias == pytest.approx(1)
    border = backward.copy()
    border[:, :8] += 9
    border[:, :, -8:] += 9
    assert flow_error((border, forward), scene, 1).end_point == 0


def test_pairs_are_weighted_by_their_pixels_and_a_cut_has_none() -> None:
    scene = SUITE["cut"]
    still = [np.zeros((2, *SIZE[::-1]))] * 2
    errors = [flow_error(still, scene, number) for number in (1, 2, 3)]
    assert math.isnan(errors[1].end_point)
    assert errors[1].pixels == 0
    whole = mean_error(errors)
    assert whole.pixels == errors[0].pixels + errors[2].pixels
    assert errors[0].end_point < whole.end_point < errors[2].end_point
    assert mean_error([errors[1]]).pixels == 0


# --- paint along it ------------------------------------------------------------------------------


def test_paint_that_moves_with_the_scene_does_not_flicker_and_paint_on_the_screen_does() -> None:
    name = "disk before pan, noise 2"
    quiet, own = (replace(SUITE[name], noise=noise) for noise in (0.0, 2.0))
    other = scenes([texture(192, 288, 17), texture(192, 288, 18)], SIZE, FRAMES)
    carried = next(replace(one, noise=0.0) for one in other if one.name == name)
    films = [[one.frame(number) for number in range(FRAMES)] for one in (own, quiet, carried)]
    still = [films[2][0]] * FRAMES
    source, clean, painted, stuck = sums_along_truth(own, [*films, still])
    assert source.pixels == clean.pixels > 0.9 * 80 * 48 * (FRAMES - 1)
    # Noise of σ 2 in both frames; the warp by half a pixel each way averages one of them.
    assert 6 < (source.error - clean.error) * 255**2 < 8
    assert painted.error < 2 * clean.error
    assert stuck.error > 10 * painted.error


def test_a_cut_adds_nothing() -> None:
    scene = SUITE["cut"]
    film = [scene.frame(number) for number in range(FRAMES)]
    (sums,) = sums_along_truth(scene, [film])
    assert sums.pixels == 2 * 80 * 48
    assert sums.error * 255**2 < 20
