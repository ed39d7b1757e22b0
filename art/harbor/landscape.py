"""What stands: sky, clouds, mountains, a headland with a village, and the rocks in front."""

import cv2
import numpy as np

from art.harbor.layers import (
    HEIGHT,
    HORIZON,
    WIDTH,
    Canvas,
    Color,
    Layer,
    draw_polygon,
    grid,
    mix,
    ramp,
)
from art.harbor.noise import Plane, fractal_line, fractal_noise, smoothstep

SUN = (432.0, 158.0)
"""Column and row of the sun's middle."""
SUN_RADIUS = 19.0

_SKY: list[tuple[float, Color]] = [
    (0, (0.10, 0.15, 0.36)),
    (70, (0.30, 0.28, 0.50)),
    (130, (0.80, 0.47, 0.47)),
    (175, (0.98, 0.70, 0.42)),
    (HORIZON, (1.00, 0.86, 0.58)),
]


def sky() -> Canvas:
    """Dusk: blue above, gold below, and the sun."""
    rows, columns = grid()
    canvas = ramp(_SKY, rows)
    distance = np.hypot(columns - SUN[0], rows - SUN[1])
    glow = np.exp(-distance / 95)[..., None]
    canvas += glow * np.array((0.42, 0.20, 0.02), np.float32)
    canvas -= (np.abs(columns - SUN[0]) / WIDTH)[..., None] * np.array((0.25, 0.2, 0.05))
    disc = smoothstep(SUN_RADIUS + 1.5, SUN_RADIUS - 1.5, distance)
    canvas += disc[..., None] * (np.array((1.0, 0.97, 0.80), np.float32) - canvas)
    return np.clip(canvas, 0, 1).astype(np.float32)


def clouds(rng: np.random.Generator) -> Layer:
    """Long banks of cloud, dark in their middle, lit from below where they are thin."""
    length = 2 * WIDTH
    rows, _ = grid(length)
    noise = fractal_noise(rng, HEIGHT, length, slope=1.75, stretch=3.2, largest=0.4)
    cover = smoothstep(20, 80, rows) * smoothstep(200, 130, rows)
    density = smoothstep(0.25, 1.7, noise + 0.9 * cover - 0.35)
    below = np.roll(noise, -7, axis=0)
    lit = smoothstep(-0.1, 0.9, noise - below)
    dusk = smoothstep(10, 150, rows)
    shadow = mix((0.21, 0.21, 0.38), (0.47, 0.31, 0.42), dusk)
    light = mix((0.83, 0.52, 0.52), (1.0, 0.77, 0.50), dusk)
    color = shadow + (light - shadow) * lit[..., None]
    return Layer.of(color, 0.93 * density * smoothstep(206, 170, rows), 0.55)


def mountains(rng: np.random.Generator) -> list[Layer]:
    """Three ranges, the farther the paler, with snow on the highest."""
    far = _range(rng, peak=70, valley=34, largest=420, haze=0.62, snow=0.5, speed=0.2)
    middle = _range(rng, peak=46, valley=22, largest=300, haze=0.36, snow=0.0, speed=0.45)
    near = _range(rng, peak=24, valley=9, largest=190, haze=0.13, snow=0.0, speed=0.85)
    return [far, middle, near]


def _range(
    rng: np.random.Generator,
    *,
    peak: float,
    valley: float,
    largest: int,
    haze: float,
    snow: float,
    speed: float,
) -> Layer:
    length = 2 * WIDTH
    rows, columns = grid(length)
    # High on both sides of the picture; the sun sets in the gap.
    gap = np.exp(-(((columns[0] - SUN[0] - 10) / 150) ** 2)) * (1 - valley / peak)
    jagged = 0.75 + 0.32 * fractal_line(rng, length, slope=1.35, largest=largest)
    ridge = HORIZON - np.maximum(peak * 1.35 * np.maximum(jagged, 0.15) * (1 - gap), 3)
    depth = rows - ridge[None, :]
    alpha = smoothstep(-0.8, 0.8, depth) * (rows < HORIZON)
    rock = fractal_noise(rng, HEIGHT, length, slope=1.55, stretch=0.5, largest=0.15)
    slopes = cv2.GaussianBlur(rock, (0, 0), 1.1)
    toward_sun = np.sign(SUN[0] - columns + 1e-3) * (np.roll(slopes, -3, 1) - np.roll(slopes, 3, 1))
    lit = smoothstep(-0.9, 1.1, toward_sun + 0.25 * rock)
    color = mix((0.10, 0.12, 0.22), (0.62, 0.40, 0.36), lit)
    height = (HORIZON - rows) / (peak * 1.35)
    white = snow * smoothstep(0.52, 0.8, height + 0.16 * rock) * (0.45 + 0.55 * lit)
    color += white[..., None] * (np.array((0.98, 0.88, 0.86), np.float32) - color)
    # Air between here and there: more of it toward the ground.
    air = np.clip(haze + 0.30 * smoothstep(0, peak, depth) * haze, 0, 1)
    veil = ramp([(0, (0.95, 0.66, 0.50)), (330, (0.55, 0.46, 0.58))], np.abs(columns - SUN[0]))
    color += air[..., None] * (veil - color)
    return Layer.of(color, alpha, speed)


def headland(rng: np.random.Generator) -> Layer:
    """A wooded headland at the left, with a village and a lighthouse at its end."""
    length = 3 * WIDTH
    rows, columns = grid(length)
    crown = 17 * fractal_line(rng, length, slope=1.0, largest=90) * 0.28
    hill = 62 * smoothstep(262, 20, columns[0]) ** 1.1 + crown * smoothstep(258, 225, columns[0])
    hill = hill + 40 * smoothstep(1500, 1900, columns[0])
    foot = HORIZON + 9 - 7 * smoothstep(150, 268, columns[0])
    depth = rows - (foot - hill - 4)[None, :]
    alpha = smoothstep(-1, 1, depth) * smoothstep(1, -1, rows - foot[None, :])
    alpha *= smoothstep(270, 262, columns) + smoothstep(1500, 1510, columns)
    leaves = fractal_noise(rng, HEIGHT, length, slope=1.1, largest=0.06)
    lit = smoothstep(-0.6, 2.0, leaves + 1.4 * smoothstep(22, 0, depth))
    color = mix((0.045, 0.075, 0.09), (0.50, 0.36, 0.17), lit)
    shore = smoothstep(-5, -2, rows - foot[None, :])
    color += shore[..., None] * (np.array((0.42, 0.33, 0.28), np.float32) - color)
    both = np.dstack([color, alpha]).astype(np.float32)
    _village(both, rng)
    _lighthouse(both)
    return Layer.of(both[..., :3], both[..., 3], 1.5)


def _village(canvas: Canvas, rng: np.random.Generator) -> None:
    for column in (54, 78, 99, 118, 141, 158, 177, 196):
        base = HORIZON + 4 - rng.uniform(0, 13)
        wide, high = rng.uniform(11, 17), rng.uniform(8, 13)
        warmth = rng.uniform(0.62, 0.92)
        wall = (warmth, warmth * 0.82, warmth * 0.66)
        left, right, top = column, column + wide, base - high
        draw_polygon(canvas, [(left, base), (left, top), (right, top), (right, base)], wall)
        dark = [(left, base), (left, top), (left + 0.4 * wide, top), (left + 0.4 * wide, base)]
        draw_polygon(canvas, dark, (wall[0] * 0.5, wall[1] * 0.48, wall[2] * 0.62))
        roof = [(left - 1.5, top), (left + wide / 2, top - 0.62 * high), (right + 1.5, top)]
        draw_polygon(canvas, roof, (0.50 + rng.uniform(-0.1, 0.1), 0.19, 0.13))
        for share in (0.16, 0.58):
            x = left + share * wide
            pane = [(x, top + 3), (x + 2.6, top + 3), (x + 2.6, top + 6.5), (x, top + 6.5)]
            draw_polygon(canvas, pane, (1.0, 0.87, 0.42))


def _lighthouse(canvas: Canvas) -> None:
    middle, base, high = 244.0, HORIZON + 1.0, 58.0
    for band in range(5):
        low, top = base - high * band / 5, base - high * (band + 1) / 5
        wide, narrow = (6.0 - 2.4 * step / 5 for step in (band, band + 1))
        sides = [(middle - wide, low), (middle - narrow, top), (middle + narrow, top)]
        white = band % 2 == 0
        color = (0.95, 0.86, 0.76) if white else (0.70, 0.17, 0.13)
        draw_polygon(canvas, [*sides, (middle + wide, low)], color)
        shade = [(middle - wide, low), (middle - narrow, top), (middle - 1, top), (middle - 1, low)]
        draw_polygon(canvas, shade, (color[0] * 0.6, color[1] * 0.58, color[2] * 0.72))
    top = base - high
    gallery = [(middle - 5.5, top), (middle - 5.5, top - 2), (middle + 5.5, top - 2)]
    draw_polygon(canvas, [*gallery, (middle + 5.5, top)], (0.16, 0.14, 0.18))
    lamp = [(middle - 3, top - 2), (middle - 3, top - 9), (middle + 3, top - 9)]
    draw_polygon(canvas, [*lamp, (middle + 3, top - 2)], (1.0, 0.93, 0.62))
    cap = [(middle - 4.5, top - 9), (middle, top - 16), (middle + 4.5, top - 9)]
    draw_polygon(canvas, cap, (0.52, 0.14, 0.12))


def rocks(rng: np.random.Generator) -> Layer:
    """The shore we stand on: stones and tall grass, at the picture's lower edge."""
    length = 4 * WIDTH
    rows, columns = grid(length)
    line = fractal_line(rng, length, slope=1.25, largest=150)
    mound = 58 * np.exp(-(((columns[0] - 60) / 170) ** 2))
    mound += 44 * np.exp(-(((columns[0] - 700) / 150) ** 2)) + 40 * (columns[0] > 900)
    top = HEIGHT - 4 - np.maximum(mound * (1 + 0.2 * line) + 4 * line - 8, -8)
    depth = rows - top[None, :]
    stone = fractal_noise(rng, HEIGHT, length, slope=1.45, stretch=1.6, largest=0.14)
    edge = stone - np.roll(stone, 4, axis=0)
    lit = smoothstep(-0.7, 1.2, edge + 0.5 * stone) * smoothstep(60, 0, depth)
    color = mix((0.05, 0.05, 0.08), (0.66, 0.46, 0.34), lit)
    both = np.dstack([color, smoothstep(-1.2, 1.2, depth)]).astype(np.float32)
    for _ in range(420):
        root = rng.uniform(0, length - 1)
        if mound[int(root)] < 12:
            continue
        _blade(both, root, float(top[int(root)]) + 5, rng)
    return Layer.of(both[..., :3], both[..., 3], 3.2)


def _blade(canvas: Canvas, root: float, base: float, rng: np.random.Generator) -> None:
    high, bend = rng.uniform(10, 30), rng.uniform(-4, 15)
    tip, waist = (root + bend, base - high), (root + bend * 0.3, base - high * 0.55)
    light = rng.uniform(0.12, 0.85) ** 1.5
    color = (0.10 + 0.72 * light, 0.10 + 0.46 * light, 0.07 + 0.17 * light)
    foot = [(root - 1.1, base), waist, tip, (waist[0] + 1.2, waist[1]), (root + 1, base)]
    draw_polygon(canvas, foot, color)


def haze() -> Plane:
    """How much of the light above the water's far edge is air: float32 `[HEIGHT, WIDTH]`."""
    rows, _ = grid()
    return np.asarray(0.35 * np.exp(-(((rows - HORIZON) / 7) ** 2)), np.float32)
