"""Pictures in NumPy and as tensors: conversions both ways, changes of size and of depth."""

from typing import TypeVar

import cv2
import numpy as np
import torch

from nstd.media.frame import ImageU8, Pixels

_Plane = TypeVar("_Plane", bound=Pixels)

_EIGHT = 8


def to_tensor(image: Pixels) -> torch.Tensor:
    """A picture `[height, width, 3]` of 8 or 16 bits as float32 `[1, 3, height, width]`, 0 to 1."""
    full = np.iinfo(image.dtype).max
    return torch.from_numpy(image).permute(2, 0, 1)[None].contiguous().float() / full


def to_image(tensor: torch.Tensor) -> ImageU8:
    """The opposite of `to_tensor`, rounded to 8 bits."""
    codes = (tensor[0].clamp(0, 1) * 255).round().to(torch.uint8)
    return codes.permute(1, 2, 0).contiguous().cpu().numpy()


def to_pixels(tensor: torch.Tensor, bits: int) -> Pixels:
    """The opposite of `to_tensor`, rounded to 8 or 16 bits."""
    if bits == _EIGHT:
        return to_image(tensor)
    codes = (tensor[0].clamp(0, 1) * 65535).round().to(torch.int32)
    return codes.permute(1, 2, 0).contiguous().cpu().numpy().astype(np.uint16)


def at_depth(pixels: Pixels, bits: int) -> Pixels:
    """A picture of 8 or 16 bits, converted to `bits` bits, 8 or 16."""
    if bits == _EIGHT:
        return pixels if pixels.dtype == np.uint8 else np.rint(pixels / 257).astype(np.uint8)
    return pixels if pixels.dtype == np.uint16 else pixels.astype(np.uint16) * np.uint16(257)


def scaled(image: _Plane, size: tuple[int, int]) -> _Plane:
    """A picture, or its alpha, at `size`, width and height in pixels."""
    height, width = image.shape[:2]
    if (width, height) == size:
        return image
    way = cv2.INTER_AREA if size[0] < width else cv2.INTER_CUBIC
    return cv2.resize(image, size, interpolation=way)  # type: ignore[return-value]
