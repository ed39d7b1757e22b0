"""Chroma between its samples is what a player shows, and not a block."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from av.video.reformatter import ColorRange, Colorspace, Interpolation

from nstd.media.frame import Image
from nstd.media.read.chroma import interpolated_chroma
from nstd.media.read.probe import probe
from nstd.media.read.reader import read_frames

PAIRED = ("uyvy422", "yuyv422")
LAYOUTS = ["yuv420p", "yuv422p", "yuv420p10le", "nv12", *PAIRED]
BT709, BT601, BT2020, PQ, P3 = 1, 6, 9, 16, 12


@dataclass(frozen=True)
class Colors:
    """What a film is coded by, and says so: ffmpeg's numbers."""

    matrix: int = BT709
    primaries: int = BT709
    transfer: int = BT709
    full: bool = False
    stated: bool = True

    @property
    def way(self) -> tuple[Colorspace, ColorRange]:
        space = Colorspace.ITU601 if self.matrix == BT601 else Colorspace.ITU709
        return space, ColorRange.JPEG if self.full else ColorRange.MPEG


UNLABELED = Colors(matrix=BT601, stated=False)


def colorful(width: int, height: int) -> Image:
    """Colors that change over a few pixels, none of which RGB has to clip."""
    noise = np.random.default_rng(0).integers(0, 256, (height, width, 3)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 2.0)
    return np.clip(np.rint(128 + 2 * (smooth - 128)), 30, 225).astype(np.uint8)


def film_of(
    folder: Path, image: Image, layout: str, colors: Colors = Colors(), rotation: int = 0
) -> tuple[Path, Image]:
    """A film of `image`, without loss but that of its layout, and what a player shows of it."""
    space, span = colors.way
    coded = av.VideoFrame.from_ndarray(image).reformat(
        format=layout,
        interpolation=Interpolation.AREA,
        dst_colorspace=space,
        dst_color_range=span,
    )
    # FFV1 has planes, of more than a few pixels; a raw stream says nothing of its colors.
    codec, suffix = ("ffv1", "mp4") if colors.stated else ("rawvideo", "nut")
    film = folder / f"film.{suffix}"
    with av.open(str(film), "w") as container:
        stream = container.add_stream(codec, rate=25)
        assert isinstance(stream, av.VideoStream)
        stream.height, stream.width = image.shape[:2]
        stream.pix_fmt = layout
        if rotation:
            stream.set_display_rotation(-rotation)
        if colors.stated:
            context = stream.codec_context
            context.colorspace, context.color_range = colors.matrix, 2 if colors.full else 1
            context.color_primaries, context.color_trc = colors.primaries, colors.transfer
            coded.colorspace, coded.color_range = colors.matrix, 2 if colors.full else 1
            coded.color_primaries, coded.color_trc = colors.primaries, colors.transfer
        for index in range(2):
            coded.pts, coded.time_base = index, Fraction(1, 25)
            container.mux(stream.encode(coded))
        container.mux(stream.encode(None))
    full = coded.reformat(
        format="yuv444p",
        interpolation=Interpolation.BILINEAR,
        src_colorspace=space,
        dst_colorspace=space,
        src_color_range=span,
        dst_color_range=span,
    ).reformat(format="rgb24", src_colorspace=space, src_color_range=span)
    return film, np.asarray(full.to_ndarray(), dtype=np.uint8)


def read(film: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Image, Image]:
    """Its first picture as it is read, and as OpenCV gives it."""
    found = next(read_frames(film, probe(film))).image
    with monkeypatch.context() as patch:
        patch.setattr("nstd.media.read.opencv.interpolated_chroma", lambda image, _: image)
        return found, next(read_frames(film, probe(film))).image


def off(image: Image, other: Image) -> float:
    """Mean difference in code values."""
    return float(np.abs(image.astype(np.int16) - other).mean())


@pytest.mark.parametrize(
    ("layout", "colors"),
    [
        *((layout, UNLABELED) for layout in LAYOUTS),
        *(
            (layout, colors)
            for layout in LAYOUTS[:3]
            for colors in (Colors(), Colors(BT601, BT601, BT601), Colors(full=True))
        ),
    ],
)
def test_chroma_is_interpolated(
    tmp_path: Path, layout: str, colors: Colors, monkeypatch: pytest.MonkeyPatch
) -> None:
    film, expected = film_of(tmp_path, colorful(64, 48), layout, colors)
    found, raw = read(film, monkeypatch)
    # 0.4 is what the rounding to YCbCr costs, and OpenCV's fixed point as much again.
    assert off(found, expected) < 1.5
    # If this fails OpenCV interpolates by itself, and `nstd/media/read/chroma.py` has had its day.
    assert off(raw, expected) > 2 * off(found, expected)
    # The luma stays as it is, by the film's own weights.
    weights = [0.2126, 0.7152, 0.0722] if colors.matrix == BT709 else [0.299, 0.587, 0.114]
    assert np.abs(found @ weights - raw @ weights).mean() < 0.3


def test_a_large_unlabeled_film_is_interpolated_by_the_matrix_it_is_corrected_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    colors = Colors(matrix=BT709, stated=False)
    film, expected = film_of(tmp_path, colorful(1280, 720), "yuv420p", colors)
    found, raw = read(film, monkeypatch)
    assert off(raw, expected) > 2 * off(found, expected)
    weights = [0.2126, 0.7152, 0.0722]
    assert np.abs(found @ weights - raw @ weights).mean() < 0.3


@pytest.mark.parametrize(
    "colors",
    [Colors(9, BT2020, PQ), Colors(primaries=P3)],
    ids=["PQ", "P3"],
)
def test_films_that_opencv_converts_are_left_as_they_are(
    tmp_path: Path, colors: Colors, monkeypatch: pytest.MonkeyPatch
) -> None:
    film, _ = film_of(tmp_path, colorful(64, 48), "yuv420p", colors)
    found, raw = read(film, monkeypatch)
    np.testing.assert_array_equal(found, raw)


@pytest.mark.parametrize("layout", ["yuv444p", "gray", "gbrp", "bgr0"])
def test_where_every_pixel_has_its_own_color_none_changes(tmp_path: Path, layout: str) -> None:
    film, _ = film_of(tmp_path, colorful(64, 48), layout, UNLABELED)
    image = colorful(64, 48)
    assert interpolated_chroma(image, probe(film)) is image


@pytest.mark.parametrize(
    ("layout", "size"),
    [
        (layout, size)
        for layout in [*LAYOUTS, "yuv411p", "yuv410p", "yuv440p", "yuva422p"]
        for size in [(63, 48), (64, 47), (63, 47), (2, 2), (1, 2)]
        if layout not in PAIRED or size[0] % 2 == 0
    ],
)
def test_odd_sizes_and_rare_layouts_are_no_worse_than_blocks(
    tmp_path: Path, layout: str, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    film, expected = film_of(tmp_path, colorful(*size), layout, UNLABELED)
    found, raw = read(film, monkeypatch)
    assert found.shape == raw.shape == (size[1], size[0], 3)
    assert off(found, expected) <= off(raw, expected)


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_a_turned_film_is_interpolated_as_it_lies(
    tmp_path: Path, rotation: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    film, expected = film_of(tmp_path, colorful(64, 47), "yuv422p", rotation=rotation)
    found, raw = read(film, monkeypatch)
    assert probe(film).rotation == rotation
    assert off(np.rot90(found, rotation // 90), expected) < 1.5
    assert off(np.rot90(raw, rotation // 90), expected) > 2


def test_one_color_stays_that_color(tmp_path: Path) -> None:
    image = np.full((48, 64, 3), (200, 40, 90), np.uint8)
    film, _ = film_of(tmp_path, image, "yuv420p")
    found = next(read_frames(film, probe(film))).image
    assert found.reshape(-1, 3).std(axis=0).max() == 0
    assert np.abs(found.astype(np.int16) - image).max() <= 3  # rounding to YCbCr and back
