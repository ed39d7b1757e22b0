"""MP4 and QuickTime: what ffmpeg's muxer cannot write is written into the finished index.

The index (the `moov` box) comes before the pictures and states their offsets: it cannot grow
without moving all of them. So the muxer writes a placeholder, a tag as long as all that is to be
added, which is then replaced.
"""

import re
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO, NamedTuple

from nstd.errors import VerificationError
from nstd.media.write.containers import Boxes

_TEXT, _JPEG, _PNG = 1, 13, 14
"""QuickTime's numbers for types of values."""
_UNDETERMINED = 0x55C4
"""The language "und", as MP4 packs it."""
_ENABLED = 1
_LEAST = 8
"""Bytes of the smallest box."""


class TrackMarks(NamedTuple):
    """Facts of a track that ffmpeg's muxer does not write correctly.

    Attributes:
        hidden: Whether players show it only if the user asks for it: the muxer marks one track of
            each kind as shown.
        language: Three letters of ISO 639-2, or "" for none. For QuickTime the muxer knows only a
            few dozen.
    """

    hidden: bool
    language: str


@dataclass(frozen=True, slots=True)
class Additions:
    """What is added to a finished film.

    Attributes:
        boxes: How the container takes them.
        keys: Texts by name, of any kind: Apple's, Android's or the user's.
        location: Where it was recorded, in the notation of ISO 6709; "" if unknown.
        lyrics: The film's own, in MP4, where the lyrics tag is the placeholder.
        artwork: In QuickTime: the cover, a JPEG or PNG file.
    """

    boxes: Boxes
    keys: Mapping[str, str] = field(default_factory=dict)
    location: str = ""
    lyrics: str = ""
    artwork: bytes = b""

    def carrier(self) -> dict[str, str]:
        """The placeholder for the muxer: a tag that makes room for all of this."""
        if room := len(self._place() + self._keys()):
            return {self.boxes.carrier: " " * (room + len(self._lyrics()))}
        return {self.boxes.carrier: self.lyrics} if self.lyrics else {}

    def write(self, film: BinaryIO, tracks: Sequence[TrackMarks]) -> None:
        """Write it into a film that was muxed with `carrier`; the file's size stays as it is.

        Args:
            film: Open for reading and writing.
            tracks: For each track that the muxer has written, in their order.

        Raises:
            VerificationError: The placeholder is not where the muxer should have put it.
            OSError: The file system failed.
        """
        position, size = _find_index(film)
        film.seek(position)
        index = film.read(size)
        changed = self._changed(index, tracks)
        spare = len(index) - len(changed)
        if spare < 0 or 0 < spare < _LEAST:
            raise VerificationError("The finished film's index has no room for its metadata")
        free = _box("free", bytes(spare - _LEAST)) if spare else b""
        film.seek(position)
        film.write(changed + free)

    def _changed(self, index: bytes, tracks: Sequence[TrackMarks]) -> bytes:
        _, *where = self.boxes.place
        coming = iter(tracks)
        changed = []
        for name, content in _boxes(index):
            if name == "trak" and (marks := next(coming, None)):
                changed.append(_box(name, _marked(content, marks)))
            elif name == "udta":
                kept = _replaced(content, where, self._lyrics())
                changed.append(_box(name, kept, self._place()))
            else:
                changed.append(_box(name, content))
        return b"".join([*changed, self._keys()])

    def _lyrics(self) -> bytes:
        return _item("\xa9lyr", _TEXT, self.lyrics.encode()) if self.lyrics else b""

    def _place(self) -> bytes:
        text = self.location.encode()
        return _box("\xa9xyz", struct.pack(">HH", len(text), _UNDETERMINED), text) if text else b""

    def _keys(self) -> bytes:
        """A box of metadata by name, as Apple's and Android's cameras write it; b"" for none.

        In MP4 it begins with a version, as other boxes do; in QuickTime it does not.
        """
        entries = [(name, _TEXT, text.encode()) for name, text in self.keys.items()]
        if self.artwork:
            kind = _PNG if self.artwork.startswith(b"\x89PNG") else _JPEG
            entries.append(("com.apple.quicktime.artwork", kind, self.artwork))
        if not entries:
            return b""
        names = [_box("mdta", name.encode()) for name, _, _ in entries]
        # Values are named by the numbers of their keys, from 1.
        values = [
            _item(struct.pack(">I", number).decode("latin-1"), kind, value)
            for number, (_, kind, value) in enumerate(entries, 1)
        ]
        return _box(
            "meta",
            bytes(4) if self.boxes.versioned else b"",
            _box("hdlr", bytes(8), b"mdta", bytes(13)),
            _box("keys", bytes(4), struct.pack(">I", len(names)), *names),
            _box("ilst", *values),
        )


def _box(name: str, *content: bytes) -> bytes:
    joined = b"".join(content)
    return struct.pack(">I", _LEAST + len(joined)) + name.encode("latin-1") + joined


def _item(name: str, kind: int, value: bytes) -> bytes:
    return _box(name, _box("data", struct.pack(">II", kind, 0), value))


def _boxes(content: bytes) -> Iterator[tuple[str, bytes]]:
    position = 0
    while position + _LEAST <= len(content):
        size, name = struct.unpack_from(">I4s", content, position)
        if size < _LEAST or position + size > len(content):
            raise VerificationError("The finished film's index is not made of boxes")
        yield name.decode("latin-1"), content[position + _LEAST : position + size]
        position += size


def _replaced(content: bytes, where: Sequence[str], instead: bytes) -> bytes:
    """A box's content, with the box that `where` leads to replaced by `instead`."""
    name, *deeper = where
    changed = []
    for found, inner in _boxes(content):
        if found != name:
            changed.append(_box(found, inner))
        elif deeper:
            version = 4 if found == "meta" else 0
            rest = _replaced(inner[version:], deeper, instead)
            changed.append(_box(found, inner[:version], rest))
        else:
            changed.append(instead)
    return b"".join(changed)


def _marked(track: bytes, marks: TrackMarks) -> bytes:
    """A track's content with `marks` written into it; its size stays as it is."""
    changed = b""
    for name, content in _boxes(track):
        field = content
        if name == "tkhd" and marks.hidden:
            flags: int = struct.unpack_from(">I", content)[0]
            field = struct.pack(">I", flags & ~_ENABLED) + content[4:]
        elif name == "mdia":
            parts = (
                (inner, _in_language(part, marks.language) if inner == "mdhd" else part)
                for inner, part in _boxes(content)
            )
            field = b"".join(_box(inner, part) for inner, part in parts)
        changed += _box(name, field)
    return changed


def _in_language(header: bytes, language: str) -> bytes:
    """The content of a media header (`mdhd`), with another language."""
    if not re.fullmatch("[a-z]{3}", language):
        return header
    packed = sum(
        (ord(letter) - 0x60) << shift for letter, shift in zip(language, (10, 5, 0), strict=True)
    )
    # After version and flags, two times, a scale and a duration; these have 64 bits in version 1.
    place = 20 if header[0] == 0 else 32
    return header[:place] + struct.pack(">H", packed) + header[place + 2 :]


def _find_index(film: BinaryIO) -> tuple[int, int]:
    """Position and size of the content of the film's index."""
    position = film.seek(0)
    while len(head := film.read(16)) >= _LEAST:
        size, name = struct.unpack_from(">I4s", head)
        start = _LEAST
        if size == 1:
            size, start = struct.unpack_from(">Q", head, _LEAST)[0], 16
        if name == b"moov":
            return position + start, size - start
        if size < start:
            break
        position = film.seek(position + size)
    raise VerificationError("The finished film has no index")
