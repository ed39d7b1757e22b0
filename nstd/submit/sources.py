"""What is painted, a file or numbered images that are one film, and how it is identified."""

import os
from dataclasses import dataclass
from pathlib import Path

from nstd.config import FolderConfig
from nstd.errors import UsageError
from nstd.intake.writers import require_closed
from nstd.ledger.fingerprint import fingerprint, fingerprint_all
from nstd.ledger.job import JobKey
from nstd.ledger.store import JobStore
from nstd.media.names import is_numbered, kind_of
from nstd.media.numbered import find_numbered
from nstd.submit.names import Entry


def files_of(source: Path) -> tuple[Path, ...]:
    """The files that a source is: itself, or the images that it names, in their order.

    Raises:
        UsageError: It names images, and there are none.
        StorageError: Their folder cannot be listed.
    """
    return find_numbered(source).paths if is_numbered(source) else (source,)


def number_of(source: Path, frame: int) -> int:
    """The number that a frame of a source goes by: an image's own, else the frame's.

    Raises:
        UsageError: There are no images, or not so many.
    """
    if not is_numbered(source):
        return frame
    numbers = find_numbered(source).numbers
    if frame >= len(numbers):
        raise UsageError(f"{source} names {len(numbers)} images: there is no frame {frame}")
    return numbers[frame]


def require_ready(source: Path) -> None:
    """Make sure that a source may be queued, before all of it is read.

    Raises:
        BeingWrittenError: A program has it, or one of its images, open for writing.
        UnsupportedError: It is a picture of a kind that is not read.
    """
    for file in files_of(source):
        require_closed(file)
        kind_of(file)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A file that may be painted, and the entry of the configuration that says how.

    Attributes:
        entry: What to do with the file.
        folder: What the file's relative path counts from.
        source: The file, or a pattern that names numbered images.
        named: Whether a person has named the file.
        made: Whether the entry is no part of the configuration, but made for this file: its work is
            told apart from what the configuration asks for.
        only: Names of those of the entry's recipes that are asked for; () for all.
    """

    entry: Entry
    folder: Path
    source: Path
    named: bool = False
    made: bool = False
    only: tuple[str, ...] = ()

    @property
    def recipes(self) -> tuple[str, ...]:
        """Names of the recipes that it is to be painted in."""
        return self.only or self.entry.recipes

    @property
    def dropped(self) -> bool:
        """Whether people who do not configure nstd may put files where the source lies.

        That holds for everything in a watched folder, except for a link there that a person has
        named: then the file that it leads to is meant.
        """
        if not isinstance(self.entry, FolderConfig):
            return False
        real = Path(os.path.realpath(self.folder), self.source.relative_to(self.folder))
        return not (self.named and os.path.realpath(self.source) != str(real))


def job_key(
    store: JobStore, folder: Path, source: Path, recipe_name: str, *, dropped: bool
) -> JobKey:
    """The identity of the work: folder, relative path, content, recipe."""
    if is_numbered(source):
        content = fingerprint_all(store, folder, files_of(source), dropped=dropped)
    else:
        content = fingerprint(store, folder, source, dropped=dropped)
    return JobKey(
        folder=os.fsencode(folder),
        relative=os.fsencode(source.relative_to(folder)),
        fingerprint=content,
        recipe_name=recipe_name,
    )


_TO = " → "


def placed_recipe(recipe: str, output: Path) -> str:
    """The recipe's name in the identity of work that was given an output of its own.

    The same film and recipe with another output folder is different work: it must neither count as
    what a watched folder or a batch entry asks for, nor be in its way.
    """
    return f"{recipe}{_TO}{output}"


def recipe_name(key: JobKey) -> str:
    """The recipe's name in the configuration."""
    return key.recipe_name.partition(_TO)[0]
