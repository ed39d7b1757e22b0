"""Files of the demonstration; none of them replaces a user's own."""

import filecmp
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from nstd.disks.locks import locked
from nstd.errors import BusyError, OutputExistsError, from_os_error
from nstd.files import publish


@dataclass(frozen=True, slots=True)
class DemoFiles:
    """Where the demonstration's files go.

    Attributes:
        folder: Holds all of it.
    """

    folder: Path

    @property
    def sample(self) -> Path:
        """The film as it ships."""
        return self.folder / "sample.mp4"

    @property
    def painted(self) -> Path:
        """The film painted."""
        return self.folder / "painted.mp4"

    @property
    def sheet(self) -> Path:
        """Both side by side."""
        return self.folder / "sheet.png"

    @contextmanager
    def held(self) -> Iterator[None]:
        """Make the folder, and keep another demonstration out of it.

        Raises:
            BusyError: One is at work there.
            StorageError: The folder cannot be made or locked.
        """
        with locked(self.folder) as mine:
            if not mine:
                raise BusyError(f"Another demonstration is at work in {self.folder}")
            yield

    def require_in_order(self) -> None:
        """Raise if a later file is there without the earlier one: it must be somebody else's.

        Checked at the start, since painting takes long.

        Raises:
            OutputExistsError: One is.
        """
        for earlier, later in ((self.sample, self.painted), (self.painted, self.sheet)):
            if later.exists() and not earlier.exists():
                raise other_content(later)


def put(part: Path, target: Path, *, overwrite: bool) -> bool:
    """Make the finished `part` visible as `target`, or find that it is there already.

    Args:
        part: The hidden file beside `target`; it is gone afterwards, whatever happens.
        target: Its place.
        overwrite: Replace a file of other content.

    Returns:
        Whether `target` is new; False where the same content was there.

    Raises:
        OutputExistsError: A file of other content is there.
        StorageError: The file system refused.
    """
    try:
        if target.is_file() and filecmp.cmp(part, target, shallow=False):
            return False
        if target.exists() and not overwrite:
            raise other_content(target)
        publish(part, target, overwrite=overwrite)
    except OSError as error:
        raise from_os_error(error, target, "writing") from error
    finally:
        part.unlink(missing_ok=True)
    return True


def other_content(target: Path) -> OutputExistsError:
    """The error for a file in the way that this demonstration would not have made."""
    return OutputExistsError(
        f"{target} is there already, with other content",
        "Choose another folder with -o, or allow it to be replaced with --overwrite",
    )
