"""What a picture's file has beside its pixels: EXIF, XMP, IPTC, comments, text."""

import re
import struct
from dataclasses import dataclass, replace
from typing import Any

import PIL.Image
from PIL import ExifTags

from nstd.media.note import NOTE_BEGINS

_IPTC_RESOURCE = 0x0404
"""Number of IPTC data among Photoshop's resources in JPEG and TIFF files."""
_XMP_KEYWORD = "XML:com.adobe.xmp"
_TIFF_XMP, _TIFF_IPTC, _TIFF_PHOTOSHOP = 700, 33723, 34377

_SIZES = {
    ExifTags.Base.ImageWidth: 0,
    ExifTags.Base.ImageLength: 1,
    ExifTags.Base.ExifImageWidth: 0,
    ExifTags.Base.ExifImageHeight: 1,
}
"""Tags that state a picture's width (0) or height (1)."""
_LAYOUT = (
    *(254, 255, 258, 259, 262, 266, 273, 277, 278, 279, 284, 317, 320, 322, 323, 324, 325, 330),
    *(338, 339, 347, 700, 33723, 34377, 34675, 513, 514, 530, 531, 532),
)
"""Tags that describe how a TIFF's own pixels are stored, and those that are kept separately."""
_SRGB_SPACE = 1


@dataclass(frozen=True, slots=True)
class StillNotes:
    """The metadata of a picture.

    Attributes:
        exif: Its EXIF block, without orientation (which is applied) and thumbnails.
        xmp: Its XMP packet.
        iptc: Its IPTC-IIM records.
        comment: JPEG's comment.
        text: Keywords and texts of a PNG.
    """

    exif: bytes | None = None
    xmp: bytes | None = None
    iptc: bytes | None = None
    comment: bytes | None = None
    text: tuple[tuple[str, str], ...] = ()


def notes_of(picture: PIL.Image.Image, exif: PIL.Image.Exif | None) -> StillNotes:
    """The metadata of a picture that was loaded.

    Args:
        picture: As Pillow opened it.
        exif: Its EXIF block; None if that cannot be used.
    """
    info: dict[Any, Any] = picture.info
    tags: Any = getattr(picture, "tag_v2", {})
    photoshop = info.get("photoshop") or {}
    if not isinstance(photoshop, dict):
        photoshop = {}
    iptc = photoshop.get(_IPTC_RESOURCE) or tags.get(_TIFF_IPTC)
    texts = getattr(picture, "text", None) or {}
    return StillNotes(
        exif=_exif_block(exif),
        xmp=_still_true(as_bytes(info.get("xmp") or tags.get(_TIFF_XMP))),
        iptc=as_bytes(iptc),
        comment=as_bytes(info.get("comment")) if picture.format != "GIF" else None,
        text=tuple((str(k), str(v)) for k, v in texts.items() if k != _XMP_KEYWORD),
    )


def says_something(notes: StillNotes) -> bool:
    """Whether there is more than a resolution and a program's name, which every TIFF has."""
    block = PIL.Image.Exif()
    block.load(notes.exif or b"")
    told = set(block) - {282, 283, 296, ExifTags.Base.Software}
    return bool(told) or replace(notes, exif=None) != StillNotes()


def exif_for(exif: bytes, width: int, height: int) -> bytes:
    """An EXIF block with the size and the colors of the picture that is written.

    Only values that it states already are changed.
    """
    block = PIL.Image.Exif()
    block.load(exif)
    for values in (block, block.get_ifd(ExifTags.IFD.Exif)):
        for tag, axis in _SIZES.items():
            if tag in values:
                values[tag] = (width, height)[axis]
        if ExifTags.Base.ColorSpace in values:
            values[ExifTags.Base.ColorSpace] = _SRGB_SPACE
    return block.tobytes()


_IMAGE_HISTORY = 0x9213
"""The EXIF tag of ISO 12234-2 (TIFF/EP) for what was done to a picture, in lines of text."""


def note_in(exif: bytes | None) -> str:
    """The note in an EXIF block of how its picture was painted; "" for none."""
    return next((line for line in _history(exif) if line.startswith(NOTE_BEGINS)), "")


def with_note(exif: bytes | None, note: str) -> bytes | None:
    """An EXIF block with a note at the end of the image history, in place of an earlier note."""
    lines = [line for line in _history(exif) if not line.startswith(NOTE_BEGINS)]
    lines += [note] if note else []
    block = PIL.Image.Exif()
    block.load(exif or b"")
    block.pop(_IMAGE_HISTORY, None)
    if lines:
        block[_IMAGE_HISTORY] = "\n".join(lines)
    return block.tobytes() if len(block) else None


def _history(exif: bytes | None) -> list[str]:
    block = PIL.Image.Exif()
    block.load(exif or b"")
    return str(block.get(_IMAGE_HISTORY, "")).splitlines()


def iptc_segment(iptc: bytes) -> bytes:
    """The marker segment of a JPEG with IPTC records, as Photoshop writes it."""
    padded = iptc + b"\0" * (len(iptc) % 2)
    resource = b"8BIM" + struct.pack(">H2xI", _IPTC_RESOURCE, len(iptc)) + padded
    content = b"Photoshop 3.0\0" + resource
    return b"\xff\xed" + struct.pack(">H", len(content) + 2) + content


def _exif_block(exif: PIL.Image.Exif | None) -> bytes | None:
    if exif is None:
        return None
    block = PIL.Image.Exif()  # Pillow's own object still has the orientation
    block.load(exif.tobytes())
    for tag in (ExifTags.Base.Orientation, *_LAYOUT):
        block.pop(tag, None)
    if not set(block) - set(_SIZES):  # only what describes a TIFF's own pixels
        return None
    return block.tobytes()


def _still_true(xmp: bytes | None) -> bytes | None:
    """An XMP packet without what says that a film or a gain map follows the picture: none does."""
    if xmp is None:
        return None
    xmp = re.sub(rb"((?:MotionPhoto|MicroVideo)(?:=[\"']|>))1", rb"\g<1>0", xmp)
    return re.sub(rb"\shdrgm:\w+=(?:\"[^\"]*\"|'[^']*')", b"", xmp)


def as_bytes(value: object) -> bytes | None:
    """The bytes of a value that Pillow gives as bytes, as text, or as a tuple with one of these."""
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape")
    if isinstance(value, tuple) and value and isinstance(value[0], bytes):
        return value[0]
    return bytes(value) if isinstance(value, bytes | bytearray) and value else None
