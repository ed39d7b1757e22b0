"""Flow and paint compared with what is true, in scenes whose motion is known."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from nstd.media.frame import ImageU8
from nstd.scoring.judge import Sums, sums_along
from nstd.scoring.scenes import Flags, Scene

BORDER_PX = 8
"""Left out at each edge, where what comes in tells nothing of its motion."""

NEAR_ZERO_PX = 0.05
"""Shorter vectors say that nothing moves: a fifth of the slowest pan's."""


@dataclass(frozen=True)
class FlowError:
    """Of a flow, over the pixels that both frames show.

    Attributes:
        pixels: How many were compared, of both directions.
        end_point: Mean length of the error vector, in pixels.
        bias: Length of its mean, in pixels: of the direction in which it is longer.
        off_by_03: Share of pixels that are off by more than 0.3 px.
        off_by_05: Share of those off by more than 0.5 px.
        at_zero: Share of pixels that stand still, as the flow has it.
    """

    pixels: int
    end_point: float
    bias: float
    off_by_03: float
    off_by_05: float
    at_zero: float


def counted(visible: Flags, border: int = BORDER_PX) -> Flags:
    """`visible` `[..., height, width]` without a border."""
    inside = np.zeros_like(visible)
    within = (..., slice(border, -border), slice(border, -border))
    inside[within] = visible[within]
    return inside


def flow_error(found: Sequence[ArrayLike], scene: Scene, number: int) -> FlowError:
    """How far a flow is from the true one.

    Args:
        found: Backward and forward flow between frame `number` and the one before it, as an
            estimator gives them: two times `[1, 2, height, width]` or `[2, height, width]`.
        scene: Whose frames they are.
        number: Of the later frame.

    Returns:
        NaN, and 0 pixels, where the two frames show nothing in common: at a cut.
    """
    truth = scene.flow(number)
    errors, lengths, biases = [], [], []
    for flow, true, seen in zip(found, truth[:2], counted(truth.visible), strict=True):
        own = np.asarray(flow, np.float64).reshape(true.shape)
        off = (own - true)[:, seen]
        errors.append(np.hypot(*off))
        lengths.append(np.hypot(*own[:, seen]))
        biases.append(float(np.hypot(*off.mean(axis=1))) if off.size else math.nan)
    error, length = np.concatenate(errors), np.concatenate(lengths)
    if not error.size:
        return FlowError(0, *[math.nan] * 5)
    return FlowError(
        pixels=error.size,
        end_point=float(error.mean()),
        bias=max(biases),
        off_by_03=float((error > 0.3).mean()),
        off_by_05=float((error > 0.5).mean()),
        at_zero=float((length < NEAR_ZERO_PX).mean()),
    )


def mean_error(errors: Iterable[FlowError]) -> FlowError:
    """Of several pairs of frames, each weighted by its pixels; of biases the largest."""
    kept = [one for one in errors if one.pixels]
    pixels = sum(one.pixels for one in kept)
    if not pixels:
        return FlowError(0, *[math.nan] * 5)

    def mean(name: str) -> float:
        return math.fsum(one.pixels * float(getattr(one, name)) for one in kept) / pixels

    means = {name: mean(name) for name in ("end_point", "off_by_03", "off_by_05", "at_zero")}
    return FlowError(pixels, bias=max(one.bias for one in kept), **means)


def sums_along_truth(scene: Scene, films: Sequence[Sequence[ImageU8]]) -> list[Sums]:
    """How much films of a scene flicker along the true flow, over the pixels that both frames show.

    Args:
        scene: What is painted.
        films: All frames of each, uint8 `[height, width, 3]`; the scene's own may be among them.
    """
    totals = [Sums()] * len(films)
    for number in range(1, scene.frames):
        truth = scene.flow(number)
        seen = counted(truth.visible)[0]
        if seen.any():
            pairs = [(film[number - 1], film[number]) for film in films]
            found = sums_along(truth.backward.transpose(1, 2, 0), [seen], pairs)
            totals = [total + own for total, (own,) in zip(totals, found, strict=True)]
    return totals
