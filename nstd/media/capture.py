"""OpenCV's `VideoCapture`, with its silences made audible."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2

from nstd.errors import UnsupportedError
from nstd.media.frame import Image, Rotation

_ROTATIONS: dict[int, Rotation] = {0: 0, 90: 90, 180: 180, 270: 270}
_FFMPEG_QUIET = "-8"


class Capture:
    """One film being decoded: `grab` the next frame, look at its `milliseconds`, `retrieve` it.

    Attributes:
        width: Pixels, upright.
        height: Pixels, upright.
        rotation: Degrees clockwise by which the coded picture is turned to stand upright.
    """

    def __init__(self, capture: cv2.VideoCapture) -> None:
        self._capture = capture
        self.width = int(capture.get(cv2.CAP_PROP_FRAME_WIDTH))
        self.height = int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
        # OpenCV turns by right angles only and leaves other pictures as they are.
        stated = round(capture.get(cv2.CAP_PROP_ORIENTATION_META)) % 360
        self.rotation: Rotation = _ROTATIONS.get(stated, 0)

    def grab(self, attempts: int = 1) -> bool:
        """Decode the next frame.

        A damaged packet, or a few thousand packets of other streams in a row, look like the film's
        end to OpenCV's caller; the next attempt goes on behind them.

        Args:
            attempts: How often to try again before it is taken for the end.
        """
        return any(self._capture.grab() for _ in range(max(1, attempts)))

    @property
    def milliseconds(self) -> float:
        """Time of the frame grabbed last, since the stream's start."""
        return self._capture.get(cv2.CAP_PROP_POS_MSEC)

    def retrieve(self) -> Image | None:
        """The frame grabbed last: uint8 `[height, width, 3]`, red first; None if it has none."""
        there, picture = self._capture.retrieve()
        if not there:
            return None
        return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)  # type: ignore[return-value]


@contextmanager
def open_capture(path: Path) -> Iterator[Capture]:
    """Open a film with OpenCV.

    That it opens does not mean that it decodes: `grab` a frame to know.

    Raises:
        UnsupportedError: OpenCV cannot open it.
    """
    # What OpenCV and its ffmpeg would print on stderr is raised or logged here instead. ffmpeg's
    # level is read from the environment when the first film is opened.
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", _FFMPEG_QUIET)
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    with _utf8_name(path.absolute()) as name:
        capture = cv2.VideoCapture(name, cv2.CAP_FFMPEG)
        try:
            if not capture.isOpened():
                raise UnsupportedError(f"OpenCV cannot open {path}")
            capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 1)
            yield Capture(capture)
        finally:
            capture.release()


@contextmanager
def _utf8_name(path: Path) -> Iterator[str]:
    """A name for `path` that OpenCV can be given: it crashes on one that is not UTF-8."""
    try:
        path.as_posix().encode("utf-8")
    except UnicodeEncodeError:
        with tempfile.TemporaryDirectory(prefix="nstd-") as folder:
            link = Path(folder, "film")
            link.symlink_to(path)
            yield str(link)
    else:
        yield os.fspath(path)
