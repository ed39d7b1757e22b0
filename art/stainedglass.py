"""Stained glass: a rose window over a river, streaked and seeded glass in lead."""

import cv2
import numpy as np

from art.canvas import (
    Array,
    Bytes,
    as_bytes,
    color,
    grid,
    halved,
    lit,
    noise,
    polar,
    ramp,
    smoothstep,
)

Labels = np.ndarray[tuple[int, ...], np.dtype[np.int64]]

_ROSE = (0.4, 0.33)
_RINGS = (
    # outer radius, panes, wave of the outer edge, colors
    (0.042, 1, 0.0, ("ffe98a",)),
    (0.095, 8, 0.012, ("d8232f", "f59e1b")),
    (0.165, 12, 0.018, ("1f47c4", "35b5d8", "1f47c4")),
    (0.235, 16, 0.0, ("f7c531", "e4561c", "8a1538", "e4561c")),
    (0.305, 24, 0.014, ("0f6b4f", "3fae55", "b6d84a", "3fae55")),
    (0.36, 36, 0.0, ("7a1fa0", "c23fa8", "e88ac0")),
)
_FIELD = (
    ("10246b", "1c4fc0", "2f8fe0", "6fd0ea"),
    ("e23b1e", "f58a1f", "fbd04a", "fff0a0"),
    ("0d4a3c", "1d8a4f", "7cc243", "d8e26a"),
    ("4a1470", "8f2fb5", "d8559a", "f8b0b8"),
)


def render(edge: int, rng: np.random.Generator) -> Bytes:
    """Glaze it, `edge` pixels wide."""
    width, height = 2 * edge, 2 * round(edge * 0.76)
    x, y = grid(width, height)
    unit = width / 1536
    panes, groups, tints = _design(x, y, rng)
    fine, coarse = _joints(panes), _joints(groups)
    lead = np.maximum(_lead(fine, 6.5 * unit), _lead(coarse, 12 * unit))
    from_lead = cv2.distanceTransform(np.asarray(1 - fine, np.uint8), cv2.DIST_L2, 5)
    glass = _glass(panes, tints, from_lead, unit, rng)
    came = np.sqrt(np.clip(1 - (from_lead / (8 * unit)) ** 2, 0, 1)) + 0.05 * noise(
        rng, (height, width), 4 * unit, 2
    )
    metal = lit(
        np.broadcast_to(color("2a2a33"), glass.shape), np.asarray(came, np.float32), 5 * unit, 0.9
    )
    picture = glass * (1 - lead[..., None]) + metal * lead[..., None]
    return as_bytes(halved(np.asarray(picture, np.float32)))


def _design(x: Array, y: Array, rng: np.random.Generator) -> tuple[Labels, Labels, Array]:
    """Number of the pane at each pixel; of the group of panes; and the panes' colors."""
    away, around = polar(x, y, _ROSE)
    panes = np.full(x.shape, -1, np.int64)
    groups = np.full(x.shape, -1, np.int64)
    tints = np.zeros((*x.shape, 3), np.float32)
    inner = np.zeros_like(x)
    for ring, (radius, count, wave, codes) in enumerate(_RINGS):
        outer = radius + wave * np.abs(np.cos(around * count / 2 + np.pi / 2 * (ring % 2)))
        sector = np.floor((around / (2 * np.pi) + 0.5 + 0.5 * (ring % 2) / count) * count)
        sector = sector.astype(np.int64) % count
        here = (away >= inner) & (away < outer)
        panes[here] = (ring * 100 + sector)[here]
        groups[here] = ring
        table = np.stack([color(codes[number % len(codes)]) for number in range(count)])
        tints[here] = table[sector][here]
        inner = outer
    beyond = groups < 0
    field, bands, colors = _field(x, y, rng)
    panes[beyond] = 10_000 + field[beyond]
    groups[beyond] = 100 + bands[beyond]
    tints[beyond] = colors[beyond]
    return panes, groups, tints


def _field(x: Array, y: Array, rng: np.random.Generator) -> tuple[Labels, Labels, Array]:
    """Bands that flow around the rose, broken into panes."""
    away, _ = polar(x, y, _ROSE)
    bulge = 0.16 * np.exp(-((away / 0.4) ** 2)) * np.tanh((y - _ROSE[1]) * 9)
    course = y - 0.35 * x + 0.05 * np.sin(x * 8 + 1) + 0.03 * np.sin(x * 19) - bulge * 0.4
    band = np.floor(course / 0.08).astype(np.int64)
    within = course / 0.08 - band
    along = x + 0.35 * y + 0.02 * np.sin(course * 50) + 0.37 * np.sin(band * 12.9898)
    piece = np.floor(along / 0.075 + 0.3 * (within - 0.5) * np.where(band % 2, 1, -1))
    panes = band * 1000 + piece.astype(np.int64) + 500_000
    kinds = np.array([0, 0, 1, 0, 2, 3, 2, 0, 1, 3])[band % 10]
    seeds = rng.random(4096)[panes % 4096]
    colors = np.zeros((*x.shape, 3), np.float32)
    for kind, codes in enumerate(_FIELD):
        here = kinds == kind
        colors[here] = ramp(seeds[here].astype(np.float32), codes)
    return panes, band, colors


def _joints(labels: Labels) -> Bytes:
    """1 where one label meets another."""
    edge = np.zeros(labels.shape, np.uint8)
    edge[:, 1:] |= np.asarray(labels[:, 1:] != labels[:, :-1], np.uint8)
    edge[1:, :] |= np.asarray(labels[1:, :] != labels[:-1, :], np.uint8)
    return edge


def _lead(joints: Bytes, half: float) -> Array:
    away = cv2.distanceTransform(np.asarray(1 - joints, np.uint8), cv2.DIST_L2, 5)
    return smoothstep(half, half - 1.5, np.asarray(away, np.float32))


def _glass(
    panes: Labels, tints: Array, from_lead: Array, unit: float, rng: np.random.Generator
) -> Array:
    """The glass with the light behind it: no two panes are cut from one sheet."""
    shape = (panes.shape[0], panes.shape[1])
    numbers = panes % 4096
    bright = rng.normal(0, 0.15, 4096).astype(np.float32)[numbers]
    shifted = rng.normal(0, 0.05, (4096, 3)).astype(np.float32)[numbers]
    lying = noise(rng, shape, (150 * unit, 16 * unit), 4)
    standing = noise(rng, shape, (16 * unit, 150 * unit), 4)
    swirled = noise(rng, shape, 60 * unit, 5)
    kind = rng.integers(0, 3, 4096)[numbers]
    streaks = np.choose(kind, [lying, standing, swirled])
    light = 0.98 + 0.17 * streaks + bright + 0.12 * noise(rng, shape, 500 * unit, 2)
    light -= 0.5 * np.exp(-from_lead / (9 * unit))
    light += 0.16 * smoothstep(8 * unit, 30 * unit, from_lead)
    glass = (
        np.clip(tints + shifted, 0.02, 1) ** (1.25 - 0.22 * streaks)[..., None] * light[..., None]
    )
    # Where much light comes through, the color pales.
    glass += 0.55 * np.clip(light - 1.15, 0, 1)[..., None]
    painted = _grisaille(shape, numbers, from_lead, unit, rng)
    glass *= (1 - 0.8 * painted)[..., None]
    seeds = smoothstep(1.9, 2.5, noise(rng, shape, 14 * unit, 1))
    hammered = 0.1 * noise(rng, shape, 22 * unit, 2) + 0.3 * seeds
    return lit(
        np.asarray(np.clip(glass, 0, 1), np.float32),
        np.asarray(hammered, np.float32),
        5 * unit,
        0.28,
    )


def _grisaille(
    shape: tuple[int, int], numbers: Labels, from_lead: Array, unit: float, rng: np.random.Generator
) -> Array:
    """Lines painted on some panes: hatching, and contours that follow the lead."""
    x, y = grid(shape[1], shape[0])
    turn = rng.uniform(0, np.pi, 4096).astype(np.float32)[numbers]
    chosen = rng.random(4096)[numbers]
    place = (x * np.cos(turn) + y * np.sin(turn)) * 1536 / 14.0
    hatch = smoothstep(0.55, 0.85, np.sin(2 * np.pi * place).astype(np.float32))
    rings = smoothstep(0.5, 0.85, np.sin(from_lead * np.float32(2 * np.pi / (15 * unit))))
    hatch = hatch * smoothstep(40 * unit, 12 * unit, from_lead)
    lines = np.where(chosen < 0.22, hatch, np.where(chosen < 0.42, rings, 0))
    return np.asarray(lines * (from_lead > 8 * unit), np.float32)
