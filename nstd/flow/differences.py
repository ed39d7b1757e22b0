"""How far two pictures differ along a motion: what motions are compared by.

Pictures are float32 `[height, width, 3]` in code values, flows `[2, height, width]` in pixels, x
then y. A motion leads from `own` into `other`: own(p) ≈ other(p + motion).
"""

from typing import Any, cast

import cv2
import numpy as np
import numpy.typing as npt

Plane = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]

ALIKE = 0.5
"""Mean squared difference, in code values², of pictures that differ by rounding."""

STANDS = 12.0
"""The same of pictures that differ by a camera's noise (σ up to 2.4): what differs more does not
stand, whatever the flow."""

_MEAN_OF_COLORS = np.full((1, 3), 1 / 3, np.float32)


def along_flow(own: Plane, other: Plane, vectors: Plane, stride: int = 1) -> Plane:
    """Squared difference of own(p) and other(p + flow), as if noise were not made less.

    Args:
        own: A picture.
        other: Likewise.
        vectors: The flow, on `own`'s grid.
        stride: Only every so many pixels, both ways, are compared.
    """
    height, width = own.shape[:2]
    rows, columns = np.mgrid[0:height:stride, 0:width:stride].astype(np.float32)
    own, vectors = own[::stride, ::stride], vectors[:, ::stride, ::stride]
    moved = cv2.remap(
        other,
        columns + vectors[0],
        rows + vectors[1],
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    # Between pixels interpolation turns noise of variance σ² into Σw² σ²: no better match.
    across, down = vectors - np.floor(vectors)
    kept = (across**2 + (1 - across) ** 2) * (down**2 + (1 - down) ** 2)
    error: Plane = _squared(own, cast("Plane", moved)) * 2 / (1 + kept)
    return error


def along_shift(own: Plane, other: Plane, shift: tuple[int, int]) -> Plane:
    """Squared difference of own(p) and other(p + shift), whose border is replicated.

    Args:
        own: A picture.
        other: Likewise.
        shift: Whole pixels, x then y.
    """
    height, width = own.shape[:2]
    rows = np.clip(np.arange(height) + shift[1], 0, height - 1)
    columns = np.clip(np.arange(width) + shift[0], 0, width - 1)
    return _squared(own, other[rows[:, None], columns] if any(shift) else other)


def averaged(values: npt.NDArray[Any], window: int) -> Plane:
    """Averages over squares of `window` pixels."""
    blurred = cv2.blur(values, (window, window), borderType=cv2.BORDER_REFLECT_101)
    return blurred.astype(np.float32)


def _squared(one: Plane, other: Plane) -> Plane:
    """Mean over the colors of the squared differences."""
    off = cv2.subtract(one, other)
    return cast("Plane", cv2.transform(cv2.multiply(off, off), _MEAN_OF_COLORS))
