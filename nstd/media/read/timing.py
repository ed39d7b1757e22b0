"""Time stamps, in plain numbers: those of decoded frames, and decoding times for packets."""

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import numpy.typing as npt


class Clock:
    """Finds the exact time stamp of each frame that a decoder gives.

    Two faults in the times that OpenCV gives are mended with the time stamps that packets state:
    for a frame at time stamp 0 it gives the *decoding* time, and for a frame without a time stamp
    nonsense. If several frames have the same time, as in containers with a coarse clock, the later
    ones are shifted by one unit each, so that times ascend strictly.

    Args:
        times: int64 `[frames]`, sorted: the packets' time stamps; may be empty.
        start: The first frame's time, if no packet states it.
        step: Distance to assume between frames, if no packet states one.
    """

    def __init__(self, times: npt.NDArray[np.int64], start: int, step: int) -> None:
        self._times = times
        self._start = start
        self._step = max(1, step)
        self._next = 0
        self._last: int | None = None
        self.lost = 0
        self.skipped: list[int] = []

    @property
    def remaining(self) -> int:
        """How many of the stated frames have not come yet."""
        return len(self._times) - self._next

    def stamp(self, measured: int | None) -> int:
        """Time stamp of the frame just decoded.

        Frames that should have come before it are counted in `lost`; `skipped` has the time stamps
        of those that are missing since the last call.

        Args:
            measured: The time that the decoder gives, or None.
        """
        place = self._place(measured)
        passed = self._times[self._next : self._next if place is None else place]
        self.lost += len(passed)
        self.skipped = [self._ascending(int(stamp)) for stamp in passed]
        if place is not None:
            self._next = place
        if not self.remaining:
            return self._ascending(self._beyond(measured))
        self._next += 1
        return self._ascending(int(self._times[self._next - 1]))

    def _ascending(self, pts: int) -> int:
        self._last = pts if self._last is None else max(pts, self._last + 1)
        return self._last

    def following(self) -> int | None:
        """Time stamp of the next stated frame, or None after the last."""
        return int(self._times[self._next]) if self.remaining else None

    def _place(self, measured: int | None) -> int | None:
        if measured is None or not self.remaining:
            return None
        place = self._next + int(np.searchsorted(self._times[self._next :], measured))
        stated = place < len(self._times) and self._times[place] == measured
        return place if stated else None

    def _beyond(self, measured: int | None) -> int:
        if self._last is None:
            return self._start if measured is None else measured
        return (
            measured if measured is not None and measured > self._last else self._last + self._step
        )


def units(milliseconds: float, time_base: Fraction) -> int:
    """OpenCV's time in units of `time_base`: exact if it stands for a time stamp."""
    return round(Fraction(milliseconds) / 1000 / time_base)


def decoding_times(pts: Sequence[int]) -> list[int]:
    """Decoding time stamps for packets with these presentation time stamps.

    Each is at most its packet's presentation time, and they ascend strictly, as containers demand.
    The delay is the smallest that makes this possible.

    Args:
        pts: Presentation time stamps in decoding order, each once.
    """
    shown = sorted(pts)
    rank = {stamp: place for place, stamp in enumerate(shown)}
    delay = max((order - rank[stamp] for order, stamp in enumerate(pts)), default=0)
    gap = shown[1] - shown[0] if len(shown) > 1 else 1
    before = [shown[0] - gap * early for early in range(delay, 0, -1)]
    return (before + shown)[: len(pts)]
