"""Means over areas of pictures."""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor


def area_means(
    values: Float[Tensor, "batch channels _height _width"], size: tuple[int, int]
) -> Float[Tensor, "batch channels height width"]:
    """Means over as many areas, alike in size to a pixel.

    Args:
        values: Of pixels.
        size: Rows and columns of areas.
    """
    if values.device.type == "mps":
        # torch has it there for sizes that divide only, and says so (pytorch issue 96056).
        return F.interpolate(values.cpu(), size, mode="area").to(values)
    return F.interpolate(values, size, mode="area")
