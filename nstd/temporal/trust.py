"""Photo-consistency: how far the source frames agree with what the flow says of them.

By the flow alone [Ruder], paint of an earlier frame is trusted too little and too much: the flow
doubts places that clearly agree, and is sure of places that do not.
"""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from nstd.style.canvas import ImageBatch
from nstd.temporal.terms import Trust

SAME, OTHER = 3 / 255, 25 / 255
"""Root mean square differences of source frames in [0, 1]: up to the first they show one thing, and
from the second on different ones. In between trust falls in a straight line."""

AGREES, CONTRADICTS = 30 / 255, 60 / 255
"""Root mean square differences without those of the light: up to the first the flow is believed,
from the second on it is not."""

KEPT, LOST = 15 / 255, 40 / 255
"""Differences of mean colors, without those of the light: up to the first, paint belongs to what is
here now; from the second on, to something else. With 12 and 30 a clip's style loss grew by 4 %.
Differences that are not averaged mistake wavering texture for something else: for the same effect
they cost up to a third more E_warp."""

NEARBY_PX = 7
"""Edge of the square over which these differences are averaged."""

LIGHT_PX = 31
"""Edge of the square over which a mean difference counts as one of the light."""


def photo_consistency(moved: ImageBatch, later: ImageBatch) -> Trust:
    """How far the earlier source frame, warped, shows what the later one does.

    Pictures may agree where the flow is in doubt: in even and dark places it finds false motion,
    and its boundaries around moving things are wide. Painted anew in every frame, such places
    flicker: 3 to 13 % of a picture caused two thirds of its E_warp. In five clips photo-consistency
    reduced E_warp by 26 to 87 %.

    Args:
        moved: Earlier source frames, in [0, 1], warped to the later ones.
        later: Source frames, in [0, 1].
    """
    return _falling(_size_nearby(later - moved), SAME, OTHER)


def agreement(moved: ImageBatch, later: ImageBatch) -> Trust:
    """How far the source frames agree with the flow along which one was warped to the other.

    Where something turns into something else without moving, as the digits of a clock do, the flow
    is confidently zero. If it were trusted, the paint of what was there before would stay. A place
    that only became lighter or darker, as in a flash, does not contradict the flow.

    Args:
        moved: Earlier source frames, in [0, 1], warped to the later ones.
        later: Source frames, in [0, 1].
    """
    off = _size_nearby(_without_light(later - moved))
    return _falling(off, AGREES, CONTRADICTS)


def faithfulness(shown: ImageBatch, later: ImageBatch) -> Trust:
    """How far the paint at each place belongs to what is there now.

    Flow errs by a fraction of a pixel a frame, which no two frames show; over twenty frames the
    edge of a sail lags by ten pixels. So what each place was painted for is warped along with the
    paint, and compared with the source.

    Args:
        shown: What the paint at each place shows: the source it was painted for, warped with it.
        later: Source frames, in [0, 1].
    """
    off = _mean_nearby(_without_light(later - shown), NEARBY_PX).square().mean(dim=1).sqrt()
    return _falling(off, KEPT, LOST)


def _falling(off: Trust, upto: float, nothing: float) -> Trust:
    """1 up to the first, 0 from the second on, and between these a straight line."""
    return ((nothing - off) / (nothing - upto)).clamp(0, 1)


def _without_light(difference: ImageBatch) -> ImageBatch:
    return difference - _mean_nearby(difference, LIGHT_PX)


def _size_nearby(difference: ImageBatch) -> Trust:
    """Root mean square of all colors over squares of `NEARBY_PX`."""
    squares = difference.square().mean(dim=1, keepdim=True)
    return _mean_nearby(squares, NEARBY_PX)[:, 0].sqrt()


def _mean_nearby(
    values: Float[Tensor, "batch channels height width"], window: int
) -> Float[Tensor, "batch channels height width"]:
    """Over squares of `window` pixels, an odd number; the border is replicated."""
    radius = window // 2
    padded = F.pad(values, (radius, radius, radius, radius), mode="replicate")
    # Rows, then columns: torch would add up the whole square anew at each place.
    return F.avg_pool2d(F.avg_pool2d(padded, (1, window), stride=1), (window, 1), stride=1)
