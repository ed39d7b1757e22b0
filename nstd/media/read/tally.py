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
"""Frames that one may be coded ahead of at most, in H.264 and H.265."""
_UNSTATED = -(1 << 63)
"""What stands for a time stamp that is not stated, as in ffmpeg."""


@dataclass(frozen=True, slots=True, eq=False)
class Scan:
    """The frames of one video stream, counted and timed from its packets.

    Attributes:
        times: int64 `[frames]`, time stamps of the shown frames, ascending; empty where the
            container states none that can be trusted. Two may be the same where the container
            rounded them.
        packets: Number of the stream's packets, those that show nothing included.
        frames: Number of packets that show a frame.
        promised: Number of packets that the container's header states, or 0.
        offset: The stream's start time as the container states it, or None.
        tail: Duration of the last frame in display order, or 0.
        end: Seconds at which the last packet of any stream ends.
        sound_bytes: Size of all packets of sound.
        exact: Every packet states its own presentation time; otherwise only the set of times is
            known, and some packets may show nothing.
        in_turn: Every packet shows a frame when it is decoded, so that its time of decoding is that
            of its frame: as AVI has it, which states no others, where no frame is reordered.
        torn: The file ends in the midst of its last packet.
        keyframes: int64 `[keyframes, 3]`, in the order of decoding: time stamps of presentation
            and of decoding, and size in bytes, of packets that say they need none before them.
        changes: Where the picture's size, layout or aspect changes, as far as packets tell.
        joins: Where the clock starts anew; `times` are of one clock all the same.
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
        """The place among `times` of the frame of this time, where decoders tell such times."""
        if stamp is None or not self.timed:
            return None
        place = int(np.searchsorted(self.times, stamp))
        return place if place < len(self.times) and self.times[place] == stamp else None

    def from_place(self, place: int) -> "Scan":
        """The same without the frames before the one at this place."""
        return replace(self, times=self.times[place:], frames=self.frames - place)

    @property
    def span(self) -> int:
        """From the first frame's time to the last one's end, or 0 where unknown."""
        return (
            int(self.times[-1] - self.times[0]) + (self.tail or self.step) if len(self.times) else 0
        )

    @property
    def step(self) -> int:
        """The usual distance between two frames, or 0 where unknown."""
        return int(np.median(np.diff(self.times))) if len(self.times) > 1 else 0


class Tally:
    """Counts packets; a class because one pass gathers several numbers.

    Of a day's film there are millions: what is noted of each are plain numbers, 8 bytes each.
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
            pts: Its time stamp, as far as it is of that clock.
            ends: It shows no frame of its own, but ends that of the packet before it.
        """
        self._note_end(packet)
        self._packets += 1
        if ends and self._is_last:
            self._last = (self._last[0], 0)  # what is stated is how long one of the two is shown
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
        """Time frames as players do where packets state when they are decoded only, as in AVI.

        Each is shown when it comes out of the decoder. What ffmpeg's demuxer makes up instead is
        another thing in each of its versions.

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
        """From one frame to the next, at least 1."""
        return max(1, int(np.median(np.diff(stated))) if len(stated) > 1 else self._last[1])

    def _fill_in_beginning(self) -> bool:
        """Time the frames before the first that states its time backwards from there.

        Matroska cannot state times before 0; what begins there comes without any, whatever it
        said of sound.

        Returns:
            Whether there were any.
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
        """All that was counted.

        Args:
            promised: Number of the stream's packets that the container's header states, or 0.
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
            # In a transport stream, what was badly received is marked so too.
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
