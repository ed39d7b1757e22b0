"""Whether frames show the same."""

import pytest
import torch
from torch import Tensor

from nstd.temporal.shot import Predecessor, temporal_target
from nstd.temporal.trust import photo_consistency
from nstd.temporal.warp import warp
from tests.unit.style import tiny

HEIGHT, WIDTH = 64, 80
CENTER = (..., HEIGHT // 2, WIDTH // 2)
GRAY = torch.full((1, 3, HEIGHT, WIDTH), 0.5, dtype=torch.float64)


def uniform(x: float = 0.0, y: float = 0.0) -> Tensor:
    """Flow that is the same everywhere."""
    return torch.tensor([x, y])[None, :, None, None].expand(1, 2, HEIGHT, WIDTH).double()


def board() -> Tensor:
    """−1 and 1 by turns: over any even square their mean is nothing."""
    rows, columns = torch.arange(HEIGHT)[:, None], torch.arange(WIDTH)
    return (((rows + columns) % 2) * 2.0 - 1.0).double()


def thresholds(full: float, none: float) -> list[tuple[float, float]]:
    """Differences, and how far something is to be trusted that has them."""
    between = [(full + share * (none - full), 1 - share) for share in (0.25, 0.5)]
    return [(0, 1), (full, 1), *between, (none, 0), (2 * none, 0)]


# --- photo_consistency ---------------------------------------------------------------------------


@pytest.mark.parametrize(("off", "known"), thresholds(3 / 255, 25 / 255))
@pytest.mark.parametrize("sign", [-1, 1])
def test_frames_resemble_each_other_by_the_size_of_their_difference(
    off: float, known: float, sign: int
) -> None:
    for difference in (torch.ones_like(board()), board()):
        found = photo_consistency(GRAY + sign * off * difference, GRAY)
        assert found.shape == (1, HEIGHT, WIDTH)
        assert float(found[CENTER]) == pytest.approx(known, abs=1e-9)


def test_what_has_moved_as_the_flow_says_resembles_itself_but_beyond_the_border() -> None:
    earlier = tiny.picture(1, HEIGHT, WIDTH)
    flow, doubted = uniform(x=5.0, y=-3.0), uniform(x=30.0)
    later = warp(earlier, flow)
    inside = torch.zeros(1, HEIGHT, WIDTH, dtype=torch.bool)
    inside[:, 3:, :-5] = True
    # The way back leads elsewhere, so that the pictures alone speak for it.
    before = [Predecessor(earlier, way, doubted, sources=(earlier, later)) for way in (flow, -flow)]
    right, wrong = (temporal_target([one], later).trust for one in before)
    assert torch.equal(right == 1, inside)
    assert torch.equal(right == 0, ~inside)
    assert float(wrong[:, 8:-8, 8:-8].mean()) < 0.01
