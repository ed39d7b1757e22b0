"""What media and the layers above exchange: a picture with its time, and a film's facts."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import numpy as np
import numpy.typing as npt

ImageU8 = npt.NDArray[np.uint8]
"""A picture: uint8 `[height, width, 3]`, sRGB-encoded, red first, upright, 0 black, 255 full."""

MaskU8 = npt.NDArray[np.uint8]
"""An alpha channel: uint8 `[height, width]`, 0 transparent, 255 opaque."""

ImageU16 = npt.NDArray[np.uint16]
"""A picture as `ImageU8`, with 16 bits: 65535 is full."""

Pixels = ImageU8 | ImageU16
"""A picture of either depth."""

Rotation = Literal[0, 90, 180, 270]
ReaderName = Literal["opencv", "pyav", "pillow"]
FieldOrder = Literal["progressive", "top", "bottom", "mixed"]
Deinterlacing = Literal["off", "frames", "fields"]


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture of a film with its exact time.

    Attributes:
        image: uint8 `[height, width, 3]` sRGB, upright (the container's rotation is applied). Not
            multiplied by alpha; where alpha hides everything, the colors around continue.
        index: Number of the frame in the film's order of display, from 0.
        pts: Presentation time stamp of the source, in units of `time_base`.
        duration: How long it is shown, in units of `time_base`, or 0 where it is not known.
        time_base: Seconds per unit of `pts`, exact.
        alpha: uint8 `[height, width]`, straight, or None where the picture has none.
        deep: uint16 `[height, width, 3]`: `image` with 16 bits, where the source has more than 8;
            otherwise None.
        damaged: Whether the decoder had to make up part of the picture, or all of it: then it
            repeats the frame before.
    """

    image: ImageU8
    index: int
    pts: int
    duration: int
    time_base: Fraction
    alpha: MaskU8 | None = None
    deep: ImageU16 | None = None
    damaged: bool = False

    def __post_init__(self) -> None:
        if self.image.dtype != np.uint8 or self.image.ndim != 3 or self.image.shape[2] != 3:
            kind = f"{self.image.dtype} {[*self.image.shape]}"
            raise ValueError(f"a frame's image is uint8 [height, width, 3], not {kind}")

    def __repr__(self) -> str:
        height, width, _ = self.image.shape
        return f"Frame({self.index}, {width}×{height}, pts={self.pts}, time_base={self.time_base})"

    @property
    def pixels(self) -> Pixels:
        """The picture at the depth that the source has."""
        return self.image if self.deep is None else self.deep

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
        stream: Index in the container of the stream that is painted.
        width: Pixels, upright.
        height: Pixels, upright.
        frame_rate: Average frames per second, exact.
        time_base: Seconds per unit of every time stamp here and of `Frame.pts`.
        start: Time stamp of the first frame that can be decoded.
        duration: In units of `time_base`; 0 where unknown.
        frames: How many frames there are: the packets counted from the first frame on that can be
            decoded, 0 where unknown. A decoder may still give fewer.
        rotation: Degrees clockwise by which the coded picture is turned to stand upright.
        sample_aspect_ratio: Width over height of one pixel of the upright picture.
        color_range: "tv", "pc" or "unknown".
        primaries: ffmpeg's name, such as "bt709", or "unknown".
        transfer: ffmpeg's name, or "unknown".
        matrix: ffmpeg's name, or "unknown".
        bit_depth: Bits per component of the coded picture.
        pixel_format: ffmpeg's name of the coded picture's layout, such as "yuv420p".
        sound_bytes: Size of all packets of sound.
        truncated: Whether the file ends earlier than its header says, and that was accepted:
            `frames` and `duration` are what is really there.
        accepts_truncated: Whether the film is painted as far as it goes if frames turn out to be
            missing at its end.
        reader: Which library decodes it.
        reader_reason: Why this library, as a sentence.
        field_order: Whether its frames are interlaced, and which field comes first: "top" or
            "bottom"; "mixed" where some frames are interlaced and some are not.
        deinterlace: What becomes of interlaced frames. "frames": each becomes one frame. "fields":
            each field of every frame becomes one (`frames`, `frame_rate` and `time_base` are then
            those of the frames that the reader yields). "off": they stay as they are.
        alpha: Whether frames have an alpha channel.
        mirrored: Whether the coded picture is flipped, left to right, before it is turned by
            `rotation`, as the display matrix says.
        matrix_display: The container's display matrix, nine fixed-point numbers as ffmpeg gives
            them, if it is neither a rotation by a right angle nor a flip: frames are then as they
            are coded. None otherwise.
        undecodable: How many frames come before the first one that can be decoded, as in a
            recording that begins within a group of pictures. They do not count as frames.
        peak: Peak luminance of an HDR film, in cd/m²; 0 for other films.
        container: ffmpeg's name of the container's format, such as "matroska,webm".
        note: What it says of how it was painted; anybody may have written that.
        remarks: What is wrong with it but tolerated, in sentences without their subject, which is
            the film: "ends early: …".
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
    reader: ReaderName = "opencv"
    reader_reason: str = ""
    field_order: FieldOrder = "progressive"
    deinterlace: Deinterlacing = "frames"
    alpha: bool = False
    mirrored: bool = False
    matrix_display: tuple[int, ...] | None = None
    undecodable: int = 0
    peak: float = 0.0
    container: str = ""
    note: str = ""
    accepts_truncated: bool = False
    remarks: tuple[str, ...] = ()
