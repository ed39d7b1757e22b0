"""Films decoded by PyAV: the same `Decoder` as OpenCV's, of any stream."""

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
"""Frames that must come as they should for a beginning to count. By them it is seen where frames
are of two packets each, as of some interlaced films, or their times mean something else."""

DECODER_THREADS = 1
"""What a decoder makes up where a film is damaged depends on how far its other threads have come:
two made FFV1's frames differ from run to run. Decoding takes a hundredth of what painting does."""

SHOWN_BEFORE = 8
"""Frames, at most, that are shown before one that was decoded before them: B-frames in a row.
Encoders make three or four of them unless told otherwise."""

_LARGEST_PIXELS = 8192 * 4320
"""The largest of digital cinema's pictures."""

_WITH_ALPHA = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
"""Decoders of films whose alpha channel is a stream beside: ffmpeg's own leave it out."""


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
        timed: Packets state the times of their own frames.
        entry: The keyframe to begin at, where not at the first frame.

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
        entry: The keyframe to begin at: none comes that is shown before it.

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
    """The frames of a stream from a keyframe on, as they come from its first frame on, too.

    Raises:
        MadeUpError: The next frame may depend on damage.
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
    """The place among the film's times of the frame that comes first, if each comes at its time.

    The last few answers are remembered, as long as `scan` gives the same.

    Args:
        path: The film.
        index: Of its stream.
        counted: Of its stream.
        entry: The keyframe to begin at, where not at the first frame.

    Returns:
        Its place, from 0; None where the first few frames do not come whole and each at the next
        time.

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
    # In capitals, as Matroska's tags are, where a muxer has written it as a tag, too.
    told = {key.lower(): text for key, text in stream.metadata.items()}
    beside = _WITH_ALPHA.get(context.name) if told.get("alpha_mode") == "1" else None
    if beside is not None:
        context = cast("av.VideoCodecContext", av.CodecContext.create(beside, "r"))
    context.thread_count = DECODER_THREADS
    context.options = context.options | {"max_pixels": str(_most_pixels(context))}
    return context


def _most_pixels(context: av.VideoCodecContext) -> int:
    """Pixels that a frame may have: what the film states has been looked at, and 8K is a picture.

    A frame of more is damage, or a trap: some codecs' frames each state a size of their own.
    """
    return max(context.width * context.height, _LARGEST_PIXELS)


def _frames(
    context: av.VideoCodecContext, packet: "av.Packet[av.VideoStream] | None"
) -> list[av.VideoFrame] | None:
    """What comes out when a packet goes in; None where it is damaged."""
    try:
        return context.decode(packet)
    except av.FFmpegError:  # which is counted by who compares frames with packets
        return None


class PyAvDecoder:
    """See `Decoder`.

    Args:
        frames: As they are decoded.
        info: Of the film.
        timed: Whether their times mean something.
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
        """Decode the next frame; false at the film's end. Damage is gone over by itself."""
        self._now = next(self._frames, None)
        return self._now is not None

    def follow(self, pts: int | None) -> None:
        """Decode on to the frame of this time, or the next one where either has none."""
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
        """Whether the decoder had to make up some of the frame grabbed last."""
        return self._now is not None and self._now.damaged

    def retrieve(self) -> Converted | None:
        """The frame grabbed last, upright, at the film's size."""
        if self._now is None:
            return None
        picture = upright(self._converter.picture(self._now.frame), self._info)
        if not self._info.alpha:  # a palette that has transparent entries, and does not use them
            picture = replace(picture, alpha=None)
        self.resized = picture.image.shape[:2] != (self._info.height, self._info.width)
        return fitted(picture, self._info.width, self._info.height)
