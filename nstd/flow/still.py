"""Stillness: flow becomes zero, or a shift by whole pixels, where the pictures show that.

An estimator fits noise, and finds false motion in even places. Paint that follows it is blurred and
swims. What is still, or moved by whole pixels, can be told for certain: it is there again, but for
noise.
"""

from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np

from nstd.flow.photo_consistency import (
    ALIKE,
    STANDS,
    Flags,
    Plane,
    along_flow,
    along_shift,
    averaged,
    leaves,
)

Shift = tuple[int, int]
"""Whole pixels, x then y."""

SLOW_PX = 0.75
"""Motion that differs from whole pixels by less, in pixels a frame, may be noise."""

BETTER = 1.2
"""By what factor the mean squared difference along the flow must be smaller than without motion,
for slow motion to be believed. In a still scene with noise (σ 1 to 4 code values) the factor is up
to 1.06 in half of all places, since flow fits some noise. In photographs with noise of σ 2 that
move by 0.2 px it is 1.36 or more in half of all places."""

CLEARLY = 1.5
"""A motion is ruled out if its mean squared difference is larger than another's by this factor."""

NOISE, MOST_NOISE = 1.5, 120.0
"""A still place may differ by `NOISE` times the picture's median, if that is above `STANDS`, but by
`MOST_NOISE` (σ = 7.7) at most. With `STANDS` alone, noise above σ = 2.4 switched all of this off,
and even places had false motion."""

STANDING_OUTLINE = 0.25
"""If this share of an even place's outline is still, among what tells anything, the place is. When
the flow around was averaged instead, a line that runs over a test film's bars dragged a quarter of
the picture along."""

BORDER_SHARE = 0.5
"""This share of a place's outline at the picture's border counts as still if all that tells
anything elsewhere is; in a pan, where nothing is still, none of it does. Without it, a line that
runs over even bars dragged along all that is between it and the border."""

WHOLE = 1.02
"""By what factor whole pixels may explain the whole picture worse than the flow."""

WINDOW_PX = 31
"""Edge of the square over which differences are averaged."""

NEAR_PX = 11
"""Edge of that square for what is still: small enough to see it beside what moves."""

ROUNDING_PX = 1e-4
"""Smaller changes by filling are rounding, and ignored."""

BLEND_PX = 21
"""Width over which the flow changes to whole pixels: slowly, to make no motion boundary."""


_SPECK = np.ones((5, 5), np.uint8)
_NEAR = np.ones((NEAR_PX, NEAR_PX), np.uint8)


def hold_still(own: Plane, other: Plane, vectors: Plane) -> Plane:
    """The flow, with zero where the pictures show noise and no motion.

    Where the whole picture moves by whole pixels, the flow becomes these in the same way.

    Args:
        own: A picture, `[height, width, 3]` in code values.
        other: The other picture, `[height, width, 3]` in code values.
        vectors: The flow from the one into the other, `[2, height, width]` in pixels.
    """
    moved = along_flow(own, other, vectors)
    standing = along_shift(own, other, (0, 0))
    result = vectors
    pan = _pan(own, other, vectors, standing, moved)
    for shift in dict.fromkeys([pan, (0, 0)]):
        error = along_shift(own, other, shift) if any(shift) else standing
        share = averaged(_is_noise(vectors, shift, error, moved).astype(np.float32), BLEND_PX)
        whole = np.array(shift, np.float32)[:, None, None]
        result = result + share * (whole - result)
    around = np.stack([averaged(part, WINDOW_PX) for part in vectors])
    slow = np.hypot(*vectors) < SLOW_PX
    evidence = _weighed(
        result,
        fast=np.hypot(*around) >= SLOW_PX,
        standing=averaged(standing, NEAR_PX),
        moved=averaged(moved, NEAR_PX),
        # A still place amid flow that moves contradicts that flow, and not itself.
        doubted=averaged(np.where(slow, along_flow(own, other, around), moved), NEAR_PX),
    )
    return np.ascontiguousarray(_without_phantoms(result, evidence), np.float32)


def _is_noise(vectors: Plane, shift: Shift, error: Plane, moved: Plane) -> Flags:
    """Where the flow is nearly `shift`, and does not explain the pictures better."""
    error, moved = averaged(error, WINDOW_PX), averaged(moved, WINDOW_PX)
    along = (averaged(part, WINDOW_PX) - by for part, by in zip(vectors, shift, strict=True))
    return (np.hypot(*along) < SLOW_PX) & ((error < BETTER * moved) | (error < ALIKE))


@dataclass(frozen=True, slots=True, eq=False)
class _Evidence:
    """What the pictures tell of each place of a flow.

    Attributes:
        fast: By the flow, the place moves by more than noise could cause.
        stands: The place is still, whatever the flow says.
        moves: The place moves.
        enters: The place came into the picture.
        alike: Without motion, the place differs by no more than noise.
    """

    fast: Flags
    stands: Flags
    moves: Flags
    enters: Flags
    alike: Flags


def _weighed(
    flow: Plane, *, fast: Flags, standing: Plane, moved: Plane, doubted: Plane
) -> _Evidence:
    """What the pictures tell of a flow.

    Args:
        flow: Without slow noise.
        fast: As in `_Evidence`, by the flow as it was estimated.
        standing: Squared difference of the pictures without motion.
        moved: Squared difference along the flow as it was estimated.
        doubted: As `moved`; but where the flow is slow, along the mean flow around.
    """
    gone = leaves(flow)
    # Near these too the flow explains nothing that is seen.
    inside = cv2.dilate(gone.astype(np.uint8), _NEAR) == 0
    noise = NOISE * float(np.median(np.minimum(standing, moved)))
    alike = standing < min(max(STANDS, noise), MOST_NOISE)
    stands = fast & inside & alike & (CLEARLY * (standing + ALIKE) < doubted + ALIKE)
    moves = inside & (CLEARLY * (moved + ALIKE) < standing + ALIKE)
    moves |= ~gone & ~alike
    # A speck may be chance, and would decide for all even places around it.
    return _Evidence(fast, stands, _without_specks(moves), gone & ~alike, alike)


def _without_phantoms(flow: Plane, seen: _Evidence) -> Plane:
    """The flow, with zero where nothing moves, however fast the flow is there.

    In even places each estimator makes up a motion of its own. The surroundings decide what such a
    place does: it is still if a good part of its outline is (only a part, since what moves before
    it is part of its outline too); otherwise it moves as its outline does. If nothing in the
    picture tells anything, places that look the same as before are still.

    Args:
        flow: Without slow noise, x then y.
        seen: What the pictures tell of it.
    """
    stands, moves, fast = seen.stands, seen.moves, seen.fast
    still = _without_specks(stands | ~(fast | moves))
    stands = stands | _outlined(fast & ~(stands | moves | seen.enters), still, moves)
    telling = ~fast | stands | moves
    if not telling.any():
        stands = seen.alike & ~seen.enters
    known: Plane = np.where(stands, np.float32(0), flow)
    if telling.all() or not telling.any():
        return known
    filled = _filled(known.transpose(1, 2, 0), telling[..., None].astype(np.float32))
    filled = filled.transpose(2, 0, 1)
    # What comes into the picture tells nothing of other places, and they tell nothing of it.
    return np.where(seen.enters | (np.abs(filled - known) < ROUNDING_PX), known, filled)


def _without_specks(flags: Flags) -> Flags:
    return cv2.morphologyEx(flags.astype(np.uint8), cv2.MORPH_OPEN, _SPECK) > 0


def _outlined(regions: Flags, still: Flags, moves: Flags) -> Flags:
    """The connected parts of `regions` of whose outline a good part is still."""
    count, labels = cv2.connectedComponents(regions.astype(np.uint8), connectivity=4)
    standing, moving = np.zeros(count), np.zeros(count)
    for axis in (0, 1):
        one, other = (_shortened(axis, at) for at in (slice(1, None), slice(None, -1)))
        for here, beside in ((one, other), (other, one)):
            standing += np.bincount(labels[here][still[beside]], minlength=count)
            moving += np.bincount(labels[here][moves[beside]], minlength=count)
    border = np.ones(regions.shape, bool)
    border[1:-1, 1:-1] = False
    share = still.sum() / max(1, still.sum() + moves.sum())
    standing += BORDER_SHARE * share * np.bincount(labels[border], minlength=count)
    stand = (standing > 0) & (standing >= STANDING_OUTLINE * (standing + moving))
    stand[0] = False  # what is no region
    return cast("Flags", stand[labels])


def _shortened(axis: int, at: slice) -> tuple[slice, ...]:
    return (slice(None),) * axis + (at,)


def _filled(values: Plane, weights: Plane) -> Plane:
    """`values` where their weight is 1; the smaller the weight, the more of the values around.

    `[height, width, channels]` and `[height, width, 1]`. By a pyramid, as in `temporal.shot`.
    """
    height, width = values.shape[:2]
    if max(height, width) <= 2:
        return values
    size = ((width + 1) // 2, (height + 1) // 2)
    mass = cv2.resize(weights, size, interpolation=cv2.INTER_AREA)[..., None]
    sums = cv2.resize(values * weights, size, interpolation=cv2.INTER_AREA)
    means: Plane = (sums / np.maximum(mass, 1e-6)).astype(np.float32)
    coarse = _filled(means, np.minimum(4 * mass, 1))
    around = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    return weights * values + (1 - weights) * around


def _pan(own: Plane, other: Plane, vectors: Plane, standing: Plane, moved: Plane) -> Shift:
    """The whole pixels by which the whole picture moves, or zero."""
    x, y = (round(float(np.median(part))) for part in vectors)
    height, width = own.shape[:2]
    if (x, y) == (0, 0) or abs(x) >= width or abs(y) >= height:
        return 0, 0
    inside = np.zeros((height, width), bool)
    inside[max(0, -y) : height - max(0, y), max(0, -x) : width - max(0, x)] = True
    error = float(along_shift(own, other, (x, y))[inside].mean())
    if WHOLE * error >= float(standing[inside].mean()):
        return 0, 0  # such as an even picture, which looks the same wherever it went
    found = float(moved[inside].mean())
    return (x, y) if error < WHOLE * found or error < ALIKE else (0, 0)
