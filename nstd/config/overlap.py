"""Folders that would feed each other.

A film that is painted into a watched folder would be found there and painted again, forever. So no
folder that nstd writes to may lie in one that it watches, whatever its name.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from nstd.config.faults import shown_path
from nstd.config.places import BatchConfig, FolderConfig, MoveOriginals
from nstd.config.yaml_lines import Fault, KeyPath


@dataclass(slots=True)
class AllFolders:
    """All folders of a configuration, as far as they could be read.

    Attributes:
        folders: The watched folders, by their index in the file.
        batch: The batch entries, by their index in the file.
        own: nstd's own folders, by key.
    """

    folders: dict[int, FolderConfig] = field(default_factory=dict)
    batch: dict[int, BatchConfig] = field(default_factory=dict)
    own: dict[str, Path] = field(default_factory=dict)


def overlaps(places: AllFolders) -> list[Fault]:
    """A fault for each folder that lies in, or is, a watched one and must not.

    Compares what the names lead to: through symbolic links, and by inode through bind mounts and
    file systems that ignore case. Folders need not exist.
    """
    faults = []
    watched = [(("folders", i, "watch"), f.watch) for i, f in places.folders.items()]
    for path, place in (*watched, *_written(places)):
        for watch_path, watch in watched:
            if path == watch_path or not _is_within(place, watch):
                continue
            same = _is_within(watch, place)
            if same and path[2:] == ("watch",) and path < watch_path:
                continue  # told of the second
            relation = "is the same folder as" if same else "lies inside"
            faults.append(Fault(path, f"{place} {relation} {shown_path(watch_path)}, {watch}"))
            break
    return faults + list(_mirrored(places))


def _written(places: AllFolders) -> Iterator[tuple[KeyPath, Path]]:
    for i, folder in places.folders.items():
        yield ("folders", i, "output"), folder.output
        if isinstance(folder.originals, MoveOriginals):
            yield ("folders", i, "originals", "move"), folder.originals.move
    for i, entry in places.batch.items():
        yield ("batch", i, "output"), entry.output
    for key, place in places.own.items():
        yield (key,), place


def _mirrored(places: AllFolders) -> Iterator[Fault]:
    """Outputs mirror the folders of their films, and could reach a watched folder that way."""
    for i, folder in places.folders.items():
        for other, target in places.folders.items():
            inside = _is_within(target.watch, folder.output)
            if folder.recursive and inside and not _is_within(folder.output, target.watch):
                yield Fault(
                    ("folders", i, "output"),
                    f"{folder.output} contains folders[{other}].watch, {target.watch}; "
                    "outputs mirror folders and could land in it",
                )


def _is_within(inner: Path, outer: Path) -> bool:
    real = Path(os.path.realpath(inner))
    there = Path(os.path.realpath(outer))
    outer_id = _identity(there)
    return any(
        place == there or (outer_id is not None and _identity(place) == outer_id)
        for place in (real, *real.parents)
    )


def _identity(place: Path) -> tuple[int, int] | None:
    try:
        status = place.stat()
    except OSError:  # missing, or not readable: then only its name can tell
        return None
    return status.st_dev, status.st_ino
