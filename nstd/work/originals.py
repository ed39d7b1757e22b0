"""What becomes of an original once its painted film is in place: it stays, goes, or is moved.

Between a look at a file and its removal another one may take its name. So an original is first
*taken aside*: renamed to a hidden name beside its own, and looked at again there, where nobody else
puts anything. If it is the film that was painted it is removed or moved from there; else it gets
its name back. A note in the job's work folder tells the next start of one that is aside.
"""

import errno
import hashlib
import itertools
import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from nstd.errors import ChangedError, InputError, OutputExistsError, StorageError, from_os_error
from nstd.files import (
    hidden_path,
    locked,
    publish,
    removed_on_failure,
    rename_to_free_name,
    sync_file,
    sync_folder,
    write_whole,
)
from nstd.ledger.fingerprint import fingerprint
from nstd.ledger.job import FileIdentity, Job, JobState, path_of
from nstd.ledger.store import JobStore
from nstd.submit.output import OutputSpec

logger = logging.getLogger(__name__)

_SETTLED = frozenset({JobState.DONE, JobState.CANCELED})
"""States of a film's other jobs in which they need the original no more."""

_CHUNK = 1 << 20


def settle_original(store: JobStore, job: Job, work: Path) -> bool:
    """Move or delete the source where that was asked for: only now that the output is in place.

    Args:
        store: The ledger.
        job: It is DONE.
        work: Its work folder; those of other jobs lie beside it.

    Returns:
        Whether nothing is left to be done. Otherwise another worker is at this original, or its
        disk went away while it was aside: to be called again later.
    """
    output = OutputSpec.from_json(job.request.output)
    if output.originals == "keep":
        return True
    original = _Original.of(job, output, work)
    # One film may have several jobs, and one name may be that of several films in turn.
    lock = work.with_name(f"original-{_short_hash(job.request.source)}")
    try:
        with locked(lock) as mine:
            return mine and _is_settled(store, job, output, original, lock)
    except StorageError as error:  # the state folder's disk is full, most likely
        logger.warning("%s stays for now: %s", original.source, error)
        return False


def is_as_queued(store: JobStore, job: Job) -> bool:
    """Whether the source is there, with the content it was queued with."""
    key = job.request.key
    try:
        found = fingerprint(store, path_of(key.folder), path_of(job.request.source))
    except InputError:
        return False
    return found == key.fingerprint


@dataclass(frozen=True, slots=True)
class _Original:
    """A film that is painted, and all its names.

    Attributes:
        source: Where it was painted from.
        content: SHA-256 of the film that was painted.
        aside: Its hidden name in the source's folder; that of this content only.
        note: A file that is there as long as it may be aside.
        target: Where it is moved to, unless another file is there; None where it is deleted.
        part: A copy of it in the making, in the target's folder; of nobody else's.
    """

    source: Path
    content: str
    aside: Path
    note: Path
    target: Path | None
    part: Path | None

    @classmethod
    def of(cls, job: Job, output: OutputSpec, work: Path) -> "_Original":
        """As its job tells."""
        source, key = path_of(job.request.source), job.request.key
        mark = _short_hash(job.request.source + b"\0" + key.fingerprint.encode())
        target = part = None
        if output.originals == "move" and output.move_to is not None:
            target = Path(output.move_to) / os.fsdecode(key.relative)
            part = hidden_path(target, f"{mark}.part")
        return cls(
            source=source,
            content=key.fingerprint,
            aside=hidden_path(source, f"{mark}.original"),
            note=work / "original-aside",
            target=target,
            part=part,
        )


def _is_settled(
    store: JobStore, job: Job, output: OutputSpec, original: _Original, lock: Path
) -> bool:
    """Settle the original, whose lock is held, and say whether nothing is left to be done."""
    try:
        _settle(store, job, output, original)
    except ChangedError:
        _say_changed(original)
    except (OSError, StorageError, OutputExistsError) as error:
        # The film is painted and in place; that its original stayed is worth a word, not a
        # failure.
        logger.warning("%s stays where it is: %s", original.source, error)
    finally:
        with suppress(OSError):  # an empty folder is no loss
            lock.rmdir()
    return not original.note.exists()


def _settle(store: JobStore, job: Job, output: OutputSpec, original: _Original) -> None:
    states = {j.request.key.recipe_name: j.state for j in store.jobs_of_film(job.request.key)}
    needed = any(states.get(name) not in _SETTLED for name in output.siblings)
    if _is_there(original.aside):
        # Killed while it was aside. What has its name by now is another film.
        if not needed and _sha256(original.aside) == original.content:
            with _aside(store, job, original):
                _finish(store, job, original)
            return
        _put_back(original)
    elif _is_lost_sight_of(original):
        logger.debug("The folder of %s is away, and maybe the film aside in it", original.source)
        return
    original.note.unlink(missing_ok=True)
    _remove_part(original)
    if needed:
        logger.info("%s stays until its other recipes are painted too", original.source)
    elif is_as_queued(store, job):
        _finish(store, job, original)
    else:
        _say_changed(original)


def _say_changed(original: _Original) -> None:
    # Where there is nothing it was moved before, and this only could not be told any more.
    if os.path.lexists(original.source):
        logger.warning(
            "%s is not what was painted any more, and was left where it is", original.source
        )


def _remove_part(original: _Original) -> None:
    """What a worker that was killed has left, if it has."""
    if original.part is not None:
        original.part.unlink(missing_ok=True)


def _finish(store: JobStore, job: Job, original: _Original) -> None:
    if original.target is None or original.part is None:
        with _aside(store, job, original):
            original.aside.unlink()
    else:
        _remove_part(original)
        original.target.parent.mkdir(parents=True, exist_ok=True)
        if not _is_renamed(store, job, original, original.part, original.target):
            _copy_and_remove(store, job, original, original.part, original.target)
    # The names in this folder must be on the disk before the note, on another one, is gone.
    sync_folder(original.source.parent)
    original.note.unlink(missing_ok=True)


def _is_renamed(store: JobStore, job: Job, original: _Original, part: Path, target: Path) -> bool:
    """Move within one file system, and say whether it is one."""
    if _are_apart(original.source.with_name(part.name), part):
        return False
    try:
        with _aside(store, job, original):
            _publish_beside(original.aside, target, original.content)
    except StorageError as error:
        # Mounted once it may have parts of its own: quotas, for one.
        if isinstance(error.__cause__, OSError) and error.__cause__.errno == errno.EXDEV:
            return False
        raise
    return True


def _are_apart(free: Path, other: Path) -> bool:
    """Whether nothing can be renamed from one name to the other; no file has the first.

    Two mounts of one file system have one device number, and are apart all the same; the parts of
    one mount (btrfs) may have several, and are.
    """
    if free.parent.stat().st_dev != other.parent.stat().st_dev:
        return True
    try:
        free.rename(other)
    except FileNotFoundError:
        return False
    except OSError as error:
        if error.errno == errno.EXDEV:
            return True
        raise
    return False


def _copy_and_remove(
    store: JobStore, job: Job, original: _Original, part: Path, target: Path
) -> None:
    is_aside = _is_there(original.aside)
    with removed_on_failure(part):
        # That takes minutes, in which the film keeps its name.
        _copy(original.aside if is_aside else original.source, part, original.content)
        with _aside(store, job, original):
            _publish_beside(part, target, original.content)
            original.aside.unlink()


def _copy(source: Path, part: Path, content: str) -> None:
    """Copy a film, and make sure that it is the one with this content."""
    digest = hashlib.sha256()
    with source.open("rb") as read, part.open("wb") as written:
        while chunk := read.read(_CHUNK):
            digest.update(chunk)
            written.write(chunk)
    if digest.hexdigest() != content:
        raise ChangedError(f"{source} changed while it was copied")
    shutil.copystat(source, part)


@contextmanager
def _aside(store: JobStore, job: Job, original: _Original) -> Iterator[None]:
    """Have the film aside as long as the block lasts; if it fails the film gets its name back.

    Raises:
        ChangedError: It is not the film that was painted any more.
    """
    try:
        if not _is_there(original.aside):
            _take_aside(store, job, original)
        yield
    except BaseException:
        _put_back(original)
        raise


def _take_aside(store: JobStore, job: Job, original: _Original) -> None:
    """Give the film its hidden name, and make sure that it is the one that was painted."""
    source, aside = original.source, original.aside
    write_whole(original.note, _number_of(source.parent))
    seen = FileIdentity.from_stat(source.stat())
    if not is_as_queued(store, job):
        raise ChangedError(f"{source} changed")
    source.rename(aside)
    found = FileIdentity.from_stat(aside.stat())
    if seen.same_content(found):
        return
    # A newer film, most likely; or the same, on a file system where a rename is a new identity.
    if seen.size != found.size or _sha256(aside) != original.content:
        raise ChangedError(f"{source} was replaced")


def _put_back(original: _Original) -> None:
    """Give what is aside its name back, or one beside what has come there meanwhile."""
    for name in _names(original.source):
        if not _is_there(original.aside):
            break
        try:
            rename_to_free_name(original.aside, name)
        except OutputExistsError:
            continue
        if name != original.source:
            logger.warning("%s has come meanwhile; what was there is now %s", original.source, name)
    if not _is_lost_sight_of(original):
        original.note.unlink(missing_ok=True)


def _is_lost_sight_of(original: _Original) -> bool:
    """Whether a film may be aside in a folder that is not there now: its disk is away."""
    try:
        noted = original.note.read_bytes()
    except FileNotFoundError:
        return False
    try:
        # Another disk's folder at its place, or the empty one that disks are mounted on, is
        # another file to its file system. Devices' numbers may change with each start.
        return _number_of(original.source.parent) != noted
    except OSError:
        return True


def _publish_beside(part: Path, target: Path, content: str) -> None:
    """Make `part` visible as `target`, or with a number where another file is: it stays.

    Where one that was killed has already put the same content there, `part` goes.
    """
    for name in _names(target):
        try:
            publish(part, name, overwrite=False)
        except OutputExistsError:
            if not _is_moved(part, name, content):
                continue
            sync_file(name)
            sync_folder(name.parent)
            part.unlink()
        return


def _is_moved(part: Path, there: Path, content: str) -> bool:
    """Whether a file is the original, with the content that `part` has too."""
    return (
        there.is_file()
        and there.stat().st_size == part.stat().st_size
        and _sha256(there) == content
    )


def _names(path: Path) -> Iterator[Path]:
    yield path
    for number in itertools.count(2):
        yield path.with_name(f"{path.stem}-{number}{path.suffix}")


def _is_there(path: Path) -> bool:
    """Whether there is something of that name; that it cannot be told is no answer."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise from_os_error(error, path, "looking at") from error
    return True


def _number_of(folder: Path) -> bytes:
    return str(folder.stat().st_ino).encode()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _short_hash(name: bytes) -> str:
    return hashlib.sha256(name).hexdigest()[:16]
