"""A film that was painted under another name is not painted again: its output is linked.

So a folder that is renamed costs nothing, nor does a second copy of a film.
"""

import errno
import logging
import os
import shutil
import stat
from pathlib import Path

from nstd.errors import ConfigError, InputError, LedgerError, from_os_error
from nstd.files import (
    begun,
    discard,
    facts_of,
    opened,
    part_path,
    readable,
    removed_on_failure,
    sync_file,
)
from nstd.ledger.job import FileIdentity, Job, path_of
from nstd.style.recipe import StyleRecipe
from nstd.submit.output import OutputSpec
from nstd.work.film import Film
from nstd.work.telling import tell_again

logger = logging.getLogger(__name__)

_NO_LINK = {
    errno.EXDEV,  # another disk
    errno.EPERM, errno.EACCES,  # no links on this file system, or none to files of others
    errno.EMLINK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP,
    errno.ENOENT,  # it has no name any more
}  # fmt: skip


def take_over(film: Film) -> tuple[Path, str] | None:
    """Take what was painted of the same content as the film's part file: a link, else a copy.

    It must have been painted by the same recipe and settings, and be unchanged since it was
    published. What a person asks for again is painted again.

    Returns:
        The part, and a sentence that says where it is from; None where it is to be painted.

    Raises:
        StorageError: The part cannot be written.
    """
    twin = _twin_of(film)
    if twin is None:
        return None
    part = part_path(film.target)
    with removed_on_failure(part):
        if not _link(twin, part, film.target):
            discard(part)
            return None
    was = path_of(twin.request.source)
    logger.info("%s is the film that was %s: it is not painted again", film.source, was)
    tell_again(film, twin.report)
    film.observer.began(film.job, painted=twin.frames_done, total=twin.frames_total)
    film.store.progress(film.job, twin.frames_done, twin.frames_total)
    return part, f"Not painted again: it is what job {twin.id} has painted of {was}"


def _twin_of(film: Film) -> Job | None:
    asked = film.job.request
    done = film.store.jobs_of_content(asked.key.fingerprint)
    if film.output.encode.numbered or any(job.request.key == asked.key for job in done):
        return None
    for job in done:
        target = path_of(job.request.target)
        if (
            target != film.target  # a job that may replace that is to paint it anew
            and target.suffix == film.target.suffix
            and _is_same(job, film)
            and _is_whole(job)
        ):
            return job
    return None


def _is_same(job: Job, film: Film) -> bool:
    """Whether a job's recipe and settings make the same of its source as this film's."""
    try:
        output = OutputSpec.from_json(job.request.output)
        recipe = StyleRecipe.from_json(job.request.recipe)
    except (LedgerError, ConfigError):
        return False  # of another version
    look = film.painter.recipe.without_names()
    return recipe.without_names() == look and output.same_film(film.output)


def _link(twin: Job, part: Path, target: Path) -> bool:
    """Link or copy a job's output to `part`; returns whether it is still as it was published."""
    painted = path_of(twin.request.target)
    try:
        # Opened once: others may write to the folder, and what comes to its name is another file.
        with opened(painted, beneath=painted.parent) as descriptor:
            discard(part)
            if not (_is_of_group(descriptor, part.parent) and _is_linked(descriptor, part, target)):
                _copy(descriptor, part, target)
            return _is_as_published(twin, os.fstat(descriptor))
    except InputError:
        return False  # gone, or something else by now


def _is_of_group(descriptor: int, folder: Path) -> bool:
    """Whether what is open has the group that a folder gives its files, if it gives them one.

    All names of a file share its group: who may read the other folder might not read the file.
    """
    there = facts_of(folder)
    if there is None or not there.st_mode & stat.S_ISGID:
        return True
    return there.st_gid == os.fstat(descriptor).st_gid


def _is_linked(descriptor: int, part: Path, target: Path) -> bool:
    try:
        os.link(readable(descriptor), part, src_dir_fd=descriptor, follow_symlinks=True)
    except OSError as error:
        if error.errno in _NO_LINK:
            return False
        raise from_os_error(error, target, "writing") from error
    return True


def _copy(descriptor: int, part: Path, target: Path) -> None:
    with begun(part, target) as written:
        try:
            shutil.copyfile(readable(descriptor), readable(written))
        except OSError as error:
            raise from_os_error(error, target, "writing") from error
        sync_file(part)


def _is_whole(job: Job) -> bool:
    there = facts_of(path_of(job.request.target))
    return there is not None and _is_as_published(job, there)


def _is_as_published(job: Job, there: os.stat_result) -> bool:
    return job.part is not None and FileIdentity.from_stat(there).same_version(job.part)
