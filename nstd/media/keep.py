"""The painted frames of an open segment, kept losslessly until the segment is encoded."""

import re
from pathlib import Path

import cv2
import numpy as np

from nstd.errors import UnreadableError, from_os_error
from nstd.files import sync_folder, write_whole
from nstd.media.frame import Image

_NAME = re.compile(r"frame-(\d{8,})\.png")
_LEFTOVER = re.compile(r"\.frame-\d{8,}\.png\.part")
_PNG_START = b"\x89PNG\r\n\x1a\n"
_PNG_END = b"IEND\xae\x42\x60\x82"
_FAST = 1
"""zlib's level: frames are kept for minutes, not archived."""


class FrameKeeper:
    """A folder of painted frames, each there whole and on the disk, or not at all.

    Args:
        folder: Where they are kept; made if it is not there. Nothing else may be in it that is
            named like a frame.

    Raises:
        DiskFullError: No space is left. Like the next, from any method.
        StorageError: The file system failed.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise from_os_error(error, folder, "making") from error

    def keep(self, index: int, image: Image) -> None:
        """Store frame `index`; when this returns, no crash can lose it.

        Args:
            index: Number of the frame in the film.
            image: uint8 `[height, width, 3]`, red first.
        """
        bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
        _, png = cv2.imencode(".png", bgr, [cv2.IMWRITE_PNG_COMPRESSION, _FAST])
        write_whole(self._path(index), png.tobytes())

    def load(self, index: int) -> Image:
        """Frame `index` as it was kept, bit for bit.

        Raises:
            UnreadableError: It is not there, or damaged.
        """
        path = self._path(index)
        try:
            content = path.read_bytes()
        except FileNotFoundError as error:
            raise UnreadableError(f"The painted frame {index} is not there any more") from error
        except OSError as error:
            raise from_os_error(error, path, "reading") from error
        bgr = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR) if content else None
        if bgr is None or not content.endswith(_PNG_END):
            raise UnreadableError(f"The painted frame {path} is damaged", "Delete it and try again")
        return cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)  # type: ignore[return-value]

    def indices(self) -> list[int]:
        """Numbers of all frames that are there whole, ascending.

        What a kill or a power failure left half-written is removed.
        """
        found = []
        try:
            for path in self._folder.iterdir():
                match = _NAME.fullmatch(path.name)
                if match and _is_whole(path):
                    found.append(int(match[1]))
                elif match or _LEFTOVER.fullmatch(path.name):
                    path.unlink(missing_ok=True)
        except OSError as error:
            raise from_os_error(error, self._folder, "reading") from error
        return sorted(found)

    def clear(self, upto: int | None = None) -> None:
        """Remove the frames up to and including number `upto`, or all of them."""
        for index in self.indices():
            if upto is None or index <= upto:
                path = self._path(index)
                try:
                    path.unlink(missing_ok=True)
                except OSError as error:
                    raise from_os_error(error, path, "removing") from error
        sync_folder(self._folder)

    def _path(self, index: int) -> Path:
        return self._folder / f"frame-{index:08}.png"


def _is_whole(path: Path) -> bool:
    size = path.stat().st_size
    if size < len(_PNG_START) + len(_PNG_END):
        return False
    with path.open("rb") as file:
        start = file.read(len(_PNG_START))
        file.seek(-len(_PNG_END), 2)
        return start == _PNG_START and file.read() == _PNG_END
