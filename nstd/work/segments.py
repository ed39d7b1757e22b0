"""The segments of a film: painted, closed, joined. Here style meets media."""

import logging
import shutil
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from itertools import groupby
from pathlib import Path

from nstd.errors import DamagedError, LedgerError, UnreadableError
from nstd.files import discard, file_sha256, has_content
from nstd.ledger.job import Segment, Shot
from nstd.ledger.segments import SegmentPlanner, shot_around
from nstd.media.read.scan import scan
from nstd.media.write.assemble import assemble
from nstd.media.write.keeping import Keeping
from nstd.media.write.pictures import assemble_pictures
from nstd.media.write.segment import (
    EIGHT_BITS,
    Assembly,
    SegmentWriter,
    coded_layout,
    joins,
)
from nstd.painting.frames import Coming, FilmSource, coming_frames
from nstd.painting.segment import (
    FrameTime,
    PaintedFrame,
    SegmentInputs,
    SegmentSpec,
    known_tone,
    paint_segment,
)
from nstd.style.optimize import Iterate
from nstd.work.film import Film, Footage
from nstd.work.kept import (
    PaintedFrames,
    carried_folder,
    carried_frames,
    is_carried,
    kept_frames,
    segment_folder,
)
from nstd.work.room import require_room
from nstd.work.source import beside_pictures
from nstd.work.telling import tell_damage

logger = logging.getLogger(__name__)

_CODED_LYING = "0.1.0"
"""The version whose segments of turned films are as their source is coded, not upright."""


def paint_segments(film: Film, footage: Footage) -> None:
    """Paint all segments of a film that are not closed yet.

    Planning is incremental: what is missing is read once, and a segment's end shows when it comes.
    """
    _forget_what_cannot_be_joined(film, footage)
    if footage.read.images is None:
        # Read through, and remembered, while there is somebody to tell of it.
        scan(film.content, footage.info.stream, alive=film.observer.alive)
    closed = _closed_segments(film)
    planner = SegmentPlanner(film.output.segment_frames, film.output.first, closed=closed)
    done, total = film.store.painted(film.job.id).frames, footage.frames
    film.observer.began(film.job, painted=done, total=total)
    # So that how many there are shows before the first is painted. Of those painted the ledger's
    # number counts, which may have been set back since: with more, nothing would look like a gain.
    film.store.progress(film.job, film.store.get(film.job.id).frames_done, total)
    with closing(_open_segments(film, footage.read, planner)) as segments:
        for segment, frames in segments:
            film.require_output()
            done += SegmentRun(film, footage, segment, done).paint(frames)


def _open_segments(
    film: Film, source: FilmSource, planner: SegmentPlanner
) -> Generator[tuple[Segment, Iterator[Coming]], None, None]:
    """The segments still to be painted, each with its frames; take all of these before the next."""

    def segment_of(coming: Coming) -> Segment | None:
        planner.add(coming.frame.index, cut=coming.begins_shot)
        return planner.current

    while True:
        first = planner.next_frame
        coming = coming_frames(source, first, film.painter, film.estimator, film.plan)
        with closing(coming):
            for segment, frames in groupby(coming, segment_of):
                if segment is None:
                    break  # what is closed need not be read: reading begins anew behind it
                yield segment, frames
            else:
                return


class SegmentRun:
    """One segment on its way into the ledger: painted, kept, encoded, closed.

    Painted frames are kept one by one without loss, and encoded when the segment is complete: a
    kill costs the frame in hand, and the encoder sees the same frames as if there had been none.

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
        self._reach = film.painter.recipe.temporal.reach
        self._kept = kept_frames(film, segment)

    def paint(self, frames: Iterator[Coming]) -> int:
        """Paint its frames and close its file; gives how many there are."""
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
        shutil.rmtree(segment_folder(film.work, segment.index), ignore_errors=True)
        if segment.index:
            shutil.rmtree(carried_folder(film.work, segment.index - 1), ignore_errors=True)
        return len(result.times)

    def _leave(self, last_frames: Sequence[PaintedFrame]) -> None:
        """Keep what the next segment is painted from; again if it is there, by another plan."""
        if last_frames:
            left = PaintedFrames(carried_folder(self._film.work, self._segment.index))
            for frame in last_frames:
                left.keep(replace(frame, alpha=None))

    def stepped(self, frame: int, iterate: Iterate) -> None:
        """A step was taken; see `SegmentObserver`."""
        self._film.stepped(frame, iterate)

    def painted(self, frame: PaintedFrame) -> None:
        """Keep a frame; see `SegmentObserver`."""
        self._kept.keep(frame)
        # Not before: were the frame painted once more, it would need them.
        self._kept.forget_shown(frame.index - self._reach)

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
                painted = self._kept.without_shown(time.index)
                writer.write(painted.shown_at(time, facts.time_base))
        return path


def assemble_film(film: Film, footage: Footage, keeping: Keeping) -> Path:
    """The closed segments joined, with what is kept of the source, as a part file."""
    film.store.renew(film.job)  # putting a long film together takes its time
    film.require_output()
    closed = [segment for segment in film.store.segments(film.job.id) if segment.complete]
    paths = [film.work / str(segment.path) for segment in closed]
    for segment, path in zip(closed, paths, strict=True):
        if not has_content(path, str(segment.digest)):
            raise DamagedError(f"The painted segment {path} is gone or damaged")
    if not closed:
        raise UnreadableError(f"No frame of {film.source} can be decoded")
    tell_damage(film, footage)
    span = _span(film, closed)
    whole = Assembly(
        segments=paths,
        info=footage.painted,
        settings=film.output.encode,
        note=film.note(footage.info.note),
        alive=film.observer.alive,
    )
    if film.output.encode.pictures is not None:
        lasts = span[1] - span[0]
        offsets = film.offsets(closed[0].first, closed[-1].last or 0)
        end = lasts * footage.info.time_base
        return assemble_pictures(whole, film.target, offsets=offsets, end=end)
    beside, limits = beside_pictures(film, footage), None if film.output.whole else span
    return assemble(whole, beside, film.target, keeping, span=limits)


def _span(film: Film, closed: Sequence[Segment]) -> tuple[int, int]:
    """From the first time stamp of a film's segments to the end of the last one."""
    first, last = closed[0].carried, closed[-1].carried
    if first is None or last is None:
        raise _another_version(film)
    return first.first_pts, last.end_pts


def _closed_segments(film: Film) -> list[Segment]:
    """What is painted already. What is gone or damaged is to be painted again, with its shot."""
    segments = {segment.index: segment for segment in film.store.segments(film.job.id)}
    closed = [segment for segment in segments.values() if segment.complete]
    again = set[int]()
    for segment in closed:
        number = segment.index
        if number in again or _is_there(film, segment, segments.get(number + 1)):
            continue
        # What a shot's segments leave for the next one is gone with that.
        chained = bool(film.painter.recipe.temporal.distances)
        harmed = shot_around(segments, number) if chained else range(number, number + 1)
        logger.warning(
            "%s, or what it leaves for the next, is gone or damaged: %s goes on with frame %d",
            film.work / str(segment.path),
            film.source.name,
            segments[harmed.start].first,
        )
        again.update(harmed)
    if again:
        film.store.reopen_segments(film.job, again)
        for number in again:
            if (path := segments[number].path) is not None:
                discard(film.work / path)
    return [segment for segment in closed if segment.index not in again]


def _is_there(film: Film, segment: Segment, after: Segment | None) -> bool:
    """Whether a closed segment's file is whole, and what it leaves for `after` if that needs it."""
    if not has_content(film.work / str(segment.path), str(segment.digest)):
        return False
    needed = after is None or not (after.complete or after.depends_on is None)
    return not needed or is_carried(film.work, segment)


def _forget_what_cannot_be_joined(film: Film, footage: Footage) -> None:
    """Begin anew where another version's encoder has made the closed segments, and otherwise."""
    plans = film.store.plans(film.job.id)
    if plans in ([], [film.plan.to_json()]):
        return
    closed = _closed_segments(film)
    if not closed:
        return
    first = film.work / str(closed[0].path)
    versions = plans[0].get("versions", {})
    lying = footage.info.rotation and versions.get("nstd") == _CODED_LYING
    if lying or not joins(first, footage.painted, film.output.encode):
        logger.warning(
            "%s begins anew: what is painted cannot be joined with what this version encodes",
            film.source.name,
        )
        film.store.clear_segments(film.job)


# The content's energy is held constant over a shot: it is that of its first frame (of the range
# that is painted), carried on from segment to segment, with the floor that `ENERGY_FLOOR` explains.
# Where each frame is painted for itself no shots are looked for, and the film is one.
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
        raise _another_version(film)
    try:
        known_tone(shot)
    except (AttributeError, KeyError, TypeError) as error:
        raise _another_version(film) from error
    return shot, carried_frames(film.work, before) if film.painter.recipe.temporal.reach else {}


def _another_version(film: Film) -> LedgerError:
    return LedgerError(
        f"Another version has begun {film.source.name}, and this one cannot go on with it",
        f"`nstd cancel {film.job.id}`, then queue it again; or go on with that version",
    )
