"""Some places of a picture: what lies beside each, and how well motions explain them."""

import cv2
import numpy as np

from nstd.flow.photo_consistency import Flags, Numbers, PixelSet, Plane, averaged


class Neighborhood:
    """Places of a picture that may take a motion from the places around them.

    Arrays over places are `[count]`, row by row. There are more places than were asked for, since
    differences are averaged over squares.

    Args:
        own: The picture, float32 `[height, width, 3]` in code values.
        other: What its motions lead into.
        asked: Which places, `[height, width]`.
        window: Side of the square over which differences are averaged, in pixels, odd.
        most: Larger squared differences of a pixel, in code values², count as this.
    """

    def __init__(self, own: Plane, other: Plane, asked: Flags, *, window: int, most: float) -> None:
        self._near = cv2.dilate(asked.astype(np.uint8), np.ones((window, window), np.uint8)) > 0
        self._rows, self._columns = (at.astype(np.int32) for at in np.nonzero(self._near))
        self._places = PixelSet(own, self._rows, self._columns)
        self._other, self._window, self._most = other, window, np.float32(most)
        self._squares: Plane = np.zeros(asked.shape, np.float32)
        self.count = len(self._rows)
        self.here: Numbers = self.at((0, 0))
        self.asked: Flags = asked[self._near]

    def at(self, move: tuple[int, int], some: slice = slice(None)) -> Numbers:
        """Indices into the flattened picture of the places that lie `move` pixels (x, y) away.

        Beyond the border, of the nearest places inside.
        """
        height, width = self._near.shape
        rows = np.clip(self._rows[some] + move[1], 0, height - 1)
        found: Numbers = rows * width + np.clip(self._columns[some] + move[0], 0, width - 1)
        return found

    def error(self, motions: Plane) -> Plane:
        """Mean squared difference around each place along motions `[2, count]`."""
        along = self._places.along_flow(self._other, motions)
        self._squares[self._near] = np.minimum(along, self._most)
        return averaged(self._squares, self._window)[self._near]

    def leave(self, motions: Plane) -> Flags:
        """Where motions `[2, count]` lead out of the picture."""
        return self._places.leaves(motions)

    def put(self, vectors: Plane, motions: Plane) -> Plane:
        """The flow `vectors` with the places' motions in it."""
        result = vectors.copy()
        result[:, self._near] = motions
        return result
