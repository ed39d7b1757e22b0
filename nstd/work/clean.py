"""What is abandoned: half-painted films, files of runs that were killed, jobs of films long gone.

A job is not forgotten as long as its film or what was painted of it is there: its row is what tells
that a film was painted before, and that a file is nstd's own. What is in use is never touched:
who paints holds a shared lock on the job's work folder, and `stylize` one on its state folder.
"""

import os
import shutil
import stat
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import partial
from pathlib import Path

from nstd.config import Config
from nstd.disks.locks import locked
from nstd.errors import BusyError, from_os_error
from nstd.files import part_path
from nstd.ledger.job import Job, JobKey, JobState, path_of
from nstd.ledger.store import JobStore
from nstd.media.write.numbered import rest_path
from nstd.weights.catalog import weights_folder, writing

PART_SECONDS = 86400.0
"""A part file counts as abandoned only once it is this old: joining even a film of a whole day
takes hours at most, so nobody writes to it any more."""

_LEDGER = "ledger.sqlite3"
_IN_USE = "it is in use"

_ENDED = frozenset({JobState.DONE, JobState.FAILED, JobState.CANCELED, JobState.VANISHED})


class LeftoverKind(StrEnum):
    """What is left over."""

    BEGUN = "begun"
    """A film that `stylize` began and never finished, with its painted frames."""
    FRAMES = "frames"
    """The painted frames of a job that failed; the job itself stays."""
    STRAY = "stray"
    """A work folder of a ledger that is gone."""
    PART = "part"
    """A file that was being written when its process was killed."""
    RECORD = "record"
    """A job of which nothing is left to go on with: neither film nor painting, or no frame."""


@dataclass(frozen=True, slots=True)
class Leftover:
    """Something that may go.

    Attributes:
        kind: What it is.
        path: The film, or the file or folder itself where no job belongs to it.
        bytes: What it takes on the disk; 0 for what is only in the ledger.
        age: Seconds since something was last done with it.
        job: Its job, or None.
        kept: Why it stays, in words; None where it is removed, or would be.
    """

    kind: LeftoverKind
    path: Path
    bytes: int
    age: float
    job: Job | None = None
    kept: str | None = None


@dataclass(slots=True)
class _Round:
    """One look at everything, and the removal, if that is asked for."""

    older_than: float
    removes: bool
    now: float
    found: list[Leftover] = field(default_factory=list)

    def take(
        self,
        leftover: Leftover,
        remove: Callable[[], bool],
        *,
        least: float = 0.0,
        kept: str | None = None,
    ) -> None:
        """Note a leftover, and remove it if it is old enough.

        Args:
            leftover: What was found.
            remove: Removes it, and says whether it could.
            least: Age in seconds that it must have whatever was asked for.
            kept: Why it is to stay in any case.
        """
        kept = kept or self._too_young(leftover, least)
        if kept is None and self.removes and not remove():
            kept = _IN_USE
        self.found.append(replace(leftover, kept=kept))

    def take_jobs(self, store: JobStore, records: Sequence[Leftover], kept: str | None) -> None:
        """Note jobs that have nothing on the disk; forget all that are old enough in one step."""
        stay = [kept or self._too_young(one) for one in records]
        going = [one.job for one, why in zip(records, stay, strict=True) if one.job and not why]
        gone = store.forget(going) if self.removes else {job.id for job in going}
        for one, why in zip(records, stay, strict=True):
            lost = one.job is not None and one.job.id in gone
            self.found.append(replace(one, kept=None if lost else why or _IN_USE))

    def _too_young(self, leftover: Leftover, least: float = 0.0) -> str | None:
        return "it is younger" if leftover.age < max(self.older_than, least) else None

    def going(self) -> dict[tuple[JobKey, int], bytes]:
        """The targets of the jobs that are forgotten, or would be."""
        return {
            (one.job.request.key, one.job.id): one.job.request.target
            for one in self.found
            if one.job is not None and one.kept is None and one.kind is not LeftoverKind.FRAMES
        }


def clean(
    queue: Config,
    own: Config,
    *,
    older_than: float,
    remove: bool,
    clock: Callable[[], float] = time.time,
) -> list[Leftover]:
    """Find what is abandoned, and remove what is old enough of it if told to.

    Args:
        queue: For the queue of `run` and `batch`.
        own: For the user's own, where that is another.
        older_than: Age in seconds.
        remove: Remove it; else it is only looked at.
        clock: Seconds since the epoch.

    Returns:
        Everything that is abandoned, also what stays.

    Raises:
        LedgerError: A ledger cannot be used.
        StorageError: A file or folder cannot be looked at, or removed.
    """
    found = _Round(older_than, remove, clock())
    states = dict.fromkeys((queue.state_dir, own.state_dir))
    folders = dict.fromkeys(states, False)
    folders |= {folder / "stylize": True for folder in states}
    with ExitStack() as stack:
        stores = {
            folder: stack.enter_context(JobStore(folder / _LEDGER, clock))
            for folder in folders
            if (folder / _LEDGER).exists()
        }
        for folder, store in stores.items():
            if folders[folder]:
                # Each `nstd stylize` holds it, shared: between two films it holds no work folder.
                idle = stack.enter_context(locked(folder))
                _look_at_begun(found, store, folder, None if idle else "`nstd stylize` runs now")
            else:
                _look_at_queue(found, store, folder)
            _look_at_strays(found, store, folder)
        _look_at_parts(found, stores)
    for cache in dict.fromkeys((queue.cache_dir, own.cache_dir)):
        _look_at_downloads(found, cache)
    return found.found


def _look_at_begun(found: _Round, store: JobStore, folder: Path, kept: str | None) -> None:
    records = []
    for job in reversed(store.jobs()):
        work = folder / "work" / str(job.id)
        if work.exists():
            if job.state is not JobState.DONE and not _is_bare(job, work):
                finished = job.state is JobState.PUBLISHING
                why = "it is painted: the same command puts it in its place" if finished else kept
                begun = _leftover(LeftoverKind.BEGUN, job, work, found.now)
                found.take(begun, partial(_forget, store, job, work), kept=why)
            elif job.state is not JobState.DONE:  # refused before its first frame
                record = _leftover(LeftoverKind.RECORD, job, work, found.now)
                found.take(record, partial(_forget, store, job, work), kept=kept)
        elif job.state is not JobState.DONE or _is_surely_gone(*_painting(job)):
            records.append(_leftover(LeftoverKind.RECORD, job, work, found.now))
    found.take_jobs(store, records, kept)


def _is_bare(job: Job, work: Path) -> bool:
    """Whether nothing of a job was painted: its work folder is only what was locked."""
    return job.state is not JobState.PUBLISHING and not any(_listed(work))


def _look_at_queue(found: _Round, store: JobStore, folder: Path) -> None:
    records = []
    for job in reversed(store.jobs(_ENDED)):
        work = folder / "work" / str(job.id)
        there = work.exists()
        if there and job.state is not JobState.FAILED:
            continue  # its original is still to be settled
        gone = _is_surely_gone(path_of(job.request.source), store.device_of(job.request.key))
        if gone and (job.state is not JobState.DONE or _is_surely_gone(*_painting(job))):
            record = _leftover(LeftoverKind.RECORD, job, work, found.now)
            if there:
                found.take(record, partial(_forget, store, job, work))
            else:
                records.append(record)
        elif there:
            frames = _leftover(LeftoverKind.FRAMES, job, work, found.now)
            found.take(frames, partial(_remove_frames, store, job, work))
    found.take_jobs(store, records, None)


def _look_at_strays(found: _Round, store: JobStore, folder: Path) -> None:
    numbered = {int(one.name): one for one in _listed(folder / "work") if one.name.isdecimal()}
    known = {job.id for job in store.jobs_of(numbered)}
    for number in sorted(numbered.keys() - known):
        work = numbered[number]
        size, changed = _measured(work)
        stray = Leftover(LeftoverKind.STRAY, work, size, found.now - changed)
        found.take(stray, partial(_remove_stray, store, number, work))


def _look_at_parts(found: _Round, stores: Mapping[Path, JobStore]) -> None:
    going = found.going()
    over, taken, pictures_of = {*going.values()}, set(), set()
    for job in (job for store in stores.values() for job in store.jobs()):
        if job.request.output.get("encode", {}).get("pictures"):
            pictures_of.add(job.request.target)
        if job.state in _ENDED:
            over.add(job.request.target)
        elif (job.request.key, job.id) not in going:
            taken.add(job.request.target)
    beside = {part_path(path_of(target)) for target in over - taken}
    # Copies of style images and weights, each named by the thread that makes it.
    frozen = {path for one in stores for path in _listed(one / "frozen") if path.suffix == ".part"}
    for path in sorted(rest_path(path_of(target)) for target in (over & pictures_of) - taken):
        if path.is_dir() and not path.is_symlink():
            size, changed = _measured(path)
            pictures = Leftover(LeftoverKind.PART, path, size, found.now - changed)
            found.take(pictures, partial(_remove_folder, path), least=PART_SECONDS)
    for path in sorted(beside | frozen):
        with suppress(OSError):  # most are not there
            facts = path.lstat()
            if stat.S_ISREG(facts.st_mode):
                part = Leftover(LeftoverKind.PART, path, facts.st_size, found.now - facts.st_mtime)
                found.take(part, partial(_remove_file, path), least=PART_SECONDS)


def _look_at_downloads(found: _Round, cache: Path) -> None:
    """Weights that were fetched in part; the next fetch would go on with them."""
    for part in _listed(weights_folder(cache)):
        if not part.name.endswith((".part", ".part.json")):
            continue
        with suppress(FileNotFoundError):  # fetched just now
            facts = part.lstat()
            download = Leftover(LeftoverKind.PART, part, facts.st_size, found.now - facts.st_mtime)
            found.take(download, partial(_remove_download, part, cache), least=PART_SECONDS)


def _remove_download(part: Path, cache: Path) -> bool:
    try:
        with writing(cache):
            return _remove_file(part)
    except BusyError:
        return False


def _leftover(kind: LeftoverKind, job: Job, work: Path, now: float) -> Leftover:
    size, _ = _measured(work)
    return Leftover(kind, path_of(job.request.source), size, now - job.updated, job)


def _forget(store: JobStore, job: Job, work: Path) -> bool:
    """Remove a job and its work folder, unless a process is using them."""
    with locked(work) as mine:
        gone = mine and bool(store.forget([job]))
        if gone:
            _remove_folder(work)
    return gone


def _remove_frames(store: JobStore, job: Job, work: Path) -> bool:
    """Remove a failed job's work folder; when the job is retried, it begins anew."""
    with locked(work) as mine:
        if not mine or store.get(job.id).state is not JobState.FAILED:
            return False
        _remove_folder(work)
    return True


def _remove_stray(store: JobStore, number: int, work: Path) -> bool:
    with locked(work) as mine:
        if not mine or store.jobs_of([number]):
            return False
        _remove_folder(work)
    return True


def _remove_folder(folder: Path) -> bool:
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise from_os_error(error, folder, "removing") from error
    return True


def _remove_file(path: Path) -> bool:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise from_os_error(error, path, "removing") from error
    return True


def _painting(job: Job) -> tuple[Path, int | None]:
    """Where a finished job has put its film, and on which file system."""
    return path_of(job.request.target), None if job.part is None else job.part.device


def _is_surely_gone(path: Path, device: int | None) -> bool:
    """Whether nothing is at `path`, on the very disk that the file was on.

    A disk that is not mounted looks like one whose files were deleted. So a file counts as there
    where the device number of its folder has changed, which may also happen at a reboot.
    """
    if device is None or os.path.lexists(path):
        return False
    try:
        there = next(one for one in path.parents if one.exists())
        return there.stat().st_dev == device
    except OSError:  # it cannot be told
        return False


def _listed(folder: Path) -> Iterator[Path]:
    try:
        yield from sorted(folder.iterdir())
    except FileNotFoundError:
        return
    except OSError as error:
        raise from_os_error(error, folder, "looking into") from error


def _measured(folder: Path) -> tuple[int, float]:
    """Bytes that a folder takes on the disk, and when something in it was last written."""
    blocks, changed = 0, 0.0
    for below, _, names in os.walk(folder):
        for path in (Path(below), *(Path(below, name) for name in names)):
            with suppress(FileNotFoundError):  # taken away just now
                facts = path.lstat()
                blocks += facts.st_blocks
                changed = max(changed, facts.st_mtime)
    return blocks * 512, changed
