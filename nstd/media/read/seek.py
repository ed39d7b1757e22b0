"""Where decoding may begin: a film's keyframes, and whether the same frames come from there on.

What follows a keyframe in the order of display needs nothing before it; frames that follow it in
the order of decoding and are shown before it do, and are left out. So decoding from a keyframe
gives the same frames, to the bit, wherever the container finds the keyframe again and the decoder
begins with it. Whether it does is seen each time before it is relied on.
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
"""Seconds before a keyframe that are sought in turn, until it comes: MPEG program streams, which
have no index, are found up to a few groups of pictures too late."""


class MadeUpError(Exception):
    """Decoding began at a keyframe, and a frame is damaged.

    What a decoder makes up for it depends on all that it decoded before.
    """


@dataclass(frozen=True, slots=True)
class EntryPoint:
    """A keyframe.

    Attributes:
        place: Of its time among the film's, from 0.
        pts: Its time stamp.
        dts: When it is decoded.
        size: Of its packet, in bytes.
    """

    place: int
    pts: int
    dts: int
    size: int


def entries(counted: Scan) -> tuple[EntryPoint, ...]:
    """The keyframes of a film whose times tell them apart, in order."""
    if not counted.timed:
        return ()
    times, pts = counted.times, counted.keyframes[:, 0]
    left, right = (np.searchsorted(times, pts, side) for side in ("left", "right"))
    # Where several have one time, later ones are put off: not from here on, if reading begins here.
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
    """The packets of one stream, from that of a keyframe on; none where it is not found again.

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
