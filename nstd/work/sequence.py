"""What each frame of a film inherits: its shot, the flow, and the painted frames before it."""

import logging
import shutil
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from nstd.flow import Flow, with_flows
from nstd.ledger.job import Segment
from nstd.media.frame import Frame, ImageU8, Pixels, VideoInfo
from nstd.media.image_film import read_images
from nstd.media.keep import FrameKeeper
from nstd.media.read.reader import read_frames
from nstd.media.read.shots import LOOK_BACK, ShotFrame, with_cuts
from nstd.painting.memory import host_memory
from nstd.painting.pictures import scaled, to_tensor
from nstd.painting.plan import ExecutionPlan
from nstd.style.device import device_errors
from nstd.temporal.shot import Predecessor
from nstd.work.film import Film

logger = logging.getLogger(__name__)

FLOW_SHARE = 4
"""Where the CPU paints, one of so many of its threads finds the flow beside that."""

FLOW_THREADS = 8
"""At most. Two on two cores find the flow 1.5 times as fast as one (`bench/flow_time.py`)."""

FLOW_BYTES = 220
"""That each pixel may take while its flow is found."""

FLOW_MEMORY = 4
"""One of so many parts of the machine's memory may be taken so; other workers take as much."""


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
    same: bool
    flows: Mapping[int, tuple[Flow, Flow]]
    pictures: Mapping[int, ImageU8]


def coming_frames(film: Film, info: VideoInfo, first: int) -> Generator[Coming, None, None]:
    """The film's frames from number `first` on, with their flow computed ahead.

    What comes of a frame does not depend on `first`: reading begins as far before it as shots and
    flow look back.
    """
    if film.estimator is None:
        for frame in film_frames(film, info, first):
            yield Coming(frame, frame.index == film.output.first, same=False, flows={}, pictures={})
        return
    distances = film.painter.recipe.temporal.distances
    begin = max(film.output.first, first - max(distances))
    size = film.painter.painted_size(info.width, info.height)
    shots = with_cuts(film_frames(film, info, max(0, begin - LOOK_BACK)), begin)
    threads = flow_threads(film.plan, *size)
    flowed = with_flows(
        _seen(shots, film.output.first),
        film.estimator,
        distances,
        image=lambda seen: scaled(seen.frame.image, size),
        begins_shot=lambda seen: seen.begins_shot,
        wanted=lambda seen: seen.frame.index >= first,
        depth=threads + 3,
        threads=threads,
    )
    device = str(film.painter.network.device)
    with flowed:
        while True:
            # The estimator may compute on the device too.
            with device_errors(device):
                one = next(flowed, None)
            if one is None:
                return
            seen = one.frame
            yield Coming(seen.frame, seen.begins_shot, seen.same, one.flows, one.pictures)


def film_frames(film: Film, info: VideoInfo, first: int) -> Iterator[Frame]:
    """The film's frames from number `first` to the last that is painted."""
    if (images := film.images) is not None:
        return read_images(images, info, film.output.limits, first, film.output.last)
    return read_frames(film.content, info, first, film.output.last)


def flow_threads(plan: ExecutionPlan, width: int, height: int) -> int:
    """How many threads find the flow; no byte of the film depends on it.

    A frame's flow takes a thread 3 s at 1280 × 720, longer than a fast card paints it. So where a
    card paints, the threads of the CPU that do not drive it look for the flow, as far as
    `FLOW_THREADS` and memory allow.

    Args:
        plan: How the film is computed.
        width: Of the painted frames, in pixels.
        height: Likewise.
    """
    free = plan.threads // FLOW_SHARE if plan.device == "cpu" else plan.threads - 1
    fitting = host_memory().total // FLOW_MEMORY // (FLOW_BYTES * width * height)
    return max(1, min(free, FLOW_THREADS, fitting))


_SHOWN = "shown"
"""Folder beside painted frames: what each place of them was painted for."""


class Past:
    """The painted frames of a shot, as they were written, as far back as the recipe looks.

    Args:
        film: The film.
        segment: The open segment.
        keeper: Its painted frames.
        shot_first: Number of the shot's first frame.
    """

    def __init__(self, film: Film, segment: Segment, keeper: FrameKeeper, shot_first: int) -> None:
        self._film = film
        self._segment = segment
        self._keeper = keeper
        self._shot_first = shot_first
        self._reach = max(film.painter.recipe.temporal.distances, default=0)
        self._own_shown = segment_folder(film.work, segment.index) / _SHOWN
        self._shown = FrameKeeper(self._own_shown) if self._reach else None

    def predecessors(self, coming: Coming) -> list[Predecessor]:
        """What `coming` is painted from, the closest first."""
        return [self._predecessor(coming, distance) for distance in sorted(coming.flows)]

    def _predecessor(self, coming: Coming, distance: int) -> Predecessor:
        index = coming.frame.index - distance
        return Predecessor(
            to_tensor(self._painted(index)),
            *coming.flows[distance],
            same=coming.same and distance == 1,
            sources=(to_tensor(coming.pictures[distance]), to_tensor(coming.pictures[0])),
            shown=to_tensor(self._shown_by(index)),
        )

    def keep(self, coming: Coming, painted: Pixels, shown: ImageU8 | None) -> None:
        """Keep a frame that was painted, with its source's alpha.

        Args:
            coming: The frame.
            painted: The result.
            shown: What each place of it was painted for; None: for the frame itself.
        """
        index = coming.frame.index
        if self._shown is not None:
            # Before the frame: whoever finds that finds this too.
            self._shown.keep(index, coming.pictures[0] if shown is None else shown)
        alpha, (height, width) = coming.frame.alpha, painted.shape[:2]
        if alpha is not None:
            alpha = scaled(alpha, (width, height))
        self._keeper.keep(index, painted, alpha)
        if self._shown is not None:
            # Not before: were the frame painted once more, it would need them.
            self._shown.clear(index - self._reach)

    def carry(self, last: int) -> dict[str, list[int]]:
        """Keep what the next segment may look back on; gives the frames' numbers."""
        if not self._reach:
            return {}
        folder = carried_folder(self._film.work, self._segment.index)
        carried, shown = FrameKeeper(folder), FrameKeeper(folder / _SHOWN)
        numbers = list(range(max(self._shot_first, last - self._reach + 1), last + 1))
        for number in numbers:
            # Again, if it is there: another plan may have left it.
            shown.keep(number, self._shown_by(number))
            carried.keep(number, self._painted(number))
        return {"frames": numbers}

    def forget(self) -> None:
        """Remove what only the open segment needed, now that it is closed."""
        shutil.rmtree(self._own_shown, ignore_errors=True)
        if self._segment.index:
            left = carried_folder(self._film.work, self._segment.index - 1)
            shutil.rmtree(left, ignore_errors=True)

    def _painted(self, index: int) -> Pixels:
        return FrameKeeper(self._folder_of(index)).load(index)

    def _shown_by(self, index: int) -> Pixels:
        """What a painted frame was painted for."""
        return FrameKeeper(self._folder_of(index) / _SHOWN).load(index)

    def _folder_of(self, index: int) -> Path:
        """Where a painted frame lies: in this segment's folder, or in what the one before left."""
        if index >= self._segment.first:
            return segment_folder(self._film.work, self._segment.index)
        return carried_folder(self._film.work, self._segment.index - 1)


def segment_folder(work: Path, index: int) -> Path:
    """Where the painted frames of segment `index` lie until it is encoded."""
    return work / f"segment-{index + 1:06d}"


def carried_folder(work: Path, index: int) -> Path:
    """Where the painted frames lie that segment `index` leaves for the one after it."""
    return work / f"carried-{index + 1:06d}"


def kept_frames(film: Film, segment: Segment) -> set[int]:
    """Numbers of the frames of an open segment that need not be painted again.

    A later frame is painted from those before it, and from what these were painted for, which is
    kept of the last ones alone: where any of that is damaged, all of the segment is painted again.
    """
    folder = segment_folder(film.work, segment.index)
    keeper = FrameKeeper(folder)
    kept = keeper.indices()
    reach = max(film.painter.recipe.temporal.distances, default=0)
    if not (kept and reach):
        return set(kept)
    end = kept[-1] + 1
    shown = FrameKeeper(folder / _SHOWN)
    needed = set(range(max(segment.first, end - reach), end))
    if kept == list(range(segment.first, end)) and needed <= set(shown.indices()):
        return set(kept)
    logger.warning(
        "Of what is painted of %s something is damaged: it goes on with frame %d",
        film.source.name,
        segment.first,
    )
    keeper.clear()
    shown.clear()
    return set()


def is_carried(work: Path, segment: Segment) -> bool:
    """Whether all that a closed segment leaves for the next one is there."""
    numbers = set(segment.carried.get("frames", []))  # none where frames stand each for itself
    folder = carried_folder(work, segment.index)
    return not numbers or all(
        place.is_dir() and numbers <= set(FrameKeeper(place).indices())
        for place in (folder, folder / _SHOWN)
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    frame: Frame
    begins_shot: bool
    same: bool


def _seen(shots: Iterator[ShotFrame], first: int) -> Iterator[_Seen]:
    """Tell of each frame whether it shows what the one before it showed."""
    before: Pixels | None = None
    for shot in shots:
        pixels = shot.frame.pixels
        begins = shot.begins_shot or shot.frame.index == first
        same = not begins and before is not None and bool((pixels == before).all())
        yield _Seen(shot.frame, begins, same)
        before = pixels
