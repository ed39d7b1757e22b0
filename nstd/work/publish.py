"""What is left to do of a job that a worker was about to publish when it was lost."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from nstd.errors import NstdError, OutputExistsError, from_os_error
from nstd.files import discard, part_path, publish, removed_on_failure
from nstd.ledger.job import FileIdentity, Job, path_of
from nstd.ledger.store import JobStore
from nstd.media.write.numbered import rest_path
from nstd.submit.names import require_replaceable
from nstd.submit.output import OutputSpec

logger = logging.getLogger(__name__)


def is_whole(job: Job) -> bool:
    """Whether the finished film of a job that was about to publish it is there, somewhere."""
    target = path_of(job.request.target)
    return job.part is not None and any(
        _is_file(path, job.part) for path in (target, part_path(target))
    )


def finish_publishing(store: JobStore, job: Job) -> None:
    """Go on where an earlier worker was lost between writing the output and saying so."""
    target = path_of(job.request.target)
    part = part_path(target)
    if job.part is not None and _is_file(target, job.part):
        try:
            part.unlink(missing_ok=True)
        except OSError as error:
            # The film is in place: what is left beside it is worth a word, not a failure.
            logger.warning("%s could not be removed: %s", part, error)
    else:
        output = OutputSpec.from_json(job.request.output)
        require_replaceable(store, target, output)
        put_in_place(part, target, overwrite=output.overwrite)
    store.done(job)


@contextmanager
def unpublished(part: Path, target: Path) -> Iterator[None]:
    """Remove a finished part, and the other pictures that belong to it, when the block fails."""
    try:
        with removed_on_failure(part):
            yield
    except BaseException:
        # Where they cannot be removed, that is no news beside the error that is on its way.
        with suppress(NstdError):
            discard(rest_path(target))
        raise


def put_in_place(part: Path, target: Path, *, overwrite: bool) -> None:
    """`publish` a finished part; of numbered pictures the first is the last one, and tells of all.

    Doing it again after a crash in the middle goes on with what is not in its place.

    Raises:
        OutputExistsError: A file is there already; what is not published yet is kept.
        StorageError: The file system refused; likewise.
    """
    rest = rest_path(target)
    try:
        names = sorted(path.name for path in rest.iterdir())
    except FileNotFoundError:
        names = []
    except OSError as error:
        raise from_os_error(error, rest, "looking into") from error
    for name in names:
        if not overwrite and os.path.lexists(target.with_name(name)):
            raise OutputExistsError(f"{target.with_name(name)} is there already")
    for name in names:
        publish(rest / name, target.with_name(name), overwrite=overwrite)
    discard(rest)
    publish(part, target, overwrite=overwrite)


def _is_file(path: Path, identity: FileIdentity) -> bool:
    try:
        return FileIdentity.from_stat(path.stat()).same_content(identity)
    except OSError:
        return False  # gone, or out of reach: either way nothing to go on with
