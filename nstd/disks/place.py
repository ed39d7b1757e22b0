"""A folder that somebody has named, and the disk it was on: is it there now?

A disk that is unmounted leaves a bare folder, or none. Neither may be taken for the disk: what is
put there fills another one, and is hidden when the disk is back.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nstd.disks.mounts import Mount, mount_of
from nstd.errors import LedgerError, MountError, StorageError, from_os_error

NOT_THERE = "Mount its disk, or create it: `nstd check --make` does that"
"""What to do about a configured folder that is not there."""


@dataclass(frozen=True, slots=True)
class Place:
    """A folder, and what tells whether its disk is there.

    Attributes:
        folder: The folder, absolute. It is never made.
        marker: Name of a file in it that is there as long as its disk is mounted, or None.
        mount: Where it was when that was remembered; None where it was not there.
    """

    folder: Path
    marker: str | None = None
    mount: Mount | None = None

    def remembered(self) -> "Place":
        """This place with the disk that it is on now; unchanged if `found` would raise."""
        try:
            return self.found()
        except StorageError:
            return self

    def found(self) -> "Place":
        """This place with the disk that it is on now, provided it is where it was.

        Raises:
            MountError: It is not there, or not on the disk that it was on.
            StorageError: It cannot be looked at.
        """
        self._look()
        now = mount_of(self.folder)
        was = self.mount
        # A disk that has been mounted since hides nothing of ours: nothing is there yet.
        if was is None or now is None or now.is_same_place(was) or now.is_below(was):
            return replace(self, mount=now or was)
        raise MountError(
            f"{self.folder} is not where it was when its film was queued: that was on {was}, and "
            f"this is on {now}",
            "Mount its disk; or `nstd retry` the job, to take what is there now",
        )

    def make_below(self, folder: Path) -> None:
        """Make a folder in it, and those between, where they are not there.

        Raises:
            MountError: This folder itself is not there.
            StorageError: The file system refused.
        """
        self._look()
        path = self.folder
        for part in folder.relative_to(self.folder).parts:
            path /= part
            try:
                path.mkdir(exist_ok=True)
            except OSError as error:
                raise from_os_error(error, path, "making the folder") from error

    def to_json(self) -> dict[str, Any]:
        """All of it, in plain values."""
        mount = None if self.mount is None else self.mount.to_json()
        return {"folder": str(self.folder), "marker": self.marker, "mount": mount}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Place":
        """The place that `to_json` wrote.

        Raises:
            LedgerError: It was written by a version with other keys.
        """
        try:
            mount = None if data["mount"] is None else Mount(**data["mount"])
            return cls(Path(data["folder"]), data["marker"], mount)
        except (KeyError, TypeError) as error:
            raise LedgerError(
                f"The job's folders are not of this version: {error}",
                "Finish the job with the version that queued it, or queue the film again",
            ) from error

    def _look(self) -> None:
        """Raise unless the folder and its marker are there."""
        # Only what lies in it makes sure that a disk is mounted that is mounted when asked for.
        looked_for = {".": NOT_THERE}
        if self.marker is not None:
            looked_for[self.marker] = "Mount its disk"
        for name, remedy in looked_for.items():
            try:
                os.lstat(f"{self.folder}/{name}")
            except PermissionError as error:
                raise from_os_error(error, self.folder, "looking into") from error
            except NotADirectoryError as error:
                problem = f"{self.folder} is no folder"
                raise MountError(problem, "Name another, or move that file away") from error
            except OSError as error:
                missing, reason = self.folder / name, error.strerror or error
                raise MountError(f"{missing} is not there ({reason})", remedy) from error
