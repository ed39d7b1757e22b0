"""Conversion of wide-gamut colors to BT.709, in which films are painted and written.

One matrix, in linear light; colors that BT.709 cannot show are clipped in each component. zimg does
the same (to two code values, which a test holds), and players do nearly so.
"""

from dataclasses import dataclass
from typing import Any, cast

import cv2
import numpy as np
import numpy.typing as npt

ColorMatrix = npt.NDArray[np.float64]

_D65, _DCI_WHITE, _WHITE_C, _WHITE_E = (
    (0.3127, 0.3290), (0.314, 0.351), (0.310, 0.316), (1 / 3, 1 / 3),
)  # fmt: skip
BT709 = ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060), _D65)
_P3 = ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060))
WIDE = {
    8: ((0.681, 0.319), (0.243, 0.692), (0.145, 0.049), _WHITE_C),
    9: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046), _D65),
    10: ((1.0, 0.0), (0.0, 1.0), (0.0, 0.0), _WHITE_E),
    11: (*_P3, _DCI_WHITE),
    12: (*_P3, _D65),
}
"""Chromaticities of red, green, blue and white, by ffmpeg's number: film, BT.2020, XYZ, DCI P3 and
Display P3 (ITU-T H.273, table 2). Those of old television are so close to BT.709 that ffmpeg and
browsers show them unchanged."""

_SRGB = 13
GAMMAS = {4: 2.2, 5: 2.8, 8: 1.0, 17: 2.6}
"""Exponents of the transfers that are powers (ITU-T H.273, table 3)."""
_BT1886 = 2.4
"""Exponent of a display, for every other transfer that is not HDR."""

HDR = {16: "PQ", 18: "HLG"}
"""The transfers of high dynamic range, by ffmpeg's number, and their names."""
_BLACK = 1e-12
"""Linear light that every curve rounds to 0; OpenCV computes powers of 0 itself slowly."""

_BRADFORD = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)


@dataclass(frozen=True, slots=True, eq=False)
class Gamut:
    """A conversion to BT.709's primaries.

    Attributes:
        matrix: `[3, 3]`, of linear red, green and blue.
        gamma: Exponent from code values to linear light, or 0 for sRGB's curve.
    """

    matrix: ColorMatrix
    gamma: float

    @classmethod
    def wide(cls, primaries: int, transfer: int) -> "Gamut | None":
        """The conversion of an SDR film's colors, or None where they are nearly those of BT.709.

        Args:
            primaries: ffmpeg's number of the primaries.
            transfer: ffmpeg's number of the transfer.
        """
        if primaries not in WIDE or transfer in HDR:
            return None
        matrix = np.linalg.inv(to_xyz(*BT709)) @ to_xyz(*WIDE[primaries])
        return cls(matrix, 0.0 if transfer == _SRGB else GAMMAS.get(transfer, _BT1886))

    def converted(self, pixels: "npt.NDArray[Any]") -> "npt.NDArray[Any]":
        """The colors of `[height, width, 3]`, uint8 or uint16, red first; of the same dtype."""
        full = np.iinfo(pixels.dtype).max
        table = self._linear(np.arange(full + 1) / full).astype(np.float32)
        mixed = cv2.transform(cv2.LUT(pixels, table), self.matrix)
        encoded = self._encoded(np.maximum(mixed, np.float32(_BLACK)))
        kind = cv2.CV_8U if pixels.dtype == np.uint8 else cv2.CV_16U
        return cast("npt.NDArray[Any]", cv2.addWeighted(encoded, full, encoded, 0, 0, dtype=kind))

    def _linear(self, codes: ColorMatrix) -> ColorMatrix:
        if self.gamma:
            return codes**self.gamma
        return np.where(codes <= 0.04045, codes / 12.92, ((codes + 0.055) / 1.055) ** 2.4)

    def _encoded(self, linear: "npt.NDArray[Any]") -> "npt.NDArray[Any]":
        if self.gamma:
            return cast("npt.NDArray[Any]", cv2.pow(linear, 1 / self.gamma))
        curve = 1.055 * cv2.pow(linear, 1 / 2.4) - 0.055
        return np.where(linear <= 0.0031308, linear * 12.92, curve)


def to_xyz(*chromaticities: tuple[float, float]) -> ColorMatrix:
    """The matrix `[3, 3]` from linear RGB to XYZ, with white adapted to D65 (Bradford).

    Args:
        chromaticities: x and y of red, green, blue and white (CIE 1931).
    """
    columns = np.array([[x, y, 1 - x - y] for x, y in chromaticities]).T
    primaries, white = columns[:, :3], columns[:, 3] / columns[1, 3]
    to_xyz = primaries * np.linalg.solve(primaries, white)
    d65 = np.array([_D65[0], _D65[1], 1 - sum(_D65)]) / _D65[1]
    gains = (_BRADFORD @ d65) / (_BRADFORD @ white)
    return cast("ColorMatrix", np.linalg.inv(_BRADFORD) @ np.diag(gains) @ _BRADFORD @ to_xyz)
