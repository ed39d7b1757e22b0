"""Whether a film's clock starts anew midway, as in recordings that were joined byte by byte.

What follows such a jump is put right after what came before it, as ffmpeg and players do; otherwise
one frame would be shown for an hour, or two frames at once. Only MPEG's program and transport
streams have such clocks.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import av

_FORMATS = ("mpegts", "mpeg")
_AHEAD = 10
_BACK = Fraction(1, 10)
"""Seconds by which decoding times may go ahead and back before it counts as a jump. They are
ffmpeg's: its `dts_delta_threshold`, and how far it lets one stream be behind another."""
_MOST = 100
"""Jumps that are followed at most; a stream that has more is damaged."""


@dataclass(frozen=True, slots=True)
class Join:
    """A place where the clock starts anew.

    Attributes:
        seconds: When, by the clock before the jump.
        jump: By how many seconds the clock jumps.
        shift: Seconds to be added to all times after it.
        begins: By stream index, the number of the first packet that has the new clock.
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
    """A part of the film that has one clock.

    Attributes:
        seconds: When the part before it ended.
        jump: By how many seconds the clock jumped then.
        begins: As in `Join`.
        first: Earliest time stamp of its pictures, in the stream's units, or None.
        end: When its last picture ends, in the stream's units.
        untimed: Total duration of the pictures whose time stamps belong to another clock.
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
        """The number of the part that a packet belongs to, from 0, and its time by that clock.

        The time is None where it is of another clock: just before a join ffmpeg makes up time
        stamps from what follows.
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
    """The packets of whole streams, from their first packets on, with times of one clock."""
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
