"""Halftone: a comic explosion, printed in four screens of dots that do not quite meet."""

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

_CENTER = (0.45, 0.36)
_SCREENS = (
    # ink, degrees, shift of the plate in pixels across and down
    ("00a0e3", 15.0, (1.4, -0.8)),
    ("e6127d", 75.0, (-1.2, 1.0)),
    ("ffe100", 0.0, (0.4, 1.4)),
)
_BLACK = "15131c"


def render(edge: int, rng: np.random.Generator) -> Bytes:
    """Print it, `edge` pixels wide."""
    width, height = 2 * edge, 2 * round(edge * 0.76)
    x, y = grid(width, height)
    unit = width / 1536
    flat, lines, coarse = _design(x, y, rng)
    shape = (height, width)
    fiber = noise(rng, shape, 4 * unit, 2)
    paper = color("fbf3df") * (1 + 0.02 * fiber)[..., None]
    printed = np.asarray(paper, np.float32)
    for number, (ink, degrees, moved) in enumerate(_SCREENS):
        # What an ink takes away is what the design lacks of its color.
        amount = np.clip(1 - flat[..., number], 0, 1)
        dots = _screen(x, y, amount, degrees, 18 * unit / width, coarse)
        shift = np.array([[1, 0, moved[0] * 2 * unit], [0, 1, moved[1] * 2 * unit]], np.float32)
        dots = cv2.warpAffine(dots, shift, (width, height), borderMode=cv2.BORDER_REFLECT)
        dots *= np.clip(0.95 - 0.05 * fiber, 0, 1)
        printed = printed * (1 - dots[..., None] * (1 - color(ink)))
    key = lines * np.clip(0.98 - 0.06 * smoothstep(1, 2, fiber), 0, 1)
    return as_bytes(halved(mix(printed, np.broadcast_to(color(_BLACK), printed.shape), key)))


def _screen(
    x: Array, y: Array, amount: Array, degrees: float, pitch: float, coarse: Array
) -> Array:
    """Dots whose area is `amount`; of a larger pitch where `coarse` is 1."""
    angle = np.deg2rad(degrees)
    u, v = x * np.cos(angle) + y * np.sin(angle), -x * np.sin(angle) + y * np.cos(angle)
    soft = 0.8 / (pitch * x.shape[1])
    total = np.zeros_like(x)
    for size, share in ((1.0, 1 - coarse), (2.4, coarse)):
        turn = 2 * np.pi / (pitch * size)
        # 0 in a dot's middle, 1 between dots; its distribution is made even by the arcsine.
        wave = 0.5 - 0.25 * (np.cos(u * turn) + np.cos(v * turn))
        even = 0.5 + np.arcsin(np.clip(2 * wave - 1, -1, 1)) / np.pi
        even = 0.5 + (even - 0.5) * 0.96
        total += share * smoothstep(
            -soft, soft, np.asarray(amount * 1.02 - even - 0.01, np.float32)
        )
    return np.asarray(total, np.float32)


def _design(x: Array, y: Array, rng: np.random.Generator) -> tuple[Array, Array, Array]:
    """Flat colors; black lines; where the screen is coarse."""
    away, around = polar(x, y, _CENTER)
    rays = np.sin(around * 13 + 0.6 * np.sin(around * 3))
    flat = mix(
        ramp(np.clip(away * 1.5, 0, 1), ["ffe34a", "ffab2e", "f2502e", "c81f6a"]),
        ramp(np.clip(away * 1.5, 0, 1), ["7fd6f0", "38a4e6", "2458c0", "1c2a80"]),
        smoothstep(-0.05, 0.05, rays),
    )
    lines = smoothstep(0.11, 0.05, np.abs(rays) * np.clip(away * 2.4, 0.3, 2))
    coarse = np.asarray(smoothstep(0.3, 0.34, away) * (rays > 0), np.float32)
    flat, lines, coarse = _waves(x, y, flat, lines, coarse)
    flat, lines, coarse = _burst(away, around, flat, lines, coarse)
    for at, size in (
        ((0.1, 0.09), 0.1),
        ((0.9, 0.13), 0.13),
        ((0.86, 0.5), 0.09),
        ((0.05, 0.46), 0.07),
    ):
        flat, lines, coarse = _cloud(x, y, at, size, flat, lines, coarse, rng)
    for at, size, turn in (
        ((0.19, 0.29), 0.2, 0.35),
        ((0.74, 0.33), 0.22, -0.5),
        ((0.5, 0.1), 0.15, 1.2),
    ):
        flat, lines, coarse = _bolt(x, y, at, size, turn, flat, lines, coarse)
    return flat, lines, coarse


def _burst(
    away: Array, around: Array, flat: Array, lines: Array, coarse: Array
) -> tuple[Array, Array, Array]:
    """The explosion: spiked rings, one in the other."""
    rings = (
        (0.255, 17, 0.09, "1b1730"),
        (0.238, 17, 0.09, "e8222e"),
        (0.175, 15, 0.075, "ff8a1f"),
        (0.125, 13, 0.06, "ffe23a"),
        (0.066, 11, 0.035, "fffbe8"),
    )
    for number, (radius, spikes, depth, code) in enumerate(rings):
        saw = np.abs(((around / (2 * np.pi) + 0.013 * number) * spikes) % 1 - 0.5) * 2
        uneven = 1 + 0.2 * np.sin(around * 5 + number) + 0.12 * np.sin(around * 9)
        outline = radius + depth * (saw * uneven - 0.5)
        inside = smoothstep(0.0012, -0.0012, away - outline)
        shade = np.clip((away - radius + depth) / (1.5 * depth), 0, 1)
        tint = np.asarray(
            color(code) * (1 - 0.42 * shade[..., None] * np.array([0, 1, 1])), np.float32
        )
        flat = mix(flat, tint, inside)
        coarse = np.asarray(coarse * (1 - inside), np.float32)
        if number == 2:
            coarse = np.maximum(coarse, inside)
        edge = smoothstep(0.0066, 0.005, np.abs(away - outline)) if number else inside * 0
        lines = np.maximum(lines * (1 - inside), edge)
    # Speed lines that thin out toward the middle.
    streak = np.sin(around * 90 + 4 * np.sin(around * 7))
    thin = smoothstep(
        0.93, 0.99, np.asarray(streak + 0.25 * np.clip(away - 0.1, 0, 0.1) * 10 - 0.2, np.float32)
    )
    return flat, np.maximum(lines, thin * (away > 0.085) * (away < 0.2)), coarse


def _waves(
    x: Array, y: Array, flat: Array, lines: Array, coarse: Array
) -> tuple[Array, Array, Array]:
    """A sea of scales along the bottom."""
    for row in range(6):
        crest = 0.545 + 0.045 * row + 0.012 * np.sin(x * 9 + row)
        place = (x / 0.13 + 0.5 * (row % 2)) % 1 - 0.5
        hump = crest + 0.055 * (place * 2) ** 2
        below = smoothstep(-0.001, 0.001, y - hump)
        arch = np.hypot(place * 0.13, y - crest - 0.065)
        codes = (("10b0b8", "0a4f9a"), ("f04a8a", "7a1f8a"))[row % 2]
        tint = ramp(np.clip(arch / 0.08, 0, 1), ["fff6d8", *codes])
        ring = smoothstep(0.35, 0.6, np.sin(arch * 330))
        flat, coarse = mix(flat, tint, below), np.asarray(coarse * (1 - below), np.float32)
        edge = smoothstep(0.006, 0.0044, np.abs(y - hump))
        lines = np.maximum(
            np.maximum(lines * (1 - below), edge), 0.98 * ring * below * (arch < 0.06)
        )
    return flat, lines, coarse


def _cloud(
    x: Array,
    y: Array,
    at: tuple[float, float],
    size: float,
    flat: Array,
    lines: Array,
    coarse: Array,
    rng: np.random.Generator,
) -> tuple[Array, Array, Array]:
    """A cloud of smoke: round puffs, white above and blue below."""
    puffs = [(at[0], at[1], size * 0.6)]
    for turn in np.arange(0, 2 * np.pi, 0.62):
        far = size * rng.uniform(0.5, 0.75)
        radius = size * rng.uniform(0.26, 0.42)
        puffs.append((at[0] + 1.35 * far * np.cos(turn), at[1] + 0.75 * far * np.sin(turn), radius))
    body = np.max([radius - np.hypot(x - px, y - py) for px, py, radius in puffs], axis=0)
    inside = smoothstep(-0.001, 0.001, np.asarray(body, np.float32))
    shade = np.clip(0.5 + (y - at[1]) / (1.6 * size), 0, 1)
    tint = ramp(shade, ["fffdf2", "fffdf2", "bfe3ef", "5a9fd8", "6a4fb0"])
    edge = smoothstep(0.007, 0.0054, np.abs(body))
    inner = np.zeros_like(x)
    for px, py, radius in puffs[1:]:
        near, turn = polar(x, y, (px, py))
        arc = smoothstep(0.003, 0.0015, np.abs(near - 0.72 * radius)) * (np.cos(turn - 0.9) > 0.25)
        inner = np.maximum(inner, arc)
    lines = np.maximum(lines * (1 - inside), np.maximum(edge, inner * inside))
    return mix(flat, tint, inside), lines, np.asarray(coarse * (1 - inside), np.float32)


def _bolt(
    x: Array,
    y: Array,
    at: tuple[float, float],
    size: float,
    turn: float,
    flat: Array,
    lines: Array,
    coarse: Array,
) -> tuple[Array, Array, Array]:
    """A flash of lightning with a shadow."""
    zigzag = np.array(
        [[-0.12, -0.5], [0.2, -0.5], [0.06, -0.14], [0.24, -0.14], [-0.16, 0.52], [-0.04, 0.02],
         [-0.22, 0.02]]
    )  # fmt: skip
    spin = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    width = x.shape[1]
    for moved, code in ((0.012, _BLACK), (0.0, "ffee2e")):
        points = (zigzag @ spin * size + at + moved) * width
        drawn = np.zeros(x.shape, np.uint8)
        fixed = [np.rint(points * 16).astype(np.int32)]
        cv2.fillPoly(drawn, fixed, 255, cv2.LINE_AA, 4)
        inside = drawn.astype(np.float32) / 255
        edge = np.zeros(x.shape, np.uint8)
        cv2.polylines(edge, fixed, True, 255, round(width / 110), cv2.LINE_AA, 4)  # noqa: FBT003 - isClosed
        fade = np.clip(0.5 + (y - at[1]) / size, 0, 1)
        tint = ramp(fade, [code, "ff8a2a" if moved == 0 else code])
        flat = mix(flat, tint, inside)
        lines = np.maximum(lines * (1 - inside), edge.astype(np.float32) / 255)
        coarse = np.asarray(coarse * (1 - inside), np.float32)
    return flat, lines, coarse
