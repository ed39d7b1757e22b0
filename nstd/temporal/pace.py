"""How fast known paint may change: as its source does.

What is known from earlier frames is held to them by the temporal loss; here is how firmly, and what
becomes of a frame after its steps, when that has left something open.
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
"""Mean squared change of a source, in [0, 1], from which on the temporal loss has its plain weight
(2.5 code values; all filmed clips at hand change by more), and how many times that at most (from
0.5 code values down, where there is little but rounding). With plain weight paint on a pan by
whole pixels changed by 31 times the rounding of its source. A weight that follows each place by
itself held dark and even places until style loss doubled, and films flickered no less."""

FIRMER = 1.5
"""Power of the source's change that firmness falls with. Paint's own change falls by the power of
−0.66 of the weight, both in mean squares: half of it takes 2.8 times the weight."""

FADES = 100.0
"""How many times what changes broadly counts as lively: in a fade by half a code value a frame the
pictures hardly differ, and after ten frames they do. Noise that a codec has made broad is taken for
one, which only makes paint less firm. A lamp of a hundredth of the picture that brightens so slowly
is not: paint follows two thirds of it."""

UNSEEN = 0.8 * ROUNDING
"""Mean squared change that known paint may have whatever its source does, 0.37 code values: when it
is rounded to 8 bits, that is no more than rounding itself."""

COLOR_PX = 16.0
"""Square over which known places keep their color."""


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
    """`painted`, its broad colors those of the warped frames, but where the source's have changed.

    Statistics of style leave open how bright a frame is as a whole, so that small moves add up over
    a shot: after 225 frames of a slow pan a frame was 13 % darker than one painted for itself.
    What is known from before keeps its color, averaged over `COLOR_PX`; it may follow its source's,
    as in a fade, as far as that has gone. Without the source's pace nothing is kept.

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
    """`painted`, where it is trusted changing no more than its source, in mean square.

    That is beside broad colors, which follow the source's as far as these go: in a fade, paint may
    change by as much again. What is more goes only so far of the way from the warped frames, and
    the less a place is trusted the less of that is taken back. As a rule the temporal loss holds
    films to less; where a source hardly changes, as drawn ones do, that depends on the style.
    Without the source's pace nothing is held.

    Args:
        painted: In [0, 1].
        target: Warped frames, how far each is trusted, and the source's pace.
        weight: Of the temporal loss; below its default paint may change by that much more.
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
    """How far each place is known, and its change from the warped frames, times that."""
    known = trusts.sum(dim=0).clamp(max=1)[:, None]
    return known, (trusts[:, :, None] * (frame - warped)).sum(dim=0)


def _followed(broad: Tensor, pace: Pace) -> Tensor:
    """Of a broad change that part which the source makes too."""
    within = torch.maximum(broad, pace.broad.clamp(max=0))
    return torch.minimum(within, pace.broad.clamp(min=0))


def _broad_of(
    moved: Float[Tensor, "batch channels height width"],
    known: Float[Tensor, "batch 1 height width"],
) -> Float[Tensor, "batch channels height width"]:
    """Broad means of what is known, of values that are weighed by how far they are."""
    return _broad(moved) / _broad(known).clamp(min=NOTHING)


def _broad(
    values: Float[Tensor, "1 channels height width"],
) -> Float[Tensor, "1 channels height width"]:
    """Averages over squares of `COLOR_PX`, and between these straight lines."""
    means = square_means(values, COLOR_PX)
    return F.interpolate(means, values.shape[2:], mode="bilinear", align_corners=False)
