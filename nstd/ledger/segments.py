"""Which frames make a segment, and which segment needs which: numbers in, numbers out.

Bounds depend on frame numbers and cuts alone, never on the clock or on what was painted so far.
So a film that is continued has the same segments as one that was never stopped.
"""

from collections.abc import Iterable
from typing import Self

from nstd.errors import LedgerError
from nstd.ledger.job import Segment


class SegmentPlanner:
    """Bounds of the segments of a film whose length and cuts show only while it is read.

    A segment ends before a cut or after `length` frames. The first one and one that begins with a
    cut depend on nothing; any other depends on the one before.

    Args:
        length: Frames in a segment, at most; at least 1.
        first: Number of the first frame to come.
        index: Number the first segment gets.
        depends: Whether the first frame goes on where segment `index - 1` ended, unless it turns
            out to be a cut: true where a film is continued, see `resume`.

    Raises:
        LedgerError: `length` is less than 1.
    """

    def __init__(
        self, length: int, first: int = 0, *, index: int = 0, depends: bool = False
    ) -> None:
        _check_length(length)
        self._length = length
        self._next = first
        self._index = index
        self._depends = depends
        self._open: Segment | None = None

    @classmethod
    def resume(cls, length: int, closed: Iterable[Segment], first: int = 0) -> Self:
        """The planner that goes on after segments planned before, given in their order.

        Args:
            length: As it was then.
            closed: Segments whose end is known; none of them for a film that only begins.
            first: Number of the film's first frame.

        Raises:
            LedgerError: They have a gap, overlap, or one has no end.
        """
        index = 0
        for segment in closed:
            if (segment.index, segment.first) != (index, first) or segment.last is None:
                raise LedgerError(
                    f"Segment {segment.index} of frames {segment.first} to {segment.last} stands"
                    f" where segment {index} has to begin with frame {first}"
                )
            first, index = segment.last + 1, index + 1
        return cls(length, first, index=index, depends=index > 0)

    @property
    def current(self) -> Segment | None:
        """The open segment: its first frame has come, its end has not."""
        return self._open

    @property
    def next_frame(self) -> int:
        """Number of the frame that `add` expects."""
        return self._next

    def add(self, frame_index: int, *, cut: bool) -> Segment | None:
        """Take the next frame.

        Args:
            frame_index: Its number; frames come in order, none left out.
            cut: Whether a new shot begins with it.

        Returns:
            The segment that ended before this frame, or None.

        Raises:
            LedgerError: It is not the next frame.
        """
        if frame_index != self._next:
            raise LedgerError(f"Frame {frame_index} came where frame {self._next} was due")
        full = self._open is not None and frame_index - self._open.first >= self._length
        ended = self.end() if cut or full else None
        if self._open is None:
            depends_on = self._index - 1 if self._depends and not cut else None
            self._open = Segment(self._index, frame_index, depends_on=depends_on)
        self._next = frame_index + 1
        return ended

    def end(self) -> Segment | None:
        """End the open segment with the frame that came last; None where no frame came."""
        if self._open is None:
            return None
        begun = self._open
        self._open = None
        self._index += 1
        self._depends = True
        return Segment(begun.index, begun.first, self._next - 1, begun.depends_on)


def bounds(first: int, last: int, length: int, cuts: Iterable[int] = ()) -> list[Segment]:
    """Segments of the frames `first` to `last`, both included, where the cuts are known.

    Args:
        first: Number of the first frame.
        last: Number of the last frame; `first - 1` for no frames.
        length: Frames in a segment, at most; at least 1.
        cuts: Numbers of the frames with which a new shot begins, in any order; those outside the
            range say nothing.
    """
    _check_length(length)
    starts = sorted({first, *(cut for cut in cuts if first < cut <= last)})
    if last < first:
        return []
    segments: list[Segment] = []
    for start, after in zip(starts, [*starts[1:], last + 1], strict=True):
        for begin in range(start, after, length):
            index = len(segments)
            depends_on = None if begin == start else index - 1
            segments.append(Segment(index, begin, min(begin + length, after) - 1, depends_on))
    return segments


def _check_length(length: int) -> None:
    if length < 1:
        raise LedgerError(
            f"A segment of {length} frames is none",
            "Set the length of a segment to one frame or more",
        )
