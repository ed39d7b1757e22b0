"""Pictures as callers have them: NumPy arrays, tensors and PIL images, read and given back."""

from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from nstd.errors import UsageError
from nstd.media.frame import Pixels

Array = npt.NDArray[Any]

Picture = TypeVar("Picture", Array, torch.Tensor, Image.Image)
"""What `nstd.paint` takes, and gives."""

FULL = 65535
"""White in 16 bits."""

_DEPTHS: dict[Any, int] = {
    np.dtype(np.uint8): 8,
    np.dtype(">u2"): 16,
    np.dtype("<u2"): 16,
    torch.uint8: 8,
}
"""Bits of a color of the types of codes."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What a picture is made of. Its painting has the same kind, and so have all frames of a film.

    Attributes:
        type: `numpy.ndarray`, `torch.Tensor` or `PIL.Image.Image`.
        bits: Of a color of its painting, 8 or 16; floating point has 16.
        floating: Whether its colors are from 0 to 1, not codes.
        dtype: Of its numbers; None of a PIL image.
        device: Of a tensor; None of others.
    """

    type: type
    bits: int
    floating: bool = False
    dtype: Any = None
    device: torch.device | None = None

    @classmethod
    def of(cls, picture: object) -> "Kind":
        """The kind of a picture.

        Raises:
            UsageError: It is not a picture that can be painted.
        """
        if isinstance(picture, Image.Image):
            return cls(Image.Image, 8)
        if isinstance(picture, torch.Tensor):
            if picture.is_meta or picture.layout is not torch.strided:
                raise UsageError(
                    f"A tensor of layout {picture.layout} on {picture.device} is not painted",
                    "Give one that is dense and holds its numbers",
                )
            floating = picture.dtype.is_floating_point
        elif isinstance(picture, np.ndarray):
            floating = np.issubdtype(picture.dtype, np.floating)
        else:
            raise UsageError(
                f"An object of type {type(picture).__name__} is no picture",
                "Give a NumPy array, a tensor, a PIL image, or frames of one of these; "
                "nstd.stylize paints files",
            )
        bits = 16 if floating else _DEPTHS.get(picture.dtype)
        if bits is None:
            raise UsageError(
                f"Colors of type {picture.dtype} are not painted",
                "Give uint8, uint16 (NumPy alone), or floating point from 0 to 1",
            )
        if isinstance(picture, np.ndarray):
            return cls(np.ndarray, bits, floating, picture.dtype)
        return cls(torch.Tensor, bits, floating, picture.dtype, picture.device)

    def pack(self, pixels: Pixels) -> Any:
        """A picture of this kind.

        Args:
            pixels: With `bits` bits.
        """
        if self.type is Image.Image:
            return Image.fromarray(pixels)
        values = pixels / FULL if self.floating else pixels
        if self.type is np.ndarray:
            return values.astype(self.dtype)
        return torch.from_numpy(values).permute(2, 0, 1).contiguous().to(self.device, self.dtype)


def pixels_of(picture: object) -> tuple[Pixels, Kind]:
    """The pixels to paint, always a copy, and the kind of the picture that they come from.

    Raises:
        UsageError: It cannot be painted, because of its type, its shape, its range, or transparent
            parts.
    """
    kind = Kind.of(picture)
    values = _of_image(picture) if isinstance(picture, Image.Image) else picture
    shape = "[height, width, 3]"
    if isinstance(values, torch.Tensor):
        shape = "[3, height, width]"
        values = values.detach().cpu()
        values = (values.double() if kind.floating else values).numpy()
        values = np.moveaxis(values, 0, -1) if values.ndim == 3 else values
    assert isinstance(values, np.ndarray)  # noqa: S101 - for the type checker: `Kind.of` has looked
    if values.ndim != 3 or values.shape[2] != 3 or not values.size:
        raise UsageError(
            f"A picture of shape {[*picture.shape]} is not {shape}",  # type: ignore[attr-defined]
            "Give red, green and blue, without transparency; several frames have one axis more",
        )
    if not kind.floating:
        native = values.dtype.newbyteorder("=")
        return np.array(values, native, order="C"), kind
    if not (values.min() >= 0 and values.max() <= 1):  # NaN is neither
        raise UsageError(
            f"Colors reach from {values.min():g} to {values.max():g}, not from 0 to 1",
            "Divide them by what white is, or clip them",
        )
    return np.rint(np.multiply(values, FULL, dtype=np.float64)).astype(np.uint16), kind


def _of_image(image: Image.Image) -> Array:
    if image.has_transparency_data:
        raise UsageError(
            f"A PIL image of mode {image.mode} is not painted with its transparency",
            'Convert it with convert("RGB"), or paint its file with nstd.stylize',
        )
    if image.mode[0] in "IF":  # convert("RGB") would cut off all that is above 255
        raise UsageError(
            f"A PIL image of mode {image.mode} is not painted",
            "Give an array of its colors, or paint its file with nstd.stylize",
        )
    return np.asarray(image.convert("RGB"))
