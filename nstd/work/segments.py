"""The segments of a film: painted, closed, joined. Here style meets media.

A segment is a pure function of (source, first frame, frozen recipe, execution plan, carried state)
and becomes one closed file.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import cast

import numpy as np
import torch

from nstd.errors import DamagedError, Interrupted, LedgerError, UnreadableError
from nstd.files import discard, file_sha256, has_content
from nstd.ledger.job import Segment
from nstd.ledger.segments import SegmentPlanner
from nstd.media.frame import Frame, ImageU8, ImageU16, Pixels, VideoInfo
from nstd.media.keep import FrameKeeper
from nstd.media.write.assemble import assemble
from nstd.media.write.keeping import Keeping
from nstd.media.write.pictures import assemble_pictures
from nstd.media.write.segment import EIGHT_BITS, SegmentWriter, coded_layout, joins, write_trial
from nstd.painting.pictures import at_depth, scaled, to_image, to_pixels, to_tensor
from nstd.style.device import device_errors
from nstd.style.optimize import Iterate, stylize_frame
from nstd.style.targets import resize
from nstd.temporal.shot import losses_of, settled_loss, stylize_next
from nstd.temporal.tone import Tone, tone_of
from nstd.work.film import Film
from nstd.work.room import require_room
from nstd.work.sequence import Coming, Past, coming_frames, is_carried, kept_frames, segment_folder
from nstd.work.telling import tell_damage

logger = logging.getLogger(__name__)

_CODED_LYING = "0.1.0"
"""The version whose segments of turned films are as their source is coded, not upright."""


def open_segments(film: Film, info: VideoInfo) -> Iterator[tuple[Segment, Iterator[Coming]]]:
    """The segments still to be painted, each with its frames; take all frames before the next.

    Planning is incremental: the film is read once, and a segment's end shows when it comes.
    """
    closed = _closed_segments(film)
    planner = SegmentPlanner.resume(film.output.segment_frames, closed, film.output.first)
    total = film.frames_of(info)
    film.observer.began(film.job, painted=planner.next_frame - film.output.first, total=total)
    # So that how many there are shows before the first is painted. Of those painted the ledger's
    # number counts, which may have been set back since: with more, nothing would look like a gain.
    film.store.progress(film.job, film.store.get(film.job.id).frames_done, total)

    def segment_of(coming: Coming) -> Segment:
        planner.add(coming.frame.index, cut=coming.begins_shot)
        assert planner.current is not None  # noqa: S101 - for the type checker: one was just added
        return planner.current

    with closing(coming_frames(film, info, planner.next_frame)) as coming:
        yield from groupby(coming, segment_of)


def stylize_segment(
    film: Film, info: VideoInfo, segment: Segment, frames: Iterator[Coming]
) -> Segment:
    """Paint one segment and close its file; returns it as the ledger has it now.

    Painted frames are kept one by one without loss, and encoded when the segment is complete: a
    kill costs the frame in hand, and the encoder sees the same frames as if there had been none.
    """
    require_room(film, info)
    film.store.open_segment(film.job, segment)
    keeper = FrameKeeper(segment_folder(film.work, segment.index))
    kept = kept_frames(film, segment)
    shot = _carried_shot(film, segment)
    total = film.frames_of(info)
    layout = coded_layout(as_painted(film, info), film.output.encode)
    bits = 8 if layout.bits == EIGHT_BITS else 16
    times: list[Frame] = []
    for coming in frames:
        frame = coming.frame
        if shot is None:
            shot = _Shot(frame.index, _energies(film, frame))
        past = Past(film, segment, keeper, shot.first)
        if frame.index not in kept:
            _paint_frame(film, past, coming, shot, bits)
        shot = _judged(film, keeper, frame, shot)
        times.append(replace(frame, image=_NO_PIXELS, deep=None, alpha=None))
        film.progress(frame.index, total)
    assert shot is not None  # noqa: S101 - for the type checker: a segment has a frame
    path = _encode(film, info, segment, keeper, times)
    end = times[-1].pts + times[-1].duration
    closed = replace(
        segment,
        last=times[-1].index,
        path=path.name,
        digest=file_sha256(path),
        carried={
            "shot": asdict(shot),
            **past.carry(times[-1].index),
            **_damage(times),
            "first_pts": times[0].pts,
            "end_pts": end,
        },
    )
    film.store.close_segment(film.job, closed)
    keeper.clear()
    past.forget()
    return closed


def _damage(times: Sequence[Frame]) -> dict[str, int]:
    damaged = sum(frame.damaged for frame in times)
    return {"damaged": damaged} if damaged else {}


@dataclass(frozen=True, slots=True)
class _Shot:
    """What holds for all frames of a shot.

    Attributes:
        first: Number of its first frame.
        energies: What its content losses are divided by, at each level.
        settled: Loss at which a later frame is as good as the first one; None until that is
            painted, and where frames are painted each for itself.
        tone: What later frames keep to; likewise.
    """

    first: int
    energies: tuple[float, ...]
    settled: float | None = None
    tone: Tone | None = None


def _paint_frame(film: Film, past: Past, coming: Coming, shot: _Shot, bits: int) -> None:
    frame = coming.frame
    if not coming.flows:
        alone = paint_alone(film, frame.pixels, frame.index, shot.energies, bits=bits)
        past.keep(coming, alone, None)
        return
    picture = to_tensor(frame.pixels)
    before = past.predecessors(coming)
    settled = shot.settled or 0.0
    iterates = stylize_next(film.painter, picture, before, shot.energies, settled, shot.tone)
    painted, shown = _paint(film, iterates, frame.index)
    past.keep(coming, to_pixels(painted, bits), None if shown is None else to_image(shown))


def _judged(film: Film, keeper: FrameKeeper, frame: Frame, shot: _Shot) -> _Shot:
    """The shot, with what its first frame has reached, as it was written.

    As written and not as painted: so a film that goes on here finds the same.
    """
    if film.estimator is None or shot.settled is not None:
        return shot
    painted, source = to_tensor(keeper.load(shot.first)), to_tensor(frame.pixels)
    with device_errors(str(film.painter.network.device)):
        found = losses_of(film.painter, source, painted, shot.energies)
        device, (height, width) = film.painter.network.device, painted.shape[2:]
        tone = tone_of(painted.to(device), resize(source.to(device), width, height))
    return replace(shot, settled=settled_loss(film.painter, found), tone=tone)


def paint_alone(
    film: Film,
    image: Pixels,
    index: int,
    energies: Sequence[float] | None = None,
    *,
    bits: int = 8,
) -> Pixels:
    """A picture painted from its own content alone; in a copy as it is, at the painted size.

    Args:
        film: Of which the picture is.
        image: `[height, width, 3]`.
        index: Number of the frame.
        energies: Of its shot; None: its own.
        bits: Of a component of the result, 8 or 16.
    """
    if film.output.copy:
        height, width, _ = image.shape
        return at_depth(scaled(image, film.painter.painted_size(width, height)), bits)
    painted, _ = _paint(film, stylize_frame(film.painter, to_tensor(image), energies), index)
    return to_pixels(painted, bits)


def _paint(
    film: Film, iterates: Iterator[Iterate], index: int
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """The painted picture, and what each place of a frame of a shot was painted for."""
    last: Iterate | None = None
    with device_errors(str(film.painter.network.device)):
        for iterate in iterates:
            film.observer.stepped(index, iterate)
            if film.observer.stopping:
                raise Interrupted(f"Painting {film.source.name} was stopped at frame {index}")
            last = iterate
        assert last is not None  # noqa: S101 - for the type checker: there is always a last one
        return last.image, last.shown


def _encode(
    film: Film, info: VideoInfo, segment: Segment, keeper: FrameKeeper, times: Sequence[Frame]
) -> Path:
    path = film.work / f"segment-{segment.index + 1:06d}.mp4"
    facts, alive = as_painted(film, info), film.observer.alive
    with SegmentWriter(path, facts, film.output.encode, alive=alive) as writer:
        for time in times:
            pixels, alpha = keeper.load_with_alpha(time.index)
            deep = None if pixels.dtype == np.uint8 else cast("ImageU16", pixels)
            image = cast("ImageU8", at_depth(pixels, 8))
            writer.write(replace(time, image=image, deep=deep, alpha=alpha))
    return path


def assemble_film(film: Film, info: VideoInfo, keeping: Keeping) -> Path:
    """The closed segments joined, with what is kept of the source, as a part file."""
    closed = [segment for segment in film.store.segments(film.job.id) if segment.complete]
    paths = [film.work / str(segment.path) for segment in closed]
    for segment, path in zip(closed, paths, strict=True):
        if not has_content(path, str(segment.digest)):
            raise DamagedError(f"The painted segment {path} is gone or damaged")
    if not closed:
        raise UnreadableError(f"No frame of {film.source} can be decoded")
    tell_damage(film, info, closed)
    if film.output.encode.pictures is not None:
        lasts = closed[-1].carried["end_pts"] - closed[0].carried["first_pts"]
        return assemble_pictures(
            paths,
            as_painted(film, info),
            film.target,
            film.output.encode,
            offsets=film.offsets(closed[0].first, closed[-1].last or 0),
            end=lasts * info.time_base,
            note=film.note(info.note),
            alive=film.observer.alive,
        )
    span = None
    if not film.output.whole:
        span = (closed[0].carried["first_pts"], closed[-1].carried["end_pts"])
    return assemble(
        paths,
        beside_pictures(film, info),
        as_painted(film, info),
        film.target,
        film.output.encode,
        keeping,
        span=span,
        note=film.note(info.note),
        alive=film.observer.alive,
    )


def beside_pictures(film: Film, info: VideoInfo) -> Path:
    """The film from which all comes but the pictures; for images one that has nothing else."""
    if not film.output.images:
        return film.content
    path = film.work / "images-alone.mp4"
    write_trial(path, as_painted(film, info), film.output.encode)
    return path


def as_painted(film: Film, info: VideoInfo) -> VideoInfo:
    """The facts of the source, at the size it is painted and written at."""
    width, height = film.painter.painted_size(info.width, info.height)
    return replace(info, width=width, height=height)


def _closed_segments(film: Film) -> list[Segment]:
    """What is painted already, up to what is gone or damaged; what follows that is forgotten."""
    closed = [segment for segment in film.store.segments(film.job.id) if segment.complete]
    for segment in closed:
        path = film.work / str(segment.path)
        # Only what the last one leaves is still needed.
        if has_content(path, str(segment.digest)) and (
            segment is not closed[-1] or is_carried(film.work, segment)
        ):
            continue
        index = segment.index
        # What a shot's segments leave for the next one is gone with that.
        while film.painter.recipe.temporal.distances and closed[index].depends_on is not None:
            index -= 1
        first = closed[index].first
        logger.warning(
            "%s, or what it leaves for the next, is gone or damaged: %s goes on with frame %d",
            path,
            film.source.name,
            first,
        )
        film.store.clear_segments(film.job, index)
        for forgotten in closed[index:]:
            discard(film.work / str(forgotten.path))
        return closed[:index]
    return closed


def forget_what_cannot_be_joined(film: Film, info: VideoInfo) -> None:
    """Begin anew where another version's encoder has made the closed segments, and otherwise."""
    plan = film.plan.to_json()
    if all(segment.plan == plan for segment in film.store.segments(film.job.id)):
        return
    closed = _closed_segments(film)
    if not closed:
        return
    first = film.work / str(closed[0].path)
    versions = (closed[0].plan or {}).get("versions", {})
    lying = info.rotation and versions.get("nstd") == _CODED_LYING
    if lying or not joins(first, as_painted(film, info), film.output.encode):
        logger.warning(
            "%s begins anew: what is painted cannot be joined with what this version encodes",
            film.source.name,
        )
        film.store.clear_segments(film.job)


# The content's energy is held constant over a shot: it is that of its first frame (of the range
# that is painted), carried on from segment to segment, with the floor that `ENERGY_FLOOR` explains.
# Where each frame is painted for itself no shots are looked for, and the film is one.
def _carried_shot(film: Film, segment: Segment) -> _Shot | None:
    if segment.depends_on is None:
        return None
    before = film.store.segments(film.job.id)[segment.depends_on]
    try:
        shot = before.carried["shot"]
        tone = shot["tone"] and Tone.of(shot["tone"])
        return _Shot(**(shot | {"energies": tuple(shot["energies"]), "tone": tone}))
    except (AttributeError, KeyError, TypeError) as error:
        raise LedgerError(
            f"Another version has begun {film.source.name}, and this one cannot go on with it: "
            f"{error}",
            f"`nstd cancel {film.job.id}`, then queue it again; or go on with that version",
        ) from error


def _energies(film: Film, frame: Frame) -> tuple[float, ...]:
    if film.output.copy:
        return ()
    with device_errors(str(film.painter.network.device)):
        return film.painter.content_energies(to_tensor(frame.pixels))


_NO_PIXELS: ImageU8 = np.zeros((0, 0, 3), dtype=np.uint8)
"""Stands for the pixels of a frame of which only the time is still needed."""
