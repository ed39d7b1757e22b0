"""The demo's film: nstd and ffprobe find no fault with it."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

import nstd.demo
import nstd.demo.run
from art.harbor.film import FRAMES, SHIPPED
from art.harbor.scene import FRAME_RATE, SIZE, Scene
from nstd.media.read.probe import probe
from nstd.media.read.reader import read_frames
from tests import films
from tests.e2e.looking import look


@pytest.fixture
def sample() -> Path:
    return SHIPPED


def test_it_is_what_is_drawn_here(sample: Path) -> None:
    scene = Scene()
    found = list(read_frames(sample, probe(sample), last=1))
    for frame in found:
        # H.264 at this quality and halved chroma cost 3.5 code values in the mean; the next frame
        # is 6.6 away.
        assert np.abs(frame.image.astype(int) - scene.frame(frame.index)).mean() < 5


def test_it_is_small_and_as_the_program_says(sample: Path) -> None:
    assert sample == nstd.demo.run.FILM
    assert sample.stat().st_size <= 300_000
    assert (FRAMES, int(FRAME_RATE)) == (nstd.demo.FRAMES, nstd.demo.FRAME_RATE)


def test_our_probe_finds_its_facts(sample: Path) -> None:
    info = probe(sample)
    assert (info.width, info.height) == SIZE
    assert (info.frames, info.frame_rate) == (FRAMES, FRAME_RATE)
    assert info.duration * info.time_base == FRAMES / FRAME_RATE
    assert info.pixel_format == "yuv420p"
    assert {info.primaries, info.transfer, info.matrix} == {"bt709"}
    assert info.color_range == "tv"
    assert films.streams(sample) == ["video", "audio"]


def test_its_time_stamps_are_exact(sample: Path, ffprobe: str) -> None:
    wanted = [Fraction(index) / FRAME_RATE for index in range(FRAMES)]
    assert [frame.seconds for frame in read_frames(sample, probe(sample))] == wanted
    assert look(sample, ffprobe).times == wanted


def test_its_sound_is_stereo_and_as_long_as_its_picture(sample: Path) -> None:
    with av.open(str(sample)) as container:
        stream = container.streams.audio[0]
        assert (stream.rate, stream.channels) == (48_000, 2)
        assert stream.duration is not None
        assert stream.time_base is not None
        assert stream.duration * stream.time_base == FRAMES / FRAME_RATE
        heard = np.concatenate([frame.to_ndarray() for frame in container.decode(audio=0)], axis=1)
    assert 0.2 < np.abs(heard).max() < 1
