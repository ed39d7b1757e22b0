"""A job: one film on its way from a dropped file to a painted one, and the states it may be in."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Self

from nstd.errors import LedgerError, from_os_error
from nstd.files import Json


class JobState(StrEnum):
    """Where a job stands. See `LEGAL` for the ways between the states."""

    QUEUED = "queued"
    RUNNING = "running"
    PUBLISHING = "publishing"
    DONE = "done"
    FAILED = "failed"
    CANCELED = "canceled"
    VANISHED = "vanished"


LEGAL: dict[JobState, frozenset[JobState]] = {
    JobState.QUEUED: frozenset(
        {JobState.RUNNING, JobState.FAILED, JobState.CANCELED, JobState.VANISHED}
    ),
    JobState.RUNNING: frozenset(
        {
            JobState.QUEUED,  # stopped, or to be retried
            JobState.PUBLISHING,
            JobState.FAILED,
            JobState.CANCELED,
            JobState.VANISHED,
        }
    ),
    JobState.PUBLISHING: frozenset({JobState.DONE, JobState.QUEUED, JobState.FAILED}),
    JobState.DONE: frozenset(),
    JobState.FAILED: frozenset({JobState.QUEUED, JobState.CANCELED}),  # dismissed
    JobState.CANCELED: frozenset({JobState.QUEUED}),
    JobState.VANISHED: frozenset({JobState.QUEUED}),
}
"""The legal transitions, all of them.

QUEUED waits. RUNNING is held by a worker that paints, PUBLISHING by one that puts the finished film
in place. DONE is final: painting the film again is a new job. FAILED says why, and is tried again
only by `retry` or `batch`. A failed job that is dismissed becomes CANCELED: nothing takes it up by
itself, and its frames are removed. VANISHED says what is gone, and is queued again when the film is
back.
"""


def check_transition(before: JobState, after: JobState) -> None:
    """Raise `LedgerError` unless a job may go from `before` to `after`."""
    if after not in LEGAL[before]:
        raise LedgerError(f"A job cannot go from {before} to {after}")


@dataclass(frozen=True, slots=True)
class FileIdentity:
    """What a file is at one look; equal identities mean the same, unchanged content.

    Attributes:
        device: Number of the file system it is on.
        inode: Its number there.
        size: Length in bytes.
        mtime_ns: Last change of its content, nanoseconds since the epoch.
        ctime_ns: Last change of content or attributes; unlike `mtime_ns` nobody can set it.
    """

    device: int
    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int

    @classmethod
    def from_stat(cls, stat: os.stat_result) -> Self:
        """The identity that `os.stat` or `os.fstat` reported."""
        return cls(stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)

    @classmethod
    def at(cls, path: Path, doing: str = "reading") -> Self:
        """The identity of the file at `path`; an error says what it was wanted for (`doing`).

        Raises:
            InputError, StorageError: It is not there, or the file system refused.
        """
        try:
            return cls.from_stat(path.stat())
        except OSError as error:
            raise from_os_error(error, path, doing) from error

    def same_content(self, other: "FileIdentity") -> bool:
        """Whether both are one file with one content, wherever it was renamed to.

        A rename changes `ctime_ns` on most file systems, and nothing else.
        """
        mine = (self.device, self.inode, self.size, self.mtime_ns)
        return mine == (other.device, other.inode, other.size, other.mtime_ns)

    def same_version(self, other: "FileIdentity") -> bool:
        """As `same_content`, but without the file system, whose number may change at each mount."""
        return self.same_content(replace(other, device=self.device))


@dataclass(frozen=True, slots=True)
class JobKey:
    """The identity of work: the same key is the same work, and is queued once.

    Attributes:
        folder: The watched folder (or the base that `source` is relative to), as bytes: names need
            not be UTF-8.
        relative: The file's path below `folder`, as bytes.
        fingerprint: Hash of the file's content.
        recipe_name: Which of the folder's recipes: a folder may have several.
    """

    folder: bytes
    relative: bytes
    fingerprint: str
    recipe_name: str


@dataclass(frozen=True, slots=True)
class JobRequest:
    """What is asked for when a job is queued; all of it is frozen from then on.

    Attributes:
        key: Identity of the work.
        source: Absolute path of the film, as bytes.
        target: Absolute path of the output, as bytes.
        recipe: The style recipe, as JSON.
        output: How to encode and publish it (codec, container, frames, originals…), as JSON.
        priority: Higher is sooner.
        note: What is worth knowing about it, as a sentence; empty for nothing.
        found: What was found around the film when it was queued, such as its folders' disks, as
            JSON; None in older ledgers. It is not part of what is asked for.
    """

    key: JobKey
    source: bytes
    target: bytes
    recipe: Json
    output: Json = field(default_factory=dict)
    priority: int = 0
    note: str = ""
    found: Json | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """One row of the ledger, as it was when it was read.

    Whoever claims a job hands the `Job` it got to every method that changes the job: its `token`
    tells the ledger whether the job is still theirs.

    Attributes:
        id: Number of the job.
        request: What was asked for.
        state: Where it stands.
        attempts: Starts since the last painted frame.
        created: Seconds since the epoch.
        updated: Time of the last change, in seconds since the epoch.
        not_before: It is not started before this time; 0 for at once.
        hold_reason: Why it waits, in words, or None.
        plan: The execution plan it was begun with, as JSON, or None before its first start.
        worker: Who holds it, or None.
        pid: Process that holds it, or None.
        token: Fencing token: it grows whenever the job changes hands.
        lease_until: When the holder's claim runs out.
        paused: Not to be started until it is resumed; a worker that holds it stops.
        error: The sentence it failed or vanished with, or None.
        kind: `NstdError.kind` of that error, or of the one it waits for; or None.
        frames_done: Frames painted so far.
        frames_total: An estimate; 0 where unknown.
        part: The finished file that was about to replace the target, once it is PUBLISHING; it
            tells whether the file at the target is this one.
        report: What was found out about the film before and while it was painted, for people and
            programs: which library reads it, what of it is kept; see `JobStore.report`.
    """

    id: int
    request: JobRequest
    state: JobState
    attempts: int
    created: float
    updated: float
    not_before: float = 0.0
    hold_reason: str | None = None
    plan: Json | None = None
    worker: str | None = None
    pid: int | None = None
    token: int = 0
    lease_until: float = 0.0
    paused: bool = False
    error: str | None = None
    kind: str | None = None
    frames_done: int = 0
    frames_total: int = 0
    part: FileIdentity | None = None
    report: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Event:
    """One line of a job's history.

    Attributes:
        job_id: Number of the job.
        at: When, in seconds since the epoch.
        before: State before it, or None for the job's first line.
        after: State after it; the same as `before` where something other than the state changed.
        worker: Who held the job, or None.
        reason: Why, in words; empty where the states say it all.
    """

    job_id: int
    at: float
    before: JobState | None
    after: JobState
    worker: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class Shot:
    """What holds for all frames of a shot: found in its first frame, needed by all the others.

    Attributes:
        first: Index of its first frame.
        energies: What its content losses are divided by, at each level.
        settled: Loss at which a later frame is as good as the first one; None where frames are
            painted each for itself.
        palette: Colors of the first frame's cells by name, each as red, green and blue; None where
            frames are painted each for itself.
    """

    first: int
    energies: tuple[float, ...]
    settled: float | None = None
    palette: Mapping[str, tuple[tuple[float, ...], ...]] | None = None


@dataclass(frozen=True, slots=True)
class Carried:
    """What a closed segment leaves for the one after it, and for the film as a whole.

    Attributes:
        shot: Index of the first frame of the shot that its last frame belongs to.
        frames: Indices of the painted frames that are kept for the next segment; empty where
            frames are painted each for itself.
        first_pts: Presentation time stamp of its first frame, in the source's time base.
        end_pts: That of its last frame plus that frame's duration.
        damaged: How many of its frames could not be decoded as they should.
    """

    shot: int
    frames: tuple[int, ...]
    first_pts: int
    end_pts: int
    damaged: int = 0


@dataclass(frozen=True, slots=True)
class Segment:
    """A run of frames that becomes one closed file.

    Attributes:
        index: Number of the segment in its film, from 0.
        first: Index of its first frame.
        last: Index of its last frame, or None while it is open.
        depends_on: Index of the segment whose carried state it needs, or None.
        path: Name of the closed file in the job's work folder, or None until it is complete.
        digest: Content hash of that file, or None.
        carried: What it leaves for the next one, or None until it is complete.
    """

    index: int
    first: int
    last: int | None = None
    depends_on: int | None = None
    path: str | None = None
    digest: str | None = None
    carried: Carried | None = None

    @property
    def complete(self) -> bool:
        """Whether its file is closed."""
        return self.path is not None


@dataclass(frozen=True, slots=True)
class Painted:
    """What is painted of a film, as its closed segments tell.

    Attributes:
        segments: How many there are.
        frames: How many frames they have.
        damaged: How many of these could not be decoded as they should.
    """

    segments: int
    frames: int
    damaged: int


def path_of(name: bytes) -> Path:
    """The ledger's bytes as a path: names need not be UTF-8."""
    return Path(os.fsdecode(name))
