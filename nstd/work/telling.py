"""What is found out about a film is logged once, and noted with its job."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from nstd.errors import LossError
from nstd.media.fates import Fate
from nstd.media.frame import VideoInfo
from nstd.work.film import Film, Footage

logger = logging.getLogger(__name__)


def tell_remarks(film: Film, info: VideoInfo) -> None:
    """Log and note what is unusual about a film and how it is read, before it is painted."""
    told = film.job.report.get("remarks", [])
    for remark in info.remarks:
        if remark not in told:
            logger.warning("%s %s", film.source, remark)
    logger.info("%s is read with %s: %s", film.source, info.reader, info.reader_reason)
    reading = {"reader": info.reader, "because": info.reader_reason}
    _note(film, remarks=list(info.remarks), reading=reading)


def tell_fates(
    film: Film, container: str, fates: Sequence[Fate], instead: Sequence[str] = ()
) -> None:
    """Log and note what becomes of each part of a film or picture.

    Args:
        film: The film or picture.
        container: What it is put in.
        fates: Of its parts.
        instead: Containers that would keep more.

    Raises:
        LossError: Something would be lost, and the job does not allow that.
    """
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


def tell_damage(film: Film, footage: Footage) -> None:
    """Say how many of the painted frames are damaged, and how many are missing at the end.

    The ledger counts them with each segment: so a film that was resumed has the same numbers.
    """
    painted = film.store.painted(film.job.id)
    missing = max(0, footage.frames - painted.frames)
    if painted.damaged:
        logger.warning("%d frames of %s are damaged", painted.damaged, film.source)
    if missing:
        logger.warning("%d frames of %s cannot be decoded", missing, film.source)
    _note(film, damaged_frames=painted.damaged, missing_frames=missing)


def tell_again(film: Film, report: Mapping[str, Any]) -> None:
    """Log and note what was found out about the film when it was painted under another name."""
    fates = report.get("keeping", {}).get("fates", [])
    for sentence in [fate["sentence"] for fate in fates if fate["loss"]]:
        logger.warning("%s: %s", film.source.name, sentence)
    for remark in report.get("remarks", []):
        logger.warning("%s %s", film.source, remark)
    if report:
        film.store.report(film.job, **report)


def _note(film: Film, **entries: object) -> None:
    known = film.store.get(film.job.id).report
    found = {key: value or None for key, value in entries.items()}
    if any(known.get(key) != value for key, value in found.items()):
        film.store.report(film.job, **found)
