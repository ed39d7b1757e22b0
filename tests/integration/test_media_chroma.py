"""Chroma between its samples is what a player shows, and not a block."""

from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from av.video.reformatter import Interpolation

from nstd.media.chroma import interpolated_chroma
from nstd.media.frame import Image
from nstd.media.probe import probe
from nstd.media.reader import read_frames
from tests import clips

QUARTERED = ["yuv420p", "yuv422p", "yuv420p10le", "nv12", "uyvy422"]


def colorful(width: int, height: int) -> Image:
    """Colors that change over a few pixels, none of which RGB has to clip."""
    noise = np.random.default_rng(0).integers(0, 256, (height, width, 3)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 2.0)
    return np.clip(np.rint(128 + 2 * (smooth - 128)), 30, 225).astype(np.uint8)


def film_of(folder: Path, image: Image, layout: str) -> tuple[Path, Image]:
    """A film of `image` without loss but that of its layout, and that interpolated by ffmpeg."""
    coded = av.VideoFrame.from_ndarray(image).reformat(
        format=layout, interpolation=Interpolation.AREA
    )
    film = folder / "film.nut"
    with av.open(str(film), "w") as container:
        stream = container.add_stream("rawvideo", rate=25)
        stream.height, stream.width = image.shape[:2]
        stream.pix_fmt = layout
        for _ in range(2):
            container.mux(stream.encode(coded))
        container.mux(stream.encode())
    full = coded.reformat(format="yuv444p", interpolation=Interpolation.BILINEAR)
    return film, np.asarray(full.to_ndarray(format="rgb24"), dtype=np.uint8)


def off(image: Image, other: Image) -> float:
    """Mean difference in code values."""
    return float(np.abs(image.astype(np.int16) - other).mean())


@pytest.mark.parametrize("layout", QUARTERED)
def test_chroma_is_interpolated(
    tmp_path: Path, layout: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    film, expected = film_of(tmp_path, colorful(64, 48), layout)
    found = next(read_frames(film, probe(film))).image
    monkeypatch.setattr("nstd.media.reader.interpolated_chroma", lambda image, _: image)
    raw = next(read_frames(film, probe(film))).image
    # Luma, to the rounding of OpenCV's own matrix, is not touched.
    weights = np.array([0.299, 0.587, 0.114])
    assert np.abs(found @ weights - raw @ weights).mean() < 0.6
    # 0.4 is what the rounding to YCbCr costs, and OpenCV's fixed point as much again.
    assert off(found, expected) < 1.4
    # If this fails OpenCV interpolates by itself, and `nstd/media/chroma.py` has had its day.
    assert off(raw, expected) > 2 * off(found, expected)


@pytest.mark.parametrize("layout", ["yuv444p", "gray", "gbrp", "bgr0"])
def test_where_every_pixel_has_its_own_color_none_changes(tmp_path: Path, layout: str) -> None:
    film, _ = film_of(tmp_path, colorful(64, 48), layout)
    info = probe(film)
    image = colorful(64, 48)
    assert interpolated_chroma(image, info) is image


@pytest.mark.parametrize("layout", QUARTERED)
@pytest.mark.parametrize("size", [(63, 48), (64, 47), (63, 47), (2, 2), (1, 2)])
def test_odd_sizes_are_no_worse_than_blocks(
    tmp_path: Path, layout: str, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    film, expected = film_of(tmp_path, colorful(*size), layout)
    found = next(read_frames(film, probe(film))).image
    monkeypatch.setattr("nstd.media.reader.interpolated_chroma", lambda image, _: image)
    raw = next(read_frames(film, probe(film))).image
    assert found.shape == raw.shape == (size[1], size[0], 3)
    assert off(found, expected) <= off(raw, expected)


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_a_turned_film_is_interpolated_as_it_lies(tmp_path: Path, rotation: int) -> None:
    upright = clips.patches(tmp_path / "upright.mp4", matrix=clips.BT709)
    turned = clips.patches(tmp_path / "turned.mp4", matrix=clips.BT709, rotation=rotation)
    as_is = next(read_frames(upright, probe(upright))).image
    image = next(read_frames(turned, probe(turned))).image
    np.testing.assert_array_equal(np.rot90(image, rotation // 90), as_is)


def test_one_color_stays_that_color(tmp_path: Path) -> None:
    image = np.full((48, 64, 3), (200, 40, 90), np.uint8)
    film, _ = film_of(tmp_path, image, "yuv420p")
    found = next(read_frames(film, probe(film))).image
    assert found.reshape(-1, 3).std(axis=0).max() == 0
    assert np.abs(found.astype(np.int16) - image).max() <= 3  # rounding to YCbCr and back
