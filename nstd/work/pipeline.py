"""One film or picture end to end, from claimed job to published file."""

import logging
from dataclasses import replace
from functools import partial
from pathlib import Path

from nstd.errors import BusyError, NstdError
from nstd.files import opened
from nstd.ledger.job import Job, JobState, path_of
from nstd.media.alpha import visible
from nstd.media.frame import VideoInfo
from nstd.media.image_film import probe_images
from nstd.media.names import is_still
from nstd.media.pictures import read_still
from nstd.media.read.guarded import probe_guarded
from nstd.media.read.scan import scan
from nstd.media.still_write import PAINTED_QUALITY, encode_still, holds_16_bits
from nstd.media.write.segment import check_size
from nstd.painting.segment import paint_picture
from nstd.submit.names import require_replaceable
from nstd.work.checks import (
    blame_change,
    identity,
    is_at,
    require_as_queued,
    require_folder,
    require_frames,
    require_free,
    require_free_names,
    require_unchanged,
)
from nstd.work.demand import require_affordable
from nstd.work.film import Film
from nstd.work.keep import plan_keeping, tell_of_still
from nstd.work.publish import (
    Pictures,
    all_in_place,
    is_whole,
    note_pictures,
    put_in_place,
    unpublished,
)
from nstd.work.room import require_room, require_room_for_still
from nstd.work.segments import (
    assemble_film,
    forget_what_cannot_be_joined,
    paint_segments,
)
from nstd.work.telling import tell_remarks
from nstd.work.twin import take_over

logger = logging.getLogger(__name__)


def stylize_film(film: Film) -> None:
    """Paint a film or a still picture, and put it in its place.

    Raises:
        NstdError: Any of the tree; what was painted is kept for the next attempt, unless the
            source has changed.
    """
    beneath = path_of(film.job.request.key.folder) if film.output.dropped else None
    with opened(film.source, beneath=beneath) as descriptor:
        require_as_queued(film, descriptor)
        _stylize_opened(replace(film, opened=descriptor))


def _stylize_opened(film: Film) -> None:
    before = identity(film.content)
    if film.job.part is not None and is_at(film.target, film.job.part) and is_whole(film.job):
        # Published before, but the ledger could not be told: nothing is left to paint.
        film.store.done(film.store.publishing(film.job, part=film.job.part))
        return
    require_free(film)
    require_folder(film)
    part, origin = take_over(film) or (None, "")
    try:
        part = part or _painted(film)
    except NstdError as error:
        blame_change(film, before, error)
        raise
    with unpublished(part, film.target, numbered=_is_numbered(film)):
        require_unchanged(film, before)
        require_replaceable(film.store, film.target, film.output)
    film.require_output()
    job = _about_to_publish(film, part, origin)
    pictures, alive = Pictures.of(job), film.observer.alive
    put_in_place(part, film.target, film.output, pictures, alive=alive)
    all_in_place(film.store, job)


def _painted(film: Film) -> Path:
    """The finished part file, beside the target."""
    if not film.output.images and is_still(film.source, film.content):
        return _stylize_still(film)
    film.observer.doing("reading the film")
    info = _facts(film)
    require_frames(film, info)
    tell_remarks(film, info)
    # What would end it is found out before the first frame is painted.
    check_size(film.as_painted(info), film.output.encode)
    if film.output.encode.numbered:
        require_free_names(film, film.frames_of(info))
    require_affordable(film, info.width, info.height, film.frames_of(info), still=False)
    require_room(film, info)
    keeping = plan_keeping(film, info)
    forget_what_cannot_be_joined(film, info)
    if film.images is None:  # read through, and remembered, while there is somebody to tell of it
        scan(film.content, info.stream, alive=film.observer.alive)
    paint_segments(film, film.read_as(info))
    film.store.renew(film.job)  # putting a long film together takes its time
    film.require_output()
    return assemble_film(film, info, keeping)


def _facts(film: Film) -> VideoInfo:
    """What the film is."""
    output, alive = film.output, film.observer.alive
    if (images := film.images) is not None:
        return probe_images(
            images,
            output.reading.rate,
            output.limits,
            stopping=lambda: film.observer.stopping,
            alive=alive,
        )
    return probe_guarded(
        film.content,
        accept_truncated=output.accept_truncated,
        limits=output.limits,
        reading=output.reading,
        stopping=lambda: film.observer.stopping,
        alive=alive,
    )


def _stylize_still(film: Film) -> Path:
    film.observer.doing("reading the picture")
    still = read_still(
        film.content,
        film.output.limits,
        stopping=lambda: film.observer.stopping,
        alive=film.observer.alive,
    )
    height, width, _ = still.image.shape
    require_affordable(film, width, height, 1, still=True)
    pixels = still.image if still.deep is None else still.deep
    bits = 8 if still.deep is None or not holds_16_bits(film.target) else 16
    require_room_for_still(film, *film.painter.painted_size(width, height), bits)
    tell_of_still(film, still)
    film.observer.began(film.job, painted=0, total=1)
    image = paint_picture(
        film.painter, visible(pixels, still.alpha), partial(film.stepped, 0), bits=bits
    )
    film.progress(0, 1, 1)
    film.require_output()
    return encode_still(
        image, still, film.target, quality=PAINTED_QUALITY, note=film.note(still.note)
    )


def _is_numbered(film: Film) -> bool:
    """Whether it becomes numbered pictures: a still picture becomes one, whatever films do."""
    still = not film.output.images and is_still(film.source, film.content)
    return film.output.encode.numbered and not still


def _about_to_publish(film: Film, part: Path, origin: str) -> Job:
    try:
        if _is_numbered(film):
            note_pictures(film.store, film.job)
        return film.store.publishing(film.job, part=identity(part, "looking at"), reason=origin)
    except BusyError:
        # Canceled while it was put together. Had another worker taken over, it would be its part.
        if film.store.get(film.job.id).state is JobState.CANCELED:
            with unpublished(part, film.target, numbered=_is_numbered(film)):
                raise
        raise
