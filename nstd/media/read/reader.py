"""Reading a film: its frames, upright, in sRGB, each with its exact time."""

import logging
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from nstd.errors import TruncatedError, UnsupportedError
from nstd.media.alpha import visible
from nstd.media.frame import Frame, VideoInfo
from nstd.media.read.convert import Converted
from nstd.media.read.decoding import Decoder
from nstd.media.read.deinterlace import NEIGHBORS
from nstd.media.read.opencv import opencv_decoder
from nstd.media.read.pyav import place_of_first, pyav_decoder
from nstd.media.read.scan import of_fields, scan
from nstd.media.read.seek import EntryPoint, MadeUpError, entries
from nstd.media.read.tally import Scan
from nstd.media.read.timing import Clock

_LOG = logging.getLogger(__name__)

_UNTIMED_ATTEMPTS = 64
"""Attempts at a frame where packets state no times, so that it is not known where the film ends."""
_EXCESS = 256
"""How many frames beyond twice the counted ones are accepted: a packet may hold two pictures."""
_UNTIMED_SHORTFALL = 2
"""How many packets without a picture such a film may end with: old AVI files have some."""


def read_frames(
    path: Path, info: VideoInfo, first: int = 0, last: int | None = None
) -> Iterator[Frame]:
    """Decode frames `first` to `last`, both included, with the reader that `info` names.

    Decoding begins at a keyframe if that gives the same frames. Where the film is damaged midway,
    the frame before is repeated for each frame that cannot be decoded (or these are left out, if
    packets do not tell at which times frames are missing), and a warning tells how many.

    Args:
        path: The film.
        info: Its facts, as `probe` found them.
        first: Index of the first frame to yield.
        last: Index of the last frame to yield, or None for the film's end.

    Yields:
        Frames upright and in sRGB, in the order of display; their times ascend strictly.

    Raises:
        TruncatedError: Fewer frames can be decoded than the film promises, and its probe did not
            accept that. It comes after all frames that can be decoded.
        UnsupportedError: The reader cannot decode it, or decodes far more frames than were counted.
        InputError: It cannot be read any more.
        StorageError: The file system failed.
    """
    if first < 0 or (last is not None and last < first - 1):
        raise ValueError(f"no frames from {first} to {last}")
    counted = _counted(path, info)
    begin = _beginning(path, info, first)
    following = first
    try:
        for frame in _read(path, info, counted, begin, (first, last)):
            following = frame.index + 1
            yield frame
    except MadeUpError:
        begin = _Beginning(timed=begin.timed)
        yield from _read(path, info, counted, begin, (following, last))


def _read(
    path: Path, info: VideoInfo, counted: Scan, begin: "_Beginning", wanted: tuple[int, int | None]
) -> Iterator[Frame]:
    first, last = wanted
    with _decoder(path, info, counted, begin.entry) as decoder:
        film = _Film(path, info, counted, decoder, begin)
        yield from film.frames(first, last)
        film.report_losses()
        if last is None or film.decoded <= last:
            film.check_end()


def frame_times(path: Path, info: VideoInfo) -> list[int]:
    """The time stamps that `read_frames` gives for an undamaged film; empty if packets state none.

    Raises:
        InputError: It cannot be opened as a film.
        StorageError: The file system failed.
    """
    return [int(stamp) for stamp in _counted(path, info).times]


def _counted(path: Path, info: VideoInfo) -> Scan:
    """The frames that the reader should give."""
    counted = scan(path, info.stream).from_place(info.undecodable)
    return of_fields(counted) if info.deinterlace == "fields" else counted


@dataclass(frozen=True, slots=True)
class _Beginning:
    """Where decoding begins.

    Attributes:
        entry: The keyframe, or None for the film's first frame.
        index: Index of the frame that comes first.
        timed: Whether each frame comes with its own time, as a packet states it.
    """

    entry: EntryPoint | None = None
    index: int = 0
    timed: bool = False


def _beginning(path: Path, info: VideoInfo, first: int) -> _Beginning:
    """The last keyframe from which frames from `first` on are decoded as from the film's start."""
    if info.reader != "pyav":
        return _Beginning()
    counted = scan(path, info.stream)
    missing = info.undecodable
    if place_of_first(path, info.stream, counted) != missing:
        return _Beginning()
    each = 2 if info.deinterlace == "fields" else 1
    before = missing + first // each - NEIGHBORS
    for entry in reversed(
        [entry for entry in entries(counted) if missing < entry.place <= before][-2:]
    ):
        if place_of_first(path, info.stream, counted, entry) == entry.place:
            return _Beginning(entry, each * (entry.place - missing), timed=True)
    return _Beginning(timed=True)


def _decoder(
    path: Path, info: VideoInfo, counted: Scan, entry: EntryPoint | None
) -> AbstractContextManager[Decoder]:
    # Where packets do not state their own times, decoders give frames wrong ones: then the stated
    # times are simply given to the frames in turn.
    untimed = len(counted.times) == 0
    if info.reader == "pyav":
        return pyav_decoder(path, info, timed=untimed or counted.timed, entry=entry)
    return opencv_decoder(path, info, counted.offset if untimed or counted.exact else None)


class _Film:
    """A film that is being read: which frame comes next, and how many are missing."""

    def __init__(
        self, path: Path, info: VideoInfo, counted: Scan, decoder: Decoder, begin: _Beginning
    ) -> None:
        self._path = path
        self._info = info
        self._counted = counted
        self._decoder = decoder
        self._step = counted.step or max(1, round(1 / (info.frame_rate * info.time_base)))
        self._clock = Clock(counted.times[begin.index :], counted.offset or 0, self._step)
        self._timed, self._sought = begin.timed, begin.entry is not None
        self._shown: Converted | None = None
        self._damaged = False
        self._interlaced = info.field_order != "progressive"
        self._resized = bool(counted.changes)  # the probe has warned of these
        self.decoded = begin.index

    def frames(self, first: int, last: int | None) -> Iterator[Frame]:
        while last is None or self.decoded <= last:
            attempts = self._clock.remaining if len(self._counted.times) else _UNTIMED_ATTEMPTS
            if not self._decoder.grab(attempts):
                return
            self._note_interlaced()
            pts = self._clock.stamp(self._decoder.pts)
            self._require_counted()
            # For missing frames the one before is repeated, so that each frame has the same index
            # wherever reading began.
            lost = self._clock.skipped if self._shown is not None else []
            if self._sought and lost:
                raise MadeUpError
            for stamp, following in pairwise([*lost, pts]):
                self._damaged = True
                yield from self._coming(stamp, following - stamp, first, last)
            if self._timed or self.decoded >= first:
                self._shown = self._picture()
            self._damaged = self._decoder.damaged
            yield from self._coming(pts, self._duration(pts), first, last)
            if not self._timed:
                self._shown = None

    def _coming(self, pts: int, duration: int, first: int, last: int | None) -> Iterator[Frame]:
        index, shown = self.decoded, self._shown
        self.decoded += 1
        if shown is not None and index >= first and (last is None or index <= last):
            yield Frame(
                image=visible(shown.image, shown.alpha),
                index=index,
                pts=pts,
                duration=duration,
                time_base=self._info.time_base,
                alpha=shown.alpha,
                deep=None if shown.deep is None else visible(shown.deep, shown.alpha),
                damaged=self._damaged,
            )

    def _note_interlaced(self) -> None:
        """Warn once of interlaced frames in a film whose first ones, which were probed, are not."""
        if self._decoder.interlaced and not self._interlaced:
            self._interlaced = True
            becomes = {"off": "they stay as they are"}.get(self._info.deinterlace, "made whole")
            what = f"from number {self.decoded} on some are interlaced: {becomes}"
            _LOG.warning("%s changes its frames: %s", self._path, what)

    def report_losses(self) -> None:
        if self._clock.lost:
            _LOG.warning(
                "%s is damaged: %d frames cannot be decoded",
                self._path,
                self._clock.lost,
            )

    def check_end(self) -> None:
        timed = len(self._counted.times) > 0
        missing = self._clock.remaining if timed else self._counted.frames - self.decoded
        if missing <= 0:
            return
        found = f"only {self.decoded} of {self._counted.frames} frames can be decoded"
        short = not self._counted.exact and missing <= _UNTIMED_SHORTFALL
        if not self._info.accepts_truncated and not short:
            raise TruncatedError(f"{self._path} ends early: {found}")
        _LOG.warning("%s ends early: %s", self._path, found)

    def _require_counted(self) -> None:
        if self.decoded > 2 * self._counted.frames + _EXCESS:
            raise UnsupportedError(
                f"{self._path} goes on behind its end: {self.decoded} frames were decoded, and it "
                f"has {self._counted.frames}"
            )

    def _picture(self) -> Converted:
        picture = self._decoder.retrieve()
        if picture is None or picture.image.shape[:2] != (self._info.height, self._info.width):
            raise UnsupportedError(f"{self._path} changes the kind or size of its picture midway")
        if self._decoder.resized and not self._resized:
            self._resized = True
            what = f"from number {self.decoded} on they are scaled to the first"
            _LOG.warning("%s changes the size of its frames: %s", self._path, what)
        return picture

    def _duration(self, pts: int) -> int:
        following = self._clock.following()
        end = self._info.start + self._info.duration if following is None else following
        return end - pts if end > pts else self._step
