"""What passes between media and everything above: a picture with its time, a film's facts."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]
"""A picture: uint8 `[height, width, 3]`, sRGB-encoded, red first, upright, 0 black, 255 full."""

Mask = npt.NDArray[np.uint8]
"""An alpha channel: uint8 `[height, width]`, 0 transparent, 255 opaque."""

Rotation = Literal[0, 90, 180, 270]


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture of a film with its exact time.

    Attributes:
        image: uint8 `[height, width, 3]` sRGB, upright (the container's rotation is applied).
        index: Number of the frame in the film's order of display, from 0.
        pts: Presentation time stamp of the source, in units of `time_base`.
        duration: How long it is shown, in units of `time_base`, or 0 where it is not known.
        time_base: Seconds per unit of `pts`, exact.
        alpha: uint8 `[height, width]`, or None where the picture has none.
    """

    image: Image
    index: int
    pts: int
    duration: int
    time_base: Fraction
    alpha: Mask | None = None

    def __post_init__(self) -> None:
        if self.image.dtype != np.uint8 or self.image.ndim != 3 or self.image.shape[2] != 3:
            kind = f"{self.image.dtype} {[*self.image.shape]}"
            raise ValueError(f"a frame's image is uint8 [height, width, 3], not {kind}")

    def __repr__(self) -> str:
        height, width, _ = self.image.shape
        return f"Frame({self.index}, {width}×{height}, pts={self.pts}, time_base={self.time_base})"

    @property
    def seconds(self) -> Fraction:
        """Presentation time in seconds, exact."""
        return self.pts * self.time_base


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """The facts of a film, as its container states them.

    `width` and `height` are the upright size, in pixels, as frames come from the reader; the coded
    size is this one turned back by `rotation`.

    Attributes:
        stream: Index in the container of the stream that is painted (the one OpenCV reads).
        width: Pixels, upright.
        height: Pixels, upright.
        frame_rate: Average frames per second, exact.
        time_base: Seconds per unit of every time stamp here and of `Frame.pts`.
        start: Time stamp of the first frame.
        duration: In units of `time_base`; 0 where unknown.
        frames: How many frames there are: the packets counted, 0 where unknown. A decoder may
            still give fewer.
        rotation: Degrees clockwise by which the coded picture is turned to stand upright.
        sample_aspect_ratio: Width over height of one pixel of the coded picture.
        color_range: "tv", "pc" or "unknown".
        primaries: ffmpeg's name, such as "bt709", or "unknown".
        transfer: Likewise.
        matrix: Likewise.
        bit_depth: Bits per component of the coded picture.
        pixel_format: ffmpeg's name of the coded picture's layout, such as "yuv420p".
        sound_bytes: Size of all packets of sound.
        truncated: The file ends before its header says it does, and that was accepted: `frames`
            and `duration` are what is really there.
    """

    stream: int
    width: int
    height: int
    frame_rate: Fraction
    time_base: Fraction
    start: int
    duration: int
    frames: int
    rotation: Rotation = 0
    sample_aspect_ratio: Fraction = Fraction(1)
    color_range: str = "unknown"
    primaries: str = "unknown"
    transfer: str = "unknown"
    matrix: str = "unknown"
    bit_depth: int = 8
    pixel_format: str = "unknown"
    sound_bytes: int = 0
    truncated: bool = False
