"""From a finished part file to a job that is done, even if its worker is lost on the way."""

import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from nstd.errors import BusyError, NstdError, OutputExistsError, from_os_error
from nstd.files import discard, part_path, publish, removed_on_failure
from nstd.ledger.job import FileIdentity, Job, JobState, path_of
from nstd.ledger.store import JobStore
from nstd.media.write.numbered import rest_path
from nstd.submit.names import require_replaceable
from nstd.submit.output import OutputSpec
from nstd.work.film import Film
from nstd.work.source import require_unchanged

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class NumberedPictures:
    """Numbered pictures but the first, which is the part file and is published last.

    Attributes:
        marks: By name, what tells each of them from another file of that name: see `_mark`.
        earlier: By name, the marks of pictures beside the target that nstd put there before, and
            that may be replaced.
    """

    marks: Mapping[str, str] = field(default_factory=dict)
    earlier: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, job: Job) -> "NumberedPictures":
        """Those that a job has finished, as its report tells."""
        return cls(job.report.get("pictures", {}), job.report.get("earlier", {}))

    @classmethod
    def finished(cls, target: Path) -> "NumberedPictures":
        """Those that lie beside a target, ready to be published.

        Raises:
            StorageError: Their folder cannot be looked into.
        """
        rest = rest_path(target)
        try:
            paths = sorted(rest.iterdir())
        except FileNotFoundError:
            paths = []  # there is one picture alone
        except OSError as error:
            raise from_os_error(error, rest, "looking into") from error
        return cls({path.name: mark for path in paths if (mark := _mark(path))})


def _note_pictures(store: JobStore, job: Job) -> Job:
    """Note in a job's report which numbered pictures are about to be published.

    Raises:
        StorageError: The folder that they lie in cannot be looked into.
    """
    marks = NumberedPictures.finished(path_of(job.request.target)).marks
    return store.report(job, pictures=marks, earlier=earlier_pictures(store, job))


def earlier_pictures(store: JobStore, job: Job) -> dict[str, str]:
    """Numbered pictures beside a job's target that it may replace, and nobody has changed since.

    They are those that the job put there itself before its worker was lost; with `overwrite` also
    those of any other job.
    """
    output, target = OutputSpec.from_json(job.request.output), path_of(job.request.target)
    return {
        name: mark
        for one in store.jobs_for_target(job.request.target)
        if one.id == job.id or output.overwrite
        for known in (NumberedPictures.of(one).marks, NumberedPictures.of(one).earlier)
        for name, mark in known.items()
        if _mark(target.with_name(name)) == mark
    }


def publish_film(film: Film, part: Path, origin: str) -> None:
    """Put a finished part in its place, and note that its job is done.

    Args:
        film: The film, opened.
        part: All of it, beside its target.
        origin: Where it is from, if it was not painted: a sentence for the ledger, or "".

    Raises:
        ChangedError: The source was changed meanwhile.
        OutputExistsError: A file is at the target that may not be replaced; what is finished of
            numbered pictures is kept.
        BusyError: The job was canceled, or another worker has taken it over.
        StorageError: The file system refused.
    """
    with _unpublished(film, part):
        require_unchanged(film)
        require_replaceable(film.store, film.target, film.output)
    film.require_output()
    job = _about_to_publish(film, part, origin)
    pictures, alive = NumberedPictures.of(job), film.observer.alive
    put_in_place(part, film.target, film.output, pictures, alive=alive)
    _all_in_place(film.store, job)


def is_whole(job: Job) -> bool:
    """Whether all that a job was about to publish is there: in its place, or still beside it."""
    target = path_of(job.request.target)
    rest = rest_path(target)
    return (
        job.part is not None
        and any(_is_file(path, job.part) for path in (target, part_path(target)))
        and all(
            mark in (_mark(target.with_name(name)), _mark(rest / name))
            for name, mark in NumberedPictures.of(job).marks.items()
        )
    )


def is_published(job: Job) -> bool:
    """Whether a job that the ledger wants painted was painted and put in its place before.

    Its worker could not tell the ledger; nothing is left to paint.
    """
    target = path_of(job.request.target)
    return job.part is not None and _is_file(target, job.part) and is_whole(job)


def finish_publishing(
    store: JobStore, job: Job, alive: Callable[[], object] = lambda: None
) -> None:
    """Go on where an earlier worker was lost between writing the output and telling the ledger.

    Args:
        store: The ledger.
        job: PUBLISHING, or RUNNING where `is_published`.
        alive: Called for each numbered picture.
    """
    if job.part is not None and job.state is JobState.RUNNING:
        job = store.publishing(job, part=job.part)
    target = path_of(job.request.target)
    part = part_path(target)
    output, pictures = OutputSpec.from_json(job.request.output), NumberedPictures.of(job)
    if job.part is not None and _is_file(target, job.part):
        try:
            part.unlink(missing_ok=True)
        except OSError as error:
            # The film is in place: what is left beside it is worth a word, not a failure.
            logger.warning("%s could not be removed: %s", part, error)
    else:
        require_replaceable(store, target, output)
        put_in_place(part, target, output, pictures, alive=alive)
    _all_in_place(store, job)


def _all_in_place(store: JobStore, job: Job) -> None:
    """Note that a job is done; remove earlier pictures of it that the new film has none for."""
    target, pictures = path_of(job.request.target), NumberedPictures.of(job)
    # Where only some frames were painted anew, the pictures of the others are wanted.
    if OutputSpec.from_json(job.request.output).whole:
        for name in pictures.earlier.keys() - pictures.marks.keys():
            path = target.with_name(name)
            if _mark(path) == pictures.earlier[name]:
                discard(path)
    if pictures.earlier:
        job = store.report(job, earlier=None)
    store.done(job)


def put_in_place(
    part: Path,
    target: Path,
    output: OutputSpec,
    pictures: NumberedPictures,
    *,
    alive: Callable[[], object] = lambda: None,
) -> None:
    """Publish a finished part; the first of numbered pictures goes last, to say that all are there.

    Doing it again after a crash in the middle goes on with what is not in its place.

    Raises:
        OutputExistsError: A file is there already; what is not published yet is kept.
        StorageError: The file system refused; what is not published yet is kept.
    """
    rest = rest_path(target)
    left = {}
    for name, mark in pictures.marks.items():
        path = target.with_name(name)
        there = _mark(path)
        if there != mark:
            # Files of others are replaced only where a person has said so of this very output.
            left[name] = (output.overwrite and not output.only_own) or (
                there is not None and there == pictures.earlier.get(name)
            )
            if os.path.lexists(path) and not left[name]:
                raise OutputExistsError(f"{path} is there already")
    for name, overwrite in left.items():
        alive()
        publish(rest / name, target.with_name(name), overwrite=overwrite)
    if pictures.marks:
        discard(rest)
    publish(part, target, overwrite=output.overwrite)


@contextmanager
def _unpublished(film: Film, part: Path) -> Iterator[None]:
    """Remove a finished part, and the other pictures that belong to it, when the block fails."""
    try:
        with removed_on_failure(part):
            yield
    except BaseException:
        # That they cannot be removed matters less than the error that is raised already.
        if film.numbered:
            with suppress(NstdError):
                discard(rest_path(film.target))
        raise


def _about_to_publish(film: Film, part: Path, origin: str) -> Job:
    try:
        if film.numbered:
            _note_pictures(film.store, film.job)
        return film.store.publishing(
            film.job, part=FileIdentity.at(part, "looking at"), reason=origin
        )
    except BusyError:
        # Canceled while it was put together. After a takeover the part would be the other worker's.
        if film.store.get(film.job.id).state is JobState.CANCELED:
            with _unpublished(film, part):
                raise
        raise


def _mark(path: Path) -> str | None:
    """What tells a file from others of its name, and survives renames; None where there is none."""
    try:
        found = path.lstat()
    except OSError:
        return None  # gone, or out of reach: either way nothing to go on with
    return f"{found.st_ino}:{found.st_size}:{found.st_mtime_ns}"


def _is_file(path: Path, identity: FileIdentity) -> bool:
    try:
        return FileIdentity.from_stat(path.stat()).same_content(identity)
    except OSError:
        return False  # gone, or out of reach: either way nothing to go on with
