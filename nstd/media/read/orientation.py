"""The display matrix: how a film's coded pictures must be flipped and turned to be shown."""

import math
import struct
from collections.abc import Sequence
from typing import cast

import av
from av.sidedata.sidedata import SideData

from nstd.media.frame import Rotation

DisplayMatrix = tuple[int, ...]
"""Nine fixed-point numbers, row by row, as ffmpeg gives them; the last column has a finer unit."""

_TURNS: tuple[Rotation, ...] = (0, 90, 180, 270)
_EXACT = 1.0
"""Degrees within which a turn counts as one by a right angle, as in ffmpeg's programs."""


def display_matrix(frame: av.VideoFrame) -> DisplayMatrix | None:
    """The display matrix of a decoded picture, from its container or codec; None if it has none."""
    data = frame.side_data.get("DISPLAYMATRIX")
    return struct.unpack("=9i", bytes(cast("SideData", data))) if data else None


def orientation(matrix: Sequence[int]) -> tuple[bool, Rotation] | None:
    """Whether a display matrix mirrors the picture left to right, and how far it then turns it.

    A display matrix may also move and scale the picture, which players ignore.

    Returns:
        Whether it mirrors, and degrees clockwise; None if these are no multiple of 90.
    """
    # The directions in which the picture's right side and its bottom are shown: x right, y down.
    (right_x, right_y), (down_x, down_y) = matrix[0:2], matrix[3:5]
    area = right_x * down_y - right_y * down_x
    if area == 0:
        return False, 0  # it would show nothing: players show the picture as it is
    mirrored = area < 0
    if mirrored:
        right_x, right_y = -right_x, -right_y
    degrees = math.degrees(math.atan2(right_y, right_x)) % 360
    quarters = round(degrees / 90)
    if abs(degrees - 90 * quarters) > _EXACT:
        return None
    return mirrored, _TURNS[quarters % 4]
