"""How long something takes, for people."""

from itertools import pairwise

UNITS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def duration_text(seconds: float) -> str:
    """Such as 3 h 20 min or 2 min 5 s: the two largest units, the smaller one unless it is 0.

    Args:
        seconds: Rounded to whole ones; less than half of one is 0 s.
    """
    left = max(0, round(seconds))
    for (unit, name), (below, small) in pairwise(UNITS):
        if left >= unit:
            rest = left % unit // below
            return f"{left // unit} {name}" + (f" {rest} {small}" if rest else "")
    return f"{left} s"
