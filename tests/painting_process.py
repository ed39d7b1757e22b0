"""Paints one segment in a process of its own, which has no ledger and no work folder.

    python -m tests.painting_process

Reads from standard input, pickled: a `SegmentSpec`, the shot that it continues, and that shot's
last painted frames. Writes to standard output, pickled: the `SegmentResult` and the painted frames.
"""

import pickle
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from nstd.ledger.job import Shot
from nstd.painting.frames import coming_frames
from nstd.painting.painter import build_estimator, build_painter
from nstd.painting.segment import (
    PaintedFrame,
    SegmentInputs,
    SegmentResult,
    SegmentSpec,
    paint_segment,
)
from nstd.style.device import prepare
from nstd.style.devices import choose_devices
from nstd.style.optimize import Iterate
from nstd.style.targets import MemoryStore


class Keeper:
    """Keeps painted frames in memory.

    Args:
        kept: Where frames are put, too.
    """

    def __init__(self, kept: dict[int, PaintedFrame]) -> None:
        self.frames: list[PaintedFrame] = []
        self._kept = kept

    def stepped(self, frame: int, iterate: Iterate) -> None:
        pass

    def painted(self, frame: PaintedFrame) -> None:
        self.frames.append(frame)
        self._kept[frame.index] = frame

    def passed(self, frame: int) -> None:
        pass


def paint(
    spec: SegmentSpec,
    shot: Shot | None,
    earlier: Mapping[int, PaintedFrame],
    kept: dict[int, PaintedFrame] | None = None,
) -> tuple[SegmentResult, list[PaintedFrame]]:
    """A segment painted from nothing but its arguments, on the CPU; adds its frames to `kept`."""
    (device,) = choose_devices(("cpu",))
    on = prepare(device, spec.plan.threads)
    painter = build_painter(spec.recipe, spec.plan, on, MemoryStore())
    keeper = Keeper({} if kept is None else kept)
    # What finds the flow has no weights that would have to be looked for.
    estimator = build_estimator(spec.recipe, spec.plan, on, Path("nowhere"))
    with closing(coming_frames(spec.source, spec.first, painter, estimator, spec.plan)) as coming:
        inputs = SegmentInputs(
            painter=painter,
            frames=coming,
            shot=shot,
            earlier=earlier,
            kept={} if kept is None else kept,
        )
        return paint_segment(spec, inputs, keeper), keeper.frames


if __name__ == "__main__":
    painted = paint(*pickle.load(sys.stdin.buffer))  # noqa: S301 - our own parent's
    assert "nstd.ledger.store" not in sys.modules
    pickle.dump(painted, sys.stdout.buffer)
