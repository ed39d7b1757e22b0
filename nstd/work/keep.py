"""What can be kept of a film or picture is found out, told and noted before it is painted."""

import logging
from collections.abc import Sequence
from dataclasses import replace

from nstd.errors import LossError
from nstd.media.fates import Fate, lost
from nstd.media.frame import VideoInfo
from nstd.media.pictures import look_at_still
from nstd.media.still import Still
from nstd.media.still_write import still_fates
from nstd.media.write.keeping import Keeping
from nstd.media.write.rehearsal import plan
from nstd.work.film import Film
from nstd.work.segments import beside_pictures

logger = logging.getLogger(__name__)


def plan_keeping(film: Film, info: VideoInfo) -> Keeping:
    """What becomes of each part of a film beside its pictures; told once, and in its report.

    Raises:
        LossError: Something would be lost, and the job does not allow that.
        NstdError: The source cannot be read, or no such film can be written.
    """
    facts, alive = film.as_painted(info), film.observer.alive
    keeping = plan(beside_pictures(film, info), facts, film.output.encode, alive=alive)
    if (images := film.images) is not None:
        look = look_at_still(images.paths[0], film.output.limits, alive=alive)
        if look.notes:
            what = "what each image says of itself (EXIF, XMP, comments)"
            told = lost("metadata", what, "a film says it once")
            keeping = replace(keeping, fates=(*keeping.fates, told))
    _tell(film, keeping.container, keeping.fates, keeping.instead)
    return keeping


def tell_of_still(film: Film, still: Still) -> None:
    """Tell once what becomes of what belongs to a picture, and note it in its report.

    Raises:
        LossError: Something would be lost, and the job does not allow that.
    """
    fates = still_fates(still, film.target, film.note(still.note))
    _tell(film, film.target.suffix.lower().removeprefix("."), fates, ())


def _tell(film: Film, container: str, fates: Sequence[Fate], instead: Sequence[str]) -> None:
    name, others = film.source.name, " or ".join(instead)
    losses = [fate.sentence for fate in fates if fate.loss]
    if losses and film.output.strict:
        raise LossError(
            [f"Not all of {name} can be kept", *losses],
            f"Choose the container {others}" if others else None,
        )
    found = {
        "container": container,
        "fates": [fate.to_json() for fate in fates],
        "instead": list(instead),
    }
    if found == film.job.report.get("keeping"):
        return
    for fate in fates:
        level = logging.WARNING if fate.loss else logging.INFO
        logger.log(level, "%s: %s", name, fate.sentence)
    if others:
        logger.warning("%s: more of it would be kept in %s", name, others)
    film.store.report(film.job, keeping=found)
