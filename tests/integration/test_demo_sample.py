"""The sample film is one that the program itself, and ffprobe, take for sound."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from nstd.demo.sample import write_sample
from nstd.demo.scene import FRAME_RATE, SIZE, Scene
from nstd.errors import Interrupted, StorageError
from nstd.files import part_path
from nstd.media.read.probe import probe
from nstd.media.read.reader import read_frames
from tests import films
from tests.e2e.looking import look

FRAMES = 7
"""At twelve a second their duration is no whole number of milliseconds or of AAC's packets."""


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sample") / "sample.mp4"
    write_sample(path, FRAMES).rename(path)
    return path


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


def test_its_frames_are_the_scenes(sample: Path) -> None:
    scene = Scene()
    for frame in read_frames(sample, probe(sample)):
        # H.264 at this quality and halved chroma cost 3.5 code values in the mean; the next frame
        # is 6.6 away.
        assert np.abs(frame.image.astype(int) - scene.frame(frame.index)).mean() < 5


def test_its_sound_is_stereo_and_as_long_as_its_picture(sample: Path) -> None:
    with av.open(str(sample)) as container:
        stream = container.streams.audio[0]
        assert (stream.rate, stream.channels) == (48_000, 2)
        assert stream.duration is not None
        assert stream.time_base is not None
        assert stream.duration * stream.time_base == FRAMES / FRAME_RATE
        heard = np.concatenate([frame.to_ndarray() for frame in container.decode(audio=0)], axis=1)
    assert 0.2 < np.abs(heard).max() < 1


def test_the_same_film_has_the_same_bytes(sample: Path, tmp_path: Path) -> None:
    # It is how a second run knows the film for its own. With AVX-512 x264 gave other bytes nearly
    # every time (`media.encode` leaves AVX-512 out).
    for _ in range(2):
        part = write_sample(tmp_path / "again.mp4", FRAMES)
        assert part.read_bytes() == sample.read_bytes()


def test_one_that_is_stopped_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(Interrupted):
        write_sample(
            tmp_path / "sample.mp4", 3, lambda: part_path(tmp_path / "sample.mp4").exists()
        )
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(StorageError):
        write_sample(tmp_path / "nowhere/sample.mp4", 1)
