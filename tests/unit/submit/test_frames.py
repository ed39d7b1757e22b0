"""Ranges of frames, by number and by time."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nstd.errors import UsageError
from nstd.submit.frames import FrameRange, parse_frames


@given(st.integers(0, 10**6), st.integers(1, 10**6))
def test_frames_end_before_b_as_in_python(begin: int, count: int) -> None:
    first, last = parse_frames(f"{begin}:{begin + count}").numbers()
    assert last is not None
    assert range(first, last + 1) == range(begin, begin + count)


def test_either_end_of_the_frames_may_be_left_out() -> None:
    assert parse_frames(None).whole
    assert parse_frames(":").whole
    assert parse_frames("7:").numbers() == (7, None)
    assert parse_frames(":7").numbers() == (0, 6)
    assert parse_frames("1.5s:") == FrameRange(Fraction(3, 2))
    assert parse_frames(":.25s") == FrameRange(0, Fraction(1, 4))


def test_numbers_and_times_may_be_mixed() -> None:
    assert parse_frames("0:5s").numbers(range(1000), Fraction(1, 24)) == (0, 119)
    assert parse_frames("24:5s").numbers(range(1000), Fraction(1, 24)) == (24, 119)
    assert parse_frames("1s:30").numbers(range(1000), Fraction(1, 24)) == (24, 29)


@given(
    st.lists(st.integers(0, 400), min_size=1, max_size=40).map(sorted),
    st.fractions(0, 5, max_denominator=1000),
    st.fractions(Fraction(1, 1000), 5, max_denominator=1000),
    st.sampled_from([Fraction(1, 90), Fraction(1, 3), Fraction(1001, 30000)]),
    st.integers(-1000, 1000),
)
def test_times_mean_the_frames_shown_from_the_one_and_before_the_other(
    steps: list[int], begin: Fraction, length: Fraction, unit: Fraction, start: int
) -> None:
    """Whatever the rate does, and wherever the film's own clock begins."""
    stamps = [start + step - steps[0] for step in steps]
    meant = [
        number
        for number, stamp in enumerate(stamps)
        if begin <= (stamp - start) * unit < begin + length
    ]
    frames = FrameRange(begin, begin + length)
    if not meant:
        with pytest.raises(UsageError, match="no frame is shown in that time"):
            frames.numbers(stamps, unit)
        return
    assert frames.numbers(stamps, unit) == (meant[0], meant[-1])


@pytest.mark.parametrize(
    "text",
    ["", "7", "5s", "a:b", "1:2:3", "-1:5", "1.5:3", "1-3", " 1:3", "1e3s:", "0:5m", "s:", "1/3s:"],
)
def test_what_is_no_range_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is no range") as caught:
        parse_frames(text)
    assert "Write A:B" in str(caught.value)


@pytest.mark.parametrize("text", ["3:3", "5:3", ":0", "0:0", "2s:2s", "2s:1.5s", "0:0s", ":0s"])
def test_a_range_without_a_frame_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="holds no frame"):
        parse_frames(text)
