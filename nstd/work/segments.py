"""One segment on its way into the ledger; its painted frames on the disk; what it leaves behind."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from nstd.errors import LedgerError
from nstd.files import file_sha256
from nstd.ledger.job import Segment, Shot
from nstd.media.keep import FrameKeeper
from nstd.media.write.segment import EIGHT_BITS, SegmentWriter, coded_layout
from nstd.painting.frames import Coming
from nstd.painting.segment import (
    FrameTime,
    PaintedFrame,
    SegmentInputs,
    SegmentSpec,
    known_palette,
    paint_segment,
)
from nstd.style.optimize import Iterate
from nstd.work.film import Film, Footage
from nstd.work.room import require_room


class SegmentRun:
    """One segment on its way into the ledger: painted, kept, encoded, closed.

    Painted frames are kept one by one without loss, and encoded when the segment is complete. So a
    kill costs the current frame alone, and the encoder sees the same frames as without one.

    Args:
        film: The film.
        footage: What is painted of it.
        segment: As it was planned.
        done: How many frames of the film are done before it.
    """

    def __init__(self, film: Film, footage: Footage, segment: Segment, done: int) -> None:
        self._film = film
        self._footage = footage
        self._segment = segment
        self._done = done
        self._kept = PaintedFrames(_segment_folder(film.work, segment.index))

    def paint(self, frames: Iterator[Coming]) -> int:
        """Paint its frames and close its file; returns how many there are."""
        film, segment = self._film, self._segment
        require_room(film, self._footage)
        film.store.open_segment(film.job, segment)
        shot, earlier = _left_by_the_one_before(film, segment)
        inputs = SegmentInputs(
            painter=film.painter, frames=frames, shot=shot, earlier=earlier, kept=self._kept
        )
        result = paint_segment(self._spec(), inputs, self)
        path = self._encode(result.times)
        self._leave(result.last_frames)
        closed = replace(
            segment,
            last=result.times[-1].index,
            path=path.name,
            digest=file_sha256(path),
            carried=result.carried,
        )
        film.store.close_segment(film.job, closed, result.shot)
        # What only the open segment needed.
        shutil.rmtree(_segment_folder(film.work, segment.index), ignore_errors=True)
        if segment.index:
            shutil.rmtree(_carried_folder(film.work, segment.index - 1), ignore_errors=True)
        return len(result.times)

    def _leave(self, last_frames: Sequence[PaintedFrame]) -> None:
        """Keep what the next segment is painted from; what another plan left there is replaced."""
        if last_frames:
            left = PaintedFrames(_carried_folder(self._film.work, self._segment.index))
            for frame in last_frames:
                left.keep(replace(frame, alpha=None))

    def stepped(self, frame: int, iterate: Iterate) -> None:
        """A step was taken; see `SegmentObserver`."""
        self._film.observer.stepped(frame, iterate)

    def painted(self, frame: PaintedFrame) -> None:
        """Keep a frame; see `SegmentObserver`."""
        self._kept.keep(frame)

    def passed(self, frame: int) -> None:
        """Note that a frame is done; see `SegmentObserver`."""
        self._done += 1
        self._film.progress(frame, self._done, self._footage.frames)

    def _spec(self) -> SegmentSpec:
        film = self._film
        layout = coded_layout(self._footage.painted, film.output.encode)
        return SegmentSpec(
            source=self._footage.read,
            recipe=film.painter.recipe,
            plan=film.plan,
            first=self._segment.first,
            bits=8 if layout.bits == EIGHT_BITS else 16,
        )

    def _encode(self, times: Sequence[FrameTime]) -> Path:
        film = self._film
        path = film.work / f"segment-{self._segment.index + 1:06d}.mp4"
        facts, alive = self._footage.painted, film.observer.alive
        with SegmentWriter(path, facts, film.output.encode, alive=alive) as writer:
            for time in times:
                writer.write(self._kept[time.index].shown_at(time, facts.time_base))
        return path


# The content's energy is held constant over a shot: it is that of its first frame (of the range
# that is painted), carried on from segment to segment, with the floor that `ENERGY_FLOOR` explains.
# Where each frame is painted by itself no cuts are looked for, and the film is one shot.
def _left_by_the_one_before(
    film: Film, segment: Segment
) -> tuple[Shot | None, Mapping[int, PaintedFrame]]:
    """The shot that a segment goes on with, and its last painted frames."""
    if segment.depends_on is None:
        return None, {}
    before = film.store.segment(film.job.id, segment.depends_on)
    carried = None if before is None else before.carried
    shot = None if carried is None else film.store.shot(film.job.id, carried.shot)
    if before is None or shot is None:
        raise another_version(film)
    try:
        known_palette(shot)
    except (AttributeError, KeyError, TypeError) as error:
        raise another_version(film) from error
    if not film.painter.recipe.temporal.reach:
        return shot, {}
    return shot, PaintedFrames(_carried_folder(film.work, before.index))


def another_version(film: Film) -> LedgerError:
    """The error for a film that another version has begun, and this one cannot continue."""
    return LedgerError(
        f"Another version has begun {film.source.name}, and this one cannot go on with it",
        f"`nstd cancel {film.job.id}`, then queue it again; or go on with that version",
    )


class PaintedFrames(Mapping[int, PaintedFrame]):
    """The painted frames in a folder by number, each read when it is asked for.

    What is damaged is removed when the folder is opened: every frame is read then.

    Args:
        folder: Where they are; made if it is not there.

    Raises:
        DiskFullError, StorageError: From any method: no space is left, or the file system failed.
        DamagedError: From any method: a frame is gone or damaged since the folder was opened.
    """

    def __init__(self, folder: Path) -> None:
        self._frames = FrameKeeper(folder)
        self._there = set(self._frames.indices())

    def __getitem__(self, index: int) -> PaintedFrame:
        if index not in self._there:
            raise KeyError(index)
        return PaintedFrame(index, *self._frames.load(index))

    def __iter__(self) -> Iterator[int]:
        return iter(sorted(self._there))

    def __len__(self) -> int:
        return len(self._there)

    def __contains__(self, index: object) -> bool:
        return index in self._there  # without reading it

    def keep(self, frame: PaintedFrame) -> None:
        """Store a frame; when this returns, no crash can lose it."""
        self._frames.keep(frame.index, frame.pixels, frame.alpha)
        self._there.add(frame.index)


def _segment_folder(work: Path, index: int) -> Path:
    """Where the painted frames of segment `index` lie until it is encoded."""
    return work / f"segment-{index + 1:06d}"


def _carried_folder(work: Path, index: int) -> Path:
    """Where the painted frames lie that segment `index` leaves for the one after it."""
    return work / f"carried-{index + 1:06d}"


def is_carried(work: Path, segment: Segment) -> bool:
    """Whether all that a closed segment leaves for the next one is there."""
    numbers = segment.carried.frames if segment.carried else ()
    return not numbers or set(numbers) <= set(PaintedFrames(_carried_folder(work, segment.index)))
