"""Bounds of segments, told by examples."""

from collections.abc import Collection

import pytest

from nstd.errors import LedgerError
from nstd.ledger.job import Segment
from nstd.ledger.segments import SegmentPlanner


def _plan(planner: SegmentPlanner, frames: range, cuts: Collection[int]) -> list[Segment]:
    ended = [planner.add(frame, cut=frame in cuts) for frame in frames]
    return [segment for segment in [*ended, planner.end()] if segment is not None]


def _segments(first: int, last: int, length: int, cuts: Collection[int] = ()) -> list[Segment]:
    """Of a whole film, as it is planned."""
    return _plan(SegmentPlanner(length, first), range(first, last + 1), cuts)


def test_a_segment_ends_after_its_length() -> None:
    assert _segments(0, 6, 3) == [
        Segment(0, 0, 2),
        Segment(1, 3, 5, depends_on=0),
        Segment(2, 6, 6, depends_on=1),
    ]


def test_a_cut_ends_a_segment_and_what_follows_depends_on_nothing() -> None:
    assert _segments(0, 6, 3, cuts=[4]) == [
        Segment(0, 0, 2),
        Segment(1, 3, 3, depends_on=0),
        Segment(2, 4, 6),
    ]


def test_length_is_counted_from_the_cut() -> None:
    spans = [(s.first, s.last) for s in _segments(10, 20, 4, cuts=[11])]
    assert spans == [(10, 10), (11, 14), (15, 18), (19, 20)]


def test_a_cut_at_the_first_frame_says_nothing() -> None:
    assert _segments(5, 7, 10, cuts=[5]) == [Segment(0, 5, 7)]


def test_no_frames_make_no_segment() -> None:
    assert _segments(5, 4, 10) == []


def test_the_planner_knows_a_segment_by_its_first_frame() -> None:
    planner = SegmentPlanner(3)
    assert SegmentPlanner(3).current is None
    assert planner.add(0, cut=True) is None
    assert planner.current == Segment(0, 0)
    assert _plan(planner, range(1, 4), set()) == [Segment(0, 0, 2), Segment(1, 3, 3, 0)]


def test_a_cut_right_after_a_full_segment_ends_it_once() -> None:
    assert _plan(SegmentPlanner(2), range(4), {2}) == [Segment(0, 0, 1), Segment(1, 2, 3)]


def test_a_planner_goes_on_where_a_film_was_stopped() -> None:
    planner = SegmentPlanner(3, closed=_segments(0, 5, 3))
    assert planner.next_frame == 6
    assert _plan(planner, range(6, 8), set()) == [Segment(2, 6, 7, depends_on=1)]


def test_what_is_closed_in_the_middle_is_not_planned_again() -> None:
    planner = SegmentPlanner(3, 4, closed=[Segment(2, 9, 11), Segment(3, 12, 12, 2)])
    assert planner.next_frame == 4
    assert [planner.add(frame, cut=frame == 9) for frame in range(4, 9)][-2] == Segment(0, 4, 6)
    # One frame tells that they begin; the others need not be read.
    assert planner.add(9, cut=True) == Segment(1, 7, 8, 0)
    assert (planner.current, planner.next_frame) == (None, 13)
    assert _plan(planner, range(13, 15), {13}) == [Segment(4, 13, 14)]


def test_a_closed_segment_of_another_number_than_is_planned_there_is_refused() -> None:
    planner = SegmentPlanner(3, closed=[Segment(0, 0, 2), Segment(1, 4, 6, 0)])
    planner.add(3, cut=False)
    with pytest.raises(LedgerError, match="frames 4 to 6 stands where segment 2 has to begin"):
        planner.add(4, cut=False)


def test_a_segment_without_an_end_is_not_closed() -> None:
    with pytest.raises(LedgerError, match="frames 0 to None"):
        SegmentPlanner(3, closed=[Segment(0, 0)])


@pytest.mark.parametrize("first", [0, 2])
def test_closed_segments_do_not_overlap(first: int) -> None:
    closed = [Segment(0, 0, 2), Segment(1, first, 4, 0)]
    with pytest.raises(LedgerError, match="no frame before 3 may be"):
        SegmentPlanner(3, closed=closed)


def test_a_frame_left_out_is_refused() -> None:
    planner = SegmentPlanner(3)
    planner.add(0, cut=False)
    with pytest.raises(LedgerError, match="Frame 2 came where frame 1 was due"):
        planner.add(2, cut=False)


@pytest.mark.parametrize("length", [0, -1])
def test_a_length_below_one_is_refused(length: int) -> None:
    with pytest.raises(LedgerError, match="is none"):
        SegmentPlanner(length)
