"""Mosaic: three fish below a golden sun; tesserae in rows that follow the forms, in dark mortar."""

from dataclasses import dataclass, field

import cv2
import numpy as np

from art.canvas import (
    Array,
    Bytes,
    as_bytes,
    color,
    grid,
    halved,
    jitter,
    lit,
    mix,
    noise,
    polar,
    ramp,
    smoothstep,
)

_SUN = (0.73, 0.17)
_FISH = (
    # x, y, heading, length, colors from back to belly
    (0.33, 0.37, -0.45, 0.4, ("5a0f2e", "c2281f", "f06a1f", "fbc04a", "fff2cf")),
    (0.72, 0.56, 2.9, 0.34, ("1a1650", "4b2d8f", "b04ba8", "f09ab0", "fdf0e0")),
    (0.13, 0.62, 0.35, 0.25, ("0c3b38", "0f7d68", "6fc06a", "e8e27a", "fffbe0")),
)


@dataclass(slots=True)
class _Floor:
    """What has been laid.

    Attributes:
        tiles: Number of the tile at each pixel, from 1; 0 is mortar.
        taken: 255 where no tile may be laid any more: tiles and the joints around them.
        centers: Of each tile, x and y.
    """

    tiles: np.ndarray[tuple[int, int], np.dtype[np.int32]]
    taken: Bytes
    centers: list[tuple[float, float]] = field(default_factory=list)


def render(edge: int, rng: np.random.Generator) -> Bytes:
    """Lay it, `edge` pixels wide."""
    width, height = 2 * edge, 2 * round(edge * 0.76)
    x, y = grid(width, height)
    unit = width / 1536
    floor = _Floor(np.zeros((height, width), np.int32), np.zeros((height, width), np.uint8))
    colors, regions = _composition(x, y, rng)
    for mask, form, size in regions:
        _rows(floor, mask, form, size * unit, rng)
    for size in (24.0, 15.0, 9.0):
        _fill(floor, size * unit, rng)
    return as_bytes(halved(_picture(floor, colors, unit, rng)))


def _composition(
    x: Array, y: Array, rng: np.random.Generator
) -> tuple[Array, list[tuple[Bytes, Array, float]]]:
    """Colors, and the regions: where, a height whose contours are the rows, size of a tile."""
    width = x.shape[1]
    colors, form = _water(x, y, rng)
    sky = smoothstep(0.002, -0.002, y - 0.33 - 0.035 * np.sin(x * 11) - 0.02 * np.sin(x * 23 + 1))
    away, around = polar(x, y, _SUN)
    rays = np.sin(around * 14 + 5 * away)
    glow = ramp(
        np.clip(away * 1.5 + 0.05 * rays, 0, 1),
        ["fff6c8", "ffd34d", "f29a2e", "d4552f", "8c3a6b", "3f4c9a", "2f86b5", "7cc4c0", "23407f"],
    )
    colors = mix(colors, glow, sky)
    colors = mix(
        colors, np.broadcast_to(color("b3261e"), colors.shape), _between(away, 0.083, 0.098)
    )
    regions = [_scaled(_mask(np.abs(away - 0.05) < 0.05), away, width, 27)]
    for fish in _FISH:
        body, painted, eye = _fish(x, y, fish)
        colors = mix(colors, painted, body)
        solid = _mask(body > 0.5)
        regions.append((_mask(eye < 0.025), np.asarray(eye * width, np.float32), 15.0))
        regions.append((solid, cv2.distanceTransform(solid, cv2.DIST_L2, 5), 24.0))
        # Two rows of the ground go round the figure before the ground follows its own way.
        reach = round(width / 26)
        ring = _mask(cv2.distanceTransform(255 - solid, cv2.DIST_L2, 5) < reach)
        outside = cv2.distanceTransform(255 - solid, cv2.DIST_L2, 5)
        regions.append((ring, outside, 28.0))
    regions.append(_scaled(_mask(sky > 0.5), away, width, 36))
    regions.append(_scaled(_mask(sky <= 0.5), form, width, 36))
    return colors, regions


def _water(x: Array, y: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    wave = y + 0.032 * np.sin(x * 11 + 9 * y) + 0.014 * np.sin(x * 23 - 8 * y)
    patches = noise(rng, (x.shape[0], x.shape[1]), x.shape[1] / 8, 3)
    bands = np.sin(wave * 46) + 0.4 * patches
    colors = ramp(
        np.clip(0.46 + 0.3 * bands - 0.45 * (y - 0.5), 0, 1),
        ["0a1238", "14327a", "1666a0", "1fa0a8", "8fd8b8", "f2f4d8"],
    )
    coral = smoothstep(0.9, 1.2, patches) * smoothstep(0.52, 0.7, y)
    return mix(colors, np.broadcast_to(color("e2602f"), colors.shape), coral), wave


def _fish(
    x: Array, y: Array, fish: tuple[float, float, float, float, tuple[str, ...]]
) -> tuple[Array, Array, Array]:
    """Where the fish is, 0 to 1; its colors; the distance from its eye."""
    cx, cy, heading, length, codes = fish
    u = ((x - cx) * np.cos(heading) + (y - cy) * np.sin(heading)) / length
    v = (-(x - cx) * np.sin(heading) + (y - cy) * np.cos(heading)) / length
    v = v * (1 if np.cos(heading) > 0 else -1) - 0.05 * np.cos(u * 5)
    body = 0.21 * np.clip(1 - ((u - 0.07) / 0.43) ** 2, 0, 1) ** 0.75 - np.abs(v)
    tail = np.minimum(
        0.52 * (-u - 0.27) - np.abs(v) + 0.03, 0.55 + u - 0.35 * np.abs(np.abs(v) - 0.2)
    )
    tail = np.where(u < -0.2, tail, -1)
    fin = np.minimum(0.3 - 1.2 * np.abs(u + 0.02 - 0.5 * (v + 0.2)), np.minimum(-v - 0.1, v + 0.34))
    inside = smoothstep(0, 0.008, np.maximum(np.maximum(body, tail), fin))
    scales = np.sin(u * 46) * np.sin(v * 46)
    painted = ramp(np.clip(0.5 + v * 2.2 + 0.14 * scales, 0, 1), codes)
    stripes = smoothstep(0.5, 0.8, np.sin(u * 17 + 3 * np.abs(v)))
    beyond = np.maximum(tail, fin) > body
    painted = mix(painted, ramp(np.full_like(u, 0.12), codes), 0.75 * stripes)
    flame = ramp(np.clip(0.5 + 0.5 * np.sin(v * 60 + u * 12), 0, 1), codes[:4])
    painted = np.where(beyond[..., None], flame, painted)
    gill = _between(np.hypot(u - 0.42, v * 0.8), 0.185, 0.215) * (body > 0)
    painted = mix(painted, np.broadcast_to(color("f7d667"), painted.shape), gill)
    eye = np.hypot(u - 0.34, v + 0.05) * length
    painted = mix(painted, np.broadcast_to(color("fdf6dc"), painted.shape), _between(eye, 0, 0.025))
    painted = mix(painted, np.broadcast_to(color("10101a"), painted.shape), _between(eye, 0, 0.012))
    return inside, painted, np.asarray(eye, np.float32)


def _between(values: Array, low: float, high: float) -> Array:
    return np.asarray((values >= low) & (values < high), np.float32)


def _mask(inside: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> Bytes:
    return np.asarray(inside, np.uint8) * np.uint8(255)


def _scaled(mask: Bytes, form: Array, width: int, size: float) -> tuple[Bytes, Array, float]:
    return mask, np.asarray(form * width, np.float32), size


def _rows(floor: _Floor, mask: Bytes, form: Array, size: float, rng: np.random.Generator) -> None:
    """Lay a region in rows along the contours of `form`, one `size` from the next."""
    values = form[mask > 0]
    if not len(values):
        return
    for level in np.arange(float(values.min()) + size / 2, float(values.max()), size):
        above = _mask(form > level)
        contours, _ = cv2.findContours(above, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        for contour in contours:
            _row(floor, mask, contour[:, 0, :].astype(np.float32), size, rng)


def _row(floor: _Floor, mask: Bytes, line: Array, size: float, rng: np.random.Generator) -> None:
    if len(line) < size:
        return
    smooth = cv2.GaussianBlur(line, (1, 15), 4, borderType=cv2.BORDER_REPLICATE)
    along = np.gradient(smooth, axis=0)
    position = np.cumsum(np.hypot(along[:, 0], along[:, 1]))
    place = size * float(rng.uniform(0, 1))
    while place < position[-1]:
        long = size * float(rng.uniform(0.8, 1.25))
        index = int(np.searchsorted(position, place + long / 2))
        if index >= len(smooth):
            break
        heading = float(np.arctan2(along[index, 1], along[index, 0])) + float(rng.normal(0, 0.05))
        _lay(floor, mask, smooth[index], (long, size), heading, 0.5, rng)
        place += long


def _fill(floor: _Floor, size: float, rng: np.random.Generator) -> None:
    """Lay small tiles into the gaps that the rows have left."""
    everywhere = np.full_like(floor.taken, 255)
    room = cv2.distanceTransform(255 - floor.taken, cv2.DIST_L2, 5)
    places = np.argwhere(room > size * 0.3)
    rng.shuffle(places)
    for row, column in places:
        if not floor.taken[row, column]:
            turned = float(rng.uniform(0, np.pi))
            at = np.array([column, row], np.float32)
            _lay(floor, everywhere, at, (size * 1.4, size * 1.4), turned, 0.35, rng)


def _lay(
    floor: _Floor,
    mask: Bytes,
    at: Array,
    size: tuple[float, float],
    heading: float,
    least: float,
    rng: np.random.Generator,
) -> None:
    """Lay one tile, cut to the room there is, unless less than `least` of it would be left."""
    joint = 4.0 * mask.shape[1] / 1536
    height, width = mask.shape
    reach = round(max(size))
    left, top = max(0, int(at[0]) - reach), max(0, int(at[1]) - reach)
    right, bottom = min(width, int(at[0]) + reach + 1), min(height, int(at[1]) + reach + 1)
    if right - left < 2 or bottom - top < 2:
        return
    half = np.array(size, np.float32) / 2
    shape = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * (1 + rng.normal(0, 0.05, (4, 2)))
    turn = np.array([[np.cos(heading), np.sin(heading)], [-np.sin(heading), np.cos(heading)]])
    here = np.zeros((bottom - top, right - left), np.uint8)
    wide = here.copy()
    for target, corners in ((here, half - joint / 2), (wide, half + joint / 2)):
        points = (shape * corners) @ turn + at - (left, top)
        cv2.fillConvexPoly(target, np.rint(points * 16).astype(np.int32), 255, cv2.LINE_8, 4)
    window = (slice(top, bottom), slice(left, right))
    whole = cv2.countNonZero(here)
    here &= mask[window] & ~floor.taken[window]
    if cv2.countNonZero(here) < max(least * whole, 6):
        return
    rows, columns = np.nonzero(here)
    floor.centers.append((left + float(columns.mean()), top + float(rows.mean())))
    floor.tiles[window][here > 0] = len(floor.centers)
    grown = cv2.dilate(here, np.ones((3, 3), np.uint8), iterations=max(1, round(joint)))
    floor.taken[window] |= wide & mask[window] | np.asarray(grown, np.uint8)


def _picture(floor: _Floor, colors: Array, unit: float, rng: np.random.Generator) -> Array:
    """The floor in slanting light: stones tilt this way and that, and are worn at their edges."""
    centers = np.array(floor.centers).astype(int)
    stones = jitter(rng, colors[centers[:, 1], centers[:, 0]], 0.085)
    mortar = color("2b2622")
    picture = np.concatenate([mortar[None], stones])[floor.tiles]
    solid = _mask(floor.tiles > 0)
    worn = np.clip(cv2.distanceTransform(solid, cv2.DIST_L2, 5) / (6 * unit), 0, 1) ** 0.6
    tilt = np.concatenate([[[0, 0]], rng.normal(0, 0.013 / unit, (len(centers), 2))])
    height, width = floor.tiles.shape
    row, column = np.mgrid[0:height, 0:width].astype(np.float32)
    middle = np.concatenate([[[0, 0]], centers])[floor.tiles]
    slope = tilt[floor.tiles]
    plane = slope[..., 0] * (column - middle[..., 0]) + slope[..., 1] * (row - middle[..., 1])
    rough = 0.035 * noise(rng, (height, width), 5 * unit, 2)
    relief = np.asarray(worn + np.where(solid > 0, plane, 0) + rough, np.float32)
    picture = picture * (1 + 0.04 * noise(rng, (height, width), 6 * unit, 2))[..., None]
    return lit(np.asarray(picture, np.float32), relief, 4.5 * unit, 0.3)
