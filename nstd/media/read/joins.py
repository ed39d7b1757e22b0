"""Does a film's clock start anew in midway? Recordings that were joined byte by byte do that.

What follows a jump is put right behind what was before it, as ffmpeg does and players do; else a
frame would be shown for an hour, or two at a time. Only MPEG's streams have such clocks.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import av

_FORMATS = ("mpegts", "mpeg")
_AHEAD = 10
_BACK = Fraction(1, 10)
"""Seconds that decoding times may go ahead and back: those at which ffmpeg sees a jump (its
`dts_delta_threshold`, and what it allows streams to be behind each other)."""
_MOST = 100
"""Jumps that are believed; a stream that has more is damaged."""


@dataclass(frozen=True, slots=True)
class Join:
    """A place where the clock starts anew.

    Attributes:
        seconds: When, by the clock until then.
        jump: By how many seconds it jumps.
        shift: Seconds to be added to all times from there on.
        begins: Number of the first packet that has the new clock, of each stream by its index.
    """

    seconds: Fraction
    jump: Fraction
    shift: Fraction
    begins: dict[int, int]

    def __str__(self) -> str:
        return (
            f"begins its clock anew at {float(self.seconds):.2f} seconds, {float(self.jump):+.2f} "
            "seconds away: what follows is put right behind"
        )


@dataclass(slots=True)
class _Part:
    """What has one clock.

    Attributes:
        seconds: When the one before it ended.
        jump: By how many seconds the clock has jumped then.
        begins: As in `Join`.
        first: Earliest time stamp of the picture, in its units, or None.
        end: When its last picture ends.
        untimed: How long the pictures are shown, together, whose time stamps are of another clock.
    """

    seconds: Fraction = Fraction(0)
    jump: Fraction = Fraction(0)
    begins: dict[int, int] = field(default_factory=dict)
    first: int | None = None
    end: int = 0
    untimed: int = 0


class Joins:
    """Looks at all packets of picture and sound, in the file's order.

    Args:
        container: ffmpeg's name of the format.
        picture: Index of the stream that is painted.
    """

    def __init__(self, container: str, picture: int) -> None:
        self._watches = container in _FORMATS
        self._picture = picture
        self._parts = [_Part()]
        self._part: dict[int, int] = {}
        self._count: dict[int, int] = {}
        self._ends: dict[int, Fraction] = {}

    def place(self, packet: "av.Packet[Any]") -> tuple[int, int | None]:
        """The part, from 0, that a packet belongs to, and when it is shown by that part's clock.

        Before a join ffmpeg makes up times of what it has not seen the end of, from what follows.
        """
        if not self._watches:
            return 0, packet.pts
        stream = packet.stream_index
        number = self._count[stream] = self._count.get(stream, -1) + 1
        if packet.dts is not None:
            now = packet.dts * packet.time_base
            if self._jumps(stream, now):
                self._begin(stream, number, now)
            self._ends[stream] = now + (packet.duration or 0) * packet.time_base
        part = self._part.setdefault(stream, 0)
        if stream != self._picture or packet.pts is None:
            return part, packet.pts
        own, long = self._parts[part], max(1, packet.duration or 0)
        ahead = 0 if packet.dts is None else (packet.pts - packet.dts) * packet.time_base
        if not -_BACK <= ahead <= _AHEAD:
            own.untimed += long
            return part, None
        own.first = packet.pts if own.first is None else min(own.first, packet.pts)
        own.end = max(own.end, packet.pts + long)
        return part, packet.pts

    def found(self, time_base: Fraction) -> tuple[Join, ...]:
        """The places found, in order.

        Args:
            time_base: Of the picture.
        """
        joins = []
        end = self._parts[0].end + self._parts[0].untimed
        for part in self._parts[1:]:
            shift = 0 if part.first is None else end - part.first
            end = max(end, part.end + part.untimed + shift)
            joins.append(Join(part.seconds, part.jump, shift * time_base, part.begins))
        return tuple(joins)

    def _jumps(self, stream: int, now: Fraction) -> bool:
        if stream not in self._ends or len(self._parts) > _MOST:
            return False
        part = self._part.get(stream, 0)
        beside = (end for other, end in self._ends.items() if self._part.get(other, 0) == part)
        return now < self._ends[stream] - _BACK or now > max(beside) + _AHEAD

    def _begin(self, stream: int, number: int, now: Fraction) -> None:
        newest = len(self._parts) - 1
        if self._part.get(stream, 0) == newest:
            before = self._ends[stream]
            self._parts.append(_Part(before, now - before))
            newest += 1
        self._part[stream] = newest
        self._parts[newest].begins[stream] = number


def rejoined(
    packets: Iterable["av.Packet[Any]"], joins: tuple[Join, ...]
) -> Iterator["av.Packet[Any]"]:
    """The packets of whole streams, from their first on, with times of one clock."""
    count: dict[int, int] = {}
    for packet in packets:
        stream = packet.stream_index
        number = count[stream] = count.get(stream, -1) + 1
        shifts = [join.shift for join in joins if number >= join.begins.get(stream, number + 1)]
        if shifts:
            ticks = round(shifts[-1] / packet.time_base)
            packet.pts = None if packet.pts is None else packet.pts + ticks
            packet.dts = None if packet.dts is None else packet.dts + ticks
        yield packet
