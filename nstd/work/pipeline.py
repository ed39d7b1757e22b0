"""One film or picture end to end: its segments painted one after the other, joined, published."""

import logging
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from functools import partial
from itertools import count, groupby
from pathlib import Path

from nstd.errors import DamagedError, UnreadableError
from nstd.files import discard, has_content
from nstd.ledger.job import Segment
from nstd.ledger.segments import SegmentPlanner, shot_around
from nstd.media.alpha import visible
from nstd.media.pictures import read_still
from nstd.media.read.scan import scan
from nstd.media.still_write import PAINTED_QUALITY, encode_still
from nstd.media.write.assemble import assemble
from nstd.media.write.keeping import Keeping
from nstd.media.write.pictures import assemble_pictures
from nstd.media.write.segment import Assembly, joins
from nstd.painting.frames import Coming, FilmSource, coming_frames
from nstd.painting.segment import paint_picture
from nstd.submit.provenance import note_of
from nstd.work.checks import require_paintable, require_paintable_still, require_target
from nstd.work.film import Film, Footage, stopped
from nstd.work.publish import publish_film
from nstd.work.segments import SegmentRun, another_version, is_carried
from nstd.work.source import blaming_changes, footage_of, opened_as_queued
from nstd.work.telling import tell_damage
from nstd.work.twin import take_over

logger = logging.getLogger(__name__)

_CODED_LYING = "0.1.0"
"""The version whose segments of turned films are as their source is coded, not upright."""


def stylize_film(film: Film) -> None:
    """Paint a film or a still picture, and put it in its place.

    Raises:
        NstdError: Any of the tree; what was painted is kept for the next attempt, unless the
            source has changed.
    """
    with opened_as_queued(film) as source:
        require_target(source)
        with blaming_changes(source):
            part, origin = take_over(source) or (_painted(source), "")
        publish_film(source, part, origin)


def _painted(film: Film) -> Path:
    """The finished part file, beside the target."""
    if film.still:
        return _painted_still(film)
    footage = footage_of(film)
    keeping = require_paintable(film, footage)
    _paint_segments(film, footage)
    return assemble_film(film, footage, keeping)


def _painted_still(film: Film) -> Path:
    film.observer.doing("reading the picture")
    still = read_still(
        film.content,
        film.output.limits,
        stopping=lambda: film.observer.stopping,
        alive=film.observer.alive,
    )
    bits = require_paintable_still(film, still)
    film.observer.began(film.job, painted=0, total=1)
    pixels = visible(still.image if still.deep is None else still.deep, still.alpha)
    image = paint_picture(film.painter, pixels, partial(film.observer.stepped, 0), bits=bits)
    film.progress(0, 1, 1)
    film.require_output()
    return encode_still(
        image, still, film.target, quality=PAINTED_QUALITY, note=_note(film, still.note)
    )


def _paint_segments(film: Film, footage: Footage) -> None:
    """Paint all segments of a film that are not closed yet.

    Segments are planned as frames are read: what is missing is read once, and where a segment ends
    shows when its end is reached.
    """
    _forget_what_cannot_be_joined(film, footage)
    if footage.read.images is None:
        # Read through, and remembered, while there is somebody to tell of it.
        scan(film.content, footage.info.stream, alive=film.observer.alive)
    closed = _closed_segments(film)
    planner = SegmentPlanner(film.output.segment_frames, film.output.first, closed=closed)
    done, total = film.store.painted(film.job.id).frames, footage.frames
    film.observer.began(film.job, painted=done, total=total)
    # Shows the total before the first frame is painted. How many are painted stays the ledger's own
    # number, which may have been set back: a larger one would hide what is gained from here on.
    film.store.progress(film.job, film.store.get(film.job.id).frames_done, total)
    with closing(_open_segments(film, footage.read, planner)) as segments:
        for segment, frames in segments:
            if film.observer.stopping:  # in a copy there are no steps at which that is asked
                raise stopped(film.job, segment.first)
            film.require_output()
            done += SegmentRun(film, footage, segment, done).paint(frames)


def _open_segments(
    film: Film, source: FilmSource, planner: SegmentPlanner
) -> Generator[tuple[Segment, Iterator[Coming]], None, None]:
    """The segments still to be painted, each with its frames, all taken before the next one."""

    def segment_of(coming: Coming) -> Segment | None:
        planner.add(coming.frame.index, cut=coming.begins_shot)
        return planner.current

    while True:
        first = planner.next_frame
        coming = coming_frames(source, first, film.painter, film.estimator, film.plan)
        with closing(coming):
            for segment, frames in groupby(coming, segment_of):
                if segment is None:
                    break  # a closed segment is not read: reading begins anew behind it
                yield segment, frames
            else:
                return


def _closed_segments(film: Film) -> list[Segment]:
    """What is painted already. Where a file is gone or damaged, its shot is painted again."""
    segments = {segment.index: segment for segment in film.store.segments(film.job.id)}
    again = _harmed(film, segments)
    kept = {segment.index for segment in segments.values() if segment.complete} - again
    if film.store.plans(film.job.id) != [film.plan.to_json()]:
        # Another version may find other shots in a gap; then what is behind has other numbers.
        gap = next(number for number in count() if number not in kept)
        again |= {number for number in kept if number > gap}
    if again:
        film.store.reopen_segments(film.job, again)
        for number in again:
            if (path := segments[number].path) is not None:
                discard(film.work / path)
    return [segments[number] for number in sorted(kept - again)]


def _harmed(film: Film, segments: Mapping[int, Segment]) -> set[int]:
    """Numbers of the segments that are to be painted again, since a closed one is damaged."""
    again = set[int]()
    for number, segment in segments.items():
        if not segment.complete or number in again:
            continue
        if _is_there(film, segment, segments.get(number + 1)):
            continue
        # What a shot's earlier segments left for the next ones is removed by now.
        chained = bool(film.painter.recipe.temporal.distances)
        harmed = shot_around(segments, number) if chained else range(number, number + 1)
        logger.warning(
            "%s, or what it leaves for the next, is gone or damaged: %s goes on with frame %d",
            film.work / str(segment.path),
            film.source.name,
            segments[harmed.start].first,
        )
        again.update(harmed)
    return again


def _is_there(film: Film, segment: Segment, after: Segment | None) -> bool:
    """Whether a closed segment's file is whole, and what it leaves where `after` needs that."""
    if not has_content(film.work / str(segment.path), str(segment.digest)):
        return False
    needed = after is None or not (after.complete or after.depends_on is None)
    return not needed or is_carried(film.work, segment)


def _forget_what_cannot_be_joined(film: Film, footage: Footage) -> None:
    """Begin anew where closed segments cannot be joined with what this version encodes."""
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
        note=_note(film, footage.info.note),
        alive=film.observer.alive,
    )
    if film.output.encode.pictures is not None:
        lasts = span[1] - span[0]
        offsets = film.offsets(closed[0].first, closed[-1].last or 0)
        end = lasts * footage.info.time_base
        return assemble_pictures(whole, film.target, offsets=offsets, end=end)
    limits = None if film.output.whole else span
    return assemble(whole, footage.beside, film.target, keeping, span=limits)


def _note(film: Film, before: str) -> str:
    """What the painted file is to say of how it was painted; "" for nothing.

    Args:
        film: The film.
        before: What the source says of that; it still holds where nothing is painted.
    """
    if film.output.copy:
        return before
    return note_of(film.painter.recipe) if film.output.encode.provenance else ""


def _span(film: Film, closed: Sequence[Segment]) -> tuple[int, int]:
    """From the first time stamp of a film's segments to the end of the last one."""
    first, last = closed[0].carried, closed[-1].carried
    if first is None or last is None:
        raise another_version(film)
    return first.first_pts, last.end_pts
