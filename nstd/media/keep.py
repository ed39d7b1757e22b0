"""The painted frames of an open segment, kept losslessly until the segment is encoded."""

import re
import zlib
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from nstd.errors import DamagedError, from_os_error
from nstd.files import discard, write_whole
from nstd.media.frame import MaskU8, Pixels

_NAME = re.compile(r"frame-(\d{8,})\.png")
_LEFTOVER = re.compile(r"\.frame-\d{8,}\.png\.part")
_PNG_START = b"\x89PNG\r\n\x1a\n"
_FAST = 1
"""zlib's level: frames are kept for minutes, not archived."""


class FrameKeeper:
    """A folder of painted frames, each completely on the disk or not at all.

    Args:
        folder: Where they are kept; made if it is not there. A file in its place is removed. All
            files in it that are named like frames count as such.

    Raises:
        DiskFullError: No space is left. Any method may raise this.
        StorageError: The file system failed. Any method may raise this.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        try:
            if folder.exists() and not folder.is_dir():
                discard(folder)
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise from_os_error(error, folder, "making") from error

    def keep(self, index: int, image: Pixels, alpha: MaskU8 | None = None) -> None:
        """Store frame `index`; when this returns, no crash can lose it.

        Args:
            index: Number of the frame in the film.
            image: uint8 or uint16 `[height, width, 3]`, red first.
            alpha: uint8 `[height, width]`, or None.
        """
        planes = image[..., ::-1]
        if alpha is not None:
            # So that full scale stays full scale: 65535 is 257 times 255.
            full = alpha.astype(image.dtype) * (np.iinfo(image.dtype).max // 255)
            planes = np.dstack([planes, full])
        parameters = [cv2.IMWRITE_PNG_COMPRESSION, _FAST]
        _, png = cv2.imencode(".png", np.ascontiguousarray(planes), parameters)
        write_whole(self._path(index), png.tobytes())

    def load(self, index: int) -> tuple[Pixels, MaskU8 | None]:
        """Frame `index` and its alpha, as they were kept, bit for bit.

        Raises:
            DamagedError: It is not there, or damaged.
        """
        path = self._path(index)
        content = _content(path)
        if content is None or not _is_sound(content):
            raise DamagedError(f"The painted frame {path} is gone or damaged")
        planes = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
        if planes is None:
            raise DamagedError(f"The painted frame {path} is no picture")
        colors = np.ascontiguousarray(planes[..., 2::-1])
        if planes.shape[2] == 3:
            return colors, None  # type: ignore[return-value]
        alpha = planes[..., 3] // (1 if planes.dtype == np.uint8 else 257)
        return colors, alpha.astype(np.uint8)  # type: ignore[return-value]

    def indices(self) -> list[int]:
        """Numbers of all undamaged frames, ascending; each file is read.

        Damaged frames are removed, and so is what a kill or a power failure left half-written.
        """
        found = []
        for path, index in self._named():
            content = _content(path)
            if content is not None and _is_sound(content):
                found.append(index)
            else:
                discard(path)
        return sorted(found)

    def _named(self) -> Iterator[tuple[Path, int]]:
        """Files named like frames, with their numbers; half-written files are removed."""
        try:
            paths = list(self._folder.iterdir())
        except OSError as error:
            raise from_os_error(error, self._folder, "reading") from error
        for path in paths:
            if match := _NAME.fullmatch(path.name):
                yield path, int(match[1])
            elif _LEFTOVER.fullmatch(path.name):
                discard(path)

    def _path(self, index: int) -> Path:
        return self._folder / f"frame-{index:08}.png"


def _content(path: Path) -> bytes | None:
    """The content of a file; None if there is no file."""
    try:
        return path.read_bytes()
    except (FileNotFoundError, IsADirectoryError):
        return None
    except OSError as error:
        raise from_os_error(error, path, "reading") from error


def _is_sound(content: bytes) -> bool:
    """Whether this is a complete PNG file whose chunks match their checksums.

    A CRC-32 finds every burst of up to 32 damaged bits, and all other damage but for one in 2³².
    """
    view, at, kind = memoryview(content), len(_PNG_START), b""
    if not content.startswith(_PNG_START):
        return False
    while kind != b"IEND":
        end = at + 8 + int.from_bytes(view[at : at + 4], "big")
        kind = bytes(view[at + 4 : at + 8])
        if end + 4 > len(view):
            return False
        if zlib.crc32(view[at + 4 : end]) != int.from_bytes(view[end : end + 4], "big"):
            return False
        at = end + 4
    return at == len(view)
