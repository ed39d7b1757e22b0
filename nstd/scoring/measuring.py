"""From frames to numbers; of past frames only the numbers are kept."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from torch import Tensor

from nstd.flow import Checked, Dis, Estimator, Farneback, Flow, Pictured, with_flows
from nstd.ledger.segments import SegmentPlanner
from nstd.media.frame import ImageU8
from nstd.painting.pictures import to_tensor
from nstd.scoring.numbers import compare, contrast, gradient_energy, luminance
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
    estimator: Estimator | None = None,
    occlusions: Estimator | None = None,
    style: StyleMeter | None = None,
    measured: Callable[[int], object] = lambda _: None,
) -> FilmScore:
    """Score a film, frame by frame; a few frames are in memory, however long it is.

    Args:
        frames: One after the other, none left out; read and closed by another thread.
        segment_frames: Frames in a segment, at most, as it was painted.
        estimator: Of the source's flow; not the one that was used for painting. By default
            Farnebäck's, set to zero where only noise moves.
        occlusions: The estimator whose flow tells what is new in a frame, for its style loss; by
            default DIS. No pictures are compared along this flow. Farnebäck's averages over 21 px,
            and finds at most half of what a small moving object reveals, DIS at least 3/4.
        style: What measures style and content loss, or None.
        measured: Told how many frames are done, after each.
    """
    planner = SegmentPlanner(segment_frames)
    occlusions = occlusions or Checked(Dis(), "dis")
    scores: list[FrameScore] = []
    before: Tensor | None = None
    flowed = with_flows(
        (Pictured(one, one.source, one.begins_shot) for one in frames),
        estimator or Checked(Farneback(), "farneback"),
        [1],
    )
    with flowed:
        for one in flowed:
            frame = one.frame
            planner.add(frame.index, cut=frame.begins_shot)
            segment = planner.current
            meets = segment is not None and segment.first == frame.index
            now = _Now(frame, before, one.flows.get(1), one.pictures.get(1))
            losses = None
            if style is not None:
                known = one.pictures.get(1)
                new = None if known is None else occlusions.estimate(known, frame.source)
                losses = style.add(now.painted, now.source, new, begins_shot=frame.begins_shot)
            scores.append(_measured(now, losses, begins_segment=meets and not frame.begins_shot))
            before = now.painted
            measured(len(scores))
    return FilmScore(scores, None if style is None else style.result())


class _Now:
    """The current frame as tensors, with what came before it in its shot."""

    def __init__(
        self,
        frame: Matched,
        before: Tensor | None,
        flows: tuple[Flow, Flow] | None,
        source_before: ImageU8 | None,
    ) -> None:
        self.frame = frame
        self.painted = to_tensor(frame.painted)
        self.source = to_tensor(frame.source)
        self.pair = None
        if flows is not None and before is not None and source_before is not None:
            sources = to_tensor(source_before), self.source
            self.pair = compare((before, self.painted), sources, *flows)


def _measured(now: _Now, losses: tuple[float, float] | None, *, begins_segment: bool) -> FrameScore:
    return FrameScore(
        index=now.frame.index,
        begins_shot=now.frame.begins_shot,
        begins_segment=begins_segment,
        luminance=luminance(now.painted),
        contrast=contrast(now.painted),
        energy=gradient_energy(now.painted),
        source_luminance=luminance(now.source),
        source_contrast=contrast(now.source),
        source_energy=gradient_energy(now.source),
        pair=now.pair,
        style=losses[0] if losses else None,
        content=losses[1] if losses else None,
    )
