"""Does a file go on as far as its own structure says? Read from its headers, not its content.

A container that was cut off often still opens and looks like a shorter film. These walks over the
outermost structure notice it at the cost of a few reads.
"""

import struct
from pathlib import Path
from typing import BinaryIO

_PAYLOAD_BOXES = {b"mdat", b"moov", b"moof"}
_EBML = b"\x1a\x45\xdf\xa3"
_SEGMENT = b"\x18\x53\x80\x67"


def ends_early(path: Path, container: str) -> bool:
    """Whether `path` is shorter than its outermost structure promises.

    Args:
        path: The film.
        container: ffmpeg's name of its format, such as "mov,mp4,m4a,3gp,3g2,mj2".

    Returns:
        True where something is certainly missing; False also where the format promises nothing.
    """
    size = path.stat().st_size
    names = container.split(",")
    with path.open("rb") as file:
        if "mp4" in names:
            return _boxes_end_early(file, size)
        if "matroska" in names:
            return _segment_ends_early(file, size)
        if "gif" in names:
            return _gif_ends_early(file)
    return False


def lacks_index(path: Path) -> bool:
    """Whether this is an MP4 file without a whole index (moov box), so that nothing can be read.

    Recorders that were switched off and copies that were interrupted leave such files.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        boxes = _boxes(file, size)
    is_mp4 = bool(boxes) and boxes[0][0] == b"ftyp"
    return is_mp4 and not any(name == b"moov" and end <= size for name, end in boxes)


def _boxes(file: BinaryIO, size: int) -> list[tuple[bytes, int]]:
    found = []
    position = 0
    while position + 8 <= size:
        file.seek(position)
        length, name = struct.unpack(">I4s", file.read(8))
        if length == 1:
            extended = file.read(8)
            length = struct.unpack(">Q", extended)[0] if len(extended) == 8 else 16
        elif length == 0:
            length = size - position
        if length < 8:
            break
        position += length
        found.append((name, position))
    return found


def _boxes_end_early(file: BinaryIO, size: int) -> bool:
    # Only boxes that carry the film count: some programs leave rubbish behind the last one.
    return any(end > size and name in _PAYLOAD_BOXES for name, end in _boxes(file, size))


def _segment_ends_early(file: BinaryIO, size: int) -> bool:
    if file.read(4) != _EBML:
        return False
    header = _ebml_size(file)
    if header is None:
        return False
    file.seek(header, 1)
    if file.read(4) != _SEGMENT:
        return False
    length = _ebml_size(file)
    return length is not None and file.tell() + length > size


def _ebml_size(file: BinaryIO) -> int | None:
    """Read a variable-length size; None where it is unknown (all ones) or missing."""
    first = file.read(1)
    if not first or first[0] == 0:
        return None
    width = 9 - first[0].bit_length()
    rest = file.read(width - 1)
    if len(rest) < width - 1:
        return None
    value = int.from_bytes(first + rest, "big") & ((1 << 7 * width) - 1)
    return None if value == (1 << 7 * width) - 1 else value


def _gif_ends_early(file: BinaryIO) -> bool:
    header = file.read(13)
    if len(header) < 13:
        return True
    _skip_color_table(file, header[10])
    while True:
        kind = file.read(1)
        if kind == b";":
            return False
        if kind == b"!":
            file.read(1)
        elif kind == b",":
            descriptor = file.read(9)
            if len(descriptor) < 9:
                return True
            _skip_color_table(file, descriptor[8])
            file.read(1)
        else:
            return kind == b""
        if not _skip_sub_blocks(file):
            return True


def _skip_color_table(file: BinaryIO, flags: int) -> None:
    if flags & 0x80:
        file.seek(3 * 2 ** ((flags & 7) + 1), 1)


def _skip_sub_blocks(file: BinaryIO) -> bool:
    while length := file.read(1):
        if length == b"\0":
            return True
        file.seek(length[0], 1)
    return False
