"""Whether a film's picture changes its size midway, found in its packets without decoding it all.

Of a film that was received or joined, the container states no size that holds to its end: the size
stands in the headers that keyframes carry. Where a header differs from the one before, one frame is
decoded.
"""

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
from av.codec.context import CodecContext
from av.stream import Stream

_START = rb"\x00\x00\x01"
_TO_NEXT = rb"(.{1,256}?)(?=" + _START + rb"|\Z)"
_HEADERS = {
    name: re.compile(pattern, re.DOTALL)
    for name, pattern in {
        "h264": _START + rb"[\x07\x27\x47\x67]" + _TO_NEXT,
        "hevc": _START + rb"\x42\x01" + _TO_NEXT,
        "mpeg1video": _START + rb"\xb3(.{4})",
        "mpeg2video": _START + rb"\xb3(.{4})",
        "mpeg4": _START + rb"[\x20-\x2f]" + _TO_NEXT,
        "mjpeg": rb"\xff[\xc0-\xc2](.{9})",
        "vp8": rb"\A.{3}\x9d\x01\x2a(.{4})",
        "vp9": rb"\A.\x49\x83\x42(.{5})",
    }.items()
}
"""Finds in a keyframe's packet the part of the header that states the size."""
_SEARCHED = 4096
"""Bytes of a packet in which its header is searched."""
_MOST = 16
"""Changes that are reported at most: over a bad line the picture may change every second."""


@dataclass(frozen=True, slots=True)
class CodedPicture:
    """Size and format of a coded picture.

    Attributes:
        width: Pixels, as coded.
        height: Pixels, as coded.
        layout: ffmpeg's name of the pixel format.
        aspect: Width over height of a pixel, or 0 where that is not stated.
    """

    width: int
    height: int
    layout: str
    aspect: Fraction

    def __str__(self) -> str:
        square = self.aspect in (0, 1)
        return f"{self.width}×{self.height}{'' if square else f' (pixels {self.aspect} wide)'}"


@dataclass(frozen=True, slots=True)
class Change:
    """A change of the picture.

    Attributes:
        seconds: When, by the stream's clock.
        before: What it was until then.
        after: What it is from then on.
    """

    seconds: float
    before: CodedPicture
    after: CodedPicture

    def __str__(self) -> str:
        words = [str(self.before), str(self.after)]
        if words[0] == words[1]:
            words = [self.before.layout, self.after.layout]
        return f"changes its picture from {words[0]} to {words[1]} at {self.seconds:.2f} seconds"


class Changes:
    """Looks at the packets of one stream, in order.

    Attributes:
        found: The changes.
    """

    def __init__(self, stream: Stream) -> None:
        context: CodecContext | None = stream.codec_context
        self._pattern = _HEADERS.get(context.codec.canonical_name) if context else None
        self._header = b""
        self._keyframe: av.Packet[Any] | None = None
        self.found: list[Change] = []

    def look_at(self, packet: "av.Packet[Any]") -> None:
        """See whether a packet brings another header than those before."""
        if self._pattern is None or not packet.is_keyframe or len(self.found) >= _MOST:
            return
        match = self._pattern.search(memoryview(packet)[:_SEARCHED])
        if match is None or (header := bytes(match[1])) == self._header:
            return
        if self._keyframe is not None and packet.pts is not None:
            before, after = _kind_of(self._keyframe), _kind_of(packet)
            if after is None:
                return
            if before is not None and before != after:
                seconds = float(packet.pts * packet.time_base)
                self.found.append(Change(seconds, before, after))
        self._header, self._keyframe = header, packet


def _kind_of(packet: "av.Packet[Any]") -> CodedPicture | None:
    """Size and format of the picture in a keyframe; None where it is damaged."""
    own = packet.stream.codec_context
    context = CodecContext.create(own.name, "r")
    context.thread_count = 1
    context.extradata = own.extradata
    frames: list[av.VideoFrame] = []
    try:
        for given in (packet, None):
            frames += context.decode(given)
    except (av.FFmpegError, MemoryError):
        return None
    if not frames:
        return None
    first = frames[0]
    aspect = Fraction(context.sample_aspect_ratio or 0)
    return CodedPicture(first.width, first.height, first.format.name, aspect)
