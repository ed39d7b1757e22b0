"""Films decoded by OpenCV's `VideoCapture`, and what it leaves unsaid found out otherwise."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2

from nstd.errors import UnsupportedError
from nstd.media.frame import ImageU8, Rotation, VideoInfo
from nstd.media.read.convert import Converted
from nstd.media.read.decoding import upright
from nstd.media.read.pyav import DECODER_THREADS, PyAvDecoder, pyav_decoder
from nstd.media.read.timing import units

_ROTATIONS: dict[int, Rotation] = {0: 0, 90: 90, 180: 180, 270: 270}
_FFMPEG_QUIET = "-8"


class Capture:
    """One film being decoded: `grab` the next frame, look at its `milliseconds`, `retrieve` it.

    Args:
        capture: The opened film.

    Attributes:
        width: Pixels, as coded.
        height: Pixels, as coded.
        rotation: Degrees clockwise by which the coded picture must be turned to stand upright.
    """

    def __init__(self, capture: cv2.VideoCapture) -> None:
        self._capture = capture
        self.width = int(capture.get(cv2.CAP_PROP_FRAME_WIDTH))
        self.height = int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
        stated = round(capture.get(cv2.CAP_PROP_ORIENTATION_META)) % 360
        self.rotation: Rotation = _ROTATIONS.get(stated, 0)

    def grab(self, attempts: int = 1) -> bool:
        """Decode the next frame.

        After a damaged packet, or a few thousand packets of other streams in a row, OpenCV reports
        the film's end; the next attempt goes on after them.

        Args:
            attempts: How often to try before a failure is taken for the end.
        """
        return any(self._capture.grab() for _ in range(max(1, attempts)))

    @property
    def milliseconds(self) -> float:
        """Time of the frame grabbed last, in milliseconds since the stream's start."""
        return self._capture.get(cv2.CAP_PROP_POS_MSEC)

    def retrieve(self) -> ImageU8 | None:
        """The frame grabbed last, as coded: uint8 `[height, width, 3]`, red first, or None."""
        there, picture = self._capture.retrieve()
        if not there:
            return None
        return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)  # type: ignore[return-value]


class OpenCvDecoder:
    """A `Decoder` by OpenCV.

    OpenCV gives a frame's time in milliseconds since the stream's start, as a float that is exact
    once it is rounded to the time base. It does not tell that a frame is interlaced, which it
    cannot convert. PyAV tells, and then PyAV's frame is taken.

    Args:
        capture: The opened film.
        info: Facts of the film.
        offset: The stream's start time, which OpenCV subtracts; None if its times mean nothing.
        watch: The same film, decoded by PyAV beside it; None if no frame can be interlaced.
    """

    def __init__(
        self,
        capture: Capture,
        info: VideoInfo,
        offset: int | None = None,
        watch: PyAvDecoder | None = None,
    ) -> None:
        self._capture = capture
        self._info = info
        self._offset = offset
        self._watch = watch

    def grab(self, attempts: int = 1, /) -> bool:
        """Decode the next frame; false at the film's end, or where all `attempts` fail."""
        there = self._capture.grab(attempts)
        if there and self._watch is not None:
            self._watch.follow(self.pts)
        return there

    @property
    def pts(self) -> int | None:
        """Time stamp of the frame grabbed last, in `VideoInfo.time_base`; None: it has none."""
        if self._offset is None:
            return None
        return units(self._capture.milliseconds, self._info.time_base) + self._offset

    @property
    def damaged(self) -> bool:
        """Always false: OpenCV does not tell."""
        return False

    @property
    def interlaced(self) -> bool:
        """Whether the frame grabbed last was interlaced."""
        return self._watch is not None and self._watch.interlaced

    @property
    def resized(self) -> bool:
        """Always false: OpenCV scales frames of another size without telling."""
        return False

    def retrieve(self) -> Converted | None:
        """The frame grabbed last, upright; None if it has no picture."""
        if self._watch is not None and self.interlaced:
            return self._watch.retrieve()
        image = self._capture.retrieve()
        return None if image is None else upright(Converted(image), self._info)


@contextmanager
def opencv_decoder(path: Path, info: VideoInfo, offset: int | None) -> Iterator[OpenCvDecoder]:
    """Open a film to decode it with OpenCV.

    Args:
        path: The film.
        info: Its facts.
        offset: The stream's start time; None if OpenCV's times mean nothing.

    Raises:
        UnsupportedError: OpenCV cannot open it.
        InputError: PyAV cannot.
        StorageError: The file system failed.
    """
    with (
        open_capture(path) as capture,
        pyav_decoder(path, info, timed=offset is not None) as watch,
    ):
        yield OpenCvDecoder(capture, info, offset, watch)


@contextmanager
def open_capture(path: Path) -> Iterator[Capture]:
    """Open a film with OpenCV.

    A film that opens may still not be decodable: `grab` a frame to find out.

    Args:
        path: The film.

    Raises:
        UnsupportedError: OpenCV cannot open it.
    """
    # OpenCV and its ffmpeg are kept from printing on stderr: faults are raised or logged here. The
    # level of ffmpeg's log is read from the environment when the first film is opened.
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", _FFMPEG_QUIET)
    os.environ.setdefault("OPENCV_FFMPEG_THREADS", str(DECODER_THREADS))
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    with _utf8_name(path.absolute()) as name:
        capture = cv2.VideoCapture(name, cv2.CAP_FFMPEG)
        try:
            if not capture.isOpened():
                raise UnsupportedError(f"OpenCV cannot open {path}")
            # Before the size is asked for. By itself OpenCV turns by right angles, and never flips.
            capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 0)
            yield Capture(capture)
        finally:
            capture.release()


@contextmanager
def _utf8_name(path: Path) -> Iterator[str]:
    """A name by which OpenCV can open `path`: it crashes on names that are not UTF-8."""
    try:
        path.as_posix().encode("utf-8")
    except UnicodeEncodeError:
        with tempfile.TemporaryDirectory(prefix="nstd-") as folder:
            link = Path(folder, "film")
            link.symlink_to(path)
            yield str(link)
    else:
        yield os.fspath(path)
