"""Colors of written films: BT.709, of 8 bits or more."""

from typing import Any

import av
import numpy as np
import numpy.typing as npt
from av.video.reformatter import ColorRange, Colorspace, Interpolation

from nstd.media.frame import MaskU8, Pixels

BT709 = 1
"""ffmpeg's number of BT.709, the same for primaries, transfer and matrix."""
RANGE_TV = 1
RANGE_PC = 2
_MATRIX_RGB = 0
_TRANSFER_SRGB = 13


def is_yuv(pixel_format: str) -> bool:
    """Whether this layout, by ffmpeg's name, is luma and chroma, which need a matrix."""
    layout = av.VideoFormat(pixel_format, 4, 4)
    colors = sum(not part.is_alpha for part in layout.components)
    return colors == 3 and not (layout.is_rgb or layout.has_palette)


def encodable(image: Pixels, pixel_format: str, alpha: MaskU8 | None = None) -> av.VideoFrame:
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
    """What a stream states: ffmpeg's numbers for primaries, transfer, matrix and range."""
    return (
        context.color_primaries,
        context.color_trc,
        context.colorspace,
        context.color_range,
    )
