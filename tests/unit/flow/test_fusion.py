"""Fusion: places take dominant motions that explain them, and motion boundaries are sharp."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from nstd.flow import Dis
from nstd.flow.estimator import Flow, ImageU8
from nstd.flow.fusion import fuse
from nstd.scoring.known import FlowError, flow_error
from nstd.scoring.scenes import Scene, scenes
from nstd.temporal.trust import flow_consistency as trust
from tests.scenes import noisy, texture, uniform
from tests.threads import one_thread

__all__ = ["one_thread"]

HEIGHT, WIDTH = 144, 200


@pytest.fixture(scope="module")
def known() -> dict[str, Scene]:
    """The suite of known motion, made of two drawn photographs."""
    photographs = [texture(300, 400, seed, slope=2) for seed in (1, 2)]
    return {one.name: one for one in scenes(photographs, (256, 144), 4)}


def errors(scene: Scene, number: int = 1) -> tuple[FlowError, FlowError]:
    """Of DIS, and of what fusion makes of it."""
    earlier, later = scene.frame(number - 1), scene.frame(number)
    found = Dis().estimate(earlier, later)
    fused = fuse(earlier, later, found)
    before, after = (
        flow_error([one.numpy() for one in flows], scene, number) for flows in (found, fused)
    )
    return before, after


SLOW = [f"pan {by} px" for by in ("0.25, 0.25", "0.5, 0.5", "1, 0.5")]


@pytest.mark.parametrize(
    "name", [*SLOW, *(f"{name}, noise 2" for name in SLOW), "zoom 1 %", "rotation 1°"]
)
def test_what_one_motion_explains_moves_by_it(known: dict[str, Scene], name: str) -> None:
    before, after = errors(known[name])
    assert after.off_by_03 < 0.01
    assert after.end_point < min(0.05, before.end_point)
    assert after.at_zero < 0.05


@pytest.mark.parametrize("way", ["in", "out"])
def test_a_fade_is_no_motion(known: dict[str, Scene], way: str) -> None:
    before, after = errors(known[f"fade {way}, pan 0.5, 0.5 px"])
    assert after.off_by_03 < 0.01
    assert after.end_point < before.end_point / 2


@pytest.mark.parametrize(
    ("name", "left"),
    [
        ("disk before still, noise 2", 0.34),
        ("disk before pan, noise 2", 0.34),
        ("three layers", 0.34),
        # Posts as narrow as two windows, of the softest texture.
        ("parallax", 0.85),
    ],
)
def test_at_motion_boundaries_little_is_left_of_what_was_off(
    known: dict[str, Scene], name: str, left: float
) -> None:
    before, after = errors(known[name])
    assert before.off_by_05 > 0.03
    assert after.off_by_05 < left * before.off_by_05
    assert after.end_point < before.end_point


def test_a_light_that_moves_is_no_motion(known: dict[str, Scene]) -> None:
    before, after = errors(known["light that moves, noise 2"])
    assert after.end_point < 0.6 * before.end_point


def test_whole_pixels_are_found_to_the_bit(known: dict[str, Scene]) -> None:
    scene = known["pan 3, -1 px"]
    earlier, later = scene.frame(0), scene.frame(1)
    backward, forward = fuse(earlier, later, Dis().estimate(earlier, later))
    for flow, sign in ((backward, -1), (forward, 1)):
        by = torch.tensor([3.0, -1.0])[:, None, None] * sign
        assert float((flow[0] == by)[:, 16:-16, 16:-16].float().mean()) > 0.99


# --- what stands ---------------------------------------------------------------------------------


@pytest.mark.parametrize("deviation", [0.5, 2, 4])
def test_of_a_still_scene_with_noise_the_flow_is_zero(deviation: float) -> None:
    picture = texture(HEIGHT, WIDTH, 1, slope=2)
    earlier, later = noisy(picture, deviation, 1), noisy(picture, deviation, 2)
    flows = Dis().estimate(earlier, later)
    for before, flow in zip(flows, fuse(earlier, later, flows), strict=True):
        assert float(before.abs().max()) > 0.01
        assert float((flow == 0).float().mean()) > 0.9


@pytest.mark.parametrize(("deviation", "seed"), [(3, 0), (6, 1)])
def test_even_places_beside_texture_stand_in_strong_noise(deviation: float, seed: int) -> None:
    picture = texture(HEIGHT, WIDTH, 1)
    picture[:, : WIDTH // 2] = 120
    earlier, later = noisy(picture, deviation, seed), noisy(picture, deviation, seed + 50)
    flows = Dis().estimate(earlier, later)
    for before, after in zip(flows, fuse(earlier, later, flows), strict=True):
        even = (slice(None), slice(WIDTH // 2))
        assert (speeds(before)[even] > 0.75).mean() > 0.7
        assert (speeds(after)[even] > 0.75).mean() < (speeds(before)[even] > 0.75).mean() / 2


@pytest.mark.parametrize("by", [1, 5])
def test_one_pixel_that_changes_moves_no_flat_picture(by: int) -> None:
    earlier = np.full((HEIGHT, WIDTH, 3), 120, np.uint8)
    later = earlier.copy()
    later[80, 100] += by
    says = uniform(5, -3, HEIGHT, WIDTH), uniform(-5, 3, HEIGHT, WIDTH)
    for flow in fuse(earlier, later, says):
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
    says = uniform(5.3, -3.4, HEIGHT, WIDTH), uniform(-5.3, 3.4, HEIGHT, WIDTH)
    for flow in fuse(earlier, later, says):
        assert float((flow != 0).float().mean()) < 0.02


@pytest.mark.parametrize("seed", range(2))
def test_a_mover_elsewhere_keeps_its_motion(seed: int) -> None:
    earlier, later = (detail(step, seed, mover=True) for step in (0, 1))
    backward, forward = uniform(5.3, -3.4, HEIGHT, WIDTH), uniform(-5.3, 3.4, HEIGHT, WIDTH)
    there, here = (..., slice(40, 80), slice(136, 176)), (..., slice(40, 80), slice(130, 170))
    for flow, thing, speed in ((backward, there, -6.0), (forward, here, 6.0)):
        flow[thing] = torch.tensor([speed, 0.0])[:, None, None]
    fused = fuse(earlier, later, (backward, forward))
    for flow, thing, speed in zip(fused, (there, here), (-6, 6), strict=True):
        off = (flow[0][thing] - torch.tensor([speed, 0.0])[:, None, None]).abs().amax(dim=0)
        assert float((off > 0.05).float().mean()) < 0.02


# --- what comes in, and even places --------------------------------------------------------------


@pytest.mark.parametrize(("speed", "width"), [(12, 12), (6, 6), (20, 20), (12, 24)])
def test_what_comes_in_over_a_still_ground_is_not_trusted(speed: int, width: int) -> None:
    ground, thing = texture(HEIGHT, WIDTH, 1), texture(HEIGHT, WIDTH, 2)
    earlier, later = ground.copy(), ground.copy()
    rows = slice(50, 100)
    if width > speed:
        earlier[rows, : width - speed] = thing[rows, speed:width]
    later[rows, :width] = thing[rows, :width]
    backward, forward = (torch.zeros(1, 2, HEIGHT, WIDTH) for _ in range(2))
    backward[0, 0, rows, :width] = -speed
    forward[0, 0, rows, : width - speed] = speed
    found = fuse(earlier, later, (backward, forward))
    assert float(trust(*found)[0, 56:94, : speed - 2].max()) < 0.5


def test_the_even_sky_of_a_pan_moves_with_it() -> None:
    large = texture(HEIGHT, WIDTH + 9, 5)
    large[:60] = (120, 140, 160)
    earlier, later = large[:, :WIDTH].copy(), large[:, 7 : WIDTH + 7].copy()
    flow = torch.zeros(1, 2, HEIGHT, WIDTH)
    flow[0, 0] = 7
    flow[0, :, :50] = torch.tensor([2.0, -5.0])[:, None, None]  # made up, as flow is in a sky
    backward, _ = fuse(earlier, later, (flow, -flow))
    assert float((backward[0, 0, 20:, 20:-20] - 7).abs().max()) < 0.5


# --- bits ----------------------------------------------------------------------------------------


@pytest.fixture
def torch_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("torch_threads")
def test_the_bits_do_not_depend_on_the_number_of_threads(known: dict[str, Scene]) -> None:
    scene = known["three layers"]
    earlier, later = scene.frame(0), scene.frame(1)
    flows = Dis().estimate(earlier, later)
    found = []
    for threads in (1, 2, 5):
        torch.set_num_threads(threads)
        found.append([one.numpy().tobytes() for one in fuse(earlier, later, flows)])
    assert found.count(found[0]) == 3


@pytest.mark.cuda
def test_a_gpu_finds_the_same_motions(known: dict[str, Scene], cuda: torch.device) -> None:
    scene = known["three layers"]
    earlier, later = scene.frame(0), scene.frame(1)
    flows = Dis().estimate(earlier, later)
    for own, other in zip(
        fuse(earlier, later, flows), fuse(earlier, later, flows, cuda), strict=True
    ):
        assert other.device.type == "cpu"
        # Where two motions explain a place equally well, rounding may decide.
        assert float(((own - other).abs().amax(dim=1) > 0.01).float().mean()) < 0.005


def speeds(flow: Flow) -> np.ndarray:
    length: np.ndarray = np.hypot(*flow[0].numpy())
    return length
