"""Color: what OpenCV got wrong on the way in, and BT.709 on the way out.

Measured with OpenCV 4.14: it honors the matrix and range a stream states (within 2 code values, 8
and 10 bit), and converts BT.2020's primaries and HDR's transfers to BT.709. For a stream that
states no matrix it assumes BT.601. That is right for small pictures, but players take an unlabeled
*large* picture for BT.709; so those are corrected.
"""

import logging
from fractions import Fraction
from typing import Any

import av
import cv2
import numpy as np
import numpy.typing as npt
from av.video.reformatter import ColorRange, Colorspace, Interpolation

from nstd.media.frame import Image, Mask, Pixels, VideoInfo

_LOG = logging.getLogger(__name__)

WEIGHTS_601 = (Fraction("0.299"), Fraction("0.114"))
WEIGHTS_709 = (Fraction("0.2126"), Fraction("0.0722"))
_HDR_TRANSFERS = {"smpte2084": "PQ", "arib-std-b67": "HLG"}

BT709 = 1
"""ffmpeg's number of BT.709 among the primaries, the transfers and the matrices alike."""
RANGE_TV = 1
RANGE_PC = 2
_MATRIX_RGB = 0
_TRANSFER_SRGB = 13


def wrongly_601(info: VideoInfo) -> bool:
    """Whether OpenCV decodes this film with BT.601 though players would take it for BT.709.

    The rule is mpv's: no stated matrix, and at least 1280 wide or more than 576 high.
    """
    if info.matrix != "unknown" or info.color_range == "pc" or not is_yuv(info.pixel_format):
        return False
    long, short = max(info.width, info.height), min(info.width, info.height)
    return long >= 1280 or short > 576


def is_yuv(pixel_format: str) -> bool:
    """Whether pictures of this layout are luma and chroma, so that a matrix matters."""
    return pixel_format.startswith(("yuv", "yuyv", "nv", "p0", "p2", "p4", "y2", "uyvy", "yvyu"))


def as_709(image: Image, luma: Mask | None) -> Image:
    """Turn a picture decoded with BT.601's matrix into what BT.709's would have given.

    Exact to the rounding. BT.601 clips some saturated colors of BT.709, but only ever their green;
    those are had back from the luma. Without it they stay up to 40 code values off.

    Args:
        image: uint8 `[height, width, 3]`, red first.
        luma: uint8 `[height, width]`, the coded luma in limited range, or None.
    """
    corrected = np.asarray(cv2.transform(image, _FROM_601_TO_709), dtype=np.uint8)
    if luma is None:
        return corrected
    clipped = (image[..., 1] == 0) | (image[..., 1] == 255)
    if clipped.any():
        corrected[clipped] = _with_green_from_luma(image[clipped], luma[clipped])
    return corrected


def warn_of_hdr(info: VideoInfo, name: str) -> None:
    """Log that a film of high dynamic range is painted as an ordinary one."""
    curve = _HDR_TRANSFERS.get(info.transfer)
    if curve:
        _LOG.warning("%s is HDR (%s); it is painted and written as SDR BT.709", name, curve)


def encodable(image: Pixels, pixel_format: str, alpha: Mask | None = None) -> av.VideoFrame:
    """Convert a picture to the encoder's layout: BT.709, limited range, or RGB as it is.

    Args:
        image: uint8 or uint16 `[height, width, 3]`, red first, in the coded orientation.
        pixel_format: ffmpeg's name, YUV or RGB.
        alpha: uint8 `[height, width]`, for a layout that has it.
    """
    deep = image.dtype == np.uint16
    layout = "rgb48le" if deep else "rgb24"
    planes: npt.NDArray[Any] = image
    if alpha is not None:
        layout = "rgba64le" if deep else "rgba"
        planes = np.dstack([image, alpha.astype(image.dtype) * (257 if deep else 1)])
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(planes), format=layout)
    if not is_yuv(pixel_format):
        return frame.reformat(format=pixel_format)
    # AREA averages the chroma of each 2×2 block without aliasing; BILINEAR, the default, was
    # measured up to 20 code values off.
    frame = frame.reformat(
        format=pixel_format,
        interpolation=Interpolation.AREA,
        dst_colorspace=Colorspace.ITU709,
        dst_color_range=ColorRange.MPEG,
    )
    frame.colorspace = frame.color_primaries = frame.color_trc = BT709
    frame.color_range = RANGE_TV
    return frame


def tag(context: av.VideoCodecContext, pixel_format: str) -> None:
    """State in the encoder what `encodable` makes."""
    yuv = is_yuv(pixel_format)
    context.color_primaries = BT709
    context.color_trc = BT709 if yuv else _TRANSFER_SRGB
    context.colorspace = BT709 if yuv else _MATRIX_RGB
    context.color_range = RANGE_TV if yuv else RANGE_PC


def colors_of(context: av.VideoCodecContext) -> tuple[int, int, int, int]:
    """What a stream states: ffmpeg's numbers of its primaries, transfer, matrix and range."""
    return (
        context.color_primaries,
        context.color_trc,
        context.colorspace,
        context.color_range,
    )


def _with_green_from_luma(
    pixels: npt.NDArray[np.uint8], luma: npt.NDArray[np.uint8]
) -> npt.NDArray[np.uint8]:
    """BT.709 pixels `[count, 3]` from the luma and the red and blue that BT.601 made."""
    (red_601, blue_601), (red_709, blue_709) = (
        [float(weight) for weight in weights] for weights in (WEIGHTS_601, WEIGHTS_709)
    )
    full = (luma - 16.0) * (255 / 219)
    red = full + (pixels[:, 0] - full) * ((1 - red_709) / (1 - red_601))
    blue = full + (pixels[:, 2] - full) * ((1 - blue_709) / (1 - blue_601))
    green = (full - red_709 * red - blue_709 * blue) / (1 - red_709 - blue_709)
    return np.clip(np.rint(np.stack([red, green, blue], axis=1)), 0, 255).astype(np.uint8)


def _to_yuv(weights: tuple[Fraction, Fraction]) -> npt.NDArray[np.float64]:
    red, blue = (float(weight) for weight in weights)
    luma = np.array([red, 1 - red - blue, blue])
    return np.stack(
        [
            luma,
            (np.array([0.0, 0.0, 1.0]) - luma) / (2 * (1 - blue)),
            (np.array([1.0, 0.0, 0.0]) - luma) / (2 * (1 - red)),
        ]
    )


_FROM_601_TO_709 = np.linalg.inv(_to_yuv(WEIGHTS_709)) @ _to_yuv(WEIGHTS_601)
