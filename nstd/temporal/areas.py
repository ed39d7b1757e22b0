"""Means over squares of pictures."""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor


def square_means(
    values: Float[Tensor, "batch channels _height _width"], edge: float
) -> Float[Tensor, "batch channels rows columns"]:
    """Means over squares, as many as fit best: alike in size to a pixel, and at least one.

    Args:
        values: Of pixels.
        edge: Of a square, in pixels.
    """
    height, width = values.shape[2:]
    size = max(1, round(height / edge)), max(1, round(width / edge))
    if values.device.type == "mps":
        # torch has it there for sizes that divide only, and says so (pytorch issue 96056).
        return F.interpolate(values.cpu(), size, mode="area").to(values)
    return F.interpolate(values, size, mode="area")
