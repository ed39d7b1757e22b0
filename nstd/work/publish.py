"""What is left to do of a job that a worker was about to publish when it was lost."""

import logging
from pathlib import Path

from nstd.files import part_path, publish
from nstd.ledger.job import FileIdentity, Job, path_of
from nstd.ledger.store import JobStore
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
        publish(part, target, overwrite=output.overwrite)
    store.done(job)


def _is_file(path: Path, identity: FileIdentity) -> bool:
    try:
        return FileIdentity.from_stat(path.stat()).same_content(identity)
    except OSError:
        return False  # gone, or out of reach: either way nothing to go on with
