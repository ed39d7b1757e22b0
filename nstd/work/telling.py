"""What is found out about a film is said once, in the log, and noted with its job."""

import logging
from collections.abc import Mapping
from typing import Any

from nstd.media.frame import VideoInfo
from nstd.work.film import Film

logger = logging.getLogger(__name__)


def tell_remarks(film: Film, info: VideoInfo) -> None:
    """Say what is not as it should be with a film, and how it is read, before it is painted."""
    told = film.job.report.get("remarks", [])
    for remark in info.remarks:
        if remark not in told:
            logger.warning("%s %s", film.source, remark)
    logger.info("%s is read with %s: %s", film.source, info.reader, info.reader_reason)
    reading = {"reader": info.reader, "because": info.reader_reason}
    _note(film, remarks=list(info.remarks), reading=reading)


def tell_damage(film: Film, info: VideoInfo) -> None:
    """Say how many of the painted frames are damaged, and how many are missing at the end.

    Counted with each segment: so a film that was gone on with gives the same numbers.
    """
    painted = film.store.painted(film.job.id)
    missing = max(0, film.frames_of(info) - painted.frames)
    if painted.damaged:
        logger.warning("%d frames of %s are damaged", painted.damaged, film.source)
    if missing:
        logger.warning("%d frames of %s cannot be decoded", missing, film.source)
    _note(film, damaged_frames=painted.damaged, missing_frames=missing)


def tell_again(film: Film, report: Mapping[str, Any]) -> None:
    """Say and note of a film what was found out about the same one under another name."""
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
