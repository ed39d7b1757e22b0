"""Which library decodes a film, and why: decided by what its first frames are, and by comparison.

OpenCV is used where its first frames are those of PyAV. They must be compared, since OpenCV reports
success where it failed: for interlaced frames it returns whatever its memory held before.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import av
import cv2
from av.filter import Graph

from nstd.errors import UnsupportedError
from nstd.media.color import is_yuv
from nstd.media.frame import FieldOrder, ImageU8, Rotation, VideoInfo
from nstd.media.read.convert import is_large
from nstd.media.read.decoding import Decoder
from nstd.media.read.gamut import HDR, Gamut
from nstd.media.read.hdr import peak_of
from nstd.media.read.opencv import OpenCvDecoder, open_capture
from nstd.media.read.orientation import display_matrix, orientation
from nstd.media.read.pyav import decoded, open_stream, pyav_decoder
from nstd.media.read.reading import Reading

LOOKED_AT = 8
"""How many first frames are decoded to find out what kind they are. A stream whose kind changes
later is read correctly, too: each frame is treated by its own flag."""

ATTEMPTS = 64
"""Attempts at a frame: damaged packets, and those of other streams, may come before it."""

COMPARED = 3
"""How many first frames both libraries decode, to be compared."""

AGREED = 1.0
"""By how many code values, on average, the two libraries' pictures may differ: both round. Where
chroma is not halved, OpenCV's pictures were found to be identical to PyAV's."""

AGREED_HALVED = 4.0
_SHRUNK = 4
"""The limit where chroma is halved. There OpenCV repeats samples and truncates colors instead of
rounding them, which makes them 1 to 1.5 code values darker. That is no fault, so such pictures are
compared at a size divided by `_SHRUNK`. They then differed by 0.7 to 1.3, and by 2.9 with the most
vivid colors; a wrong range makes a difference of 8, and old memory of dozens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamFacts:
    """What the first frames of a stream are.

    Attributes:
        width: Pixels, as coded.
        height: Pixels, as coded.
        layout: ffmpeg's name of the pixel format.
        rotation: As in `VideoInfo`.
        mirrored: As in `VideoInfo`.
        matrix: The display matrix where `rotation` and `mirrored` do not say all of it; else None.
        field_order: As in `VideoInfo`.
        alpha: They have an alpha channel.
        peak: As in `VideoInfo`.
        begins: Time stamp of the first frame that can be decoded, or None.
        wide: Their primaries differ from BT.709's so much that it shows.
        first: No other video stream comes before this one in the container.
        decoded: PyAV decodes them.
    """

    width: int
    height: int
    layout: str
    rotation: Rotation = 0
    mirrored: bool = False
    matrix: tuple[int, ...] | None = None
    field_order: FieldOrder = "progressive"
    alpha: bool = False
    peak: float = 0.0
    begins: int | None = None
    wide: bool = False
    first: bool = True
    decoded: bool = True


def facts_of_stream(path: Path, stream: int) -> StreamFacts | None:
    """Look at the first frames of a stream; None where PyAV decodes none.

    Raises:
        InputError: It cannot be opened as a film.
        StorageError: The file system failed.
    """
    first: av.VideoFrame | None = None
    orders: list[FieldOrder] = []
    transparent = False
    with open_stream(path, stream) as (container, video):
        is_first = container.streams.video[0].index == stream
        for frame in islice(decoded(container, video, path), LOOKED_AT):
            first = first or frame
            orders.append(_field_order(frame))
            transparent = transparent or _is_transparent(frame)
    if first is None:
        return None
    matrix = display_matrix(first)
    oriented = orientation(matrix) if matrix else (False, 0)
    mirrored, rotation = oriented or (False, 0)
    return StreamFacts(
        width=first.width,
        height=first.height,
        layout=first.format.name,
        rotation=rotation,
        mirrored=mirrored,
        matrix=None if oriented else matrix,
        field_order=_of_all(orders),
        alpha=transparent,
        peak=peak_of(first) if int(first.color_trc) in HDR else 0.0,
        begins=first.pts,
        wide=Gamut.wide(int(first.color_primaries), int(first.color_trc)) is not None,
        first=is_first,
    )


def _of_all(orders: list[FieldOrder]) -> FieldOrder:
    interlaced = [order for order in orders if order != "progressive"]
    if 0 < len(interlaced) < len(orders):
        return "mixed"
    return orders[0]


def _field_order(frame: av.VideoFrame) -> FieldOrder:
    if not frame.interlaced_frame:
        return "progressive"
    # PyAV does not tell which field comes first; ffmpeg's filters know.
    graph = Graph()
    kind = f"video_size={frame.width}x{frame.height}:pix_fmt={frame.format.name}:time_base=1/1"
    graph.link_nodes(
        graph.add("buffer", kind),
        graph.add("select", r"eq(interlace_type\,TOPFIRST)"),
        graph.add("buffersink"),
    ).configure()
    graph.vpush(frame)
    graph.vpush(None)
    try:
        graph.vpull()
    except av.error.EOFError:
        return "bottom"
    return "top"


def _is_transparent(frame: av.VideoFrame) -> bool:
    """Whether a frame has an alpha channel; with a palette, whether any pixel is transparent.

    Every palette and every GIF has room for transparent colors, and few use them.
    """
    layout = frame.format
    if layout.has_palette or layout.name == "bgra":
        return bool((frame.to_ndarray(format="rgba")[..., 3] < 255).any())
    return any(part.is_alpha for part in layout.components)


def with_reader(path: Path, info: VideoInfo, kind: StreamFacts, reading: Reading) -> VideoInfo:
    """The film's facts, and with them which library is to decode it, and why.

    Args:
        path: The film.
        info: Its facts; `reader` is not looked at.
        kind: Its first frames.
        reading: What is asked for.

    Raises:
        UnsupportedError: It is to be decoded by a library that cannot, or that gets it wrong.
    """
    asked = reading.reader
    if not kind.decoded:
        if asked == "pyav":
            raise UnsupportedError(
                f"{path} cannot be decoded by PyAV", "Let nstd choose what reads it: --reader auto"
            )
        return replace(info, reader="opencv", reader_reason="PyAV decodes no frame of it")
    if asked == "pyav":
        return replace(info, reader="pyav", reader_reason="it was asked for")
    fault = _fault_of_opencv(info, kind, strict=asked == "auto")
    fault = fault or _disagreement(path, info, halved=_is_halved(kind))
    if fault is None:
        why = "its first frames are those of PyAV" if asked == "auto" else "it was asked for"
        return _as_opencv_gives_it(replace(info, reader="opencv", reader_reason=why))
    if asked == "opencv":
        raise UnsupportedError(
            f"{path} cannot be read with OpenCV: {fault}",
            "Let nstd choose what reads it: --reader auto",
        )
    return replace(info, reader="pyav", reader_reason=fault)


def _as_opencv_gives_it(info: VideoInfo) -> VideoInfo:
    """The facts of a film as OpenCV reads it: with 8 bits and without an alpha channel."""
    deep, lost = info.bit_depth > 8, []
    if info.alpha:
        lost.append("is read without its alpha channel: OpenCV knows none")
    if deep:
        lost.append(f"is read with 8 of its {info.bit_depth} bits: OpenCV gives no more")
    bits = min(info.bit_depth, 8)
    return replace(info, alpha=False, bit_depth=bits, remarks=(*info.remarks, *lost))


def _fault_of_opencv(info: VideoInfo, kind: StreamFacts, *, strict: bool) -> str | None:
    """What OpenCV is known to get wrong with such frames; if `strict`, also what it does worse."""
    faults = {
        "OpenCV cannot convert interlaced frames": kind.field_order != "progressive",
        "OpenCV takes its colors for BT.601's": (
            info.matrix == "unknown" and is_yuv(kind.layout) and is_large(info.width, info.height)
        ),
        "OpenCV shows HDR in another way": kind.peak > 0,
        "OpenCV leaves its wide gamut as it is": kind.wide,
        "OpenCV reads another of its pictures": not kind.first,
    }
    if strict:
        faults |= {
            "OpenCV leaves out its alpha channel": kind.alpha,
            f"OpenCV gives 8 of its {info.bit_depth} bits": info.bit_depth > 8,
            f"OpenCV repeats samples of its chroma ({kind.layout})": _is_halved(kind),
        }
    return next((fault for fault, met in faults.items() if met), None)


def _is_halved(kind: StreamFacts) -> bool:
    layout = av.VideoFormat(kind.layout, 4, 4)
    return layout.chroma_width(4) < 4 or layout.chroma_height(4) < 4


def _disagreement(path: Path, info: VideoInfo, *, halved: bool) -> str | None:
    """How the libraries' first frames differ, or None."""
    try:
        with open_capture(path) as capture:
            # Damaged packets, and those of other streams, may come before the first frame.
            theirs = list(_pictures(OpenCvDecoder(capture, info)))
    except UnsupportedError:
        return "OpenCV cannot open it"
    with pyav_decoder(path, info) as decoder:
        ours = list(_pictures(decoder))
    if len(theirs) < len(ours):
        return f"OpenCV decodes {len(theirs)} of its first {len(ours)} frames"
    for number, (one, other) in enumerate(zip(theirs, ours, strict=False)):
        if one is None or other is None or one.shape != other.shape:
            return f"OpenCV's frame {number} has another size than PyAV's"
        off = _difference(one, other, _SHRUNK if halved else 1)
        if off > (AGREED_HALVED if halved else AGREED):
            return f"OpenCV's frame {number} differs from PyAV's by {off:.1f} of 255"
    return None


def _pictures(decoder: Decoder) -> Iterator[ImageU8 | None]:
    for _ in range(COMPARED):
        if not decoder.grab(ATTEMPTS):
            return
        picture = decoder.retrieve()
        yield None if picture is None else picture.image


def _difference(one: ImageU8, other: ImageU8, shrunk: int) -> float:
    """Code values by which two pictures differ, on average."""
    height, width, _ = one.shape
    size = (max(1, width // shrunk), max(1, height // shrunk))
    small = [cv2.resize(image, size, interpolation=cv2.INTER_AREA) for image in (one, other)]
    return float(cv2.absdiff(*small).mean())
