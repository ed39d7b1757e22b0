"""Words for messages: the nearest known name, values and durations as a person would show them."""

import math
import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from itertools import pairwise
from numbers import Number
from os import PathLike

from nstd.errors import UsageError

LONGEST_QUOTE = 60

_UNITS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that was probably meant by `word`, or None where none is near."""
    by_fold = {name.casefold().replace("-", "_"): name for name in known}
    folded = word.casefold().replace("-", "_")
    if close := get_close_matches(folded, by_fold, n=1, cutoff=0.6):
        return by_fold[close[0]]
    for fold, name in by_fold.items():
        # `tv` for tv_weight, `style_images` for styles: close in words, far apart in letters.
        if {folded, folded.rstrip("s")} & set(fold.split("_")) or folded.startswith(fold):
            return name
    return None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The end of a sentence about an unknown `word`: the nearest known one, or all of them.

    Starts with its own punctuation; empty when nothing is known.
    """
    names = list(known)
    if (near := nearest(word, names)) is not None:
        return f"; did you mean “{near}”?"
    return f"; known are {', '.join(names)}" if names else ""


def either(words: Iterable[str]) -> str:
    """Some words as a choice: a, b or c."""
    *others, last = words
    return f"{', '.join(others)} or {last}" if others else last


def as_clause(sentence: str) -> str:
    """A sentence in the form that it has after a colon or a semicolon."""
    return sentence if sentence[1:2].isupper() else sentence[:1].lower() + sentence[1:]


def quote(value: object) -> str:
    """A value as shown in a message: short, on one line, without control characters."""
    match value:
        case None:
            shown = "nothing"
        case bool():
            shown = "“yes”" if value else "“no”"
        case int() | float():
            shown = _number(value)
        case Mapping():
            shown = "a set of keys"
        case list() | tuple():
            shown = "a list"
        case str() | PathLike() | Number():
            shown = _text(str(value))
        case _:
            shown = f"an object of type {type(value).__name__}"
    return shown


def duration_text(seconds: float) -> str:
    """A duration such as 3 h 20 min or 2 min 5 s: its two largest units; the smaller one if not 0.

    Args:
        seconds: Rounded to whole ones; less than half of one is 0 s.
    """
    left = max(0, round(seconds))
    for (unit, name), (below, small) in pairwise(_UNITS):
        if left >= unit:
            rest = left % unit // below
            return f"{left // unit} {name}" + (f" {rest} {small}" if rest else "")
    return f"{left} s"


def parse_duration(text: str, option: str) -> float:
    """Seconds that a text such as 30d, 12h, 5min or 0 means.

    Args:
        text: A whole number and a unit; 0 needs none.
        option: What it was given with, for the sentence.

    Raises:
        UsageError: It is of another form.
    """
    seconds = {name: unit for unit, name in _UNITS}
    match = re.fullmatch(r"(\d{1,9})([a-z]*)", text)
    if match is not None and match[2] in seconds:
        return float(match[1]) * seconds[match[2]]
    if match is not None and float(match[1]) == 0 and not match[2]:
        return 0.0
    raise UsageError(
        f"{option}: “{text}” is no time", f"Write a number and one of {', '.join(seconds)}: 30d"
    )


def _number(value: float) -> str:
    if not isinstance(value, int) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "infinity" if value > 0 else "minus infinity"
    if not -(10**18) < value < 10**18:  # also integers that are too long to show
        return "a very large number" if isinstance(value, int) else f"{value:g}"
    return str(int(value)) if value == int(value) else f"{value:g}"


def _text(text: str) -> str:
    if len(text) > LONGEST_QUOTE:
        text = text[: LONGEST_QUOTE - 1] + "…"
    return "“" + "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text) + "”"
