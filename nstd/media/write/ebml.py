"""Matroska: the display size, which PyAV cannot set, is written into the finished header.

The header cannot grow without moving all that follows. So the muxer writes a title of the pictures
that is padded by as much as is to be added, and the padding is cut off again.
"""

import zlib
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from nstd.errors import VerificationError

_SEGMENT, _TRACKS, _TRACK, _TYPE = b"\x18\x53\x80\x67", b"\x16\x54\xae\x6b", b"\xae", b"\x83"
_NAME, _VIDEO, _CHECKSUM, _VOID = b"\x53\x6e", b"\xe0", b"\xbf", b"\xec"
_WIDTH, _HEIGHT, _UNIT = b"\x54\xb0", b"\x54\xba", b"\x54\xb2"
_PICTURES = b"\x01"
_ROOM = " " * 40
"""Enough for two elements of 2 + 1 + 4 bytes, for the size of their parent, which may grow by 7
bytes, and for a void element that fills the rest."""


class _Element(NamedTuple):
    """An element: its name, its content, and all of its bytes."""

    name: bytes
    content: bytes
    whole: bytes


def with_room(title: str) -> str:
    """The padded title of the pictures for the muxer, with room for what `state_size` writes."""
    return title + _ROOM


def state_size(film: BinaryIO, title: str, width: int, height: int) -> None:
    """Write the display size of a film whose pictures' title was padded by `with_room`.

    Args:
        film: Open for reading and writing; its size stays as it is.
        title: The pictures' own title; "" for none.
        width: Of the shown picture, in square pixels.
        height: Of the shown picture, in square pixels.

    Raises:
        VerificationError: The header is not as ffmpeg's muxer writes it.
        OSError: The file system failed.
    """
    position, size = _find_tracks(film)
    film.seek(position)
    tracks = b""
    for one in _elements(film.read(size)):
        if one.name == _TRACK and _is_of_pictures(one.content):
            head = one.whole[: len(one.whole) - len(one.content)]
            tracks += head + _with_size(one.content, title, width, height)
        elif one.name != _CHECKSUM:
            tracks += one.whole
    if len(tracks) != size:  # a checksum comes before the tracks
        tracks = _element(_CHECKSUM, zlib.crc32(tracks).to_bytes(4, "little")) + tracks
    if len(tracks) != size:
        raise VerificationError("The finished film's header has no room for the shape of a pixel")
    film.seek(position)
    film.write(tracks)


def _is_of_pictures(track: bytes) -> bool:
    return any(one.name == _TYPE and one.content == _PICTURES for one in _elements(track))


def _with_size(track: bytes, title: str, width: int, height: int) -> bytes:
    """A track's content with the display size, of the same length as before."""
    kept = b""
    for one in _elements(track):
        if one.name == _VIDEO:
            parts = [part.whole for part in _elements(one.content) if part.name != _UNIT]
            sizes = ((_WIDTH, width), (_HEIGHT, height))
            parts += [_element(name, value.to_bytes(4, "big")) for name, value in sizes]
            kept += _element(_VIDEO, b"".join(parts))
        elif one.name == _NAME:
            kept += _element(_NAME, title.encode()) if title else b""
        else:
            kept += one.whole
    spare = len(track) - len(kept) - len(_element(_VOID, b""))
    if spare < 0:
        raise VerificationError("The finished film's header has no room for the shape of a pixel")
    return kept + _element(_VOID, bytes(spare))


def _element(name: bytes, content: bytes) -> bytes:
    # Sizes of up to 7 bits take one byte, of up to 28 bits four; no header of a track needs more.
    size = len(content)
    length = bytes([0x80 | size]) if size < 0x7F else (0x1000_0000 | size).to_bytes(4, "big")
    return name + length + content


def _elements(content: bytes) -> Iterator[_Element]:
    position = 0
    while position < len(content):
        name_length = _length(content[position])
        start = position + name_length
        size_length = _length(content[start])
        begin = start + size_length
        size = _number(content[start:begin])
        if begin + size > len(content):
            raise VerificationError("The finished film's header is not made of elements")
        end = begin + size
        yield _Element(content[position:start], content[begin:end], content[position:end])
        position = end


def _length(first: int) -> int:
    """How many bytes a name or a size has, which its first byte tells."""
    if not first:
        raise VerificationError("The finished film's header is not made of elements")
    return 9 - first.bit_length()


def _number(size: bytes) -> int:
    return int.from_bytes(size, "big") & ((1 << 7 * len(size)) - 1)


def _find_tracks(film: BinaryIO) -> tuple[int, int]:
    """Position and size of the content of a film's `Tracks` element."""
    film.seek(0)
    while first := film.read(1):
        name = first + film.read(_length(first[0]) - 1)
        first = film.read(1)
        size = _number(first + film.read(_length(first[0]) - 1))
        if name == _TRACKS:
            return film.tell(), size
        if name != _SEGMENT:
            film.seek(size, 1)
    raise VerificationError("The finished film has no header of tracks")
