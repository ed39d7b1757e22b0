"""Is all of a film there? Its structure, its header and its packets, taken together."""

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
"""Formats in whose header the duration of all of the film is; of others ffmpeg estimates it from
what is there."""
_TOLERATED_GAP = Fraction(1)
"""Seconds a film that may be whole may fall short of its stated duration, which includes
subtitles."""
_VISIBLE_GAP = Fraction(1, 10)
"""Seconds that a film surely lacks, as they are told."""
_END_PIXELS = 10**9
"""Pixels of a film's end that are decoded to see that it can be: 480 frames of 1080p, whose last
group of pictures has 250 at most with x264's and x265's defaults. They take 4 s at 7 ms each."""
_UNKNOWN_FRAMES = 1 << 30
"""What ffmpeg writes into an AVI's header if it cannot return to it."""


def what_is_missing(path: Path, container: InputContainer, counted: Scan) -> str | None:
    """What a film lacks of what its structure promises, in words, or None.

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
    # AVI's header counts moments, of which some may have no frame of their own.
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
    """What cannot be decoded of a film's end though its packets are there, in words, or None.

    Looked at from the last keyframe on, where that is near enough and can be found again.

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
