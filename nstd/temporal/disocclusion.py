"""Disocclusion: what is new in a later frame of a shot, and how its own style counts.

The style loss is that of the whole frame, so a strip that came in at the border may stay raw: it is
a hundredth of the picture. If it simply counted for more within the frame's statistics, it would
make up for what all else lacks, and be overdone. So its own statistics are compared with the
style's.
"""

import torch

from nstd.temporal.terms import Disocclusion, Trust

NEW_SHARE = 0.005
"""If a smaller share of the frame is new, its style does not count separately."""

WEIGHT = 0.5
"""Weight of the style loss of what is new. In pans, what came in was 8 times farther from the style
than other places, and is nearer than they are with this weight. With 1 and 2 it is nearer still,
but paint moves farther from its content and is more vivid at borders: the saturation of the demo's
last columns after 72 frames is 180 with this weight, 185 and 189 with those, and 176 in frames that
are painted each for itself."""

GAIN, AT_MOST = 5.0, 0.15
"""A new place counts as much as `GAIN` others, until all new places together count as much as the
share `AT_MOST` of the picture."""


def disocclusion(known: Trust) -> Disocclusion | None:
    """Where a frame is not known from earlier ones; None if too little is new.

    If new places are the share s of a frame, and their statistics are off by d, the frame's are off
    by s d, and its loss is the square of that. So d² is weighted by s².

    Args:
        known: Σ c_j of the frames.
    """
    places = 1 - known.clamp(0, 1)
    share = places.mean(dim=(1, 2))
    weights = WEIGHT * (GAIN * share).clamp(max=AT_MOST).square()
    weights = torch.where(share > NEW_SHARE, weights, torch.zeros_like(weights))
    return Disocclusion(places, weights) if bool(weights.any()) else None
