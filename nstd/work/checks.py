"""All that must hold before a film is painted, so that it fails before its first frame."""

import os
from collections.abc import Sequence
from dataclasses import replace
from os.path import samestat
from pathlib import Path

from nstd.errors import (
    AccessError,
    BusyError,
    MountError,
    OutputExistsError,
    UsageError,
    from_os_error,
)
from nstd.files import facts_of
from nstd.media.fates import lost
from nstd.media.numbered import Numbered
from nstd.media.pictures import look_at_still
from nstd.media.still import Still
from nstd.media.still_write import holds_16_bits, still_fates
from nstd.media.write.keeping import Keeping
from nstd.media.write.numbered import numbered
from nstd.media.write.rehearsal import plan
from nstd.media.write.segment import check_size, write_trial
from nstd.submit.names import require_replaceable
from nstd.submit.places import Places
from nstd.work.demand import require_affordable
from nstd.work.film import Film, Footage
from nstd.work.publish import earlier_pictures
from nstd.work.room import require_room, require_room_for_still
from nstd.work.telling import tell_fates, tell_remarks


def require_target(film: Film) -> None:
    """Check that the painted film or picture can be put where it is to go.

    Raises:
        UsageError: The target is the film itself, or another one that is to be painted.
        OutputExistsError: A file is there that may not be replaced.
        BusyError: Another job paints that file just now.
        MountError: The folder that was named for it, or its disk, is not there or is read-only.
        AccessError: Permission is denied.
        StorageError: The file system refused.
    """
    _require_free(film)
    _require_folder(film)


def require_paintable(film: Film, footage: Footage) -> Keeping:
    """Check that all of a film can be painted and written; returns what is kept of its source.

    Raises:
        UsageError: There is no frame among those that are wanted, or no name for each picture.
        UnsupportedError: It cannot be encoded so, or is beyond a limit.
        LossError: Something would be lost, and the job does not allow that.
        DeviceMemoryError, ShortMemoryError, DiskFullError: There is not enough memory or room.
        NstdError: The source cannot be read, or no such film can be written.
    """
    info = footage.info
    if 0 < info.frames <= film.output.first:
        raise UsageError(
            f"{film.source.name} has {info.frames} frames: there is none from {film.output.first}",
            "Frames are counted from 0",
        )
    tell_remarks(film, info)
    check_size(footage.painted, film.output.encode)
    if film.numbered:
        _require_free_names(film, footage)
    require_affordable(film, info.width, info.height, footage.frames, still=False)
    require_room(film, footage)
    return _plan_keeping(film, footage)


def require_paintable_still(film: Film, still: Still) -> int:
    """Check that a picture can be painted and written; returns the bits of each of its colors.

    Raises:
        UnsupportedError: It is beyond a limit.
        LossError: Something would be lost, and the job does not allow that.
        DeviceMemoryError, ShortMemoryError, DiskFullError: There is not enough memory or room.
    """
    height, width, _ = still.image.shape
    bits = 8 if still.deep is None or not holds_16_bits(film.target) else 16
    require_affordable(film, width, height, 1, still=True)
    require_room_for_still(film, *film.painter.painted_size(width, height), bits)
    suffix = film.target.suffix.lower().removeprefix(".")
    tell_fates(film, suffix, still_fates(still, film.target))
    return bits


def _require_free(film: Film) -> None:
    """Check that nothing of others is replaced, whatever `overwrite` says of outputs."""
    name = film.job.request.target
    there = facts_of(film.target)
    if there is not None and samestat(there, _facts(film.source)):
        raise UsageError(f"{film.target} is the film itself", "Choose another output")
    if film.store.is_source(name):
        raise UsageError(f"{film.target} is itself a film to be painted", "Choose another output")
    require_replaceable(film.store, film.target, film.output)
    if film.store.is_being_written(name, but_for=film.job.id):
        raise BusyError(f"Another job is painting {film.target} right now")


def _require_free_names(film: Film, footage: Footage) -> None:
    """Check that each picture of a film has a name of its own, and that no other file has it.

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
    paths = [numbered(film.target, one) for one in film.offsets(first, first + footage.frames - 1)]
    if taken := [path for path in paths if path.name in there]:
        _require_no_originals(film, footage.read.images, taken)
    if film.output.overwrite and not film.output.only_own:
        return
    own = earlier_pictures(film.store, film.job) if taken else {}
    for path in taken:
        if path != film.target and path.name not in own:
            raise OutputExistsError(f"{path} is there already")


def _require_no_originals(film: Film, images: Numbered | None, paths: Sequence[Path]) -> None:
    originals = (film.source,) if images is None else images.paths
    files = {(one.st_dev, one.st_ino) for one in map(_facts, originals)}
    for path in paths:
        there = facts_of(path)
        is_original = there is not None and (there.st_dev, there.st_ino) in files
        if is_original or film.store.is_source(os.fsencode(path)):
            raise UsageError(f"{path} is itself to be painted", "Choose another output")


def _require_folder(film: Film) -> None:
    """Make the target's folder below the one that is named, and check that it is writable.

    Otherwise that would show only once all is painted.

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


def _plan_keeping(film: Film, footage: Footage) -> Keeping:
    """What becomes of each part of a film beside its pictures; logged once, and reported."""
    alive = film.observer.alive
    if footage.read.images is not None:
        write_trial(footage.beside, footage.painted, film.output.encode)
    keeping = plan(footage.beside, footage.painted, film.output.encode, alive=alive)
    if (images := footage.read.images) is not None:
        look = look_at_still(images.paths[0], film.output.limits, alive=alive)
        if look.notes:
            what = "what each image says of itself (EXIF, XMP, comments)"
            told = lost("metadata", what, "a film says it once")
            keeping = replace(keeping, fates=(*keeping.fates, told))
    tell_fates(film, keeping.container, keeping.fates, keeping.instead)
    return keeping


def _facts(path: Path) -> os.stat_result:
    try:
        return path.stat()
    except OSError as error:
        raise from_os_error(error, path, "reading") from error
