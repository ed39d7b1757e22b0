"""Films decoded by PyAV, of any video stream, from their first frame or from a keyframe on."""

from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from itertools import chain, islice
from pathlib import Path
from typing import cast

import av
import numpy as np
from av.container import InputContainer

from nstd.errors import UnsupportedError
from nstd.media.frame import VideoInfo
from nstd.media.read.convert import Converted, Converter
from nstd.media.read.decoding import fitted, upright
from nstd.media.read.deinterlace import Decoded, deinterlaced
from nstd.media.read.scan import open_film
from nstd.media.read.seek import EntryPoint, MadeUpError, packets_from
from nstd.media.read.tally import Scan

LANDING = 3
"""How many first frames must come at the expected times for decoding to begin at a place. They
show where each frame has two packets, as in some interlaced films, or times mean something else."""

DECODER_THREADS = 1
"""With more threads, what a decoder makes up for damage depends on how far the others have come:
with two, FFV1's frames differed from run to run. Decoding takes a hundredth of the time of
painting."""

SHOWN_BEFORE = 8
"""How many frames, at most, are shown before a frame that is decoded before them: B-frames in a
row. Encoders make three or four unless told otherwise."""

_LARGEST_PIXELS = 8192 * 4320
"""Pixels of digital cinema's largest frame."""

_WITH_ALPHA = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
"""Decoders for films with an alpha channel in a stream of its own: ffmpeg's own ones ignore it."""


@contextmanager
def open_stream(path: Path, index: int) -> Iterator[tuple[InputContainer, av.VideoStream]]:
    """Open a film to decode the video stream with this index.

    Raises:
        InputError: It cannot be opened as a film, or has no such stream.
        StorageError: The file system failed.
    """
    with open_film(path) as container:
        stream = container.streams[index] if index < len(container.streams) else None
        if not isinstance(stream, av.VideoStream):
            raise UnsupportedError(f"{path} is not the film it was: stream {index} has no pictures")
        yield container, stream


@contextmanager
def pyav_decoder(
    path: Path, info: VideoInfo, *, timed: bool = True, entry: EntryPoint | None = None
) -> Iterator["PyAvDecoder"]:
    """Open a film to decode the stream that `info` names with PyAV.

    Args:
        path: The film.
        info: Its facts.
        timed: Whether each packet states the time of its own frame.
        entry: The keyframe to begin at; None for the first frame.

    Raises:
        InputError: It cannot be opened as a film.
        StorageError: The file system failed.
    """
    with open_stream(path, info.stream) as (container, stream):
        if entry is None:
            frames = decoded(container, stream, path)
        else:
            frames = undamaged(container, stream, path, entry)
        yield PyAvDecoder(frames, info, timed=timed)


def decoded(
    container: InputContainer, stream: av.VideoStream, path: Path, entry: EntryPoint | None = None
) -> Iterator[av.VideoFrame]:
    """The frames of a stream; what cannot be decoded is left out.

    Args:
        container: The opened film.
        stream: The stream.
        path: The film.
        entry: The keyframe to begin at, or None; frames that are shown before it are left out.

    Raises:
        StorageError: The file system failed.
    """
    context = _context(stream)
    begin = None if entry is None else entry.pts
    for packet in chain(packets_from(container, path, stream, entry), [None]):
        for frame in _frames(context, packet) or ():
            if begin is None or frame.pts is None or frame.pts >= begin:
                yield frame


def undamaged(
    container: InputContainer, stream: av.VideoStream, path: Path, entry: EntryPoint
) -> Iterator[av.VideoFrame]:
    """The frames of a stream from a keyframe on, identical to those of decoding from the start.

    Raises:
        MadeUpError: A frame may depend on damage, so that it might differ.
        StorageError: The file system failed.
    """
    context = _context(stream)
    # Frames that are shown before a damaged one may be decoded after it.
    ahead = SHOWN_BEFORE if context.reorder_depth else 0
    waiting: deque[av.VideoFrame] = deque()
    for packet in chain(packets_from(container, path, stream, entry), [None]):
        frames = _frames(context, packet)
        if frames is None or any(frame.is_corrupt for frame in frames):
            raise MadeUpError
        waiting += [frame for frame in frames if frame.pts is None or frame.pts >= entry.pts]
        while waiting and (packet is None or len(waiting) > ahead):
            yield waiting.popleft()


@lru_cache(maxsize=16)
def place_of_first(
    path: Path, index: int, counted: Scan, entry: EntryPoint | None = None
) -> int | None:
    """The place, among the film's times, of the first frame that is decoded.

    The last few answers are remembered, as long as `counted` is the same.

    Args:
        path: The film.
        index: Of its stream.
        counted: The packets of that stream.
        entry: The keyframe to begin at; None for the first frame.

    Returns:
        The place, from 0; None where the first few frames are damaged, or do not come at successive
        times.

    Raises:
        InputError: It cannot be opened as a film.
        StorageError: The file system failed.
    """
    with open_stream(path, index) as (container, stream):
        first = list(islice(decoded(container, stream, path, entry), LANDING))
    times = [frame.pts for frame in first if frame.pts is not None and not frame.is_corrupt]
    if not counted.timed or not times or len(times) < len(first):
        return None
    place = int(np.searchsorted(counted.times, times[0]))
    return place if counted.times[place : place + len(times)].tolist() == times else None


def _context(stream: av.VideoStream) -> av.VideoCodecContext:
    """The decoder of a stream, not opened yet."""
    context = stream.codec_context
    # Some muxers write it as a Matroska tag, whose name is in capitals.
    told = {key.lower(): text for key, text in stream.metadata.items()}
    beside = _WITH_ALPHA.get(context.name) if told.get("alpha_mode") == "1" else None
    if beside is not None:
        context = cast("av.VideoCodecContext", av.CodecContext.create(beside, "r"))
    context.thread_count = DECODER_THREADS
    context.options = context.options | {"max_pixels": str(_most_pixels(context))}
    return context


def _most_pixels(context: av.VideoCodecContext) -> int:
    """Pixels that a frame may have: those of the stated size, which was checked, or of 8K.

    A larger frame is damage or an attack: with some codecs each frame states its own size.
    """
    return max(context.width * context.height, _LARGEST_PIXELS)


def _frames(
    context: av.VideoCodecContext, packet: "av.Packet[av.VideoStream] | None"
) -> list[av.VideoFrame] | None:
    """The frames that come out when a packet is put in; None where the packet is damaged."""
    try:
        return context.decode(packet)
    except av.FFmpegError:  # frames that are missing are counted where times are compared
        return None


class PyAvDecoder:
    """A `Decoder` by PyAV.

    Args:
        frames: The decoded frames.
        info: Facts of the film.
        timed: Whether the frames' time stamps are their own.
    """

    def __init__(
        self, frames: Iterable[av.VideoFrame], info: VideoInfo, *, timed: bool = True
    ) -> None:
        self._frames = (
            map(Decoded.whole, frames)
            if info.deinterlace == "off"
            else deinterlaced(frames, info.deinterlace)
        )
        self._info = info
        self._timed = timed
        self._converter = Converter(info)
        self._now: Decoded | None = None
        self.resized = False

    def grab(self, _attempts: int = 1, /) -> bool:
        """Decode the next frame; false at the film's end. Damaged packets are skipped."""
        self._now = next(self._frames, None)
        return self._now is not None

    def follow(self, pts: int | None) -> None:
        """Decode up to the frame of this time; just the next frame where a time is missing."""
        if pts is not None and self.pts is not None and self.pts > pts:
            return
        while self.grab() and pts is not None and self.pts is not None and self.pts < pts:
            pass

    @property
    def interlaced(self) -> bool:
        """Whether the frame grabbed last was interlaced."""
        return self._now is not None and self._now.interlaced

    @property
    def pts(self) -> int | None:
        """Time stamp of the frame grabbed last, in `VideoInfo.time_base`; None: it has none."""
        now = self._now
        if not self._timed or now is None or now.pts is None or now.field:
            return None
        # A field is shown for half of its frame's time: the unit is halved.
        return 2 * now.pts if self._info.deinterlace == "fields" else now.pts

    @property
    def damaged(self) -> bool:
        """Whether the decoder had to make up part of the frame grabbed last."""
        return self._now is not None and self._now.damaged

    def retrieve(self) -> Converted | None:
        """The frame grabbed last, upright, at the film's size."""
        if self._now is None:
            return None
        picture = upright(self._converter.picture(self._now.frame), self._info)
        if not self._info.alpha:  # a palette may have transparent entries that are never used
            picture = replace(picture, alpha=None)
        self.resized = picture.image.shape[:2] != (self._info.height, self._info.width)
        return fitted(picture, self._info.width, self._info.height)
