"""Whether a file is as long as its own structure says, read from headers and not from content.

A container that was cut off often still opens and looks like a shorter film. Walking over the
outermost structure shows it at the cost of a few reads. Each walk reports only what is certain:
rubbish after a film's end, or sizes that a recorder never filled in, are no cut.
"""

import re
import struct
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

_PAYLOAD_BOXES = {b"mdat", b"moov", b"moof", b"mfra"}
_EBML = b"\x1a\x45\xdf\xa3"
_SEGMENT = b"\x18\x53\x80\x67"
_WINDOW = 1 << 18
"""Bytes at a file's end in which at least one page of Ogg (64 KiB) or pack of MPEG (2 to 4 KiB)
begins."""


def ends_early(path: Path, container: str) -> bool | None:
    """Whether `path` is shorter than its outermost structure promises.

    Args:
        path: The film.
        container: ffmpeg's name of its format, such as "mov,mp4,m4a,3gp,3g2,mj2".

    Returns:
        True if something is certainly missing, False if the file is as long as it says; None if it
        does not say how long it is.
    """
    size = path.stat().st_size
    walk = next((_WALKS[name] for name in container.split(",") if name in _WALKS), None)
    if walk is None:
        return None
    with path.open("rb") as file:
        return walk(file, size)


def lacks_index(path: Path) -> bool:
    """Whether this is an MP4 file without a complete index (moov box), so that it cannot be read.

    Recorders that lose power and copies that are interrupted leave such files.
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
    # Only boxes of the film itself count: some programs leave rubbish after the last one.
    boxes = _boxes(file, size)
    without_samples = bool(boxes) and boxes[-1][0] == b"moof"
    return without_samples or any(end > size and name in _PAYLOAD_BOXES for name, end in boxes)


def _segment_ends_early(file: BinaryIO, size: int) -> bool | None:
    if file.read(4) != _EBML:
        return False
    header = _ebml_size(file)
    if header is None:
        return False
    file.seek(header, 1)
    if file.read(4) != _SEGMENT:
        return False
    length = _ebml_size(file)
    if length is not None:
        return file.tell() + length > size
    return _elements_end_early(file, size) or None


def _elements_end_early(file: BinaryIO, size: int) -> bool:
    """Whether an element is cut off in a segment, or a cluster, that states no size."""
    while file.tell() < size:
        first = file.read(1)[0]
        if first < 0x10:
            return False  # rubbish, no element
        file.seek(8 - first.bit_length(), 1)
        at = file.tell()
        length = _ebml_size(file)
        if at >= size or file.tell() + (length or 0) > size:
            return True
        file.seek(length or 0, 1)
    return False


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


def _gif_ends_early(file: BinaryIO, _size: int) -> bool:
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


def _riff_ends_early(file: BinaryIO, size: int) -> bool:
    """AVI: its chunks, one level deep, or deeper in lists of unknown size.

    The size of RIFF itself may be off by 8 bytes: some programs count its own header, too.
    """
    position = 0
    promised = 0
    while position + 8 <= size:
        file.seek(position)
        name, length = struct.unpack("<4sI", file.read(8))
        unknown = length in (0, 0xFFFFFFFF)
        if not (name.isascii() and name.decode("ascii").isprintable()):
            return False
        if name == b"RIFF" or (name == b"LIST" and unknown):
            promised = 0 if unknown else position + length
            position += 12
            continue
        if position + 8 + length > size:
            return True
        position += 8 + length + length % 2
    return size < promised


_ASF_FILE = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
_ASF_INDEX = bytes.fromhex("90080033b1e5cf1189f400a0c90349cb")


def _asf_ends_early(file: BinaryIO, size: int) -> bool:
    """ASF, the format of WMV: header, data and index state their sizes."""
    header = file.read(min(size, 1 << 16))
    facts = header.find(_ASF_FILE)
    if facts < 0 or len(header) < facts + 100:
        return False
    position = int.from_bytes(header[16:24], "little")
    length = int.from_bytes(header[position + 16 : position + 24], "little")
    if header[facts + 88] & 1 or length <= _ASF_BEFORE_PACKETS:
        smallest, largest = struct.unpack_from("<2I", header, facts + 92)
        return smallest == largest > 0 and _asf_stream_ends_early(file, size, position, largest)
    position += length
    while position + 24 <= size:
        file.seek(position)
        name, length = struct.unpack("<16sQ", file.read(24))
        if name != _ASF_INDEX or length < 24:
            return False
        position += length
    return position > size


_ASF_BEFORE_PACKETS = 50
"""Length of the data object's own header, in bytes."""


def _asf_stream_ends_early(file: BinaryIO, size: int, data: int, packet: int) -> bool:
    """ASF that was written as a stream: it states only the size of its packets."""
    start = data + _ASF_BEFORE_PACKETS
    for position in range(start, size, packet):
        file.seek(position)
        if file.read(16) == _ASF_INDEX:
            return position + int.from_bytes(file.read(8), "little") > size
    return (size - start) % packet != 0


def _flv_ends_early(file: BinaryIO, size: int) -> bool | None:
    """Flash: each tag is followed by its size. If the last one does not fit, all tags are read."""
    if size < 13:
        return True
    file.seek(size - 4)
    last = int.from_bytes(file.read(4), "big")
    if 11 <= last <= size - 13:
        file.seek(size - 4 - last)
        kind, length = file.read(1)[0], int.from_bytes(file.read(3), "big")
        if kind & 0x1F in (8, 9, 18) and length + 11 == last:
            return None
    file.seek(5)
    position = int.from_bytes(file.read(4), "big") + 4
    while position < size:
        file.seek(position)
        tag = file.read(11)
        if tag[0] & 0x1F not in (8, 9, 18):
            return None
        position += 15 + int.from_bytes(tag[1:4], "big")
    return position > size or None


def _ogg_ends_early(file: BinaryIO, size: int) -> bool:
    """Ogg: the last page is marked as the last one of its stream."""
    page = _from_last(b"OggS", file, size)
    if not page:
        return False
    segments = page[26] if len(page) > 26 else 0
    end = 27 + segments + sum(page[27 : 27 + segments])
    return end > len(page) or not page[5] & 4 or b"OggS".startswith(page[end:] or b"-")


def _from_last(mark: bytes, file: BinaryIO, size: int) -> bytes:
    """The end of a file, from the last `mark` on; b"" where there is none in its last `_WINDOW`."""
    file.seek(max(0, size - _WINDOW))
    tail = file.read()
    begin = tail.rfind(mark)
    return tail[begin:] if begin >= 0 else b""


def _packs_end_early(file: BinaryIO, size: int) -> bool:
    """MPEG program streams: every packet states its length."""
    tail, position = _from_last(b"\0\0\1\xba", file, size), 0
    if not tail:
        return False
    while position < len(tail):
        code = tail[position : position + 4]
        if len(tail) - position < 6:
            return code[:3] == b"\0\0\1"[: len(code)] and code != b"\0\0\1\xb9"
        if code[:3] != b"\0\0\1" or code[3] < 0xB9:
            return False
        if code[3] == 0xBA:
            mpeg2 = tail[position + 4] & 0xC0 == 0x40
            stuffing = tail[position + 13] & 7 if position + 14 <= len(tail) else 0
            position += 14 + stuffing if mpeg2 else 12
        elif code[3] == 0xB9:
            position += 4
        else:
            position += 6 + int.from_bytes(tail[position + 4 : position + 6], "big")
    return position > len(tail)


def _transport_ends_early(file: BinaryIO, size: int) -> bool:
    """Transport streams: packets of one size, some with a time before or a checksum after them.

    An incomplete last picture is no cut: a recording of a broadcast ends wherever it was stopped.
    """
    file.seek(max(0, size - 64 * 204))
    tail = file.read()
    for length, before in ((188, 0), (192, 4), (204, 0)):
        for phase in range(length):
            marks = tail[phase::length]
            if len(marks) > 4 and marks.count(0x47) == len(marks):
                return (len(tail) - phase + before) % length != 0
    return False


_KLV = bytes.fromhex("060e2b34")
_PARTITION = bytes.fromhex("060e2b34020501010d01020101")
_INDEX_PACK = bytes.fromhex("060e2b34020501010d01020101110100")


def _mxf_ends_early(file: BinaryIO, size: int) -> bool:
    """MXF: the first partition states where the last one begins, which lasts to the file's end."""
    head = file.read(1 << 16)
    start = head.find(_PARTITION)
    if start < 0 or len(head) < start + 160:
        return False
    value = start + 17 + (head[start + 16] & 0x7F if head[start + 16] & 0x80 else 0)
    footer = int.from_bytes(head[value + 24 : value + 32], "big")
    if not footer:
        file.seek(size - 4)
        pack = size - int.from_bytes(file.read(4), "big")
        file.seek(max(0, pack))
        if file.read(16) == _INDEX_PACK:
            return False
    position = start + footer
    if position >= size:
        return True
    while position < size:
        file.seek(position)
        key = file.read(17)
        if not key.startswith(_KLV):
            return _KLV.startswith(key[:4])
        if len(key) < 17:
            return True
        width = key[16] & 0x7F if key[16] & 0x80 else 0
        length = int.from_bytes(file.read(width), "big") if width else key[16]
        position = file.tell() + length
    return position > size


_Y4M_SAMPLES = {"420": 6, "411": 6, "422": 8, "444": 12, "444alpha": 16, "mono": 4}
"""Samples in four pixels, by the layout's name; more than 8 bits are a number after the name."""
_Y4M_LAYOUT = re.compile(r"(420|411|422|444alpha|444|mono)(?:jpeg|mpeg2|paldv)?p?(\d*)")


def _y4m_ends_early(file: BinaryIO, size: int) -> bool:
    words = file.readline(1 << 10).decode("ascii", "replace").split()
    given = {word[0]: word[1:] for word in words[1:]}
    layout = _Y4M_LAYOUT.fullmatch(given.get("C", "420"))
    width, height = (given.get(key, "") for key in "WH")
    if layout is None or not (width.isdecimal() and height.isdecimal()):
        return False
    if int(width) % 4 or int(height) % 2:
        return False  # chroma is rounded up there
    start = file.tell()
    line = len(file.readline(1 << 10))
    frame = int(width) * int(height) * _Y4M_SAMPLES[layout[1]] // 4
    frame *= 2 if layout[2] else 1
    return (size - start) % (line + frame) != 0


def _dv_ends_early(file: BinaryIO, size: int) -> bool:
    """DV: all frames have one size, which depends on the number of lines."""
    return size % (144_000 if file.read(4)[3:] >= b"\x80" else 120_000) != 0


_WALKS: dict[str, Callable[[BinaryIO, int], bool | None]] = {
    "mp4": _boxes_end_early,
    "matroska": _segment_ends_early,
    "gif": _gif_ends_early,
    "avi": _riff_ends_early,
    "asf": _asf_ends_early,
    "flv": _flv_ends_early,
    "ogg": _ogg_ends_early,
    "mpeg": _packs_end_early,
    "mpegts": _transport_ends_early,
    "mxf": _mxf_ends_early,
    "yuv4mpegpipe": _y4m_ends_early,
    "dv": _dv_ends_early,
}
"""By ffmpeg's name of the format. Elementary streams (H.264, MPEG-2 video) state no length."""
