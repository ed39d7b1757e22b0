"""What is in a film, added up packet by packet."""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

import av
import numpy as np
import numpy.typing as npt

from nstd.media.read.changes import Change
from nstd.media.read.joins import Join

Times = npt.NDArray[np.int64]

_REORDERED = 16
"""How many frames later than it is decoded a frame may be shown, at most, in H.264 and H.265."""
_UNSTATED = -(1 << 63)
"""Stands for a time stamp that is not stated, as in ffmpeg."""


@dataclass(frozen=True, slots=True, eq=False)
class Scan:
    """The frames of one video stream, counted and timed from its packets.

    Attributes:
        times: int64 `[frames]`, time stamps of the shown frames, ascending; empty where the
            container states none that can be trusted. Two may be the same where the container
            rounded them.
        packets: Number of the stream's packets, including those that show nothing.
        frames: Number of packets that show a frame.
        promised: Number of packets that the container's header states, or 0.
        offset: The stream's start time as the container states it, or None.
        tail: Duration of the last frame in display order, or 0.
        end: When the last packet of any stream ends, in seconds.
        sound_bytes: Size of all packets of sound.
        exact: Every packet states its own presentation time. Otherwise only the set of times is
            known, and some packets may show nothing.
        in_turn: Every packet's frame is shown when it is decoded, so that decoding times are the
            frames' times: so in AVI, which states no other times, if no frame is reordered.
        torn: The file ends in the middle of its last packet.
        keyframes: int64 `[keyframes, 3]`, in the order of decoding: presentation time stamp,
            decoding time stamp and size in bytes of each packet that is marked as a keyframe.
        changes: Where the picture's size, layout or aspect ratio changes, as far as packets tell.
        joins: Where the clock starts anew; `times` are already by one clock.
    """

    times: npt.NDArray[np.int64]
    packets: int
    frames: int
    promised: int
    offset: int | None
    tail: int
    end: float
    sound_bytes: int
    exact: bool
    torn: bool = False
    in_turn: bool = False
    keyframes: npt.NDArray[np.int64] = field(default_factory=lambda: np.empty((0, 3), np.int64))
    changes: tuple[Change, ...] = ()
    joins: tuple[Join, ...] = ()

    @property
    def timed(self) -> bool:
        """Whether decoders tell each frame's time."""
        return self.exact or self.in_turn

    def place_of(self, stamp: int | None) -> int | None:
        """The place among `times` of the frame with this time, or None if it is unknown."""
        if stamp is None or not self.timed:
            return None
        place = int(np.searchsorted(self.times, stamp))
        return place if place < len(self.times) and self.times[place] == stamp else None

    def from_place(self, place: int) -> "Scan":
        """The same scan without the frames before `place`."""
        return replace(self, times=self.times[place:], frames=self.frames - place)

    @property
    def span(self) -> int:
        """Duration from the first frame's time to the last frame's end, or 0 where unknown."""
        return (
            int(self.times[-1] - self.times[0]) + (self.tail or self.step) if len(self.times) else 0
        )

    @property
    def step(self) -> int:
        """The usual distance between two frames, or 0 where unknown."""
        return int(np.median(np.diff(self.times))) if len(self.times) > 1 else 0


class Tally:
    """Adds up a film's packets in one pass.

    A film of a day has millions of them, so each is noted as a few plain numbers of 8 bytes.
    """

    def __init__(self) -> None:
        self._pts, self._dts = array("q"), array("q")
        self._parts = array("B")
        self._keyframes = array("q")
        self._packets = 0
        self._last = (_UNSTATED, 0)
        self._is_last = False
        self._end = 0.0
        self._sound_bytes = 0
        self._time_base = Fraction(1)
        self._torn = self._in_turn = self._rejoined = False

    @property
    def frames(self) -> int:
        """How many packets that show a frame were added."""
        return len(self._pts)

    def add_other(self, packet: "av.Packet[Any]") -> None:
        """Count a packet of another stream."""
        self._note_end(packet)
        if packet.stream.type == "audio":
            self._sound_bytes += packet.size

    def add(self, packet: "av.Packet[Any]", part: int, pts: int | None, *, ends: bool) -> None:
        """Count a packet of the stream.

        Args:
            packet: The packet.
            part: How often the clock has started anew before it.
            pts: Its time stamp by that clock, or None.
            ends: It is the second field of the frame that the packet before it began.
        """
        self._note_end(packet)
        self._packets += 1
        if ends and self._is_last:
            self._last = (self._last[0], 0)  # the stated duration is that of one field
        if ends or packet.is_discard or _hidden(packet):
            return
        self._pts.append(_UNSTATED if pts is None else pts)
        self._dts.append(_UNSTATED if packet.dts is None else packet.dts)
        self._parts.append(part)
        self._time_base = packet.time_base
        if packet.is_keyframe and packet.pts is not None:
            decoded = packet.pts if packet.dts is None else packet.dts
            self._keyframes.extend((packet.pts, decoded, packet.size))
        stamp = _stamp(packet)
        self._is_last = stamp is not None and stamp > self._last[0]
        if stamp is not None and self._is_last:
            self._last = (stamp, packet.duration or 0)

    def _note_end(self, packet: "av.Packet[Any]") -> None:
        self._torn = packet.is_corrupt
        stamp = _stamp(packet)
        if stamp is not None and packet.stream.type != "attachment":
            end = (stamp + (packet.duration or 0)) * packet.time_base
            self._end = max(self._end, float(end))

    def rejoin(self, joins: Sequence[Join]) -> None:
        """Give all frames times of one clock."""
        self._rejoined = bool(joins)
        if not joins:
            return
        shifts = [0, *(round(join.shift / self._time_base) for join in joins)]
        step = self._step(_stated(self._pts))
        ends: dict[int, int] = {}
        for part, pts in zip(self._parts, self._pts, strict=True):
            ends[part] = max(ends.get(part, 0), (0 if pts == _UNSTATED else pts) + step)
        for number, part in enumerate(self._parts):
            if (pts := self._pts[number]) == _UNSTATED:
                pts = ends[part]
                ends[part] += step
            self._pts[number] = pts + shifts[part]

    def show_as_decoded(self, delay: int) -> None:
        """Time frames as players do where packets state only decoding times, as in AVI.

        Each frame is shown when it comes out of the decoder. The times that ffmpeg's demuxer makes
        up instead differ between its versions.

        Args:
            delay: How many packets the decoder takes in before its first frame comes out.
        """
        stated = _stated(self._dts)
        complete = len(stated) == len(self._dts)
        self._in_turn = delay == 0 and complete and self._pts == self._dts
        if complete and len(stated):
            late = stated[-1] + max(1, self._last[1]) * np.arange(1, delay + 1)
            self._pts = array("q", np.append(stated, late)[delay:].tobytes())

    def _step(self, stated: Times) -> int:
        """Usual distance between two frames, at least 1."""
        return max(1, int(np.median(np.diff(stated))) if len(stated) > 1 else self._last[1])

    def _fill_in_beginning(self) -> bool:
        """Give times to frames without one at the beginning, backward from the first that has one.

        Matroska cannot state times before 0, so frames before that come without a time.

        Returns:
            Whether there were such frames.
        """
        stated = _stated(self._pts)
        lacking = len(self._pts) - len(stated)
        untimed = (np.asarray(self._pts) == _UNSTATED) & (np.asarray(self._dts) == _UNSTATED)
        early = np.flatnonzero(untimed).tolist()
        if not len(stated) or not early or len(early) < lacking:
            return False
        if early[-1] >= lacking + _REORDERED:
            return False
        step = self._step(stated)
        for number, place in enumerate(early):
            self._pts[place] = int(stated[0]) - step * (lacking - number)
        return True

    def result(self, promised: int, offset: int | None, container: str) -> Scan:
        """What was counted.

        Args:
            promised: Number of the stream's packets by the container's header, or 0.
            offset: The stream's start time as the container states it, or None.
            container: ffmpeg's name of the format.
        """
        states_times = container != "avi"
        filled = self._fill_in_beginning()
        stated = _stated(self._pts)
        complete = len(stated) == len(self._pts)
        # Where only decoding times are stated: as a set they are the same.
        times = stated if complete else _stated(self._dts)
        return Scan(
            times=times if len(times) == len(self._pts) else times[:0],
            packets=self._packets,
            frames=len(self._pts),
            promised=promised,
            offset=offset,
            tail=self._last[1],
            end=self._end,
            sound_bytes=self._sound_bytes,
            exact=complete and states_times and not filled and not self._rejoined,
            in_turn=self._in_turn,
            # In a transport stream, packets that were badly received are marked as corrupt, too.
            torn=self._torn and container != "mpegts",
            keyframes=np.array(self._keyframes, np.int64).reshape(-1, 3),
        )


def _stamp(packet: "av.Packet[Any]") -> int | None:
    return packet.pts if packet.pts is not None else packet.dts


def _stated(stamps: "array[int]") -> Times:
    """The time stamps that are stated, ascending."""
    found = np.array(stamps, np.int64)
    return np.sort(found[found != _UNSTATED])


def _hidden(packet: "av.Packet[Any]") -> bool:
    """Whether a VP8 packet is an alternate reference frame, which is never shown."""
    return packet.stream.codec_context.name == "vp8" and not bytes(packet)[0] & 0x10
