"""Noise as nature has it: rough on every scale, and without a seam."""

import numpy as np
import numpy.typing as npt

Plane = npt.NDArray[np.float32]
"""One value for each pixel: float32 `[height, width]`."""


def fractal_noise(
    rng: np.random.Generator,
    height: int,
    width: int,
    *,
    slope: float = 1.8,
    stretch: float = 1.0,
    largest: float = 0.5,
) -> Plane:
    """Draw noise whose amplitude falls with frequency, and whose edges fit each other.

    Args:
        rng: Where the phases come from.
        height: Pixels.
        width: Pixels.
        slope: Amplitude goes with 1 / frequency ** slope; larger is smoother.
        stretch: How many times longer than high its features are.
        largest: Size of the largest features, as a share of the height.

    Returns:
        float32 `[height, width]` with mean 0 and standard deviation 1.
    """
    vertical = np.fft.fftfreq(height)[:, None] / stretch**0.5
    horizontal = np.fft.rfftfreq(width)[None, :] * stretch**0.5
    frequency = np.hypot(vertical, horizontal)
    floor = 1 / (largest * height)
    amplitude = np.where(frequency > 0, np.maximum(frequency, floor) ** -slope, 0)
    amplitude[frequency < floor / 2] = 0
    phases = np.exp(2j * np.pi * rng.random(frequency.shape))
    drawn = np.fft.irfft2(amplitude * phases, s=(height, width))
    return np.asarray((drawn - drawn.mean()) / drawn.std(), dtype=np.float32)


def fractal_line(rng: np.random.Generator, width: int, *, slope: float, largest: int) -> Plane:
    """Draw a line of noise, such as a ridge; its end fits its beginning.

    Args:
        rng: Where the phases come from.
        width: Pixels.
        slope: Amplitude goes with 1 / frequency ** slope.
        largest: Pixels of the largest features.

    Returns:
        float32 `[width]` with mean 0 and standard deviation 1.
    """
    frequency = np.fft.rfftfreq(width)
    amplitude = np.where(frequency * largest >= 1, np.maximum(frequency, 1 / width) ** -slope, 0)
    drawn = np.fft.irfft(amplitude * np.exp(2j * np.pi * rng.random(frequency.shape)), n=width)
    return np.asarray(drawn / drawn.std(), dtype=np.float32)


def smoothstep(low: float, high: float, value: npt.ArrayLike) -> Plane:
    """0 below `low`, 1 above `high`, and a smooth way between (or down, where `low` is larger)."""
    share = np.clip((np.asarray(value, dtype=np.float32) - low) / (high - low), 0, 1)
    return np.asarray(share * share * (3 - 2 * share), dtype=np.float32)
