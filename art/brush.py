"""Brush strokes: traced along a field of directions, drawn bristle by bristle."""

from dataclasses import dataclass

import cv2
import numpy as np

from art.canvas import Array, Bytes, jitter

_SHIFT = 4
"""OpenCV's fixed-point bits of a coordinate."""


@dataclass(frozen=True, slots=True)
class Brush:
    """A brush, in pixels of the canvas.

    Attributes:
        width: Of a stroke.
        length: Of a stroke at most.
        spacing: Between the starts of strokes; less than `width` covers everything.
        bristle: Width of a bristle's trace.
        variety: How much strokes differ in color.
        streak: How much bristles of a stroke differ in color.
        tolerance: A stroke ends where the colors to paint differ by more from its start's.
        wander: Radians that strokes leave the field's direction by.
    """

    width: float
    length: float
    spacing: float
    bristle: float
    variety: float
    streak: float
    tolerance: float = 0.3
    wander: float = 0.12


def paint(
    canvas: Bytes,
    colors: Array,
    angle: Array,
    brush: Brush,
    rng: np.random.Generator,
    density: Array | None = None,
) -> None:
    """Cover the canvas with strokes.

    Args:
        canvas: `[height, width, 4]`, changed in place: red, green, blue, and height of the paint.
        colors: What to paint, `[height, width, 3]`.
        angle: Direction of the strokes, `[height, width]`.
        brush: What to paint it with.
        rng: Where chance comes from.
        density: Share of the strokes that are made, `[height, width]`; all of them without it.
    """
    starts = _starts(canvas.shape[:2], brush.spacing, rng)
    if density is not None:
        kept = rng.random(len(starts)) < density[starts[:, 1].astype(int), starts[:, 0].astype(int)]
        starts = starts[kept]
    rng.shuffle(starts)
    paths, lengths = _trace(starts, colors, angle, brush, rng)
    first = colors[starts[:, 1].astype(int), starts[:, 0].astype(int)]
    chosen = jitter(rng, first, brush.variety)
    for path, length, one in zip(paths, lengths, chosen, strict=True):
        if length > 1:
            _draw(canvas, path[: length + 1], one, brush, rng)


def _starts(shape: tuple[int, ...], spacing: float, rng: np.random.Generator) -> Array:
    """Points x, y of a shaken grid, `[n, 2]`."""
    height, width = shape[:2]
    x, y = np.meshgrid(np.arange(0, width, spacing), np.arange(0, height, spacing))
    points = np.stack([x.ravel(), y.ravel()], axis=1)
    points += rng.uniform(-0.5, 0.5, points.shape) * spacing
    return np.asarray(np.clip(points, 0, (width - 1, height - 1)), np.float32)


def _trace(
    starts: Array, colors: Array, angle: Array, brush: Brush, rng: np.random.Generator
) -> tuple[Array, list[int]]:
    """Paths `[n, steps + 1, 2]`, and the steps that each may go before its color is wrong."""
    height, width = angle.shape
    steps = int(np.clip(brush.length / max(brush.width * 0.35, 3), 4, 16))
    step = brush.length * rng.uniform(0.6, 1, len(starts)) / steps
    turn = rng.normal(0, brush.wander, len(starts)) + rng.choice([0, np.pi], len(starts))
    points, paths = starts, [starts]
    reach = np.full(len(starts), steps)
    first = colors[starts[:, 1].astype(int), starts[:, 0].astype(int)]
    for taken in range(steps):
        column = np.clip(points[:, 0], 0, width - 1).astype(int)
        row = np.clip(points[:, 1], 0, height - 1).astype(int)
        gone = np.linalg.norm(colors[row, column] - first, axis=1) > brush.tolerance
        reach = np.where(gone, np.minimum(reach, taken), reach)
        heading = angle[row, column] + turn
        points = points + np.stack([np.cos(heading), np.sin(heading)], axis=1) * step[:, None]
        paths.append(points.astype(np.float32))
    return np.stack(paths, axis=1), [int(one) for one in reach]


def _draw(canvas: Bytes, path: Array, one: Array, brush: Brush, rng: np.random.Generator) -> None:
    """One stroke: its bristles side by side, ragged at both ends, a ridge at each side."""
    along = np.gradient(path, axis=0)
    across = np.stack([-along[:, 1], along[:, 0]], axis=1)
    across /= np.linalg.norm(across, axis=1, keepdims=True) + 1e-6
    count = max(2, round(brush.width / brush.bristle))
    offsets = np.linspace(-1, 1, count)
    streak = np.cumsum(rng.normal(0, brush.streak, (count, 3)), axis=0) * 0.5
    streak += rng.normal(0, brush.streak, (count, 1))
    shades = np.clip(one + streak - streak.mean(axis=0), 0, 1) * 255
    load = rng.uniform(70, 175)
    heights = load + 45 * offsets**6 + rng.normal(0, 22, count)
    late = rng.random(count) * 0.8 + np.abs(offsets) ** 3 * 0.8
    thickness = max(1, round(brush.bristle * 1.3))
    # A stroke is thinner where the brush sets down and where it lifts.
    t = np.linspace(-1, 1, len(path))
    breadth = (brush.width / 2 * np.sqrt(np.clip(1.02 - np.abs(t) ** 5, 0, 1)))[:, None]
    for index in rng.permutation(count):
        begin = min(int(late[index] * 1.5), len(path) - 2)
        trace = path[begin:] + across[begin:] * offsets[index] * breadth[begin:]
        fixed = np.rint(trace * 2**_SHIFT).astype(np.int32)
        shade = (*shades[index], float(np.clip(heights[index], 0, 255)))
        cv2.polylines(canvas, [fixed], False, shade, thickness, cv2.LINE_8, _SHIFT)  # noqa: FBT003 - isClosed
