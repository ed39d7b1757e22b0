"""A decoded picture of any layout → red, green and blue: as ffmpeg's own conversion, to the bit.

swscale does it, asked for exact rounding and for chroma interpolated to every pixel, and for
*planes* of red, green and blue: for those it has vector code, and takes a quarter of the time that
it takes for interleaved ones (1080p, one thread: 4.3 ms against 17.4).
"""

from dataclasses import dataclass
from typing import Any, cast

import av
import cv2
import numpy as np
import numpy.typing as npt
from av.filter import Graph

from nstd.media.frame import Deep, Image, Mask, VideoInfo

FLAGS = "bicubic+accurate_rnd+full_chroma_int"
"""swscale's: cubic interpolation, exact rounding, chroma at every pixel."""

_UNSTATED_MATRIX = 2
_RGB_MATRIX = 0
_BT709, _BT601 = 1, 6
_UNSTATED_RANGE = 0
_RANGE_TV, _RANGE_PC = 1, 2
"""ffmpeg's numbers."""


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """One picture in its coded orientation.

    Attributes:
        image: uint8 `[height, width, 3]`, red first.
        deep: uint16 `[height, width, 3]`, the same at 16 bits, where the source has more than 8
            bits; else None.
        alpha: uint8 `[height, width]`, straight, where the layout has it; else None.
    """

    image: Image
    deep: Deep | None = None
    alpha: Mask | None = None


class Converter:
    """Converts the pictures of one film, whatever their layout and size.

    The matrix and range that a picture states are taken. Where none is stated the rule is mpv's:
    BT.709 for large pictures, BT.601 for small ones, and limited range.

    Args:
        info: Facts of the film; its matrix and range count where a picture states none.
    """

    def __init__(self, info: VideoInfo) -> None:
        self._info = info
        self._graph: Graph | None = None
        self._made_for: tuple[int | str, ...] = ()

    def picture(self, frame: av.VideoFrame) -> Picture:
        """Convert one decoded frame."""
        layout = frame.format
        if is_yuv(layout):
            frame.colorspace, frame.color_range = _matrix(frame), self._range(frame)
        deep = max((part.bits for part in layout.components), default=8) > 8
        alpha = layout.has_palette or any(part.is_alpha for part in layout.components)
        if not deep and not is_yuv(layout):  # swscale repacks these better than it splits them
            packed = self._converted(frame, "rgba" if alpha else "rgb24").to_ndarray()
            colors = np.ascontiguousarray(packed[..., :3], np.uint8)
            return Picture(colors, alpha=_eight_bits(packed[..., 3]) if alpha else None)
        planes = _planes(self._converted(frame, f"gbr{'a' * alpha}p{'16le' * deep}"))
        pixels = cv2.merge([planes[2], planes[0], planes[1]])
        mask = _eight_bits(planes[3]) if alpha else None
        if not deep:
            return Picture(cast("Image", pixels), alpha=mask)
        return Picture(_eight_bits(pixels), cast("Deep", pixels), mask)

    def _range(self, frame: av.VideoFrame) -> int:
        if frame.format.name.startswith("yuvj"):
            return _RANGE_PC
        if frame.color_range != _UNSTATED_RANGE:
            return int(frame.color_range)
        return _RANGE_PC if self._info.color_range == "pc" else _RANGE_TV

    def _converted(self, frame: av.VideoFrame, to: str) -> av.VideoFrame:
        wanted = (
            frame.width, frame.height, frame.format.name, int(frame.colorspace),
            int(frame.color_range), to,
        )  # fmt: skip
        if self._graph is None or wanted != self._made_for:
            self._graph, self._made_for = _graph(*wanted), wanted
        self._graph.push(frame)
        return self._graph.vpull()


def _matrix(frame: av.VideoFrame) -> int:
    stated = int(frame.colorspace)
    if stated not in (_UNSTATED_MATRIX, _RGB_MATRIX):
        return stated
    long, short = max(frame.width, frame.height), min(frame.width, frame.height)
    return _BT709 if long >= 1280 or short > 576 else _BT601


def is_yuv(layout: av.VideoFormat) -> bool:
    """Whether pictures of this layout are luma and chroma, so that a matrix matters."""
    colors = sum(not part.is_alpha for part in layout.components)
    return colors == 3 and not (layout.is_rgb or layout.has_palette)


def _graph(width: int, height: int, source: str, matrix: int, color_range: int, to: str) -> Graph:
    graph = Graph()
    graph.threads = 1
    size = f"video_size={width}x{height}:pix_fmt={source}:time_base=1/1"
    graph.link_nodes(
        graph.add("buffer", f"{size}:colorspace={matrix}:range={color_range}"),
        graph.add("scale", f"flags={FLAGS}"),
        graph.add("format", f"pix_fmts={to}:alpha_modes=straight"),
        graph.add("buffersink"),
    ).configure()
    return graph


def _planes(frame: av.VideoFrame) -> list["npt.NDArray[Any]"]:
    """Its planes, each `[height, width]`."""
    size = 2 if frame.format.name.endswith("16le") else 1
    return [
        np.ndarray(
            (plane.height, plane.width),
            f"<u{size}",
            memoryview(plane),
            strides=(plane.line_size, size),
        )
        for plane in frame.planes
    ]


def _eight_bits(values: "npt.NDArray[Any]") -> "npt.NDArray[np.uint8]":
    """Full scale of 16 bits rounded to full scale of 8; what has 8 as it is."""
    if values.dtype == np.uint8:
        return np.ascontiguousarray(values)
    return cast("npt.NDArray[np.uint8]", cv2.convertScaleAbs(values, alpha=255 / 65535))
