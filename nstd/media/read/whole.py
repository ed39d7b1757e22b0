"""Whether a film is complete, by its structure, its header and its packets together."""

from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer

from nstd.errors import from_os_error
from nstd.media.read.pyav import decoded, open_stream
from nstd.media.read.seek import entries
from nstd.media.read.structure import ends_early
from nstd.media.read.tally import Scan

_STATE_DURATION = ("matroska,webm", "flv", "asf")
"""Formats whose header states the duration of the whole film; for others ffmpeg estimates it from
what is there."""
_TOLERATED_GAP = Fraction(1)
"""Seconds by which a film that may be complete may be shorter than its stated duration, which
includes subtitles."""
_VISIBLE_GAP = Fraction(1, 10)
"""Seconds missing from which on the message of a film that surely was cut gives them."""
_END_PIXELS = 10**9
"""Pixels, over all frames, at a film's end that are decoded at most to see whether they can be: 480
frames of 1080p. With x264's and x265's defaults the last group of pictures has at most 250 frames.
480 frames take 4 s, at 7 ms each."""
_UNKNOWN_FRAMES = 1 << 30
"""The number of frames that ffmpeg writes into an AVI's header if it cannot come back to it."""


def what_is_missing(path: Path, container: InputContainer, counted: Scan) -> str | None:
    """What a film lacks of what its structure states, in words, or None.

    Args:
        path: The film.
        container: It, opened.
        counted: Its packets.

    Raises:
        StorageError: The file system failed.
    """
    form = container.format.name
    try:
        cut = counted.torn or ends_early(path, form)
    except OSError as error:
        raise from_os_error(error, path, "reading") from error
    # AVI's header counts ticks of the frame rate, and some may have no frame of their own.
    believed = cut or form != "avi"
    if believed and counted.packets < counted.promised < _UNKNOWN_FRAMES:
        return f"{counted.packets} of {counted.promised} frames are there"
    there, stated = Fraction(counted.end), Fraction(container.duration or 0, av.time_base)
    states_duration = not counted.promised and form in _STATE_DURATION
    gap = stated - there if states_duration else Fraction(0)
    if cut is not False and gap > (_VISIBLE_GAP if cut else _TOLERATED_GAP):
        return f"{float(there):.1f} of {float(stated):.1f} seconds are there"
    return f"its last block, at {float(there):.1f} seconds, is not complete" if cut else None


def what_is_lost_at_end(path: Path, stream: av.VideoStream, counted: Scan) -> str | None:
    """What cannot be decoded at a film's end, though its packets are there, in words, or None.

    The film is decoded from its last keyframe on, if that is near its end and can be found again.

    Args:
        path: The film.
        stream: The stream that is painted.
        counted: Its packets.

    Raises:
        InputError: It cannot be opened as a film.
        StorageError: The file system failed.
    """
    last = next(reversed(entries(counted)), None)
    if last is None or not counted.exact:
        return None
    if (counted.frames - last.place) * stream.width * stream.height > _END_PIXELS:
        return None
    with open_stream(path, stream.index) as (container, video):
        shown = [frame.pts for frame in decoded(container, video, path, last)]
    stamps = [stamp for stamp in shown if stamp is not None]
    if not stamps:
        return None
    lost = int((counted.times > max(stamps)).sum())
    return f"the last {lost} of {counted.frames} frames cannot be decoded" if lost else None
