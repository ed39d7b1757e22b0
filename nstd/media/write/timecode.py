"""Timecode: the number that a film's first frame has on the clock of the camera."""

import re
from collections.abc import Sequence
from fractions import Fraction

from av.container import InputContainer

_PARTS = re.compile(r"(\d\d):(\d\d):(\d\d)([:;.,])(\d\d)")
_RATES = {24, 25, 30, 48, 50, 60, 100, 120, 150}
"""Frame rates for which QuickTime's muxer writes a timecode."""
_DROP = ";.,"
_DAY = 24 * 60


def clocks(film: InputContainer) -> list[str]:
    """The timecodes that a film states, itself or in its streams, as text."""
    tags = [film.metadata, *(stream.metadata for stream in film.streams)]
    return [text for some in tags for key, text in some.items() if key.lower() == "timecode"]


def clocked(film: InputContainer) -> dict[str, str]:
    """A film's tags, with its timecode, wherever in the film that is stated."""
    return film.metadata | {"timecode": next(iter(clocks(film)), "")}


def first_frame(told: Sequence[str], rate: Fraction, skipped: int = 0) -> str:
    """The timecode of a film's first frame; "" if none is stated that can be used.

    Drop-frame timecode, of 29.97 and 59.94 frames a second, skips the first two (four) numbers of
    each minute, except of every tenth minute.

    Args:
        told: The timecodes that the film states; the first counts.
        rate: Frames a second.
        skipped: How many frames of the film are left out before its first.
    """
    found = _PARTS.fullmatch(next(iter(told), ""))
    base = round(rate)
    if not found or base not in _RATES:
        return ""
    hours, minutes, seconds, frames = (int(found[part]) for part in (1, 2, 3, 5))
    left_out = base // 15 if found[4] in _DROP else 0
    if (left_out and base % 30) or minutes > 59 or seconds > 59 or frames >= base:
        return ""
    if not skipped:
        return found[0]
    minute = hours * 60 + minutes
    count = (minute * 60 + seconds) * base + frames - left_out * (minute - minute // 10)
    return _written(count + skipped, base, left_out)


def _written(count: int, base: int, left_out: int) -> str:
    ten_minutes, minute = 600 * base - 9 * left_out, 60 * base - left_out
    tens, rest = divmod(count, ten_minutes)
    # Of ten minutes the first one skips nothing.
    count += left_out * (9 * tens + max(0, rest - left_out) // minute)
    seconds, frames = divmod(count, base)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes % _DAY, 60)
    mark = ";" if left_out else ":"
    return f"{hours:02}:{minutes:02}:{seconds:02}{mark}{frames:02}"
