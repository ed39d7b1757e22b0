"""Deinterlacing by ffmpeg's `bwdif`; frames that are not interlaced stay as they are.

Each frame's own flag decides. The result depends only on the frame and its two neighbors, so a film
may be read from any frame on, if one frame before that is decoded and thrown away.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal

import av
from av.filter import Graph

from nstd.errors import UnsupportedError

NEIGHBORS = 1
"""Frames on each side that a deinterlaced frame depends on."""


@dataclass(frozen=True, slots=True, eq=False)
class Decoded:
    """A frame as it comes from a decoder, deinterlaced or not.

    Attributes:
        frame: Its picture; the time stamp in it may mean nothing.
        pts: The coded frame's time stamp, or None.
        field: 1 if the picture is that of the later field of the coded frame, else 0.
        interlaced: Whether the coded frame was interlaced.
        damaged: The decoder reports that it had to make up part of it.
    """

    frame: av.VideoFrame
    pts: int | None
    field: int = 0
    interlaced: bool = False
    damaged: bool = False

    @classmethod
    def whole(cls, frame: av.VideoFrame) -> "Decoded":
        """A frame as it comes from a decoder."""
        return cls(frame, frame.pts, interlaced=frame.interlaced_frame, damaged=frame.is_corrupt)


def deinterlaced(
    frames: Iterable[av.VideoFrame], how: Literal["frames", "fields"]
) -> Iterator[Decoded]:
    """Make of each coded frame one whole frame, or one for each of its two fields.

    Args:
        frames: In the order of display.
        how: "frames": one for each coded frame; "fields": two, which are the same where the coded
            frame is not interlaced.

    Raises:
        UnsupportedError: They are too small to be deinterlaced.
    """
    filtered = _Filter(2 if how == "fields" else 1)
    for frame in frames:
        yield from filtered.push(frame)
    yield from filtered.end()


class _Filter:
    """A graph, made when the first interlaced frame comes, and the frames that wait in it."""

    def __init__(self, fields: int) -> None:
        self._fields = fields
        self._graph: Graph | None = None
        self._kind: tuple[object, ...] = ()
        self._last: av.VideoFrame | None = None
        self._pushed = 0
        self._waiting: deque[Decoded] = deque()

    def push(self, frame: av.VideoFrame) -> Iterator[Decoded]:
        kind = (
            frame.width, frame.height, frame.format.name, frame.colorspace, frame.color_range,
        )  # fmt: skip
        if kind != self._kind:
            yield from self.end()
            self._kind = kind
        decoded = Decoded.whole(frame)
        if self._graph is None and not decoded.interlaced:
            self._last = frame
            yield from self._shown(decoded, [frame])
            return
        if self._graph is None:
            self._graph = self._made(frame)
            if self._last is not None:  # handed out already, but the next result depends on it
                self._feed(self._graph, self._last)
        self._waiting.append(decoded)
        self._feed(self._graph, frame)
        yield from self._done(self._graph)

    def end(self) -> Iterator[Decoded]:
        if self._graph is not None:
            self._graph.vpush(None)
            yield from self._done(self._graph)
        self._graph, self._last, self._kind, self._pushed = None, None, (), 0

    def _feed(self, graph: Graph, frame: av.VideoFrame) -> None:
        # Its number among the frames pushed tells which output belongs to it; the film's own time
        # stamps may be missing.
        frame.pts, frame.time_base = self._pushed, Fraction(1)
        self._pushed += 1
        graph.vpush(frame)

    def _done(self, graph: Graph) -> Iterator[Decoded]:
        made: dict[int, list[av.VideoFrame]] = {}
        while True:
            try:
                frame = graph.vpull()
            except (av.error.BlockingIOError, av.error.EOFError):
                break
            made.setdefault((frame.pts or 0) // 2, []).append(frame)
        for place in sorted(made):
            if place >= self._pushed - len(self._waiting):
                yield from self._shown(self._waiting.popleft(), made[place])

    def _shown(self, coded: Decoded, made: list[av.VideoFrame]) -> Iterator[Decoded]:
        # A frame that is not interlaced is taken as it was: bwdif converts layouts that it does
        # not know into others.
        shown = made if coded.interlaced else [coded.frame]
        for field in range(self._fields):
            yield replace(coded, frame=shown[min(field, len(shown) - 1)], field=field)

    def _made(self, frame: av.VideoFrame) -> Graph:
        graph = Graph()
        graph.threads = 1
        kind = f"video_size={frame.width}x{frame.height}:pix_fmt={frame.format.name}"
        color = f"colorspace={int(frame.colorspace)}:range={int(frame.color_range)}"
        mode = "send_field" if self._fields == 2 else "send_frame"
        try:
            graph.link_nodes(
                graph.add("buffer", f"{kind}:time_base=1/1:{color}"),
                graph.add("bwdif", f"mode={mode}:parity=auto:deint=interlaced"),
                graph.add("buffersink"),
            ).configure()
        except av.FFmpegError as error:
            size = f"{frame.width}×{frame.height}"
            raise UnsupportedError(
                f"Interlaced pictures of {size} and {frame.format.name} cannot be made whole",
                "Take them as they are: --deinterlace off",
            ) from error
        return graph
