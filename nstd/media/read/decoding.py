"""What it is that decodes a film: one interface for all readers."""

from typing import Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from nstd.media.frame import VideoInfo
from nstd.media.read.convert import Picture

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

    def retrieve(self) -> Picture | None:
        """The frame grabbed last, upright, in sRGB; None if it has no picture."""
        ...


def upright(picture: Picture, info: VideoInfo) -> Picture:
    """A picture in its coded orientation, flipped and turned as the film's display matrix says."""
    if not info.mirrored and not info.rotation:
        return picture

    def turned(plane: "npt.NDArray[_Code]") -> "npt.NDArray[_Code]":
        flipped = plane[:, ::-1] if info.mirrored else plane
        return np.ascontiguousarray(np.rot90(flipped, -info.rotation // 90))

    deep = None if picture.deep is None else turned(picture.deep)
    alpha = None if picture.alpha is None else turned(picture.alpha)
    return Picture(turned(picture.image), deep, alpha)
