"""Which part of a source's other streams is kept."""

from fractions import Fraction

import pytest

from nstd.media.write.tracks import Window

PART = Window(shift=Fraction(2), start=Fraction(2), end=Fraction(5))


@pytest.mark.parametrize(
    ("begin", "end", "kept"),
    [
        (0, 1, False),
        (1, 2, False),  # ends as the part begins
        (1, 3, True),
        (2, 2, True),  # of unknown duration, at the very beginning
        (3, 4, True),
        (4, 9, True),
        (5, 6, False),  # begins as the part ends
    ],
)
def test_a_part_keeps_what_it_overlaps(begin: int, end: int, kept: bool) -> None:
    assert PART.holds(Fraction(begin), Fraction(end)) is kept


def test_the_whole_keeps_everything() -> None:
    whole = Window(Fraction(0))
    assert whole.holds(Fraction(-1), Fraction(0))
    assert whole.holds(Fraction(10**6), Fraction(10**6))
