"""What all techniques share: coordinates, noise, colors, light on a relief.

Pictures are float32 `[height, width, 3]`, sRGB-encoded, 0 to 1. Coordinates are in units of the
long edge: x from 0 to 1, y from 0 to height / width. Angles are in radians, turning from x to y.
"""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
"""Of floats; those of a whole canvas are float32."""
Bytes = npt.NDArray[np.uint8]


def grid(width: int, height: int) -> tuple[Array, Array]:
    """Coordinates x and y of every pixel, each `[height, width]`."""
    scale = np.float32(1 / max(width, height))
    x, y = np.meshgrid(
        np.arange(width, dtype=np.float32) * scale, np.arange(height, dtype=np.float32) * scale
    )
    return x, y


def noise(
    rng: np.random.Generator,
    shape: tuple[int, int],
    cell: float | tuple[float, float],
    octaves: int = 4,
) -> Array:
    """Smooth noise of mean 0 and standard deviation 1, `[height, width]`.

    Args:
        rng: Where chance comes from.
        shape: Height and width.
        cell: Pixels of its largest features; or those across and down.
        octaves: Each is half as large and half as strong as the one before.
    """
    across, down = cell if isinstance(cell, tuple) else (cell, cell)
    height, width = shape
    total = np.zeros(shape, np.float32)
    for octave in range(octaves):
        rows = max(2, round(height / down * 2**octave) + 2)
        columns = max(2, round(width / across * 2**octave) + 2)
        values = rng.standard_normal((rows, columns)).astype(np.float32)
        total += cv2.resize(values, (width, height), interpolation=cv2.INTER_CUBIC) / 2**octave
    return np.asarray((total - total.mean()) / total.std(), np.float32)


def smoothstep(low: float, high: float, x: Array) -> Array:
    """0 below `low`, 1 above `high` (or the other way round), smooth between."""
    t = np.clip((x - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def mix(below: Array, above: Array, share: Array | float) -> Array:
    """The colors `below` covered by `above` with the opacity `share`, `[height, width]`."""
    opacity = np.asarray(share, np.float32)[..., None]
    return np.asarray(below * (1 - opacity) + above * opacity, np.float32)


def color(code: str) -> Array:
    """The color of a code such as "d94f30", `[3]`."""
    return np.array([int(code[i : i + 2], 16) / 255 for i in (0, 2, 4)], np.float32)


def ramp(t: Array, codes: Sequence[str]) -> Array:
    """Colors along a list of evenly spaced ones, at `t` from 0 to 1; `t`'s shape and `[3]`."""
    stops = np.linspace(0, 1, len(codes))
    table = np.stack([color(code) for code in codes])
    channels = [np.interp(t, stops, table[:, channel]) for channel in range(3)]
    return np.stack(channels, axis=-1).astype(np.float32)


def polar(x: Array, y: Array, center: tuple[float, float]) -> tuple[Array, Array]:
    """Distance from a center, and angle about it."""
    dx, dy = x - center[0], y - center[1]
    return np.hypot(dx, dy).astype(np.float32), np.arctan2(dy, dx).astype(np.float32)


def lit(picture: Array, relief: Array, depth: float, gloss: float) -> Array:
    """The picture on a relief, lit from the upper left.

    Args:
        picture: The paint.
        relief: Its height, `[height, width]`, 0 to 1.
        depth: Pixels that a height of 1 stands for.
        gloss: Strength of the highlights.
    """
    down, across = np.gradient(relief * np.float32(depth))
    length = np.sqrt(across**2 + down**2 + 1)
    light = np.array([-0.52, -0.6, 0.61])
    diffuse = (-across * light[0] - down * light[1] + light[2]) / length
    halfway = light + np.array([0, 0, 1])
    halfway /= np.linalg.norm(halfway)
    shine = (-across * halfway[0] - down * halfway[1] + halfway[2]) / length
    shade = 0.45 + 0.55 * diffuse / light[2]
    bright = np.clip(shine, 0, 1) ** 24 - halfway[2] ** 24
    return np.asarray(
        np.clip(picture * shade[..., None] + gloss * bright[..., None], 0, 1), np.float32
    )


def jitter(rng: np.random.Generator, colors: Array, amount: float) -> Array:
    """Colors `[n, 3]` each varied a little: chiefly in brightness, less in hue."""
    count = len(colors)
    bright = rng.normal(0, amount, (count, 1))
    hue = rng.normal(0, amount * 0.6, (count, 3))
    return np.asarray(np.clip(colors * (1 + bright) + bright * 0.15 + hue, 0, 1), np.float32)


def halved(picture: Array) -> Array:
    """The picture at half its size; what is drawn at twice the size has smooth edges then."""
    height, width = picture.shape[:2]
    return np.asarray(
        cv2.resize(picture, (width // 2, height // 2), interpolation=cv2.INTER_AREA), np.float32
    )


def as_bytes(picture: Array) -> Bytes:
    """The picture as uint8."""
    return np.asarray(np.rint(np.clip(picture, 0, 1) * 255), np.uint8)
