"""Painted frames on the disk: those of the open segment, and what a closed one leaves for the next.

Beside the frames that later ones are painted from lies what they were painted for, in a folder of
its own.
"""

import logging
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import cast

from nstd.ledger.job import Segment
from nstd.media.frame import ImageU8
from nstd.media.keep import FrameKeeper
from nstd.painting.segment import PaintedFrame
from nstd.work.film import Film

logger = logging.getLogger(__name__)

_SHOWN = "shown"
"""Folder beside painted frames: what each place of them was painted for."""


class PaintedFrames(Mapping[int, PaintedFrame]):
    """The painted frames in a folder by number, each read when it is asked for.

    What is damaged is removed when the folder is opened: every frame is read then.

    Args:
        folder: Where they are; made if it is not there.

    Raises:
        DiskFullError: No space is left. Like the next, from any method.
        StorageError: The file system failed.
        DamagedError: A frame is gone or damaged since the folder was opened.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._frames = FrameKeeper(folder)
        self._there = set(self._frames.indices())
        self._shown = FrameKeeper(folder / _SHOWN) if (folder / _SHOWN).is_dir() else None
        self._shown_there = set(self._shown.indices()) if self._shown else set()

    def __getitem__(self, index: int) -> PaintedFrame:
        if index not in self._there:
            raise KeyError(index)
        frame = self.without_shown(index)
        if self._shown is None or index not in self._shown_there:
            return frame
        return replace(frame, shown=cast("ImageU8", self._shown.load(index)))

    def without_shown(self, index: int) -> PaintedFrame:
        """The frame, without what it was painted for."""
        return PaintedFrame(index, *self._frames.load_with_alpha(index))

    def __iter__(self) -> Iterator[int]:
        return iter(sorted(self._there))

    def __len__(self) -> int:
        return len(self._there)

    def __contains__(self, index: object) -> bool:
        return index in self._there  # without reading it

    def has_shown(self, numbers: range) -> bool:
        """Whether it is there what each of these frames was painted for."""
        return self._shown_there.issuperset(numbers)

    def keep(self, frame: PaintedFrame) -> None:
        """Store a frame; when this returns, no crash can lose it."""
        if frame.shown is not None:
            if self._shown is None:
                self._shown = FrameKeeper(self._folder / _SHOWN)
            # Before the frame: whoever finds that finds this too.
            self._shown.keep(frame.index, frame.shown)
            self._shown_there.add(frame.index)
        self._frames.keep(frame.index, frame.pixels, frame.alpha)
        self._there.add(frame.index)

    def forget_shown(self, upto: int) -> None:
        """Remove what the frames up to number `upto` were painted for."""
        if self._shown is not None:
            self._shown.clear(upto)
            self._shown_there = {index for index in self._shown_there if index > upto}

    def clear(self) -> None:
        """Remove all of them, and what they were painted for."""
        self._frames.clear()
        shutil.rmtree(self._folder / _SHOWN, ignore_errors=True)
        self._shown = None
        self._there, self._shown_there = set(), set()


def segment_folder(work: Path, index: int) -> Path:
    """Where the painted frames of segment `index` lie until it is encoded."""
    return work / f"segment-{index + 1:06d}"


def carried_folder(work: Path, index: int) -> Path:
    """Where the painted frames lie that segment `index` leaves for the one after it."""
    return work / f"carried-{index + 1:06d}"


def kept_frames(film: Film, segment: Segment) -> PaintedFrames:
    """The frames of an open segment that need not be painted again.

    A later frame is painted from those before it, and from what these were painted for, which is
    kept of the last ones alone: where any of that is damaged, all of the segment is painted again.
    """
    kept = PaintedFrames(segment_folder(film.work, segment.index))
    reach = film.painter.recipe.temporal.reach
    if not (kept and reach):
        return kept
    end = max(kept) + 1
    needed = range(max(segment.first, end - reach), end)
    if list(kept) != list(range(segment.first, end)) or not kept.has_shown(needed):
        logger.warning(
            "Of what is painted of %s something is damaged: it goes on with frame %d",
            film.source.name,
            segment.first,
        )
        kept.clear()
    return kept


def carried_frames(work: Path, segment: Segment) -> PaintedFrames:
    """What a closed segment has left for the next one."""
    return PaintedFrames(carried_folder(work, segment.index))


def is_carried(work: Path, segment: Segment) -> bool:
    """Whether all that a closed segment leaves for the next one is there."""
    numbers = segment.carried.frames if segment.carried else ()
    if not numbers:  # frames stand each for itself
        return True
    left = carried_frames(work, segment)
    return set(numbers) <= set(left) and left.has_shown(range(numbers[0], numbers[-1] + 1))
