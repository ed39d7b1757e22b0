"""Which frames of a film are meant: by their numbers, or by their times."""

import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from nstd.errors import UsageError

FrameOrTime = int | Fraction
"""A frame by its number, from 0, or by its time: seconds since the film's first frame."""

_NUMBER = re.compile(r"\d{1,18}")
_SECONDS = re.compile(r"(\d{1,9}(?:\.\d{0,9})?|\.\d{1,9})s")


@dataclass(frozen=True, slots=True)
class FrameRange:
    """The frames from `first` on and before `end`, as in Python.

    Attributes:
        first: The first frame, or the first shown at that time or later.
        end: The first one left out; None for the film's end.
    """

    first: FrameOrTime = 0
    end: FrameOrTime | None = None

    @property
    def whole(self) -> bool:
        """Whether these are all frames of any film."""
        return self.first == 0 and self.end is None

    @property
    def timed(self) -> bool:
        """Whether what it means depends on the film's times."""
        return isinstance(self.first, Fraction) or isinstance(self.end, Fraction)

    def numbers(
        self, times: Sequence[int] = (), unit: Fraction = Fraction(1)
    ) -> tuple[int, int | None]:
        """Numbers of the first and the last frame; None for the film's last one.

        Args:
            times: When each frame is shown, ascending; not needed unless `timed`.
            unit: Seconds per unit of `times`.

        Raises:
            UsageError: No frame is shown in that time.
        """

        def number(place: FrameOrTime) -> int:
            if isinstance(place, int):
                return place
            start = times[0] if len(times) else 0
            # Time stamps are whole: the first one not before `place` is at its ceiling or later.
            return bisect_left(times, start - (-place // unit))

        first = number(self.first)
        if self.end is None:
            return first, None
        end = number(self.end)
        if end <= first:
            raise UsageError("--frames: no frame is shown in that time", "Choose a longer one")
        return first, end - 1


def parse_frames(text: str | None) -> FrameRange:
    """The frames that `A:B` means; None is all. Each of A and B is a number, or seconds as `2.5s`.

    Raises:
        UsageError: It is not of that form, or holds no frame.
    """
    if text is None:
        return FrameRange()
    first, colon, end = text.partition(":")
    found = FrameRange(_place(first or "0", text), _place(end, text) if end else None)
    if not colon:
        raise _no_range(text)
    same_kind = isinstance(found.first, int) == isinstance(found.end, int) or found.first == 0
    if found.end is not None and same_kind and found.end <= found.first:
        raise UsageError(f"--frames: “{text}” holds no frame", "B is the first frame left out")
    return found


def _place(text: str, whole: str) -> FrameOrTime:
    if _NUMBER.fullmatch(text):
        return int(text)
    if seconds := _SECONDS.fullmatch(text):
        return Fraction(seconds[1])
    raise _no_range(whole)


def _no_range(text: str) -> UsageError:
    return UsageError(
        f"--frames: “{text}” is no range",
        "Write A:B, as in 0:100; with an s it is seconds, as in 0:5s or 1.5s:4s",
    )
