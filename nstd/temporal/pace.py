"""How fast known paint may change: as fast as its source.

The temporal loss holds known places to earlier frames. This file says how firmly, and corrects a
frame after its steps where the loss left something open.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from nstd.style.canvas import ImageTensor, square_means
from nstd.style.recipe import Temporal
from nstd.temporal.terms import Pace, TemporalTarget, temporal_loss
from nstd.temporal.warp import NOTHING, ROUNDING

LIVELY, FIRMEST = 1e-4, 120.0
"""From a mean squared change of the source of `LIVELY` on (in [0, 1]: 2.5 code values, as all
filmed clips exceed), the temporal loss has its plain weight. Below, it has more, up to
`FIRMEST` times as much (at 0.5 code values, which are little but rounding). With the plain weight,
paint on a pan by whole pixels changed by 31 times the rounding of its source. A separate weight for
each place held dark and even places until the style loss doubled, and films flickered no less."""

FIRMER = 1.5
"""Firmness is the source's change to the power of minus this. Paint's change goes with the weight
to the power of −0.66, both in mean squares: halving it takes 2.8 times the weight."""

FADES = 100.0
"""A broad change counts this many times as much: in a fade by half a code value a frame, two frames
hardly differ, but ten frames do. Broad noise of a codec is mistaken for a fade, which only makes
paint less firm. A lamp of a hundredth of the picture that brightens as slowly is not noticed: paint
follows two thirds of its change."""

UNSEEN = 0.8 * ROUNDING
"""Mean squared change that known paint may always have: 0.37 code values, no more than rounding to
8 bits makes."""

COLOR_PX = 16.0
"""Edge of the squares over which known places keep their mean color."""


def source_pace(
    source: ImageTensor,
    warped: Float[Tensor, "distances 1 3 height width"],
    trusts: Float[Tensor, "distances 1 height width"],
) -> Pace:
    """How the source changes where earlier frames are trusted.

    Args:
        source: The frame, in [0, 1].
        warped: The earlier source frames, warped to it.
        trusts: c_j of `long_term_trust`.
    """
    known, moved = _moved(source, warped, trusts)
    mass = known.mean(dim=(1, 2, 3)).clamp(min=NOTHING)
    change = temporal_loss(source, warped, trusts) / mass
    broad = _broad_of(moved, known)
    broadly = (known * broad.square()).mean(dim=(1, 2, 3)) / mass
    lively = (change + FADES * broadly).clamp(min=ROUNDING)
    firmness = (LIVELY / lively).pow(FIRMER).clamp(1, FIRMEST)
    return Pace(broad, change, firmness)


def keep_colors(painted: ImageTensor, target: TemporalTarget) -> ImageTensor:
    """`painted` with the broad colors of the warped frames, except where the source's changed.

    A style's statistics leave open how bright a frame is as a whole, so small changes add up over a
    shot: after 225 frames of a slow pan a frame was 13 % darker than one painted for itself. Known
    places keep their color, averaged over `COLOR_PX`; it may follow the source's color as far as
    that has changed, as in a fade. Without the source's pace nothing is kept.

    Args:
        painted: In [0, 1].
        target: Warped frames, how far each is trusted, and the source's pace.
    """
    if target.pace is None:
        return painted
    exact = painted.to(target.warped.dtype)
    known, moved = _moved(exact, target.warped, target.trusts)
    broad = _broad_of(moved, known)
    return (exact - known * (broad - _followed(broad, target.pace))).clamp(0, 1).to(painted.dtype)


def keep_pace(painted: ImageTensor, target: TemporalTarget, weight: float) -> ImageTensor:
    """`painted`, changed where it is known by no more than its source, in mean square.

    Broad colors that follow the source's are not counted: in a fade, paint may change by as much
    again. If paint changes by more, its change from the warped frames is scaled down, and less so
    where a place is trusted less. Mostly the temporal loss holds films to less than that; where a
    source hardly changes, as in drawn films, that depends on the style. Without the source's pace
    nothing is held.

    Args:
        painted: In [0, 1].
        target: Warped frames, how far each is trusted, and the source's pace.
        weight: Of the temporal loss; the smaller than its default, the more paint may change.
    """
    if target.pace is None or not weight:
        return painted
    exact = painted.to(target.warped.dtype)
    known, moved = _moved(exact, target.warped, target.trusts)
    own = moved - known * _followed(_broad_of(moved, known), target.pace)
    mass = known.mean(dim=(1, 2, 3)).clamp(min=NOTHING)
    change = (own.square() / known.clamp(min=NOTHING)).mean(dim=(1, 2, 3)) / mass
    allowed = target.pace.change.clamp(min=UNSEEN) * max(1.0, Temporal().weight / weight)
    too_far = 1 - (allowed / change.clamp(min=UNSEEN)).sqrt().clamp(max=1)
    return (exact - too_far[:, None, None, None] * own).clamp(0, 1).to(painted.dtype)


def _moved(
    frame: ImageTensor,
    warped: Float[Tensor, "distances 1 3 height width"],
    trusts: Float[Tensor, "distances 1 height width"],
) -> tuple[Float[Tensor, "1 1 height width"], ImageTensor]:
    """How far each place is known, and its change from the warped frames times that."""
    known = trusts.sum(dim=0).clamp(max=1)[:, None]
    return known, (trusts[:, :, None] * (frame - warped)).sum(dim=0)


def _followed(broad: Tensor, pace: Pace) -> Tensor:
    """The part of a broad change that the source makes too."""
    within = torch.maximum(broad, pace.broad.clamp(max=0))
    return torch.minimum(within, pace.broad.clamp(min=0))


def _broad_of(
    moved: Float[Tensor, "batch channels height width"],
    known: Float[Tensor, "batch 1 height width"],
) -> Float[Tensor, "batch channels height width"]:
    """Means over wide squares, of values that are multiplied by how far each place is known."""
    return _broad(moved) / _broad(known).clamp(min=NOTHING)


def _broad(
    values: Float[Tensor, "1 channels height width"],
) -> Float[Tensor, "1 channels height width"]:
    """Means over squares of `COLOR_PX`, interpolated linearly between them."""
    means = square_means(values, COLOR_PX)
    return F.interpolate(means, values.shape[2:], mode="bilinear", align_corners=False)
