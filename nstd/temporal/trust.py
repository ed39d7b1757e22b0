"""How far paint of an earlier frame is to be believed: by the flow, and by the pictures.

By the flow as in Ruder, Dosovitskiy and Brox, "Artistic style transfer for videos", GCPR 2016
[Ruder]; the numbers of equations are that paper's. All is on the current frame's grid, as in
`nstd.temporal.warp`.
"""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from nstd.flow.estimator import Flow
from nstd.style.canvas import ImageBatch
from nstd.temporal.terms import Trust
from nstd.temporal.warp import destinations, warp

Mask = Bool[Tensor, "batch height width"]

SMOOTHING_SIGMA = 0.8
"""Pixels; of the Gaussian that softens the mask's edges (as in Ruder's own code)."""

SAME, OTHER = 3 / 255, 25 / 255
"""Root mean square differences of source frames in [0, 1]: up to the first they show one thing, and
from the second on different ones. In between trust falls in a straight line."""

NEARBY_PX = 7
"""Edge of the square over which these differences are averaged."""


_SMOOTHING_RADIUS = 3
"""Pixels: 3.75 σ; all beyond weighs less than 2e-4 together."""


def flow_consistency(backward: Flow, forward: Flow) -> Trust:
    """How far the earlier frame, warped along `backward`, shows at each place what is there now.

    0 where the place was hidden or outside the picture before, and at motion boundaries; 1
    elsewhere; smoothed. Hidden and outside places count as −1 before the smoothing, so that the
    trust of their neighbors does not leak into them.

    Args:
        backward: ŵ, from the current frame into the earlier one.
        forward: w, from the earlier frame into the current one; on the earlier frame's grid.
    """
    known = torch.ones_like(backward[:, 0])
    known = known.masked_fill(motion_boundary(backward), 0.0)
    known = known.masked_fill(disoccluded(backward, forward) | leaves_frame(backward), -1.0)
    return _smooth(known).clamp(0, 1)


def photo_consistency(moved: ImageBatch, later: ImageBatch) -> Trust:
    """How far the earlier source frame, warped, shows what the later one does.

    Pictures may agree where the flow is in doubt: in even and dark places it finds false motion,
    and its boundaries around moving things are wide. Painted anew in every frame, such places
    flicker.

    Args:
        moved: Earlier source frames, in [0, 1], warped to the later ones.
        later: Source frames, in [0, 1].
    """
    squares = (later - moved).square().mean(dim=1, keepdim=True)
    off = _mean_nearby(squares)[:, 0].sqrt()
    return ((OTHER - off) / (OTHER - SAME)).clamp(0, 1)


def disoccluded(backward: Flow, forward: Flow) -> Mask:
    """|w̃ + ŵ|² > 0.01 (|w̃|² + |ŵ|²) + 0.5 with w̃(x) = w(x + ŵ(x)) [Ruder, after Sundaram 2010].

    Where the forward flow does not lead back, the place was hidden in the earlier frame.
    """
    returned = warp(forward, backward)
    off = (returned + backward).square().sum(dim=1)
    lengths = returned.square().sum(dim=1) + backward.square().sum(dim=1)
    return off > 0.01 * lengths + 0.5


def motion_boundary(backward: Flow) -> Mask:
    """|∇û|² + |∇v̂|² > 0.01 |ŵ|² + 0.002, by central differences [Ruder].

    There the flow is unsure, and bilinear warping mixes what moves differently.
    """
    padded = F.pad(backward, (1, 1, 1, 1), mode="replicate")
    along_x = (padded[:, :, 1:-1, 2:] - padded[:, :, 1:-1, :-2]) / 2
    along_y = (padded[:, :, 2:, 1:-1] - padded[:, :, :-2, 1:-1]) / 2
    steepness = (along_x.square() + along_y.square()).sum(dim=1)
    return steepness > 0.01 * backward.square().sum(dim=1) + 0.002


def leaves_frame(backward: Flow) -> Mask:
    """Where x + ŵ(x) lies outside the earlier frame.

    Looked for separately, since `disoccluded` does not see it: beyond the border the forward flow
    is replicated, and agrees.
    """
    height, width = backward.shape[2:]
    columns, rows = destinations(backward)
    beside = (columns < 0) | (columns > width - 1)
    return beside | (rows < 0) | (rows > height - 1)


def long_term_trust(trusts: Sequence[Trust]) -> list[Trust]:
    """c_j ← max(c_j − Σ_closer c, 0) [Ruder, eq. 8]: farther frames count where closer ones do not.

    Args:
        trusts: Of each earlier frame, the closest first.

    Returns:
        One for each frame, in the same order; nowhere is their sum above 1.
    """
    left: list[Trust] = []
    closer = torch.zeros_like(trusts[0])
    for c in trusts:
        left.append((c - closer).clamp(min=0))
        closer = closer + c
    return left


def _smooth(values: Trust) -> Trust:
    """A Gaussian of `SMOOTHING_SIGMA`, with a replicated border."""
    radius = _SMOOTHING_RADIUS
    weights = [math.exp(-0.5 * (n / SMOOTHING_SIGMA) ** 2) for n in range(-radius, radius + 1)]
    total = sum(weights)
    smoothed = F.pad(values[:, None], (radius, radius, radius, radius), mode="replicate")
    for dim in (2, 3):
        length = smoothed.shape[dim] - 2 * radius
        # Shifted sums, not a convolution: the same order of additions on every device.
        smoothed = sum(
            (
                weight / total * smoothed.narrow(dim, start, length)
                for start, weight in enumerate(weights)
            ),
            start=torch.zeros((), dtype=values.dtype, device=values.device),
        )
    return smoothed[:, 0]


def _mean_nearby(
    values: Float[Tensor, "batch 1 height width"],
) -> Float[Tensor, "batch 1 height width"]:
    """Over squares of `NEARBY_PX`; the border is replicated."""
    radius = NEARBY_PX // 2
    padded = F.pad(values, (radius, radius, radius, radius), mode="replicate")
    # Rows, then columns: torch would add up the whole square anew at each place.
    return F.avg_pool2d(F.avg_pool2d(padded, (1, NEARBY_PX), stride=1), (NEARBY_PX, 1), stride=1)
