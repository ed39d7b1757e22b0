"""What every estimator of optical flow is."""

from typing import Protocol

import numpy as np
import numpy.typing as npt
from jaxtyping import Float
from torch import Tensor

ImageU8 = npt.NDArray[np.uint8]
"""uint8 `[height, width, 3]`, sRGB."""

Flow = Float[Tensor, "batch 2 height width"]
"""In pixels, x then y. A backward flow is on the later frame's grid and points into the earlier
frame; a forward flow is on the earlier frame's grid and points into the later one. Estimators give
float32, of a batch of one, on the CPU."""


class Estimator(Protocol):
    """Finds the flow between two pictures; the same two pictures always give the same bits.

    Several threads call it at once.
    """

    def estimate(self, earlier: ImageU8, later: ImageU8) -> tuple[Flow, Flow]:
        """The backward flow (on `later`'s grid, into `earlier`) and the forward flow."""
        ...
