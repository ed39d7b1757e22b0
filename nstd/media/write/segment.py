"""One run of frames → one closed video file, which is there completely or not at all."""

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast

import av
import numpy as np
from av.container import OutputContainer
from av.packet import PacketSideData

from nstd.errors import UnsupportedError
from nstd.files import part_path, replace
from nstd.media.alpha import on_black
from nstd.media.color import encodable, tag
from nstd.media.faults import writing_error
from nstd.media.frame import Frame, VideoInfo
from nstd.media.read.scan import open_film
from nstd.media.write.codecs import CODECS, EncodeSettings, layout_of
from nstd.media.write.encoders import Layout
from nstd.media.write.options import encoder_options

_LOG = logging.getLogger(__name__)

EIGHT_BITS = 8

_NEVER_REORDERED = 2
"""With so few frames no encoder reorders any. x265 (4.2) computes their decoding times from a delay
that it never set: they are random, and the container may refuse them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assembly:
    """The closed segments of a film, to be joined.

    Attributes:
        segments: Their files, in order.
        info: Facts of the film, at the painted size.
        settings: How they were encoded.
        note: Text for the result that says how it was painted, in place of the source's; or "".
        alive: Called for each packet or frame, as a sign of life.
    """

    segments: Sequence[Path]
    info: VideoInfo
    settings: EncodeSettings
    note: str = ""
    alive: Callable[[], object] = lambda: None


class SegmentWriter:
    """Encodes frames into one closed file, `path`.

    A context manager. Inside its block there is only a hidden part file. When the block ends, this
    is fsynced and renamed to `path`; when it ends by an exception, the part file is removed.

    Time stamps are exactly those of the frames, counted from the film's `origin`. Equal frames,
    facts and settings give equal bytes.

    Args:
        path: The finished file; one that is there is replaced.
        info: The source's facts: its upright size, frame rate and time base.
        settings: How to encode.
        alive: Called for each frame and each packet, as a sign of life: an encoder may compute for
            minutes on the frames that it has taken in, above all at the end of the block.

    Raises:
        DiskFullError: No space is left; nothing stays behind. Any method may raise this.
        StorageError: The file system failed; nothing stays behind. Any method may raise this.
        UnsupportedError: The encoder refused, for example because of the size.
    """

    def __init__(
        self,
        path: Path,
        info: VideoInfo,
        settings: EncodeSettings,
        *,
        alive: Callable[[], object] = lambda: None,
    ) -> None:
        self._path = path.absolute()
        self._part = part_path(self._path)
        self._info = info
        self._settings = settings
        self._alive = alive
        self._layout = coded_layout(info, settings)
        self._durations: dict[int, int] = {}
        self._last: int | None = None
        self._count = 0

    def __enter__(self) -> Self:
        check_size(self._info, self._settings)
        if self._layout != layout_of(self._settings, 2, 2, alpha=self._info.alpha):
            size = f"{self._info.width}×{self._info.height}"
            _say_odd(size, self._settings.codec, self._layout.pixel_format)
        try:
            self._container = self._open()
            self._stream = self._add_stream()
        except av.FFmpegError as error:
            raise writing_error(error, self._path) from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            self._abandon()
            return
        try:
            self._finish()
        except BaseException:
            self._abandon()
            raise

    def write(self, frame: Frame) -> None:
        """Encode the next frame.

        Args:
            frame: Upright, of the film's size and time base, later than the one before.
        """
        self._check(frame)
        self._alive()
        picture = self._encodable(frame)
        picture.pts = frame.pts - origin(self._info)
        picture.time_base = frame.time_base
        self._durations[picture.pts] = frame.duration
        self._last = frame.pts
        self._count += 1
        self._encode(picture)

    def _encodable(self, frame: Frame) -> av.VideoFrame:
        pixels = frame.pixels if self._layout.bits > EIGHT_BITS else frame.image
        alpha = frame.alpha
        if self._layout.alpha and alpha is None:
            alpha = np.full(pixels.shape[:2], 255, np.uint8)
        elif alpha is not None and not self._layout.alpha:
            pixels, alpha = on_black(pixels, alpha), None
        return encodable(pixels, self._layout.pixel_format, alpha)

    def _open(self) -> OutputContainer:
        ticks = str(self._info.time_base.denominator)
        form = CODECS[self._settings.codec].segments
        options = dict(form.options)
        if form.timed:
            options |= {"movie_timescale": ticks, "video_track_timescale": ticks}
        return av.open(str(self._part), "w", format=form.format, options=options)

    def _add_stream(self) -> av.VideoStream:
        codec = CODECS[self._settings.codec]
        rate, encoder = stated_rate(self._info), codec.encoders[self._settings.encoder].name
        stream = cast(
            "av.VideoStream",
            self._container.add_stream(
                encoder, rate=rate, options=encoder_options(self._settings, self._layout)
            ),
        )
        context = stream.codec_context
        context.width, context.height = self._info.width, self._info.height
        context.pix_fmt = self._layout.pixel_format
        context.time_base = self._info.time_base
        context.sample_aspect_ratio = self._info.sample_aspect_ratio
        if codec.tag:
            context.codec_tag = codec.tag
        tag(context, self._layout.pixel_format)
        context.open()
        return stream

    def _check(self, frame: Frame) -> None:
        height, width, _ = frame.image.shape
        if (width, height) != (self._info.width, self._info.height):
            expected = f"{self._info.width}×{self._info.height}"
            raise ValueError(f"{frame!r} does not fit into a film of {expected}")
        if frame.time_base != self._info.time_base:
            raise ValueError(f"{frame!r} is not in the film's time base, {self._info.time_base}")
        if self._last is not None and frame.pts <= self._last:
            raise ValueError(f"{frame!r} is not later than the frame before, at {self._last}")

    def _encode(self, picture: av.VideoFrame | None) -> None:
        try:
            # `encode` would return all packets of a flush at once, after minutes without a sign
            # of life.
            for packet in self._stream.codec_context.encode_lazy(picture):
                self._alive()
                packet.stream = self._stream
                if picture is None and self._count <= _NEVER_REORDERED:
                    packet.dts = packet.pts
                if packet.pts is not None:
                    packet.duration = self._durations.pop(packet.pts, 0)
                self._container.mux(packet)
        except av.FFmpegError as error:
            raise writing_error(error, self._path) from error

    def _finish(self) -> None:
        if self._last is None:
            raise ValueError(f"the segment {self._path} has no frame")
        self._encode(None)
        try:
            self._container.close()
        except av.FFmpegError as error:
            raise writing_error(error, self._path) from error
        replace(self._part, self._path)

    def _abandon(self) -> None:
        # Closing writes an end that nobody needs. On a full disk it would fail, and hide the error
        # that is being raised.
        with suppress(av.FFmpegError):
            self._container.close()
        self._part.unlink(missing_ok=True)


def joins(closed: Path, info: VideoInfo, settings: EncodeSettings) -> bool:
    """Whether a segment that was closed before can be joined with those that this encoder makes.

    All segments of a film share one header, and another version may write a different one.

    Args:
        closed: The segment; a trial is written beside it, and removed.
        info: As for `SegmentWriter`.
        settings: As for `SegmentWriter`.

    Raises:
        UnreadableError: `closed` is damaged.
        DiskFullError, StorageError, UnsupportedError: As for `SegmentWriter`.
    """
    trial = closed.with_name(f"trial-{closed.name}")
    try:
        write_trial(trial, info, settings)
        return _header(trial) == _header(closed)
    finally:
        trial.unlink(missing_ok=True)


def write_trial(path: Path, info: VideoInfo, settings: EncodeSettings) -> None:
    """Write a segment of one gray frame, whose header is that of all segments of the film.

    Raises:
        DiskFullError, StorageError, UnsupportedError: As for `SegmentWriter`.
    """
    gray = np.full((info.height, info.width, 3), 128, np.uint8)
    with SegmentWriter(path, info, settings) as writer:
        writer.write(Frame(gray, 0, info.start, 1, info.time_base))


def _header(segment: Path) -> bytes | None:
    with open_film(segment) as container:
        return container.streams.video[0].codec_context.extradata


@cache
def _say_odd(size: str, codec: str, layout: str) -> None:
    # Cached: once is enough for the hundreds of segments of a film.
    _LOG.warning(
        "%s is odd: %s keeps that size only as %s, which some players cannot show",
        size,
        codec,
        layout,
    )


def check_size(info: VideoInfo, settings: EncodeSettings) -> None:
    """Check that the codec takes pictures of the film's size.

    Raises:
        UnsupportedError: They are too small for it.
    """
    size = info.width, info.height
    least = CODECS[settings.codec].smallest
    if size[0] < least[0] or size[1] < least[1]:
        raise UnsupportedError(
            f"A picture of {size[0]}×{size[1]} is too small for {settings.codec}, "
            f"which needs {least[0]}×{least[1]}",
            "Choose the codec h264, or a larger size",
        )


def stated_rate(info: VideoInfo) -> Fraction:
    """The frame rate that the film states; of a film with a varying rate, the average.

    Only a hint for players and for the encoder's rate control: the time stamps are what counts.
    It is limited to a range, since some encoders refuse others.
    """
    return min(max(info.frame_rate, Fraction(1)), Fraction(240)).limit_denominator(65535)


def origin(info: VideoInfo) -> int:
    """Time stamp of the film that is 0 in its segments: MP4 shows nothing before 0."""
    return min(0, info.start)


def coded_layout(info: VideoInfo, settings: EncodeSettings) -> Layout:
    """Layout of the coded pictures of a film."""
    return layout_of(settings, info.width, info.height, alpha=info.alpha)


def mend_alpha(packet: "av.Packet[Any]") -> None:
    """Mend the side data of a segment's packet: VP9's alpha, after the number that identifies it.

    NUT (libavformat 62) writes that number with the data, and adds it once more when it reads them.
    No frame of VP9 begins like this number.
    """
    beside = PacketSideData.from_packet(packet, "matroska_block_additional")
    data = bytes(beside)
    if data.startswith(2 * _ALPHA):
        mended = PacketSideData(_BESIDE, len(data) - len(_ALPHA))  # type: ignore[call-arg]
        mended.update(data[len(_ALPHA) :])
        mended.to_packet(packet)


_BESIDE = 15
"""ffmpeg's number of "matroska_block_additional"."""
_ALPHA = (1).to_bytes(8, "big")
"""Number of alpha among Matroska's side data of a packet."""
