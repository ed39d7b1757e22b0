"""Colors of a film are right whatever it says, or does not say, about them."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from nstd.media.frame import Frame, ImageU8
from nstd.media.read.probe import probe
from nstd.media.read.reader import read_frames
from nstd.media.write.codecs import EncodeSettings
from tests import clips, films

HD = (1280, 720)
MUTED = (
    (200, 100, 50), (90, 160, 220), (60, 20, 120), (128, 128, 128), (250, 250, 250), (10, 20, 30),
    (180, 120, 140), (70, 140, 90), (40, 60, 160), (170, 160, 60), (30, 30, 30), (220, 200, 190),
)  # fmt: skip
"""Colors that BT.601 does not clip when they were encoded with BT.709."""


def first_picture(film: Path) -> ImageU8:
    return next(read_frames(film, probe(film))).image


def worst(image: ImageU8, colors: tuple[tuple[int, int, int], ...]) -> int:
    values = clips.patch_values(image, len(colors))
    return int(np.abs(np.array(values) - np.array(colors)).max())


# Two code values: the encoder's rounding of Y, Cb and Cr is worth up to one and a half in RGB, the
# decoder's fixed point the rest.
@pytest.mark.parametrize("bits", [8, 10])
@pytest.mark.parametrize("full_range", [False, True])
@pytest.mark.parametrize("matrix", [clips.BT601, clips.BT709])
def test_stated_colors_are_right(tmp_path: Path, matrix: int, full_range: bool, bits: int) -> None:
    film = clips.patches(tmp_path / "a.mp4", matrix=matrix, full_range=full_range, bits=bits)
    assert worst(first_picture(film), clips.PATCHES) <= 2


def test_a_small_unlabeled_film_is_bt601(tmp_path: Path) -> None:
    film = clips.patches(tmp_path / "a.mp4", matrix=clips.BT601, stated=clips.UNSTATED)
    assert worst(first_picture(film), clips.PATCHES) <= 2


@pytest.mark.parametrize("rotation", [0, 90])
def test_a_large_unlabeled_film_is_bt709(tmp_path: Path, rotation: int) -> None:
    film = clips.patches(
        tmp_path / "a.mp4", matrix=clips.BT709, stated=clips.UNSTATED, size=HD, rotation=rotation
    )
    image = np.rot90(first_picture(film), rotation // 90)
    assert worst(image, clips.PATCHES) <= 3
    with av.open(str(film)) as container:
        frame = next(container.decode(video=0))
        assert isinstance(frame, av.VideoFrame)
        proper = np.asarray(
            frame.reformat(
                format="rgb24",
                src_colorspace="ITU709",
                src_color_range="MPEG",
                dst_color_range="JPEG",
            ).to_ndarray(),
            np.uint8,
        )
    # Inside of the patches: at their edges chroma is interpolated between two colors.
    assert worst(image, tuple(clips.patch_values(proper))) <= 2


def test_a_large_unlabeled_film_of_ten_bits_is_bt709(tmp_path: Path) -> None:
    film = clips.patches(
        tmp_path / "a.mp4",
        matrix=clips.BT709,
        stated=clips.UNSTATED,
        size=HD,
        bits=10,
        colors=MUTED,
    )
    assert worst(first_picture(film), MUTED) <= 3


def test_a_large_film_that_says_bt601_is_not_corrected(tmp_path: Path) -> None:
    film = clips.patches(tmp_path / "a.mp4", matrix=clips.BT601, size=HD)
    assert worst(first_picture(film), clips.PATCHES) <= 3


@pytest.mark.parametrize("codec", ["h264", "h265", "av1", "prores"])
def test_colors_survive_encoding(tmp_path: Path, codec: str) -> None:
    source = clips.patches(tmp_path / "a.mp4", matrix=clips.BT709)
    container = "mov" if codec == "prores" else "mp4"
    settings = EncodeSettings(codec=codec, quality=4, preset="ultrafast", container=container)
    painted = films.round_trip(source, tmp_path, settings)
    with av.open(str(painted)) as film:
        context = film.streams.video[0].codec_context
        stated = (context.colorspace, context.color_primaries, context.color_trc)
        assert stated == (1, 1, 1)
        assert context.color_range == 1
    # By PyAV, a decoder the writer does not use; the loss of one more quantization and of the
    # codec is added to the two of above.
    decoded = films.pictures(painted)[0]
    assert worst(decoded, clips.PATCHES) <= 5


def test_ffv1_is_lossless(tmp_path: Path) -> None:
    source = clips.make(tmp_path / "a.mp4", size=(97, 63), pixel_format="yuv444p")
    info = probe(source)
    frames = list(read_frames(source, info))
    settings = EncodeSettings(codec="ffv1", container="mkv")
    painted = films.round_trip(source, tmp_path, settings, cuts=[7])
    again = list(read_frames(painted, probe(painted)))
    for frame, other in zip(frames, again, strict=True):
        assert np.array_equal(frame.image, other.image)


def test_ten_bits_round_to_the_nearest_eight(tmp_path: Path) -> None:
    film = clips.make(tmp_path / "a.mp4", pixel_format="yuv420p10le", options={"crf": "1"})
    frame: Frame = next(read_frames(film, probe(film)))
    with av.open(str(film)) as container:
        decoded = next(container.decode(video=0))
        assert isinstance(decoded, av.VideoFrame)
        deep = decoded.to_ndarray(format="rgb48le").astype(float) / 257
    # Chroma is interpolated differently at edges, so the typical pixel is what counts.
    assert np.median(np.abs(frame.image - deep)) <= 1
    assert frame.time_base == Fraction(1, 12800)
