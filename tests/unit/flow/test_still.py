"""Noise is no motion: of a still scene the flow is zero, and slow motion is left alone."""

import cv2
import numpy as np
import pytest
import torch

from nstd.flow.checked import Checked
from nstd.flow.dis import Dis
from nstd.flow.estimator import Flow, ImageU8
from nstd.flow.still import hold_still
from nstd.temporal.trust import flow_consistency as trust
from nstd.temporal.warp import warp_sharp
from tests.scenes import noisy, scene, texture, uniform
from tests.unit.flow.both_ways import both_ways

HEIGHT, WIDTH = 160, 200


def moved(picture: ImageU8, x: float) -> np.ndarray:
    image = torch.from_numpy(picture.copy()).permute(2, 0, 1)[None].float()
    flow = torch.zeros(1, 2, *picture.shape[:2])
    flow[:, 0] = x
    return warp_sharp(image, flow)[0].permute(1, 2, 0).numpy()


@pytest.mark.parametrize("deviation", [0.5, 1, 2, 4])
def test_of_a_still_scene_with_noise_the_flow_is_zero(deviation: float) -> None:
    picture = texture(HEIGHT, WIDTH, 1, slope=2)
    earlier, later = noisy(picture, deviation, 1), noisy(picture, deviation, 2)
    flows = Dis().estimate(earlier, later)
    for before, flow in zip(flows, both_ways(hold_still, earlier, later, *flows), strict=True):
        assert float(before.abs().max()) > 0.01
        assert float((flow == 0).float().mean()) > 0.9
        assert float(flow.abs().mean()) < 0.1 * float(before.abs().mean())


@pytest.mark.parametrize("speed", [0.25, 0.45])
def test_slow_motion_that_the_pictures_show_is_left_alone(speed: float) -> None:
    picture = texture(HEIGHT, WIDTH, 1, slope=2)
    earlier, later = noisy(picture, 0.5, 1), noisy(moved(picture, speed), 0.5, 2)
    flows = Dis().estimate(earlier, later)
    backward, _ = both_ways(hold_still, earlier, later, *flows)
    inner = (0, 0, slice(20, -20), slice(20, -20))
    assert float(backward[inner].mean()) == pytest.approx(speed, rel=0.2)
    assert float((backward[inner] - flows[0][inner]).abs().mean()) < 0.1 * speed


def test_fast_motion_is_left_alone_to_the_bit() -> None:
    one = scene(HEIGHT, WIDTH, square=(7, 3), wall=(-4, 2))
    came = cv2.dilate((one.entered | one.revealed).astype(np.uint8), np.ones((11, 11)))
    known = torch.from_numpy(came == 0)
    assert float(known.float().mean()) > 0.8
    backward, _ = both_ways(hold_still, one.earlier, one.later, *one.flows)
    assert torch.equal(backward[..., known], one.flows[0][..., known])


def test_where_all_moves_and_no_flow_fits_nothing_stands() -> None:
    """What differs by more than any noise is not taken for it, however much of it does."""
    one = scene(HEIGHT, WIDTH, square=(7, 3), wall=(7, 3))
    flows = uniform(-5, -5, HEIGHT, WIDTH), uniform(5, 5, HEIGHT, WIDTH)
    for before, flow in zip(
        flows, both_ways(hold_still, one.earlier, one.later, *flows), strict=True
    ):
        assert torch.equal(flow, before)


def test_a_thing_that_moves_before_a_still_wall_moves_on_and_the_wall_stands() -> None:
    one = scene(HEIGHT, WIDTH, square=(5, 0), wall=(0, 0), side=60)
    earlier, later = noisy(one.earlier, 2, 1), noisy(one.later, 2, 2)
    flows = Dis().estimate(earlier, later)
    backward, _ = both_ways(hold_still, earlier, later, *flows)
    square = (one.backward[0] != 0).astype(np.uint8)
    reach = 15 + 10 + 12  # of the window, of blending, and of DIS's own smearing
    inside = cv2.erode(square, np.ones((25, 25), np.uint8)) > 0
    away = cv2.dilate(square, np.ones((2 * reach, 2 * reach), np.uint8)) == 0
    assert inside.sum() > 500
    assert away.sum() > 2000
    assert np.median(backward[0, 0].numpy()[inside]) == pytest.approx(-5, abs=0.3)
    assert np.abs(backward[0].numpy()[:, away]).mean() < 0.01


# --- motion that is none, and whole pixels -------------------------------------------------------


def even_with(patch: tuple[slice, slice], seed: int = 3) -> ImageU8:
    """An even picture with texture in one place."""
    picture = np.full((HEIGHT, WIDTH, 3), 120, np.uint8)
    picture[patch] = texture(HEIGHT, WIDTH, seed)[patch]
    return picture


def test_what_stands_stands_however_fast_the_flow_says_it_moves() -> None:
    picture = even_with((slice(40, 120), slice(60, 140)))
    earlier, later = noisy(picture, 1, 1), noisy(picture, 1, 2)
    for flow in both_ways(
        hold_still, earlier, later, uniform(6, -3, HEIGHT, WIDTH), uniform(-6, 3, HEIGHT, WIDTH)
    ):
        assert float(flow[..., 45:115, 65:135].abs().max()) == 0
        # In the even part nothing tells; so what is around does.
        assert float(flow[..., 20:140, 40:160].abs().max()) < 0.5


def test_a_picture_that_moves_by_whole_pixels_moves_by_just_these() -> None:
    large = texture(HEIGHT + 20, WIDTH + 20, 4, slope=2)
    earlier = noisy(large[2 : 2 + HEIGHT, 3 : 3 + WIDTH], 0.5, 1)
    later = noisy(large[:HEIGHT, :WIDTH], 0.5, 2)
    flows = Dis().estimate(earlier, later)
    for flow, before, sign in zip(
        both_ways(hold_still, earlier, later, *flows), flows, (-1, 1), strict=True
    ):
        inner = flow[0, :, 20:-20, 20:-20]
        assert (
            float((before[0, :, 20:-20, 20:-20] != flow[0, :, 20:-20, 20:-20]).float().mean()) > 0.9
        )
        assert bool((inner[0] == 3 * sign).all())
        assert bool((inner[1] == 2 * sign).all())


def test_a_picture_that_moves_by_parts_of_pixels_does_not_move_by_whole_ones() -> None:
    picture = texture(HEIGHT, WIDTH, 1, slope=2)
    earlier, later = noisy(picture, 0.5, 1), noisy(moved(picture, 2.4), 0.5, 2)
    flows = Dis().estimate(earlier, later)
    backward, _ = both_ways(hold_still, earlier, later, *flows)
    assert torch.equal(backward[..., 20:-20, 20:-20], flows[0][..., 20:-20, 20:-20])


# --- even places, and what comes in --------------------------------------------------------------


def barred(line: int) -> ImageU8:
    """Even bars side by side, and a slanted line before them that is `line` rows down."""
    bars = np.array([[200, 30, 30], [30, 160, 30], [210, 200, 20], [30, 30, 210], [200, 60, 200]])
    picture = bars[np.arange(WIDTH) * len(bars) // WIDTH].astype(np.uint8)
    picture = np.repeat(picture[None], HEIGHT, axis=0)
    down = line + np.arange(WIDTH) // 3
    for thick in range(4):
        picture[down + thick, np.arange(WIDTH)] = (20, 230, 230)
    return picture


def test_even_places_that_a_line_runs_over_stand_as_their_outline_does() -> None:
    earlier, later = barred(30), barred(33)
    flows = Dis().estimate(earlier, later)
    backward, _ = both_ways(hold_still, earlier, later, *flows)
    from_line = np.abs(np.arange(HEIGHT)[:, None] - (35 + np.arange(WIDTH) // 3))
    beside = (from_line > 10) & (from_line < 25)
    speeds = [np.hypot(*flow[0].numpy())[beside] for flow in (flows[0], backward)]
    assert (speeds[0] > 0.75).mean() > 0.3  # DIS takes them along
    assert (speeds[1] > 0.2).mean() < 0.1


@pytest.mark.parametrize(("speed", "width"), [(12, 12), (6, 6), (20, 20), (12, 24)])
def test_what_comes_in_over_a_still_ground_does_not_stand(speed: int, width: int) -> None:
    ground, thing = texture(HEIGHT, WIDTH, 1), texture(HEIGHT, WIDTH, 2)
    earlier, later = ground.copy(), ground.copy()
    rows = slice(50, 100)
    if width > speed:
        earlier[rows, : width - speed] = thing[rows, speed:width]
    later[rows, :width] = thing[rows, :width]
    backward, forward = (torch.zeros(1, 2, HEIGHT, WIDTH) for _ in range(2))
    backward[0, 0, rows, :width] = -speed
    forward[0, 0, rows, : width - speed] = speed
    held, _ = both_ways(hold_still, earlier, later, backward, forward)
    entered = (0, 0, slice(56, 94), slice(0, speed))
    assert float((held[entered] + speed).abs().max()) < 0.5
    assert float(trust(held, forward)[0, 56:94, :speed].max()) < 0.5


def test_the_even_sky_of_a_pan_moves_with_it() -> None:
    large = texture(HEIGHT, WIDTH + 9, 5)
    large[:60] = (120, 140, 160)
    earlier, later = large[:, :WIDTH], large[:, 7 : WIDTH + 7]
    flow = torch.zeros(1, 2, HEIGHT, WIDTH)
    flow[0, 0] = 7
    flow[0, :, :50] = torch.tensor([2.0, -5.0])[:, None, None]  # made up, as flow is in a sky
    held, _ = both_ways(hold_still, earlier, later, flow, -flow)
    assert float((held[0, 0, 20:, 20:-20] - 7).abs().max()) < 0.5


# --- noise, with what an estimator makes of it ---------------------------------------------------


class Saying:
    """Says what it is told to."""

    def __init__(self, backward: Flow, forward: Flow) -> None:
        self.flows = (backward, forward)

    def estimate(self, earlier: ImageU8, later: ImageU8) -> tuple[Flow, Flow]:
        return self.flows


def speeds(flow: Flow) -> np.ndarray:
    length: np.ndarray = np.hypot(*flow[0].numpy())
    return length


@pytest.mark.parametrize(("deviation", "seed"), [(3, 0), (6, 1)])
def test_even_places_beside_texture_stand_in_strong_noise(deviation: float, seed: int) -> None:
    picture = texture(HEIGHT, WIDTH, 1)
    picture[:, : WIDTH // 2] = 120
    earlier, later = noisy(picture, deviation, seed), noisy(picture, deviation, seed + 50)
    made_up, held = (e.estimate(earlier, later) for e in (Dis(), Checked(Dis(), "dis")))
    for before, after in zip(made_up, held, strict=True):
        even = (slice(None), slice(WIDTH // 2))
        assert (speeds(before)[even] > 0.75).mean() > 0.7
        assert (speeds(after)[even] > 0.75).mean() < 0.02
        assert speeds(after)[even].mean() < 0.05


@pytest.mark.parametrize("by", [1, 5])
def test_one_pixel_that_changes_moves_no_flat_picture(by: int) -> None:
    earlier = np.full((HEIGHT, WIDTH, 3), 120, np.uint8)
    later = earlier.copy()
    later[80, 100] += by
    says = Saying(uniform(5, -3, HEIGHT, WIDTH), uniform(-5, 3, HEIGHT, WIDTH))
    for flow in Checked(says, "mine").estimate(earlier, later):
        assert float(flow.abs().max()) == 0


def detail(step: int, seed: int, *, mover: bool) -> ImageU8:
    """Even ground with a still detail of 12 px, and a thing that moves by 6 px; some noise."""
    picture = np.full((HEIGHT, WIDTH, 3), 120, np.uint8)
    picture[70:82, 90:102] = texture(12, 12, 3)
    if mover:
        picture[40:80, 130 + 6 * step : 170 + 6 * step] = texture(40, 40, 7)
    return noisy(picture, 1, 100 * step + seed)


@pytest.mark.parametrize("seed", range(2))
def test_one_still_detail_tells_that_all_that_is_even_stands(seed: int) -> None:
    earlier, later = (detail(step, seed, mover=False) for step in (0, 1))
    says = Saying(uniform(5.3, -3.4, HEIGHT, WIDTH), uniform(-5.3, 3.4, HEIGHT, WIDTH))
    for flow in Checked(says, "mine").estimate(earlier, later):
        assert float(flow.abs().max()) == 0


@pytest.mark.parametrize("seed", range(2))
def test_a_mover_elsewhere_keeps_its_motion_and_takes_no_ground_along(seed: int) -> None:
    earlier, later = (detail(step, seed, mover=True) for step in (0, 1))
    backward, forward = uniform(5.3, -3.4, HEIGHT, WIDTH), uniform(-5.3, 3.4, HEIGHT, WIDTH)
    there, here = (..., slice(40, 80), slice(136, 176)), (..., slice(40, 80), slice(130, 170))
    for flow, thing, speed in ((backward, there, -6.0), (forward, here, 6.0)):
        flow[thing] = torch.tensor([speed, 0.0])[:, None, None]
    held = Checked(Saying(backward, forward), "mine").estimate(earlier, later)
    for flow, thing, speed in zip(held, (there, here), (-6, 6), strict=True):
        assert float(flow[..., :110].abs().max()) == 0
        moved = torch.tensor([speed, 0.0])[:, None, None]
        off = (flow[0][thing] - moved).abs().amax(dim=0) > 0.05
        assert int(off.sum()) <= 4 * 6  # its corners are rounded
