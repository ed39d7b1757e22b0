"""Moving water that mirrors what is above it."""

import cv2
import numpy as np

from art.harbor.landscape import SUN
from art.harbor.layers import HEIGHT, HORIZON, WIDTH, Canvas, grid, mix
from art.harbor.noise import Plane, smoothstep

_WAVES = 26
_DEPTH = HEIGHT - HORIZON


class Water:
    """A sum of waves that run toward us, seen at a low angle.

    Args:
        rng: Draws the waves.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        rows, self._columns = grid(WIDTH, _DEPTH)
        self._below = rows + 0.5
        # Distances on a plane seen from above it go with one over the rows below the horizon.
        self._scale = 55 / (self._below + 5)
        self._ahead = 100 * self._scale
        lengths = np.geomspace(3.5, 34, _WAVES) * rng.uniform(0.85, 1.15, _WAVES)
        angles = rng.normal(0, 0.75, _WAVES)
        self._numbers = 2 * np.pi / lengths
        self._across, self._along = np.sin(angles), np.cos(angles)
        self._phases = rng.uniform(0, 2 * np.pi, _WAVES)
        # Longer waves are a little steeper.
        steepness = 0.10 * (lengths / 20) ** 0.15 * rng.uniform(0.7, 1.3, _WAVES)
        # A wave that is finer than a few rows would only flicker.
        rows_each = [2 * np.pi * (self._below + 5) ** 2 / (n * 5500) for n in self._numbers]
        self._heights = [
            np.float32(steep) * smoothstep(1.5, 4.5, fine)
            for steep, fine in zip(steepness, rows_each, strict=True)
        ]

    def slopes(self, time: float, moved: float) -> tuple[Plane, Plane]:
        """How the surface leans, across and away from us: float32 `[rows, WIDTH]` each.

        Args:
            time: Seconds.
            moved: How far the camera has gone to the right, in pixels of the nearest water.
        """
        x = (self._columns - WIDTH / 2 + moved) * self._scale * 0.32
        across = np.zeros_like(x)
        along = np.zeros_like(x)
        for number, sideways, ahead, phase, height in zip(
            self._numbers, self._across, self._along, self._phases, self._heights, strict=True
        ):
            angle = np.float32(number * sideways) * x + np.float32(number * ahead) * self._ahead
            angle += np.float32(phase + np.sqrt(9.81 * number) * 1.6 * time)
            wave = height * np.cos(angle)
            across += np.float32(sideways) * wave
            along += np.float32(ahead) * wave
        return np.asarray(across, np.float32), np.asarray(along, np.float32)

    def below(self, canvas: Canvas, slopes: tuple[Plane, Plane]) -> Canvas:
        """The canvas with its lower part turned into water.

        Args:
            canvas: All that stands above the water, float32 `[HEIGHT, WIDTH, 3]`.
            slopes: As `slopes` gives them.
        """
        across, along = slopes
        mirrored = self._mirror(canvas, slopes)
        shine = smoothstep(150, 0, self._below)
        reflectance = np.clip(0.50 + 0.42 * shine - 0.60 * along, 0.12, 0.97)
        depth = mix((0.02, 0.10, 0.16), (0.10, 0.25, 0.30), smoothstep(-0.5, 0.6, along))
        water = depth + (mirrored - depth) * reflectance[..., None]
        water += self._glitter(across, along)[..., None] * np.array((1.0, 0.80, 0.48), np.float32)
        result = canvas.copy()
        result[HORIZON:] = np.clip(water, 0, 1)
        return result

    def displacement(self, slopes: tuple[Plane, Plane]) -> tuple[Plane, Plane]:
        """How far mirror images are displaced, across and down: float32 `[rows, WIDTH]` each."""
        across, along = slopes
        reach = 3 + 0.42 * self._below
        sideways, down = across * reach * 0.9, along * reach * 1.1
        return np.asarray(sideways, np.float32), np.asarray(down, np.float32)

    def _mirror(self, canvas: Canvas, slopes: tuple[Plane, Plane]) -> Canvas:
        sideways, down = self.displacement(slopes)
        columns = np.clip(self._columns + sideways, 0, WIDTH - 1)
        rows = np.clip(HORIZON - 1 - self._below * 1.05 + down, 0, HORIZON - 1)
        return np.asarray(
            cv2.remap(canvas, columns.astype(np.float32), rows.astype(np.float32), cv2.INTER_LINEAR)
        )

    def _glitter(self, across: Plane, along: Plane) -> Plane:
        width = 13 + 0.34 * self._below
        offset = (self._columns - SUN[0] + across * 60) / width
        street = np.exp(-(offset**2))
        return np.asarray(
            street * smoothstep(0.10, 0.42, along) * np.exp(-self._below / 120), np.float32
        )
