"""Arrays, tensors and PIL images: read and given back as they were."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from nstd.api.kinds import pixels_of
from nstd.errors import UsageError

CODES = np.random.default_rng(0).integers(0, 256, (5, 7, 3)).astype(np.uint8)
DEEP = np.random.default_rng(1).integers(0, 65536, (5, 7, 3)).astype(np.uint16)


def _values(picture: Any) -> Any:
    """The numbers of a picture, rows first."""
    if isinstance(picture, torch.Tensor):
        return picture.double().permute(1, 2, 0).numpy()
    return np.asarray(picture).astype(np.float64)


@pytest.mark.parametrize(
    "picture",
    [
        CODES,
        DEEP,
        DEEP.astype(">u2"),
        CODES / np.float32(255),
        DEEP / 65535,
        (CODES / 255).astype(np.float16),
        torch.from_numpy(CODES).permute(2, 0, 1),
        torch.rand(3, 5, 7),
        torch.rand(3, 5, 7, dtype=torch.float64),
        torch.rand(3, 5, 7).half(),
        torch.rand(3, 5, 7).bfloat16(),
        torch.rand(3, 5, 7, requires_grad=True).detach().requires_grad_(),
        Image.fromarray(CODES),
    ],
    ids=lambda one: f"{type(one).__name__}-{getattr(one, 'dtype', '')}",
)
def test_what_is_read_is_given_back(picture: Any) -> None:
    pixels, kind = pixels_of(picture)
    assert pixels.shape == (5, 7, 3)
    assert pixels.dtype == (np.uint8 if kind.bits == 8 else np.uint16)
    back = kind.pack(pixels)
    assert isinstance(back, type(picture))
    if not isinstance(picture, Image.Image):
        assert (back.dtype, tuple(back.shape)) == (picture.dtype, tuple(picture.shape))
    # Floating point keeps 16 bits: half a code, and what the type itself rounds off.
    if isinstance(picture, torch.Tensor):
        picture = picture.detach()
    np.testing.assert_allclose(_values(back), _values(picture), rtol=2**-8, atol=0.5 / 65535)


def test_pixels_are_a_copy_that_torch_can_use() -> None:
    flipped = CODES[::-1, :, ::-1]
    flipped.setflags(write=False)
    pixels, _ = pixels_of(flipped)
    assert np.array_equal(pixels, flipped)
    assert pixels.flags.c_contiguous
    assert pixels.flags.writeable
    assert not np.shares_memory(pixels, CODES)


@given(st.floats(0, 1))
def test_a_color_between_0_and_1_is_its_nearest_code(value: float) -> None:
    pixels, kind = pixels_of(np.full((1, 1, 3), value))
    assert abs(int(pixels[0, 0, 0]) - value * 65535) <= 0.5
    assert abs(kind.pack(pixels)[0, 0, 0] - value) <= 0.5 / 65535 + 1e-12


@pytest.mark.parametrize("mode", ["L", "P", "1", "CMYK", "YCbCr"])
def test_a_pil_image_of_another_mode_is_painted_in_rgb(mode: str) -> None:
    image = Image.fromarray(CODES).convert(mode)
    pixels, kind = pixels_of(image)
    assert np.array_equal(pixels, np.asarray(image.convert("RGB")))
    assert kind.pack(pixels).mode == "RGB"


@pytest.mark.parametrize(
    ("picture", "said"),
    [
        ("film.mp4", "type str is no picture"),
        (None, "type NoneType is no picture"),
        (CODES.astype(np.int64), "type int64"),
        (CODES > 9, "type bool"),
        (torch.zeros(3, 5, 7, dtype=torch.int16), "type torch.int16"),
        (CODES[..., 0], r"shape \[5, 7\] is not \[height, width, 3\]"),
        (CODES[..., :2], r"shape \[5, 7, 2\]"),
        (np.zeros((5, 7, 4), np.uint8), "without transparency"),
        (np.zeros((0, 7, 3), np.uint8), r"shape \[0, 7, 3\]"),
        (torch.zeros(5, 7, 3), r"shape \[5, 7, 3\] is not \[3, height, width\]"),
        (CODES.astype(np.float32), "reach from 0 to 25[0-9], not from 0 to 1"),
        (np.full((5, 7, 3), -0.1), "reach from -0.1"),
        (np.full((5, 7, 3), np.nan), "reach from nan"),
        (torch.full((3, 5, 7), torch.inf), "to inf"),
        (Image.fromarray(CODES).convert("RGBA"), "RGBA is not painted with its transparency"),
        (Image.fromarray(CODES[..., 0].astype(np.int32), "I"), "mode I is not painted.*an array"),
        (Image.fromarray(DEEP[..., 0]), "mode I;16 is not painted.*an array"),
        (torch.zeros(3, 5, 7, device="meta"), "on meta is not painted"),
        (torch.zeros(3, 5, 7).to_sparse(), "layout torch.sparse_coo"),
    ],
)
def test_what_cannot_be_painted_is_refused_with_what_to_do(picture: Any, said: str) -> None:
    with pytest.raises(UsageError, match=said) as caught:
        pixels_of(picture)
    assert caught.value.remedy != UsageError.default_remedy
