"""What a score consists of: the numbers of every frame, and their summary."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from nstd.scoring.numbers import Pair, drift, seam_step, warp_ratio


@dataclass(frozen=True, slots=True)
class FrameScore:
    """The numbers of one frame.

    Attributes:
        index: Number in the painted film, from 0.
        begins_shot: Whether a shot of the source begins with it.
        begins_segment: Whether a segment begins with it within a shot.
        luminance: Mean relative luminance, of linear light, 0…1.
        contrast: Standard deviation of the luminance.
        energy: Mean squared difference between neighboring pixels.
        source_luminance: The luminance of the source's frame.
        source_contrast: The contrast of the source's frame.
        source_energy: The energy of the source's frame.
        pair: With the frame before; None if a shot begins, or if nothing of that frame is visible.
        style: Style loss; None where no style was given.
        content: Content loss; None where no style was given.
    """

    index: int
    begins_shot: bool
    begins_segment: bool
    luminance: float
    contrast: float
    energy: float
    source_luminance: float
    source_contrast: float
    source_energy: float
    pair: Pair | None = None
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
    def pairs(self) -> list[Pair]:
        """E_warp of successive frames within a shot."""
        return [frame.pair for frame in self.frames if frame.pair is not None]

    @property
    def warp_ratio(self) -> float:
        """How many times as much it flickers as its source."""
        return warp_ratio(self.pairs)

    @property
    def warp_error(self) -> float:
        """Mean E_warp of the painted film."""
        return _mean([pair.output for pair in self.pairs])

    @property
    def source_warp_error(self) -> float:
        """Mean E_warp of the source."""
        return _mean([pair.source for pair in self.pairs])

    @property
    def covered(self) -> float:
        """Mean share of the picture that could be compared, over frames that begin no shot."""
        within = [frame.pair for frame in self.frames if not frame.begins_shot]
        return _mean([0.0 if pair is None else pair.covered for pair in within])

    @property
    def energy(self) -> float:
        """Mean gradient energy of the painted film."""
        return _mean([frame.energy for frame in self.frames])

    @property
    def source_energy(self) -> float:
        """Mean gradient energy of the source."""
        return _mean([frame.source_energy for frame in self.frames])

    @property
    def energy_ratio(self) -> float:
        """The painted film's mean gradient energy divided by the source's."""
        return self.energy / self.source_energy if self.source_energy > 0 else math.nan

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
    def borders(self) -> list[Pair]:
        """Pairs of frames across a segment's border within a shot."""
        return [f.pair for f in self.frames if f.pair is not None and f.begins_segment]

    @property
    def seam_step(self) -> float:
        """How many times as much it flickers where segments meet as inside them."""
        inside = [f.pair for f in self.frames if f.pair is not None and not f.begins_segment]
        return seam_step(inside, self.borders)

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
    return ShotScore(
        frames[0].index,
        frames[-1].index,
        drift([one.luminance for one in frames], [one.source_luminance for one in frames]),
        drift([one.contrast for one in frames], [one.source_contrast for one in frames]),
    )


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values) if values else math.nan
