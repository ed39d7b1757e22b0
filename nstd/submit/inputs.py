"""Which files are meant: paths, folders, watched folders."""

import os
from collections.abc import Sequence
from pathlib import Path

from nstd.config import Config, FolderConfig
from nstd.errors import UsageError
from nstd.intake.folder import WatchedFolder
from nstd.submit.freeze import is_media


def expand(inputs: Sequence[Path]) -> list[Path]:
    """Absolute paths, with folders replaced by the films and pictures in them.

    Raises:
        UsageError: There is no such path, or a folder holds no film and no picture.
    """
    found: list[Path] = []
    for given in inputs:
        path = absolute(given)
        if path.is_dir():
            inside = sorted(p for p in path.iterdir() if p.is_file() and is_media(p))
            if not inside:
                raise UsageError(f"There is no film and no picture in {given}", "Name another")
            found += inside
        elif not path.exists():
            raise UsageError(f"There is no {given}", "Check the path")
        else:
            found.append(path)
    return list(dict.fromkeys(found))


def absolute(path: Path) -> Path:
    """The same path without `..`; symbolic links stay: a link's name is the user's choice."""
    return Path(os.path.abspath(path))  # noqa: PTH100 - Path.absolute keeps the `..`


def watched_folder(folder: FolderConfig) -> WatchedFolder:
    """The configuration's folder as the watcher wants it."""
    return WatchedFolder(
        path=folder.watch,
        recursive=folder.recursive,
        patterns=folder.pattern or ("*",),
        marker=folder.marker,
    )


def watching_folder(config: Config, path: Path) -> FolderConfig | None:
    """The watched folder that a file belongs to, or None."""
    return next((one for one in config.folders if watched_folder(one).accepts(path)), None)
