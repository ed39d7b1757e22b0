"""Films decoded by PyAV: the same `Decoder` as OpenCV's, of any stream."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av

from nstd.errors import UnsupportedError
from nstd.media.frame import VideoInfo
from nstd.media.read.convert import Converter, Picture
from nstd.media.read.decoding import upright
from nstd.media.read.scan import open_film, packets

DECODER_THREADS = 2
"""Fixed, and each with frames of its own: what a decoder makes of damage depends on the threads
that share a frame."""


@contextmanager
def pyav_decoder(path: Path, info: VideoInfo, *, timed: bool = True) -> Iterator["PyAvDecoder"]:
    """Open a film to decode the stream that `info` names with PyAV.

    Args:
        path: The film.
        info: Its facts.
        timed: Packets state the times of their own frames.

    Raises:
        InputError: It cannot be opened as a film.
        StorageError: The file system failed.
    """
    with open_film(path) as container:
        stream = container.streams[info.stream]
        if not isinstance(stream, av.VideoStream):
            raise UnsupportedError(f"{path} is not the film it was: stream {info.stream} is none")
        context = stream.codec_context
        context.thread_type, context.thread_count = "FRAME", DECODER_THREADS
        yield PyAvDecoder(decoded(container, stream, path), info, timed=timed)


def decoded(
    container: av.container.InputContainer, stream: av.VideoStream, path: Path
) -> Iterator[av.VideoFrame]:
    """The frames of a stream; what cannot be decoded is left out.

    Raises:
        StorageError: The file system failed.
    """
    for packet in packets(container, path, stream.index):
        yield from _frames(stream, packet)
    yield from _frames(stream, None)


def _frames(
    stream: av.VideoStream, packet: "av.Packet[av.VideoStream] | None"
) -> list[av.VideoFrame]:
    try:
        return stream.decode(packet)
    except av.FFmpegError:  # damage, which is counted by who compares frames with packets
        return []


class PyAvDecoder:
    """See `Decoder`.

    Args:
        frames: As they are decoded.
        info: Of the film.
        timed: Whether their times mean something.
    """

    def __init__(
        self, frames: Iterator[av.VideoFrame], info: VideoInfo, *, timed: bool = True
    ) -> None:
        self._timed = timed
        self._frames = frames
        self._info = info
        self._converter = Converter(info)
        self._frame: av.VideoFrame | None = None

    def grab(self, attempts: int = 1) -> bool:
        """Decode the next frame; false at the film's end. Damage is gone over by itself."""
        self._frame = next(self._frames, None) if attempts else None
        return self._frame is not None

    @property
    def pts(self) -> int | None:
        """Time stamp of the frame grabbed last, in `VideoInfo.time_base`; None: it has none."""
        return self._frame.pts if self._timed and self._frame is not None else None

    def retrieve(self) -> Picture | None:
        """The frame grabbed last, upright; None if it is of another size than the film's."""
        if self._frame is None:
            return None
        return upright(self._converter.picture(self._frame), self._info)
