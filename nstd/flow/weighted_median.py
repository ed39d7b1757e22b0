"""Weighted median filtering: where pictures do not tell motions apart, similar colors decide.

Any motion explains an even wall or sky, so beside what moves estimators drag some of it along.
Paint shows that, as strokes that go and come back. So each component of a place's motion becomes
the median of those around, in which places of a similar color weigh more, if that explains the
place as well: the weighted median of Sun, Roth and Black, "Secrets of optical flow estimation and
their principles" (CVPR 2010), taken only at some places, of a few others each.
"""

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
import numpy.typing as npt

from nstd.flow.neighborhood import Neighborhood
from nstd.flow.photo_consistency import STANDS, Numbers, Plane, squared

Says = npt.NDArray[np.int16]

COLOR = 10.0
"""Code values, root mean square of all three colors: a place that differs by this weighs 0.6, one
that differs by twice as much 0.14. With half and with double of it two disks' flows were equally
wrong, to a fifteenth."""

COLOR_PX = 3
"""Edge of the square over which colors are averaged, against a camera's noise."""

AS_WELL = 1.0
"""The median's mean squared difference may be larger by this many times the noise; noise of
`STANDS` at most, since more than that is changing light or false flow. With 0.2 the flows of disks
were wrong in a tenth more places; with 2 in a tenth fewer, but a film's source differed by a
twentieth more along them."""

NEAR_PX = 0.5
"""A median that is no farther than this from the place's own motion must not explain it worse at
all: beside motion boundaries similar colors lie on one side, and in a zoom they have other
motions."""

_AT_ONCE = 16_384
"""Places that are computed together: this many fit into a processor's cache."""

_SAY = 0x7FFF
"""A weight of 1, in the lower half of a word."""


class WeightedMedian:
    """The weights that the motions around have at each of some places.

    Args:
        own: The picture, float32 `[height, width, 3]` in code values.
        beside: The places.
        moves: Where motions are looked for, in pixels, x then y.
    """

    def __init__(self, own: Plane, beside: Neighborhood, moves: Sequence[tuple[int, int]]) -> None:
        self._beside, self._moves = beside, [(0, 0), *moves]
        blurred = cv2.blur(own, (COLOR_PX, COLOR_PX))
        colors: Plane = np.asarray(blurred, np.float32).reshape(-1, 3)
        self._says = [
            _says(colors, [beside.at(move, some) for move in self._moves]) for some in self._parts()
        ]

    def median(self, vectors: Plane, noise: np.float32) -> Plane:
        """The flow, in which its places have the weighted median of the motions around.

        Args:
            vectors: The flow.
            noise: Mean squared difference of what does not differ, in code values².
        """
        beside, flat = self._beside, vectors.reshape(2, -1)
        medians = np.empty((2, beside.count), np.float32)
        for some, says in zip(self._parts(), self._says, strict=True):
            places = [beside.at(move, some) for move in self._moves]
            for part, into in zip(flat, medians, strict=True):
                into[some] = weighted_medians([part.take(at) for at in places], says)
        here = flat[:, beside.here]
        far = np.square(medians - here).sum(axis=0) > NEAR_PX**2
        worse = np.where(far, np.float32(AS_WELL) * min(noise, np.float32(STANDS)), np.float32(0))
        as_well = beside.error(medians) <= beside.error(here) + worse
        taken = as_well & beside.asked & ~beside.leave(medians)
        return beside.put(vectors, np.where(taken, medians, here))

    def _parts(self) -> Iterator[slice]:
        for start in range(0, self._beside.count, _AT_ONCE):
            yield slice(start, min(start + _AT_ONCE, self._beside.count))


def _says(colors: Plane, places: Sequence[Numbers]) -> list[Says]:
    """The weights of the motions at `places`, for each of the first, in units of 1 / `_SAY`."""
    own = colors.take(places[0], axis=0)
    says = []
    for at in places:
        off = squared(colors.take(at, axis=0)[None], own[None]).ravel()
        # In double precision: the last bit of a float's exponential is each processor's own.
        say = _SAY * np.exp(off.astype(np.float64) / (-2 * COLOR**2))
        says.append(np.rint(say).astype(np.int16))
    return says


def weighted_medians(values: Sequence[Plane], says: Sequence[Says]) -> Plane:
    """The weighted median of each place: at most half of the weight lies below it, and above it.

    A value and its weight are sorted as one, in the upper and the lower half of a word: NumPy's
    sort takes twenty times as long for so few values at each place.

    Args:
        values: Candidates, each float32 with a value for every place.
        says: Their weights, each int16 from 0 to 0x7FFF, which stands for 1.
    """
    words = [
        (_ordered(value.view(np.int32)).astype(np.int64) << 32) | say
        for value, say in zip(values, says, strict=True)
    ]
    for first in range(len(words)):
        for at in range(first % 2, len(words) - 1, 2):
            one, other = words[at], words[at + 1]
            words[at], words[at + 1] = np.minimum(one, other), np.maximum(one, other)
    half = (np.add.reduce(says, dtype=np.int32) + 1) // 2
    found, heard = words[0], np.zeros_like(half)
    for word in words:
        found = np.where(heard < half, word, found)
        heard += (word & _SAY).astype(np.int32)
    medians: Plane = _ordered((found >> 32).astype(np.int32)).view(np.float32)
    return medians


def _ordered(bits: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """Whole numbers that are in the order of the floats whose bits are given, and back again."""
    ordered: npt.NDArray[np.int32] = bits ^ ((bits >> 31) & np.int32(0x7FFFFFFF))
    return ordered
