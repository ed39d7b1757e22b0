"""Motion boundaries: near one, each place takes the motion nearby that explains it best.

Estimators look at windows and smooth what they find. So the motion of a thing that moves before
something else reaches 6 to 12 pixels too far, and fades out there. Nothing moves as the flow says
in between, and paint that follows it is drawn out around the thing.
"""

import cv2
import numpy as np
import numpy.typing as npt

from nstd.flow.neighborhood import Neighborhood
from nstd.flow.photo_consistency import ALIKE, Flags, Plane, leaves
from nstd.flow.weighted_median import WeightedMedian

REACHES_PX = (6, 12)
"""Distances at which other motions are looked for, in eight directions. With three distances, 4, 8
and 16, the flow of a disk that moves before a photograph was as wrong."""

NEAR_PX = 5
"""Edge of the square over which motions are compared. With 9, more of the disk's rim stayed wrong.
Windows that follow the picture's edges (guided filtering, Rhemann et al., CVPR 2011) were no better
than squares of this size."""

BETTER = 1.1
"""By what factor the mean squared difference must be smaller along another motion than along the
place's own, with the noise added to both. The motions nearby are the likely ones, so a little is
enough: with 1.5 a quarter to two thirds less of two disks' rims is mended."""

MOST = 400.0
"""Larger squared differences of a pixel, in code values², count as this: what was hidden fits no
motion."""

STEEP, STEEPEST_PX = 0.3, 0.1
"""Where the flow changes by `STEEPEST_PX` pixels from one pixel to the next, it may be between two
motions, which counts as a difference of `STEEP` times the noise. Otherwise such flow stays in even
places, where all motions explain equally well: 3 % of a picture falsely counts as a boundary."""

FAR, FARTHEST_PX = 0.02, 4.0
"""A motion that differs from the place's own by d px, `FARTHEST_PX` at most, counts as differing by
`FAR` · d² times the noise more: in even places the nearer of two motions is taken."""

VARIES_PX, SLOPE_PX = 0.5, 0.05
"""Nothing is done where, within reach, the flow varies by less than `VARIES_PX`, or nowhere changes
by more than `SLOPE_PX` from one pixel to the next: zooms and turns of up to 3 % need no mending."""

MEDIAN_PX = 5
"""Edge of the square over which medians of what was found are taken, component by component: each
place chooses for itself, and single specks would become boundaries of their own."""

PASSES = 2
"""Passes of the weighted median. Of what both frames show of a disk before a pan, 4.2 % is wrong by
half a pixel or more without a pass, for DIS and for Farnebäck's flow; with one pass 3.6 and 3.3 %,
with two 3.5 and 3.0 %. In six films, paint along the one flow differs from paint along the other by
a tenth to a half less."""

_DIRECTIONS = np.exp(2j * np.pi * np.arange(8) / 8)
_MOVES = [(round(way.real), round(way.imag)) for way in np.outer(REACHES_PX, _DIRECTIONS).flat]
"""Where motions are looked for, in pixels, x then y."""


def sharpen_boundaries(own: Plane, other: Plane, vectors: Plane) -> Plane:
    """The flow, in which each place near a motion boundary has the motion that explains it best.

    Args:
        own: A picture, `[height, width, 3]` in code values.
        other: The other picture, `[height, width, 3]` in code values.
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
    """The flow, in which each unsure place has the motion nearby that explains it best.

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
    """`found`, with medians where it differs from `before`, unless they lead out of the picture."""
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
    """`STEEP`, or in proportion less where the flow around is less steep than `STEEPEST_PX`."""
    around = cv2.dilate(slopes, np.ones((3, 3), np.uint8))
    shares: Plane = np.float32(STEEP) * np.minimum(around / np.float32(STEEPEST_PX), 1)
    return shares


def _slopes(vectors: Plane) -> Plane:
    """How much the flow changes from one pixel to the next."""
    padded = np.pad(vectors, ((0, 0), (1, 1), (1, 1)), mode="edge")
    across = (padded[:, 1:-1, 2:] - padded[:, 1:-1, :-2]) / 2
    down = (padded[:, 2:, 1:-1] - padded[:, :-2, 1:-1]) / 2
    slopes: Plane = np.sqrt(np.square(across).sum(axis=0) + np.square(down).sum(axis=0))
    return slopes
