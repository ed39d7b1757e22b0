"""What outputs are called."""

import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase as fnmatch
from pathlib import Path

from nstd.config import BatchConfig, FolderConfig, output_name
from nstd.disks.locks import locked
from nstd.errors import BusyError, OutputExistsError, UnsupportedError
from nstd.files import facts_of
from nstd.ledger.job import FileIdentity, Job, JobKey, JobState, path_of
from nstd.ledger.store import JobStore
from nstd.media.names import FILM_SUFFIXES, READ_FORMATS, kind_of
from nstd.media.write.codecs import EncodeSettings
from nstd.submit.output import OutputSpec

Entry = FolderConfig | BatchConfig

_PAINTED_AS_JPEG = {"JPEG", "HEIF"}
"""Formats of photographs, which are lossy already; a HEIF is what few programs but its camera's
maker open. What may be transparent becomes PNG, as do all other pictures."""


def output_extension(source: Path, encode: EncodeSettings) -> str:
    """Of the painted file, without its dot.

    Raises:
        UnsupportedError: The source is a picture of a kind that is not read.
    """
    kind = kind_of(source)
    if not kind.still:
        return encode.extension
    return "jpg" if kind.format in _PAINTED_AS_JPEG and not kind.alpha else "png"


NAMING_SECONDS = 10.0
"""How long to wait for another process that names and queues: that takes milliseconds, unless the
process is suspended."""


@contextmanager
def naming(state_dir: Path) -> Iterator[None]:
    """Be the only one who names outputs, from looking which names are free until the job is queued.

    Otherwise two threads, or `nstd add` and the daemon, could give one name to two films.

    Raises:
        BusyError: Another process takes longer than `NAMING_SECONDS`.
        StorageError: The state folder cannot be written to.
    """
    with locked(state_dir, "naming.lock", seconds=NAMING_SECONDS) as mine:
        if not mine:
            raise BusyError(f"Another nstd queues films in {state_dir}")
        yield


@dataclass(frozen=True, slots=True)
class Naming:
    """An entry's rule for names, for one recipe, one folder and one kind of file."""

    entry: Entry
    recipe: str
    extension: str
    encode: EncodeSettings
    folder: str

    def __call__(self, stem: str, suffix: str) -> str:
        """The name for a source of this stem and suffix."""
        return output_name(
            self.entry.name,
            stem=stem,
            recipe=self.recipe,
            ext=self.extension,
            suffix=suffix,
            folder=self.folder,
        )


@dataclass(frozen=True, slots=True)
class Chosen:
    """Where an output goes.

    Attributes:
        target: Its place.
        note: Why it has another name than usual; empty if that need not be said.
    """

    target: Path
    note: str = ""


def choose_target(
    store: JobStore, key: JobKey, entry: Entry, naming: Naming, source: Path
) -> Chosen:
    """A place for the output that no other work has.

    The source's relative path is mirrored. If a folder holds a.mov and a.avi, both get a result;
    which of them keeps its suffix in the output's name does not depend on which comes first, as
    long as both are there. Another version of the same film takes the place of an output that was
    never published, or that may be replaced; else it gets a number.
    """
    below = entry.output / Path(os.fsdecode(key.relative)).parent

    def place(stem: str) -> Path:
        return below / naming(stem, source.suffix.removeprefix("."))

    plain = _owner(store, place(source.stem))
    mine = plain is not None and _same_place(plain.request.key, key)
    stems = [source.name]
    if mine or _is_first(entry, naming, source):
        # A one.mp4 beside another folder's one.mp4 becomes one-2.mp4: one.mp4.mp4 tells nothing.
        own_suffix = source.suffix.lower() == f".{naming.extension}"
        stems = [source.stem] if own_suffix else [source.stem, source.name]
    for stem in stems:
        target = place(stem)
        owner = _owner(store, target)
        if owner is None or owner.request.key == key:
            return Chosen(target)
        if _same_place(owner.request.key, key):
            if entry.overwrite or not _is_published(owner):
                return Chosen(target)
            return _numbered(store, key, place, stem, owner)
    return _numbered(store, key, place, stems[-1], None)


def _numbered(
    store: JobStore, key: JobKey, place: Callable[[str], Path], stem: str, before: Job | None
) -> Chosen:
    """The first of `stem-2`, `stem-3`… that is free; `before` has the name without a number."""
    for number in itertools.count(2):
        target = place(f"{stem}-{number}")
        owner = _owner(store, target)
        if owner is None:
            if os.path.lexists(target):
                continue  # somebody else's
        elif owner.request.key != key and (
            _is_published(owner) or not _same_place(owner.request.key, key)
        ):
            continue
        break
    note = ""
    if before is not None:
        first = path_of(before.request.target).name
        note = f"It becomes {target.name}: {first} was painted from other content (job {before.id})"
    return Chosen(target, note)


def put_by(store: JobStore, target: Path) -> Job | None:
    """The job whose output, as it was published, is the file at `target`; None: somebody else's.

    Raises:
        StorageError: It cannot be looked at.
    """
    there = facts_of(target)
    if there is None:
        return None
    identity = FileIdentity.from_stat(there)
    jobs = store.jobs_for_target(os.fsencode(target))
    return next((job for job in jobs if job.part and identity.same_version(job.part)), None)


def require_replaceable(store: JobStore, target: Path, output: OutputSpec) -> None:
    """Raise OutputExistsError where a file is at the target that must stay.

    Raises:
        OutputExistsError: There is.
        StorageError: It cannot be looked at.
    """
    if facts_of(target) is None:
        return
    if not output.overwrite:
        raise OutputExistsError(f"{target} is there already")
    if output.only_own and put_by(store, target) is None:
        raise OutputExistsError(
            f"{target} is there already, and is not as nstd has painted it",
            "Move it away, or replace it by `nstd add --again --overwrite`",
        )


def _owner(store: JobStore, target: Path) -> Job | None:
    return next(iter(store.jobs_for_target(os.fsencode(target))), None)


def _is_published(job: Job) -> bool:
    return job.state in {JobState.DONE, JobState.PUBLISHING}


def _same_place(one: JobKey, other: JobKey) -> bool:
    """Whether both are the same file and recipe, whatever the content."""
    return replace(one, fingerprint="") == replace(other, fingerprint="")


def _is_first(entry: Entry, naming: Naming, source: Path) -> bool:
    """Whether this file comes first among those beside it that would get the same name.

    First is the one with the output's own suffix, else the first by name.
    """

    def rank(path: Path) -> tuple[bool, str]:
        return path.suffix.lower() != f".{naming.extension}", path.name

    wanted = naming(source.stem, source.suffix.removeprefix("."))
    for suffix in FILM_SUFFIXES | READ_FORMATS.keys():
        for rival in (source.with_suffix(suffix), source.with_suffix(suffix.upper())):
            if (
                rank(rival) < rank(source)
                and naming(rival.stem, rival.suffix.removeprefix(".")) == wanted
                and _is_meant(entry, rival.name)
                and os.path.isfile(rival)  # noqa: PTH113 - of a name too long Path.is_file raises
                and _becomes(rival, naming)
            ):
                return False
    return True


def _becomes(rival: Path, naming: Naming) -> bool:
    """Whether a file is painted as one of the rule's kind."""
    try:
        return output_extension(rival, naming.encode) == naming.extension
    except UnsupportedError:
        return False


def _is_meant(entry: Entry, name: str) -> bool:
    """Whether a file of this name is painted by the entry, beside one that is."""
    if isinstance(entry, FolderConfig):
        return any(fnmatch(name.lower(), one.lower()) for one in entry.pattern or ("*",))
    return any(fnmatch(name, Path(pattern).name) for pattern in entry.input)
