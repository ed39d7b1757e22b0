"""OpenEXR pictures are read with OpenCV: linear light becomes sRGB of 16 bits."""

import os
import struct
from pathlib import Path

import numpy as np

from nstd.errors import UnreadableError
from nstd.media.names import HEAD_BYTES
from nstd.media.note import note_in_exr
from nstd.media.read.limits import Limits
from nstd.media.still import Look, Still
from nstd.media.still_colors import Chromaticities, from_light, to_eight

MAGIC = b"\x76\x2f\x31\x01"
"""The first bytes of such a file."""

_WINDOW = b"dataWindow\0box2i\0"
_CHANNELS = b"channels\0chlist\0"
_COLORS = b"chromaticities\0chromaticities\0"
_CHANNEL_BYTES = 16
"""Bytes about a channel, after its name."""


def look_at_exr(head: bytes, path: Path, limits: Limits) -> Look:
    """What the header tells.

    Args:
        head: The file's first bytes, `HEAD_BYTES` of them.
        path: Its name, for messages.
        limits: What the picture may have at most.

    Raises:
        UnreadableError: It is damaged.
        UnsupportedError: It is beyond a limit.
    """
    try:
        at = head.index(_WINDOW) + len(_WINDOW) + 4
        left, top, right, bottom = struct.unpack_from("<4i", head, at)
        at = head.index(_CHANNELS) + len(_CHANNELS)
        (size,) = struct.unpack_from("<I", head, at)
    except (ValueError, struct.error) as error:
        raise UnreadableError(f"{path} is damaged (its header is not whole)") from error
    width, height = right - left + 1, bottom - top + 1
    if width <= 0 or height <= 0:
        raise UnreadableError(f"{path} is damaged (it has {width}×{height} pixels)")
    limits.require_still_size(path, width, height)
    names, rest = [], head[at + 4 : at + 4 + size]
    while b"\0" in rest and not rest.startswith(b"\0"):
        name, _, rest = rest.partition(b"\0")
        names.append(name)
        rest = rest[_CHANNEL_BYTES:]
    return Look(size=(width, height), alpha=b"A" in names, deep=True)


def decode_exr(content: bytes, path: Path, limits: Limits) -> Still:
    """Decode a picture; raises as `look_at_exr`."""
    look = look_at_exr(content[:HEAD_BYTES], path, limits)
    os.environ["OPENCV_IO_ENABLE_OPENEXR"] = "1"  # OpenCV demands this
    import cv2  # noqa: PLC0415 - few pictures need it

    try:
        found = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise UnreadableError(f"{path} is damaged ({error.err})") from error
    if found is None or found.shape[1::-1] != look.size:
        raise UnreadableError(f"{path} is damaged, or of a kind of OpenEXR that is not read")
    light = np.nan_to_num(np.atleast_3d(found).astype(np.float32))
    colors, alpha = light[..., :3], None
    if light.shape[2] == 4:
        opacity = np.clip(light[..., 3:], 0, 1)
        colors = np.divide(colors, opacity, out=np.zeros_like(colors), where=opacity > 0)
        alpha = np.rint(opacity[..., 0] * 255).astype(np.uint8)
        alpha = None if alpha.min() == 255 else alpha
    colors = np.repeat(colors, 3, axis=2) if colors.shape[2] == 1 else colors[..., ::-1]
    deep = from_light(colors, _chromaticities(content[:HEAD_BYTES]))
    return Still(
        image=to_eight(deep),
        alpha=alpha,
        format="EXR",
        deep=deep,
        lost=("light brighter than white",) if float(colors.max(initial=0)) > 1 else (),
        note=note_in_exr(content[:HEAD_BYTES]),
    )


def _chromaticities(head: bytes) -> Chromaticities | None:
    """The header's chromaticities of red, green, blue and white; None if there are none."""
    at = head.find(_COLORS)
    if at < 0 or at + len(_COLORS) + 36 > len(head):
        return None
    x_and_y = struct.unpack_from("<8f", head, at + len(_COLORS) + 4)
    return (*zip(x_and_y[::2], x_and_y[1::2], strict=True),)
