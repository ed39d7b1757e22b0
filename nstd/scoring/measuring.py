"""From frames to numbers; of past frames only the numbers are kept."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from nstd.ledger.segments import SegmentPlanner
from nstd.media.frame import ImageU8
from nstd.scoring.judge import find_revealed, judge_pair
from nstd.scoring.numbers import look_of
from nstd.scoring.result import FilmScore, FrameScore
from nstd.scoring.style import StyleMeter


@dataclass(frozen=True, slots=True, eq=False)
class Matched:
    """A painted frame and the source's.

    Attributes:
        index: Number in the painted film, from 0.
        begins_shot: Whether a shot of the source begins with it; the first frame begins one.
        painted: uint8 `[height, width, 3]`.
        source: The source's frame, uint8 `[height, width, 3]`, at the same size.
    """

    index: int
    begins_shot: bool
    painted: ImageU8
    source: ImageU8


def measure(
    frames: Iterable[Matched],
    *,
    segment_frames: int,
    style: StyleMeter | None = None,
    measured: Callable[[int], object] = lambda _: None,
) -> FilmScore:
    """Score a film, frame by frame; two frames are in memory, however long it is.

    Args:
        frames: One after the other, none left out.
        segment_frames: Frames in a segment, at most, as it was painted.
        style: What measures style and content loss, or None.
        measured: Told how many frames are done, after each.
    """
    planner = SegmentPlanner(segment_frames)
    scores: list[FrameScore] = []
    before: Matched | None = None
    for frame in frames:
        planner.add(frame.index, cut=frame.begins_shot)
        segment = planner.current
        meets = segment is not None and segment.first == frame.index
        known = None if frame.begins_shot else before
        losses = None if style is None else _losses(style, known, frame)
        verdict = None
        if known is not None:
            pair = known.painted, frame.painted
            verdict = judge_pair((known.source, frame.source), {"painted": pair})["painted"]
        score = FrameScore(
            index=frame.index,
            begins_shot=frame.begins_shot,
            begins_segment=meets and not frame.begins_shot,
            painted=look_of(frame.painted),
            source=look_of(frame.source),
            verdict=verdict,
            style=losses[0] if losses else None,
            content=losses[1] if losses else None,
        )
        scores.append(score)
        before = frame
        measured(len(scores))
    return FilmScore(scores, None if style is None else style.result())


def _losses(style: StyleMeter, before: Matched | None, now: Matched) -> tuple[float, float]:
    revealed = None if before is None else find_revealed(before.source, now.source)
    return style.add(now.painted, now.source, revealed, begins_shot=now.begins_shot)
