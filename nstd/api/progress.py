"""How far painting is, as it is reported to the caller."""

from collections.abc import Callable
from dataclasses import dataclass

from nstd.style.optimize import Iterate


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far painting is.

    Attributes:
        painted: Frames that are finished, those of earlier calls included. A picture is one frame.
        total: Frames to be painted in all; None where that is not known.
        frame: Number of the frame that is being painted, from 0; None between frames.
        share: How far that frame is, from 0 to 1.
        loss: Its loss after the last step; None before the first.
        doing: What else is being done, such as "loading the network"; "" while steps are taken.
    """

    painted: int = 0
    total: int | None = None
    frame: int | None = None
    share: float = 0.0
    loss: float | None = None
    doing: str = ""

    @property
    def done(self) -> float | None:
        """How far the whole film is, from 0 to 1; None while its number of frames is not known."""
        return min(1.0, (self.painted + self.share) / self.total) if self.total else None


OnProgress = Callable[[Progress], object]
"""Called after each step and each frame. Its result is ignored."""


def stepped(painted: int, total: int | None, frame: int, iterate: Iterate) -> Progress:
    """The progress after a step.

    Args:
        painted: Frames that are finished.
        total: Frames to be painted in all; None where that is not known.
        frame: Number of the frame that is being painted.
        iterate: Its picture after the step.
    """
    return Progress(
        painted=painted,
        total=total,
        frame=frame,
        share=iterate.done,
        loss=float(iterate.losses.total[0]),
    )
