"""Which packets hold only the second field of a frame, as camcorders and television write H.264.

Time stamps do not tell: 50 frames a second are as far apart as the fields of 25 frames a second.
The headers of sequences, pictures and slices do (ITU-T H.264, 7.3.2.1, 7.3.2.2 and 7.3.3). They are
read as far as needed to know whether a picture is a field, of which frame, and which of its two.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import av
from av.codec.context import CodecContext
from av.stream import Stream

_START = re.compile(rb"\x00\x00\x01")
_SLICES, _SEQUENCE, _PICTURE = (1, 5), 7, 8
"""Types of NAL units."""
_READ = 512
"""Bytes of a unit that are read at most. The longest part is a sequence's scaling matrices: at most
384 numbers, of about a byte each."""
_UNITS = 64
"""Units before a packet's first slice at most: more of them are damage."""
_WITH_CHROMA = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})
"""Profiles whose sequence headers state chroma, depth and scaling."""


@dataclass(frozen=True, slots=True)
class _Sequence:
    """What is read from a sequence's header.

    Attributes:
        number_bits: Length of a frame's number.
        planes: The color planes are coded separately.
        frames_only: No picture is a field.
    """

    number_bits: int
    planes: bool
    frames_only: bool


@dataclass(frozen=True, slots=True)
class _Field:
    """A picture that is a field: of which frame, and which of its two."""

    number: int
    bottom: int


class FieldPairs:
    """Looks at the packets of one stream, in the order of decoding.

    Args:
        stream: The stream. If its codec is not H.264, no packet counts as a second field.
    """

    def __init__(self, stream: Stream) -> None:
        context: CodecContext | None = stream.codec_context
        self._watches = context is not None and context.codec.canonical_name == "h264"
        self._length = 0
        self._sequences: dict[int, _Sequence] = {}
        self._pictures: dict[int, int] = {}
        self._first: _Field | None = None
        extra = (context.extradata if self._watches and context else None) or b""
        if extra[:1] == b"\x01" and len(extra) > 4:  # units begin with their length, as in MP4
            self._length = (extra[4] & 3) + 1
            units = _configured(extra)
        else:
            units = _marked(memoryview(extra))
        for unit in islice(units, _UNITS):
            self._read(unit)

    def ends_frame(self, packet: "av.Packet[Any]") -> bool:
        """Whether a packet is the second field of the frame that the packet before it began."""
        if not self._watches:
            return False
        content = memoryview(packet)
        units = _measured(content, self._length) if self._length else _marked(content)
        field = None
        for unit in islice(units, _UNITS):
            if unit[0] & 31 in _SLICES:
                field = self._field(unit)
                break
            self._read(unit)
        first = self._first
        second = bool(
            first and field and first.number == field.number and first.bottom != field.bottom
        )
        self._first = None if second else field
        return second

    def _read(self, unit: memoryview) -> None:
        try:
            if unit[0] & 31 == _SEQUENCE:
                number, sequence = _sequence(_Bits(unit))
                self._sequences[number] = sequence
            elif unit[0] & 31 == _PICTURE:
                bits = _Bits(unit)
                picture, sequence_number = bits.ue(), bits.ue()
                self._pictures[picture] = sequence_number
        except ValueError:  # the header is damaged, and so is what refers to it
            return

    def _field(self, unit: memoryview) -> _Field | None:
        if all(sequence.frames_only for sequence in self._sequences.values()):
            return None
        bits = _Bits(unit[:32])
        try:
            bits.ue()
            bits.ue()
            sequence = self._sequences[self._pictures[bits.ue()]]
            bits.u(2 if sequence.planes else 0)
            number = bits.u(sequence.number_bits)
            is_field = not sequence.frames_only and bits.u(1)
            return _Field(number, bits.u(1)) if is_field else None
        except (ValueError, KeyError):
            return None


def _marked(content: memoryview) -> Iterator[memoryview]:
    """The beginnings of the units that follow start codes."""
    for start in _START.finditer(content):
        if unit := content[start.end() : start.end() + _READ]:
            yield unit


def _measured(content: memoryview, length: int) -> Iterator[memoryview]:
    """The beginnings of units, each of which follows its own length, a number of `length` bytes."""
    at = 0
    while at + length < len(content):
        size = int.from_bytes(content[at : at + length], "big")
        at += length
        if size:
            yield content[at : at + min(size, _READ)]
        at += size


def _configured(extra: bytes) -> Iterator[memoryview]:
    """The sequences' and pictures' headers in MP4's configuration (ISO/IEC 14496-15, 5.3.3.1)."""
    content = memoryview(extra)
    at = 5
    for mask in (31, 255):
        count = content[at] & mask if at < len(content) else 0
        at += 1
        for _ in range(count):
            size = int.from_bytes(content[at : at + 2], "big")
            if unit := content[at + 2 : at + 2 + min(size, _READ)]:
                yield unit
            at += 2 + size


class _Bits:
    """The bits after a unit's first byte, read one after the other.

    Every method raises `ValueError` at the end of the unit.
    """

    def __init__(self, unit: memoryview) -> None:
        content = bytes(unit[1:]).replace(b"\0\0\3", b"\0\0")
        self._bits = f"{int.from_bytes(b'1' + content, 'big'):b}"
        self._at = len(self._bits) - 8 * len(content)

    def u(self, width: int) -> int:
        """An unsigned number of `width` bits."""
        self._at += width
        if self._at > len(self._bits):
            raise ValueError
        return int(self._bits[self._at - width : self._at], 2) if width else 0

    def ue(self) -> int:
        """An unsigned Exp-Golomb code."""
        zeros = self._bits.index("1", self._at) - self._at
        self._at += zeros
        return self.u(zeros + 1) - 1

    def se(self) -> int:
        """A signed Exp-Golomb code."""
        code = self.ue()
        return (code + 1) // 2 if code % 2 else -(code // 2)


def _sequence(bits: _Bits) -> tuple[int, _Sequence]:
    """A sequence's number, and its header."""
    profile = bits.u(8)
    bits.u(16)
    number = bits.ue()
    planes = _skip_chroma(bits) if profile in _WITH_CHROMA else False
    number_bits = bits.ue() + 4
    order = bits.ue()
    if order == 0:
        bits.ue()
    elif order == 1:
        bits.u(1)
        bits.se()
        bits.se()
        for _ in range(bits.ue()):
            bits.se()
    bits.ue()
    bits.u(1)
    bits.ue()
    bits.ue()
    return number, _Sequence(number_bits, planes, frames_only=bool(bits.u(1)))


def _skip_chroma(bits: _Bits) -> bool:
    """Skip the part that only some profiles have; returns whether color planes are separate."""
    chroma = bits.ue()
    planes = chroma == 3 and bool(bits.u(1))
    bits.ue()
    bits.ue()
    bits.u(1)
    if bits.u(1):
        for matrix in range(12 if chroma == 3 else 8):
            if bits.u(1):
                _skip_scaling(bits, 16 if matrix < 6 else 64)
    return planes


def _skip_scaling(bits: _Bits, size: int) -> None:
    scale = 8
    for _ in range(size):
        scale = (scale + bits.se()) % 256
        if scale == 0:  # all further numbers are like the last one
            return
