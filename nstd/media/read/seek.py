"""Where decoding may begin: a film's keyframes.

Frames that follow a keyframe in the order of display need nothing before it. Frames that are
decoded after it but shown before it may, and are left out. So decoding from a keyframe gives
identical frames if the container finds the keyframe again and the decoder begins with it. That is
checked each time.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.container import InputContainer

from nstd.media.read.scan import packets
from nstd.media.read.tally import Scan

_EARLIER = (0, 1, 4, 16)
"""How many seconds before a keyframe to seek, tried in turn until the keyframe comes. MPEG program
streams have no index, and seeking may land a few groups of pictures too late."""


class MadeUpError(Exception):
    """Decoding began at a keyframe, and a frame turned out to be damaged.

    What a decoder makes up for the damage depends on everything that it decoded before.
    """


@dataclass(frozen=True, slots=True)
class EntryPoint:
    """A keyframe.

    Attributes:
        place: Its place among the film's times, from 0.
        pts: Its time stamp.
        dts: Its decoding time stamp.
        size: Size of its packet in bytes.
    """

    place: int
    pts: int
    dts: int
    size: int


def entries(counted: Scan) -> tuple[EntryPoint, ...]:
    """The keyframes of a film that have a time stamp of their own, in the order of display."""
    if not counted.timed:
        return ()
    times, pts = counted.times, counted.keyframes[:, 0]
    left, right = (np.searchsorted(times, pts, side) for side in ("left", "right"))
    # Where several frames have one time, later ones are shifted by the reader. If reading began
    # among these, they would not be.
    order = np.arange(len(times))
    put_off = np.maximum.accumulate(times - order) + order > times
    found = zip(left, right - left, counted.keyframes, strict=True)
    return tuple(
        sorted(
            (
                EntryPoint(int(place), *map(int, keyframe))
                for place, alike, keyframe in found
                if alike == 1 and not put_off[place]
            ),
            key=lambda entry: entry.place,
        )
    )


def packets_from(
    container: InputContainer, path: Path, stream: av.VideoStream, entry: EntryPoint | None
) -> Iterator["av.Packet[Any]"]:
    """The packets of one stream, from a keyframe's packet on; none where that is not found again.

    Args:
        container: The opened film.
        path: The film.
        stream: The stream.
        entry: The keyframe, or None for all packets.

    Raises:
        StorageError: The file system failed.
    """
    if entry is None:
        yield from packets(container, path, stream.index)
        return
    second = 1 / (stream.time_base or Fraction(1, av.time_base))
    for earlier in _EARLIER:
        try:
            container.seek(entry.dts - int(earlier * second), stream=stream)
        except av.FFmpegError:  # some containers cannot be sought in
            return
        coming = packets(container, path, stream.index)
        for packet in coming:
            if not packet.is_keyframe or packet.pts is None:
                continue
            if (packet.pts, packet.size) == (entry.pts, entry.size):
                yield packet
                yield from coming
                return
            if packet.pts > entry.pts:
                break
