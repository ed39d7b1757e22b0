"""Conversion of high dynamic range (HLG, as of phones, and PQ) to BT.709, for any screen.

The formulas are those of the standards: display light by BT.2100 (HLG with its system gamma for
1,000 cd/m²), highlights rolled off by the EETF of BT.2390, primaries by one matrix in linear light,
and the curve of BT.1886. Diffuse white, which BT.2408 puts at 203 cd/m², becomes nine tenths of an
ordinary film's white; the last tenth is left for what is brighter.
"""

import struct
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

import av
import cv2
import numpy as np
import numpy.typing as npt
from av.sidedata.sidedata import SideData

from nstd.media.read.gamut import BT709, WIDE, to_xyz

Values = npt.NDArray[Any]

_HLG = 18
WHITE = 203.0
"""cd/m² that become an ordinary film's white: HDR's reference white (ITU-R BT.2408)."""

USUAL_PEAK = 1000.0
"""Peak in cd/m² of a film that states none: most films are graded for it, and HLG's system gamma
of 1.2 belongs to it (ITU-R BT.2100)."""

_HIGHEST = 10_000.0
"""cd/m² of PQ's largest code."""

_BT2020 = 9
_SYSTEM_GAMMA = 1.2
_DISPLAY_GAMMA = 2.4
"""Exponent of BT.1886, the display for which films are written."""

_STEPS = 65535
"""Entries of the table that tells which share of light is kept, over the fourth root of light: at
the dark end they are as fine as PQ's codes."""

# ITU-R BT.2100, tables 4 and 5.
_M1, _M2 = 2610 / 16384, 2523 / 4096 * 128
_C1, _C2, _C3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
_A = 0.17883277
_B, _C = 1 - 4 * _A, 0.5 - _A * np.log(4 * _A)


def peak_of(frame: av.VideoFrame) -> float:
    """A film's peak in cd/m², as its first frame states it.

    Of the mastering display's peak and the brightest pixel's level, the lower one. HLG looks the
    same whatever display it was graded on, so its peak is always `USUAL_PEAK`.
    """
    if int(frame.color_trc) == _HLG:
        return USUAL_PEAK
    stated = []
    graded = frame.side_data.get("MASTERING_DISPLAY_METADATA")
    if graded:
        # Ten rationals: primaries, white, least and most light; then whether primaries and light
        # are known.
        *_, above, below, _, known = struct.unpack("=22i", bytes(cast("SideData", graded))[:88])
        stated += [above / below] if known and below else []
    content = frame.side_data.get("CONTENT_LIGHT_LEVEL")
    if content:
        stated.append(float(struct.unpack("=2I", bytes(cast("SideData", content))[:8])[0]))
    return min((peak for peak in stated if WHITE < peak <= _HIGHEST), default=USUAL_PEAK)


@dataclass(frozen=True)
class ToneMap:
    """A conversion of HDR's code values to those of BT.709.

    Attributes:
        primaries: ffmpeg's number of the primaries.
        transfer: ffmpeg's number of the transfer, one of `gamut.HDR`.
        peak: cd/m² of the brightest place.
    """

    primaries: int
    transfer: int
    peak: float = USUAL_PEAK

    def converted(self, pixels: Values) -> Values:
        """The colors of `[height, width, 3]`, uint8 or uint16, red first; of the same dtype."""
        full = np.iinfo(pixels.dtype).max
        light: Values = cv2.LUT(pixels, self._light(np.arange(full + 1) / full).astype(np.float32))
        if self.transfer == _HLG:
            # Scene light becomes display light, by the luminance of each place.
            scene = cv2.transform(light, self._luma)
            shown = cv2.pow(np.maximum(scene, _LEAST), _SYSTEM_GAMMA - 1) * (self.peak / WHITE)
            light = light * shown[..., np.newaxis]
        brightest = cv2.max(cv2.max(light[..., 0], light[..., 1]), light[..., 2])
        places = cv2.pow(brightest * (WHITE / self.peak), 0.25) * _STEPS
        kept = cv2.LUT(cv2.addWeighted(places, 1, places, 0, 0, dtype=cv2.CV_16U), self._kept)
        mixed = cv2.transform(light * kept[..., np.newaxis], self._matrix)
        encoded = cv2.pow(np.maximum(mixed, _LEAST), 1 / _DISPLAY_GAMMA)
        kind = cv2.CV_8U if pixels.dtype == np.uint8 else cv2.CV_16U
        return cast("Values", cv2.addWeighted(encoded, full, encoded, 0, 0, dtype=kind))

    @property
    def _chromaticities(self) -> tuple[tuple[float, float], ...]:
        return BT709 if self.primaries == 1 else WIDE.get(self.primaries, WIDE[_BT2020])

    @cached_property
    def _matrix(self) -> Values:
        """`[3, 3]`, of linear light."""
        return np.linalg.inv(to_xyz(*BT709)) @ to_xyz(*self._chromaticities)

    @cached_property
    def _luma(self) -> Values:
        """`[1, 3]`: how much each component adds to the luminance."""
        return to_xyz(*self._chromaticities)[1:2]

    def _light(self, codes: Values) -> Values:
        """Light of code values in [0, 1]: PQ's as displayed, over `WHITE`; HLG's in the scene."""
        if self.transfer == _HLG:
            bright = (np.exp((codes - _C) / _A) + _B) / 12
            return np.where(codes <= 0.5, codes**2 / 3, bright)
        return np.minimum(_from_pq(codes), self.peak) / WHITE

    @cached_property
    def _kept(self) -> Values:
        """The share of light that is shown, by steps of the fourth root of light / peak."""
        light = (np.arange(1, _STEPS + 1) / _STEPS) ** 4 * self.peak
        kept = np.minimum(_rolled_off(light, self.peak) / light, 1)
        return np.concatenate([kept[:1], kept]).astype(np.float32)


_LEAST = np.float32(1e-14)
"""Light that rounds to 0; OpenCV computes powers of 0 itself slowly."""


def _to_pq(light: Values) -> Values:
    """PQ's code, 0 to 1, of light in cd/m²."""
    root = (light / _HIGHEST) ** _M1
    return cast("Values", ((_C1 + _C2 * root) / (1 + _C3 * root)) ** _M2)


def _from_pq(codes: Values) -> Values:
    root = codes ** (1 / _M2)
    return cast("Values", _HIGHEST * (np.maximum(root - _C1, 0) / (_C2 - _C3 * root)) ** (1 / _M1))


def _rolled_off(light: Values, peak: float) -> Values:
    """The EETF of BT.2390: light of up to `peak`, rolled off to `WHITE`; all in cd/m²."""
    most = _to_pq(np.array(peak))
    code, top = _to_pq(light) / most, _to_pq(np.array(WHITE)) / most
    knee = 1.5 * top - 0.5
    t = (code - knee) / (1 - knee)
    spline = (
        (2 * t**3 - 3 * t**2 + 1) * knee
        + (t**3 - 2 * t**2 + t) * (1 - knee)
        + (3 * t**2 - 2 * t**3) * top
    )
    return _from_pq(np.where(code < knee, code, spline) * most)
