"""Corrections of a flow, applied to the flows of a pair of pictures, as estimators give them."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from nstd.flow.photo_consistency import Plane
from nstd.media.frame import ImageU8

Mend = Callable[[Plane, Plane, Plane], Plane]


def both_ways(
    mend: Mend, earlier: ImageU8, later: ImageU8, backward: Tensor, forward: Tensor
) -> tuple[Tensor, Tensor]:
    """Backward and forward flow, `[1, 2, height, width]`, each mended."""
    own, other = later.astype(np.float32), earlier.astype(np.float32)
    mended = mend(own, other, backward[0].numpy()), mend(other, own, forward[0].numpy())
    return torch.from_numpy(mended[0])[None], torch.from_numpy(mended[1])[None]
