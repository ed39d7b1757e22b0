"""What an estimator is."""

from typing import Protocol

import numpy as np
import numpy.typing as npt
from torch import Tensor

Image = npt.NDArray[np.uint8]
"""uint8 `[height, width, 3]`, sRGB."""

Flow = Tensor
"""float32 `[1, 2, height, width]` on the CPU, in pixels, x then y."""


class Estimator(Protocol):
    """What finds the flow between two pictures: the same two always give the same bits.

    It is called by several threads at once.
    """

    def estimate(self, earlier: Image, later: Image) -> tuple[Flow, Flow]:
        """The backward flow (on `later`'s grid, into `earlier`) and the forward flow."""
        ...
