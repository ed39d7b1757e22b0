"""The source of a film: opened once, as it was queued, and unchanged until it is painted."""

import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from nstd.errors import (
    ChangedError,
    InputError,
    NstdError,
    StorageError,
    UsageError,
    VanishedError,
)
from nstd.files import facts_of, opened, readable
from nstd.ledger.fingerprint import fingerprint, fingerprint_all, fingerprint_opened
from nstd.ledger.job import FileIdentity, Job, path_of
from nstd.ledger.store import JobStore
from nstd.media.frame import VideoInfo
from nstd.media.image_film import probe_images
from nstd.media.names import is_still
from nstd.media.numbered import find_numbered
from nstd.media.read.guarded import probe_guarded
from nstd.painting.frames import FilmSource
from nstd.submit.output import OutputSpec
from nstd.work.film import Film, Footage

logger = logging.getLogger(__name__)


@contextmanager
def opened_as_queued(film: Film) -> Iterator[Film]:
    """Keep the source open while the block runs; yields the film with it.

    Raises:
        VanishedError: It is not the film that was queued any more.
        InputError: It cannot be opened.
    """
    key = film.job.request.key
    beneath = path_of(key.folder) if film.output.dropped else None
    with opened(film.source, beneath=beneath) as descriptor:
        if film.output.images:
            found = _fingerprint(film.store, film.job)
        else:
            found = fingerprint_opened(film.store, path_of(key.folder), film.source, descriptor)
        if found != key.fingerprint:
            raise VanishedError(
                f"{film.source} is not the film that was queued any more",
                "Nothing to do: the film that is there now is queued for itself",
            )
        content = readable(descriptor)
        still = not film.output.images and is_still(film.source, content)
        yield replace(film, opened=descriptor, identity=FileIdentity.at(content), still=still)


def is_as_queued(store: JobStore, job: Job) -> bool:
    """Whether the source is there, with the content it was queued with."""
    try:
        return _fingerprint(store, job) == job.request.key.fingerprint
    except InputError:
        return False


@contextmanager
def blaming_changes(film: Film) -> Iterator[None]:
    """Raise `ChangedError` where the block fails, and the source was overwritten meanwhile.

    Then a mixture of two films may have been read, and the error may come from that.
    """
    try:
        yield
    except NstdError as error:
        try:
            if facts_of(film.source) is not None:
                require_unchanged(film, error)
        except ChangedError:
            raise
        except (InputError, StorageError) as unseen:
            # Its disk does not answer, or it is gone by now: `error` tells what that has led to.
            logger.info("Whether %s was changed meanwhile cannot be seen: %s", film.source, unseen)
        raise


def require_unchanged(film: Film, cause: NstdError | None = None) -> None:
    """Raise `ChangedError`, and forget what was painted, if the source has other content now.

    Its identity also changes with its owner or its links; so then its content is read again.
    """
    # The identity of numbered images is that of the first alone.
    if not film.output.images and FileIdentity.at(film.source) == film.identity:
        return
    if _fingerprint(film.store, film.job) == film.job.request.key.fingerprint:
        return
    film.store.clear_segments(film.job)
    shutil.rmtree(film.work, ignore_errors=True)
    raise ChangedError(f"{film.source} was changed while it was being painted") from cause


def footage_of(film: Film) -> Footage:
    """What is painted of the film, by its facts.

    Raises:
        InputError: It cannot be read, or is beyond its limits.
        Interrupted: Who looks on asked to stop.
    """
    film.observer.doing("reading the film")
    info, first, last = _facts(film), film.output.first, film.output.last
    width, height = film.painter.painted_size(info.width, info.height)
    end = info.frames if last is None else min(last + 1, info.frames)
    return Footage(
        info=info,
        painted=replace(info, width=width, height=height),
        frames=max(0, end - first),
        read=FilmSource(
            path=film.content,
            info=info,
            images=film.images,
            limits=film.output.limits,
            first=first,
            last=last,
        ),
        beside=film.work / "images-alone.mp4" if film.output.images else film.content,
    )


def _facts(film: Film) -> VideoInfo:
    output, observer = film.output, film.observer
    if (images := film.images) is not None:
        return probe_images(
            images,
            output.reading.rate,
            output.limits,
            stopping=lambda: observer.stopping,
            alive=observer.alive,
        )
    return probe_guarded(
        film.content,
        accept_truncated=output.accept_truncated,
        limits=output.limits,
        reading=output.reading,
        stopping=lambda: observer.stopping,
        alive=observer.alive,
    )


def _fingerprint(store: JobStore, job: Job) -> str:
    output, source = OutputSpec.from_json(job.request.output), path_of(job.request.source)
    folder = path_of(job.request.key.folder)
    if not output.images:
        return fingerprint(store, folder, source, dropped=output.dropped)
    try:
        paths = find_numbered(source.with_name(output.images)).paths
    except UsageError as error:  # in the words for a person who names them
        raise VanishedError(error.problem, "Put the images back") from error
    return fingerprint_all(store, folder, paths, dropped=output.dropped)
