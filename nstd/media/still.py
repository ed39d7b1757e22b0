"""Still pictures in and out, with Pillow: upright, in sRGB, eight bits, whatever came in."""

import io
import logging
import struct
import warnings
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import PIL.Image
from PIL import (  # the plugins by name: to open a WebP Pillow would load all that it has
    ExifTags,
    ImageCms,
    ImageOps,
    TiffImagePlugin,  # noqa: F401
    UnidentifiedImageError,
    WebPImagePlugin,  # noqa: F401
)

from nstd.errors import NstdError, UnreadableError, UnsupportedError
from nstd.files import part_path, removed_on_failure, sync_file, write_part
from nstd.media.frame import Image, Mask
from nstd.media.names import PILLOW_FORMATS
from nstd.media.read.limits import Limits

_LOG = logging.getLogger(__name__)

# Pillow's own limit is one number for the whole process; ours is looked at for each picture
# instead, once its header is read and before anything is decoded.
PIL.Image.MAX_IMAGE_PIXELS = None

_WITHOUT_ALPHA = {"JPEG", "BMP"}
_JPEG_EXIF = 65_533
"""Bytes of EXIF that fit into a JPEG."""
_SHARP_CHROMA = 90
"""From this quality on JPEG keeps color at full resolution."""


@dataclass(frozen=True, slots=True, eq=False)
class Still:
    """A still picture, and what is needed to write another in its place.

    Attributes:
        image: uint8 `[height, width, 3]`, sRGB, upright.
        alpha: uint8 `[height, width]`, 255 opaque; None where the picture has none.
        format: Pillow's name of its format, such as "JPEG".
        dpi: Dots per inch, across and down, or None.
        exif: Its EXIF block without the orientation, which is applied; None where it has none.
        note: What it says of how it was painted; anybody can have written that.
    """

    image: Image
    alpha: Mask | None
    format: str
    dpi: tuple[float, float] | None = None
    exif: bytes | None = None
    note: str = ""


_PROMISED = (*dict.fromkeys(PILLOW_FORMATS.values()),)
"""What Pillow is asked to open, going by the content: among its other formats are some that run
programs (EPS), read other files (FITS, WMF) or were written for a single game."""


def decode_still(content: bytes, path: Path, limits: Limits) -> Still:
    """Decode a picture in this process; what comes from elsewhere is for `pictures.read_still`.

    Args:
        content: The file's.
        path: Its name, for messages.
        limits: What it may have at most.

    Raises:
        UnreadableError: It is damaged, or none of the formats that are promised.
        UnsupportedError: It is beyond a limit; it is not decoded.
    """
    limits.require_still_bytes(path, len(content))
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", category=UserWarning)  # of odd but harmless metadata
            with PIL.Image.open(io.BytesIO(content), formats=_PROMISED) as picture:
                limits.require_still_size(path, *picture.size)
                return _decode(picture, path)
    except (NstdError, MemoryError):
        raise
    except UnidentifiedImageError as error:
        known = ", ".join(_PROMISED)
        raise UnreadableError(
            f"{path} is not a picture of a kind that is read ({known})"
        ) from error
    except Exception as error:  # Pillow's, for damaged files: its decoders raise anything
        raise UnreadableError(f"{path} is damaged ({error})") from error


def encode_still(
    image: Image, still: Still, target: Path, *, quality: int, note: str | None = None
) -> Path:
    """Write a picture to the hidden part beside `target`, to be published with `publish`.

    Args:
        image: uint8 `[height, width, 3]`, sRGB, of any size.
        still: The picture it was made from, whose alpha (scaled to fit), resolution and EXIF it
            gets.
        target: Where it will be published; its suffix chooses the format.
        quality: 1 to 100, for JPEG and WebP; the others are lossless.
        note: What the result says of how it was painted; None for nothing.

    Returns:
        Path of the part, on the disk.

    Raises:
        UnsupportedError: Pictures cannot be written with that suffix.
        DiskFullError: No space is left; nothing stays behind.
        StorageError: The file system failed; nothing stays behind.
    """
    form = PILLOW_FORMATS.get(target.suffix.lower())
    if form is None:
        known = ", ".join(sorted(PILLOW_FORMATS))
        raise UnsupportedError(
            f"Pictures cannot be written as {target.suffix or 'a file without suffix'}",
            f"Choose a name that ends in one of {known}",
        )
    picture = _with_alpha(image, still, form, target)
    still = replace(still, exif=_with_note(still.exif, note))
    buffer = io.BytesIO()
    try:
        picture.save(buffer, form, **_save_options(form, still, quality))
    except (OSError, ValueError) as error:  # Pillow's, for a picture too large for the format
        raise UnsupportedError(
            f"{target} cannot be written as {form} ({error})", "Choose PNG or TIFF"
        ) from error
    part = part_path(target.absolute())
    with removed_on_failure(part):
        write_part(part, buffer.getvalue(), target)
        sync_file(part)
    return part


def style_of(still: Still, max_edge: int) -> Image:
    """A picture to take a style from: on white where it is transparent.

    Args:
        still: The picture.
        max_edge: Pixels its longer edge has at most; a larger one is scaled down.

    Returns:
        uint8 `[height, width, 3]`, sRGB.
    """
    picture = _on_white(PIL.Image.fromarray(still.image), _alpha(still))
    if max(picture.size) > max_edge:
        picture.thumbnail((max_edge, max_edge), PIL.Image.Resampling.LANCZOS, reducing_gap=3.0)
    return np.asarray(picture).copy()


def _decode(picture: PIL.Image.Image, path: Path) -> Still:
    if getattr(picture, "n_frames", 1) > 1:
        _LOG.warning("%s holds several pictures; only the first is used", path)
    form = picture.format or "PNG"
    dpi = picture.info.get("dpi")
    picture.load()
    picture, exif = _upright(picture, path)
    profile = picture.info.get("icc_profile")
    picture, alpha = _eight_bits(picture)
    picture = _srgb(picture, profile, path)
    return Still(
        image=np.asarray(picture).copy(),
        alpha=None if alpha is None else np.asarray(alpha).copy(),
        format=form,
        dpi=None if dpi is None else (float(dpi[0]), float(dpi[1])),
        exif=exif,
        note=_note_in(exif),
    )


def _upright(picture: PIL.Image.Image, path: Path) -> tuple[PIL.Image.Image, bytes | None]:
    """Apply the EXIF orientation; the picture, and what else its EXIF block says."""
    try:
        picture = ImageOps.exif_transpose(picture)
        exif = picture.getexif()
        exif.pop(ExifTags.Base.Orientation, None)
        return picture, exif.tobytes() if len(exif) else None
    except (struct.error, SyntaxError, TypeError, ValueError, KeyError) as error:
        # Pillow's, for EXIF blocks no camera would write: the picture itself is sound.
        _LOG.warning("%s has EXIF data that cannot be used (%s)", path, error)
        return picture, None


def _eight_bits(
    picture: PIL.Image.Image,
) -> tuple[PIL.Image.Image, PIL.Image.Image | None]:
    """Bring a picture of any mode to one of L, RGB, CMYK or LAB, and part it from its alpha."""
    if picture.mode.startswith("I") or picture.mode == "F":
        return _from_deep_grey(picture), None
    if picture.has_transparency_data:
        grey = picture.mode in ("L", "LA", "La")
        picture = picture.convert("LA" if grey else "RGBA")
        alpha = picture.getchannel("A")
        opaque = alpha.getextrema() == (255, 255)
        return picture.convert("L" if grey else "RGB"), None if opaque else alpha
    if picture.mode in ("L", "RGB", "CMYK", "LAB"):
        return picture, None
    return picture.convert("L" if picture.mode == "1" else "RGB"), None


def _from_deep_grey(picture: PIL.Image.Image) -> PIL.Image.Image:
    """Grey of 16 or 32 bits; Pillow's own conversion clips it at 255 instead of scaling."""
    values = np.asarray(picture).astype(np.float64)
    if picture.mode == "F":
        # Floating point has no fixed white; 0 to 1 is the custom, else what there is.
        full = 1.0 if values.max(initial=0.0) <= 1.0 else float(values.max())
    else:
        full = 65535.0 if values.max(initial=0) <= 65535 else float(np.iinfo(np.int32).max)
    scaled = np.clip(np.rint(values * (255.0 / full)), 0, 255)
    return PIL.Image.fromarray(scaled.astype(np.uint8))


_IMAGE_HISTORY = 0x9213
"""The EXIF tag of ISO 12234-2 (TIFF/EP) for what was done to a picture, in lines of text."""
_NOTE = '{"nstd":'


def _note_in(exif: bytes | None) -> str:
    return next((line for line in _history(exif) if line.startswith(_NOTE)), "")


def _with_note(exif: bytes | None, note: str | None) -> bytes | None:
    """An EXIF block in which a note stands behind what else was done, in place of one before."""
    lines = [line for line in _history(exif) if not line.startswith(_NOTE)]
    lines += [] if note is None else [note]
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


def _srgb(picture: PIL.Image.Image, profile: bytes | None, path: Path) -> PIL.Image.Image:
    if profile or picture.mode == "LAB":
        try:
            source = (
                ImageCms.ImageCmsProfile(io.BytesIO(profile))
                if profile
                else ImageCms.createProfile("LAB")
            )
            converted = ImageCms.profileToProfile(
                picture, source, ImageCms.createProfile("sRGB"), outputMode="RGB"
            )
        except (ImageCms.PyCMSError, OSError) as error:
            _LOG.warning("%s has a color profile that cannot be used (%s)", path, error)
        else:
            if converted is not None:
                return converted
    return picture.convert("RGB")


def _with_alpha(image: Image, still: Still, form: str, target: Path) -> PIL.Image.Image:
    picture = PIL.Image.fromarray(np.ascontiguousarray(image))
    alpha = _alpha(still)
    if alpha is None:
        return picture
    if alpha.size != picture.size:
        alpha = alpha.resize(picture.size, PIL.Image.Resampling.BICUBIC)
    if form in _WITHOUT_ALPHA:
        _LOG.warning("%s cannot be transparent as %s; it is put on white", target, form)
        return _on_white(picture, alpha)
    picture.putalpha(alpha)
    return picture


def _alpha(still: Still) -> PIL.Image.Image | None:
    return None if still.alpha is None else PIL.Image.fromarray(still.alpha)


def _on_white(picture: PIL.Image.Image, alpha: PIL.Image.Image | None) -> PIL.Image.Image:
    if alpha is None:
        return picture
    white = PIL.Image.new("RGB", picture.size, "white")
    return PIL.Image.composite(picture, white, alpha)


def _save_options(form: str, still: Still, quality: int) -> dict[str, object]:
    options: dict[str, object] = {}
    if still.dpi and form != "WEBP":
        options["dpi"] = still.dpi
    fits = form != "JPEG" or len(still.exif or b"") <= _JPEG_EXIF
    if still.exif and form != "BMP" and fits:
        options["exif"] = still.exif
    elif still.exif:
        _LOG.warning("%s cannot hold the picture's EXIF data, so it is left out", form)
    if form == "JPEG":
        options |= {"quality": quality, "optimize": True}
        options["subsampling"] = 0 if quality >= _SHARP_CHROMA else 2
    elif form == "WEBP":
        options |= {"quality": quality, "method": 4}
    elif form == "TIFF":
        options["compression"] = "tiff_adobe_deflate"
    return options
