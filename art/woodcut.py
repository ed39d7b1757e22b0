"""Woodcut: a river through mountains; a black key block over blocks of color, carved by hand."""

import cv2
import numpy as np

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

_SUN = (0.3, 0.2)
_INK = "14162b"


def render(edge: int, rng: np.random.Generator) -> Bytes:
    """Print it, `edge` pixels wide."""
    width, height = 2 * edge, 2 * round(edge * 0.74)
    x, y = grid(width, height)
    colors, tone, angle, outline = _composition(x, y, rng)
    unit = width / 1536
    black = _carve(tone, angle, unit, rng)
    black = np.maximum(black, outline)
    # Ink does not lie evenly: the block's grain shows, and the pressure varies.
    shape = (height, width)
    grain = noise(rng, shape, (500 * unit, 5 * unit), 2)
    patchy = noise(rng, shape, 3 * unit, 1)
    ink = black * np.clip(0.97 - 0.1 * smoothstep(1.0, 2.2, grain) - 0.03 * patchy, 0.6, 1)
    shift = np.array([[1, 0, 2.2 * unit], [0, 1, -1.6 * unit]], np.float32)
    colors = cv2.warpAffine(colors, shift, (width, height), borderMode=cv2.BORDER_REPLICATE)
    colors = np.asarray(colors * (1 + 0.05 * grain + 0.025 * patchy)[..., None], np.float32)
    printed = mix(colors, np.broadcast_to(color(_INK), colors.shape), ink.astype(np.float32))
    return as_bytes(halved(printed))


def _composition(x: Array, y: Array, rng: np.random.Generator) -> tuple[Array, Array, Array, Array]:
    """Color blocks; how black each place is, 0 to 1; direction of the cuts; lines left standing."""
    colors, tone, angle = _sky(x, y, rng)
    outline = np.zeros_like(x)
    inks = (
        ("e9b3a6", "86508f"),
        ("f2a93a", "c8452a"),
        ("55b39a", "14636e"),
        ("ead04a", "4f9440"),
    )
    for number, (bright, deep) in enumerate(inks):
        ridge = _ridge(x, number, rng)
        down = y - ridge
        # The distance to the slope, not to the ridge above: cuts follow the form.
        steep = np.gradient(ridge[0]) * x.shape[1]
        flank = np.sin(x * (23 - 3 * number) + 2.1 * number + 18 * down)
        inside = smoothstep(0, 0.0015, down)
        shade = 0.24 + 0.22 * flank + 0.9 * np.clip(steep, -0.4, 0.4) + 1.1 * down
        block = ramp(np.clip(down * 5 + 0.22 * flank, 0, 1), [bright, bright, deep])
        colors = mix(colors, block, inside)
        tone = np.where(inside > 0.5, np.clip(shade, 0.1, 0.8), tone)
        slope = np.arctan(steep) + 0.75 * np.sign(flank) + 0.35 * np.cos(x * 31 + 25 * down)
        angle = np.where(inside > 0.5, slope, angle)
        outline = outline * (1 - inside)
        outline = np.maximum(outline, smoothstep(0.0048, 0.0034, np.abs(down)))
    return _river(x, y, colors, tone, angle, outline)


def _sky(x: Array, y: Array, rng: np.random.Generator) -> tuple[Array, Array, Array]:
    away, around = polar(x, y, _SUN)
    height = y / 0.4
    colors = ramp(np.clip(height, 0, 1), ["1a4f8c", "3fa0b4", "f6dc8e", "f07a3a"])
    disc = smoothstep(0.085, 0.083, away)
    colors = mix(colors, np.broadcast_to(color("d8352a"), colors.shape), disc)
    halo = smoothstep(0.12, 0.117, away) * (1 - disc)
    colors = mix(colors, np.broadcast_to(color("f6e3a8"), colors.shape), halo)
    clouds = noise(rng, (x.shape[0], x.shape[1]), (x.shape[1] / 4, x.shape[1] / 12), 2)
    bank = smoothstep(0.5, 0.56, clouds) * (away > 0.13)
    colors = mix(colors, np.broadcast_to(color("f4ead0"), colors.shape), 0.9 * bank)
    rays = 0.5 + 0.5 * np.sin(around * 26)
    tone = 0.5 - 0.45 * height + 0.22 * rays * np.exp(-away * 2)
    tone = np.where(bank > 0.5, 0.12 + 0.3 * smoothstep(1.4, 0.5, clouds), tone)
    tone = np.where(away < 0.083, 0.16 + 2.5 * np.clip(y - _SUN[1], 0, 1), tone)
    # Rays leave the sun; within it, and in clouds, the cuts go round.
    rolling = np.arctan2(*np.gradient(clouds)) + np.pi / 2
    angle = np.where(bank > 0.5, rolling, around + 0.15 * np.sin(away * 30))
    angle = np.where(away < 0.083, around + np.pi / 2, angle)
    return colors, np.clip(tone, 0.1, 0.9).astype(np.float32), angle.astype(np.float32)


def _ridge(x: Array, number: int, rng: np.random.Generator) -> Array:
    """Height y of the ridge of mountain range `number`, the farthest first."""
    base = (0.34, 0.4, 0.47, 0.585)[number]
    rise = (0.2, 0.13, 0.1, 0.07)[number]
    line = noise(rng, (2, x.shape[1]), (x.shape[1] / (4.5 - 0.6 * number), 10), 4)[0]
    peaks = np.abs(np.sin(x[0] * (6.3 + 1.7 * number) + 1.4 * number + 0.5 * line))
    ridge = base - rise * (peaks**1.3) * 0.8 - 0.022 * line
    return np.broadcast_to(ridge, x.shape).astype(np.float32)


def _river(
    x: Array, y: Array, colors: Array, tone: Array, angle: Array, outline: Array
) -> tuple[Array, Array, Array, Array]:
    """A river that comes out of the hills, nearer and wider."""
    near = np.clip((y - 0.47) / 0.27, 0, 1)
    middle = 0.63 - 0.2 * np.sin(near * 4.4) * near + 0.1 * near
    breadth = 0.006 + 0.23 * near**1.7
    side = (x - middle) / breadth
    inside = smoothstep(1.0, 0.97, np.abs(side)) * (near > 0)
    current = np.sin(side * 5 + near * 30 + 2 * np.sin(x * 16))
    water = ramp(np.clip(0.5 + 0.5 * current, 0, 1), ["174a7a", "2f86a8", "bfe0d2", "f5efdc"])
    colors = mix(colors, water, inside)
    tone = np.where(inside > 0.5, 0.36 - 0.26 * current, tone)
    flow = 0.3 * np.sin(near * 30 + side * 5) + 0.25 * np.sin(x * 16)
    angle = np.where(inside > 0.5, flow, angle)
    bank = smoothstep(0.16, 0.05, np.abs(np.abs(side) - 1)) * (near > 0.02)
    outline = np.maximum(outline * (1 - inside), bank)
    return colors, tone.astype(np.float32), angle.astype(np.float32), outline.astype(np.float32)


def _carve(tone: Array, angle: Array, unit: float, rng: np.random.Generator) -> Array:
    """The key block: 1 where ink stands, 0 where it was cut away, `[height, width]`.

    Cuts are laid one beside the other along `angle`; where it is to be dark they are thin. Each
    begins and ends in a point, as the gouge enters and leaves the wood.
    """
    height, width = tone.shape
    block = np.full((height, width), 255, np.uint8)
    taken = np.zeros((height, width), np.uint8)
    pitch = 15 * unit
    columns, rows = np.meshgrid(np.arange(0, width, 4 * unit), np.arange(0, height, 4 * unit))
    seeds = np.stack([columns.ravel(), rows.ravel()], axis=1)
    seeds += rng.uniform(0, 4 * unit, seeds.shape)
    rng.shuffle(seeds)
    for seed in seeds:
        cut = _cut(seed, taken, angle, 4.5 * unit, int(rng.integers(9, 34)))
        if len(cut) < 5:
            continue
        middle = cut[len(cut) // 2].astype(int)
        share = 1 - float(tone[min(middle[1], height - 1), min(middle[0], width - 1)])
        _gouge(block, cut, pitch * share * rng.uniform(0.85, 1.2))
        line = np.rint(cut).astype(np.int32)
        cv2.polylines(taken, [line], False, 255, max(1, round(pitch * 0.98)))  # noqa: FBT003 - isClosed
    return np.asarray(block, np.float32) / 255


def _cut(seed: Array, taken: Bytes, angle: Array, step: float, longest: int) -> Array:
    """Points of a cut from `seed` both ways until it meets another, `[n, 2]`."""
    height, width = taken.shape
    halves = []
    for sense in (1, -1):
        px, py = float(seed[0]), float(seed[1])
        before: float | None = None
        half = []
        for _ in range(longest):
            column, row = int(px), int(py)
            if not (0 <= column < width and 0 <= row < height) or taken[row, column]:
                break
            heading = float(angle[row, column])
            if before is not None and np.cos(heading - before) < 0.6:
                break
            before = heading
            half.append((px, py))
            px, py = px + sense * step * np.cos(heading), py + sense * step * np.sin(heading)
        halves.append(half)
    return np.array(halves[1][:0:-1] + halves[0], np.float32).reshape(-1, 2)


def _gouge(block: Bytes, cut: Array, breadth: float) -> None:
    along = np.gradient(cut, axis=0)
    across = np.stack([-along[:, 1], along[:, 0]], axis=1)
    across /= np.linalg.norm(across, axis=1, keepdims=True) + 1e-6
    t = np.linspace(-1, 1, len(cut))
    half = (breadth / 2 * (1 - np.abs(t) ** 3.5))[:, None]
    outline = np.concatenate([cut + across * half, (cut - across * half)[::-1]])
    cv2.fillPoly(block, [np.rint(outline * 16).astype(np.int32)], 0, cv2.LINE_8, 4)
