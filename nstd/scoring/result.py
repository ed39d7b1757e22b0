"""What a score consists of: the numbers of every frame, and their summary."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from nstd.scoring.judge import Verdict
from nstd.scoring.numbers import Look, drift


@dataclass(frozen=True, slots=True)
class FrameScore:
    """The numbers of one frame.

    Attributes:
        index: Number in the painted film, from 0.
        begins_shot: Whether a shot of the source begins with it.
        begins_segment: Whether a segment begins with it within a shot.
        painted: What it looks like.
        source: What the source's frame looks like.
        verdict: Of it and the frame before; None if a shot begins.
        style: Style loss; None where no style was given.
        content: Content loss; None where no style was given.
    """

    index: int
    begins_shot: bool
    begins_segment: bool
    painted: Look
    source: Look
    verdict: Verdict | None = None
    style: float | None = None
    content: float | None = None


@dataclass(frozen=True, slots=True)
class ShotScore:
    """How one shot drifts.

    Attributes:
        first: Number of its first frame in the painted film.
        last: Number of its last one.
        luminance_drift: Largest move of the mean luminance since the first frame, beyond the
            source's, as a share of it, with its sign.
        contrast_drift: The same measure for the contrast.
    """

    first: int
    last: int
    luminance_drift: float
    contrast_drift: float


@dataclass(frozen=True, slots=True)
class StyleScore:
    """Numbers that need a style; NaN if nothing is new in the film.

    Attributes:
        network: Name of the network whose features are compared.
        new: Style loss of what is new in its frame, pooled over the film.
        shifted: Mean style loss of the same masks, moved to places where nothing is new.
    """

    network: str
    new: float
    shifted: float


@dataclass(frozen=True)
class FilmScore:
    """The numbers of a film. Ratios are NaN where there is nothing to compare.

    Attributes:
        frames: Of every frame, in order.
        style: None where no style was given.
    """

    frames: Sequence[FrameScore]
    style: StyleScore | None = None

    @cached_property
    def flicker(self) -> Verdict:
        """Of all successive frames within shots."""
        return _joined(self.frames)

    @property
    def gradient_energy_ratio(self) -> float:
        """The painted frames' gradient energy divided by their sources'."""
        energies = [
            (one.painted.gradient_energy, one.source.gradient_energy) for one in self.frames
        ]
        return _ratio(energies)

    @property
    def laplacian_variance_ratio(self) -> float:
        """The painted frames' variance of the Laplacian divided by their sources'."""
        return _ratio(
            [(one.painted.laplacian_variance, one.source.laplacian_variance) for one in self.frames]
        )

    @cached_property
    def shots(self) -> list[ShotScore]:
        """The shots, in order."""
        starts = [n for n, frame in enumerate(self.frames) if frame.begins_shot]
        ends = [*starts[1:], len(self.frames)]
        return [
            _shot(self.frames[start:end]) for start, end in zip(starts, ends, strict=bool(starts))
        ]

    @property
    def luminance_drift(self) -> float:
        """The largest of any shot."""
        return max((shot.luminance_drift for shot in self.shots), key=abs, default=math.nan)

    @property
    def contrast_drift(self) -> float:
        """The largest of any shot."""
        return max((shot.contrast_drift for shot in self.shots), key=abs, default=math.nan)

    @cached_property
    def borders(self) -> list[FrameScore]:
        """Frames that begin a segment within a shot."""
        return [frame for frame in self.frames if frame.begins_segment]

    @property
    def seam_step(self) -> float:
        """How many times as much it flickers where segments meet as inside them.

        Each by its source, since changes of the source there are no seams.
        """
        inside = [frame for frame in self.frames if not frame.begins_segment]
        return _joined(self.borders).ratio / _joined(inside).ratio

    @property
    def style_loss(self) -> float:
        """Mean of the frames'."""
        return _mean([frame.style for frame in self.frames if frame.style is not None])

    @property
    def content_loss(self) -> float:
        """Mean of the frames'."""
        return _mean([frame.content for frame in self.frames if frame.content is not None])

    @property
    def new_ratio(self) -> float:
        """Style loss of what is new divided by that of the same masks at other places."""
        if self.style is None or not self.style.shifted > 0:
            return math.nan
        return self.style.new / self.style.shifted


def _shot(frames: Sequence[FrameScore]) -> ShotScore:
    looks = [(frame.painted, frame.source) for frame in frames]
    return ShotScore(
        frames[0].index,
        frames[-1].index,
        drift([own.luminance for own, _ in looks], [other.luminance for _, other in looks]),
        drift([own.contrast for own, _ in looks], [other.contrast for _, other in looks]),
    )


def _joined(frames: Sequence[FrameScore]) -> Verdict:
    return sum((frame.verdict for frame in frames if frame.verdict is not None), Verdict())


def _ratio(pairs: Sequence[tuple[float, float]]) -> float:
    """The sum of the first values divided by that of the second ones; NaN if that is 0."""
    own, other = (math.fsum(values) for values in zip(*pairs, strict=True))
    return own / other if other > 0 else math.nan


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values) if values else math.nan
