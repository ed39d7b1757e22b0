"""What each frame of a film inherits: its shot, the flow, and the painted frames before it."""

import shutil
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2

from nstd.film import Film, to_tensor
from nstd.flow import Flow, with_flows
from nstd.jobs.job import Segment
from nstd.media.frame import Frame, Image, VideoInfo
from nstd.media.keep import FrameKeeper
from nstd.media.reader import read_frames
from nstd.media.shots import ShotFrame, read_shots
from nstd.style.shot import Predecessor


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
    pictures: Mapping[int, Image]


def coming_frames(film: Film, info: VideoInfo, first: int) -> Generator[Coming, None, None]:
    """The film's frames from number `first` on, with their flow computed ahead.

    What comes of a frame does not depend on `first`: reading begins as far before it as shots and
    flow look back.
    """
    if film.estimator is None:
        for frame in read_frames(film.source, info, first, film.output.last):
            yield Coming(frame, frame.index == film.output.first, same=False, flows={}, pictures={})
        return
    distances = film.painter.recipe.temporal.distances
    begin = max(film.output.first, first - max(distances))
    size = film.painter.painted_size(info.width, info.height)
    shots = read_shots(film.source, info, begin, film.output.last)
    flowed = with_flows(
        _seen(shots, film.output.first),
        film.estimator,
        distances,
        image=lambda seen: scaled(seen.frame.image, size),
        begins_shot=lambda seen: seen.begins_shot,
        wanted=lambda seen: seen.frame.index >= first,
    )
    with flowed:
        for one in flowed:
            seen = one.frame
            yield Coming(seen.frame, seen.begins_shot, seen.same, one.flows, one.pictures)


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

    def predecessors(self, coming: Coming) -> list[Predecessor]:
        """What `coming` is painted from, the closest first."""
        index = coming.frame.index
        return [
            Predecessor(
                to_tensor([self._painted(index - distance)]),
                *coming.flows[distance],
                same=coming.same and distance == 1,
                sources=(to_tensor([coming.pictures[distance]]), to_tensor([coming.pictures[0]])),
            )
            for distance in sorted(coming.flows)
        ]

    def carry(self, last: int) -> list[int]:
        """Keep what the next segment may look back on; gives the numbers of those frames."""
        if not self._reach:
            return []
        carried = FrameKeeper(carried_folder(self._film.work, self._segment.index))
        numbers = list(range(max(self._shot_first, last - self._reach + 1), last + 1))
        there = set(carried.indices())
        for number in numbers:
            if number not in there:
                carried.keep(number, self._painted(number))
        return numbers

    def forget(self) -> None:
        """Remove what the segment before has left for this one, now that this one is closed."""
        if self._segment.index:
            left = carried_folder(self._film.work, self._segment.index - 1)
            shutil.rmtree(left, ignore_errors=True)

    def _painted(self, index: int) -> Image:
        if index >= self._segment.first:
            return self._keeper.load(index)
        return FrameKeeper(carried_folder(self._film.work, self._segment.index - 1)).load(index)


def carried_folder(work: Path, index: int) -> Path:
    """Where the painted frames lie that segment `index` leaves for the one after it."""
    return work / f"carried-{index + 1:06d}"


def is_carried(work: Path, segment: Segment) -> bool:
    """Whether all that a closed segment leaves for the next one is there."""
    numbers = segment.carried.get("frames", [])
    folder = carried_folder(work, segment.index)
    if not numbers:
        return True
    return folder.is_dir() and set(numbers) <= set(FrameKeeper(folder).indices())


def scaled(image: Image, size: tuple[int, int]) -> Image:
    """A picture `[height, width, 3]` at the size, width and height, that it is painted at."""
    height, width, _ = image.shape
    if (width, height) == size:
        return image
    way = cv2.INTER_AREA if size[0] < width else cv2.INTER_CUBIC
    return cv2.resize(image, size, interpolation=way)  # type: ignore[return-value]


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    frame: Frame
    begins_shot: bool
    same: bool


def _seen(shots: Iterator[ShotFrame], first: int) -> Iterator[_Seen]:
    """Tell of each frame whether it shows what the one before it showed."""
    before: Image | None = None
    for shot in shots:
        image = shot.frame.image
        begins = shot.begins_shot or shot.frame.index == first
        same = not begins and before is not None and bool((image == before).all())
        yield _Seen(shot.frame, begins, same)
        before = image
