"""How a painted film holds together: flicker, sharpness, drift and seams, as plain numbers.

Pure functions over frames `[1, 3, height, width]` in [0, 1]. Flow comes from outside; it should be
another than the one that drove the painting.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from nstd.style.losses import total_variation_loss
from nstd.temporal.tone import linear_light, relative_luminance
from nstd.temporal.warp import disoccluded, leaves_frame, motion_boundary, warp_sharp

FLOOR = 2.6e-6
"""Mean squared error below which nothing counts as flicker: rounding to 8 bits twice."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two frames of one shot, one after the other.

    Attributes:
        output: E_warp of the painted ones.
        source: E_warp of the source's.
        covered: Share of the picture that was compared.
    """

    output: float
    source: float
    covered: float


def compare(
    painted: tuple[Tensor, Tensor], source: tuple[Tensor, Tensor], backward: Tensor, forward: Tensor
) -> Pair | None:
    """E_warp of a pair of painted frames and of their sources, over what is not occluded.

    None where the later frame shows nothing of the earlier one.

    Args:
        painted: The earlier and the later painted frame.
        source: Likewise, at the same size.
        backward: The source's flow from the later into the earlier frame.
        forward: The flow back.
    """
    seen = visible(backward, forward)
    if not bool(seen.any()):
        return None
    errors = [warp_error(*pair, backward, seen) for pair in (painted, source)]
    return Pair(errors[0], errors[1], float(seen.float().mean()))


def visible(backward: Tensor, forward: Tensor) -> Tensor:
    """Where the later frame shows what the earlier one showed too, `[1, height, width]`."""
    return ~(revealed(backward, forward) | motion_boundary(backward))


def revealed(backward: Tensor, forward: Tensor) -> Tensor:
    """Where the later frame shows what the earlier one hid, or did not reach."""
    return disoccluded(backward, forward) | leaves_frame(backward)


def warp_error(earlier: Tensor, later: Tensor, backward: Tensor, seen: Tensor) -> float:
    """Mean squared difference of `later` from `earlier` warped to it, where `seen`; NaN nowhere.

    Warped by Lanczos' kernel of eight pixels, since bilinear interpolation takes away what is
    sharp, and paint is sharper than its source: of a film painted at 512 px that was half of its
    E_warp. Painting warps by a kernel of six, along another flow.
    """
    warped = warp_sharp(earlier, backward, reach=4).clamp(0, 1)
    squares = (later - warped).square().mean(dim=1)
    return float(squares[seen].double().mean())


def warp_ratio(pairs: Sequence[Pair]) -> float:
    """How much more the painted film flickers than its source; 1 is: no more. NaN of no pairs.

    Args:
        pairs: Neighbors of one shot; none over a cut.
    """
    if not pairs:
        return math.nan
    outputs = sum(pair.output for pair in pairs) / len(pairs)
    sources = sum(pair.source for pair in pairs) / len(pairs)
    return max(outputs, FLOOR) / max(sources, FLOOR)


def gradient_energy(image: Tensor) -> float:
    """Mean squared difference between neighbors, both ways: blur would win E_warp, not this."""
    return float(total_variation_loss(image)[0])


def luminance(image: Tensor) -> float:
    """Mean relative luminance, of linear light (BT.709)."""
    return float(relative_luminance(linear_light(image)).mean())


def contrast(image: Tensor) -> float:
    """Standard deviation of the same."""
    return float(relative_luminance(linear_light(image)).std(correction=0))


def drift(painted: Sequence[float], source: Sequence[float]) -> float:
    """By what share a shot's luminance or contrast moved away, beyond what its source's did.

    A style has its own range of light: a painted film follows its source's moves by a part of them
    only. That part, 0…1, is fitted over the shot (least squares); what is left is drift.

    Args:
        painted: Of every frame of the shot.
        source: Likewise, of the source.

    Returns:
        The value of largest size, with its sign: −0.1 is a tenth darker than at the shot's begin.
    """
    own, other = _moves(painted), _moves(source)
    spread = math.fsum(x * x for x in other)
    products = math.fsum(x * y for x, y in zip(other, own, strict=True))
    part = min(1.0, max(0.0, products / spread)) if spread > 0 else 0.0
    left = [y - part * x for x, y in zip(other, own, strict=True)]
    return max(left, key=abs, default=0.0)


def _moves(values: Sequence[float]) -> list[float]:
    """Differences from the first value, as shares of it; of half the mean, if it is darker."""
    whole = max(values[0], math.fsum(values) / len(values) / 2) if values else 0.0
    return [(value - values[0]) / whole if whole > 0 else 0.0 for value in values]


def seam_step(inside: Sequence[Pair], borders: Sequence[Pair]) -> float:
    """How much more it flickers where segments meet than inside them; 1 is: no more.

    Each as a ratio to the source's, since what the source does there is no seam; NaN of no borders.

    Args:
        inside: Pairs within a segment.
        borders: Pairs of a segment's last frame and the next one's first, of one shot.
    """
    return warp_ratio(borders) / warp_ratio(inside)
