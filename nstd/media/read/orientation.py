"""How a film's coded pictures are to be shown: its display matrix."""

import math
import struct
from collections.abc import Sequence
from typing import cast

import av
from av.sidedata.sidedata import SideData

from nstd.media.frame import Rotation

DisplayMatrix = tuple[int, ...]
"""Nine numbers, row by row, as ffmpeg gives them: of fixed point, the last column's finer."""

_TURNS: tuple[Rotation, ...] = (0, 90, 180, 270)
_EXACT = 1.0
"""Degrees off within which a turn is one by a right angle, as it is for ffmpeg's programs."""


def display_matrix(frame: av.VideoFrame) -> DisplayMatrix | None:
    """The display matrix of a decoded picture, its container's or its own; None for none."""
    data = frame.side_data.get("DISPLAYMATRIX")
    return struct.unpack("=9i", bytes(cast("SideData", data))) if data else None


def orientation(matrix: Sequence[int]) -> tuple[bool, Rotation] | None:
    """Whether a picture is mirrored, left to right, and then how far it is turned clockwise.

    A display matrix may also move and scale the picture, which no player does.

    Returns:
        None where it is turned by something else than a right angle.
    """
    # Where the picture's right and its bottom are shown: x to the right, y down.
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
