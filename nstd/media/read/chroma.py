"""Chroma between its samples, which OpenCV repeats instead.

Most films have one sample of chroma for two pixels across, or for a square of four. Players
interpolate between them. Of a film that nstd had written by H.264, whose paint is vivid and fine,
OpenCV's blocks made 0.23 of an E_warp of 1.34 (bigbuckbunny with impasto at 256 px; without loss
0.78).
"""

from typing import TYPE_CHECKING, Any, cast

import av
import cv2
import numpy as np

from nstd.media.color import WEIGHTS_601, WEIGHTS_709, is_yuv, wrongly_601
from nstd.media.frame import Image, VideoInfo

if TYPE_CHECKING:
    import numpy.typing as npt

_QUICK = ("yuv420p", "yuvj420p", "yuva420p", "yuv422p", "yuvj422p")
"""Layouts that ffmpeg converts by a way of its own if their rows are even in number, and repeats
samples both ways (measured with OpenCV 4.14). All else it interpolates downward, and across where
columns are odd in number."""
_MATRICES = {
    **dict.fromkeys(("bt709", "bt2020nc", "smpte240m"), WEIGHTS_709),
    **dict.fromkeys(("unknown", "fcc", "bt470bg", "smpte170m"), WEIGHTS_601),
}
"""Weights near those that OpenCV takes; films of other matrices it converts by another way."""
_PRIMARIES = ("unknown", "bt709", "bt470m", "bt470bg", "smpte170m", "smpte240m")
_CONVERTED_TRANSFERS = ("smpte2084", "arib-std-b67")
"""Films of other primaries, and of these, OpenCV converts to BT.709, and interpolates by itself, or
does across only (H.264, HEVC); what is then left of blocks is no linear sum of chroma any more."""
_UNITS = 64
"""Of a code value: differences of colors, ±255, in integers of 16 bits."""


def interpolated_chroma(image: Image, info: VideoInfo) -> Image:
    """`image` with chroma that is linear between its samples, and the same luma.

    Samples are taken to lie in the midst of the pixels that share them, as `encodable` makes them:
    the result is off by a code value on average, more beside colors that RGB had to clip. A film
    whose samples lie to the left, as most of H.264 do, comes out with its colors half a pixel to
    the right, as before.

    Args:
        image: uint8 `[height, width, 3]`, red first, upright, as OpenCV decodes it.
        info: Of the film.
    """
    turns = info.rotation // 90
    coded = np.ascontiguousarray(np.rot90(image, turns))
    across, down = _repeats(info, *coded.shape[:2])
    if across == 1:
        return image
    weights = WEIGHTS_709 if wrongly_601(info) else _MATRICES[info.matrix]
    red, blue = map(float, weights)
    green = 1 - red - blue
    less_luma = np.array([[1 - red, -green, -blue], [-red, -green, 1 - blue]])
    chroma = cv2.transform(coded.astype(np.int16), less_luma * _UNITS)  # R − Y and B − Y
    # A change of these two that leaves the luma as it is.
    as_color = np.array([[1, 0], [-red / green, -blue / green], [0, 1]])
    change = cv2.transform(_linear(chroma, across, down), as_color)
    smooth = cv2.addWeighted(coded, 1.0, change, 1 / _UNITS, 0.0, dtype=cv2.CV_8U)
    return cast("Image", np.ascontiguousarray(np.rot90(smooth, -turns)))


def _repeats(info: VideoInfo, height: int, width: int) -> tuple[int, int]:
    """How many pixels across and down OpenCV gives the same sample of chroma."""
    converted = info.primaries not in _PRIMARIES or info.transfer in _CONVERTED_TRANSFERS
    if converted or info.matrix not in _MATRICES or not is_yuv(info.pixel_format):
        return 1, 1
    layout = av.VideoFormat(info.pixel_format, 4, 4)
    size = layout.chroma_width(4), layout.chroma_height(4)
    quick = info.pixel_format in _QUICK and height % 2 == 0
    if size == (4, 4) or (width % 2 and not quick):
        return 1, 1
    return 2, 2 if quick and size == (2, 2) else 1


def _linear(chroma: "npt.NDArray[Any]", across: int, down: int) -> "npt.NDArray[np.int16]":
    """What is to be added to repeated samples for straight lines between them."""
    height, width = chroma.shape[:2]
    # An odd width's last sample has one pixel: as if there were another.
    padded = cv2.copyMakeBorder(chroma, 0, 0, 0, width % across, cv2.BORDER_REPLICATE)
    samples = (padded.shape[1] // across, height // down)
    # Means: where RGB clipped a color, its pixels differ in spite of their common sample.
    means = cv2.resize(padded, samples, interpolation=cv2.INTER_AREA)
    full = (padded.shape[1], height)
    repeated, linear = (
        cv2.resize(means, full, interpolation=how) for how in (cv2.INTER_NEAREST, cv2.INTER_LINEAR)
    )
    return cast("npt.NDArray[np.int16]", np.ascontiguousarray((linear - repeated)[:, :width]))
