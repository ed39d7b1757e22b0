"""A still picture, and what is needed to write another in its place."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any, BinaryIO

import numpy as np
import PIL.Image

from nstd.files import Json
from nstd.media.frame import ImageU8, ImageU16, MaskU8
from nstd.media.still_notes import StillNotes


@dataclass(frozen=True, slots=True, eq=False)
class Still:
    """A still picture, and what is needed to write another in its place.

    Attributes:
        image: uint8 `[height, width, 3]`, sRGB, upright.
        alpha: uint8 `[height, width]`, 255 opaque; None where the picture has none.
        format: Pillow's name of its format, such as "JPEG".
        dpi: Dots per inch, across and down, or None.
        notes: Its metadata.
        deep: uint16 `[height, width, 3]`: `image` with 16 bits, where the file has more than 8.
        profiled: Whether it states its colors; what is written in its place then does, too.
        lossless: Whether it is of a format that may lose detail, but does not.
        lost: What else its file holds that is not read, in words.
        note: What it says of how it was painted; anybody may have written that.
    """

    image: ImageU8
    alpha: MaskU8 | None
    format: str
    dpi: tuple[float, float] | None = None
    notes: StillNotes = field(default_factory=StillNotes)
    deep: ImageU16 | None = None
    profiled: bool = False
    lossless: bool = False
    lost: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class Look:
    """What a picture's header tells.

    Attributes:
        size: Width and height, upright, in pixels.
        alpha: Whether it may be transparent.
        deep: Whether it has more than 8 bits a color.
        notes: Whether it has metadata, such as EXIF or XMP.
    """

    size: tuple[int, int]
    alpha: bool
    deep: bool
    notes: bool = False


def style_of(still: Still, max_edge: int) -> ImageU8:
    """A picture as a style image: on white where it is transparent.

    Args:
        still: The picture.
        max_edge: Most pixels of its longer edge; a larger picture is scaled down.

    Returns:
        uint8 `[height, width, 3]`, sRGB.
    """
    picture = on_white(PIL.Image.fromarray(still.image), alpha_of(still))
    if max(picture.size) > max_edge:
        picture.thumbnail((max_edge, max_edge), PIL.Image.Resampling.LANCZOS, reducing_gap=3.0)
    return np.asarray(picture).copy()


def alpha_of(still: Still) -> PIL.Image.Image | None:
    """A picture's alpha, or None."""
    return None if still.alpha is None else PIL.Image.fromarray(still.alpha)


def on_white(picture: PIL.Image.Image, alpha: PIL.Image.Image | None) -> PIL.Image.Image:
    """An RGB picture on white."""
    if alpha is None:
        return picture
    white = PIL.Image.new("RGB", picture.size, "white")
    return PIL.Image.composite(picture, white, alpha)


def pack(still: Still, arrays: list[bytes | memoryview]) -> Json:
    """A picture's plain values; the bytes of its other values are added to `arrays`."""
    values: Json = _packed(still, arrays)
    return values


def unpack(values: Mapping[str, Any], file: BinaryIO) -> Still:
    """The picture that `pack` took apart.

    Args:
        values: Its plain values.
        file: The bytes of its other values.

    Raises:
        ValueError: The file holds something else.
    """
    found = {name: _unpacked(value, file) for name, value in values.items()}
    return Still(**found | {"notes": StillNotes(**found["notes"])})


def _packed(value: Any, arrays: list[bytes | memoryview]) -> Any:
    if isinstance(value, np.ndarray):
        arrays.append(np.ascontiguousarray(value).data.cast("B"))
        return {"kind": value.dtype.str, "shape": value.shape, "bytes": value.nbytes}
    if isinstance(value, bytes):
        arrays.append(value)
        return {"kind": "bytes", "bytes": len(value)}
    if is_dataclass(value):
        return {one.name: _packed(getattr(value, one.name), arrays) for one in fields(value)}
    return value


def _unpacked(value: Any, file: BinaryIO) -> Any:
    if isinstance(value, list):
        return tuple(_unpacked(one, file) for one in value)
    if not isinstance(value, dict):
        return value
    if "kind" not in value:
        return {name: _unpacked(one, file) for name, one in value.items()}
    content = bytearray(value["bytes"])
    file.readinto(content)  # type: ignore[attr-defined] # every binary file has it
    if value["kind"] == "bytes":
        return bytes(content)
    return np.frombuffer(content, np.dtype(value["kind"])).reshape(value["shape"])
