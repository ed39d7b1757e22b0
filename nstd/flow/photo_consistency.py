"""Photo-consistency: how much two pictures differ along a motion, by which motions are compared.

Pictures are float32 `[height, width, 3]` in code values, flows `[2, height, width]` in pixels, x
then y. A motion leads from `own` into `other`: own(p) ≈ other(p + motion).
"""

import math
from typing import Any, cast

import cv2
import numpy as np
import numpy.typing as npt

Plane = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.int32]

ALIKE = 0.5
"""Mean squared difference, in code values², of pictures that differ by rounding."""

STANDS = 12.0
"""Mean squared difference of pictures that differ by a camera's noise (σ up to 2.4): what differs
by more is not still, whatever the flow says."""

_MEAN_OF_COLORS = np.full((1, 3), 1 / 3, np.float32)


def along_flow(own: Plane, other: Plane, vectors: Plane, stride: int = 1) -> Plane:
    """Squared difference of own(p) and other(p + flow), corrected for interpolated noise.

    Args:
        own: A picture.
        other: The picture that the flow leads into.
        vectors: The flow of those pixels.
        stride: Only every `stride`-th pixel of each row and column is compared.
    """
    rows, columns = stride * np.mgrid[0 : vectors.shape[1], 0 : vectors.shape[2]]
    rows, columns = rows.astype(np.float32), columns.astype(np.float32)
    return _compared(own[::stride, ::stride], other, rows, columns, vectors)


class PixelSet:
    """Some pixels of a picture that are compared along many flows.

    Args:
        own: The picture.
        rows: Of the pixels, `[count]`.
        columns: Of the pixels, `[count]`.
    """

    def __init__(self, own: Plane, rows: Numbers, columns: Numbers) -> None:
        self._last = own.shape[0] - 1, own.shape[1] - 1
        self._count = len(rows)
        # As a square: OpenCV's pictures have at most 32,766 rows and columns.
        self._edge = math.isqrt(self._count) + 1
        self._own = self._as_square(own[rows, columns].T).transpose(1, 2, 0).copy()
        self._rows, self._columns = self._as_square(np.stack([rows, columns]).astype(np.float32))

    def along_flow(self, other: Plane, vectors: Plane) -> Plane:
        """`along_flow` of these pixels, `[count]`; their flow is `[2, count]`."""
        vectors = self._as_square(vectors)
        found = _compared(self._own, other, self._rows, self._columns, vectors)
        return found.ravel()[: self._count]

    def leaves(self, vectors: Plane) -> Flags:
        """`leaves` of these pixels."""
        rows, columns = (at.ravel()[: self._count] for at in (self._rows, self._columns))
        return _outside(columns + vectors[0], rows + vectors[1], *self._last)

    def _as_square(self, values: Plane) -> Plane:
        padded = np.pad(values, ((0, 0), (0, -self._count % self._edge)))
        return padded.reshape(len(values), -1, self._edge)


def along_shift(own: Plane, other: Plane, shift: tuple[int, int]) -> Plane:
    """Squared difference of own(p) and other(p + shift); the border of `other` is replicated.

    Args:
        own: A picture.
        other: The picture that the shift leads into.
        shift: Whole pixels, x then y.
    """
    height, width = own.shape[:2]
    rows = np.clip(np.arange(height) + shift[1], 0, height - 1)
    columns = np.clip(np.arange(width) + shift[0], 0, width - 1)
    return squared(own, other[rows[:, None], columns] if any(shift) else other)


def averaged(values: npt.NDArray[Any], window: int) -> Plane:
    """Averages over squares of `window` pixels."""
    blurred = cv2.blur(values, (window, window), borderType=cv2.BORDER_REFLECT_101)
    return blurred.astype(np.float32)


def leaves(vectors: Plane) -> Flags:
    """Where the flow leads out of the picture.

    Args:
        vectors: The flow.
    """
    height, width = vectors.shape[1:]
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    return _outside(columns + vectors[0], rows + vectors[1], height - 1, width - 1)


def squared(one: Plane, other: Plane) -> Plane:
    """Mean over the colors of the squared differences."""
    off = cv2.subtract(one, other)
    return cast("Plane", cv2.transform(cv2.multiply(off, off), _MEAN_OF_COLORS))


def _compared(own: Plane, other: Plane, rows: Plane, columns: Plane, vectors: Plane) -> Plane:
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
    error: Plane = squared(own, cast("Plane", moved)) * 2 / (1 + kept)
    return error


def _outside(columns: Plane, rows: Plane, last_row: int, last_column: int) -> Flags:
    beside = (columns < 0) | (columns > last_column)
    outside: Flags = beside | (rows < 0) | (rows > last_row)
    return outside
