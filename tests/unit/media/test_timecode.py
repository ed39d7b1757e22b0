"""Timecode of a film's first frame, and of that of a part of it."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nstd.media.write.timecode import first_frame

NTSC = Fraction(30000, 1001)


@pytest.mark.parametrize(
    ("text", "rate", "skipped", "expected"),
    [
        ("01:02:03:04", Fraction(25), 0, "01:02:03:04"),
        ("01:02:03:04", Fraction(25), 30, "01:02:04:09"),
        ("23:59:59:24", Fraction(25), 1, "00:00:00:00"),
        ("00:00:59;29", NTSC, 0, "00:00:59;29"),
        ("00:00:59;29", NTSC, 1, "00:01:00;02"),
        ("00:09:59;29", NTSC, 1, "00:10:00;00"),
        ("00:00:59;59", Fraction(60000, 1001), 1, "00:01:00;04"),
        ("00:00:00;00", NTSC, 17982, "00:10:00;00"),
    ],
)
def test_frames_are_counted(text: str, rate: Fraction, skipped: int, expected: str) -> None:
    assert first_frame([text], rate, skipped) == expected


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("", Fraction(25)),
        ("1:2:3:4", Fraction(25)),
        ("01:02:03:25", Fraction(25)),
        ("01:61:03:04", Fraction(25)),
        ("01:02:03;04", Fraction(25)),
        ("01:02:03:04", Fraction(15)),
    ],
)
def test_what_cannot_be_counted_is_none(text: str, rate: Fraction) -> None:
    assert first_frame([text], rate) == ""


@given(st.integers(0, 24 * 6 * 17982 - 1), st.integers(0, 100_000))
def test_skipping_twice_is_skipping_the_sum(first: int, second: int) -> None:
    begin = ["00:00:00;00"]
    once = first_frame([first_frame(begin, NTSC, first)], NTSC, second)
    assert once == first_frame(begin, NTSC, first + second)
