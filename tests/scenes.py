"""Two frames of a scene whose flow is known everywhere: a textured square before a moving wall."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

Field = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Picture = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Scene:
    """Two frames, and what is true of them.

    Attributes:
        earlier: uint8 `[height, width, 3]`.
        later: Likewise.
        backward: `[2, height, width]` on the later frame's grid, into the earlier one; x then y.
        forward: On the earlier frame's grid, into the later one.
        revealed: Where the later frame shows what the square hid in the earlier one.
        entered: Where it shows what lay outside the earlier frame.
    """

    earlier: Picture
    later: Picture
    backward: Field
    forward: Field
    revealed: Flags
    entered: Flags

    @property
    def flows(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Backward and forward as estimators give them: float32 `[1, 2, height, width]`."""
        backward, forward = self.backward.astype(np.float32), self.forward.astype(np.float32)
        return torch.from_numpy(backward)[None], torch.from_numpy(forward)[None]


def scene(
    height: int = 120,
    width: int = 160,
    *,
    square: tuple[int, int] = (9, 5),
    wall: tuple[int, int] = (0, 0),
    side: int = 40,
    seed: int = 0,
) -> Scene:
    """A square of `side` pixels moves by `square` (x, y) before a wall that moves by `wall`."""
    top, left = height // 3, width // 3
    wall_texture = texture(height + 64, width + 64, seed)
    square_texture = texture(side, side, seed + 1)

    def frame(step: int) -> tuple[Picture, Flags]:
        y, x = 32 - step * wall[1], 32 - step * wall[0]
        image = wall_texture[y : y + height, x : x + width].copy()
        covered = np.zeros((height, width), dtype=bool)
        y, x = top + step * square[1], left + step * square[0]
        image[y : y + side, x : x + side] = square_texture
        covered[y : y + side, x : x + side] = True
        return image, covered

    (earlier, hidden), (later, shown) = frame(0), frame(1)
    forward = np.where(hidden, _vector(square), _vector(wall))
    backward = -np.where(shown, _vector(square), _vector(wall))
    rows, columns = np.mgrid[0:height, 0:width]
    # Where the wall that is seen later was earlier.
    y, x = rows - wall[1], columns - wall[0]
    entered = ~shown & ((y < 0) | (y >= height) | (x < 0) | (x >= width))
    within = hidden[np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)]
    return Scene(earlier, later, backward, forward, ~shown & ~entered & within, entered)


def anything(
    height: int, width: int, seed: int, fastest: float
) -> tuple[Picture, Picture, torch.Tensor, torch.Tensor]:
    """Two pictures of noise, and two flows `[1, 2, height, width]` of other noise.

    Of each component of the flows the size is at most `fastest` pixels.
    """
    random = np.random.default_rng(seed)
    earlier, later = random.integers(0, 256, (2, height, width, 3), dtype=np.uint8)
    flows = random.uniform(-fastest, fastest, (2, 1, 2, height, width)).astype(np.float32)
    return earlier, later, torch.from_numpy(flows[0]), torch.from_numpy(flows[1])


def noisy(picture: npt.NDArray[Any], deviation: float, seed: int) -> Picture:
    """A picture with a camera's noise, of a deviation in code values."""
    noise = np.random.default_rng(seed).normal(0, deviation, picture.shape)
    codes: Picture = np.clip(np.rint(picture + noise), 0, 255).astype(np.uint8)
    return codes


def uniform(x: float, y: float, height: int, width: int) -> torch.Tensor:
    """A flow `[1, 2, height, width]` that is the same everywhere."""
    vector = torch.tensor((x, y), dtype=torch.float32)[None, :, None, None]
    return vector.expand(1, 2, height, width).clone()


def texture(height: int, width: int, seed: int, slope: float = 1.5) -> Picture:
    """Noise like a photograph: amplitudes fall with the frequency to the power of `slope`."""
    spectrum = colored_noise(height, width, seed, slope)
    low, high = spectrum.min(), spectrum.max()
    codes: Picture = np.rint((spectrum - low) / (high - low) * 255).astype(np.uint8)
    return codes


def colored_noise(height: int, width: int, seed: int, slope: float) -> Field:
    """`[height, width, 3]`: periodic Gaussian noise with the amplitude spectrum f^−`slope`."""
    noise = np.random.default_rng(seed).standard_normal((height, width, 3))
    y, x = np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None]
    frequency = np.hypot(y, x)
    frequency[0, 0] = np.inf
    shaped = np.fft.fft2(noise, axes=(0, 1)) * frequency[..., None] ** -slope
    result: Field = np.fft.ifft2(shaped, axes=(0, 1)).real
    return result


def _vector(motion: tuple[int, int]) -> Field:
    return np.array(motion, dtype=np.float64)[:, None, None]
