"""What can be kept of a film is found out, told and noted before its first frame is painted."""

import logging

from nstd.errors import LossError
from nstd.media.frame import VideoInfo
from nstd.media.write.keeping import Keeping
from nstd.media.write.rehearsal import plan
from nstd.work.film import Film
from nstd.work.segments import as_painted

logger = logging.getLogger(__name__)


def plan_keeping(film: Film, info: VideoInfo) -> Keeping:
    """What becomes of each part of the film beside its pictures; told once, and in its report.

    Raises:
        LossError: Something would be lost, and the job does not allow that.
        NstdError: The source cannot be read, or no such film can be written.
    """
    facts, alive = as_painted(film, info), film.observer.alive
    keeping = plan(film.content, facts, film.output.encode, alive=alive)
    name, losses = film.source.name, keeping.losses
    instead = " or ".join(keeping.instead)
    if losses and film.output.strict:
        raise LossError(
            [f"Not all of {name} can be kept", *(fate.sentence for fate in losses)],
            f"Choose the container {instead}" if instead else None,
        )
    found = keeping.to_json()
    if found != film.job.report.get("keeping"):
        for fate in keeping.fates:
            level = logging.WARNING if fate.loss else logging.INFO
            logger.log(level, "%s: %s", name, fate.sentence)
        if instead:
            logger.warning("%s: more of it would be kept in %s", name, instead)
        film.store.report(film.job, keeping=found)
    return keeping
