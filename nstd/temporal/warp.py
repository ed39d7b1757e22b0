"""Holding a film together: warping along the flow, where to trust it, and the temporal loss.

Ruder, Dosovitskiy and Brox, "Artistic style transfer for videos", GCPR 2016 [Ruder]; the numbers of
equations are that paper's. All is on the *current* frame's grid: ŵ, the backward flow, points from
it into an earlier frame; `x + ŵ(x)` is where the earlier frame showed what x shows now.
"""

import math
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from nstd.flow.estimator import Flow
from nstd.style.canvas import ImageBatch
from nstd.temporal.terms import Trust

Mask = Bool[Tensor, "batch height width"]

SMOOTHING_SIGMA = 0.8
"""Pixels; of the Gaussian that softens the mask's edges (as in Ruder's own code)."""

ROUNDING = 1 / (6 * 255**2)
"""Mean squared difference of pictures, in [0, 1], that differ by nothing but rounding to 8 bits."""

NOTHING = 1e-6
"""Share of a place's surroundings below which nothing of them is known."""

_SMOOTHING_RADIUS = 3
"""Pixels: 3.75 σ; all beyond weighs less than 2e-4 together."""


def warp(
    image: Float[Tensor, "batch channels height width"], flow: Flow
) -> Float[Tensor, "batch channels height width"]:
    """ω(x) = image(x + flow(x)), bilinear, with a replicated border.

    Not `grid_sample`: its coordinates are normalized and come back with rounding, so that a shift
    by whole pixels, or by none, would change the picture.
    """
    return _sample(image, flow, (0, 1), _linear)


def warp_sharp(
    image: Float[Tensor, "batch channels height width"], flow: Flow, *, reach: int = 3
) -> Float[Tensor, "batch channels height width"]:
    """`warp` with Lanczos' kernel (Duchon 1979), which stays sharp over many frames.

    Each bilinear warp blurs a picture that is warped from frame to frame. The result may overshoot
    [0, 1]. Of a painted pan by 1½ and ½ px a frame, the worst case, Keys' cubic convolution left
    0.88 of the sharpness after nine frames, and this kernel 0.98. What came in at the border had 4
    times the style loss of the rest, and 0.8 times with this kernel.

    Args:
        image: What is warped.
        flow: Backward.
        reach: Half of the kernel's width, in pixels.
    """
    return _sample(image, flow, range(1 - reach, reach + 1), _lanczos)


def trust(backward: Flow, forward: Flow) -> Trust:
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


def disoccluded_smoothly(backward: Flow, forward: Flow) -> Trust:
    """`disoccluded`, smoothed as `trust` is."""
    return _smooth(disoccluded(backward, forward).to(backward.dtype)).clamp(0, 1)


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
    columns, rows = _destinations(backward)
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


def initial_image(
    elsewhere: ImageBatch,
    warped: Float[Tensor, "distances batch 3 height width"],
    trusts: Float[Tensor, "distances batch height width"],
) -> ImageBatch:
    """Σ_j c_j ω_j + (1 − Σ_j c_j) · elsewhere: what is known from before, and the rest.

    Args:
        elsewhere: What is used where nothing can be trusted, such as the frame itself.
        warped: ω_j, `[distances, batch, 3, height, width]`.
        trusts: c_j of `long_term_trust`, whose sum is never above 1.
    """
    shares = trusts[:, :, None]
    return (shares * warped).sum(dim=0) + (1 - shares.sum(dim=0)) * elsewhere


def _destinations(flow: Flow) -> tuple[Tensor, Tensor]:
    """Columns and rows of x + flow(x), each `[batch, height, width]`."""
    height, width = flow.shape[2:]
    columns = torch.arange(width, dtype=flow.dtype, device=flow.device)
    rows = torch.arange(height, dtype=flow.dtype, device=flow.device)[:, None]
    return columns + flow[:, 0], rows + flow[:, 1]


def _sample(
    image: Tensor,
    flow: Tensor,
    taps: Sequence[int],
    kernel: Callable[[Tensor, Sequence[int]], list[Tensor]],
) -> Tensor:
    """Σ over the pixels `taps` beside x + flow(x) of weight · pixel, separably.

    `kernel` makes the taps' weights of the way from tap 0, in [0, 1), along one axis.
    """
    height, width = image.shape[2:]
    columns, rows = _clamped(*_destinations(flow), width, height)
    left, top = columns.floor(), rows.floor()
    across, down = kernel(columns - left, taps), kernel(rows - top, taps)
    flat = image.flatten(2)

    def line(tap: int) -> Tensor:
        row = (top + tap).clamp(0, height - 1)
        total = torch.zeros((), dtype=image.dtype, device=image.device)
        for beside, weight in zip(taps, across, strict=True):
            column = (left + beside).clamp(0, width - 1)
            # Not as floats: those are exact to 2^24 only, and films have more pixels than that.
            index = (row.long() * width + column.long()).flatten(1)[:, None]
            gathered = flat.gather(2, index.expand(-1, image.shape[1], -1)).view(image.shape)
            total = total + weight[:, None] * gathered
        return total

    parts = [weight[:, None] * line(tap) for tap, weight in zip(taps, down, strict=True)]
    return torch.stack(parts).sum(dim=0)


def _linear(way: Tensor, taps: Sequence[int]) -> list[Tensor]:
    return [1 - (way - tap).abs() for tap in taps]


def _lanczos(way: Tensor, taps: Sequence[int]) -> list[Tensor]:
    """sinc(d) sinc(d / reach), corrected so that even places stay even and ramps stay in place.

    Without the correction it lags behind by up to a fiftieth of a pixel in each frame.
    """
    weights = [_sinc(way - tap) * _sinc((way - tap) / max(taps)) for tap in taps]
    total = torch.stack(weights).sum(dim=0)
    weights = [weight / total for weight in weights]
    reached = torch.stack([tap * w for tap, w in zip(taps, weights, strict=True)]).sum(dim=0)
    here = taps.index(0)
    weights[here] = weights[here] - (way - reached)
    weights[here + 1] = weights[here + 1] + (way - reached)
    return weights


def _sinc(x: Tensor) -> Tensor:
    """Sin πx / πx, exactly 0 at whole numbers."""
    return torch.where(x == x.round(), (x == 0).to(x.dtype), torch.sinc(x))


def _clamped(columns: Tensor, rows: Tensor, width: int, height: int) -> tuple[Tensor, Tensor]:
    return columns.clamp(0, width - 1), rows.clamp(0, height - 1)


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
