"""Films decoded by OpenCV's `VideoCapture`, with its silences made audible."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import cv2

from nstd.errors import UnsupportedError
from nstd.media.color import as_709, wrongly_601
from nstd.media.frame import Image, Mask, Rotation, VideoInfo
from nstd.media.read.chroma import interpolated_chroma
from nstd.media.read.convert import Picture
from nstd.media.read.timing import units

_ROTATIONS: dict[int, Rotation] = {0: 0, 90: 90, 180: 180, 270: 270}
_FFMPEG_QUIET = "-8"


class Capture:
    """One film being decoded: `grab` the next frame, look at its `milliseconds`, `retrieve` it.

    Args:
        capture: The opened film.
        luma: The same film opened again, giving its luma instead of colors, or None.

    Attributes:
        width: Pixels, upright.
        height: Pixels, upright.
        rotation: Degrees clockwise by which the coded picture is turned to stand upright.
    """

    def __init__(self, capture: cv2.VideoCapture, luma: cv2.VideoCapture | None = None) -> None:
        self._capture = capture
        self._luma = luma
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
        if self._luma is not None:
            _grab(self._luma, attempts)
        return _grab(self._capture, attempts)

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

    def retrieve_luma(self) -> Mask | None:
        """The luma of the frame grabbed last: uint8 `[height, width]`; None if it is not known."""
        if self._luma is None or self._luma.get(cv2.CAP_PROP_POS_MSEC) != self.milliseconds:
            return None
        there, picture = self._luma.retrieve()
        return picture if there and picture.ndim == 2 else None  # type: ignore[return-value]


class OpenCvDecoder:
    """See `Decoder`.

    OpenCV tells a frame's time as a float of milliseconds since the stream's start, which is exact
    once it is rounded to the time base.

    Args:
        capture: The opened film.
        info: Of the film.
        offset: The stream's start time, which OpenCV subtracts; None: its times mean nothing.
    """

    def __init__(self, capture: Capture, info: VideoInfo, offset: int | None) -> None:
        self._capture = capture
        self._info = info
        self._offset = offset
        self._corrects_matrix = wrongly_601(info)

    def grab(self, attempts: int = 1) -> bool:
        """Decode the next frame; false at the film's end, or at damage after some attempts."""
        return self._capture.grab(attempts)

    @property
    def pts(self) -> int | None:
        """Time stamp of the frame grabbed last, in `VideoInfo.time_base`; None: it has none."""
        if self._offset is None:
            return None
        return units(self._capture.milliseconds, self._info.time_base) + self._offset

    def retrieve(self) -> Picture | None:
        """The frame grabbed last, upright; None if it has no picture."""
        image = self._capture.retrieve()
        if image is None or image.shape[:2] != (self._info.height, self._info.width):
            return None
        if self._corrects_matrix:
            image = as_709(image, self._capture.retrieve_luma())
        return Picture(interpolated_chroma(image, self._info))


@contextmanager
def opencv_decoder(path: Path, info: VideoInfo, offset: int | None) -> Iterator[OpenCvDecoder]:
    """Open a film to decode it with OpenCV.

    Args:
        path: The film.
        info: Its facts.
        offset: The stream's start time; None where OpenCV's times mean nothing.

    Raises:
        UnsupportedError: OpenCV cannot open it.
    """
    # Only planar layouts of 8 bits give their luma; the colors of others are corrected without.
    planar = info.bit_depth == 8 and info.pixel_format.startswith("yuv4")
    with open_capture(path, with_luma=wrongly_601(info) and planar) as capture:
        yield OpenCvDecoder(capture, info, offset)


def _grab(capture: cv2.VideoCapture, attempts: int) -> bool:
    return any(capture.grab() for _ in range(max(1, attempts)))


@contextmanager
def open_capture(path: Path, *, with_luma: bool = False) -> Iterator[Capture]:
    """Open a film with OpenCV.

    That it opens does not mean that it decodes: `grab` a frame to know.

    Args:
        path: The film.
        with_luma: Decode it a second time for the luma; only for planar layouts of 8 bits.

    Raises:
        UnsupportedError: OpenCV cannot open it.
    """
    # What OpenCV and its ffmpeg would print on stderr is raised or logged here instead. ffmpeg's
    # level is read from the environment when the first film is opened.
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", _FFMPEG_QUIET)
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    with _utf8_name(path.absolute()) as name, ExitStack() as stack:
        capture = _opened(name, path, stack)
        luma = _opened(name, path, stack) if with_luma else None
        if luma is not None:
            luma.set(cv2.CAP_PROP_CONVERT_RGB, 0)
        yield Capture(capture, luma)


def _opened(name: str, path: Path, stack: ExitStack) -> cv2.VideoCapture:
    capture = cv2.VideoCapture(name, cv2.CAP_FFMPEG)
    stack.callback(capture.release)
    if not capture.isOpened():
        raise UnsupportedError(f"OpenCV cannot open {path}")
    capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 1)
    return capture


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
