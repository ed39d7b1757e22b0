"""Warping, trust and the temporal loss: against NumPy, a scene of known flow, and gradients."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor

from nstd.temporal.terms import temporal_loss
from nstd.temporal.trust import disoccluded, flow_consistency, leaves_frame, long_term_trust
from nstd.temporal.warp import initial_image, warp, warp_sharp
from tests.scenes import Scene, colored_noise, scene
from tests.unit.style import tiny

Array = npt.NDArray[np.float64]


def flow_of(field: Array, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.from_numpy(field.copy())[None].to(dtype)


def random_flow(seed: int, height: int, width: int, length: float, count: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    shape = (count, 2, height, width)
    return length * torch.randn(shape, generator=generator, dtype=torch.float64)


def smooth_flow(seed: int, height: int, width: int, length: float) -> Tensor:
    """Flow with boundaries and without: parts of it agree with themselves on the way back."""
    coarse = random_flow(seed, height // 8, width // 8, length) + 1
    resized: Tensor = torch.nn.functional.interpolate(coarse, (height, width), mode="bilinear")
    return resized


# --- the equations a second time, literally ------------------------------------------------------


def reference_warp(image: Array, flow: Array) -> Array:
    """`image` `[channels, height, width]` at x + flow(x): one pixel after the other."""
    _, height, width = image.shape
    result = np.empty_like(image)
    for y in range(height):
        for x in range(width):
            column = min(max(x + flow[0, y, x], 0.0), width - 1.0)
            row = min(max(y + flow[1, y, x], 0.0), height - 1.0)
            left, top = math.floor(column), math.floor(row)
            right, bottom = min(left + 1, width - 1), min(top + 1, height - 1)
            a, b = column - left, row - top
            result[:, y, x] = (1 - b) * (
                (1 - a) * image[:, top, left] + a * image[:, top, right]
            ) + b * ((1 - a) * image[:, bottom, left] + a * image[:, bottom, right])
    return result


def reference_trust(backward: Array, forward: Array) -> Array:
    _, height, width = backward.shape
    back = reference_warp(forward, backward)
    known = np.ones((height, width))
    for y in range(height):
        for x in range(width):
            here = backward[:, y, x]
            up, down = max(y - 1, 0), min(y + 1, height - 1)
            before, after = max(x - 1, 0), min(x + 1, width - 1)
            gradient = np.sum(((backward[:, y, after] - backward[:, y, before]) / 2) ** 2)
            gradient += np.sum(((backward[:, down, x] - backward[:, up, x]) / 2) ** 2)
            if gradient > 0.01 * np.sum(here**2) + 0.002:
                known[y, x] = 0
            lengths = np.sum(back[:, y, x] ** 2) + np.sum(here**2)
            if np.sum((back[:, y, x] + here) ** 2) > 0.01 * lengths + 0.5:
                known[y, x] = -1
            if not (0 <= x + here[0] <= width - 1 and 0 <= y + here[1] <= height - 1):
                known[y, x] = -1
    weights = np.exp(-0.5 * (np.arange(-3, 4) / 0.8) ** 2)
    kernel = np.outer(weights, weights) / weights.sum() ** 2
    padded = np.pad(known, 3, mode="edge")
    smoothed = np.empty((height, width))
    for y in range(height):
        for x in range(width):
            smoothed[y, x] = np.sum(kernel * padded[y : y + 7, x : x + 7])
    return np.clip(smoothed, 0, 1)


# --- warp ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [0.7, 30.0], ids=["within", "far beyond the border"])
def test_warping_is_bilinear_with_a_replicated_border(length: float) -> None:
    images, flow = tiny.picture(1, 11, 14, count=2), random_flow(2, 11, 14, length, count=2)
    found = warp(images, flow)
    for one in range(2):
        expected = reference_warp(images[one].numpy(), flow[one].numpy())
        # Float64, a handful of products: rounding only.
        np.testing.assert_allclose(found[one].numpy(), expected, rtol=0, atol=1e-14)


@pytest.mark.parametrize(
    ("dtype", "width"), [(torch.float16, 2000), (torch.bfloat16, 250)], ids=["half", "bfloat"]
)
def test_a_picture_of_more_pixels_than_its_type_can_count_is_warped_pixel_by_pixel(
    dtype: torch.dtype, width: int
) -> None:
    """Pixels are not counted in floats: float32 has 2^24 whole numbers, and these have 2^11, 2^8.

    A picture of more than 2^24 would take 1.5 GB and 15 s.
    """
    height = 40
    image = (torch.arange(height * width) % 251).to(dtype).view(1, 1, height, width)
    flow = torch.zeros(1, 2, height, width, dtype=dtype)
    assert torch.equal(warp(image, flow), image)
    assert torch.equal(warp_sharp(image, flow), image)
    flow[:, 1] = -3
    assert torch.equal(warp(image, flow)[..., 3:, :], image[..., :-3, :])


def test_a_picture_of_one_row_can_be_warped() -> None:
    image = torch.arange(5.0).view(1, 1, 1, 5)
    flow = torch.full((1, 2, 1, 5), 0.5)
    assert warp(image, flow).flatten().tolist() == [0.5, 1.5, 2.5, 3.5, 4.0]


def test_the_gradients_of_warping_are_right() -> None:
    image = tiny.picture(1, 5, 6).requires_grad_()
    # Half-way between pixels: the interpolation has corners where a coordinate is whole.
    flow = (random_flow(2, 5, 6, 2.0).round() + 0.4).requires_grad_()
    assert torch.autograd.gradcheck(warp, (image, flow))


def test_five_warps_by_half_a_pixel_leave_two_fifths_of_the_laplacian_energy() -> None:
    # Amplitudes as f^-2.27: 39 % on such a picture. Its noise is periodic, so that the
    # spectrum says what is due: a warp by half a pixel multiplies it by cos(ω/2).
    size = 256
    picture = colored_noise(size, size, 0, slope=2.27).transpose(2, 0, 1)[None]
    image = torch.from_numpy(picture)
    flow = torch.zeros(1, 2, size, size, dtype=torch.float64)
    flow[:, 0] = 0.5
    warped = image
    for _ in range(5):
        warped = warp(warped, flow)
    found = laplacian_energy(warped) / laplacian_energy(image)
    omega = 2 * np.pi * np.fft.fftfreq(size)
    laplacian = (2 * np.cos(omega)[None] + 2 * np.cos(omega)[:, None] - 4) ** 2
    power = laplacian * (np.abs(np.fft.fft2(picture)) ** 2).sum(axis=(0, 1))
    due = (power * np.cos(omega / 2)[None] ** 10).sum() / power.sum()
    assert due == pytest.approx(0.39, abs=0.02)
    assert found == pytest.approx(
        due, rel=0.05
    )  # the border, left out there, is 6 % of the picture


def laplacian_energy(images: Tensor) -> float:
    inner = images[:, :, 1:-1, 1:-1]
    around = images[:, :, 2:, 1:-1] + images[:, :, :-2, 1:-1]
    around = around + images[:, :, 1:-1, 2:] + images[:, :, 1:-1, :-2]
    return float((around - 4 * inner)[:, :, 8:-8, 8:-8].square().mean())


# --- trust ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
def test_trust_is_that_of_the_equations(seed: int) -> None:
    backward, other = smooth_flow(seed, 32, 40, 1.5), smooth_flow(seed + 9, 32, 40, 1.5)
    forward = torch.where(torch.arange(40) < 28, -backward, other)  # nearly there and back, or not
    found = flow_consistency(backward, forward)
    expected = reference_trust(backward[0].numpy(), forward[0].numpy())
    assert 0.05 < expected.mean() < 0.9
    np.testing.assert_allclose(found[0].numpy(), expected, rtol=0, atol=1e-13)


SCENES = {
    "the wall stands": scene(),
    "the wall pans": scene(wall=(-4, 2)),
    "slow": scene(square=(2, 0)),
    "both pan, the square faster": scene(square=(12, -7), wall=(5, 3)),
}


@pytest.mark.parametrize("one", SCENES.values(), ids=SCENES.keys())
def test_every_revealed_place_is_found(one: Scene) -> None:
    backward, forward = flow_of(one.backward), flow_of(one.forward)
    assert one.revealed.sum() > 50
    assert disoccluded(backward, forward)[0].numpy()[one.revealed].all()
    assert not disoccluded(backward, forward)[0].numpy()[~one.revealed & ~one.entered].any()
    assert (flow_consistency(backward, forward)[0].numpy()[one.revealed] == 0).mean() > 0.8
    assert (
        float(flow_consistency(backward, forward)[0].numpy()[one.revealed].max()) < 0.35
    )  # its corners


def test_what_comes_into_the_picture_is_not_trusted_though_the_border_agrees() -> None:
    one = scene(square=(6, -3), wall=(6, -3))  # all pans: nothing is revealed but at the border
    backward, forward = flow_of(one.backward), flow_of(one.forward)
    assert not one.revealed.any()
    assert not disoccluded(backward, forward).any()
    assert (leaves_frame(backward)[0].numpy() == one.entered).all()
    c = flow_consistency(backward, forward)[0].numpy()
    assert (c[one.entered] == 0).mean() > 0.95
    assert (c[10:-10, 10:-10] == 1).all()


def test_trust_falls_off_smoothly_and_does_not_leak_in() -> None:
    backward = torch.zeros(1, 2, 20, 40)
    forward = torch.zeros(1, 2, 20, 40)
    forward[:, 0, :, 20:] = 9.0  # on the right the way back leads elsewhere
    c = flow_consistency(backward, forward)[0, 10].tolist()
    assert c[:17] == [1.0] * 17
    assert c[20:] == [0.0] * 20
    weights = [math.exp(-0.5 * (n / 0.8) ** 2) for n in range(-3, 4)]
    share = sum(weights[4:]) / sum(weights)  # of the right, as seen from its last neighbor
    assert c[19] == pytest.approx(1 - 2 * share, abs=1e-6)


# --- several earlier frames ----------------------------------------------------------------------


def test_a_farther_frame_says_only_what_no_closer_one_can() -> None:
    trusts = [
        torch.tensor([[[1.0, 0.0, 0.3, 0.2]]]),
        torch.tensor([[[1.0, 0.6, 0.9, 0.1]]]),
        torch.tensor([[[1.0, 1.0, 1.0, 1.0]]]),
    ]
    first, second, third = long_term_trust(trusts)
    assert torch.equal(first, trusts[0])
    torch.testing.assert_close(second, torch.tensor([[[0.0, 0.6, 0.6, 0.0]]]))
    # By the closer ones' own trust, not by what is left of it (Ruder, eq. 8).
    torch.testing.assert_close(third, torch.tensor([[[0.0, 0.4, 0.0, 0.7]]]))


def test_trusts_of_all_distances_sum_to_one_at_most() -> None:
    generator = torch.Generator().manual_seed(0)
    trusts = [torch.rand((1, 30, 30), generator=generator) for _ in range(4)]
    total = torch.stack(long_term_trust(trusts)).sum(dim=0)
    assert float(total.max()) <= 1 + 1e-6  # float32: four additions


# --- loss and start ------------------------------------------------------------------------------


def some(distances: int, batch: int, height: int, width: int) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(3)
    options: dict[str, Any] = {"generator": generator, "dtype": torch.float64}
    images = torch.rand((batch, 3, height, width), **options)
    warped = torch.rand((distances, batch, 3, height, width), **options)
    trusts = torch.rand((distances, batch, height, width), **options)
    return images, warped, trusts / distances


def test_the_temporal_loss_is_that_of_the_equation() -> None:
    images, warped, trusts = some(3, 2, 5, 7)
    found = temporal_loss(images, warped, trusts)
    for frame in range(2):
        expected = 0.0
        for j in range(3):
            c, x, omega = trusts[j, frame], images[frame], warped[j, frame]
            expected += float((c.numpy() * (x - omega).numpy() ** 2).sum()) / (3 * 5 * 7)
        assert float(found[frame]) == pytest.approx(expected, rel=1e-13)


def test_the_start_is_the_warped_frame_where_it_is_trusted_and_the_rest_elsewhere() -> None:
    content = tiny.picture(1, 6, 9).float()
    warped = torch.stack([tiny.picture(seed, 6, 9).float() for seed in (2, 3)])
    trusts = torch.zeros(2, 1, 6, 9)
    trusts[0, :, :, :3], trusts[1, :, :, 3:6], trusts[0, :, 5, 8] = 1, 1, 0.25
    found = initial_image(content, warped, trusts)
    assert torch.equal(found[..., :3], warped[0][..., :3])
    assert torch.equal(found[..., 3:6], warped[1][..., 3:6])
    assert torch.equal(found[..., :5, 6:], content[..., :5, 6:])
    mixed = 0.25 * warped[0][..., 5, 8] + 0.75 * content[..., 5, 8]
    torch.testing.assert_close(found[..., 5, 8], mixed)


# --- the sharp warp ------------------------------------------------------------------------------


@pytest.mark.parametrize(("x", "y"), [(0, 0), (3, 0), (0, -2), (-5, 4)])
def test_warping_by_whole_pixels_is_exact_sharp_or_not(x: int, y: int) -> None:
    image = tiny.picture(1, 40, 50).float()
    flow = torch.empty(1, 2, 40, 50)
    flow[:, 0], flow[:, 1] = x, y
    found = warp(image, flow)
    inner = found[:, :, max(-y, 0) : 40 - max(y, 0), max(-x, 0) : 50 - max(x, 0)]
    shifted = image[:, :, max(y, 0) : 40 + min(y, 0), max(x, 0) : 50 + min(x, 0)]
    assert torch.equal(inner, shifted)
    assert torch.equal(warp_sharp(image, flow), found)


def test_the_sharp_warp_keeps_ramps_where_they_are() -> None:
    """A kernel that does not lags behind the flow, frame after frame (Lanczos' own by 0.02 px)."""
    columns = torch.arange(20, dtype=torch.float64)
    image = (0.3 * columns + 2).expand(1, 1, 9, 20)
    flow = random_flow(4, 9, 20, 0.8)
    flow[:, 1] = 0
    found = warp_sharp(image, flow)
    at = columns + flow[0, 0]
    inner = (at > 2) & (at < 17)
    torch.testing.assert_close(found[0, 0][inner], (0.3 * at + 2)[inner], rtol=0, atol=1e-12)


@pytest.mark.parametrize("way", [warp, warp_sharp])
@pytest.mark.parametrize("axis", [0, 1], ids=["across", "down"])
def test_a_ramp_that_moves_by_a_quarter_of_a_pixel_has_moved_by_that(way: Any, axis: int) -> None:
    """OpenCV's and torch's bicubic kernels (a = −0.75) are off by 0.047 px."""
    rows, columns = torch.meshgrid(torch.arange(24.0), torch.arange(32.0), indexing="ij")
    ramp = (columns, rows)[axis][None, None] / 255
    flow = torch.zeros(1, 2, 24, 32)
    flow[:, axis] = 0.25
    moved = (way(ramp, flow) - ramp)[..., 4:-4, 4:-4] * 255
    torch.testing.assert_close(moved, torch.full_like(moved, 0.25), rtol=0, atol=0.002)


def test_the_sharp_warp_is_nearly_lanczos_kernel() -> None:
    image = torch.zeros(1, 1, 9, 21, dtype=torch.float64)
    image[..., 10] = 1
    flow = torch.zeros(1, 2, 9, 21, dtype=torch.float64)
    flow[:, 0] = 0.5
    distances = torch.arange(21, dtype=torch.float64) + 0.5 - 10
    kernel = torch.sinc(distances) * torch.sinc(distances / 3) * (distances.abs() < 3)
    # At half a pixel nothing lags; the sum of the weights alone is made 1.
    expected = kernel / kernel.sum()
    found = warp_sharp(image, flow)
    torch.testing.assert_close(found[0, 0, 4], expected, rtol=0, atol=1e-12)


def test_the_sharp_warp_keeps_what_bilinear_warps_lose() -> None:
    image = torch.from_numpy(colored_noise(128, 128, 0, slope=2.27).transpose(2, 0, 1)[None])
    flow = torch.zeros(1, 2, 128, 128, dtype=torch.float64)
    flow[:, 0] = 0.5
    bilinear = sharp = image
    for _ in range(5):
        bilinear, sharp = warp(bilinear, flow), warp_sharp(sharp, flow)
    kept = laplacian_energy(sharp) / laplacian_energy(image)
    assert kept > laplacian_energy(bilinear) / laplacian_energy(image) + 0.2
    assert kept < 1.05  # it sharpens nothing


def test_the_gradients_of_the_sharp_warp_are_right() -> None:
    image = tiny.picture(1, 5, 6).requires_grad_()
    flow = random_flow(2, 5, 6, 2.0).round() + 0.4
    assert torch.autograd.gradcheck(lambda x: warp_sharp(x, flow), (image,))
