"""The formats in which pictures are written, one entry each: what it holds, and how it is made."""

import io
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy.typing as npt
import PIL.Image
from PIL import ExifTags, ImageCms, PngImagePlugin, TiffImagePlugin

from nstd.media.frame import ImageU16
from nstd.media.still import Still
from nstd.media.still_notes import iptc_segment

Options = dict[str, Any]
"""Pillow's options: resolution, EXIF block, color profile, XMP packet, quality and more."""

_SEGMENT = 65_533
"""Most bytes that a segment of a JPEG holds."""
_SHARP_CHROMA = 90
"""From this quality on JPEG keeps color at full resolution."""


@lru_cache(maxsize=1)
def srgb_profile() -> bytes:
    """Little CMS's profile of sRGB, without its time of creation."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[24:36] = struct.pack(">6H", 2000, 1, 1, 0, 0, 0)
    return bytes(profile)


def _with_heif() -> None:
    import pillow_heif  # noqa: PLC0415 - 26 MB of libraries, which few pictures need

    pillow_heif.register_heif_opener()


def _as_jpeg(still: Still, options: Options) -> Options:
    can, notes = STILL_FORMATS["JPEG"], still.notes
    options["optimize"] = True
    options["subsampling"] = 0 if options["quality"] >= _SHARP_CHROMA else 2
    if notes.iptc and can.fits(notes.iptc, 64):
        options["extra"] = iptc_segment(notes.iptc)
    if notes.comment and can.fits(notes.comment):
        options["comment"] = notes.comment
    return options


def _as_png(still: Still, options: Options) -> Options:
    chunks, notes = PngImagePlugin.PngInfo(), still.notes
    if still.profiled:
        chunks.add(b"sRGB", b"\0")  # perceptual, as is usual
    if notes.xmp:
        chunks.add_itxt("XML:com.adobe.xmp", notes.xmp.decode("utf-8", "replace"))
    for key, text in notes.text:
        chunks.add_text(key, text)
    if notes.comment:
        chunks.add_text("Comment", notes.comment.decode("utf-8", "replace"))
    general = {name: one for name, one in options.items() if name not in {"icc_profile", "xmp"}}
    return general | {"pnginfo": chunks}


def _as_webp(still: Still, options: Options) -> Options:
    lossless = still.lossless and still.format == "WEBP"
    return options | ({"lossless": True} if lossless else {"method": 4})


def _as_tiff(still: Still, options: Options) -> Options:
    block = options.get("exif")
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    if block is not None:
        exif = PIL.Image.Exif()
        exif.load(block)
        for tag, value in exif.items():
            within = tag in {ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo}
            tags[tag] = dict(exif.get_ifd(tag)) if within else value
    for tag, kind, content in ((700, 1, still.notes.xmp), (33723, 7, still.notes.iptc)):
        if content:
            tags.tagtype[tag] = kind
            tags[tag] = content
    general = {name: one for name, one in options.items() if name not in {"exif", "xmp"}}
    return general | {"tags": tags}


def _deep_png(image: ImageU16, options: Options) -> bytes:
    """A PNG: OpenCV encodes the pixels, Pillow all else."""
    import cv2  # noqa: PLC0415 - few pictures need it

    order = [2, 1, 0, 3][: image.shape[2]]
    _, pixels = cv2.imencode(".png", image[..., order])
    buffer = io.BytesIO()
    PIL.Image.new("RGB", (1, 1)).save(buffer, "PNG", **options)
    own: dict[bytes, list[bytes]] = {}
    for name, chunk in _chunks(pixels.tobytes()):
        own.setdefault(name, []).append(chunk)
    whole = [buffer.getvalue()[:8]]
    for name, chunk in _chunks(buffer.getvalue()):
        whole += own.get(name, []) if name in {b"IHDR", b"IDAT"} else [chunk]
    return b"".join(whole)


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    position = 8
    while position < len(png):
        length, name = struct.unpack_from(">I4s", png, position)
        yield name, png[position : position + 12 + length]
        position += 12 + length


def _tiff(image: npt.NDArray[Any], options: Options) -> bytes:
    """A TIFF of one strip. Pillow writes 8 bits, and only the outermost part of an EXIF block."""
    height, width, channels = image.shape
    pixels = zlib.compress(image.astype(image.dtype.newbyteorder("<")).tobytes(), _TIFF_EFFORT)
    tags = options["tags"]
    if "icc_profile" in options:
        tags.tagtype[34675] = 7
        tags[34675] = options["icc_profile"]
    if "dpi" in options:
        tags[282], tags[283] = options["dpi"]
        tags[296] = 2  # inches
    tags[256], tags[257] = width, height
    tags[258] = (image.dtype.itemsize * 8,) * channels
    tags[259] = 8  # Deflate
    tags[262], tags[277], tags[278], tags[284] = 2, channels, height, 1
    if channels == 4:
        tags[338] = 2  # straight alpha
    tags[273], tags[279] = 0, len(pixels)  # offsets from the directory's end, at first
    return b"II\x2a\0\x08\0\0\0" + bytes(tags.tobytes(8)) + pixels


_TIFF_EFFORT = 6
"""zlib's default level."""


@dataclass(frozen=True, slots=True)
class StillFormat:
    """What a format of pictures can hold beside the picture.

    Attributes:
        alpha: Transparency.
        lossy: Whether it loses detail, unless an option forbids it.
        dpi: The resolution.
        exif: An EXIF block.
        profile: A color profile.
        xmp: An XMP packet.
        iptc: IPTC records.
        text: Keywords with texts, among them a comment.
        comment: A comment.
        longest: Most bytes of such a block; None for any number.
        told: Makes Pillow's options from those that all formats have in common.
        made: Makes the file in place of Pillow.
        made_deep: Makes a file of 16 bits a color, which Pillow cannot.
        prepare: Called before Pillow writes a file.
    """

    alpha: bool = True
    lossy: bool = False
    dpi: bool = False
    exif: bool = True
    profile: bool = True
    xmp: bool = True
    iptc: bool = False
    text: bool = False
    comment: bool = False
    longest: int | None = None
    told: Callable[[Still, Options], Options] = lambda _, options: options
    made: Callable[[npt.NDArray[Any], Options], bytes] | None = None
    made_deep: Callable[[npt.NDArray[Any], Options], bytes] | None = None
    prepare: Callable[[], None] = lambda: None

    @property
    def deep(self) -> bool:
        """Whether it has 16 bits a color."""
        return self.made_deep is not None

    def fits(self, block: bytes | None, beside: int = 0) -> bool:
        """Whether a block fits into a file, together with `beside` more bytes."""
        return self.longest is None or len(block or b"") + beside <= self.longest


STILL_FORMATS: dict[str, StillFormat] = {
    "JPEG": StillFormat(
        alpha=False,
        lossy=True,
        dpi=True,
        iptc=True,
        comment=True,
        longest=_SEGMENT,
        told=_as_jpeg,
    ),
    "PNG": StillFormat(dpi=True, text=True, comment=True, told=_as_png, made_deep=_deep_png),
    "TIFF": StillFormat(dpi=True, iptc=True, told=_as_tiff, made=_tiff, made_deep=_tiff),
    "WEBP": StillFormat(lossy=True, told=_as_webp),
    "AVIF": StillFormat(lossy=True),
    "HEIF": StillFormat(lossy=True, prepare=_with_heif),
    "BMP": StillFormat(alpha=False, dpi=True, exif=False, profile=False, xmp=False),
}
"""Formats by Pillow's name."""
