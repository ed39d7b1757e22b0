"""Pictures of every layout come out as ffmpeg itself converts them."""

import subprocess
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import pytest

from nstd.media.frame import VideoInfo
from nstd.media.read.convert import Converted, Converter

Values = npt.NDArray[np.float64]

SIZE = (96, 64)
HD_WIDTH = 1280
FLAGS = "bicubic+accurate_rnd+full_chroma_int"
LAYOUTS = (
    "yuv420p", "yuvj420p", "yuv422p", "yuv444p", "yuv440p", "yuv411p", "yuv410p", "yuv420p10le",
    "yuv422p10le", "yuv444p10le", "yuv420p12le", "yuv422p12le", "yuv444p12le", "yuv444p16le",
    "nv12", "nv24", "p010le", "uyvy422", "yuyv422", "gray", "gray10le", "gray16le", "ya8", "pal8",
    "rgb24", "bgr24", "bgr0", "rgba", "bgra", "rgb565le", "rgb48le", "gbrp", "gbrp10le",
    "gbrp12le", "gbrap", "yuva420p", "yuva444p10le", "monob",
)  # fmt: skip
LARGE = ("yuv420p", "nv12", "uyvy422", "yuv420p10le")

TRANSPARENT = "format=rgba,geq=r='r(X,Y)':g='g(X,Y)':b='b(X,Y)':a='2*X'"
"""Makes a picture the more opaque the further to the right."""

# One process of ffmpeg for all: its start is what takes time.


def films(folder: Path, layouts: Sequence[str], size: tuple[int, int]) -> dict[str, Path]:
    """A picture of ffmpeg's in each of the layouts, uncoded."""
    paths = {layout: folder / f"{layout}.raw" for layout in layouts}
    call = ["-f", "lavfi", "-i", f"testsrc2=s={size[0]}x{size[1]}:r=25:d=0.04,{TRANSPARENT}"]
    for layout, path in paths.items():
        call += ["-map", "0", "-pix_fmt", layout, "-f", "rawvideo", str(path)]
    ffmpeg(*call)
    return paths


def by_ffmpeg(
    paths: dict[str, Path], size: tuple[int, int], matrix: str, to: str = "rgb24"
) -> dict[str, Values]:
    """The first pictures of films, as Debian's ffmpeg converts them."""
    call = []
    for layout, path in paths.items():
        call += ["-f", "rawvideo", "-pix_fmt", layout, "-s", "{}x{}".format(*size), "-i", str(path)]
    outputs = [path.with_suffix(f".{matrix}.{to}") for path in paths.values()]
    for number, path in enumerate(outputs):
        call += ["-map", str(number), "-vf", f"scale=in_color_matrix={matrix}:flags={FLAGS}"]
        call += ["-f", "rawvideo", "-pix_fmt", to, str(path)]
    ffmpeg(*call)
    shape = (size[1], size[0], -1)
    pictures = [np.fromfile(path, np.uint8).reshape(shape).astype(float) for path in outputs]
    return dict(zip(paths, pictures, strict=True))


def ffmpeg(*arguments: str) -> None:
    subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-y", *arguments], check=True)


def converted(path: Path, layout: str, size: tuple[int, int]) -> Converted:
    stated = {"pixel_format": layout, "video_size": "{}x{}".format(*size)}
    with av.open(str(path), format="rawvideo", options=stated) as container:
        return picture_of(next(container.decode(video=0)))


def picture_of(frame: av.VideoFrame) -> Converted:
    rate = Fraction(25)
    info = VideoInfo(0, frame.width, frame.height, rate, 1 / rate, 0, 1, 1, alpha=True)
    return Converter(info).picture(frame)


def framed(layout: str, planes: Sequence[npt.NDArray[Any]]) -> av.VideoFrame:
    """A frame of 16-bit words with these values."""
    frame = av.VideoFrame(*SIZE, layout)
    for plane, values in zip(frame.planes, planes, strict=True):
        words = np.ndarray((SIZE[1], plane.line_size // 2), "<u2", memoryview(plane))
        words[:, : SIZE[0]] = values
    return frame


def error(one: npt.NDArray[np.uint8], other: Values) -> float:
    return float(np.abs(one - other).mean())


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Path], dict[str, Values]]:
    paths = films(tmp_path_factory.mktemp("small"), LAYOUTS, SIZE)
    return paths, by_ffmpeg(paths, SIZE, "auto")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_is_converted_as_ffmpeg_converts_it(
    small: tuple[dict[str, Path], dict[str, Values]], layout: str
) -> None:
    paths, expected = small
    assert error(converted(paths[layout], layout, SIZE).image, expected[layout]) < 0.5


def test_large_pictures_that_state_no_matrix_are_taken_for_bt709(tmp_path: Path) -> None:
    size = (HD_WIDTH, SIZE[1])
    paths = films(tmp_path, LARGE, size)
    right, wrong = (by_ffmpeg(paths, size, matrix) for matrix in ("bt709", "bt601"))
    for layout, path in paths.items():
        image = converted(path, layout, size).image
        assert error(image, right[layout]) < 0.5
        assert error(image, wrong[layout]) > 2


@pytest.mark.parametrize("layout", ["ya8", "rgba", "bgra", "gbrap", "yuva420p", "yuva444p10le"])
def test_alpha_is_that_which_was_coded(tmp_path: Path, layout: str) -> None:
    paths = films(tmp_path, [layout], SIZE)
    expected = by_ffmpeg(paths, SIZE, "auto", "rgba")[layout][..., 3]
    alpha = converted(paths[layout], layout, SIZE).alpha
    assert alpha is not None
    assert expected.min() < 255
    assert np.abs(alpha - expected).max() <= 1


def test_what_has_no_alpha_gets_none(tmp_path: Path) -> None:
    paths = films(tmp_path, ["yuv420p", "bgr0", "gbrp10le"], SIZE)
    assert all(converted(path, layout, SIZE).alpha is None for layout, path in paths.items())


@pytest.mark.parametrize("full_range", [False, True])
@pytest.mark.parametrize("layout", ["yuv444p10le", "yuv444p12le", "yuv444p16le"])
def test_deep_colors_of_yuv_are_exact_to_the_rounding(layout: str, *, full_range: bool) -> None:
    bits = av.VideoFormat(layout, 2, 2).components[0].bits
    red, blue = 0.2627, 0.0593  # BT.2020, by its formulas
    colors = np.random.default_rng(0).random((SIZE[1], SIZE[0], 3))
    luma = colors @ [red, 1 - red - blue, blue]
    chroma = [(colors[..., part] - luma) / (2 * (1 - w)) for part, w in ((2, blue), (0, red))]
    unit = 1 << (bits - 8)
    top = (1 << bits) - 1
    black, swing, chroma_swing = (
        (0, top, top) if full_range else (16 * unit, 219 * unit, 224 * unit)
    )
    coded = [np.rint(luma * swing + black)]
    coded += [np.rint(part * chroma_swing + 128 * unit).clip(0, top) for part in chroma]
    y, u, v = (coded[0] - black) / swing, *((c - 128 * unit) / chroma_swing for c in coded[1:])
    r, b = y + 2 * (1 - red) * v, y + 2 * (1 - blue) * u
    expected = np.stack([r, (y - red * r - blue * b) / (1 - red - blue), b], axis=2).clip(0, 1)
    frame = framed(layout, coded)
    frame.colorspace, frame.color_range = 9, 2 if full_range else 1
    picture = picture_of(frame)
    assert picture.deep is not None
    assert np.abs(picture.deep - expected * 65535).max() < 0.6
    assert np.abs(picture.image - picture.deep / 257.0).max() <= 0.5


@pytest.mark.parametrize("layout", ["gbrp10le", "gbrp12le", "gbrp16le", "gray10le", "gray16le"])
def test_deep_values_that_need_no_matrix_reach_full_scale(layout: str) -> None:
    form = av.VideoFormat(layout, 2, 2)
    top = (1 << form.components[0].bits) - 1
    values = np.random.default_rng(0).integers(0, top + 1, (len(form.components), *SIZE[::-1]))
    values[:, 0, 0] = top
    picture = picture_of(framed(layout, list(values)))
    ordered = values[[2, 0, 1]] if len(values) == 3 else values[[0, 0, 0]]
    assert picture.deep is not None
    assert np.abs(picture.deep - np.moveaxis(ordered, 0, 2) * (65535 / top)).max() < 0.51
    assert picture.deep[0, 0].tolist() == [65535] * 3


@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize("transfer", [(1, "709"), (13, "iec61966-2-1"), (14, "2020_10")])
@pytest.mark.parametrize("primaries", [(12, "smpte432"), (11, "smpte431"), (9, "bt2020")])
def test_wide_gamut_becomes_bt709_as_zimg_converts_it(
    tmp_path: Path, primaries: tuple[int, str], transfer: tuple[int, str], *, deep: bool
) -> None:
    random = np.random.default_rng(0).integers(0, 256, (SIZE[1], SIZE[0], 3))
    random[:8] = np.linspace(0, 60, SIZE[0])[:, None]  # dark grays
    random[8:16, :, 0] = 0
    source, result = tmp_path / "source.raw", tmp_path / "result.raw"
    random.astype(np.uint8).tofile(source)
    colors = f"pin={primaries[1]}:tin={transfer[1]}:min=gbr:rin=full"
    ffmpeg(
        *("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", "{}x{}".format(*SIZE), "-i", str(source)),
        *("-vf", f"format=gbrp,zscale={colors}:p=709:t={transfer[1]}:m=gbr:r=full"),
        *("-f", "rawvideo", "-pix_fmt", "rgb24", str(result)),
    )
    if deep:
        frame = framed("gbrp16le", [random[..., part] * 257 for part in (1, 2, 0)])
    else:
        frame = av.VideoFrame.from_ndarray(random.astype(np.uint8), format="rgb24")
    frame.color_primaries, frame.color_trc = primaries[0], transfer[0]
    picture = picture_of(frame)
    expected = np.fromfile(result, np.uint8).reshape(random.shape).astype(float)
    assert np.abs(picture.image - expected).max() <= 1
    assert np.abs(random - expected).max() > 50  # something had to be done


def test_old_televisions_primaries_are_left_alone() -> None:
    values = np.random.default_rng(0).integers(0, 256, (SIZE[1], SIZE[0], 3)).astype(np.uint8)
    for primaries, transfer in ((6, 6), (5, 1)):
        frame = av.VideoFrame.from_ndarray(values, format="rgb24")
        frame.color_primaries, frame.color_trc = primaries, transfer
        assert np.array_equal(picture_of(frame).image, values)
