"""Impasto: the sun goes down in a storm, in thick paint."""

import cv2
import numpy as np

from art.brush import Brush, paint
from art.canvas import (
    Array,
    Bytes,
    as_bytes,
    color,
    grid,
    halved,
    lit,
    mix,
    noise,
    polar,
    ramp,
    smoothstep,
)

_SUN = (0.66, 0.27)
_HORIZON = 0.44
_EDDIES = ((0.2, 0.15, 0.11, 1.0), (0.42, 0.31, 0.07, -1.0), (0.93, 0.1, 0.09, -1.0))
"""Vortices of the sky: x, y, radius, sense of rotation."""
_BRUSHES = (
    (120, 420, 70, 6, 0.05, 1.0),
    (66, 340, 46, 5, 0.08, 0.85),
    (36, 240, 34, 4, 0.1, 0.35),
    (18, 130, 18, 3, 0.13, 0.05),
)
"""Width, length, spacing, bristle, variety; and the share of the strokes made without detail."""


def render(edge: int, rng: np.random.Generator) -> Bytes:
    """Paint it, `edge` pixels wide."""
    width, height = 2 * edge, 2 * round(edge * 0.76)
    x, y = grid(width, height)
    colors, angle = _composition(x, y, rng)
    unit = width / 1536
    canvas = np.zeros((height, width, 4), np.uint8)
    canvas[...] = (58, 34, 44, 40)
    detail = _detail(colors)
    for width_px, length, spacing, bristle, variety, density in _BRUSHES:
        brush = Brush(
            width_px * unit, length * unit, spacing * unit, bristle * unit, variety, streak=0.05
        )
        paint(canvas, colors, angle, brush, rng, density + (1 - density) * detail)
    relief = cv2.GaussianBlur(canvas[..., 3].astype(np.float32) / 255, (0, 0), 1.2 * unit)
    picture = lit(canvas[..., :3].astype(np.float32) / 255, relief, 5.0, 0.4)
    return as_bytes(halved(picture))


def _composition(x: Array, y: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """Colors and directions of the strokes."""
    shape = (x.shape[0], x.shape[1])
    sky, turning = _sky(x, y, rng)
    sea, rolling = _sea(x, y, rng)
    shore = _HORIZON + 0.006 * np.sin(x * 21)
    below = smoothstep(-0.003, 0.003, y - shore)
    colors, angle = mix(sky, sea, below), np.where(below > 0.5, rolling, turning)
    # A headland in the dark, and a meadow that the last light reaches.
    ridge = (
        0.61 - 0.23 * smoothstep(0.42, -0.06, x) - 0.012 * np.sin(x * 40) - 0.02 * np.sin(x * 13)
    )
    land = smoothstep(-0.002, 0.002, y - ridge)
    depth = np.clip((y - ridge) / 0.2, 0, 1)
    grain = noise(rng, shape, shape[1] / 14, 3)
    meadow = ramp(
        np.clip(depth + 0.16 * grain, 0, 1),
        ["f0a53a", "7c8f2e", "1d5a45", "17324e", "2b1d49", "7a2342", "1c1433"],
    )
    poppies = smoothstep(1.1, 1.35, noise(rng, shape, shape[1] / 40, 2)) * smoothstep(
        0.1, 0.5, depth
    )
    meadow = mix(meadow, np.broadcast_to(color("ee3a24"), meadow.shape), poppies)
    blooms = smoothstep(1.5, 1.7, noise(rng, shape, shape[1] / 50, 2)) * depth
    meadow = mix(meadow, np.broadcast_to(color("f7d978"), meadow.shape), blooms)
    leaning = -1.2 + 0.5 * np.sin(x * 9 + y * 14) + 0.3 * grain
    return mix(colors, meadow, land), np.where(land > 0.5, leaning, angle).astype(np.float32)


def _sky(x: Array, y: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    shape = (x.shape[0], x.shape[1])
    away, around = polar(x, y, _SUN)
    across, down = np.cos(0.25 - 0.5 * x) * 0.5, np.sin(0.25 - 0.5 * x) * 0.5
    pull = np.exp(-((away / 0.2) ** 2))
    across, down = across - 2 * np.sin(around) * pull, down + 2 * np.cos(around) * pull
    spiral = np.zeros_like(x)
    for ex, ey, radius, sense in _EDDIES:
        near, turn = polar(x, y, (ex, ey))
        pull = np.exp(-((near / radius) ** 2)) * sense * 2.4
        across, down = across - np.sin(turn) * pull, down + np.cos(turn) * pull
        arms = np.sin(2 * turn * sense + near * 75 + 1)
        spiral += arms * np.exp(-((near / (1.25 * radius)) ** 2))
    bands = noise(rng, shape, (shape[1] / 3.2, shape[1] / 9), 3)
    t = away * 1.25 + 0.085 * bands + 0.16 * spiral
    colors = ramp(
        np.clip(t, 0, 1),
        ["fff3b0", "ffc845", "f58a1f", "d8412f", "8e2a5b", "3d3f94", "1f6f9e", "39a79b", "17305f",
         "0d1b3d"],
    )  # fmt: skip
    disc = smoothstep(0.062, 0.056, away)
    colors = mix(colors, np.broadcast_to(color("fffbe0"), colors.shape), disc)
    rim = smoothstep(0.012, 0.004, np.abs(away - 0.078))
    colors = mix(colors, np.broadcast_to(color("e8531f"), colors.shape), 0.7 * rim)
    return colors, np.arctan2(down, across).astype(np.float32)


def _sea(x: Array, y: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    shape = (x.shape[0], x.shape[1])
    depth = np.clip((y - _HORIZON) / (0.76 - _HORIZON), 0, 1)
    # Waves are longer the nearer they are.
    phase = 34 * np.log(0.06 + depth) / np.log(10) + 2.2 * np.sin(x * 7 + 6 * depth)
    swell = np.sin(phase * 1.7) + 0.35 * noise(rng, shape, (shape[1] / 8, shape[1] / 30), 3)
    colors = ramp(
        np.clip(0.5 + 0.33 * swell, 0, 1),
        ["0b1740", "14356e", "145f86", "1f8f93", "7fcdb0", "f4efcf"],
    )
    glint = np.exp(-(((x - _SUN[0]) / (0.05 + 0.16 * depth)) ** 2))
    fire = ramp(np.clip(0.45 + 0.4 * swell, 0, 1), ["7a1f4f", "d8412f", "f9a825", "fff0a8"])
    colors = mix(colors, fire, glint * smoothstep(-0.5, 0.7, swell))
    slope = 0.35 * np.cos(x * 7 + 6 * depth + phase * 0.3) * (0.3 + depth)
    return colors, slope.astype(np.float32)


def _detail(colors: Array) -> Array:
    """Where colors change, 0 to 1."""
    gray = cv2.GaussianBlur(colors.mean(axis=2), (0, 0), 3)
    steep = np.hypot(*np.gradient(gray))
    return np.asarray(np.clip(steep / (2.5 * steep.mean() + 1e-6), 0, 1), np.float32)
