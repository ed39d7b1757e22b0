"""What is in a film, found by reading all its packets without decoding one."""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import av
import numpy as np
import numpy.typing as npt
from av.container import InputContainer

from nstd.errors import from_os_error
from nstd.media.faults import reading_error
from nstd.media.read.changes import Change, Changes
from nstd.media.read.joins import Join, Joins
from nstd.media.read.limits import Limits

_LOG = logging.getLogger(__name__)

_REORDERED = 16
"""Frames that one may be coded ahead of at most, in H.264 and H.265."""
_UNBROKEN_FAILURES = 64
"""A demuxer that fails this often without a packet in between will not recover."""


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


def of_whole_frames(scan: Scan, step: int) -> Scan:
    """The same of a film in which packets may hold single fields: two of them are one frame.

    Args:
        scan: As its packets were counted.
        step: From one frame to the next; what follows a frame after half of that is its other
            field, give or take what containers round.
    """
    whole: list[int] = []
    for stamp in scan.times.tolist():
        if not whole or not 2 * step <= 5 * (stamp - whole[-1]) <= 3 * step:
            whole.append(stamp)
    second = len(scan.times) - len(whole)
    return replace(
        scan,
        times=np.array(whole, dtype=np.int64),
        packets=scan.packets - second,
        frames=scan.frames - second,
        promised=max(0, scan.promised - second),
        tail=step if second else scan.tail,
    )


def of_fields(scan: Scan) -> Scan:
    """The two fields of each frame, in half of its unit of time: the second midway to the next."""
    times, last = scan.times, scan.tail or scan.step
    following = np.append(times[1:], times[-1:] + last)
    return replace(
        scan,
        times=np.stack([2 * times, times + following], axis=1).reshape(-1),
        packets=2 * scan.packets,
        frames=2 * scan.frames,
        promised=2 * scan.promised,
        offset=None if scan.offset is None else 2 * scan.offset,
        tail=scan.tail,
    )


@contextmanager
def open_film(path: Path) -> Iterator[InputContainer]:
    """Open a film for reading with PyAV; only the file itself, nothing it may point to.

    Raises:
        InputError: It cannot be opened as a film.
        StorageError: The file system failed.
    """
    # An absolute path cannot be taken for a protocol, as "a:b.mp4" would be. Playlists that name
    # other files or addresses are cut off by the whitelist.
    path = path.absolute()
    try:
        container = av.open(
            path,
            "r",
            container_options={"protocol_whitelist": "file"},
            metadata_errors="replace",
        )
    except av.FFmpegError as error:
        raise reading_error(error, path) from error
    with container:
        yield container


def scan(
    path: Path,
    stream: int,
    limits: Limits | None = None,
    *,
    alive: Callable[[], object] = lambda: None,
) -> Scan:
    """Read all packets of `path` and count those of the video stream with index `stream`.

    The last few answers are remembered as long as the file is not changed.

    Args:
        path: The film.
        stream: Index of the video stream.
        limits: What it may have at most.
        alive: Told of each packet that there is still life.

    Raises:
        UnsupportedError: It has more frames than `limits` allow; it is not read on then.
        InputError: It cannot be opened as a film.
        StorageError: The file system failed.
    """
    path = path.absolute()
    try:
        facts = path.stat()
    except OSError as error:
        raise from_os_error(error, path, "reading") from error
    identity = (facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns)
    return _remembered(path, stream, limits, identity, _Listener(alive))


def packets(container: InputContainer, path: Path, *streams: int) -> Iterator["av.Packet[Any]"]:
    """Demux the streams with these indexes, going on behind damage.

    Packets without content (ffmpeg's way of saying the end) are left out. Damage is logged once.

    Raises:
        StorageError: The file system failed.
    """
    failures = 0
    told = False
    while failures < _UNBROKEN_FAILURES:
        try:
            for packet in container.demux(*(container.streams[index] for index in streams)):
                failures = 0
                if packet.size:
                    yield packet
        except av.error.EOFError:
            return
        except IndexError:
            # PyAV knows no stream that turns up after a film was opened, as damaged Flash has.
            failures += 1
        except av.FFmpegError as error:
            if isinstance(error, OSError):
                raise reading_error(error, path) from error
            failures += 1
            if not told:
                told = True
                _LOG.warning("%s is damaged (%s); reading on behind it", path, error.strerror)
        else:
            return


_T = TypeVar("_T")


def beating(items: Iterable[_T], alive: Callable[[], object]) -> Iterator[_T]:
    """The same items; of each `alive` is told before it is handed out."""
    for item in items:
        alive()
        yield item


@dataclass(frozen=True, slots=True)
class _Listener:
    """Who is told that there is life: for what is remembered all of them are the same."""

    alive: Callable[[], object] = field(compare=False)


@lru_cache(maxsize=4)
def _remembered(
    path: Path,
    index: int,
    limits: Limits | None,
    _identity: tuple[int, ...],
    listener: _Listener,
) -> Scan:
    return _read_through(path, index, limits, listener.alive)


def _read_through(
    path: Path, index: int, limits: Limits | None, alive: Callable[[], object]
) -> Scan:
    with open_film(path) as container:
        tally = _Tally(index)
        changes = Changes(container.streams[index])
        joins = Joins(container.format.name, index)
        promised = _promised(container, index)
        streams = [s.index for s in container.streams if s.type in ("video", "audio")]
        for packet in beating(packets(container, path, *streams), alive):
            tally.add(packet, *joins.place(packet))
            if packet.stream_index == index:
                changes.look_at(packet)
            if limits is not None:
                limits.require_frames(path, tally.frames, at_least=True)
        stream = container.streams[index]
        if container.format.name == "avi" and isinstance(stream, av.VideoStream):
            tally.show_as_decoded(stream.codec_context.reorder_depth)
        found = joins.found(stream.time_base or Fraction(1, av.time_base))
        tally.rejoin(found)
        counted = tally.result(promised, stream.start_time, container.format.name)
        return replace(counted, changes=tuple(changes.found), joins=found)


def _promised(container: InputContainer, index: int) -> int:
    """How many packets of a stream the header states, before any is read."""
    stream = container.streams[index]
    if "mp4" not in container.format.name.split(","):
        return stream.frames
    # What an edit list cuts away is counted in the header, and is not in the index.
    return min(stream.frames, len(stream.index_entries))


class _Tally:
    """Counts packets; a class because one pass gathers several numbers."""

    def __init__(self, index: int) -> None:
        self._index = index
        self._pts: list[int | None] = []
        self._dts: list[int | None] = []
        self._parts: list[int] = []
        self._keyframes: list[tuple[int, int, int]] = []
        self._packets = 0
        self._last = (-(1 << 62), 0)
        self._end = 0.0
        self._sound_bytes = 0
        self._time_base = Fraction(1)
        self._torn = self._in_turn = self._rejoined = False

    @property
    def frames(self) -> int:
        """How many packets that show a frame were added."""
        return len(self._pts)

    def add(self, packet: "av.Packet[Any]", part: int, pts: int | None) -> None:
        self._torn = packet.is_corrupt
        stamp = packet.pts if packet.pts is not None else packet.dts
        if stamp is not None and packet.stream.type != "attachment":
            end = (stamp + (packet.duration or 0)) * packet.time_base
            self._end = max(self._end, float(end))
        if packet.stream_index != self._index:
            if packet.stream.type == "audio":
                self._sound_bytes += packet.size
            return
        self._packets += 1
        if packet.is_discard or _hidden(packet):
            return
        self._pts.append(pts)
        self._dts.append(packet.dts)
        self._parts.append(part)
        self._time_base = packet.time_base
        if packet.is_keyframe and packet.pts is not None:
            decoded = packet.pts if packet.dts is None else packet.dts
            self._keyframes.append((packet.pts, decoded, packet.size))
        if stamp is not None and stamp > self._last[0]:
            self._last = (stamp, packet.duration or 0)

    def rejoin(self, joins: Sequence[Join]) -> None:
        """Give all frames times of one clock."""
        self._rejoined = bool(joins)
        if not joins:
            return
        shifts = [0, *(round(join.shift / self._time_base) for join in joins)]
        step = max(1, self._last[1])
        ends: dict[int, int] = {}
        for part, pts in zip(self._parts, self._pts, strict=True):
            ends[part] = max(ends.get(part, 0), (pts or 0) + step)
        for number, part in enumerate(self._parts):
            if (pts := self._pts[number]) is None:
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
        self._in_turn = delay == 0 and self._pts == self._dts and None not in self._dts
        stated = sorted(stamp for stamp in self._dts if stamp is not None)
        if stated and len(stated) == len(self._dts):
            step = max(1, self._last[1])
            stated += [stated[-1] + step * late for late in range(1, delay + 1)]
            self._pts[:] = stated[delay:]

    def _fill_in_beginning(self) -> bool:
        """Time the frames before the first that states its time backwards from there.

        Matroska cannot state times before 0; what begins there comes without any, whatever it
        said of sound.

        Returns:
            Whether there were any.
        """
        stated = sorted(stamp for stamp in self._pts if stamp is not None)
        lacking = len(self._pts) - len(stated)
        times = zip(self._pts, self._dts, strict=True)
        early = [at for at, both in enumerate(times) if both == (None, None)]
        if not stated or not early or len(early) < lacking or early[-1] >= lacking + _REORDERED:
            return False
        step = int(np.median(np.diff(stated))) if len(stated) > 1 else self._last[1]
        for number, place in enumerate(early):
            self._pts[place] = stated[0] - step * (lacking - number)
        return True

    def result(self, promised: int, offset: int | None, container: str) -> Scan:
        states_times = container != "avi"
        filled = self._fill_in_beginning()
        complete = None not in self._pts
        # Where only decoding times are stated: as a set they are the same.
        stamps = self._pts if complete else self._dts
        known = [] if None in stamps else [stamp for stamp in stamps if stamp is not None]
        return Scan(
            times=np.sort(np.array(known, dtype=np.int64)),
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


def _hidden(packet: "av.Packet[Any]") -> bool:
    """Whether a VP8 packet is an alternate reference frame, which is never shown."""
    return packet.stream.codec_context.name == "vp8" and not bytes(packet)[0] & 0x10
