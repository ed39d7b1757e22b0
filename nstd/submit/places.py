"""The folders that a job needs besides nstd's own, and the disks they were on when it was queued.

A film on an unmounted disk has not vanished, and nothing may be written to a mount point while its
disk is not mounted. So a job waits until all of its folders are there.
"""

from dataclasses import dataclass, replace
from pathlib import Path

from nstd.disks.place import Place
from nstd.files import Json
from nstd.ledger.job import Job, path_of
from nstd.ledger.store import JobStore
from nstd.submit.output import OutputSpec


@dataclass(frozen=True, slots=True)
class Places:
    """A job's folders, each as it was named; folders below them are not noted.

    Attributes:
        source: Holds the film: the watched folder, or the folder of a film that was named.
        output: The painted film goes there, or below it.
        originals: The film is moved there, or below it, once it is painted; None if it stays.
    """

    source: Place
    output: Place
    originals: Place | None = None

    @classmethod
    def of(cls, job: Job) -> "Places":
        """The places of a job; for a job of an older version, as far as they can be told.

        Raises:
            LedgerError: They were noted by another version.
        """
        if job.request.found is None:
            return _told_by(job)
        found = job.request.found["places"]
        source, output = (Place.from_json(found[name]) for name in ("source", "output"))
        originals = found["originals"]
        return cls(source, output, None if originals is None else Place.from_json(originals))

    @classmethod
    def of_output(cls, folder: Path, target: Path, spec: OutputSpec) -> "Places":
        """The places of a film below `folder` whose output goes to `target`, or below it."""
        moves = spec.originals == "move" and spec.move_to is not None
        return cls(
            source=Place(folder, spec.marker),
            output=Place(target),
            originals=Place(Path(str(spec.move_to))) if moves else None,
        )

    def to_json(self) -> Json:
        """All of them, in plain values."""
        return {
            "source": self.source.to_json(),
            "output": self.output.to_json(),
            "originals": None if self.originals is None else self.originals.to_json(),
        }

    def as_before(self, store: JobStore) -> "Places":
        """These places, each with the disk that earlier jobs found it on.

        So a film that arrives while a disk is not mounted waits for that disk.
        """

        def known(name: str, place: Place) -> Place:
            before = store.last_place(name, str(place.folder))
            return place if before is None else replace(place, mount=Place.from_json(before).mount)

        return Places(
            known("source", self.source),
            known("output", self.output),
            None if self.originals is None else known("originals", self.originals),
        )

    def remembered(self) -> "Places":
        """These places, each with the disk that it is on now if it is there."""
        return Places(
            self.source.remembered(),
            self.output.remembered(),
            None if self.originals is None else self.originals.remembered(),
        )

    def found(self) -> "Places":
        """These places as they are now, if those that are written to are there.

        Raises:
            MountError: One is not there, or not on the disk that it was on.
            StorageError: One cannot be looked at.
        """
        return Places(
            self.source.remembered() if self.source.mount is None else self.source,
            self.output.found(),
            None if self.originals is None else self.originals.found(),
        )


def _told_by(job: Job) -> Places:
    request = job.request
    # The source's relative path is mirrored.
    output = path_of(request.target).parent
    for _ in path_of(request.key.relative).parent.parts:
        output = output.parent
    spec = OutputSpec.from_json(request.output)
    return Places.of_output(path_of(request.key.folder), output, spec)
