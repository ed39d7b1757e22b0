"""Still pictures out, with Pillow: what belonged to the source is kept as the format can."""

import io
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import PIL.Image
from PIL import ExifTags, ImageCms, PngImagePlugin, TiffImagePlugin

from nstd.errors import UnsupportedError
from nstd.files import part_path, removed_on_failure, sync_file, write_part
from nstd.media.fates import Fate, lost
from nstd.media.frame import ImageU16, Pixels
from nstd.media.names import PILLOW_FORMATS
from nstd.media.still import Still, alpha_of, on_white
from nstd.media.still_colors import to_eight
from nstd.media.still_notes import exif_for, iptc_segment, with_note

PAINTED_QUALITY = 95
"""For formats that lose detail. Paint strokes are high frequencies, which lower qualities smear. Of
six styles that ship, 99 of 100 code values of a JPEG are off by 4 at most, at 90 by 10, at 85 by
36; 98 takes a fifth more bytes to make that 3."""
_SEGMENT = 65_533
"""Bytes that a segment of a JPEG holds."""
_XMP_HEADER = 29
"""Bytes of that which say that it is XMP."""
_SHARP_CHROMA = 90
"""From this quality on JPEG keeps color at full resolution."""


@dataclass(frozen=True, slots=True)
class StillFormat:
    """What a format of pictures can hold beside the picture.

    Attributes:
        alpha: Transparency.
        deep: 16 bits a color.
        lossy: It loses detail, unless it is told not to.
        dpi: The resolution.
        exif: An EXIF block.
        profile: What its colors are.
        xmp: An XMP packet.
        iptc: IPTC records.
        text: Keywords with texts, among them a comment.
        comment: A comment.
    """

    alpha: bool = True
    deep: bool = False
    lossy: bool = False
    dpi: bool = False
    exif: bool = True
    profile: bool = True
    xmp: bool = True
    iptc: bool = False
    text: bool = False
    comment: bool = False


STILL_FORMATS: dict[str, StillFormat] = {
    "JPEG": StillFormat(alpha=False, lossy=True, dpi=True, iptc=True, comment=True),
    "PNG": StillFormat(deep=True, dpi=True, text=True, comment=True),
    "TIFF": StillFormat(deep=True, dpi=True, iptc=True),
    "WEBP": StillFormat(lossy=True),
    "AVIF": StillFormat(lossy=True),
    "HEIF": StillFormat(lossy=True),
    "BMP": StillFormat(alpha=False, dpi=True, exif=False, profile=False, xmp=False),
}
"""By Pillow's name."""


def still_fates(still: Still, target: Path, note: str = "") -> list[Fate]:
    """What becomes of what belongs to a picture when another, at `target`, takes its place.

    Args:
        still: The picture.
        target: The other one's path; its suffix chooses the format.
        note: What the other one is to say of how it was painted; "" for nothing.
    """
    form = _format_of(target)
    can = STILL_FORMATS[form]
    notes = still.notes
    cannot = f"{form} cannot hold it"
    fates = [lost("picture", name, "it is not read") for name in still.lost]
    for there, fits, name in (
        (still.alpha is not None, can.alpha, "transparency"),
        (still.deep is not None, can.deep, "more than 8 bits a color"),
        (notes.exif, can.exif and _fits(form, notes.exif, 0), "EXIF data"),
        (notes.xmp, can.xmp and _fits(form, notes.xmp, _XMP_HEADER), "XMP data"),
        (notes.iptc, can.iptc and _fits(form, notes.iptc, 64), "IPTC data"),
        (notes.comment, can.comment and _fits(form, notes.comment, 0), "the comment"),
        (notes.text, can.text, f"text ({', '.join(key for key, _ in notes.text)})"),
        (still.dpi, can.dpi, "the resolution"),
        (_is_lossless(still, form), True, "lossless coding"),
    ):
        if there:
            fates.append(Fate("picture", name) if fits else lost("picture", name, cannot))
    if still.profiled:
        fates.append(Fate("picture", "the colors", "converted", "sRGB"))
    if note and not (can.exif and _fits(form, with_note(notes.exif, note), 0)):
        fates.append(Fate("metadata", "how it was painted", "lost", why=cannot))
    return fates


def holds_16_bits(target: Path) -> bool:
    """Whether pictures are written with 16 bits a color to a file of this name, if they have them.

    Raises:
        UnsupportedError: Pictures cannot be written with that suffix.
    """
    return STILL_FORMATS[_format_of(target)].deep


def encode_still(
    image: Pixels, still: Still, target: Path, *, quality: int, note: str = ""
) -> Path:
    """Write a picture to the hidden part beside `target`, to be published with `publish`.

    Args:
        image: uint8 or uint16 `[height, width, 3]`, sRGB, of any size. 16 bits are written as such
            where the format holds them.
        still: The picture it was made from. What belongs to that is kept as `still_fates` says;
            alpha is scaled to fit.
        target: Where it will be published; its suffix chooses the format.
        quality: 1 to 100, for formats that lose detail.
        note: What the result says of how it was painted; "" for nothing.

    Returns:
        Path of the part, on the disk.

    Raises:
        UnsupportedError: Pictures cannot be written with that suffix.
        DiskFullError: No space is left; nothing stays behind.
        StorageError: The file system failed; nothing stays behind.
    """
    form = _format_of(target)
    if form == "HEIF":
        import pillow_heif  # noqa: PLC0415 - 26 MB of libraries, which few pictures need

        pillow_heif.register_heif_opener()
    try:
        content = _encoded(image, _noted(still, form, note), form, quality)
    except (OSError, ValueError) as error:  # Pillow's, for a picture too large for the format
        raise UnsupportedError(
            f"{target} cannot be written as {form} ({error})", "Choose PNG or TIFF"
        ) from error
    part = part_path(target.absolute())
    with removed_on_failure(part):
        write_part(part, content, target)
        sync_file(part)
    return part


def _format_of(target: Path) -> str:
    form = PILLOW_FORMATS.get(target.suffix.lower())
    if form is None:
        known = ", ".join(sorted(PILLOW_FORMATS))
        raise UnsupportedError(
            f"Pictures cannot be written as {target.suffix or 'a file without suffix'}",
            f"Choose a name that ends in one of {known}",
        )
    return form


def _noted(still: Still, form: str, note: str) -> Still:
    """The picture with a note in its EXIF block, unless that would then not fit."""
    exif = with_note(still.notes.exif, note)
    if not _fits(form, exif, 0):
        return still
    return replace(still, notes=replace(still.notes, exif=exif))


def _fits(form: str, block: bytes | None, beside: int) -> bool:
    """Whether a block of bytes fits into a file of this format."""
    return form != "JPEG" or len(block or b"") + beside <= _SEGMENT


def _is_lossless(still: Still, form: str) -> bool:
    return still.lossless and form == still.format


def _encoded(image: Pixels, still: Still, form: str, quality: int) -> bytes:
    height, width = image.shape[:2]
    options = _save_options(still, form, quality, (width, height))
    alpha = alpha_of(still)
    if alpha is not None and alpha.size != (width, height):
        alpha = alpha.resize((width, height), PIL.Image.Resampling.BICUBIC)
    if image.dtype == np.uint16 and not STILL_FORMATS[form].deep:
        image = to_eight(cast("ImageU16", image))
    if form == "TIFF":
        return _tiff(_with_alpha(image, alpha), options)
    if image.dtype == np.uint16:
        return _deep_png(_with_alpha(image, alpha), options)
    picture = PIL.Image.fromarray(np.ascontiguousarray(image))
    if not STILL_FORMATS[form].alpha:
        picture = on_white(picture, alpha)
    elif alpha is not None:
        picture.putalpha(alpha)
    buffer = io.BytesIO()
    picture.save(buffer, form, **options)
    return buffer.getvalue()


def _with_alpha(image: Pixels, alpha: PIL.Image.Image | None) -> npt.NDArray[Any]:
    """Three or four channels of one depth."""
    if alpha is None:
        return np.ascontiguousarray(image)
    codes = np.asarray(alpha, image.dtype) * (257 if image.dtype == np.uint16 else 1)
    return np.dstack([image, codes.astype(image.dtype)])


def _save_options(still: Still, form: str, quality: int, size: tuple[int, int]) -> dict[str, Any]:
    can, notes = STILL_FORMATS[form], still.notes
    options: dict[str, Any] = {"dpi": still.dpi} if still.dpi and can.dpi else {}
    if notes.exif and can.exif and _fits(form, notes.exif, 0):
        options["exif"] = exif_for(notes.exif, *size)
    if still.profiled and can.profile and form != "PNG":
        options["icc_profile"] = _srgb_profile()
    if notes.xmp and can.xmp and form not in {"PNG", "TIFF"} and _fits(form, notes.xmp, 29):
        options["xmp"] = notes.xmp
    if can.lossy:
        options["quality"] = quality
    if form == "JPEG":
        options |= _jpeg_options(still, quality)
    elif form == "WEBP":
        options |= {"lossless": True} if _is_lossless(still, form) else {"method": 4}
    elif form == "PNG":
        options["pnginfo"] = _png_chunks(still)
    elif form == "TIFF":
        options["tags"] = _tiff_tags(still, options.pop("exif", None))
    return options


def _jpeg_options(still: Still, quality: int) -> dict[str, Any]:
    notes = still.notes
    options: dict[str, Any] = {"optimize": True}
    options["subsampling"] = 0 if quality >= _SHARP_CHROMA else 2
    if notes.iptc and _fits("JPEG", notes.iptc, 64):
        options["extra"] = iptc_segment(notes.iptc)
    if notes.comment and _fits("JPEG", notes.comment, 0):
        options["comment"] = notes.comment
    return options


def _png_chunks(still: Still) -> PngImagePlugin.PngInfo:
    chunks, notes = PngImagePlugin.PngInfo(), still.notes
    if still.profiled:
        chunks.add(b"sRGB", b"\0")  # perceptual, as is usual
    if notes.xmp:
        chunks.add_itxt("XML:com.adobe.xmp", notes.xmp.decode("utf-8", "replace"))
    for key, text in notes.text:
        chunks.add_text(key, text)
    if notes.comment:
        chunks.add_text("Comment", notes.comment.decode("utf-8", "replace"))
    return chunks


def _tiff_tags(still: Still, block: bytes | None) -> TiffImagePlugin.ImageFileDirectory_v2:
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
    return tags


@lru_cache(maxsize=1)
def _srgb_profile() -> bytes:
    """Little CMS's own, without the time at which it was made."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[24:36] = struct.pack(">6H", 2000, 1, 1, 0, 0, 0)
    return bytes(profile)


# --- what Pillow does not write -----------------------------------------------------------------


def _deep_png(image: ImageU16, options: dict[str, Any]) -> bytes:
    """A PNG whose pixels OpenCV has encoded, and all else Pillow."""
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


def _tiff(image: npt.NDArray[Any], options: dict[str, Any]) -> bytes:
    """A TIFF of one strip; Pillow's has 8 bits, and of an EXIF block only the outermost part."""
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
        tags[338] = 2  # alpha, not multiplied
    tags[273], tags[279] = 0, len(pixels)  # from the directory's end on, to begin with
    return b"II\x2a\0\x08\0\0\0" + bytes(tags.tobytes(8)) + pixels


_TIFF_EFFORT = 6
"""zlib's usual one."""
