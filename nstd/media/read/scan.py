"""What is in a film, found by reading all its packets without decoding them."""

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import av
import numpy as np
from av.container import InputContainer

from nstd.errors import from_os_error
from nstd.media.faults import reading_error
from nstd.media.read.changes import Changes
from nstd.media.read.field_pairs import FieldPairs
from nstd.media.read.joins import Joins
from nstd.media.read.limits import Limits
from nstd.media.read.tally import Scan, Tally

_LOG = logging.getLogger(__name__)

_UNBROKEN_FAILURES = 64
"""Failures in a row, without a packet in between, after which a demuxer is given up."""


def of_fields(scan: Scan) -> Scan:
    """`scan` with two fields for each frame, in half of its time unit; the second one is midway."""
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
    """Open a film for reading with PyAV: only the file itself, nothing that it refers to.

    Raises:
        InputError: It cannot be opened as a film.
        StorageError: The file system failed.
    """
    # An absolute path cannot be taken for a protocol, as "a:b.mp4" would be. The whitelist keeps
    # playlists from opening other files or addresses.
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

    The last few results are remembered as long as the file does not change.

    Args:
        path: The film.
        stream: Index of the video stream.
        limits: How many frames it may have; None for no limit.
        alive: Called for each packet, as a sign of life.

    Raises:
        UnsupportedError: It has more frames than `limits` allow; the rest is not read.
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
    """Demux the streams with these indexes, going on after damage.

    Empty packets, with which ffmpeg marks the end, are left out. Damage is logged once.

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
            # PyAV does not know streams that appear after a film was opened, as in damaged Flash.
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
    """The same items; `alive` is called before each is handed out."""
    for item in items:
        alive()
        yield item


@dataclass(frozen=True, slots=True)
class _Listener:
    """Who is given signs of life. All are equal, so that the cache does not tell them apart."""

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
        tally = Tally()
        changes = Changes(container.streams[index])
        joins = Joins(container.format.name, index)
        pairs = FieldPairs(container.streams[index])
        promised = _promised(container, index)
        streams = [s.index for s in container.streams if s.type in ("video", "audio")]
        for packet in beating(packets(container, path, *streams), alive):
            place = joins.place(packet)
            if packet.stream_index != index:
                tally.add_other(packet)
                continue
            changes.look_at(packet)
            tally.add(packet, *place, ends=pairs.ends_frame(packet))
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
    """How many packets a stream should have, by the container's header; 0 if it does not say."""
    stream = container.streams[index]
    if "mp4" not in container.format.name.split(","):
        return stream.frames
    # The header counts what an edit list cuts away; the index does not have it.
    return min(stream.frames, len(stream.index_entries))
