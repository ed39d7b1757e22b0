"""Pictures and their tensors: the way there and back."""

from typing import Any

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from nstd.painting.pictures import at_depth, to_image, to_pixels, to_tensor


@given(arrays(np.uint8, st.tuples(st.integers(1, 5), st.integers(1, 5), st.just(3))))
def test_a_picture_comes_back_from_a_tensor_bit_for_bit(image: Any) -> None:
    tensor = to_tensor(image)
    assert tensor.shape == (1, 3, *image.shape[:2])
    assert tensor.dtype == torch.float32
    assert tensor.min() >= 0
    assert tensor.max() <= 1
    np.testing.assert_array_equal(to_image(tensor), image)


def test_values_out_of_range_are_clamped_and_others_rounded() -> None:
    values = torch.tensor([-1.0, 0.4 / 255, 0.6 / 255, 1.0, 2.0])
    image = to_image(values.reshape(1, 1, 1, 5).expand(1, 3, 1, 5))
    assert image[0, :, 0].tolist() == [0, 0, 1, 255, 255]


def test_a_picture_of_sixteen_bits_and_its_tensor_are_the_same_picture() -> None:
    random = np.random.default_rng(0)
    deep = random.integers(0, 65536, (5, 7, 3), dtype=np.uint16)
    np.testing.assert_array_equal(to_pixels(to_tensor(deep), 16), deep)
    shallow = random.integers(0, 256, (5, 7, 3), dtype=np.uint8)
    assert torch.equal(to_tensor(shallow), to_tensor(at_depth(shallow, 16)))
    np.testing.assert_array_equal(at_depth(at_depth(shallow, 16), 8), shallow)
    np.testing.assert_array_equal(to_pixels(to_tensor(deep), 8), at_depth(deep, 8))
