"""Where the pictures show it, the flow is zero, or the whole pixels by which all of them moves.

An estimator fits noise, and in what is even it finds motion that is none. Followed, that blurs the
paint and makes it swim. What stands, and what moved by whole pixels, can be told for certain: it is
there again, to the noise.
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
"""Pixels a frame: motion that differs less from whole pixels may be noise."""

BETTER = 1.2
"""How much less the warped earlier frame must differ than the unmoved one, in mean square, for slow
motion to be believed. Of a still scene with noise (σ 1 to 4 code values) they differ by factors up
to 1.06 in half of all places, since flow fits some of it; of photographs with noise of 2 that move
by 0.2 px by 1.36 and more in half of them."""

CLEARLY = 1.5
"""How much less one of two motions must explain to be out of the question."""

NOISE, MOST_NOISE = 1.5, 120.0
"""By how many times the picture's median a place may differ from itself and stand, where that is
more than `STANDS`, and the most, σ = 7.7. With `STANDS` alone noise above σ = 2.4 turned all of
this off, and even places moved as the estimator made up."""

STANDING_OUTLINE = 0.25
"""Of the outline of an even place that tells: if as much stands, the place does. When all that is
around was averaged instead, a line that runs over a test film's bars dragged a quarter of the
picture along."""

BORDER_SHARE = 0.5
"""So much of what lies at the picture's border counts as outline that stands, if all that tells
stands elsewhere; in a pan, where nothing does, none of it. Without it a line that runs over even
bars took along all that is between it and the border."""

WHOLE = 1.02
"""How much worse whole pixels may explain all of a picture than the flow does."""

WINDOW_PX = 31
"""Square over which differences are averaged."""

NEAR_PX = 11
"""The same for what stands: beside what moves it is to be seen."""

ROUNDING_PX = 1e-4
"""Of filling."""

BLEND_PX = 21
"""Over which the flow goes over to whole pixels, so slowly that it is no motion boundary."""


_SPECK = np.ones((5, 5), np.uint8)
_NEAR = np.ones((NEAR_PX, NEAR_PX), np.uint8)


def hold_still(own: Plane, other: Plane, vectors: Plane) -> Plane:
    """The flow, but zero where the pictures show noise and no motion.

    Likewise whole pixels, where all of the picture moves by them.

    Args:
        own: A picture, `[height, width, 3]` in code values.
        other: Likewise.
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
        # What stands amid what is said to move speaks against that, not against itself.
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
    """What pictures tell of a flow, each of their places.

    Attributes:
        fast: The flow says that it moves, by more than noise could.
        stands: It does not, whatever the flow says.
        moves: It does.
        enters: It came into the picture.
        alike: It differs by no more than noise if nothing moves.
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
        flow: Slow noise taken out of it.
        fast: As in `_Evidence`, by the flow as it was found: what it calls slow is judged by that.
        standing: Squared difference of the pictures as they are.
        moved: The same along the flow as it was found.
        doubted: Likewise, but where it is slow along what is around.
    """
    gone = leaves(flow)
    # Near these too the flow explains nothing that is seen.
    inside = cv2.dilate(gone.astype(np.uint8), _NEAR) == 0
    noise = NOISE * float(np.median(np.minimum(standing, moved)))
    alike = standing < min(max(STANDS, noise), MOST_NOISE)
    stands = fast & inside & alike & (CLEARLY * (standing + ALIKE) < doubted + ALIKE)
    moves = inside & (CLEARLY * (moved + ALIKE) < standing + ALIKE)
    moves |= ~gone & ~alike
    # A speck is noise's chance, and would tell for all that is even around it.
    return _Evidence(fast, stands, _without_specks(moves), gone & ~alike, alike)


def _without_phantoms(flow: Plane, seen: _Evidence) -> Plane:
    """The flow, but zero where nothing moves, however fast the flow says it does.

    Estimators make up what they like in even places, each another motion. What such a place does
    is told by what is around: it stands if its outline does for a good part, since what moves
    before it has an outline too; otherwise it moves as its outline does. If nothing in all of the
    picture tells, what looks the same stands.

    Args:
        flow: Slow noise taken out of it, x then y.
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
    # What comes into the picture tells nothing of others, and nothing tells of it.
    return np.where(seen.enters | (np.abs(filled - known) < ROUNDING_PX), known, filled)


def _without_specks(flags: Flags) -> Flags:
    return cv2.morphologyEx(flags.astype(np.uint8), cv2.MORPH_OPEN, _SPECK) > 0


def _outlined(regions: Flags, still: Flags, moves: Flags) -> Flags:
    """Those regions, as far as they hang together, whose outline stands for a good part."""
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
    """`values` where their weight is 1; where it is less, more and more of what is around.

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
    """The whole pixels by which all of the picture moves, or zero."""
    x, y = (round(float(np.median(part))) for part in vectors)
    height, width = own.shape[:2]
    if (x, y) == (0, 0) or abs(x) >= width or abs(y) >= height:
        return 0, 0
    inside = np.zeros((height, width), bool)
    inside[max(0, -y) : height - max(0, y), max(0, -x) : width - max(0, x)] = True
    error = float(along_shift(own, other, (x, y))[inside].mean())
    if WHOLE * error >= float(standing[inside].mean()):
        return 0, 0  # As of an even picture, which is alike wherever it went.
    found = float(moved[inside].mean())
    return (x, y) if error < WHOLE * found or error < ALIKE else (0, 0)
