"""What becomes of an original once its painted film is in place: it stays, goes, or is moved."""

import filecmp
import logging
import os
import shutil
from pathlib import Path

from nstd.errors import InputError, OutputExistsError, StorageError
from nstd.film import OutputSpec, path_of
from nstd.jobs.fingerprint import fingerprint
from nstd.jobs.job import Job, JobState
from nstd.jobs.protocol import JobStore
from nstd.media.files import part_path, publish, removed_on_failure, sync_folder

logger = logging.getLogger(__name__)

_SETTLED = frozenset({JobState.DONE, JobState.CANCELED})
"""States of a film's other jobs in which they need the original no more."""


def settle_original(store: JobStore, job: Job) -> None:
    """Move or delete the source where that was asked for: only now that the output is in place."""
    output = OutputSpec.from_json(job.request.output)
    source = path_of(job.request.source)
    if output.originals == "keep":
        return
    states = {j.request.key.recipe_name: j.state for j in store.jobs_of_film(job.request.key)}
    if any(states.get(name) not in _SETTLED for name in output.siblings):
        logger.info("%s stays until its other recipes are painted too", source)
        return
    if not is_as_queued(store, job):
        logger.warning("%s is not what was painted any more, and was left where it is", source)
        return
    try:
        if output.originals == "delete":
            source.unlink()
        elif output.move_to is not None:
            _move(source, Path(output.move_to) / os.fsdecode(job.request.key.relative))
    except (OSError, StorageError, OutputExistsError) as error:
        # The film is painted and in place; that its original stayed is worth a word, not a failure.
        logger.warning("%s stays where it is: %s", source, error)


def is_as_queued(store: JobStore, job: Job) -> bool:
    """Whether the source is there, with the content it was queued with."""
    key = job.request.key
    try:
        found = fingerprint(store, path_of(key.folder), path_of(job.request.source))
    except InputError:
        return False
    return found == key.fingerprint


def _move(source: Path, target: Path) -> None:
    """Move without ever replacing another file, or leaving half of one under a final name.

    Doing it again after a crash in the middle is harmless.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    free, number = target, 2
    while free.exists() and not _is_moved(source, free):
        free = target.with_name(f"{target.stem}-{number}{target.suffix}")
        number += 1
    if source.stat().st_dev == free.parent.stat().st_dev:
        publish(source, free, overwrite=False)
        return
    if not free.exists():
        part = part_path(free)
        with removed_on_failure(part):
            shutil.copy2(source, part)
            publish(part, free, overwrite=False)
    sync_folder(free.parent)
    source.unlink()


def _is_moved(source: Path, there: Path) -> bool:
    """Whether a file is the original: killed at a move's end, it was left with both its names."""
    if source.stat().st_dev == there.stat().st_dev:
        return source.samefile(there)
    return filecmp.cmp(source, there, shallow=False)
