"""Pictures with transparent places: what is painted there, and how they look where none can be."""

from typing import TypeVar, cast

import cv2
import numpy as np
import numpy.typing as npt

from nstd.media.frame import MaskU8, Pixels

_Pixels = TypeVar("_Pixels", bound=Pixels)

_FAINT = 16
"""Alpha below which a color counts less: at 6 % opacity no error of it exceeds 16 code values of
255, and those of colors that were once stored multiplied by their alpha begin to be noise."""


def visible(pixels: _Pixels, alpha: MaskU8 | None) -> _Pixels:
    """A picture that shows nothing that its alpha hides: there, the colors around go on.

    What lies under full transparency may be anything. Painted, it would draw strokes and outlines
    into what is seen, and count as style; so would an even ground, whose border is an edge. What is
    to be seen of half-transparent colors is kept as it is.

    Args:
        pixels: `[height, width, 3]`, straight: not multiplied by alpha.
        alpha: uint8 `[height, width]`, 255 opaque; None: all of it is.
    """
    if alpha is None or int(alpha.min()) >= _FAINT:
        return pixels
    weight = np.minimum(alpha, _FAINT)[..., None].astype(np.float32) / _FAINT
    around = _spread(np.dstack([pixels * weight, weight]), np.iinfo(pixels.dtype).max / 2)
    kept = pixels * weight + around * (1 - weight)
    return cast("_Pixels", np.rint(kept).astype(pixels.dtype))


def on_black(pixels: _Pixels, alpha: MaskU8) -> _Pixels:
    """A picture as players show it that has alpha, and nothing behind it: on black."""
    covered = np.rint(pixels * (alpha[..., None] / np.float32(255)))
    return cast("_Pixels", covered.astype(pixels.dtype))


def _spread(weighted: npt.NDArray[np.float32], otherwise: float) -> npt.NDArray[np.float32]:
    """Colors `[height, width, 3]` that go on smoothly where their weight is small.

    A pyramid (pull and push, after Gortler et al.): each level fills from the coarser one what it
    does not know itself.

    Args:
        weighted: `[height, width, 4]`: colors times their weight, and that.
        otherwise: Each component where nothing is known at all.
    """
    height, width, _ = weighted.shape
    if max(height, width) == 1 or float(weighted[..., 3].min()) >= 1:
        known = np.maximum(weighted[..., 3:], np.float32(1e-6))
        return np.where(weighted[..., 3:] > 0, weighted[..., :3] / known, np.float32(otherwise))
    coarse = _spread(cv2.pyrDown(weighted).astype(np.float32), otherwise)
    coarser = cv2.pyrUp(coarse, dstsize=(width, height)).reshape(height, width, 3)
    return np.asarray(weighted[..., :3] + coarser * (1 - weighted[..., 3:]), np.float32)
