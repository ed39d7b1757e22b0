"""The sample's picture: a harbor at dusk, drawn frame by frame from nothing but numbers."""

from fractions import Fraction

import cv2
import numpy as np

from art.harbor.landscape import clouds, haze, headland, mountains, rocks, sky
from art.harbor.layers import HEIGHT, HORIZON, WIDTH, Canvas, grid
from art.harbor.moving import boat, gulls
from art.harbor.noise import Plane
from art.harbor.water import Water
from nstd.media.frame import ImageU8

SIZE = (320, 180)
"""Width and height of a frame, in pixels."""
FRAME_RATE = Fraction(12)


class Scene:
    """A harbor at dusk, past which the camera moves slowly.

    Mountains in three depths, drifting clouds, a headland with a village, water that mirrors all
    of it, a boat, gulls, and grass in front: gradients, textures and edges at every depth, each
    moving at its own speed. The same seed gives the same frames.

    Args:
        seed: Of all that is left to chance.
    """

    def __init__(self, seed: int = 7) -> None:
        rng = np.random.default_rng(seed)
        self._sky = sky()
        self._far = [clouds(rng), *mountains(rng)]
        self._headland = headland(rng)
        self._rocks = rocks(rng)
        self._water = Water(rng)
        self._haze = haze()[..., None]
        self._rows, self._columns = grid()
        middle = (self._columns / WIDTH - 0.5, self._rows / HEIGHT - 0.5)
        edge = np.hypot(*middle)
        self._vignette = (1 - 0.45 * edge[..., None] ** 2).astype(np.float32)

    def frame(self, index: int) -> ImageU8:
        """Draw one frame.

        Args:
            index: Its number, from 0; there is no last one.

        Returns:
            uint8 `[180, 320, 3]`, sRGB.
        """
        small = cv2.resize(self._draw(index), SIZE, interpolation=cv2.INTER_AREA)
        return _rounded(np.asarray(small, np.float32))

    def large(self, index: int) -> ImageU8:
        """Draw one frame at the size that the scene is drawn in: uint8 `[360, 640, 3]`, sRGB."""
        return _rounded(self._draw(index))

    def _draw(self, index: int) -> Canvas:
        time = float(index / FRAME_RATE)
        canvas = self._sky
        for layer in self._far:
            canvas = layer.over(canvas, index)
        gulls(canvas, time)
        canvas = canvas + (np.array((1.0, 0.78, 0.58), np.float32) - canvas) * self._haze
        canvas = self._headland.over(canvas, index)
        moved = self._headland.speed * index
        slopes = self._water.slopes(time, moved)
        # The headland's foot stands in the water, so it is laid over it once more.
        canvas = self._headland.over(self._water.below(canvas, slopes), index)
        canvas = self._with_boat(canvas, time, self._water.displacement(slopes))
        canvas = self._rocks.over(canvas, index)
        return np.asarray(canvas * self._vignette, np.float32)

    def _with_boat(self, canvas: Canvas, time: float, ripple: tuple[Plane, Plane]) -> Canvas:
        drawn, line = boat(time)
        across, down = (np.pad(plane, ((HORIZON, 0), (0, 0))) * 0.7 for plane in ripple)
        columns, rows = self._columns + across, 2 * line - self._rows + down
        mirrored = cv2.remap(drawn, columns, rows.astype(np.float32), cv2.INTER_LINEAR)
        # Below its waterline the boat is under water, and above it there is no mirror.
        drawn[self._rows >= line + 2] = 0
        mirrored[self._rows < line] = 0
        canvas = (
            canvas * (1 - 0.72 * mirrored[..., 3:]) + 0.72 * mirrored[..., :3] * mirrored[..., 3:]
        )
        return canvas * (1 - drawn[..., 3:]) + drawn[..., :3] * drawn[..., 3:]


def _rounded(canvas: Canvas) -> ImageU8:
    return np.rint(np.clip(canvas, 0, 1) * 255).astype(np.uint8)
