"""Pictures of every layout come out as ffmpeg itself converts them."""

import subprocess
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest

from nstd.media.frame import VideoInfo
from nstd.media.read.convert import Converter, Picture

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

# One process of ffmpeg for all: its start is what takes time.


def films(folder: Path, layouts: Sequence[str], size: tuple[int, int]) -> dict[str, Path]:
    """A picture of ffmpeg's in each of the layouts, uncoded."""
    paths = {layout: folder / f"{layout}.raw" for layout in layouts}
    call = ["-f", "lavfi", "-i", f"testsrc2=s={size[0]}x{size[1]}:r=25:d=0.04"]
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


def converted(path: Path, layout: str, size: tuple[int, int]) -> Picture:
    stated = {"pixel_format": layout, "video_size": "{}x{}".format(*size)}
    with av.open(str(path), format="rawvideo", options=stated) as container:
        rate = Fraction(25)
        info = VideoInfo(0, *size, rate, 1 / rate, 0, 1, 1)
        return Converter(info).picture(next(container.decode(video=0)))


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
