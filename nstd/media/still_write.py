"""Still pictures are written with Pillow, with the metadata of the source that the format holds."""

import io
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import PIL.Image

from nstd.errors import UnsupportedError
from nstd.files import part_path, removed_on_failure, sync_file, write_part
from nstd.media.fates import Fate, lost
from nstd.media.frame import ImageU16, Pixels
from nstd.media.names import PILLOW_FORMATS
from nstd.media.still import Still, alpha_of, on_white
from nstd.media.still_colors import to_eight
from nstd.media.still_formats import STILL_FORMATS, srgb_profile
from nstd.media.still_notes import exif_for, with_note

_XMP_HEADER, _IPTC_HEADER = 29, 64
"""Size of the header that marks a block of a JPEG as XMP, and the largest size of that for IPTC."""
PAINTED_QUALITY = 95
"""For formats that lose detail. Paint strokes are high frequencies, which lower qualities smear.
With six shipped styles, 99 of 100 code values of a JPEG are off by at most 4; at 90 by 10, at 85
by 36. 98 takes a fifth more bytes for an error of 3."""


def still_fates(still: Still, target: Path, note: str = "") -> list[Fate]:
    """What becomes of a picture's metadata, alpha and depth when `target` is painted from it.

    Args:
        still: The picture.
        target: Path of the painted picture, whose suffix chooses the format.
        note: Text for the painted picture that says how it was painted; "" for none.
    """
    form = _format_of(target)
    can = STILL_FORMATS[form]
    notes = still.notes
    cannot = f"{form} cannot hold it"
    fates = [lost("picture", name, "it is not read") for name in still.lost]
    for there, fits, name in (
        (still.alpha is not None, can.alpha, "transparency"),
        (still.deep is not None, can.deep, "more than 8 bits a color"),
        (notes.exif, can.exif and can.fits(notes.exif), "EXIF data"),
        (notes.xmp, can.xmp and can.fits(notes.xmp, _XMP_HEADER), "XMP data"),
        (notes.iptc, can.iptc and can.fits(notes.iptc, _IPTC_HEADER), "IPTC data"),
        (notes.comment, can.comment and can.fits(notes.comment), "the comment"),
        (notes.text, can.text, f"text ({', '.join(key for key, _ in notes.text)})"),
        (still.dpi, can.dpi, "the resolution"),
        (_is_lossless(still, form), True, "lossless coding"),
    ):
        if there:
            fates.append(Fate("picture", name) if fits else lost("picture", name, cannot))
    if still.profiled:
        fates.append(Fate("picture", "the colors", "converted", "sRGB"))
    if note and not (can.exif and can.fits(with_note(notes.exif, note))):
        fates.append(Fate("metadata", "how it was painted", "lost", why=cannot))
    return fates


def holds_16_bits(target: Path) -> bool:
    """Whether pictures of 16 bits a color are written as such to a file of this name.

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
        still: The picture from which it was painted. Its metadata is kept as `still_fates` says;
            its alpha is scaled to fit.
        target: Where it will be published; its suffix chooses the format.
        quality: 1 to 100, for formats that lose detail.
        note: Text that says how it was painted; "" for none.

    Returns:
        Path of the part, on the disk.

    Raises:
        UnsupportedError: Pictures cannot be written with that suffix.
        DiskFullError: No space is left; nothing stays behind.
        StorageError: The file system failed; nothing stays behind.
    """
    form = _format_of(target)
    STILL_FORMATS[form].prepare()
    try:
        content = _encoded(image, _noted(still, form, note), form, quality)
    except (
        OSError,
        ValueError,
    ) as error:  # a picture too large for the format
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
    """The picture with a note in its EXIF block, unless that would then be too long."""
    exif = with_note(still.notes.exif, note)
    if not STILL_FORMATS[form].fits(exif):
        return still
    return replace(still, notes=replace(still.notes, exif=exif))


def _is_lossless(still: Still, form: str) -> bool:
    return still.lossless and form == still.format


def _encoded(image: Pixels, still: Still, form: str, quality: int) -> bytes:
    can, (height, width) = STILL_FORMATS[form], image.shape[:2]
    options = _save_options(still, form, quality, (width, height))
    alpha = alpha_of(still)
    if alpha is not None and alpha.size != (width, height):
        alpha = alpha.resize((width, height), PIL.Image.Resampling.BICUBIC)
    if image.dtype == np.uint16 and not can.deep:
        image = to_eight(cast("ImageU16", image))
    if make := can.made_deep if image.dtype == np.uint16 else can.made:
        return make(_with_alpha(image, alpha), options)
    picture = PIL.Image.fromarray(np.ascontiguousarray(image))
    if not can.alpha:
        picture = on_white(picture, alpha)
    elif alpha is not None:
        picture.putalpha(alpha)
    buffer = io.BytesIO()
    picture.save(buffer, form, **options)
    return buffer.getvalue()


def _with_alpha(image: Pixels, alpha: PIL.Image.Image | None) -> npt.NDArray[Any]:
    """The picture with its alpha as a fourth channel, if it has one, of the same depth."""
    if alpha is None:
        return np.ascontiguousarray(image)
    codes = np.asarray(alpha, image.dtype) * (257 if image.dtype == np.uint16 else 1)
    return np.dstack([image, codes.astype(image.dtype)])


def _save_options(still: Still, form: str, quality: int, size: tuple[int, int]) -> dict[str, Any]:
    can, notes = STILL_FORMATS[form], still.notes
    options: dict[str, Any] = {"dpi": still.dpi} if still.dpi and can.dpi else {}
    if notes.exif and can.exif and can.fits(notes.exif):
        options["exif"] = exif_for(notes.exif, *size)
    if still.profiled and can.profile:
        options["icc_profile"] = srgb_profile()
    if notes.xmp and can.xmp and can.fits(notes.xmp, _XMP_HEADER):
        options["xmp"] = notes.xmp
    if can.lossy:
        options["quality"] = quality
    return can.told(still, options)
