"""Pictures in layers: what is near covers what is far, and moves faster."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from art.harbor.noise import Plane

WIDTH, HEIGHT = 640, 360
"""Pixels that the scene is drawn in: twice the film's, which smooths every edge."""
HORIZON = 206
"""Row where the water begins."""

Canvas = npt.NDArray[np.float32]
"""A picture in the making: float32 `[height, width, 3]`, red first, 0 to 1, as displayed."""

Color = tuple[float, float, float]


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """A strip of scenery that goes around for ever.

    Attributes:
        color: float32 `[height, length, 3]`, multiplied by `alpha`.
        alpha: float32 `[height, length]`, 0 to 1.
        speed: Pixels that it moves to the left with each frame.
    """

    color: Canvas
    alpha: Plane
    speed: float

    @classmethod
    def of(cls, color: Canvas, alpha: Plane, speed: float) -> "Layer":
        """A layer of colors that are not multiplied yet."""
        return cls(np.asarray(color * alpha[..., None], np.float32), alpha, speed)

    def over(self, canvas: Canvas, index: int) -> Canvas:
        """The canvas with what of this layer is in view in frame `index` laid over it."""
        shift = self.speed * index
        color, alpha = (_window(plane, shift) for plane in (self.color, self.alpha))
        return canvas * (1 - alpha[..., None]) + color


def mix(one: Color, other: Color, share: Plane) -> Canvas:
    """Colors between two, by the share of the other."""
    first, second = (np.array(color, np.float32) for color in (one, other))
    return np.asarray(first + (second - first) * share[..., None], np.float32)


def ramp(stops: list[tuple[float, Color]], value: Plane) -> Canvas:
    """Colors along a scale that is given at some points."""
    points = [point for point, _ in stops]
    channels = [
        np.interp(value, points, [color[channel] for _, color in stops]) for channel in range(3)
    ]
    return np.stack(channels, axis=-1).astype(np.float32)


def grid(length: int = WIDTH, height: int = HEIGHT) -> tuple[Plane, Plane]:
    """Row and column of every pixel, each float32 `[height, length]`."""
    rows, columns = np.mgrid[0:height, 0:length].astype(np.float32)
    return rows, columns


def draw_polygon(canvas: npt.NDArray[np.float32], points: npt.ArrayLike, color: Color) -> None:
    """Fill a polygon in place, with smooth edges.

    Args:
        canvas: float32 `[height, width, 3]`, or 4 with an opacity, which is raised to 1.
        points: Column and row of each corner, with fractions; it may reach beyond the canvas.
        color: Its color.
    """
    corners = np.asarray(points, np.float64)
    size = (canvas.shape[1], canvas.shape[0])
    # The canvas is large and the polygon small: only its surroundings are touched.
    left, top = np.clip(np.floor(corners.min(axis=0)).astype(int) - 2, 0, size)
    right, bottom = np.clip(np.ceil(corners.max(axis=0)).astype(int) + 3, 0, size)
    if left >= right or top >= bottom:
        return
    part = canvas[top:bottom, left:right]
    mask = np.zeros(part.shape[:2], np.uint8)
    fixed = np.round((corners - (left, top)) * 16).astype(np.int32)
    cv2.fillPoly(mask, [fixed], 255, cv2.LINE_AA, shift=4)
    share = (mask / np.float32(255))[..., None]
    part[..., :3] += (np.array(color, np.float32) - part[..., :3]) * share
    if canvas.shape[2] == 4:
        np.maximum(part[..., 3:], share, out=part[..., 3:])


def _window(plane: npt.NDArray[np.float32], shift: float) -> npt.NDArray[np.float32]:
    length = plane.shape[1]
    whole = int(np.floor(shift))
    columns = np.arange(whole, whole + WIDTH + 1) % length
    taken = plane[:, columns]
    share = np.float32(shift - whole)
    return np.asarray(taken[:, :-1] * (1 - share) + taken[:, 1:] * share)
