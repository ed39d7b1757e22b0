"""Whether a file is a film or a still picture: by its first bytes, else by its name."""

import glob
import os
import re
import struct
from pathlib import Path
from typing import NamedTuple

from nstd.errors import NstdError, UnsupportedError
from nstd.files import opened

FILM_SUFFIXES: frozenset[str] = frozenset(
    (
        ".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".m2v", ".ts", ".m2ts",
        ".mts", ".wmv", ".asf", ".flv", ".ogv", ".3gp", ".3g2", ".mxf", ".vob", ".y4m", ".gif",
        ".apng",
    )
)  # fmt: skip
"""Suffixes, in lower case, that a watched folder takes for films. A GIF is a film."""

PILLOW_FORMATS = {
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".png": "PNG",
    ".webp": "WEBP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".bmp": "BMP",
    ".heic": "HEIF",
    ".heif": "HEIF",
    ".hif": "HEIF",
    ".avif": "AVIF",
}
"""Suffixes, in lower case, that are taken for still pictures, and Pillow's names of the formats."""

STILL_SUFFIXES: frozenset[str] = frozenset(PILLOW_FORMATS)
"""Suffixes that written pictures may have."""

READ_FORMATS = PILLOW_FORMATS | {".exr": "EXR"}
"""Suffixes of pictures that are read, and the names of the formats."""

REFUSED_FORMATS = {
    "JPEG XL": (".jxl",),
    "JPEG 2000": (".jp2", ".j2k", ".jpf", ".jpx", ".j2c", ".jpc"),
    "SVG": (".svg", ".svgz"),
    "camera raw": (
        ".dng", ".cr2", ".cr3", ".crw", ".nef", ".nrw", ".arw", ".srf", ".sr2", ".orf", ".rw2",
        ".raf", ".pef", ".srw", ".x3f", ".3fr", ".iiq", ".rwl", ".kdc",
    ),
    "Photoshop": (".psd", ".psb"),
    "Radiance HDR": (".hdr",),
    "GIMP": (".xcf",),
    "PDF": (".pdf",),
    "EPS": (".eps", ".ai"),
    "icon": (".ico",),
    "Targa": (".tga",),
    "portable anymap": (".ppm", ".pgm", ".pbm", ".pnm", ".pam", ".pfm"),
    "DirectDraw": (".dds",),
    "QOI": (".qoi",),
}  # fmt: skip
"""Kinds of pictures that are not read, and the suffixes, in lower case, that they go by."""

_REFUSED_BY_SUFFIX = {
    suffix: name for name, suffixes in REFUSED_FORMATS.items() for suffix in suffixes
}

HEAD_BYTES = 64 << 10
"""So much of a file is read to tell what it is. A PNG says before its pixels that it is animated,
and a HEIF file begins with its items; a color profile before these takes a few kilobytes."""

NUMBER_FIELD = re.compile(r"%(0?)(\d*)d")
"""The number field in the pattern of numbered images, as in `shot_%04d.png`."""


def is_numbered(path: Path) -> bool:
    """Whether a path names numbered images, by a number field or as a glob, and is no file."""
    named = NUMBER_FIELD.search(path.name) is not None or glob.has_magic(path.name)
    return named and path.suffix.lower() in READ_FORMATS and not os.path.lexists(path)


FILM = "film"

_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (rb"\xff\xd8\xff", "JPEG"),
    (rb"\x89PNG\r\n\x1a\n", "PNG"),
    (rb"RIFF.{4}WEBP", "WEBP"),
    (rb"(?:II\x2a\0|MM\0\x2a).{4}CR|II(?:RO|RS|U\0)|FUJIFILMCCD-RAW|FOVb", "camera raw"),
    (rb".{4}ftypcrx ", "camera raw"),
    (rb"II[\x2a\x2b]\0|MM\0[\x2a\x2b]", "TIFF"),
    (rb"BM.{12}[\x0c\x28\x34\x38\x40\x6c\x7c]\0{3}", "BMP"),
    (rb".{4}ftypavi[fs]", "AVIF"),
    (rb".{4}ftyp(?:hei[cxms]|hev[cxms])", "HEIF"),
    (rb".{4}ftyp(?:mif1|msf1).{4}(?:.{4}){0,16}?avi[fs]", "AVIF"),
    (rb".{4}ftyp(?:mif1|msf1)", "HEIF"),
    (rb"\xff\x0a|\0{3}\x0cJXL ", "JPEG XL"),
    (rb"\0{3}\x0cjP  \r\n|\xff\x4f\xff\x51", "JPEG 2000"),
    (rb"8BPS", "Photoshop"),
    (rb"\x76\x2f\x31\x01", "EXR"),
    (rb"#\?(?:RADIANCE|RGBE)", "Radiance HDR"),
    (rb"gimp xcf", "GIMP"),
    (rb"%PDF-", "PDF"),
    (rb"%!PS-Adobe|\xc5\xd0\xd3\xc6", "EPS"),
    (rb"DDS \x7c\0{3}", "DirectDraw"),
    (rb"qoif", "QOI"),
    (rb"\s*<(?:svg|\?xml|!DOCTYPE svg).*?<svg|\s*<svg", "SVG"),
    (rb".{4}(?:ftyp|moov|mdat|wide)|\x1a\x45\xdf\xa3|RIFF.{4}AVI |GIF8[79]a|FLV\x01", FILM),
    (rb"\x30\x26\xb2\x75\x8e\x66\xcf\x11|OggS|YUV4MPEG2 |\x06\x0e\x2b\x34\x02\x05\x01\x01", FILM),
)
"""Beginnings of files, and what such files are; the first that fits counts."""

_KINDS = tuple((re.compile(pattern, re.DOTALL), name) for pattern, name in _SIGNATURES)


class FileKind(NamedTuple):
    """What a file is.

    Attributes:
        still: Whether it is a still picture; all else is a film, or taken for one.
        format: Pillow's name of a still picture's format.
        alpha: Whether a HEIF file says before its pixels that it may be transparent.
    """

    still: bool
    format: str = FILM
    alpha: bool = False


def kind_of(path: Path, content: Path | None = None) -> FileKind:
    """What a file is, by its content where that is recognized, else by its name.

    Numbered images together are a film.

    Args:
        path: The file.
        content: Path of what is read, if the file is not to be opened by its name.

    Raises:
        UnsupportedError: It is a picture of a kind that is not read.
    """
    if content is None and is_numbered(path):
        return FileKind(still=False)
    suffix = path.suffix.lower()
    head = _head(content or path)
    found = _recognized(head)
    if refused := _refused(suffix, found):
        raise UnsupportedError(f"{path} is {_named(refused)}, which is not read", REFUSED_REMEDY)
    if found is None:
        found = READ_FORMATS.get(suffix, FILM)
    if found == FILM or (found == "PNG" and _is_animated_png(head)):
        return FileKind(still=False)
    return FileKind(still=True, format=found, alpha=found == "HEIF" and _has_alpha_item(head))


REFUSED_REMEDY = "Convert it to TIFF or PNG"


def is_still(path: Path, content: Path | None = None) -> bool:
    """Whether a file is a still picture; see `kind_of`."""
    return kind_of(path, content).still


def is_media(path: Path) -> bool:
    """Whether a file's name says that it is a film or a picture."""
    return path.suffix.lower() in FILM_SUFFIXES | READ_FORMATS.keys()


def looks_like_media(path: Path) -> bool:
    """Whether a file's name or its first bytes say that it is a film or a picture."""
    return is_media(path) or is_numbered(path) or _recognized(_head(path)) is not None


def why_no_media(path: Path) -> str:
    """A sentence for a file that is neither film nor picture, as `is_media` says."""
    refused = _REFUSED_BY_SUFFIX.get(path.suffix.lower())
    if refused is None:
        return "it is no film and no picture by its name"
    return f"it is {_named(refused)}, which is not read: convert it to TIFF or PNG"


def is_refused_picture(path: Path) -> bool:
    """Whether a file's name says that it is a picture of a kind that is not read."""
    return path.suffix.lower() in _REFUSED_BY_SUFFIX


def _named(refused: str) -> str:
    return f"a picture of the kind {refused}"


def _refused(suffix: str, found: str | None) -> str | None:
    """The kind of picture that is not read, if it is one; else None."""
    by_name = _REFUSED_BY_SUFFIX.get(suffix)
    # Camera raw begins like TIFF, but Pillow would read only its preview.
    if found is None or (found == "TIFF" and by_name == "camera raw"):
        return by_name
    return found if found in REFUSED_FORMATS else None


def _recognized(head: bytes) -> str | None:
    """What a file is that begins so; None where that is not known."""
    return next((name for pattern, name in _KINDS if pattern.match(head)), None)


def _head(path: Path) -> bytes:
    """The first bytes of a file; b"" if it cannot be read, which is an error when all is read."""
    try:
        with opened(path, beneath=None) as descriptor:
            return os.pread(descriptor, HEAD_BYTES, 0)
    except (NstdError, OSError):
        return b""


def _is_animated_png(head: bytes) -> bool:
    position = 8
    while position + 8 <= len(head):
        length, name = struct.unpack_from(">I4s", head, position)
        if name in {b"acTL", b"IDAT"}:
            return bool(name == b"acTL")
        position += 12 + length
    return False


def _has_alpha_item(head: bytes) -> bool:
    return any(name in head for name in _ALPHA_ITEMS)


_ALPHA_ITEMS = (b"urn:mpeg:hevc:2015:auxid:1\0", b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0")
"""Names of the type of an auxiliary picture that is alpha (ISO/IEC 23008-12)."""
