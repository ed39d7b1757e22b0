"""A painted film and its source: whether they belong together, and their frames in pairs."""

from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from nstd.errors import UsageError
from nstd.media.frame import VideoInfo
from nstd.media.read.guarded import probe_guarded
from nstd.media.read.limits import Limits
from nstd.media.read.reader import read_frames
from nstd.media.read.reading import Reading
from nstd.media.read.shots import read_shots
from nstd.painting.pictures import scaled
from nstd.scoring.measuring import Matched

_ROUNDING_PX = 2
"""Pixels by which a painted edge may differ from the source's scaled one: sizes are rounded to even
numbers."""


@dataclass(frozen=True, slots=True)
class Films:
    """A painted film and its source; their facts fit together.

    Attributes:
        painted: The painted film.
        source: What it was painted from.
        painted_info: Its facts.
        source_info: The source's facts.
        first: Number of the source's frame that the painted film's first one shows.
    """

    painted: Path
    source: Path
    painted_info: VideoInfo
    source_info: VideoInfo
    first: int

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the painted frames, at which both are compared."""
        return self.painted_info.width, self.painted_info.height

    def frames(self) -> Generator[Matched, None, None]:
        """Each painted frame with the source's, in order; close the iterator if you stop early.

        Cuts are those of the source. The source is scaled as it was for painting.

        Raises:
            UsageError: The source ends before the painted film does.
            InputError: One of them cannot be read.
        """
        left = self.source_info.frames - self.first
        count = self.painted_info.frames
        # As in painting, what comes after the last frame does not affect where shots begin.
        last = self.first + count - 1 if 0 < count < left else None
        with (
            closing(read_frames(self.painted, self.painted_info)) as painted,  # type: ignore[type-var] # it is a generator
            closing(read_shots(self.source, self.source_info, self.first, last)) as shots,  # type: ignore[type-var]
        ):
            for frame in painted:
                shot = next(shots, None)
                if shot is None:
                    raise _too_short(self, frame.index)
                yield Matched(
                    index=frame.index,
                    begins_shot=shot.begins_shot or frame.index == 0,
                    painted=frame.image,
                    source=scaled(shot.frame.image, self.size),
                )


def match_films(
    painted: Path,
    source: Path,
    *,
    first: int | None = None,
    limits: Limits | None = None,
    reading: Reading | None = None,
    accept_truncated: bool = False,
) -> Films:
    """Find out whether `painted` can have been painted from `source`.

    A painted film may be shorter, if only some frames were painted: `first` says which.

    Args:
        painted: The painted film.
        source: The film.
        first: Number of the source's frame that the painted film begins with; None where it has all
            of them.
        limits: What films may have at most; None for the defaults.
        reading: How the source was read when it was painted; None for the defaults.
        accept_truncated: Accept films that end early, as far as they go.

    Raises:
        UsageError: Their numbers of frames, or the shapes of their pictures, do not fit; or the
            painted film is shorter and `first` is None.
        InputError: One of them cannot be read.
        StorageError: The file system failed.
    """
    own, other = (
        probe_guarded(path, accept_truncated=accept_truncated, limits=limits, reading=how)
        for path, how in ((painted, None), (source, reading))
    )
    shorter = 0 < own.frames < other.frames and not own.truncated
    unclear, first = first is None and shorter, first or 0
    films = Films(painted, source, own, other, first)
    if other.frames and first >= other.frames:
        raise UsageError(
            f"{source} has {other.frames} frames, and none with number {first}",
            "Give with --first the frame that the painted film begins with",
        )
    if other.frames and own.frames > other.frames - first:
        raise _too_short(films, other.frames - first)
    if not _same_shape(own, other):
        shapes = [f"{info.width} × {info.height}" for info in (own, other)]
        raise UsageError(
            f"{painted} ({shapes[0]}) has another shape than {source} ({shapes[1]})",
            "Give with --source the film that it was painted from",
        )
    if unclear:
        # Compared with frames that are not its own, any film scores as if it flickered.
        raise UsageError(
            f"{painted} has {own.frames} frames, and {source} {other.frames}",
            "If only a part was painted, give with --first the frame it begins with, the A of"
            " --frames A:B; otherwise give --first 0",
        )
    return films


def _same_shape(painted: VideoInfo, source: VideoInfo) -> bool:
    scale = max(painted.width, painted.height) / max(source.width, source.height)
    off = (painted.width - source.width * scale, painted.height - source.height * scale)
    return max(map(abs, off)) <= _ROUNDING_PX


def _too_short(films: Films, left: int) -> UsageError:
    since = f" from number {films.first} on" if films.first else ""
    count = films.painted_info.frames
    more = f"{count} frames" if count > left else "more"
    return UsageError(
        f"{films.source} has {left} frames{since}, and {films.painted} has {more}",
        "Give with --source the film that it was painted from, and with --first its first frame",
    )
