"""How a painted film holds together: flicker, sharpness, drift and seams, as plain numbers.

Pure functions of frames `[1, 3, height, width]` in [0, 1]. The caller gives the flow; it should not
be the one that was used for painting.
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
    """E_warp of two successive frames of one shot.

    Attributes:
        output: E_warp of the painted ones.
        source: E_warp of the source's frames.
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
        source: The same two frames of the source, at the same size.
        backward: The source's flow from the later into the earlier frame.
        forward: The flow from the earlier into the later frame.
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
    """Mean squared difference of `later` from `earlier` warped to it, where `seen`; NaN if nowhere.

    Warped by Lanczos' kernel of eight pixels, since bilinear interpolation blurs, and paint is
    sharper than its source: blur made up half of the E_warp of a film painted at 512 px. Painting
    warps by a kernel of six pixels, along another flow.
    """
    warped = warp_sharp(earlier, backward, reach=4).clamp(0, 1)
    squares = (later - warped).square().mean(dim=1)
    return float(squares[seen].double().mean())


def warp_ratio(pairs: Sequence[Pair]) -> float:
    """How many times as much the painted film flickers as its source; NaN if there are no pairs.

    Args:
        pairs: Successive frames of one shot; none across a cut.
    """
    if not pairs:
        return math.nan
    outputs = sum(pair.output for pair in pairs) / len(pairs)
    sources = sum(pair.source for pair in pairs) / len(pairs)
    return max(outputs, FLOOR) / max(sources, FLOOR)


def gradient_energy(image: Tensor) -> float:
    """Mean squared difference of neighboring pixels: blur lowers it, as it lowers E_warp."""
    return float(total_variation_loss(image)[0])


def luminance(image: Tensor) -> float:
    """Mean relative luminance of linear light (BT.709)."""
    return float(relative_luminance(linear_light(image)).mean())


def contrast(image: Tensor) -> float:
    """Standard deviation of the relative luminance of linear light."""
    return float(relative_luminance(linear_light(image)).std(correction=0))


def drift(painted: Sequence[float], source: Sequence[float]) -> float:
    """By what share a shot's luminance or contrast moved away, beyond its source's change.

    A style has its own range of light: a painted film follows only a part of its source's changes.
    That part, 0…1, is fitted over the shot (least squares); what remains is drift.

    Args:
        painted: Of every frame of the shot.
        source: The same of the source's frames.

    Returns:
        The value that is largest in size, with its sign: −0.1 is a tenth darker than at the shot's
        beginning.
    """
    own, other = _moves(painted), _moves(source)
    spread = math.fsum(x * x for x in other)
    products = math.fsum(x * y for x, y in zip(other, own, strict=True))
    part = min(1.0, max(0.0, products / spread)) if spread > 0 else 0.0
    left = [y - part * x for x, y in zip(other, own, strict=True)]
    return max(left, key=abs, default=0.0)


def _moves(values: Sequence[float]) -> list[float]:
    """Differences from the first value as shares of it, or of half the mean if that is larger."""
    whole = max(values[0], math.fsum(values) / len(values) / 2) if values else 0.0
    return [(value - values[0]) / whole if whole > 0 else 0.0 for value in values]


def seam_step(inside: Sequence[Pair], borders: Sequence[Pair]) -> float:
    """How many times as much it flickers where segments meet as inside them.

    Each is taken as a ratio to the source's, since changes of the source there are no seams; NaN if
    there are no borders.

    Args:
        inside: Pairs within a segment.
        borders: Pairs of a segment's last frame and the next segment's first, of one shot.
    """
    return warp_ratio(borders) / warp_ratio(inside)
