"""Color conversion, compared with the standards' own formulas."""

import av
import numpy as np
import numpy.typing as npt
import pytest

from nstd.media.color import encodable, is_yuv


def to_yuv(image: npt.NDArray[np.float64], red: float, blue: float) -> npt.NDArray[np.float64]:
    luma = image @ np.array([red, 1 - red - blue, blue])
    chroma_blue = (image[..., 2] - luma) / (2 * (1 - blue))
    chroma_red = (image[..., 0] - luma) / (2 * (1 - red))
    return np.stack([luma, chroma_blue, chroma_red], axis=-1)


def to_rgb(yuv: npt.NDArray[np.float64], red: float, blue: float) -> npt.NDArray[np.float64]:
    luma, chroma_blue, chroma_red = np.moveaxis(yuv, -1, 0)
    r = luma + 2 * (1 - red) * chroma_red
    b = luma + 2 * (1 - blue) * chroma_blue
    return np.stack([r, (luma - red * r - blue * b) / (1 - red - blue), b], axis=-1)


def test_pictures_are_encoded_as_bt709_in_limited_range() -> None:
    rng = np.random.default_rng(8)
    blocks = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
    image = blocks.repeat(8, axis=0).repeat(8, axis=1)
    frame = encodable(image, "yuv420p")
    expected = to_yuv(image / 255, 0.2126, 0.0722)
    planes = [16 + 219 * expected[..., 0]]
    planes += [128 + 224 * expected[::2, ::2, channel] for channel in (1, 2)]
    for plane, values in zip(frame.planes, planes, strict=True):
        rows = np.frombuffer(bytes(plane), np.uint8).reshape(plane.height, plane.line_size)
        # Rounding is half a code value; swscale's fixed point adds a little.
        assert np.abs(rows[:, : plane.width] - values).max() <= 0.6
    assert (frame.colorspace, frame.color_range) == (1, 1)
    assert (frame.color_primaries, frame.color_trc) == (1, 1)


def test_chroma_of_fine_detail_is_averaged_not_sampled() -> None:
    stripes = np.zeros((16, 16, 3), np.uint8)
    stripes[:, ::2] = (255, 0, 0)
    red_chroma = np.frombuffer(bytes(encodable(stripes, "yuv420p").planes[2]), np.uint8)
    # Half of the pixels are red (Cr 240), half are black (Cr 128).
    assert np.abs(red_chroma.reshape(8, -1)[:, :8].astype(int) - 184).max() <= 1


def test_rgb_is_not_touched() -> None:
    image = np.random.default_rng(9).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    frame = encodable(image, "bgr0")
    assert isinstance(frame, av.VideoFrame)
    assert np.array_equal(frame.to_ndarray(format="rgb24"), image)


@pytest.mark.parametrize(("name", "yuv"), [("yuv420p10le", True), ("nv12", True), ("p010le", True)])
def test_layouts_with_chroma_are_known(name: str, yuv: bool) -> None:
    assert is_yuv(name) is yuv


@pytest.mark.parametrize("name", ["bgr0", "gbrp", "rgb24", "pal8", "gray10le", "bgra"])
def test_layouts_without_chroma_are_known(name: str) -> None:
    assert not is_yuv(name)
