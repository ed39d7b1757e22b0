"""Still pictures are read with Pillow: upright and in sRGB, whatever the file has."""

import io
import logging
import re
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import PIL.Image
from PIL import (  # plugins by name: to open a WebP, Pillow would load all plugins
    AvifImagePlugin,  # noqa: F401
    ExifTags,
    ImageCms,
    ImageOps,
    TiffImagePlugin,  # noqa: F401
    UnidentifiedImageError,
    WebPImagePlugin,  # noqa: F401
)

from nstd.errors import NstdError, UnreadableError, UnsupportedError
from nstd.media.frame import ImageU8, ImageU16, MaskU8
from nstd.media.names import HEAD_BYTES, PILLOW_FORMATS, REFUSED_REMEDY
from nstd.media.read.limits import Limits
from nstd.media.still import Look, Still
from nstd.media.still_colors import Colors, colors_of, to_eight
from nstd.media.still_exr import MAGIC, decode_exr, look_at_exr
from nstd.media.still_notes import as_bytes, note_in, notes_of, says_something

_LOG = logging.getLogger(__name__)

# Pillow's own limit is one number for the whole process. Ours is checked for each picture, after
# its header is read and before anything is decoded.
PIL.Image.MAX_IMAGE_PIXELS = None


_PROMISED = tuple(one for one in dict.fromkeys(PILLOW_FORMATS.values()) if one != "HEIF")
"""Formats that Pillow may open, by content. Some of its others run programs (EPS), read other files
(FITS, WMF) or are for a single game. HEIF comes from another library, and is added for a file that
looks like it."""
_DNG_VERSION = 50706
"""Tag of a TIFF that is camera raw, of which Pillow reads only a preview."""
_DEEPER = "more than 8 bits a color"


def decode_still(content: bytes, path: Path, limits: Limits) -> Still:
    """Decode a picture in this process. For files from anywhere use `pictures.read_still`.

    Args:
        content: The content of the file.
        path: Its name, for messages.
        limits: What the picture may have at most.

    Raises:
        UnreadableError: It is damaged, or of no supported format.
        UnsupportedError: It is beyond a limit, and is not decoded; or it is camera raw.
    """
    limits.require_still_bytes(path, len(content))
    if content.startswith(MAGIC):
        return decode_exr(content, path, limits)
    with _opened(io.BytesIO(content), path, limits) as picture:
        return _decode(picture, content, path)


def look_at(file: BinaryIO, path: Path, limits: Limits) -> Look:
    """What a picture's header tells; raises as `decode_still`."""
    head = file.read(HEAD_BYTES)
    if head.startswith(MAGIC):
        return look_at_exr(head, path, limits)
    file.seek(0)
    with _opened(file, path, limits) as picture:
        exif, turn = _exif_of(picture, path)
        width, height = picture.size
        raw = _raw_mode(picture)
        deep = picture.mode == "F" or picture.mode.startswith("I") or ";16" in raw
        return Look(
            notes=says_something(notes_of(picture, exif)),
            size=(height, width) if turn >= _FIRST_SIDEWAYS else (width, height),
            alpha=picture.has_transparency_data,
            deep=deep or picture.info.get("bit_depth", 8) > 8,
        )


_FIRST_SIDEWAYS = 5
"""EXIF orientations from this one on exchange width and height."""


@contextmanager
def _opened(file: BinaryIO, path: Path, limits: Limits) -> Iterator[PIL.Image.Image]:
    formats = [*_PROMISED]
    if file.read(8)[4:] == b"ftyp":
        _learn_heif()
        formats.append("HEIF")
    file.seek(0)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", category=UserWarning)  # of odd but harmless metadata
            with PIL.Image.open(file, formats=formats) as picture:
                limits.require_still_size(path, *picture.size)
                _refuse_raw(picture, path)
                yield picture
    except (NstdError, MemoryError):
        raise
    except UnidentifiedImageError as error:
        known = ", ".join(dict.fromkeys(PILLOW_FORMATS.values()))
        raise UnreadableError(
            f"{path} is not a picture of a kind that is read ({known})"
        ) from error
    except Exception as error:  # for damaged files Pillow's decoders raise anything
        raise UnreadableError(f"{path} is damaged ({error})") from error


def _refuse_raw(picture: PIL.Image.Image, path: Path) -> None:
    if _DNG_VERSION in getattr(picture, "tag_v2", {}):
        what = f"{path} is a picture of the kind camera raw, which is not read"
        raise UnsupportedError(what, REFUSED_REMEDY)


def _learn_heif() -> None:
    import pillow_heif  # noqa: PLC0415 - 26 MB of libraries, which few pictures need

    pillow_heif.register_heif_opener()


def _decode(picture: PIL.Image.Image, content: bytes, path: Path) -> Still:
    lost: list[str] = []
    if getattr(picture, "n_frames", 1) > 1:
        _LOG.warning("%s holds several pictures; only the first is used", path)
        lost.append("all pictures but the first")
    dpi, raw = picture.info.get("dpi"), _raw_mode(picture)
    picture.load()
    exif, turn = _exif_of(picture, path)
    notes, colors = notes_of(picture, exif), colors_of(picture.info, content)
    lost += _not_read(picture, content)
    if colors.hdr:
        lost.append(f"high dynamic range ({colors.hdr})")
    deep, codes = None, _deep_codes(picture, content, raw)
    if codes is None and ";16" in raw:
        lost.append(_DEEPER)
    if codes is not None and colors.profile and colors.shaper is None:
        lost.append(f"{_DEEPER}: its color profile is a table, which is applied to 8")
        codes = None
    if codes is None:
        upright = ImageOps.exif_transpose(picture) if turn > 1 else picture
        image, alpha = _shallow(upright, colors, path)
    else:
        deep, alpha = _deep(_TURNS[turn](codes), colors)
        image = to_eight(deep)
    return Still(
        image=image,
        alpha=alpha,
        format="JPEG" if picture.format == "MPO" else picture.format or "PNG",
        dpi=None if dpi is None else (float(dpi[0]), float(dpi[1])),
        notes=notes,
        deep=deep,
        profiled=colors.stated,
        lossless=picture.format == "WEBP" and b"VP8L" in content[:HEAD_BYTES],
        lost=tuple(lost),
        note=note_in(notes.exif),
    )


def _exif_of(picture: PIL.Image.Image, path: Path) -> tuple[PIL.Image.Exif | None, int]:
    """A picture's EXIF block, and the orientation that it states."""
    try:
        exif = picture.getexif()
        turn = exif.get(ExifTags.Base.Orientation, 1)
        exif.tobytes()  # which reads all of it
    except (struct.error, SyntaxError, TypeError, ValueError, KeyError, OSError) as error:
        # Raised by Pillow for EXIF blocks that no camera would write: the picture itself is intact.
        _LOG.warning("%s has EXIF data that cannot be used (%s)", path, error)
        return None, 1
    return exif, turn if turn in _TURNS else 1


Codes16 = npt.NDArray[np.uint16]

_TURNS: dict[int, Any] = {
    1: lambda codes: codes,
    2: np.fliplr,
    3: lambda codes: np.rot90(codes, 2),
    4: np.flipud,
    5: lambda codes: np.swapaxes(codes, 0, 1),
    6: lambda codes: np.rot90(codes, -1),
    7: lambda codes: np.rot90(np.swapaxes(codes, 0, 1), 2),
    8: np.rot90,
}
"""Functions that turn pixels `[height, width, …]` upright, by EXIF orientation."""


def _not_read(picture: PIL.Image.Image, content: bytes) -> Iterator[str]:
    """What a file holds besides its picture that is not read."""
    xmp = as_bytes(picture.info.get("xmp")) or b""
    beside = " ".join(map(str, picture.info.get("aux") or ()))
    if "hdrgainmap" in beside or b"hdrgm:" in xmp:
        yield "the HDR gain map"
    if picture.info.get("depth_images"):
        yield "the depth map"
    if _MOTION.search(xmp) or _FILM_BEHIND.search(content):
        yield "the film of a motion photo"
    if picture.format == "AVIF" and _is_deep_avif(content):
        yield _DEEPER


_MOTION = re.compile(rb"(?:MotionPhoto|MicroVideo)(?:=[\"']|>)1")
_FILM_BEHIND = re.compile(rb"\xff\xd9.{0,64}?ftyp(?:mp4|iso|avc1|qt  |3gp|M4V)", re.DOTALL)
"""A film behind the end of a JPEG; what Samsung puts between the two is shorter."""


def _is_deep_avif(content: bytes) -> bool:
    at = content.find(b"av1C", 0, HEAD_BYTES)
    return 0 <= at < len(content) - 7 and bool(content[at + 6] & 0x40)


def _raw_mode(picture: PIL.Image.Image) -> str:
    """Pillow's name of how pixels are stored in the file, such as "RGB;16B"."""
    tile = getattr(picture, "tile", None)
    args = tile[0].args if tile else ""
    mode = args[0] if isinstance(args, tuple) and args else args
    return mode if isinstance(mode, str) else ""


# --- more than eight bits ------------------------------------------------------------------------


def _deep_codes(picture: PIL.Image.Image, content: bytes, raw: str) -> Codes16 | None:
    """The pixels `[height, width]` or `[…, 3 or 4]`, red first, of a picture of more than 8 bits.

    None for a picture of 8 bits, or one that is only read with 8.
    """
    if picture.format == "HEIF":
        return _deep_heif(content, picture.info.get("bit_depth", 8))
    if picture.mode == "F" or picture.mode.startswith("I"):
        return _deep_grey(picture)
    if not raw.startswith(("RGB;16", "RGBA;16", "LA;16")):
        return None
    import cv2  # noqa: PLC0415 - few pictures need it

    found: Any = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    if found is None or found.dtype != np.uint16 or found.shape[1::-1] != picture.size:
        return None
    channels = found.shape[2] if found.ndim == 3 else 1
    if channels < (4 if picture.has_transparency_data else 3):
        return None
    return np.asarray(found[..., [2, 1, 0, 3][:channels]], np.uint16)


def _deep_heif(content: bytes, bits: int) -> Codes16 | None:
    if bits <= 8:
        return None
    import pillow_heif  # noqa: PLC0415 - see `_learn_heif`

    file = pillow_heif.open_heif(io.BytesIO(content), convert_hdr_to_8bit=False)
    codes: Any = np.asarray(file)
    if codes.dtype != np.uint16 or codes.ndim != 3:
        return None
    # It shifts the bits to the top; the highest code is to be white.
    full = (1 << bits) - 1
    scaled: Codes16 = np.rint((codes >> (16 - bits)) * np.float32(65535 / full)).astype(np.uint16)
    return scaled


def _deep_grey(picture: PIL.Image.Image) -> Codes16:
    """Gray of 16 or 32 bits, or of floating point; with alpha where one gray is transparent."""
    values = np.asarray(picture).astype(np.float64)
    if picture.mode == "F":
        # Floating point has no fixed white: it is 1, as is usual, or else the highest value.
        full = max(1.0, float(values.max(initial=0.0, where=np.isfinite(values))))
        values = np.nan_to_num(values, nan=0.0, posinf=full, neginf=0.0)
    else:
        full = 65535.0 if values.max(initial=0) <= 65535 else float(np.iinfo(np.int32).max)
    codes = np.clip(np.rint(values * (65535.0 / full)), 0, 65535).astype(np.uint16)
    if getattr(picture, "tag_v2", {}).get(_PHOTOMETRIC) == _WHITE_IS_ZERO and picture.mode != "F":
        codes = 65535 - codes  # Pillow inverts those of 8 bits, and no others
    clear = picture.info.get("transparency")
    if isinstance(clear, int):
        alpha = np.where(values == clear, 0, 65535).astype(np.uint16)
        return np.dstack([codes, codes, codes, alpha])
    return codes


_PHOTOMETRIC, _WHITE_IS_ZERO = 262, 0
"""A TIFF's tag for the meaning of its numbers, and one of the values of that."""


def _deep(codes: Codes16, colors: Colors) -> tuple[ImageU16, MaskU8 | None]:
    """The picture in sRGB, and its alpha."""
    grey = codes.ndim == 2
    image = np.repeat(codes[..., None], 3, axis=2) if grey else codes[..., :3]
    alpha = None if grey or codes.shape[2] < 4 else to_eight(codes[..., 3])
    if colors.shaper is not None:
        image = colors.shaper.to_srgb(image)
    opaque = alpha is None or alpha.min(initial=255) == 255
    return np.ascontiguousarray(image), None if opaque else alpha


# --- eight bits ----------------------------------------------------------------------------------


def _shallow(picture: PIL.Image.Image, colors: Colors, path: Path) -> tuple[ImageU8, MaskU8 | None]:
    """The picture in sRGB, and its alpha."""
    picture, alpha = _eight_bits(picture)
    image = np.asarray(_srgb(picture, colors.profile, path)).copy()
    if colors.profile is None and colors.shaper is not None:
        image = colors.shaper.to_srgb(image)
    return image, None if alpha is None else np.asarray(alpha).copy()


def _eight_bits(
    picture: PIL.Image.Image,
) -> tuple[PIL.Image.Image, PIL.Image.Image | None]:
    """Convert a picture of any mode to L, RGB, CMYK or LAB, and separate its alpha."""
    if picture.has_transparency_data:
        grey = picture.mode in ("L", "LA", "La")
        picture = picture.convert("LA" if grey else "RGBA")
        alpha = picture.getchannel("A")
        opaque = alpha.getextrema() == (255, 255)
        return picture.convert("L" if grey else "RGB"), None if opaque else alpha
    if picture.mode in ("L", "RGB", "CMYK", "LAB"):
        return picture, None
    return picture.convert("L" if picture.mode == "1" else "RGB"), None


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
