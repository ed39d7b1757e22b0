"""H.264 of field pictures, as camcorders write it; written here, since no encoder at hand does.

Each macroblock holds its samples as they are (I_PCM), so that only headers have to be written:
ITU-T H.264, 7.3.
"""

import numpy as np
import numpy.typing as npt

Plane = npt.NDArray[np.uint8]

WIDTH, HEIGHT = 96, 64
_PER_HEADERS = 5
"""Frames from one pair of parameter sets to the next."""


class _Bits:
    """Bits of a NAL unit, first to last."""

    def __init__(self) -> None:
        self._bits: list[str] = []
        self._length = 0

    def u(self, width: int, value: int) -> "_Bits":
        """An unsigned number of `width` bits."""
        self._bits.append(f"{value:0{width}b}")
        self._length += width
        return self

    def ue(self, *values: int) -> "_Bits":
        """Unsigned Exp-Golomb codes."""
        for value in values:
            width = (value + 1).bit_length()
            self.u(2 * width - 1, value + 1)
        return self

    def aligned(self, content: bytes) -> None:
        """Bytes from the next whole byte on."""
        if self._length % 8:
            self.u(8 - self._length % 8, 0)
        self.u(8 * len(content), int.from_bytes(content, "big"))

    def nal(self, header: int) -> bytes:
        """The unit with its start code, stop bit and emulation prevention."""
        self.u(1, 1)
        if self._length % 8:
            self.u(8 - self._length % 8, 0)
        content, zeros = bytearray(), 0
        for value in int("".join(self._bits), 2).to_bytes(self._length // 8, "big"):
            if zeros >= 2 and value <= 3:
                content.append(3)
                zeros = 0
            content.append(value)
            zeros = zeros + 1 if value == 0 else 0
        return b"\0\0\0\1" + bytes([header]) + bytes(content)


def stream(frames: int) -> bytes:
    """So many frames of two fields, the upper one first; a square moves from field to field."""
    found = b""
    for number in range(frames):
        for bottom in (0, 1):
            luma = np.tile(np.arange(WIDTH) * 160 // WIDTH + 40, (HEIGHT // 2, 1)).astype(np.uint8)
            left = 3 * (2 * number + bottom) % (WIDTH - 12)
            luma[8:24, left : left + 12] = 220
            headers = not bottom and number % _PER_HEADERS == 0
            found += b"\0\0\0\1\x09\x10" + (_parameters() if headers else b"")
            found += _field(luma, number, bottom)
    return found


def _parameters() -> bytes:
    sequence = _Bits().u(24, 77 << 16 | 30).ue(0, 0, 0, 4, 1).u(1, 0)
    # Not of frames alone, nor of frames adaptively: field pictures.
    sequence.ue(WIDTH // 16 - 1, HEIGHT // 32 - 1).u(2, 0b00).u(3, 0b100)
    picture = _Bits().ue(0, 0).u(2, 0).ue(0, 0, 0).u(3, 0).ue(0, 0, 0).u(3, 0)
    return sequence.nal(0x67) + picture.nal(0x68)


def _field(luma: Plane, number: int, bottom: int) -> bytes:
    is_first = number == 0 and not bottom
    bits = _Bits().ue(0, 7, 0).u(4, number % 16).u(1, 1).u(1, bottom)
    if is_first:
        bits.ue(0)
    bits.u(8, 2 * number + bottom).u(2 if is_first else 1, 0).ue(0)
    for top in range(0, HEIGHT // 2, 16):
        for left in range(0, WIDTH, 16):
            block = luma[top : top + 16, left : left + 16].tobytes()
            bits.ue(25).aligned(block + b"\x64" * 64 + b"\x8c" * 64)
    return bits.nal(0x65 if is_first else 0x41)
