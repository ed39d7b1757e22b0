"""A film in the making: who looks on, and everything at hand to paint it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from nstd.errors import Interrupted, UsageError, VanishedError
from nstd.files import readable
from nstd.flow import Estimator
from nstd.ledger.job import FileIdentity, Job, path_of
from nstd.ledger.store import JobStore
from nstd.media.frame import VideoInfo
from nstd.media.numbered import Numbered, find_numbered
from nstd.painting.frames import FilmSource
from nstd.painting.plan import ExecutionPlan
from nstd.style.optimize import Iterate, Painter
from nstd.submit.output import OutputSpec
from nstd.submit.places import Places


class Observer(Protocol):
    """Who looks on: a progress bar, a daemon, a test."""

    @property
    def stopping(self) -> bool:
        """Whether work is to stop at the next step."""
        ...

    def began(self, job: Job, *, painted: int, total: int) -> None:
        """A film begins, with `painted` of `total` frames (0: unknown) there from before."""
        ...

    def turn(self, number: int, count: int) -> None:
        """Input `number` (from 1) of the `count` that were asked for is next."""
        ...

    def doing(self, what: str) -> None:
        """Something is begun that takes a while before the next step: "loading the network"."""
        ...

    def alive(self) -> None:
        """Work goes on, though no step is taken: something long is read, encoded or joined."""
        ...

    def stepped(self, frame: int, iterate: Iterate) -> None:
        """A step was taken on `frame`; what this raises ends painting."""
        ...

    def painted(self, frame: int) -> None:
        """`frame` is painted and on the disk."""
        ...


def stopped(job: Job, frame: int) -> Interrupted:
    """The error that ends the painting of a job whose observer asks to stop, at `frame`."""
    name = path_of(job.request.source).name
    return Interrupted(f"Painting {name} was stopped at frame {frame}")


@dataclass(frozen=True, slots=True, eq=False)
class Footage:
    """What is painted of a film, as it was found.

    Attributes:
        info: The source's facts.
        painted: The source's facts, but with the size at which it is painted and written.
        frames: How many frames are painted, by the film's own count.
        read: What is read of it.
        beside: The film from which all comes but the pictures; of numbered images one that has
            nothing else, which is made before they are painted.
    """

    info: VideoInfo
    painted: VideoInfo
    frames: int
    read: FilmSource
    beside: Path


@dataclass(frozen=True, slots=True, eq=False)
class Film:
    """One claimed job with everything at hand to paint it.

    Attributes:
        job: As it was claimed.
        store: The ledger.
        work: The job's own folder for segments and kept frames.
        plan: How it is computed.
        output: How it is cut, encoded and published.
        painter: The recipe on its device.
        observer: Who looks on.
        estimator: Of the flow between frames; None where each frame is painted for itself.
        opened: Descriptor of the open source; None before it is opened.
        identity: The source's, when it was opened; None before that.
        still: Whether it is a picture; known once it is opened.
    """

    job: Job
    store: JobStore
    work: Path
    plan: ExecutionPlan
    output: OutputSpec
    painter: Painter
    observer: Observer
    estimator: Estimator | None = None
    opened: int | None = None
    identity: FileIdentity | None = None
    still: bool = False

    @property
    def source(self) -> Path:
        """The film that is painted."""
        return path_of(self.job.request.source)

    @property
    def content(self) -> Path:
        """The path it is read by: the file that was opened, whatever has its name by now."""
        return self.source if self.opened is None else readable(self.opened)

    @property
    def target(self) -> Path:
        """Where the painted film goes."""
        return path_of(self.job.request.target)

    @property
    def numbered(self) -> bool:
        """Whether it becomes numbered pictures; a picture never does."""
        return self.output.encode.numbered and not self.still

    @property
    def images(self) -> Numbered | None:
        """The numbered images that are the film; None where it is a file.

        Raises:
            VanishedError: There are none any more.
            StorageError: Their folder cannot be listed.
        """
        named = self.output.images
        if not named:
            return None
        try:
            return find_numbered(self.source.with_name(named))
        except UsageError as error:  # in the words for a person who names them
            raise VanishedError(error.problem, "Put the images back") from error

    def require_output(self) -> Path:
        """Check that the output's disk is there; returns the folder that the configuration names.

        Call it right before anything is written there: a disk may be unmounted at any time.

        Raises:
            MountError: It is not.
            StorageError: It cannot be looked at.
        """
        return Places.of(self.job).output.found().folder

    def offsets(self, first: int, last: int) -> list[int]:
        """The number of each frame less that of the first: numbered images keep their gaps.

        Args:
            first: The first frame.
            last: The last one.
        """
        images = self.images
        numbers = range(last + 1) if images is None else images.numbers
        return [number - numbers[first] for number in numbers[first : last + 1]]

    def progress(self, frame: int, done: int, total: int) -> None:
        """Note that `frame` is painted, and `done` of `total` frames are."""
        self.store.progress(self.job, done, total)
        self.observer.painted(frame)
