"""The interface of whatever decodes a film, and what all decoders do with their pictures."""

from typing import Protocol, TypeVar, cast

import cv2
import numpy as np
import numpy.typing as npt

from nstd.media.frame import VideoInfo
from nstd.media.read.convert import Converted

_Code = TypeVar("_Code", np.uint8, np.uint16)


class Decoder(Protocol):
    """One film being decoded: `grab` the next frame, look at its `pts`, `retrieve` its picture."""

    def grab(self, attempts: int = 1, /) -> bool:
        """Decode the next frame; false at the film's end.

        Args:
            attempts: How often to try again before damage is taken for the end.
        """
        ...

    @property
    def pts(self) -> int | None:
        """Time stamp of the frame grabbed last, in `VideoInfo.time_base`; None: it has none."""
        ...

    @property
    def damaged(self) -> bool:
        """Whether the decoder reports that it had to make up part of the frame grabbed last."""
        ...

    @property
    def interlaced(self) -> bool:
        """Whether the frame grabbed last was interlaced."""
        ...

    @property
    def resized(self) -> bool:
        """Whether the frame retrieved last had another size than the film's, as far as it tells."""
        ...

    def retrieve(self) -> Converted | None:
        """The frame grabbed last, upright, in sRGB; None if it has no picture."""
        ...


def fitted(picture: Converted, width: int, height: int) -> Converted:
    """A picture scaled to the film's size, as players do with frames after a change of size."""
    there = picture.image.shape
    if there[:2] == (height, width):
        return picture
    way = cv2.INTER_AREA if width * height < there[0] * there[1] else cv2.INTER_CUBIC

    def scaled(plane: "npt.NDArray[_Code]") -> "npt.NDArray[_Code]":
        return cast("npt.NDArray[_Code]", cv2.resize(plane, (width, height), interpolation=way))

    deep = None if picture.deep is None else scaled(picture.deep)
    alpha = None if picture.alpha is None else scaled(picture.alpha)
    return Converted(scaled(picture.image), deep, alpha)


def upright(picture: Converted, info: VideoInfo) -> Converted:
    """A picture in its coded orientation, flipped and turned by the film's display matrix."""
    if not info.mirrored and not info.rotation:
        return picture

    def turned(plane: "npt.NDArray[_Code]") -> "npt.NDArray[_Code]":
        flipped = plane[:, ::-1] if info.mirrored else plane
        return np.ascontiguousarray(np.rot90(flipped, -info.rotation // 90))

    deep = None if picture.deep is None else turned(picture.deep)
    alpha = None if picture.alpha is None else turned(picture.alpha)
    return Converted(turned(picture.image), deep, alpha)
