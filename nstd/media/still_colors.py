"""The colors that a picture states, converted to sRGB.

`ImageCms` (Little CMS) converts pictures of 8 bits by their ICC profile. This module does the rest:
16 bits, which Pillow does not support, and colors that are stated without a profile, by PNG's gAMA,
cHRM and cICP chunks and the "nclx" box of HEIF and AVIF.
"""

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from nstd.media.names import HEAD_BYTES
from nstd.media.read.gamut import BT709, GAMMAS, HDR, WIDE, to_xyz

Floats = npt.NDArray[np.float64]
Codes = TypeVar("Codes", npt.NDArray[np.uint8], npt.NDArray[np.uint16])

_CODES = 1 << 16
_ROWS = 64
"""So many rows are converted at once: floating point takes six times the memory of 16 bits."""

Chromaticities = tuple[tuple[float, float], ...]
"""x and y of red, green, blue and white (CIE 1931)."""

_SAME_COLOR = 0.002
"""Chromaticities that differ by no more count as equal: tools round them to three digits."""
_USUAL_GAMMA = (0.4535, 0.4565)
"""Of the gAMA chunk: 1/2.2, which stands for sRGB's own curve, and that to three digits."""


@dataclass(frozen=True, slots=True, eq=False)
class Shaper:
    """How codes become light, as nearly all pictures state it: a curve per color, then a matrix.

    Attributes:
        curves: For red, green and blue, the light from 0 to 1 of each of 65,536 codes.
        matrix: From this light to that of sRGB, `[3, 3]`.
    """

    curves: tuple[Floats, Floats, Floats]
    matrix: npt.NDArray[Any]

    def to_srgb(self, image: Codes) -> Codes:
        """Convert a picture `[height, width, 3]` of 8 or 16 bits."""
        step = (_CODES - 1) // np.iinfo(image.dtype).max
        curves = [curve[::step] for curve in self.curves]
        painted = np.empty_like(image)
        for top in range(0, len(image), _ROWS):
            rows = image[top : top + _ROWS]
            light = np.stack([curve[rows[..., n]] for n, curve in enumerate(curves)], axis=-1)
            codes = _encoded(np.clip(light @ self.matrix.T, 0, 1))
            painted[top : top + _ROWS] = np.rint(codes * np.iinfo(image.dtype).max)
        return painted


class ToneMapped:
    """How codes of high dynamic range become sRGB: in the same way as those of films."""

    def __init__(self, primaries: int, transfer: int) -> None:
        from nstd.media.read.hdr import ToneMap  # noqa: PLC0415 - with ffmpeg, for few pictures

        self._tone = ToneMap(primaries, transfer)

    def to_srgb(self, image: Codes) -> Codes:
        """Convert a picture `[height, width, 3]` of 8 or 16 bits."""
        shown = np.empty_like(image)
        for top in range(0, len(image), _ROWS):
            shown[top : top + _ROWS] = self._tone.converted(image[top : top + _ROWS])
        return shown


def to_eight(codes: npt.NDArray[np.uint16]) -> npt.NDArray[np.uint8]:
    """A picture, or its alpha, of 16 bits rounded to 8."""
    rounded = np.empty(codes.shape, np.uint8)
    for top in range(0, len(codes), _ROWS):
        rows = codes[top : top + _ROWS].astype(np.uint32)
        rounded[top : top + _ROWS] = (rows + 128) // 257
    return rounded


def from_light(
    light: npt.NDArray[np.float32], chromaticities: Chromaticities | None = None
) -> npt.NDArray[np.uint16]:
    """Linear light as sRGB of 16 bits.

    Args:
        light: `[height, width, 3]`; 1 is white.
        chromaticities: Of its primaries and white. None means those of sRGB; so does nonsense.
    """
    matrix = None if chromaticities is None else _matrix_of(chromaticities)
    codes = np.empty(light.shape, np.uint16)
    for top in range(0, len(light), _ROWS):
        rows = light[top : top + _ROWS].astype(np.float64)
        rows = rows if matrix is None else rows @ matrix.T
        codes[top : top + _ROWS] = np.rint(_encoded(np.clip(rows, 0, 1)) * (_CODES - 1))
    return codes


def of_gamma(gamma: float | None, colors: Sequence[float] | None) -> Shaper | None:
    """What PNG's gAMA and cHRM chunks state; None if that is sRGB, or makes no sense.

    Args:
        gamma: The exponent of the encoding, or None.
        colors: x and y of white, red, green and blue, or None.
    """
    usual = not gamma or _USUAL_GAMMA[0] <= gamma <= _USUAL_GAMMA[1]
    curve = _decoded if usual or not gamma else _power(1 / gamma)
    if colors is None:
        return _shaper(curve, BT709)
    white, *primaries = ((colors[n], colors[n + 1]) for n in (0, 2, 4, 6))
    return _shaper(curve, (*primaries, white))


def of_code_points(primaries: int, transfer: int) -> Shaper | ToneMapped | None:
    """What numbers of ITU-T H.273 mean; None if that is sRGB, or unknown."""
    if transfer in HDR:
        return ToneMapped(primaries, transfer)
    gamma = GAMMAS.get(transfer)  # all others of standard range are shown as sRGB
    return _shaper(_power(gamma) if gamma else _decoded, WIDE.get(primaries, BT709))


def of_profile(profile: bytes) -> Shaper | None:
    """The curves and the matrix of an ICC profile; None if it has none.

    Profiles of printers have tables of colors instead, and some data is no profile.
    """
    try:
        tags = _tags(profile)
        space = profile[16:20]
        if space == b"GRAY":
            grey = _curve(tags[b"kTRC"])
            return Shaper((grey, grey, grey), np.eye(3))
        if space != b"RGB " or profile[20:24] != b"XYZ " or b"A2B0" in tags:
            return None
        red, green, blue = (_curve(tags[name]) for name in (b"rTRC", b"gTRC", b"bTRC"))
        columns = [_xyz(tags[name]) for name in (b"rXYZ", b"gXYZ", b"bXYZ")]
    except (KeyError, ValueError, IndexError, struct.error):
        return None
    return Shaper((red, green, blue), np.linalg.inv(_SRGB_UNDER_D50) @ np.stack(columns, axis=1))


_SRGB_UNDER_D50 = np.array(
    [[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]]
)
"""From sRGB's light to XYZ adapted to D50, the white of all profiles."""


def _matrix_of(colors: Chromaticities) -> Floats | None:
    """From light with these chromaticities to that of sRGB; None if they make no sense."""
    try:
        with np.errstate(all="raise"):
            matrix: Floats = np.linalg.inv(to_xyz(*BT709)) @ to_xyz(*colors)
    except (np.linalg.LinAlgError, ArithmeticError):
        return None
    return matrix


def _shaper(curve: Callable[[Floats], Floats], colors: Chromaticities) -> Shaper | None:
    same = np.allclose(colors, BT709, atol=_SAME_COLOR)
    if same and curve is _decoded:
        return None
    matrix = np.eye(3) if same else _matrix_of(colors)
    if matrix is None:
        return None
    light = np.asarray(curve(np.linspace(0, 1, _CODES)), np.float64)
    return Shaper((light, light, light), matrix)


def _decoded(codes: Floats) -> Floats:
    """Linear light of sRGB codes from 0 to 1 (IEC 61966-2-1)."""
    return np.where(codes <= 0.04045, codes / 12.92, ((codes + 0.055) / 1.055) ** 2.4)


def _encoded(light: Floats) -> Floats:
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)


def _power(gamma: float) -> Callable[[Floats], Floats]:
    return lambda codes: codes**gamma


def _tags(profile: bytes) -> dict[bytes, bytes]:
    (count,) = struct.unpack_from(">I", profile, 128)
    found = {}
    for number in range(min(count, 256)):
        name, offset, size = struct.unpack_from(">4sII", profile, 132 + 12 * number)
        found[name] = profile[offset : offset + size]
    return found


def _xyz(tag: bytes) -> Floats:
    return np.array(struct.unpack_from(">3i", tag, 8)) / 65536


def _curve(tag: bytes) -> Floats:
    """The light of each code, from a "curv" or "para" tag.

    Raises:
        ValueError: The tag is neither.
    """
    codes = np.linspace(0, 1, _CODES)
    kind, count = struct.unpack_from(">4s4xI", tag)
    if kind == b"curv":
        if count == 0:
            return codes
        if count == 1:
            (gamma,) = struct.unpack_from(">H", tag, 12)
            return np.asarray(codes ** (gamma / 256))
        table = np.frombuffer(tag, ">u2", count, 12) / 65535
        return np.interp(codes, np.linspace(0, 1, count), table)
    if kind != b"para":
        raise ValueError(f"a curve of the kind {kind!r}")
    form = count >> 16
    values = np.array(struct.unpack_from(f">{(1, 3, 4, 5, 7)[form]}i", tag, 12)) / 65536
    # All forms are (a x + b)^g + e, and below d: c x + f; they differ in which numbers they omit.
    g, a, b, c, d, e, f = {
        0: (*values, 1, 0, 0, 0, 0, 0),
        1: (*values, 0, 0, 0, 0),
        2: (*values[:3], 0, 0, values[-1], values[-1]),
        3: (*values, 0, 0),
        4: tuple(values),
    }[form]
    if form in {1, 2}:
        d = -b / a
    above = np.clip(a * codes + b, 0, None) ** g + e
    return np.asarray(np.clip(np.where(codes >= d, above, c * codes + f), 0, 1))


@dataclass(frozen=True, slots=True)
class Colors:
    """What a picture's file states of its colors.

    Attributes:
        stated: Whether it states anything.
        profile: Its ICC profile, if that counts.
        shaper: The conversion that the profile, or what is stated without one, means; None if that
            is sRGB, or if the profile is a table.
        hdr: "PQ" or "HLG" for high dynamic range.
    """

    stated: bool = False
    profile: bytes | None = None
    shaper: Shaper | ToneMapped | None = None
    hdr: str | None = None


def colors_of(info: Mapping[Any, Any], content: bytes) -> Colors:
    """What a picture's file states of its colors.

    The first of these counts: cICP, a profile, PNG's sRGB chunk, gAMA and cHRM (in PNG's order),
    and last nclx.

    Args:
        info: Pillow's `info` of the picture.
        content: The content of the file.
    """
    profile = info.get("icc_profile")
    points = _png_code_points(content)
    if points is None and not profile:
        points = _boxed_code_points(content)
    if points is not None:
        hdr = HDR.get(points[1])
        return Colors(stated=True, shaper=of_code_points(*points), hdr=hdr)
    if profile:
        return Colors(stated=True, profile=profile, shaper=of_profile(profile))
    if "srgb" in info:
        return Colors(stated=True)
    gamma, chromaticity = info.get("gamma"), info.get("chromaticity")
    stated = bool(gamma or chromaticity)
    return Colors(stated=stated, shaper=of_gamma(gamma, chromaticity))


def _png_code_points(content: bytes) -> tuple[int, int] | None:
    if not content.startswith(b"\x89PNG"):
        return None
    position = 8
    while position + 12 <= len(content):
        length, name = struct.unpack_from(">I4s", content, position)
        if name == b"cICP" and length == 4:
            return content[position + 8], content[position + 9]
        if name == b"IDAT":
            return None
        position += 12 + length
    return None


def _boxed_code_points(content: bytes) -> tuple[int, int] | None:
    """Primaries and transfer of a HEIF or AVIF file, from its first "colr" box of kind "nclx"."""
    if content[4:8] != b"ftyp":
        return None
    at = content.find(b"colrnclx", 0, HEAD_BYTES)
    return struct.unpack_from(">2H", content, at + 8) if 0 <= at < len(content) - 12 else None
