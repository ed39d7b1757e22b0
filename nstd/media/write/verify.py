"""Is a finished film what it has to be? The file itself is checked, before it is published."""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer

from nstd.errors import InputError, StorageError, VerificationError
from nstd.files import facts_of
from nstd.media.color import colors_of
from nstd.media.frame import VideoInfo
from nstd.media.read.orientation import display_matrix
from nstd.media.read.probe import is_cover
from nstd.media.read.scan import open_film, scan
from nstd.media.read.structure import ends_early
from nstd.media.write.saying import Numbering, sayings, unkept
from nstd.media.write.timecode import clocked

_MILLISECOND = Fraction(1, 1000)


@dataclass(frozen=True, slots=True)
class Promise:
    """What a finished film has to be.

    Attributes:
        info: The source's facts: upright size and time base are the same.
        times: Every frame's time stamp, ascending, in `info.time_base`.
        end: When the last frame ends, in `info.time_base`.
        kinds: Kinds of the other streams for which packets were written, such as "audio".
        empty: Kinds of those without packets, which the container may keep or not.
        chapters: How many there are.
        said: The metadata of the film and its streams, as `sayings` gives it.
        places: Which of the planned streams and chapters are in it.
        colors: Its primaries, transfer, matrix and range, as `colors_of` gives them.
        aspect: Pixel aspect ratio, width over height; the container may round the display size to
            a pixel.
        matrix: The display matrix, or None.
        rounds_to_milliseconds: Whether the container rounds times to milliseconds, and begins at 0.
    """

    info: VideoInfo
    times: Sequence[int]
    end: int
    kinds: Sequence[str]
    chapters: int
    said: Mapping[str, str]
    places: Numbering
    colors: tuple[int, ...]
    aspect: Fraction = Fraction(1)
    matrix: Sequence[int] | None = None
    empty: Sequence[str] = ()
    rounds_to_milliseconds: bool = False


def verify(film: Path, promise: Promise, alive: Callable[[], object] = lambda: None) -> None:
    """Compare a finished file with what it has to be.

    Args:
        film: The file.
        promise: What it has to be.
        alive: Called for each packet that is read, as a sign of life.

    Raises:
        VerificationError: It differs; the message says how.
        StorageError: The file system failed.
    """
    try:
        _check_streams(film, promise, alive)
        _check_picture(film, promise)
    except InputError as error:
        if facts_of(film) is None:
            # It was there a moment ago: its disk is gone, and may come back.
            raise StorageError(f"{film} was written, and is gone") from error
        raise VerificationError(f"The finished film cannot be read: {error.problem}") from error


def _check_streams(film: Path, promise: Promise, alive: Callable[[], object]) -> None:
    with open_film(film) as container:
        if ends_early(film, container.format.name):
            raise VerificationError("The finished film is not complete")
        videos = [stream for stream in container.streams.video if not is_cover(stream)]
        _expect("pictures", 1, len(videos))
        found = Counter(str(stream.type) for stream in container.streams)
        for kind, count in Counter(promise.kinds).items():
            extra = len(videos) if kind == "video" else 0
            spare = min(max(0, found[kind] - extra - count), promise.empty.count(kind))
            if kind == "data":  # MP4's muxer adds such streams, for chapters and timecode
                spare = max(0, found[kind] - count)
            _expect(f"{kind} streams", count, found[kind] - extra - spare)
        told = sayings(container, container.streams, clocked(container), promise.places)
        for name in unkept(promise.said, told):
            raise VerificationError(f"The finished film has not the {name} that it should have")
        _expect("chapters", promise.chapters, len(container.chapters()))
        _check_end(container, promise)
        picture = videos[0].index
        time_base = videos[0].time_base or Fraction(1)
    counted = scan(film, picture, alive=alive)
    _expect("frames", len(promise.times), counted.frames)
    found_times = [int(stamp) * time_base for stamp in counted.times]
    _check_times(found_times, promise)


def _check_end(container: InputContainer, promise: Promise) -> None:
    end = Fraction((container.start_time or 0) + (container.duration or 0), av.time_base)
    expected = promise.end * promise.info.time_base
    if end < expected - _MILLISECOND:
        raise VerificationError(
            f"The finished film should last to {float(expected):.3f} seconds, "
            f"but the file says {float(end):.3f}"
        )


def _check_times(found: Sequence[Fraction], promise: Promise) -> None:
    _expect("time stamps", len(promise.times), len(found))
    expected = [stamp * promise.info.time_base for stamp in promise.times]
    if not promise.rounds_to_milliseconds:
        wrong = sum(1 for one, other in zip(found, expected, strict=True) if one != other)
    else:
        # Matroska also moves the whole film when its sound begins before 0.
        moved = found[0] - expected[0]
        wrong = sum(
            1
            for one, other in zip(found, expected, strict=True)
            if abs(one - other - moved) > _MILLISECOND
        )
    if wrong:
        raise VerificationError(f"{wrong} of {len(found)} frames of the finished film are mistimed")


def _check_picture(film: Path, promise: Promise) -> None:
    info = promise.info
    with open_film(film) as container:
        stream = next(stream for stream in container.streams.video if not is_cover(stream))
        try:
            frame = next(container.decode(stream))
        except (StopIteration, av.FFmpegError) as error:
            raise VerificationError("The finished film cannot be decoded") from error
        size = f"{frame.width}×{frame.height}"
        _expect("size", f"{info.width}×{info.height}", size)
        _expect("colors", promise.colors, colors_of(stream.codec_context))
        aspect = stream.sample_aspect_ratio or Fraction(1)
        if abs(aspect - promise.aspect) * info.width > 1:
            _expect("shape of a pixel", promise.aspect, aspect)
        matrix = display_matrix(frame)
        if _direction(matrix) != _direction(promise.matrix):
            _expect("display matrix", promise.matrix, matrix)


def _direction(matrix: Sequence[int] | None) -> tuple[int, ...]:
    """What a display matrix does to directions, in thousandths: no container keeps more digits."""
    turning = matrix or (1, 0, 0, 0, 1)
    a, b, c, d = (turning[place] for place in (0, 1, 3, 4))
    scale = math.sqrt(abs(a * d - b * c)) or 1
    return tuple(round(1000 * value / scale) for value in (a, b, c, d))


def _expect(what: str, promised: object, found: object) -> None:
    if promised != found:
        raise VerificationError(
            f"The finished film's {what} should be {promised}, but the file has {found}"
        )
