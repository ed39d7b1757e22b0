"""Pictures with alpha: what is painted where they are transparent, and how they look without it."""

from typing import TypeVar, cast

import cv2
import numpy as np
import numpy.typing as npt

from nstd.media.frame import MaskU8, Pixels

_Pixels = TypeVar("_Pixels", bound=Pixels)

_FAINT = 16
"""Below this alpha a color counts less. At 6 % opacity no error of it shows as more than 16 code
values of 255, and colors that were once stored premultiplied begin to be noise."""


def visible(pixels: _Pixels, alpha: MaskU8 | None) -> _Pixels:
    """A picture without the colors that its alpha hides: the colors around continue there.

    Hidden colors may be anything. If they were painted, their strokes and outlines would reach into
    what is visible, and they would count as style. So would one even color, since its border is an
    edge. Half-transparent colors stay as they are.

    Args:
        pixels: `[height, width, 3]`, straight: not multiplied by alpha.
        alpha: uint8 `[height, width]`, 255 opaque; None: the whole picture is opaque.
    """
    if alpha is None or int(alpha.min()) >= _FAINT:
        return pixels
    weight = np.minimum(alpha, _FAINT)[..., None].astype(np.float32) / _FAINT
    around = _spread(np.dstack([pixels * weight, weight]), np.iinfo(pixels.dtype).max / 2)
    kept = pixels * weight + around * (1 - weight)
    return cast("_Pixels", np.rint(kept).astype(pixels.dtype))


def on_black(pixels: _Pixels, alpha: MaskU8) -> _Pixels:
    """A picture with alpha as players show it where nothing is behind it: on black."""
    covered = np.rint(pixels * (alpha[..., None] / np.float32(255)))
    return cast("_Pixels", covered.astype(pixels.dtype))


def _spread(weighted: npt.NDArray[np.float32], otherwise: float) -> npt.NDArray[np.float32]:
    """Colors `[height, width, 3]`, continued smoothly where their weight is small.

    A pyramid (pull and push, after Gortler et al.): each level fills its unknown places from the
    coarser one.

    Args:
        weighted: `[height, width, 4]`: colors times their weight, and the weight.
        otherwise: Value of each component if no color is known at all.
    """
    height, width, _ = weighted.shape
    if max(height, width) == 1 or float(weighted[..., 3].min()) >= 1:
        known = np.maximum(weighted[..., 3:], np.float32(1e-6))
        return np.where(weighted[..., 3:] > 0, weighted[..., :3] / known, np.float32(otherwise))
    coarse = _spread(cv2.pyrDown(weighted).astype(np.float32), otherwise)
    coarser = cv2.pyrUp(coarse, dstsize=(width, height)).reshape(height, width, 3)
    return np.asarray(weighted[..., :3] + coarser * (1 - weighted[..., 3:]), np.float32)
