"""Which frames form a segment, and which segment needs which: numbers in, numbers out.

Bounds depend only on frame numbers and cuts, never on the clock or on what was painted so far. So a
film that is continued has the same segments as one that was never stopped.
"""

from collections import deque
from collections.abc import Iterable, Mapping

from nstd.errors import LedgerError
from nstd.ledger.job import Segment


class SegmentPlanner:
    """Bounds of the segments of a film whose length and cuts become known while it is read.

    A segment ends before a cut or after `length` frames. The first one and one that begins with a
    cut depend on nothing; any other depends on the one before. Closed segments are not planned
    again, wherever they are; the segments between them are those that the whole film has there.

    Args:
        length: Most frames in a segment, at least 1; for a film that is continued, as before.
        first: Number of the film's first frame.
        closed: Segments that are painted already, in their order.

    Raises:
        LedgerError: `length` is less than 1; a closed segment has no end, or overlaps with another;
            those that the film begins with are not numbered from 0.
    """

    def __init__(self, length: int, first: int = 0, *, closed: Iterable[Segment] = ()) -> None:
        if length < 1:
            raise LedgerError(
                f"A segment of {length} frames is none",
                "Set the length of a segment to one frame or more",
            )
        self._length = length
        self._next = first
        self._index = 0
        self._depends = False
        self._open: Segment | None = None
        self._closed = deque(closed)
        end = first
        for segment in self._closed:
            if segment.last is None or segment.first < end:
                raise _out_of_place(segment, f"no frame before {end} may be")
            end = segment.last + 1
        self._pass_closed()

    @property
    def current(self) -> Segment | None:
        """The open segment: its first frame has come, its end has not.

        It is also None where a closed segment begins with the frame that came last.
        """
        return self._open

    @property
    def next_frame(self) -> int:
        """Number of the frame that `add` expects: the next one that is in no closed segment."""
        return self._next

    def add(self, frame_index: int, *, cut: bool) -> Segment | None:
        """Take the next frame.

        Args:
            frame_index: Its number, `next_frame`. Frames come in order, and only those of closed
                segments are left out, except for the first of each.
            cut: Whether a new shot begins with it.

        Returns:
            The segment that ended before this frame, or None.

        Raises:
            LedgerError: It is not the next frame; or a closed segment begins with it that has
                another number than the one planned here.
        """
        if frame_index != self._next:
            raise LedgerError(f"Frame {frame_index} came where frame {self._next} was due")
        if self._closed and frame_index == self._closed[0].first:
            ended = self.end()
            self._pass_closed()
            return ended
        full = self._open is not None and frame_index - self._open.first >= self._length
        ended = self.end() if cut or full else None
        if self._open is None:
            depends_on = self._index - 1 if self._depends and not cut else None
            self._open = Segment(self._index, frame_index, depends_on=depends_on)
        self._next = frame_index + 1
        return ended

    def end(self) -> Segment | None:
        """End the open segment with the frame that came last; None where there is none."""
        if self._open is None:
            return None
        begun = self._open
        self._open = None
        self._index += 1
        self._depends = True
        return Segment(begun.index, begun.first, self._next - 1, begun.depends_on)

    def _pass_closed(self) -> None:
        """Go on behind the closed segments that begin with the next frame, if any do."""
        while self._closed and self._closed[0].first == self._next:
            segment = self._closed.popleft()
            if segment.index != self._index:
                raise _out_of_place(segment, f"segment {self._index} has to begin")
            self._next = (segment.last or 0) + 1
            self._index += 1
            self._depends = True


def shot_around(segments: Mapping[int, Segment], number: int) -> range:
    """Numbers of the segments of one shot, which form a chain: each depends on the one before.

    Args:
        segments: Segments of the film, by number, among them all of the shot.
        number: One of the shot's.
    """
    first, end = number, number + 1
    while segments[first].depends_on is not None:
        first -= 1
    while end in segments and segments[end].depends_on is not None:
        end += 1
    return range(first, end)


def _out_of_place(segment: Segment, why: str) -> LedgerError:
    return LedgerError(
        f"Segment {segment.index} of frames {segment.first} to {segment.last} stands where {why}"
    )
