"""Each equation against the same equation in NumPy, and against its own numerical gradient."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from nstd.style import losses
from tests import reference

# Two float64 computations of one sum, in different orders: rounding is about 1e-16 times the
# square root of a few thousand terms. 1e-10 leaves four digits of room, and no wrong factor fits.
AGREES = 1e-10


def features(
    seed: int, batch: int = 2, channels: int = 5, height: int = 6, width: int = 7
) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    shape = (batch, channels, height, width)
    return torch.randn(shape, generator=generator, dtype=torch.float64).relu()


def flat(one: Tensor) -> reference.Array:
    array: reference.Array = one.flatten(1).numpy()
    return array


def in_numpy(x: Tensor, y: Tensor, equation: Callable[..., float], *more: float) -> list[float]:
    """`equation` for each pair of frames."""
    return [equation(flat(a), flat(b), *more) for a, b in zip(x, y, strict=True)]


def test_the_content_loss_is_equation_1() -> None:
    x, c = features(0), features(1)
    found = losses.content_loss(x, c, None)
    assert found.tolist() == pytest.approx(in_numpy(x, c, reference.content_loss), rel=AGREES)


def test_the_gram_matrix_is_equation_3() -> None:
    x = features(0)
    found = losses.gram_matrix(x)
    for one, gram in zip(x, found, strict=True):
        np.testing.assert_allclose(gram.numpy(), reference.gram(flat(one)), rtol=AGREES)


def test_the_second_moment_is_the_gram_matrix_per_position() -> None:
    x = features(0)
    found = losses.second_moment(x, augmented=False)
    np.testing.assert_allclose(found.numpy(), losses.gram_matrix(x).numpy() / 42, rtol=AGREES)


def test_the_augmented_moment_is_that_of_the_activations_and_a_one() -> None:
    x = features(0)
    found = losses.second_moment(x, augmented=True)
    for one, moment in zip(x, found, strict=True):
        augmented = np.concatenate([flat(one), np.ones((1, 42))])
        np.testing.assert_allclose(moment.numpy(), reference.gram(augmented) / 42, rtol=AGREES)


def style_layer_loss(x: Tensor, style: Tensor, width: int = 5) -> Tensor:
    moment = losses.second_moment(x, augmented=False)
    target = losses.second_moment(style, augmented=False)[0]
    return losses.style_layer_loss(moment, target, width, None)


def test_the_style_layer_loss_is_equation_4_as_printed_at_equal_sizes() -> None:
    x, s = features(0), features(1, batch=1)
    expected = [reference.style_layer_loss_literal(flat(one), flat(s[0])) for one in x]
    # Dividing before the product or after it is the same number up to rounding.
    assert style_layer_loss(x, s).tolist() == pytest.approx(expected, rel=1e-12)


def test_the_style_layer_loss_counts_each_image_s_own_positions() -> None:
    x, s = features(0), features(1, batch=1, height=9, width=4)
    expected = [reference.style_layer_loss(flat(one), flat(s[0])) for one in x]
    assert style_layer_loss(x, s).tolist() == pytest.approx(expected, rel=AGREES)


def test_the_style_loss_of_a_tiled_image_is_zero() -> None:
    s = features(1, batch=1)
    tiled = s.repeat(1, 1, 2, 3)
    # The Gram per position is the same for six copies of a picture: what is left is rounding,
    # squared, against moments of order 1.
    assert float(style_layer_loss(tiled, s)) < 1e-28
    assert float(style_layer_loss(tiled * 1.01, s)) > 1e-6


def test_the_width_in_the_style_layer_loss_is_the_full_network_s() -> None:
    x, s = features(0), features(1, batch=1)
    narrow, wide = style_layer_loss(x, s, 5), style_layer_loss(x, s, 20)
    assert wide.tolist() == pytest.approx((narrow / 16).tolist(), rel=1e-14)  # powers of two


def test_the_relative_losses_are_shares_of_their_targets_norms() -> None:
    x, c, s = features(0), features(1), features(2, batch=1, height=9)
    energy = losses.feature_energy(c, None)
    assert energy.tolist() == pytest.approx([reference.energy(flat(one)) for one in c], rel=AGREES)
    content = losses.relative_content_loss(x, c, energy, None)
    expected = [
        reference.relative_content_loss(flat(a), flat(b), reference.energy(flat(b)))
        for a, b in zip(x, c, strict=True)
    ]
    assert content.tolist() == pytest.approx(expected, rel=AGREES)
    target = losses.second_moment(s, augmented=False)[0]
    norm = losses.squared_moment_norm(target, None)
    style = losses.relative_style_layer_loss(
        losses.second_moment(x, augmented=False), target, norm, None
    )
    expected = [reference.relative_style_layer_loss(flat(one), flat(s[0])) for one in x]
    assert style.tolist() == pytest.approx(expected, rel=AGREES)


def test_the_picture_s_own_terms_are_those_of_the_reference() -> None:
    generator = torch.Generator().manual_seed(0)
    images = torch.rand((2, 3, 6, 9), generator=generator, dtype=torch.float64) * 2 - 0.5
    tv = [reference.total_variation(one.numpy()) for one in images]
    excess = [reference.range_loss(one.numpy()) for one in images]
    assert losses.total_variation_loss(images).tolist() == pytest.approx(tv, rel=AGREES)
    assert losses.range_loss(images).tolist() == pytest.approx(excess, rel=AGREES)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_grams_of_half_precision_activations_are_float32_and_do_not_overflow(
    dtype: torch.dtype,
) -> None:
    x = torch.full((1, 2, 64, 64), 100.0, dtype=dtype)  # an fp16 Gram would be 4e7: infinite
    moment = losses.second_moment(x, augmented=False)
    assert moment.dtype == losses.gram_matrix(x).dtype == torch.float32
    # 100 is exact in both types, and so is 100 / 64: only float32's product rounds.
    assert moment.flatten().tolist() == pytest.approx([1e4] * 4, rel=1e-6)
    assert losses.content_loss(x, x.float(), None).dtype == torch.float32


# --- weights of positions ------------------------------------------------------------------------


def one_pixel_each(size: int) -> Tensor:
    """As many frames as a line has pixels, in each of which another one weighs 1: `[x, x]`."""
    return torch.eye(size, dtype=torch.float64)


SIZES = [16, 17, 23, 31, 32, 33, 47, 67, 93]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("poolings", range(5))
@pytest.mark.parametrize("along", ["columns", "rows"])
def test_a_pixel_weighs_at_the_position_that_the_poolings_put_it(
    size: int, poolings: int, along: str
) -> None:
    lines = one_pixel_each(size)
    chain = lines[:, None, None]
    for _ in range(poolings):
        chain = F.max_pool2d(chain, (1, 2))
    count = chain.shape[3]
    assert count == size >> poolings
    if along == "columns":
        found = losses.pooled(lines[:, None, :], torch.empty(size, 3, 1, count))[:, 0]
    else:
        found = losses.pooled(lines[:, :, None], torch.empty(size, 3, count, 1))[:, :, 0]
    assert found.shape == (size, count)
    for x in range(size):
        at = min(x >> poolings, count - 1)
        assert found[x].nonzero().flatten().tolist() == [at], x
        # The max-pool chain leaves out what is left over, and puts all else there.
        assert chain[x, 0, 0].nonzero().flatten().tolist() == [at] * (x >> poolings < count), x
        # A mean: the last position is of all that it and the left over have seen.
        seen = 1 << poolings if at < count - 1 else size - ((count - 1) << poolings)
        assert float(found[x, at]) == pytest.approx(1 / seen, rel=1e-12)


@pytest.mark.parametrize(("height", "width"), [(37, 64), (64, 37), (67, 93), (33, 47)])
def test_weights_are_pooled_both_ways_at_once(height: int, width: int) -> None:
    weights = torch.rand((2, height, width), generator=torch.Generator().manual_seed(0)).double()
    features = torch.empty(2, 3, height >> 3, width >> 3)
    found = losses.pooled(weights, features)
    assert found.shape == (2, height >> 3, width >> 3)
    # Where nothing is left over it is what averaging again and again makes.
    chain = weights[:, None]
    for _ in range(3):
        chain = F.avg_pool2d(chain, 2)
    torch.testing.assert_close(found[:, :-1, :-1], chain[:, 0, :-1, :-1])
    last = weights[:, ((height >> 3) - 1) * 8 :, ((width >> 3) - 1) * 8 :].mean(dim=(1, 2))
    torch.testing.assert_close(found[:, -1, -1], last)


def test_weights_of_a_layer_without_poolings_are_the_pixels_own() -> None:
    weights = torch.rand((1, 7, 9), generator=torch.Generator().manual_seed(0))
    assert torch.equal(losses.pooled(weights, torch.empty(1, 3, 7, 9)), weights)
