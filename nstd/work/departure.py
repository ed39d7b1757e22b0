"""A file that leaves its folder, whole or not at all: it is deleted, or moved to another folder.

Between a look at a file and its removal another one may take its name. So a file is first *taken
aside*: renamed to a hidden name beside its own, and looked at again there, where nobody else puts
anything. If it is the one that is meant it is removed or moved from there; else it gets its name
back. A note in a folder of nstd's own tells the next start that a file is aside.
"""

import errno
import hashlib
import itertools
import logging
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from nstd.disks.place import Place
from nstd.errors import (
    ChangedError,
    DiskFullError,
    OutputExistsError,
    StorageError,
    from_os_error,
)
from nstd.files import (
    begun,
    has_content,
    hidden_path,
    opened,
    publish,
    readable,
    removed_on_failure,
    rename_to_free_name,
    sync_file,
    sync_folder,
    write_whole,
)
from nstd.intake.writers import require_closed
from nstd.ledger.job import FileIdentity

logger = logging.getLogger(__name__)

_CHUNK = 1 << 20


class Departure:
    """One file on its way out of its folder.

    Nothing here keeps other processes from working on the same file: see `nstd.disks.locks`.

    Args:
        source: The file, under its own name.
        content: SHA-256 of the content that it must have; a file with any other is left alone.
        note: Path of the note, which exists as long as the file may be aside.
        to: The folder that it is moved into; None where it is deleted.
        relative: Its path in that folder, unless another file has that path.
        is_unchanged: Tells whether the file has that content, faster than by reading all of it.
    """

    def __init__(
        self,
        source: Path,
        content: str,
        *,
        note: Path,
        to: Place | None,
        relative: Path,
        is_unchanged: Callable[[], bool],
    ) -> None:
        self.source = source
        self.to = to
        self._target = source if to is None else to.folder / relative
        self.is_unchanged = is_unchanged
        self._content = content
        self._note = note
        mark = short_hash(os.fsencode(source) + b"\0" + content.encode())
        self._aside = hidden_path(source, f"{mark}.original")
        """Its hidden name in the source's folder, for this content only."""
        self._part = hidden_path(self._target, f"{mark}.part")
        """An unfinished copy of it in the target's folder, of this file only."""

    @property
    def is_aside(self) -> bool:
        """Whether a process was killed while it had the file aside.

        What has the file's own name by now is another file.

        Raises:
            StorageError: It cannot be told.
        """
        return is_there(self._aside)

    @property
    def is_out_of_sight(self) -> bool:
        """Whether the file may be aside in a folder that is not there now: its disk is away."""
        try:
            noted = self._note.read_bytes()
        except FileNotFoundError:
            return False
        try:
            # Another disk's folder at its place, or the empty one that disks are mounted on, is
            # another file to its file system. Devices' numbers may change with each start.
            return _number_of(self.source.parent) != noted
        except OSError:
            return True

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to do: the file has left, or has its own name."""
        return not self._note.exists()

    def has_its_content_aside(self) -> bool:
        """Whether the file that is aside has the content that it must have."""
        return has_content(self._aside, self._content)

    def come_back(self) -> None:
        """Give the file that is aside its name back; a numbered one where that is taken by now."""
        for name in names(self.source):
            if not is_there(self._aside):
                break
            try:
                rename_to_free_name(self._aside, name)
            except OutputExistsError:
                continue
            if name != self.source:
                logger.warning("%s has come meanwhile; what was there is now %s", self.source, name)
        if not self.is_out_of_sight:
            self._note.unlink(missing_ok=True)

    def forget_earlier(self) -> None:
        """Remove what a killed process has left, for a file that is not aside: its note, a copy."""
        self._note.unlink(missing_ok=True)
        if self.to is not None:
            self._part.unlink(missing_ok=True)

    def leave(self) -> None:
        """Delete or move the file, whether it is aside or under its own name.

        Raises:
            BeingWrittenError: A program has it open for writing; it keeps its name.
            ChangedError: It is no longer the file that is meant; what is there keeps its name.
            MountError: The disk that it is moved to is not there.
            DiskFullError: There is no room for it there.
            OSError, StorageError: A disk failed; the file keeps its name.
        """
        if self.is_aside:
            with self._taken_aside():
                self._leave()
        else:
            require_closed(self.source)
            self._leave()

    def _leave(self) -> None:
        if self.to is None:
            with self._taken_aside():
                self._aside.unlink()
        else:
            self.to.found().make_below(self._target.parent)
            self._part.unlink(missing_ok=True)
            if not self._is_renamed():
                self._copy_and_remove()
        # The names in this folder must be on the disk before the note, on another one, is gone.
        sync_folder(self.source.parent)
        self._note.unlink(missing_ok=True)

    def _is_renamed(self) -> bool:
        """Move by renaming; returns False where the target is on another file system."""
        if _are_apart(self.source.with_name(self._part.name), self._part):
            return False
        try:
            with self._taken_aside():
                self._publish_beside(self._aside)
        except StorageError as error:
            # Even one mount may have parts that no rename crosses, such as those with quotas.
            if isinstance(error.__cause__, OSError) and error.__cause__.errno == errno.EXDEV:
                return False
            raise
        return True

    def _copy_and_remove(self) -> None:
        source, part = self._aside if self.is_aside else self.source, self._part
        _require_room(source, part.parent)
        with removed_on_failure(part):
            # Copying takes minutes, during which the file keeps its name.
            _copy(source, part, self._content)
            with self._taken_aside():
                self._publish_beside(part)
                self._aside.unlink()

    @contextmanager
    def _taken_aside(self) -> Iterator[None]:
        """Keep the file aside while the block runs; if that fails, the file gets its name back.

        Raises:
            BeingWrittenError: A program has it open for writing.
            ChangedError: It is not the one that is meant any more.
        """
        try:
            if not self.is_aside:
                self._take_aside()
            # Nobody opens it under this name: from here on the answer stays true.
            require_closed(self._aside)
            yield
        except BaseException:
            self.come_back()
            raise

    def _take_aside(self) -> None:
        """Give the file its hidden name, and make sure that it is the one that is meant."""
        source, aside = self.source, self._aside
        write_whole(self._note, _number_of(source.parent))
        seen = FileIdentity.from_stat(source.stat())
        if not self.is_unchanged():
            raise ChangedError(f"{source} changed")
        source.rename(aside)
        found = FileIdentity.from_stat(aside.stat())
        if seen.same_content(found):
            return
        # A newer one, most likely; or the same, on a file system where a rename is a new identity.
        if seen.size != found.size or not self.has_its_content_aside():
            raise ChangedError(f"{source} was replaced")

    def _publish_beside(self, part: Path) -> None:
        """Make `part` visible as the target; under a numbered name where another file has that.

        Where a process that was killed has already put the same content there, `part` is removed.
        """
        for name in names(self._target):
            try:
                publish(part, name, overwrite=False)
            except OutputExistsError:
                if not self._is_moved(part, name):
                    continue
                sync_file(name)
                sync_folder(name.parent)
                part.unlink()
            return

    def _is_moved(self, part: Path, there: Path) -> bool:
        """Whether the file at `there` already has the content of `part`, which is to be moved."""
        return (
            there.is_file()
            and there.stat().st_size == part.stat().st_size
            and has_content(there, self._content)
        )


def names(path: Path) -> Iterator[Path]:
    """The path, then the path with numbers from 2 on: `film.mp4`, `film-2.mp4`, and so on."""
    yield path
    for number in itertools.count(2):
        yield path.with_name(f"{path.stem}-{number}{path.suffix}")


def is_there(path: Path) -> bool:
    """Whether there is something of that name.

    Raises:
        StorageError: It cannot be told.
    """
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise from_os_error(error, path, "looking at") from error
    return True


def short_hash(name: bytes) -> str:
    """A short name for one that may be too long, or hold bytes that no file's name may."""
    return hashlib.sha256(name).hexdigest()[:16]


def _are_apart(free: Path, other: Path) -> bool:
    """Whether no file can be renamed from `free`, a name that none has, to `other`.

    Two mounts of one file system share a device number, and still no rename goes from one to the
    other. The subvolumes of one mount (btrfs) have different numbers, and none does there either.
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


def _require_room(source: Path, folder: Path) -> None:
    """Refuse at once where the disk is too small, instead of copying for minutes and failing."""
    if shutil.disk_usage(folder).free < source.stat().st_size:
        raise DiskFullError(f"No space is left for moving {source} to {folder}")


def _copy(source: Path, part: Path, content: str) -> None:
    """Copy a file, and make sure that it is the one with this content."""
    digest = hashlib.sha256()
    # Not in the usual way: what has come to its name since it was looked at may be a pipe.
    with (
        opened(source, beneath=None) as reading,
        begun(part, part) as writing,
        readable(writing).open("wb") as written,
    ):
        while chunk := os.read(reading, _CHUNK):
            digest.update(chunk)
            written.write(chunk)
    if digest.hexdigest() != content:
        raise ChangedError(f"{source} changed while it was copied")
    shutil.copystat(source, part)


def _number_of(folder: Path) -> bytes:
    return str(folder.stat().st_ino).encode()
