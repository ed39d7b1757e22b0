"""Where shots begin, found while the film is decoded: hard cuts, but no flash, fade or dissolve.

Whether a shot begins with a frame depends only on that frame and a few around it (`LOOK_BACK`,
`LOOK_AHEAD`), never on where reading began. So a film that is continued has the same shots as one
that was never stopped. How much changes from frame to frame is PySceneDetect's content score; its
filters of flashes are not used, since they depend on all frames before.
"""

import math
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import cv2
import numpy as np
import numpy.typing as npt

from nstd.errors import NstdError
from nstd.media.frame import Frame, ImageU8, VideoInfo
from nstd.media.read.reader import read_frames

LONGEST_FLASH = 6
"""Frames. If the picture looks as before within so many, it was a flash and no cut."""

NEIGHBORS = 2
"""Frames on each side whose changes a cut is compared with; among these there is only one cut."""

LOOK_AHEAD = LONGEST_FLASH + NEIGHBORS
LOOK_BACK = LONGEST_FLASH + NEIGHBORS + 1
"""Frames after and before a frame that decide whether a shot begins with it."""

LEAST_CHANGE = 15.0
"""Content score, of 0…255, below which nothing is a cut (as PySceneDetect's AdaptiveDetector)."""

PROMINENCE = 3.0
"""By which factor more must change at a cut than at the frames beside it on average (as in
AdaptiveDetector). In gradual transitions and fast motion the frames beside change as much."""

SAME_SCENE = 0.8
"""Correlation of gradients above which only the light has changed. In real films neighbors within
a shot have 0.81 to 1.0, even with fast motion; neighbors of two shots have 0.1, and of two shots of
one test pattern 0.72."""

RETURN = 0.4
"""A change was a flash if frames on both sides of it correlate so much more than those at the
change, as a share of what these lack to 1. With motion allowed for, frames of one shot that are
seven apart correlate by 0.49 and more, any two photographs by 0.3 at most."""

_SCORE_EDGE_PX = 256
"""Long edge at which changes are measured, about that which PySceneDetect scales to."""

_GRADIENT_EDGE_PX = 64
_MOTION_PX = 8
"""Pixels of the gradients by which the scene may have moved, each way, and still be recognized."""

_LIFT = 16
"""Code values added before saturations are compared, since the saturation near black is noise."""


@dataclass(frozen=True, slots=True, eq=False)
class ShotFrame:
    """A frame, and whether a shot begins with it: the film's first frame, or one after a cut."""

    frame: Frame
    begins_shot: bool


def read_shots(
    path: Path, info: VideoInfo, first: int = 0, last: int | None = None
) -> Iterator[ShotFrame]:
    """`read_frames`, with the shots found on the way.

    Frames after `last` are not looked at.

    Args:
        path: The film.
        info: Its facts, as `probe` found them.
        first: Index of the first frame to yield.
        last: Index of the last frame to yield, or None for the film's end.

    Raises:
        NstdError: As for `read_frames`; it comes after all frames that can be decoded.
    """
    with closing(read_frames(path, info, max(0, first - LOOK_BACK), last)) as frames:  # type: ignore[type-var] # it is a generator
        yield from with_cuts(frames, first)


def with_cuts(frames: Iterable[Frame], first: int = 0) -> Iterator[ShotFrame]:
    """Tell of each frame whether a shot begins with it, `LOOK_AHEAD` frames late.

    Args:
        frames: In order, none left out; they begin `LOOK_BACK` frames before `first`, or with the
            film's first frame.
        first: Index of the first frame to yield.
    """
    looks: dict[int, _Look] = {}
    waiting: deque[Frame] = deque()
    failure: NstdError | None = None
    source = iter(frames)
    while True:
        try:
            frame = next(source, None)
        except NstdError as error:  # raised again below, after the frames that came before it
            frame, failure = None, error
        if frame is not None:
            looks[frame.index] = _Look.at(frame.image)
            waiting.append(frame)
        while waiting and (frame is None or waiting[0].index + LOOK_AHEAD <= frame.index):
            due = waiting.popleft()
            if due.index >= first:
                yield ShotFrame(due, due.index == 0 or _is_cut(looks, due.index))
            looks.pop(due.index - LOOK_BACK, None)
        if failure is not None:
            raise failure
        if frame is None:
            return


@dataclass(slots=True, eq=False)
class _Look:
    """What is remembered of a frame, to be compared with others.

    Attributes:
        small: uint8 `[height, width, 3]`, blue first: what PySceneDetect expects.
        gradient: Gradient of its gray values, float32 `[64, 64, 2]`.
        change: Content score against the frame before; None until it is needed.
    """

    small: ImageU8
    gradient: npt.NDArray[np.float32]
    change: float | None = field(default=None)

    @classmethod
    def at(cls, image: ImageU8) -> "_Look":
        small = _reduced(image)
        square = (_GRADIENT_EDGE_PX, _GRADIENT_EDGE_PX)
        gray = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
        gray = cv2.resize(gray, square, interpolation=cv2.INTER_AREA).astype(np.float32)
        gradient = np.dstack([cv2.Sobel(gray, cv2.CV_32F, 1, 0), cv2.Sobel(gray, cv2.CV_32F, 0, 1)])
        blue_first = np.minimum(small[..., ::-1], 255 - _LIFT).astype(np.uint8) + np.uint8(_LIFT)
        return cls(blue_first, gradient.astype(np.float32))


def _reduced(image: ImageU8) -> ImageU8:
    """`image` with about `_SCORE_EDGE_PX` on its long edge.

    It is divided by a whole number, first by twos, and a remainder at the right and the bottom is
    left out: that takes a fifth of the time of any other size (1080p: 1.0 ms against 5.9).
    """
    by = max(1, round(max(image.shape[:2]) / _SCORE_EDGE_PX))
    while by > 1:
        step = 2 if by % 2 == 0 else by
        rows, columns = (max(1, length // step) for length in image.shape[:2])
        whole = image[: rows * step, : columns * step]
        image = cast("ImageU8", cv2.resize(whole, (columns, rows), interpolation=cv2.INTER_AREA))
        by //= step
    return image


def _is_cut(looks: dict[int, _Look], index: int) -> bool:
    """Whether a shot begins at `index`: the candidate with the largest change nearby."""
    if not _is_candidate(looks, index):
        return False
    near = range(index - NEIGHBORS, index + NEIGHBORS + 1)
    rivals = [n for n in near if n in looks and _is_candidate(looks, n)]
    return max(rivals, key=lambda n: (_change(looks, n), -n)) == index


def _is_candidate(looks: dict[int, _Look], index: int) -> bool:
    """Whether much changes at `index`, more than beside it, and what was before does not return."""
    if index - 1 not in looks:
        return False
    change = _change(looks, index)
    if change < LEAST_CHANGE:
        return False
    near = range(index - NEIGHBORS, index + NEIGHBORS + 1)
    beside = [_change(looks, n) for n in near if n != index and {n, n - 1} <= looks.keys()]
    # The largest one is left out: a conversion may have blurred a cut over two frames.
    beside = sorted(beside)[:-1]
    if beside and change < PROMINENCE * sum(beside) / len(beside):
        return False
    same = _likeness(looks[index - 1], looks[index]) >= SAME_SCENE
    return not same and not _is_flash(looks, index)


def _is_flash(looks: dict[int, _Look], index: int) -> bool:
    """Whether a frame soon after `index` looks as before it, or one soon before as at `index`."""
    after = [(index - 1, index + gap) for gap in range(1, LONGEST_FLASH + 1)]
    before = [(index - 1 - gap, index) for gap in range(1, LONGEST_FLASH + 1)]
    over_change = _moved_likeness(looks[index - 1], looks[index])
    least = over_change + RETURN * (1 - over_change)
    return any(
        _moved_likeness(looks[one], looks[other]) >= least
        or _content_score(looks[one].small, looks[other].small) < LEAST_CHANGE / 2
        for one, other in after + before
        if one in looks and other in looks
    )


def _likeness(one: _Look, other: _Look) -> float:
    """Correlation of the gradients, −1…1: near 1 for the same scene, even in another light."""
    energy = float(np.square(one.gradient).sum()) * float(np.square(other.gradient).sum())
    return float((one.gradient * other.gradient).sum()) / math.sqrt(energy) if energy > 0 else 0.0


def _moved_likeness(one: _Look, other: _Look) -> float:
    """Correlation of one frame's middle with the place where it fits best in the other, 0…1."""
    inner = slice(_MOTION_PX, -_MOTION_PX)
    best = 0.0
    for part, whole in ((one.gradient, other.gradient), (other.gradient, one.gradient)):
        middle = np.ascontiguousarray(part[inner, inner])
        best = max(best, float(cv2.matchTemplate(whole, middle, cv2.TM_CCORR_NORMED).max()))
    return best


def _change(looks: dict[int, _Look], index: int) -> float:
    look = looks[index]
    if look.change is None:
        look.change = _content_score(looks[index - 1].small, look.small)
    return look.change


def _content_score(before: ImageU8, after: ImageU8) -> float:
    """PySceneDetect's content score of two pictures, 0…255."""
    # Imported only here, since it takes half a second and starts ffmpeg.
    from scenedetect import ContentDetector, FrameTimecode, StatsManager  # noqa: PLC0415

    # Without hue: that of dark and gray places is noise, and it jumps between 0 and 180.
    weights = ContentDetector.Components(delta_hue=0.0)
    detector = ContentDetector(weights=weights, min_scene_len=0, kernel_size=3)
    stats = StatsManager()
    detector.stats_manager = stats
    stats.register_metrics(detector.get_metrics())
    times = [FrameTimecode(number, 25.0) for number in range(2)]
    for time, image in zip(times, (before, after), strict=True):
        detector.process_frame(time, image)
    (score,) = stats.get_metrics(times[1], [ContentDetector.FRAME_SCORE_KEY])
    return float(score)
