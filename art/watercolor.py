"""Watercolor: a wild garden, in transparent washes on rough paper."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from art.canvas import (
    Array,
    Bytes,
    as_bytes,
    color,
    lit,
    noise,
    smoothstep,
)

_PETALS = ("d81e5b", "f2641a", "f6b01a", "8a2fb0", "e0457b", "c41f2e", "3a5fd0")
_LEAVES = ("1f6f3a", "5a8f1f", "0f5f66", "94a82a")
_GROUND = ("2a3f9a", "14808f", "6a2f8f", "d07a2a", "1f8f5a", "c0336a")
_DARK = "101a3a"


@dataclass(slots=True)
class _Sheet:
    """The paper, and what lies on it.

    Attributes:
        density: Of light taken away, `[height, width, 3]`: the more washes, the darker.
        tooth: The paper's relief, mean 0, deviation 1.
        flow: Noise that bends the outlines of washes, and noise within them.
        unit: Pixels where the picture is 768 wide.
    """

    density: Array
    tooth: Array
    flow: Sequence[Array]
    unit: float
    rng: np.random.Generator


def render(edge: int, rng: np.random.Generator) -> Bytes:
    """Paint it, `edge` pixels wide."""
    width, height = edge, round(edge * 0.76)
    shape, unit = (height, width), edge / 768
    tooth = noise(rng, shape, 7 * unit, 3)
    flow = [
        noise(rng, shape, 60 * unit, 5),
        noise(rng, shape, 60 * unit, 5),
        noise(rng, shape, 110 * unit, 6),
        noise(rng, shape, 24 * unit, 4),
    ]
    sheet = _Sheet(np.zeros((*shape, 3), np.float32), tooth, flow, unit, rng)
    _ground(sheet)
    flowers = _places(sheet)
    for x, y, radius in flowers:
        _leaves(sheet, x, y, radius)
    _grasses(sheet)
    for number, (x, y, radius) in enumerate(flowers):
        _flower(sheet, x, y, radius, _PETALS[number % len(_PETALS)])
    _splatter(sheet)
    paper = color("fbf4e4") * np.exp(-sheet.density)
    return as_bytes(lit(np.asarray(paper, np.float32), tooth * np.float32(0.035), 3 * unit, 0.05))


def _wash(
    sheet: _Sheet,
    distance: Array,
    at: tuple[int, int],
    code: str,
    strength: float | Array,
    *,
    wet: float = 0.0,
) -> None:
    """Lay one wash.

    Args:
        sheet: What to lay it on, changed in place.
        distance: Pixels inside its outline, negative outside; a window `[h, w]`.
        at: Where the window begins, x and y.
        code: Color of the pigment.
        strength: How much of it there is, everywhere or at each place.
        wet: How far it runs on a wet ground, in pixels; a dry wash has a hard, dark edge.
    """
    height, width = distance.shape
    window = (slice(at[1], at[1] + height), slice(at[0], at[0] + width))
    bend_x, bend_y, pool, fine = (one[window] for one in sheet.flow)
    unit = sheet.unit
    # What is small bends less, or it would be lost.
    bend = unit * min(1.0, max(float(distance.max()), 0) / (10 * unit))
    inside = distance + bend * (2.6 * bend_x + 1.2 * fine) + 0.05 * distance * bend_y
    if wet:
        body = smoothstep(-wet, wet, inside + wet * 0.6 * pool)
        edge = np.zeros_like(body)
    else:
        body = smoothstep(-0.7 * unit, 0.7 * unit, inside)
        edge = np.exp(-((inside / (3.4 * unit)) ** 2)) * body
    # Pigment collects at the edge, in pools, and in the valleys of the paper.
    amount = body * np.clip(0.62 + 0.3 * pool, 0.15, 1.6) + 1.1 * edge
    amount *= np.clip(1 - 0.1 * sheet.tooth[window], 0.3, 2)
    absorbed = -np.log(np.clip(color(code), 0.015, 1))
    sheet.density[window] += (strength * amount)[..., None] * absorbed


def _lift(sheet: _Sheet, distance: Array, at: tuple[int, int], share: float) -> None:
    """Take paint away inside an outline, as masking fluid keeps it away: what comes stays clear."""
    height, width = distance.shape
    window = (slice(at[1], at[1] + height), slice(at[0], at[0] + width))
    inside = distance + sheet.unit * (2.6 * sheet.flow[0][window] + 1.2 * sheet.flow[3][window])
    cleared = share * smoothstep(-1.5 * sheet.unit, 1.5 * sheet.unit, inside)
    sheet.density[window] *= (1 - cleared)[..., None]


def _window(
    sheet: _Sheet, x: float, y: float, reach: float
) -> tuple[Array, Array, tuple[int, int]] | None:
    """Coordinates about a point in pixels, as far as `reach`, and where that window begins."""
    height, width = sheet.tooth.shape
    left, top = max(0, int(x - reach)), max(0, int(y - reach))
    right, bottom = min(width, int(x + reach) + 1), min(height, int(y + reach) + 1)
    if right <= left or bottom <= top:
        return None
    row, column = np.mgrid[top:bottom, left:right].astype(np.float32)
    return column - np.float32(x), row - np.float32(y), (left, top)


def _ground(sheet: _Sheet) -> None:
    """Wet washes that run into each other; darker below."""
    height, width = sheet.tooth.shape
    rng, unit = sheet.rng, sheet.unit
    for number in range(34):
        x, y = rng.uniform(0, width), rng.uniform(0, height)
        radius = rng.uniform(70, 190) * unit
        code = _GROUND[number % len(_GROUND)]
        found = _window(sheet, x, y, radius * 1.6)
        if found is not None:
            dx, dy, at = found
            wet = 30 * unit if number % 3 else 0.0
            _wash(sheet, radius - np.hypot(dx, dy * 1.2), at, code, 0.3, wet=wet)
    found = _window(sheet, width * 0.5, height * 1.05, width)
    if found is not None:
        dx, dy, at = found
        _wash(sheet, height * 0.42 + dy, at, _DARK, 0.5, wet=150 * unit)
        _wash(
            sheet,
            height * 0.1 - np.abs(dy + 0.75 * height + 0.2 * dx),
            at,
            _DARK,
            0.4,
            wet=60 * unit,
        )


def _places(sheet: _Sheet) -> list[tuple[float, float, float]]:
    """Flowers' centers and radii: a few large, more small, none on another's center."""
    height, width = sheet.tooth.shape
    placed: list[tuple[float, float, float]] = []
    for radius, count in ((150.0, 4), (96.0, 6), (58.0, 12), (32.0, 16)):
        for _ in range(count * 6):
            size = radius * sheet.unit * float(sheet.rng.uniform(0.85, 1.15))
            x, y = float(sheet.rng.uniform(0, width)), float(sheet.rng.uniform(0, height))
            near = (np.hypot(x - px, y - py) < 0.82 * (size + pr) for px, py, pr in placed)
            if not any(near):
                placed.append((x, y, size))
                count -= 1  # noqa: PLW2901 - as many as are left to be placed
            if not count:
                break
    return placed


def _petal(dx: Array, dy: Array, heading: float, length: float, breadth: float) -> Array:
    """Pixels inside a petal that begins at the origin; negative outside."""
    u = (dx * np.cos(heading) + dy * np.sin(heading)) / length
    v = (-dx * np.sin(heading) + dy * np.cos(heading)) / length
    outline = breadth * np.sqrt(np.clip(u, 0, None)) * np.clip(1.0 - u**3, -1, 1)
    inside = np.where((u > 0) & (u < 1), outline - np.abs(v), -np.hypot(np.maximum(u - 1, -u), v))
    return np.asarray(inside * length, np.float32)


def _flower(sheet: _Sheet, x: float, y: float, radius: float, code: str) -> None:
    rng, unit = sheet.rng, sheet.unit
    found = _window(sheet, x, y, radius * 1.25)
    if found is None:
        return
    dx, dy, at = found
    away, around = np.hypot(dx, dy), np.arctan2(dy, dx)
    count = int(rng.integers(6, 10))
    turn = rng.uniform(0, 2 * np.pi)
    other = str(rng.choice(_PETALS))
    layers = []
    for layer, long in enumerate((1.0, 0.96, 0.64)):
        for petal in range(count):
            heading = turn + 2 * np.pi * (petal + 0.5 * layer) / count + rng.normal(0, 0.08)
            length = radius * long * rng.uniform(0.86, 1.08)
            layers.append((layer, _petal(dx, dy, heading, length, rng.uniform(2.4, 3.4) / count)))
    _lift(sheet, np.max([shape for _, shape in layers], axis=0), at, 0.9)
    # Many petals meet in the middle: thin paint there, or it would be mud.
    thin = np.asarray(0.16 + 0.84 * smoothstep(0.15 * radius, 0.75 * radius, away), np.float32)
    for layer, shape in layers:
        _wash(sheet, shape, at, other if layer == 2 else code, (0.56, 0.42, 0.66)[layer] * thin)
    ribs = 1.4 * unit - np.abs(np.sin((count * around + turn) * 1.5)) * away * 0.16
    _wash(sheet, np.minimum(np.minimum(ribs, 0.8 * radius - away), away), at, code, 0.5)
    _lift(sheet, 0.2 * radius - away, at, 0.75)
    _wash(sheet, 0.24 * radius - away, at, "f2a20f", 0.7)
    _wash(sheet, 0.11 * radius - away, at, "6a2a14", 0.8)
    for _ in range(int(6 + radius / unit / 9)):
        far, turn = radius * rng.uniform(0.16, 0.42), rng.uniform(0, 2 * np.pi)
        dot = _window(sheet, x + far * np.cos(turn), y + far * np.sin(turn), 7 * unit)
        if dot is not None:
            speck = rng.uniform(1.6, 4.2) * unit - np.hypot(dot[0], dot[1])
            _wash(sheet, speck, dot[2], _DARK, 0.8)


def _leaves(sheet: _Sheet, x: float, y: float, radius: float) -> None:
    rng = sheet.rng
    found = _window(sheet, x, y, radius * 2.3)
    if found is None:
        return
    dx, dy, at = found
    for _ in range(int(rng.integers(4, 8))):
        heading, length = rng.uniform(0, 2 * np.pi), radius * rng.uniform(1.3, 2.1)
        leaf = _petal(dx, dy, heading, length, rng.uniform(0.14, 0.26))
        code = str(rng.choice(_LEAVES))
        _lift(sheet, leaf, at, 0.65)
        _wash(sheet, leaf, at, code, 0.55)
        across = -dx * np.sin(heading) + dy * np.cos(heading)
        _wash(sheet, np.minimum(leaf, across), at, code, 0.5)
        _wash(sheet, np.minimum(leaf, 1.8 * sheet.unit - np.abs(across)), at, _DARK, 0.5)


def _grasses(sheet: _Sheet) -> None:
    """Long strokes of a fine brush; every other one scratched out of the paint."""
    height, width = sheet.tooth.shape
    rng, unit = sheet.rng, sheet.unit
    drawn = np.zeros((2, height, width), np.uint8)
    for number in range(120):
        x, y = rng.uniform(-0.05, 1.05) * width, rng.uniform(0.2, 1.15) * height
        length, bend = rng.uniform(50, 230) * unit, rng.normal(0, 0.9)
        t = np.linspace(0, 1, 24)
        heading = -np.pi / 2 + rng.normal(0, 0.35) + bend * t
        steps = np.stack([np.cos(heading), np.sin(heading)], axis=1) * length / 24
        line = np.array([x, y]) + np.cumsum(steps, axis=0)
        across = np.stack([-steps[:, 1], steps[:, 0]], axis=1) * 24 / length
        half = (rng.uniform(1.2, 3.4) * unit * (1 - t**2))[:, None] * across
        outline = np.rint(np.concatenate([line + half, (line - half)[::-1]]) * 16)
        cv2.fillPoly(drawn[number % 2], [outline.astype(np.int32)], 255, cv2.LINE_AA, 4)
    dark, light = drawn.astype(np.float32) / 255
    sheet.density *= (1 - 0.7 * light)[..., None]
    amount = dark * np.clip(0.8 - 0.25 * sheet.tooth, 0, 2)
    sheet.density += 0.7 * amount[..., None] * -np.log(color("1d5a35"))


def _splatter(sheet: _Sheet) -> None:
    height, width = sheet.tooth.shape
    rng, unit = sheet.rng, sheet.unit
    for _ in range(130):
        x, y = rng.uniform(0, width), rng.uniform(0, height)
        radius = unit * (1.5 + rng.exponential(3.0))
        found = _window(sheet, x, y, radius + 6 * unit)
        if found is not None:
            dx, dy, at = found
            code = str(rng.choice((*_PETALS, *_GROUND, _DARK)))
            _wash(sheet, radius - np.hypot(dx, dy), at, code, 0.7)
