"""What outputs are called."""

import itertools
import os
from dataclasses import dataclass, replace
from pathlib import Path

from nstd.config import BatchConfig, FolderConfig, output_name
from nstd.ledger.job import JobKey, JobState
from nstd.ledger.store import JobStore
from nstd.media.names import STILL_SUFFIXES
from nstd.media.write.encode import EncodeSettings

Entry = FolderConfig | BatchConfig

STILL_FORMATS = {".jpg": "jpg", ".jpeg": "jpg"}
"""Format of a painted picture by its source's; PNG for all others."""


def output_extension(source: Path, encode: EncodeSettings) -> str:
    """Of the painted file, without its dot."""
    suffix = source.suffix.lower()
    return STILL_FORMATS.get(suffix, "png") if suffix in STILL_SUFFIXES else encode.container


@dataclass(frozen=True, slots=True)
class Naming:
    """An entry's rule for names, for one recipe and one kind of file."""

    entry: Entry
    recipe: str
    extension: str

    def __call__(self, stem: str, suffix: str) -> str:
        """The name for a source of this stem and suffix."""
        return output_name(
            self.entry.name, stem=stem, recipe=self.recipe, ext=self.extension, suffix=suffix
        )


def choose_target(store: JobStore, key: JobKey, entry: Entry, naming: Naming, source: Path) -> Path:
    """A place for the output that no other work has.

    The source's relative path is mirrored. Of an a.mov and an a.avi both get a result: the second
    one's is named after all of its name, and a third's gets a number. Another version of the same
    film takes the place of one that never came to be, or that may be replaced.
    """
    below = entry.output / Path(os.fsdecode(key.relative)).parent
    stems = itertools.chain(
        [source.stem, source.name], (f"{source.name}-{number}" for number in itertools.count(2))
    )
    for stem in stems:
        target = below / naming(stem, source.suffix.removeprefix("."))
        owner = next(iter(store.jobs_for_target(os.fsencode(target))), None)
        if owner is None or owner.request.key == key:
            break
        published = owner.state in {JobState.DONE, JobState.PUBLISHING}
        if _same_place(owner.request.key, key) and (entry.overwrite or not published):
            break
    return target


def _same_place(one: JobKey, other: JobKey) -> bool:
    """Whether both are the same file and recipe, of whatever content."""
    return replace(one, fingerprint="") == replace(other, fingerprint="")
