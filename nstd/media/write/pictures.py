"""Films out as pictures: closed segments → an animation, a file for each frame, or one picture."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
import numpy.typing as npt

from nstd.errors import NstdError, VerificationError
from nstd.files import (
    discard,
    part_path,
    removed_on_failure,
    sync_file,
    write_part,
)
from nstd.media.alpha import on_black
from nstd.media.faults import writing_error
from nstd.media.frame import ImageU8, MaskU8, Pixels
from nstd.media.names import PILLOW_FORMATS, STILL_SUFFIXES
from nstd.media.note import exr_with_note
from nstd.media.read.scan import open_film
from nstd.media.still import Still
from nstd.media.still_formats import STILL_FORMATS
from nstd.media.still_write import PAINTED_QUALITY, encode_still
from nstd.media.write.animation import write_animation
from nstd.media.write.numbered import numbered, rest_path
from nstd.media.write.segment import Assembly, origin


def assemble_pictures(
    whole: Assembly, target: Path, *, offsets: Sequence[int], end: Fraction
) -> Path:
    """Make pictures of closed segments.

    Args:
        whole: The segments, and what the pictures of them are to be.
        target: Where the result will be published; for numbered pictures, the first one's file.
        offsets: For each frame, the difference of its number to the first one's.
        end: When the last frame ends, in seconds since the first one.

    Returns:
        Path of the finished part. Other numbered pictures are in `rest_path`, by final names.

    Raises:
        VerificationError: The result is not what it should be; nothing stays behind.
        UsageError: There are several frames, but the name is for one.
        DiskFullError, StorageError: The file system failed; nothing stays behind.
        InputError: A segment cannot be read any more.
    """
    part, rest = part_path(target.absolute()), rest_path(target.absolute())
    form = whole.settings.result
    alone = len(offsets) == 1 and form.suffix in STILL_SUFFIXES
    if form.numbered:
        discard(rest)
    with removed_on_failure(part):
        try:
            if form.numbered or alone:
                names = [numbered(target.absolute(), offset) for offset in offsets]
                _write_numbered(whole, names, rest)
            else:
                discard(part)
                write_animation(part, form, partial(_timed, whole), end, whole.note)
                sync_file(part)
        except BaseException as error:
            if form.numbered:
                # If they cannot be removed, the error that is being raised matters more.
                with suppress(NstdError):
                    discard(rest)
            if isinstance(error, av.FFmpegError):
                raise writing_error(error, target) from error
            raise
    return part


def _write_numbered(whole: Assembly, paths: Sequence[Path], rest: Path) -> None:
    count, note = 0, whole.note
    for count, frame in enumerate(_decoded(whole), 1):
        if count == 1:
            _write_one(frame, paths[0], note)
        elif count <= len(paths):
            rest.mkdir(exist_ok=True)
            path = rest / paths[count - 1].name
            _write_one(frame, path, note).replace(path)
    if count != len(paths):
        raise VerificationError(f"There are {count} pictures instead of {len(paths)}")
    if count > 1:
        sync_file(rest)


def _write_one(frame: av.VideoFrame, path: Path, note: str) -> Path:
    """Write a frame to the part file of `path`."""
    pixels, alpha = _pixels_of(frame)
    form = PILLOW_FORMATS.get(path.suffix.lower())
    if form is None:
        part = part_path(path)
        content = _exr(pixels, alpha)
        write_part(part, exr_with_note(content, note) if note else content, path)
        sync_file(part)
        return part
    if alpha is not None and not STILL_FORMATS[form].alpha:
        pixels, alpha = on_black(pixels, alpha), None
    still = Still(image=cast("ImageU8", pixels), alpha=alpha, format=form)
    return encode_still(pixels, still, path, quality=PAINTED_QUALITY, note=note)


def _decoded(whole: Assembly) -> Iterator[av.VideoFrame]:
    for segment in whole.segments:
        with open_film(segment) as container:
            for frame in container.decode(video=0):
                whole.alive()
                yield frame


def _timed(whole: Assembly) -> Iterator[av.VideoFrame]:
    """All frames, with times in the film's units, counted from the first one."""
    start: int | None = None
    info = whole.info
    for frame in _decoded(whole):
        unit = cast("Fraction", frame.time_base)
        pts = round((frame.pts or 0) * unit / info.time_base) + origin(info)
        start = pts if start is None else start
        frame.pts, frame.time_base = pts - start, info.time_base
        yield frame


def _pixels_of(frame: av.VideoFrame) -> tuple[Pixels, MaskU8 | None]:
    deep = frame.format.components[0].bits > 8
    has_alpha = any(part.is_alpha for part in frame.format.components)
    layout = ("rgba64le" if deep else "rgba") if has_alpha else ("rgb48le" if deep else "rgb24")
    planes: npt.NDArray[Any] = frame.to_ndarray(format=layout)
    colors = np.ascontiguousarray(planes[..., :3])
    if not has_alpha:
        return colors, None
    return colors, (planes[..., 3] // (257 if deep else 1)).astype(np.uint8)


def _exr(pixels: Pixels, alpha: MaskU8 | None) -> bytes:
    """An OpenEXR file of half floats: linear light, premultiplied, as the format demands."""
    encoded = pixels.astype(np.float32) / np.float32(np.iinfo(pixels.dtype).max)
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    layout = "gbrpf32le"
    if alpha is not None:
        share = alpha[..., None].astype(np.float32) / 255
        linear, layout = np.dstack([linear * share, share]), "gbrapf32le"
    context = av.CodecContext.create("exr", "w")
    context.height, context.width = pixels.shape[:2]
    context.pix_fmt, context.time_base = layout, Fraction(1, 25)
    context.options = {"format": "half", "compression": "zip16"}
    frame = av.VideoFrame.from_ndarray(linear.astype(np.float32), format=layout)
    frame.pts = 0
    return b"".join(bytes(packet) for packet in [*context.encode(frame), *context.encode(None)])
