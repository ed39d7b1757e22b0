"""Dominant motion: motions of large parts of a picture, for places where the flow is wrong.

An estimator finds a place's motion from what is around it. In even places, and where strong edges
stand beside faint ones that move, it may be wrong by any number of pixels. Often another part of
the picture moves in the same way, and there the motion was found. So the few motions that explain
most of the picture are looked for, and a place takes one of them if it clearly explains it better.
"""

import cv2
import numpy as np
import numpy.typing as npt

from nstd.flow.photo_consistency import ALIKE, STANDS, Flags, Plane, along_flow, averaged

Motion = npt.NDArray[np.float64]
"""`[2]`, pixels, x then y."""

MOTIONS = 2
"""Number of motions besides none. Five explain a film's source better by a twentieth at most."""

NEAR_PX = 11
"""Edge of the square over which motions are compared, in compared pixels (`COMPARED_PX`)."""

CLEARLY = 2.0
"""By what factor the mean squared difference must be smaller along another motion. With 1.5 places
in a pan took the pan's motion although their own was as good."""

LONGEST_PX = 64
"""Longer motions are not given to other places."""

BIN_PX = 0.5
"""Motions that differ by about this or less count as one."""

COMPARED_PX = 640
"""If the long edge is longer, only every second, third… pixel is compared."""

REFINING_STEPS, REFINED_PLACES = 6, 20_000
"""The most; known motions are found to 0.01 px in three steps."""

REFINED_PX = 0.005
"""Refining ends when a step is smaller."""

FARTHEST_PX = 1.0
"""If refining leads farther away, it has found another motion, and is not used."""

OUTLIER = 25.0
"""Squared difference, in code values², at which a pixel has half its weight in refining."""

_BESIDE = np.array([[-1, 0], [1, 0], [0, -1], [0, 1], [0, 0]], np.float64)
"""Pixels, x then y."""

_TINY_GRADIENT = 1.0
"""Added to the sums of squared gradients, so that even places have a solution: no move."""


def take_dominant_motions(own: Plane, other: Plane, vectors: Plane) -> Plane:
    """The flow, with a dominant motion where that clearly explains a place better.

    In a film whose rainbow scrolls by 1.9 px under still bars, Farnebäck's flow was zero; with
    this, the pictures differ along the flow by a twentieth of what they did. Filmed pictures differ
    by a fifth to a third less, along Farnebäck's flow and along DIS.

    Args:
        own: A picture, `[height, width, 3]` in code values.
        other: The other picture, `[height, width, 3]` in code values.
        vectors: The flow from the one into the other, `[2, height, width]` in pixels.
    """
    stride = -(-max(own.shape[:2]) // COMPARED_PX)
    seen = vectors[:, ::stride, ::stride]

    def error(motions: Plane) -> Plane:
        return averaged(along_flow(own, other, motions, stride), NEAR_PX) + ALIKE

    found, left = error(seen), error(np.zeros_like(seen))
    stands = left * CLEARLY < found
    best, chosen = np.where(stands, left, found), stands.astype(np.uint8)
    motions = [np.zeros(2)]
    offered = (np.abs(seen) < LONGEST_PX).all(axis=0)
    for _ in range(MOTIONS):
        # What standing, and the motions before, leave unexplained and this flow explains.
        gain = np.maximum(left - found, 0) * (left > STANDS) * offered
        alike = _most_gaining(seen, gain)
        votes = gain * alike
        if not votes.any():
            break
        offered &= ~alike
        begun = _mean_motion(seen, votes)
        motions.append(_refined(own, other, begun, np.argwhere(votes) * stride))
        explained = error(_everywhere(motions[-1], seen))
        left = np.minimum(left, explained)
        taken = explained * CLEARLY < best
        best, chosen = np.where(taken, explained, best), np.where(taken, len(motions), chosen)
    return _composed(vectors, motions, chosen, stride)


def _everywhere(motion: Motion, like: Plane) -> Plane:
    return np.broadcast_to(motion.astype(np.float32)[:, None, None], like.shape)


def _composed(
    vectors: Plane, motions: list[Motion], chosen: npt.NDArray[np.uint8], stride: int
) -> Plane:
    """The flow, with the n-th motion where n is chosen, and unchanged where 0 is."""
    height, width = vectors.shape[1:]
    chosen = chosen.repeat(stride, axis=0).repeat(stride, axis=1)[:height, :width]
    result = np.array(vectors, np.float32, order="C")
    for number, motion in enumerate(motions, start=1):
        np.copyto(result, _everywhere(motion, vectors), where=chosen == number)
    return result


def _most_gaining(vectors: Plane, gain: Plane) -> Flags:
    """The places of the motion that gains most over the whole picture."""
    reach = round(LONGEST_PX / BIN_PX)
    bins = np.clip(np.rint(vectors / BIN_PX), -reach, reach).astype(np.int64) + reach
    side = 2 * reach + 1
    gains = np.bincount((bins[1] * side + bins[0]).ravel(), gain.ravel(), minlength=side**2)
    # A motion that lies at a bin's edge has its places in both.
    around = cv2.boxFilter(
        gains.reshape(side, side), -1, (3, 3), normalize=False, borderType=cv2.BORDER_CONSTANT
    )
    row, column = divmod(int(around.argmax()), side)
    alike: Flags = (np.abs(bins[0] - column) <= 1) & (np.abs(bins[1] - row) <= 1)
    return alike


def _mean_motion(vectors: Plane, weights: Plane) -> Motion:
    total = weights.sum(dtype=np.float64)
    return np.array([(part * weights).sum(dtype=np.float64) / total for part in vectors])


def _refined(own: Plane, other: Plane, motion: Motion, places: npt.NDArray[np.int64]) -> Motion:
    """The motion that explains `places` best, near the one given.

    Gauss and Newton's method on a translation (Lucas and Kanade, IJCAI 1981), where pixels that fit
    badly weigh less (Cauchy's weights). Estimators find slow motion too slow, each by another
    amount.

    Args:
        own: A picture.
        other: The picture that the motion leads into.
        motion: Where to begin.
        places: `[count, 2]`, rows and columns in `own`.
    """
    places = places[:: -(-len(places) // REFINED_PLACES)]
    here = own[places[:, 0], places[:, 1]]
    begun, found = motion, motion
    for _ in range(REFINING_STEPS):
        left, right, up, down, there = (
            _at(other, places + (found + beside)[::-1]) for beside in _BESIDE
        )
        off = here - there
        weights = 1 / (1 + np.square(off).mean(axis=1, keepdims=True) / OUTLIER)
        steep = (right - left) / 2, (down - up) / 2
        squares = np.array([[(weights * one * two).sum() for two in steep] for one in steep])
        toward = np.array([(weights * one * off).sum() for one in steep])
        step = np.linalg.solve(squares + _TINY_GRADIENT * np.eye(2), toward)
        found = found + step
        if np.abs(step).max() < REFINED_PX:
            break
    return found if np.abs(found - begun).max() < FARTHEST_PX else begun


def _at(image: Plane, places: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """`image` at rows and columns between its pixels, `[count, 3]`, its border replicated.

    Bilinear. OpenCV's own is too coarse: it has 32 places between two pixels, which are six times
    `REFINED_PX` apart.
    """
    last = np.array(image.shape[:2]) - 1
    places = np.clip(places, 0, last)
    corner = np.minimum(places.astype(np.int64), np.maximum(last - 1, 0))
    (row, column), (down, across) = corner.T, (places - corner).T[..., None]
    below, beside = np.minimum(row + 1, last[0]), np.minimum(column + 1, last[1])
    upper = (1 - across) * image[row, column] + across * image[row, beside]
    lower = (1 - across) * image[below, column] + across * image[below, beside]
    found: npt.NDArray[np.float64] = (1 - down) * upper + down * lower
    return found
