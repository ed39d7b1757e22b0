"""What must hold of a film, its source and its target before and after it is painted."""

import logging
import os
import shutil
from collections.abc import Sequence
from os.path import samestat
from pathlib import Path

from nstd.errors import (
    AccessError,
    BusyError,
    ChangedError,
    InputError,
    MountError,
    NstdError,
    OutputExistsError,
    StorageError,
    UsageError,
    VanishedError,
    from_os_error,
)
from nstd.files import facts_of
from nstd.ledger.fingerprint import fingerprint, fingerprint_all, fingerprint_opened
from nstd.ledger.job import FileIdentity, path_of
from nstd.media.frame import VideoInfo
from nstd.media.write.numbered import numbered
from nstd.submit.names import require_replaceable
from nstd.submit.places import Places
from nstd.work.film import Film
from nstd.work.publish import earlier_pictures

logger = logging.getLogger(__name__)


def require_as_queued(film: Film, descriptor: int) -> None:
    """Raise VanishedError unless what was opened of the source is the film that was queued."""
    key = film.job.request.key
    if film.output.images:
        found = _fingerprint(film)
    else:
        found = fingerprint_opened(film.store, path_of(key.folder), film.source, descriptor)
    if found != key.fingerprint:
        raise VanishedError(
            f"{film.source} is not the film that was queued any more",
            "Nothing to do: the film that is there now is queued for itself",
        )


def require_frames(film: Film, info: VideoInfo) -> None:
    """Raise UsageError where the film ends before the first frame that is wanted."""
    if 0 < info.frames <= film.output.first:
        raise UsageError(
            f"{film.source.name} has {info.frames} frames: there is none from {film.output.first}",
            "Frames are counted from 0",
        )


def require_free(film: Film) -> None:
    """Nothing that is anybody's may be replaced, whatever `overwrite` says of outputs."""
    name = film.job.request.target
    there = facts_of(film.target)
    if there is not None and samestat(there, facts(film.source)):
        raise UsageError(f"{film.target} is the film itself", "Choose another output")
    if film.store.is_source(name):
        raise UsageError(f"{film.target} is itself a film to be painted", "Choose another output")
    require_replaceable(film.store, film.target, film.output)
    if film.store.is_being_written(name, but_for=film.job.id):
        raise BusyError(f"Another job is painting {film.target} right now")


def require_free_names(film: Film, frames: int) -> None:
    """See that the pictures of a film have a name each, and take no other's.

    Raises:
        UsageError: There are several, and no number in the name; or one of the names is that of
            a film or picture that is to be painted.
        OutputExistsError: A file has one of the names.
        StorageError: The folder cannot be looked into.
    """
    try:
        there = {path.name for path in film.target.parent.iterdir()}
    except OSError as error:
        raise from_os_error(error, film.target.parent, "looking into") from error
    first = film.output.first
    paths = [numbered(film.target, one) for one in film.offsets(first, first + frames - 1)]
    if taken := [path for path in paths if path.name in there]:
        _require_no_originals(film, taken)
    if film.output.overwrite and not film.output.only_own:
        return
    own = earlier_pictures(film.store, film.job) if taken else {}
    for path in taken:
        if path != film.target and path.name not in own:
            raise OutputExistsError(f"{path} is there already")


def _require_no_originals(film: Film, paths: Sequence[Path]) -> None:
    images = film.images
    originals = (film.source,) if images is None else images.paths
    files = {(one.st_dev, one.st_ino) for one in map(facts, originals)}
    for path in paths:
        there = facts_of(path)
        is_original = there is not None and (there.st_dev, there.st_ino) in files
        if is_original or film.store.is_source(os.fsencode(path)):
            raise UsageError(f"{path} is itself to be painted", "Choose another output")


def require_folder(film: Film) -> None:
    """Make the target's folder below the one that is named, and see that it can be written to.

    That it cannot must not show when all is painted.

    Raises:
        MountError: The named folder, or its disk, is not there or is read-only.
        AccessError: Permission is denied.
        StorageError: The file system refused.
    """
    folder = film.target.parent
    Places.of(film.job).output.make_below(folder)
    try:
        read_only = os.statvfs(folder).f_flag & os.ST_RDONLY
    except OSError as error:
        raise from_os_error(error, folder, "looking at") from error
    if read_only:
        raise MountError(f"{folder} is read-only, as its disk is mounted", "Mount it for writing")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise AccessError(f"No permission for writing in {folder}")


def blame_change(film: Film, before: FileIdentity, error: NstdError) -> None:
    """Raise `ChangedError` where the source was overwritten while `error` was met.

    What was read may be a mixture of two films then, and the error a consequence of that.
    """
    try:
        if facts_of(film.source) is not None:
            require_unchanged(film, before, error)
    except ChangedError:
        raise
    except (InputError, StorageError) as unseen:
        # Its disk does not answer, or it is gone by now: `error` tells what that has led to.
        logger.info("Whether %s was changed meanwhile cannot be seen: %s", film.source, unseen)


def require_unchanged(film: Film, before: FileIdentity, cause: NstdError | None = None) -> None:
    """Raise `ChangedError`, and forget what was painted, if the source has other content now.

    Its owner or its other names may have changed: that is another identity, and the content is read
    again to know.
    """
    # Of numbered images `before` tells of the first alone.
    if not film.output.images and identity(film.source) == before:
        return
    if _fingerprint(film) == film.job.request.key.fingerprint:
        return
    film.store.clear_segments(film.job)
    shutil.rmtree(film.work, ignore_errors=True)
    raise ChangedError(f"{film.source} was changed while it was being painted") from cause


def _fingerprint(film: Film) -> str:
    folder = path_of(film.job.request.key.folder)
    if (images := film.images) is not None:
        return fingerprint_all(film.store, folder, images.paths, dropped=film.output.dropped)
    return fingerprint(film.store, folder, film.source, dropped=film.output.dropped)


def is_at(path: Path, identity: FileIdentity) -> bool:
    """Whether the file at `path` has this identity's content."""
    there = facts_of(path)
    return there is not None and FileIdentity.from_stat(there).same_content(identity)


def identity(path: Path, doing: str = "reading") -> FileIdentity:
    """The identity of the file at `path`; an error says what it was wanted for (`doing`)."""
    return FileIdentity.from_stat(facts(path, doing))


def facts(path: Path, doing: str = "reading") -> os.stat_result:
    """What the system knows of `path`, its errors translated."""
    try:
        return path.stat()
    except OSError as error:
        raise from_os_error(error, path, doing) from error
