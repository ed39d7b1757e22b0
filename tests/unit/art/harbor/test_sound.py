"""The sample's sound: heard all along, never clipped."""

import numpy as np
import pytest

from art.harbor.sound import RATE, make_sound


def test_it_is_as_long_as_asked_in_stereo() -> None:
    sound = make_sound(RATE + 17)
    assert sound.shape == (2, RATE + 17)
    assert sound.dtype == np.float32
    assert np.abs(sound[0] - sound[1]).max() > 0.01


def test_it_is_never_clipped_and_never_silent() -> None:
    sound = make_sound(2 * RATE)
    assert np.abs(sound).max() == pytest.approx(0.6, abs=1e-5)
    loudness = np.sqrt((sound.reshape(2, 20, -1) ** 2).mean(axis=2))
    # A tenth of a second in the middle is never softer than −40 dB of full scale.
    assert loudness[:, 1:-1].min() > 0.01


def test_it_begins_and_ends_softly() -> None:
    sound = make_sound(2 * RATE)
    assert np.abs(sound[:, :20]).max() < 0.01
    assert np.abs(sound[:, -20:]).max() < 0.01


def test_the_same_length_gives_the_same_sound() -> None:
    assert (make_sound(4000) == make_sound(4000)).all()


@pytest.mark.parametrize("samples", [1, 3, 100])
def test_short_ones_are_sound_too(samples: int) -> None:
    sound = make_sound(samples)
    assert sound.shape == (2, samples)
    assert np.isfinite(sound).all()
