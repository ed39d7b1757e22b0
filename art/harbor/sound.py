"""The sample's sound: waves on the shore, and a few soft notes."""

import numpy as np
import numpy.typing as npt

RATE = 48_000
"""Samples per second."""

Sound = npt.NDArray[np.float32]
"""float32 `[2, samples]`, left and right, −1 to 1."""

_CHORD = (110.0, 164.81, 220.0, 277.18, 329.63)
"""Hertz: A major, wide."""
_NOTES = ((0.10, 659.26), (0.55, 554.37), (0.95, 739.99), (1.40, 659.26), (2.05, 440.0))
"""Beginning in seconds and pitch in hertz of the bells, again and again."""
_REPEAT_SECONDS = 2.5
_PEAK = 0.6


def make_sound(samples: int, seed: int = 7) -> Sound:
    """Waves, a chord and bells, faded in and out.

    Args:
        samples: How many, on each side; at least 1.
        seed: Of the waves' noise.

    Returns:
        float32 `[2, samples]`, within ±0.6.
    """
    rng = np.random.default_rng(seed)
    time = np.arange(samples) / RATE
    mixed = 0.5 * _waves(rng, time) + 0.32 * _chord(time) + 0.4 * _bells(time)
    fade = min(samples // 4, RATE // 5)
    ends = np.minimum(np.arange(samples) + 1, samples - np.arange(samples)) / (fade + 1)
    mixed *= np.sin(np.minimum(ends, 1) * np.pi / 2)
    return np.asarray(mixed * (_PEAK / max(np.abs(mixed).max(), 1e-9)), np.float32)


def _waves(rng: np.random.Generator, time: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    noise = rng.normal(size=(2, len(time)))
    spectrum = np.fft.rfft(noise)
    frequency = np.fft.rfftfreq(len(time), 1 / RATE)
    # Rolled off on both sides: surf has neither rumble nor hiss.
    band = (frequency / 180) ** 2 / (1 + (frequency / 180) ** 2) / (1 + (frequency / 700) ** 1.6)
    filtered = np.fft.irfft(spectrum * band, n=len(time))
    swell = 0.35 + 0.65 * (0.5 - 0.5 * np.cos(2 * np.pi * (time / 2.3 + 0.1))) ** 2
    sides = np.stack([swell, np.roll(swell, RATE // 6)])
    return np.asarray(filtered * sides / max(filtered.std() * 3, 1e-9), np.float64)


def _chord(time: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    total = np.zeros((2, len(time)))
    for number, pitch in enumerate(_CHORD):
        for side, apart in enumerate((-0.35, 0.35)):
            # The sides are a little out of tune, which makes room.
            breathing = 0.7 + 0.3 * np.sin(2 * np.pi * (0.21 + 0.07 * number) * time + side)
            total[side] += breathing * np.sin(2 * np.pi * (pitch + apart) * time) / (number + 2)
    return total


def _bells(time: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    total = np.zeros((2, len(time)))
    for number, (begin, pitch) in enumerate(_NOTES):
        since = np.mod(time - begin, _REPEAT_SECONDS)
        heard = time >= begin
        strike = np.minimum(since / 0.006, 1) * np.exp(-since * 3.2) * heard
        tone = np.sin(2 * np.pi * pitch * since) + 0.35 * np.sin(2 * np.pi * 2.76 * pitch * since)
        pan = 0.5 + 0.3 * np.sin(1.7 * number)
        total += np.array([[1 - pan], [pan]]) * strike * tone
    return total
