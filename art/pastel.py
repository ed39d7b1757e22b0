"""Pastel: birches by a lake in the moonlight, in chalk on dark, rough paper."""

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
    mix,
    noise,
    polar,
    ramp,
    smoothstep,
)

_MOON = (0.31, 0.15)
_SHORE = 0.46
_TRUNKS = (
    # x at the top and at the bottom, width at the bottom
    (0.065, 0.04, 0.056),
    (0.175, 0.2, 0.03),
    (0.52, 0.49, 0.046),
    (0.605, 0.64, 0.026),
    (0.77, 0.8, 0.07),
    (0.93, 0.91, 0.036),
)
_STICKS = (
    # width, length, spacing, trace, variety, share of strokes where there is no detail
    (100, 440, 64, 6, 0.06, 1.0),
    (56, 300, 44, 5, 0.09, 0.8),
    (32, 220, 32, 4, 0.11, 0.4),
    (16, 150, 14, 3, 0.12, 0.08),
)


def render(edge: int, rng: np.random.Generator) -> Bytes:
    """Draw it, `edge` pixels wide."""
    width, height = 2 * edge, 2 * round(edge * 0.75)
    x, y = grid(width, height)
    unit = width / 1536
    colors, angle = _composition(x, y, rng)
    shape = (height, width)
    tooth = 0.6 * noise(rng, shape, 7 * unit, 2) + 0.6 * noise(rng, shape, (90 * unit, 5 * unit), 1)
    picture = np.broadcast_to(color("1b1a33"), colors.shape)
    # The first chalk is rubbed into the paper, so that no bare spot is left.
    rubbed = cv2.GaussianBlur(colors, (0, 0), 9 * unit) * 0.62
    picture = mix(picture, rubbed, 0.8)
    detail = _detail(colors, unit)
    for number, (wide, length, spacing, trace, variety, share) in enumerate(_STICKS):
        stick = Brush(
            wide * unit, length * unit, spacing * unit, trace * unit, variety, 0.045, 0.26
        )
        layer = np.zeros((height, width, 4), np.uint8)
        paint(layer, colors, angle, stick, rng, share + (1 - share) * detail)
        pressure = layer[..., 3].astype(np.float32) / 255
        # Chalk stays on the tops of the paper; the harder it is pressed, the deeper it gets.
        held = smoothstep(-0.25, 0.35, 3.2 * (pressure - 0.4 + 0.04 * number) - 0.8 * tooth)
        held *= layer[..., 3] > 0
        picture = mix(picture, layer[..., :3].astype(np.float32) / 255, 0.93 * held)
    dust = 1 + 0.05 * noise(rng, shape, 3 * unit, 1)
    return as_bytes(halved(picture * dust[..., None]))


def _composition(x: Array, y: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """Colors, and directions of the strokes."""
    width = x.shape[1]
    colors, angle = _night(x, y, rng)
    masses = noise(rng, x.shape, (width / 7, width / 9), 4)
    # The far bank: woods in their autumn colors; the lake mirrors all that is above it.
    mirrored = np.where(y > _SHORE, 2 * _SHORE - y, y)
    top = _SHORE - 0.1 - 0.055 * masses[masses.shape[0] // 3] - 0.04 * np.sin(x * 9 + 2)
    leaves = noise(rng, x.shape, width / 22, 3)
    inside = smoothstep(-0.004, 0.006, mirrored - top - 0.006 * leaves)
    woods = ramp(
        np.clip(0.48 + 0.2 * masses + 0.13 * leaves - 1.2 * (mirrored - top - 0.07), 0, 1),
        ["142238", "3a1b3f", "7d1f33", "c8382a", "ee7d22", "f7b733", "9fb04a", "f9e7a0"],
    )
    colors = mix(colors, woods, inside)
    angle = np.where(inside > 0.5, 0.9 + 0.9 * masses, angle)
    lake = smoothstep(-0.001, 0.001, y - _SHORE)
    ripples = np.sin(240 * np.clip(y - _SHORE, 0, 1) ** 0.8 + 3 * np.sin(x * 13) + 2 * leaves)
    dimmed = ramp(np.clip(0.5 + 0.5 * ripples, 0, 1), ["0c1c4a", "1b6f86", "8fc7c0"])
    glitter = np.exp(-(((x - _MOON[0]) / (0.03 + 0.3 * np.clip(y - _SHORE, 0, 1))) ** 2))
    gold = ramp(np.clip(0.5 + 0.5 * ripples, 0, 1), ["8a5a3a", "f2c14a", "fff6c8"])
    water = mix(mix(colors, dimmed, 0.42), gold, 0.75 * glitter * smoothstep(-0.3, 0.6, ripples))
    colors = mix(colors, water, lake)
    angle = np.where(lake > 0.5, 0.12 * np.sin(x * 20 + y * 30), angle)
    colors, angle = _bank(x, y, colors, angle, leaves)
    return _birches(x, y, colors, angle, rng)


def _night(x: Array, y: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    # The sky goes on below the shore, mirrored, for the lake to be made of.
    y = np.where(y > _SHORE, 2 * _SHORE - y, y)
    away, around = polar(x, y, _MOON)
    clouds = noise(rng, x.shape, (x.shape[1] / 4, x.shape[1] / 12), 4)
    t = np.clip(away * 1.5 + 0.09 * clouds, 0, 1)
    colors = ramp(
        t,
        ["fffbe0", "f6e58f", "8fcfae", "3a96b4", "2b5fc0", "3b3fa0", "5a2f8f", "2a1f66", "131540"],
    )
    disc = smoothstep(0.058, 0.052, away)
    colors = mix(colors, np.broadcast_to(color("fffdf0"), colors.shape), disc)
    pink = smoothstep(0.7, 1.5, clouds) * smoothstep(0.1, 0.25, away)
    colors = mix(colors, np.broadcast_to(color("e886a8"), colors.shape), 0.75 * pink)
    angle = around + np.pi / 2 + 0.35 * clouds * smoothstep(0.08, 0.3, away)
    return colors, angle


def _bank(x: Array, y: Array, colors: Array, angle: Array, leaves: Array) -> tuple[Array, Array]:
    """The near bank: grass and fallen leaves."""
    edge = 0.655 + 0.03 * np.sin(x * 6 + 0.6) + 0.008 * leaves
    inside = smoothstep(-0.003, 0.003, y - edge)
    grass = ramp(
        np.clip(0.45 + 0.22 * leaves - 2.2 * (y - edge - 0.03), 0, 1),
        ["0d1430", "123a3f", "1f6a45", "7f9a2e", "e0a02a", "e8542a"],
    )
    return mix(colors, grass, inside), np.where(inside > 0.5, -1.3 + 0.5 * np.sin(x * 17), angle)


def _birches(
    x: Array, y: Array, colors: Array, angle: Array, rng: np.random.Generator
) -> tuple[Array, Array]:
    bark = noise(rng, x.shape, (x.shape[1] / 26, x.shape[1] / 60), 3)
    for top, bottom, wide in _TRUNKS:
        t = y / 0.75
        middle = top + (bottom - top) * t + 0.006 * np.sin(9 * t + 20 * top)
        half = wide * (0.55 + 0.45 * t) / 2
        side = (x - middle) / half
        trunk = smoothstep(1.06, 0.94, np.abs(side))
        round_ = np.clip(0.5 + 0.5 * side + 0.12 * bark, 0, 1)
        white = ramp(round_, ["fffaf0", "fff3e4", "c9b4dc", "6a6fb8", "24254f"])
        scars = smoothstep(1.2, 1.5, bark + 0.3 * np.sin(95 * y + 40 * top))
        white = mix(white, np.broadcast_to(color("15132b"), white.shape), 0.95 * scars)
        colors = mix(colors, white, trunk)
        angle = np.where(trunk > 0.5, np.where(scars > 0.5, 0.1, 1.55), angle)
    # Leaves that still hang on, before trunks and sky.
    for code, share in (("f9a72b", 1.25), ("ee5a24", 1.5), ("ffe07a", 1.75)):
        spots = noise(rng, x.shape, x.shape[1] / 25, 2) + 0.9 * smoothstep(0.4, 0.0, y) - 0.5
        hanging = smoothstep(share, share + 0.15, spots) * (polar(x, y, _MOON)[0] > 0.1)
        colors = mix(colors, np.broadcast_to(color(code), colors.shape), hanging)
        angle = np.where(hanging > 0.5, 0.8, angle)
    return colors, angle


def _detail(colors: Array, unit: float) -> Array:
    """Where colors change, 0 to 1."""
    gray = cv2.GaussianBlur(colors.mean(axis=2), (0, 0), 3 * unit)
    steep = np.hypot(*np.gradient(gray))
    return np.asarray(np.clip(steep / (2.5 * steep.mean() + 1e-6), 0, 1))
