"""What a picture looks like, in numbers: light, contrast and sharpness; and how they drift."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from nstd.media.frame import ImageU8

_CODES = np.arange(256) / 255
_LINEAR = np.where(_CODES <= 0.04045, _CODES / 12.92, ((_CODES + 0.055) / 1.055) ** 2.4)
"""Linear light of each of sRGB's code values."""

_LUMA = (0.2126, 0.7152, 0.0722)
"""Of linear red, green and blue (BT.709)."""


@dataclass(frozen=True, slots=True)
class Look:
    """What one picture looks like, in numbers.

    Attributes:
        luminance: Mean relative luminance of linear light, 0…1 (BT.709).
        contrast: Standard deviation of that luminance.
        gradient_energy: Mean squared difference of vertical neighbors plus that of horizontal ones,
            of colors in [0, 1].
        laplacian_variance: Variance of the Laplacian of the gray values, in [0, 1]: the finest
            detail, and grain.
    """

    luminance: float
    contrast: float
    gradient_energy: float
    laplacian_variance: float


def look_of(image: ImageU8) -> Look:
    """The numbers of a picture, uint8 `[height, width, 3]`."""
    light = _LINEAR[image] @ _LUMA
    colors = image.astype(np.float32) / 255
    gradients = [float(np.square(np.diff(colors, axis=axis)).mean()) for axis in (0, 1)]
    laplacian = cv2.Laplacian(cv2.cvtColor(colors, cv2.COLOR_RGB2GRAY), cv2.CV_32F)
    return Look(
        luminance=float(light.mean()),
        contrast=float(light.std()),
        gradient_energy=math.fsum(gradients),
        laplacian_variance=float(laplacian.var(dtype=np.float64)),
    )


def drift(painted: Sequence[float], source: Sequence[float]) -> float:
    """By what share a shot's luminance or contrast moved away, beyond its source's change.

    A style has its own range of light: a painted film follows only a part of its source's changes.
    That part, 0…1, is fitted over the shot (least squares); what remains is drift.

    Args:
        painted: Of every frame of the shot.
        source: The same of the source's frames.

    Returns:
        The value that is largest in size, with its sign: −0.1 is a tenth darker than at the shot's
        beginning.
    """
    own, other = _moves(painted), _moves(source)
    spread = math.fsum(x * x for x in other)
    products = math.fsum(x * y for x, y in zip(other, own, strict=True))
    part = min(1.0, max(0.0, products / spread)) if spread > 0 else 0.0
    left = [y - part * x for x, y in zip(other, own, strict=True)]
    return max(left, key=abs, default=0.0)


def _moves(values: Sequence[float]) -> list[float]:
    """Differences from the first value as shares of it, or of half the mean if that is larger."""
    whole = max(values[0], math.fsum(values) / len(values) / 2) if values else 0.0
    return [(value - values[0]) / whole if whole > 0 else 0.0 for value in values]
