"""The frames that are to be painted, each with its shot and the flow to earlier frames."""

from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from nstd.flow import Estimator, Flow, Pictured, with_flows
from nstd.media.frame import Frame, ImageU8, Pixels, VideoInfo
from nstd.media.image_film import read_images
from nstd.media.numbered import Numbered
from nstd.media.read.limits import Limits
from nstd.media.read.reader import read_frames
from nstd.media.read.shots import LOOK_BACK, ShotFrame, with_cuts
from nstd.painting.memory import host_memory
from nstd.painting.pictures import scaled
from nstd.painting.plan import ExecutionPlan
from nstd.style.device import device_errors
from nstd.style.optimize import Painter

FLOW_SHARE = 4
"""If the CPU paints, one of this many of its threads finds the flow."""

FLOW_THREADS = 8
"""The most threads that find the flow. On two cores two are 1.5 times as fast as one
(`bench/flow_time.py`)."""

FLOW_BYTES = 240
"""Memory that each pixel takes while its flow is found: 214 at 640×360, 236 at 1280×720."""

FLOW_MEMORY = 4
"""One of this many parts of the machine's memory may be taken for that, by each worker."""


class Source(Protocol):
    """Gives the frames of a film in their order."""

    @property
    def first(self) -> int:
        """Number of the first frame that is painted."""
        ...

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of all frames, in pixels."""
        ...

    def frames(self, first: int) -> Iterator[Frame]:
        """The frames from number `first` to the last that is painted.

        Raises:
            InputError: The film cannot be read.
            StorageError: The file system failed.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class FilmSource:
    """A film that is read, and which of its frames are painted. It can be pickled.

    Attributes:
        path: The file.
        info: What it is.
        images: The numbered images that are read instead of a file, or None.
        limits: How large each image may be.
        first: Number of the first frame that is painted.
        last: Number of the last one; None for the film's end.
    """

    path: Path
    info: VideoInfo
    images: Numbered | None = None
    limits: Limits = field(default_factory=Limits)
    first: int = 0
    last: int | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of all frames, in pixels."""
        return self.info.width, self.info.height

    def frames(self, first: int) -> Iterator[Frame]:
        """The frames from number `first` on; see `Source.frames`."""
        if self.images is not None:
            return read_images(self.images, self.info, self.limits, first, self.last)
        return read_frames(self.path, self.info, first, self.last)


@dataclass(frozen=True, slots=True, eq=False)
class Coming:
    """A frame that is to be painted.

    Attributes:
        frame: The frame.
        begins_shot: Whether a shot begins with it.
        same: Whether its picture is that of the frame before, to the bit.
        flows: Backward and forward flow to earlier frames of the shot, by distance in frames; empty
            where the frame is painted from its own content alone.
        pictures: Those earlier frames, not painted, at the painted size; by 0 the frame itself.
    """

    frame: Frame
    begins_shot: bool
    same: bool = False
    flows: Mapping[int, tuple[Flow, Flow]] = field(default_factory=dict)
    pictures: Mapping[int, ImageU8] = field(default_factory=dict)


def coming_frames(
    source: Source,
    first: int,
    painter: Painter,
    estimator: Estimator | None,
    plan: ExecutionPlan,
) -> Generator[Coming, None, None]:
    """The frames from number `first` on, with their flow computed ahead.

    If each frame is painted for itself, the whole film is one shot. What is found for a frame does
    not depend on `first`: reading begins before it, as far as shots and flow look back.

    Args:
        source: The film.
        first: Number of the first frame to come.
        painter: Who will paint them.
        estimator: Of the flow; None where each frame is painted for itself.
        plan: Tells how many threads find the flow.
    """
    if estimator is None:
        for frame in source.frames(first):
            yield Coming(frame, frame.index == source.first)
        return
    begin = max(source.first, first - painter.recipe.temporal.reach)
    shots = with_cuts(source.frames(max(0, begin - LOOK_BACK)), begin)
    size = painter.painted_size(*source.size)
    threads = flow_threads(plan, *size)
    flowed = with_flows(
        (
            Pictured(one, scaled(one.frame.image, size), one.begins_shot, one.frame.index >= first)
            for one in _seen(shots, source.first)
        ),
        estimator,
        painter.recipe.temporal.distances,
        depth=threads + 3,
        threads=threads,
    )
    device = str(painter.network.device)
    with flowed:
        while True:
            # The estimator may compute on the device too.
            with device_errors(device):
                one = next(flowed, None)
            if one is None:
                return
            yield replace(one.frame, flows=one.flows, pictures=one.pictures)


def flow_threads(plan: ExecutionPlan, width: int, height: int) -> int:
    """How many threads find the flow; no byte of the film depends on it.

    One thread needs 0.6 to 0.9 s for a frame's flow at 1280 × 720, longer than a fast card needs to
    paint it. So if a card paints, all threads of the CPU but the one that drives it find flow,
    within `FLOW_THREADS` and memory.

    Args:
        plan: How the film is computed.
        width: Of the painted frames, in pixels.
        height: Of the painted frames, in pixels.
    """
    free = plan.threads // FLOW_SHARE if plan.device == "cpu" else plan.threads - 1
    fitting = host_memory().total // FLOW_MEMORY // (FLOW_BYTES * width * height)
    return max(1, min(free, FLOW_THREADS, fitting))


def _seen(shots: Iterator[ShotFrame], first: int) -> Iterator[Coming]:
    """Each frame, whether a shot begins with it, and whether it shows the same picture again."""
    before: Pixels | None = None
    for shot in shots:
        pixels = shot.frame.pixels
        begins = shot.begins_shot or shot.frame.index == first
        same = not begins and before is not None and bool((pixels == before).all())
        yield Coming(shot.frame, begins, same)
        before = pixels
