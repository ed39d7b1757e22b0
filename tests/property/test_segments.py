"""Bounds of segments for any film: they tile it, and do not depend on where it was resumed."""

from hypothesis import given
from hypothesis import strategies as st

from nstd.ledger.job import Segment
from nstd.ledger.segments import SegmentPlanner

FIRST = st.integers(0, 50)
LENGTH = st.integers(1, 12)
FRAMES = st.integers(0, 80)
CUTS = st.sets(st.integers(0, 130), max_size=20)


def _feed(planner: SegmentPlanner, last: int, cuts: set[int]) -> list[Segment]:
    ended = [planner.add(f, cut=f in cuts) for f in range(planner.next_frame, last + 1)]
    return [segment for segment in [*ended, planner.end()] if segment is not None]


def _whole(first: int, last: int, length: int, cuts: set[int]) -> list[Segment]:
    """The segments of the frames `first` to `last`, both included."""
    return _feed(SegmentPlanner(length, first), last, cuts)


def _tiled(first: int, last: int, length: int, cuts: set[int]) -> list[Segment]:
    """The same in another way, by all cuts at once."""
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


@given(FIRST, FRAMES, LENGTH, CUTS)
def test_segments_tile_the_film(first: int, frames: int, length: int, cuts: set[int]) -> None:
    painted: list[int] = []
    for index, segment in enumerate(_whole(first, first + frames - 1, length, cuts)):
        assert segment.index == index
        assert segment.last is not None
        assert 1 <= segment.last - segment.first + 1 <= length
        painted += range(segment.first, segment.last + 1)
    assert painted == list(range(first, first + frames))


@given(FIRST, FRAMES, LENGTH, CUTS)
def test_a_segment_depends_on_the_one_before_unless_a_shot_begins(
    first: int, frames: int, length: int, cuts: set[int]
) -> None:
    for segment in _whole(first, first + frames - 1, length, cuts):
        begins = segment.first == first or segment.first in cuts
        assert segment.depends_on == (None if begins else segment.index - 1)


@given(FIRST, FRAMES, LENGTH, CUTS)
def test_no_cut_lies_inside_a_segment(first: int, frames: int, length: int, cuts: set[int]) -> None:
    for segment in _whole(first, first + frames - 1, length, cuts):
        assert segment.last is not None
        assert not cuts & set(range(segment.first + 1, segment.last + 1))


@given(FIRST, FRAMES, LENGTH, CUTS)
def test_the_planner_finds_frame_by_frame_what_is_known_at_the_end(
    first: int, frames: int, length: int, cuts: set[int]
) -> None:
    last = first + frames - 1
    assert _whole(first, last, length, cuts) == _tiled(first, last, length, cuts)


@given(FIRST, FRAMES, LENGTH, CUTS, st.data())
def test_whatever_is_closed_already_the_others_are_planned_as_in_the_whole_film(
    first: int, frames: int, length: int, cuts: set[int], data: st.DataObject
) -> None:
    last = first + frames - 1
    whole = _whole(first, last, length, cuts)
    kept = [segment for segment in whole if data.draw(st.booleans())]
    planner = SegmentPlanner(length, first, closed=kept)
    open_frames = {f for s in whole if s not in kept for f in range(s.first, (s.last or 0) + 1)}
    assert planner.next_frame == min(open_frames, default=last + 1)
    planned, painted = list[Segment | None](), set[int]()
    while (frame := planner.next_frame) <= last:
        planned.append(planner.add(frame, cut=frame in cuts))
        if planner.current is not None:
            painted.add(frame)
    planned.append(planner.end())
    assert [one for one in planned if one] == [one for one in whole if one not in kept]
    assert painted == open_frames


@given(FIRST, FRAMES, LENGTH, CUTS, st.integers(0, 80))
def test_more_of_the_film_changes_no_segment_that_has_ended(
    first: int, frames: int, length: int, cuts: set[int], more: int
) -> None:
    last = first + frames - 1
    before = _whole(first, last, length, cuts)[:-1]
    assert _whole(first, last + more, length, cuts)[: len(before)] == before
