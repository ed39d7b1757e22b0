"""Room on the disks: how much a film still needs, and whether there is enough."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nstd.errors import DiskFullError, from_os_error
from nstd.files import part_path, size_text
from nstd.media.write.codecs import CODECS, EncodeSettings, layout_of
from nstd.media.write.encoders import Layout
from nstd.work.film import Film, Footage

KEPT_BITS_PER_PIXEL = 18.5
"""Of the lossless PNG files that painted frames are kept in; measured as the codecs' are."""
FINER_BITS = 25.0
"""What a lossless pixel takes more at 16 bits: the lower halves of three colors are noise."""
ALPHA_BITS = 5.0
"""What alpha takes in addition where it is kept: 3.4 to 5.1 for three soft mattes."""
_SHALLOW, _DEEP = 8, 16
_FAST = {"ultrafast", "superfast", "veryfast"}
_FAST_IS_LARGER = 1.4


@dataclass(frozen=True, slots=True, kw_only=True)
class Rest:
    """What is still to be painted and written of a film.

    Attributes:
        pixels: In a painted frame.
        encode: How frames are encoded.
        layout: Of the coded picture.
        frames_left: Frames that are in no closed segment yet.
        segment_frames: Frames in a segment, at most.
        closed_frames: Frames in closed segments.
        closed_bytes: Size of those segments' files.
        kept_bytes: Size of the painted frames kept of the open segment.
        sound_bytes: Size of the source's other streams, which are copied.
        part_bytes: Size of what an earlier attempt at the finished film has left in its place.
        alpha: Whether frames have alpha.
    """

    pixels: int
    encode: EncodeSettings
    layout: Layout
    frames_left: int
    segment_frames: int
    closed_frames: int = 0
    closed_bytes: int = 0
    kept_bytes: int = 0
    sound_bytes: int = 0
    part_bytes: int = 0
    alpha: bool = False


@dataclass(frozen=True, slots=True)
class Need:
    """Bytes that will be written: in the work folder, and where the finished film goes."""

    work: int
    target: int


@dataclass(frozen=True, slots=True)
class Disk:
    """A folder, and the file system it is on.

    Attributes:
        folder: The folder.
        device: Number of its file system.
        free: Bytes on it that we may take.
    """

    folder: Path
    device: int
    free: int


def needed(rest: Rest) -> Need:
    """An estimate of what a film still takes, above what it has taken already.

    The closed segments stay until the finished film is in place, which is as large as all of them.
    In addition the painted frames of one segment are kept, without loss.
    """
    kept_bits = KEPT_BITS_PER_PIXEL + (ALPHA_BITS if rest.alpha else 0)
    if rest.layout.bits > _SHALLOW:  # what has 10 bits is painted and kept with 16
        kept_bits += FINER_BITS
    if rest.closed_frames and rest.closed_bytes:
        frame = rest.closed_bytes / rest.closed_frames
    else:
        frame = rest.pixels * bits_per_pixel(rest.encode, rest.layout) / 8
    coming = int(rest.frames_left * frame)
    kept = min(rest.frames_left, rest.segment_frames) * rest.pixels * kept_bits / 8
    finished = rest.closed_bytes + coming + rest.sound_bytes
    if rest.encode.pictures:  # as large as those that are kept, at most
        finished = int((rest.closed_frames + rest.frames_left) * rest.pixels * kept_bits / 8)
    return Need(
        work=coming + max(0, int(kept) - rest.kept_bytes),
        target=max(0, finished - rest.part_bytes),
    )


def require_room(film: Film, footage: Footage) -> None:
    """Make sure that there is room for all that a film still needs, and for what is to stay free.

    Raises:
        DiskFullError: There is not; it says how much is needed, how much is free, and where.
        StorageError: A disk cannot be looked at.
    """
    need = needed(rest_of(film, footage))
    work, target = look_at(film.work), look_at(film.target.parent)
    judge(f"Painting {film.source.name}", need, work, target, film.output.limits.free_bytes)


def require_room_for_still(film: Film, width: int, height: int, bits: int) -> None:
    """Make sure that there is room for a picture of this size and depth, made in memory.

    Raises:
        DiskFullError: There is not; it says how much is needed, how much is free, and where.
        StorageError: A disk cannot be looked at.
    """
    target = look_at(film.target.parent)
    kept = KEPT_BITS_PER_PIXEL + (FINER_BITS if bits > _SHALLOW else 0)
    need = Need(0, int(width * height * kept / 8))
    judge(f"Painting {film.source.name}", need, target, target, film.output.limits.free_bytes)


def rest_of(film: Film, footage: Footage) -> Rest:
    """What is still to be painted and written of a film, going by the ledger and the disks."""
    done = film.store.painted(film.job.id).frames
    info, total = footage.info, footage.frames
    width, height = footage.painted.width, footage.painted.height
    return Rest(
        pixels=width * height,
        encode=film.output.encode,
        layout=layout_of(film.output.encode, width, height, alpha=info.alpha),
        alpha=info.alpha,
        frames_left=max(0, total - done),
        segment_frames=film.output.segment_frames,
        closed_frames=done,
        closed_bytes=sum(_size(path) for path in film.work.glob("segment-*.mp4")),
        kept_bytes=sum(_size(path) for path in film.work.glob("segment-*/frame-*.png")),
        sound_bytes=info.sound_bytes * total // max(1, info.frames),
        part_bytes=_size(part_path(film.target)),
    )


def judge(what: str, need: Need, work: Disk, target: Disk, floor: int) -> None:
    """Refuse where there is no room for what is needed and for `floor` bytes besides.

    Args:
        what: What needs it, as the beginning of a sentence.
        need: How much.
        work: Where the work folder is.
        target: Where the finished film goes; both may be on one file system.
        floor: Bytes that stay free on each.

    Raises:
        DiskFullError: It says how much is needed, how much is free, and where.
    """
    if work.device == target.device:
        disks: Sequence[tuple[int, Disk, str]] = [
            (need.work + need.target, work, _both(work.folder, target.folder))
        ]
    else:
        disks = [(need.work, work, str(work.folder)), (need.target, target, str(target.folder))]
    for wanted, disk, where in disks:
        if disk.free - wanted < floor:
            raise DiskFullError(
                f"{what} needs about {size_text(wanted)} in {where}, where "
                f"{size_text(disk.free)} are free and {size_text(floor)} stay free",
                "Free some space: what is painted so far is kept, and `nstd run` goes on by itself",
            )


def look_at(folder: Path) -> Disk:
    """The disk that `folder` is on, as it is now.

    Raises:
        StorageError: It cannot be looked at.
    """
    try:
        facts = os.statvfs(folder)
        return Disk(folder, folder.stat().st_dev, facts.f_bavail * facts.f_frsize)
    except OSError as error:
        raise from_os_error(error, folder, "looking at") from error


def bits_per_pixel(settings: EncodeSettings, layout: Layout) -> float:
    """What a pixel of a painted frame takes once it is encoded, from measurements."""
    codec = CODECS[settings.codec]
    known = codec.bits[layout.profile]
    bits = known.bits * (_FAST_IS_LARGER if settings.preset in _FAST else 1)
    finer = codec.quality - settings.quality
    bits *= 2 ** (finer / (known.doubled_by if finer > 0 else known.halved_by))
    bits = min(bits, KEPT_BITS_PER_PIXEL) + (known.alpha if layout.alpha else 0)
    return bits + (FINER_BITS if layout.bits == _DEEP else 0)


def _size(path: Path) -> int:
    """Bytes on the disk; none of a file that is not there, or was taken away just now."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
    except OSError as error:
        raise from_os_error(error, path, "looking at") from error


def _both(work: Path, target: Path) -> str:
    return str(work) if work == target else f"{work} and {target} together"
