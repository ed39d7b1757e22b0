"""Where motions meet: each place takes the motion beside it that explains it best.

Estimators look at windows and smooth what they find, so that around a thing that moves before
something else its motion reaches 6 to 12 pixels too far and dies away there. Of these motions
between the two none is any; paint that follows them is drawn out around the thing.
"""

import cv2
import numpy as np
import numpy.typing as npt

from nstd.flow.neighborhood import Neighborhood
from nstd.flow.photo_consistency import ALIKE, Flags, Plane, leaves
from nstd.flow.weighted_median import WeightedMedian

REACHES_PX = (6, 12)
"""How far away motions are looked for, in eight directions. With a third distance, at 4, 8 and 16,
the flow of a disk that moves before a photograph was off as much."""

NEAR_PX = 5
"""Square over which motions are compared. With 9 more of the disk's rim stayed as it was; windows
that follow the picture's edges (guided filtering, Rhemann et al., CVPR 2011) did as well as squares
of this size."""

BETTER = 1.1
"""How much less another motion must differ than the place's own, in mean square with the noise
added to both. What is beside is what a place may do at all, so that a little is enough: with 1.5 a
quarter to two thirds less of two disks' rims is mended."""

MOST = 400.0
"""Squared difference of a pixel, in code values², at most: what was hidden fits no motion."""

STEEP, STEEPEST_PX = 0.3, 0.1
"""Where the flow changes by so many pixels a pixel, it may be between two motions: that counts as a
difference of so many times the noise. Else such motions stay in what is even, where all explain
alike; 3 % of a picture then counts as a rim that is none."""

FAR, FARTHEST_PX = 0.02, 4.0
"""A motion that is farther from the place's own by 1 px counts as differing by so many times the
noise more, by 2 px by four times as much, up to so many pixels: in what is even the nearer of two
motions is taken."""

VARIES_PX, SLOPE_PX = 0.5, 0.05
"""Where the flow varies by less over all the reach, or changes nowhere within it by more from pixel
to pixel, nothing is done: zooms and turns of up to 3 % are right as they are."""

MEDIAN_PX = 5
"""Square over which medians of each component are taken of what was found: places choose each for
itself, and specks would each have a rim of their own."""

PASSES = 2
"""Over what looks alike. Of what both frames show of a disk before a pan 4.2 and 4.2 % are off by
half a pixel and more along DIS and Farnebäck's flow without it, 3.6 and 3.3 % with one pass, 3.5
and 3.0 % with two. Paint that follows the one flow differs from paint that follows the other by a
tenth to a half less, in six films."""

_DIRECTIONS = np.exp(2j * np.pi * np.arange(8) / 8)
_MOVES = [(round(way.real), round(way.imag)) for way in np.outer(REACHES_PX, _DIRECTIONS).flat]
"""Where motions are looked for, in pixels, x then y."""


def sharpen_boundaries(own: Plane, other: Plane, vectors: Plane) -> Plane:
    """The flow, each place near a rim moving as that beside it which explains it best.

    Args:
        own: A picture, `[height, width, 3]` in code values.
        other: Likewise.
        vectors: The flow from the one into the other, `[2, height, width]` in pixels.
    """
    slopes = _slopes(vectors)
    unsure = _varies(vectors, slopes) & ~leaves(vectors)
    if not unsure.any():
        return vectors
    beside = Neighborhood(own, other, unsure, window=NEAR_PX, most=MOST)
    found = beside.error(vectors.reshape(2, -1)[:, beside.here])
    noise = np.float32(max(ALIKE, float(np.median(found))))
    result = _smoothed(vectors, _explaining(beside, vectors, _steepness(slopes), found, noise))
    alike = WeightedMedian(own, beside, _MOVES)
    for _ in range(PASSES):
        result = _smoothed(result, alike.median(result, noise))
    return result


def _explaining(
    beside: Neighborhood, vectors: Plane, steepness: Plane, found: Plane, noise: np.float32
) -> Plane:
    """The flow, its unsure places moving as that beside them which explains them best.

    Args:
        beside: The places.
        vectors: The flow.
        steepness: `_steepness` of it.
        found: `Neighborhood.error` of it.
        noise: Mean squared difference of what does not differ.
    """
    steep, flat = steepness.ravel(), vectors.reshape(2, -1)
    here = chosen = flat[:, beside.here]
    best = (found + noise) / np.float32(BETTER) + noise * steep[beside.here]
    for move in _MOVES:
        there = beside.at(move)
        motions = flat.take(there, axis=1)
        away = np.square(motions - here).sum(axis=0)
        away = np.float32(FAR) * np.minimum(away, np.float32(FARTHEST_PX**2))
        error = beside.error(motions) + noise * (1 + steep.take(there) + away)
        better = (error < best) & beside.asked & ~beside.leave(motions)
        best = np.where(better, error, best)
        chosen = np.where(better, motions, chosen)
    return beside.put(vectors, chosen)


def _smoothed(before: Plane, found: Plane) -> Plane:
    """`found`, in it medians where it is another than before, but for such as leave the picture."""
    changed = (found != before).any(axis=0).astype(np.uint8)
    medians = np.stack([cv2.medianBlur(part, MEDIAN_PX) for part in found])
    around = cv2.dilate(changed, np.ones((MEDIAN_PX, MEDIAN_PX), np.uint8)) > 0
    return np.where(around & ~leaves(medians), medians, found)


def _varies(vectors: Plane, slopes: Plane) -> Flags:
    """Where there are other motions within reach, and the flow changes quickly between them."""
    window: npt.NDArray[np.uint8] = np.ones((2 * max(REACHES_PX) + 1,) * 2, np.uint8)
    ranges = [cv2.dilate(part, window) - cv2.erode(part, window) for part in vectors]
    steep = cv2.dilate(slopes, window) > SLOPE_PX
    varies: Flags = (np.add(*ranges) > VARIES_PX) & steep
    return varies


def _steepness(slopes: Plane) -> Plane:
    """`STEEP`, and less where the flow around a place is less steep than `STEEPEST_PX`."""
    around = cv2.dilate(slopes, np.ones((3, 3), np.uint8))
    shares: Plane = np.float32(STEEP) * np.minimum(around / np.float32(STEEPEST_PX), 1)
    return shares


def _slopes(vectors: Plane) -> Plane:
    """By how much the flow changes from pixel to pixel."""
    padded = np.pad(vectors, ((0, 0), (1, 1), (1, 1)), mode="edge")
    across = (padded[:, 1:-1, 2:] - padded[:, 1:-1, :-2]) / 2
    down = (padded[:, 2:, 1:-1] - padded[:, :-2, 1:-1]) / 2
    slopes: Plane = np.sqrt(np.square(across).sum(axis=0) + np.square(down).sum(axis=0))
    return slopes
