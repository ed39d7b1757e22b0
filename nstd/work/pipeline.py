"""One film or picture end to end, from claimed job to published file."""

from functools import partial
from pathlib import Path

from nstd.media.alpha import visible
from nstd.media.pictures import read_still
from nstd.media.still_write import PAINTED_QUALITY, encode_still
from nstd.painting.segment import paint_picture
from nstd.work.checks import require_paintable, require_paintable_still, require_target
from nstd.work.film import Film
from nstd.work.publish import publish_film
from nstd.work.segments import assemble_film, paint_segments
from nstd.work.source import blaming_changes, footage_of, opened_as_queued
from nstd.work.twin import take_over


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
    paint_segments(film, footage)
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
    image = paint_picture(film.painter, pixels, partial(film.stepped, 0), bits=bits)
    film.progress(0, 1, 1)
    film.require_output()
    return encode_still(
        image, still, film.target, quality=PAINTED_QUALITY, note=film.note(still.note)
    )
