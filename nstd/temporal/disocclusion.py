"""What is new in a later frame of a shot, and that it be in the style by itself.

The style of a frame is that of all of it: a strip that came in at the border may stay raw, since it
is a hundredth of the picture. Made to count for more in all of it, it makes up for what everything
else lacks, and screams. So its own statistics are compared with the style's.
"""

import torch

from nstd.temporal.terms import Disocclusion, Trust

NEW_SHARE = 0.005
"""Of the frame: if less is new, nothing is done for it."""

WEIGHT = 0.5
"""Of the style loss of what is new. In pans, where what came in was 8 times farther from the style
than other places, it is now nearer than they are. With 1 and 2 it is nearer still, but paint moves
farther from its content, and what comes in at a border is more vivid: the saturation of the demo's
last columns after 72 frames is 180 with this, 185 and 189 with those, 176 if painted alone."""

GAIN, AT_MOST = 5.0, 0.15
"""A place that is new counts as much as this many others, until all that is new counts as much as
this share of the picture."""


def disocclusion(known: Trust) -> Disocclusion | None:
    """What is not known from earlier frames; None if that is too little.

    If what is new counted for the share s of the frame, and its statistics were off by d, the
    frame's would be by s d, and their loss by the square of that: so s² is what d² weighs.

    Args:
        known: Σ c_j of the frames.
    """
    places = 1 - known.clamp(0, 1)
    share = places.mean(dim=(1, 2))
    weights = WEIGHT * (GAIN * share).clamp(max=AT_MOST).square()
    weights = torch.where(share > NEW_SHARE, weights, torch.zeros_like(weights))
    return Disocclusion(places, weights) if bool(weights.any()) else None
