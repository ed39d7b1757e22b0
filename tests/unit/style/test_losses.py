"""Moments in few bits, and what pixels weigh in the layers; test_objective.py has the equations."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from nstd.style import losses
from tests.unit.style import tiny


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


@pytest.mark.parametrize("augmented", [False, True])
def test_a_weighted_moment_counts_positions_by_their_weight(augmented: bool) -> None:
    features = tiny.picture(1, 4, 5, count=2)
    weights = torch.rand((2, 4, 5), generator=torch.Generator().manual_seed(0)).double()
    weights = weights / weights.mean(dim=(1, 2), keepdim=True)
    found = losses.weighted_second_moment(features, weights, augmented=augmented)
    for frame in range(2):
        f = features[frame].flatten(1).numpy()
        if augmented:
            f = np.concatenate([f, np.ones((1, 20))])
        due = (f * weights[frame].flatten().numpy()) @ f.T / 20
        np.testing.assert_allclose(found[frame].numpy(), due, rtol=1e-12)
    even = losses.weighted_second_moment(features, torch.ones(2, 4, 5), augmented=augmented)
    torch.testing.assert_close(even, losses.second_moment(features, augmented=augmented))
