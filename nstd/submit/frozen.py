"""Copies of the style images and weights that jobs are painted with, named by their content.

A copy is verified whenever a job is queued or painted with it. One that is damaged or missing is
made again from its original, so that no film depends on a disk without faults.
"""

import logging
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from nstd.errors import (
    ChangedError,
    UnreadableError,
    WeightsError,
    from_os_error,
)
from nstd.files import (
    discard,
    facts_of,
    file_sha256,
    has_content,
    opened,
    readable,
    removed_on_failure,
)
from nstd.files import replace as move_into_place
from nstd.gallery import list_styles
from nstd.ledger.job import FileIdentity, Job, path_of
from nstd.style.recipe import StyleRecipe, StyleSource
from nstd.weights.catalog import find_weights

logger = logging.getLogger(__name__)


def freeze_file(
    source: Path,
    folder: Path,
    check: Callable[[Path, Path], object],
    *,
    beneath: Path | None = None,
) -> tuple[str, Path]:
    """Copy a file into `folder`, unless its copy is there whole.

    Args:
        source: The file.
        folder: Where copies lie.
        check: Given the file's name, and a path that leads to what was opened under it; raises
            where it cannot be used. Not called again while it does not change.
        beneath: See `files.opened`.

    Returns:
        The SHA-256 of its content, and the copy.

    Raises:
        InputError: There is no such file, it is not a regular file, or it lies behind a link.
        ChangedError: It changed while it was copied.
        StorageError: It cannot be read, or the copy not be written.
    """
    with opened(source, beneath=beneath) as descriptor:
        identity = FileIdentity.from_stat(os.fstat(descriptor))
        digest = _checked_digest(_Opened(source, identity, descriptor), check)
        copy = folder / f"{digest}{source.suffix.lower()}"
        there = facts_of(copy)
        if there is None or not _has_content(copy, FileIdentity.from_stat(there), digest):
            _copy(readable(descriptor), copy, digest)
    return digest, copy


@dataclass(frozen=True, slots=True)
class _Opened:
    """An open file; two are equal if they have the same name and identity."""

    source: Path
    identity: FileIdentity
    descriptor: int = field(compare=False)


def restore_frozen(job: Job, recipe: StyleRecipe, cache_dir: Path) -> None:
    """Make sure that all copies a job is painted with are whole.

    Args:
        job: The job.
        recipe: Its frozen recipe.
        cache_dir: nstd's cache folder: the networks lie there.

    Raises:
        UnreadableError: A style image's copy is damaged, and so is what it was copied from.
        WeightsError: The network's copy is damaged, and so is what it was copied from.
        StorageError: A file cannot be read, or the copy not be written.
    """
    for style in recipe.styles:
        copy = Path(style.image)
        if style.sha256 and not _restored(copy, style.sha256, _origins_of(style)):
            raise UnreadableError(
                f"The copy of the style image {style.name or copy.name} that this film is painted"
                f" in is damaged, and {_missing(style.origin)}",
                _remedy(job, style.sha256),
            )
    digest, name = recipe.network_sha256, recipe.network_name
    copy = Path(recipe.network)
    if digest and not _restored(copy, digest, _networks(name, cache_dir)):
        raise WeightsError(
            f"The copy of the network {name or copy.name} that this film is painted by is damaged,"
            f" and {_missing(name)}",
            _remedy(job, digest),
        )


def _restored(copy: Path, digest: str, origins: Iterator[Path]) -> bool:
    """Whether a copy is whole, after making it again from the first whole origin if it was not."""
    if has_content(copy, digest):
        return True
    for origin in origins:
        if has_content(origin, digest):
            logger.warning("%s is gone or damaged, and is copied again from %s", copy, origin)
            _copy(origin, copy, digest)
            return True
    return False


def _origins_of(style: StyleSource) -> Iterator[Path]:
    if style.origin is not None:
        yield Path(style.origin)
    # Shipped style images may lie elsewhere if nstd was installed again since.
    for shipped in list_styles():
        yield shipped.path


def _networks(name: str | None, cache_dir: Path) -> Iterator[Path]:
    if name is None:
        return
    try:
        yield find_weights(name, cache_dir)
    except WeightsError as error:
        logger.info("%s", error)


def _missing(origin: str | None) -> str:
    return f"{origin} is gone or has changed" if origin else "where it came from is not known"


def _remedy(job: Job, digest: str) -> str:
    return (
        f"Put back what was there (its SHA-256 begins with {digest[:12]}), then `nstd retry"
        f" {job.id}`; or paint the film by what the recipe names now: `nstd add --again"
        f" {path_of(job.request.source)}`"
    )


def _copy(source: Path, copy: Path, digest: str) -> None:
    part = copy.with_name(f".{copy.name}.{threading.get_native_id()}.part")
    with removed_on_failure(part):
        try:
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, part)
        except OSError as error:
            raise from_os_error(error, copy, "writing") from error
        if file_sha256(part) != digest:
            raise ChangedError(f"{source} changed while it was read", "Queue the film again")
        if copy.is_dir():
            discard(copy)
        move_into_place(part, copy)


@lru_cache(maxsize=64)
def _checked_digest(file: _Opened, check: Callable[[Path, Path], object]) -> str:
    """Hash of a file that is sound; not read again as long as it does not change.

    Thousands of films that are dropped together share their style images and weights.
    """
    content = readable(file.descriptor)
    check(file.source, content)
    return file_sha256(content)


@lru_cache(maxsize=64)
def _has_content(
    copy: Path,
    identity: FileIdentity,  # noqa: ARG001 - a part of the cache's key
    digest: str,
) -> bool:
    """Whether a copy is whole; not read again as long as it does not change."""
    return has_content(copy, digest)
