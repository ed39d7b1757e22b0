"""The note of how a file was painted, in formats without EXIF (see `still_notes` for EXIF).

Films have it in a tag, a GIF in a comment, an animated PNG in a text chunk, OpenEXR in its header.
Files may come from anywhere: no more is read than a note can be long.
"""

import struct
import zlib
from collections.abc import Mapping

NOTE_TAG = "nstd"
"""Name of the tag, chunk or attribute that says how a film or picture was painted."""

NOTE_BEGINS = '{"nstd":'
"""Each note begins like this, which distinguishes it from other comments."""

LONGEST_NOTE = 64 << 10
"""Most characters of a note: 64 style images, as many as a recipe may have, take 30,000."""

_PART = 255
"""Most bytes of a part of a GIF's comment, and of a string in OpenEXR that ffmpeg 5.1 can read: it
takes what is beyond for the next attribute."""
_EXR_START = 8
"""Offset of an OpenEXR file's header, after magic number and version."""


def note_in_film(tags: Mapping[str, str], extradata: bytes | None) -> str:
    """The note in a film of how it was painted; "" for none.

    Args:
        tags: The container's metadata. Of a GIF's comments ffmpeg gives the last.
        extradata: What comes before its pictures: the first chunks of an animated PNG.
    """
    found = next((text for key, text in tags.items() if _is_note(key, text)), "")
    return (found or _note_in_png(extradata or b""))[: LONGEST_NOTE + 1]


def without_note(tags: Mapping[str, str]) -> dict[str, str]:
    """A film's tags without the note."""
    return {key: text for key, text in tags.items() if not _is_note(key, text)}


def note_in_exr(head: bytes) -> str:
    """The note in the first bytes of an OpenEXR file; "" for none."""
    parts: list[bytes] = []
    length = 0
    while length <= LONGEST_NOTE:
        _, found, head = head.partition(_exr_attribute(len(parts)))
        if not found:
            break
        parts.append(head[4 : 4 + min(int.from_bytes(head[:4], "little"), _PART)])
        length += len(parts[-1])
    return b"".join(parts).decode("latin-1")[: LONGEST_NOTE + 1]


def exr_with_note(content: bytes, note: str) -> bytes:
    """An OpenEXR file of one part with a note at the end of its header."""
    end = _EXR_START
    while content[end]:  # name, type, size and value of each attribute
        end = content.index(0, content.index(0, end) + 1) + 1
        end += 4 + int.from_bytes(content[end : end + 4], "little")
    attributes = b"".join(
        _exr_attribute(number) + struct.pack("<I", len(part)) + part
        for number, part in enumerate(_parts(note))
    )
    # After the header comes a table of the offsets of all pieces, then the first piece.
    (first,) = struct.unpack_from("<Q", content, end + 1)
    table = struct.Struct(f"<{(first - end - 1) // 8}Q")
    moved = (place + len(attributes) for place in table.unpack_from(content, end + 1))
    return content[:end] + attributes + b"\0" + table.pack(*moved) + content[first:]


def gif_comment(note: str) -> bytes:
    """The extension block of a GIF with a note as a comment."""
    parts = b"".join(bytes([len(part)]) + part for part in _parts(note))
    return b"\x21\xfe" + parts + b"\0"


def png_text(note: str) -> bytes:
    """The chunk of a PNG with a note as text."""
    chunk = b"tEXt" + NOTE_TAG.encode() + b"\0" + note.encode("ascii")
    return struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))


def _parts(note: str) -> list[bytes]:
    text = note.encode("ascii")
    return [text[at : at + _PART] for at in range(0, len(text), _PART)]


def _exr_attribute(number: int) -> bytes:
    """Name and type of the attribute for part `number` of the note, from 0."""
    return f"{NOTE_TAG}{number + 1}\0string\0".encode()


def _is_note(key: str, text: str) -> bool:
    # Programs write Matroska's names of tags in capitals.
    key = key.lower()
    return key == NOTE_TAG or (key == "comment" and text.startswith(NOTE_BEGINS))


def _note_in_png(chunks: bytes) -> str:
    at, wanted = 0, NOTE_TAG.encode() + b"\0"
    while at + 8 <= len(chunks):
        length, name = struct.unpack_from(">I4s", chunks, at)
        if name == b"tEXt" and chunks.startswith(wanted, at + 8):
            begin = at + 8 + len(wanted)
            return chunks[begin : min(at + 8 + length, begin + LONGEST_NOTE + 1)].decode("latin-1")
        at += 12 + length
    return ""
