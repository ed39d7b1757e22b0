"""Whether frames show the same: how far source frames bear out what the flow says of them.

The flow alone says where the paint of an earlier frame is to be trusted [Ruder], and it errs both
ways: it doubts what is plain to see, and it is sure of what is false.
"""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from nstd.flow.estimator import Flow
from nstd.style.canvas import ImageBatch
from nstd.temporal.terms import Trust
from nstd.temporal.warp import leaves_frame, warp

SAME, OTHER = 3 / 255, 25 / 255
"""Root mean square differences of source frames, of the range [0, 1]: up to the first they show the
same, from the second on something else, and in between partly so."""

AGREES, CONTRADICTS = 30 / 255, 60 / 255
"""The same differences, without that of the light: up to the first the flow's word stands, from the
second on it does not."""

KEPT, LOST = 15 / 255, 40 / 255
"""Differences of mean colors, without that of the light: up to the first, paint is of what is here
now; from the second on it is of something else. With 12 and 30 a clip's style loss grew by 4 %.
Differences that are not averaged take texture that wavers for something else: with the same effect
they cost up to a third more E_warp."""

NEARBY_PX = 7
"""Square over which all of them are taken."""

LIGHT_PX = 31
"""Square over which a difference is one of the light."""


def photo_consistency(earlier: ImageBatch, later: ImageBatch, backward: Flow) -> Trust:
    """How far the earlier source frame, warped, shows what the later one does; 0 beyond its border.

    Where the flow doubts itself the pictures may still agree: in even and dark places it finds
    motion that is none, and at the edges of what moves its boundaries are wide. Painted anew in
    every frame such places flicker: 3 to 13 % of a picture made two thirds of its E_warp. This took
    26 to 87 % of all of it away, in five clips.

    Args:
        earlier: Source frames, in [0, 1].
        later: Likewise.
        backward: From the later into the earlier frames.
    """
    off = _size_nearby(later - warp(earlier, backward))
    return _falling(off, SAME, OTHER) * ~leaves_frame(backward)


def agreement(earlier: ImageBatch, later: ImageBatch, backward: Flow) -> Trust:
    """How far the source frames bear out a flow that leads from one into the other.

    What turns into something else in its place, as the digits of a clock do, has a flow that is
    sure of itself: none. Trusted, it would keep the paint of what was there before. That all of a
    place has become lighter or darker, as in a flash, speaks against no flow.

    Args:
        earlier: Source frames, in [0, 1].
        later: Likewise.
        backward: From the later into the earlier frames.
    """
    off = _size_nearby(_without_light(later - warp(earlier, backward)))
    return _falling(off, AGREES, CONTRADICTS)


def faithfulness(shown: ImageBatch, later: ImageBatch) -> Trust:
    """How far paint is of what is here now, however it came here.

    Flow errs by a fraction of a pixel a frame, too little for any two frames to show it; over
    twenty frames the edge of a sail lags by ten pixels. So what each place was painted for is
    carried along with the paint, and compared.

    Args:
        shown: What the paint at each place shows: the source it was painted for, warped as it was.
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
    # One way after the other: torch adds up all of a square anew at each place.
    return F.avg_pool2d(F.avg_pool2d(padded, (1, window), stride=1), (window, 1), stride=1)
