"""The ladder of levels, coarse to fine, and the size that a frame is painted at. No torch here."""

import math
import re
from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Le

from nstd.errors import ConfigError
from nstd.style.keys import VALUE_REMEDY, Key, require_valid

SHORTEST_EDGE_PX = 32
"""No level is smaller: at conv5_1 an edge is a sixteenth of it, and reflection needs two pixels."""

LONGEST_EDGE_PX = 65536
"""No level and no painted picture is larger, whatever its shape: WebP, JPEG and most codecs stop
below, and no device holds one."""

FORMATS = {
    "480p": (854, 480),
    "720p": (1280, 720),
    "1080p": (1920, 1080),
    "1440p": (2560, 1440),
    "2160p": (3840, 2160),
    "4k": (3840, 2160),
}
"""Long and short edge, in pixels, of the screens that a size may be named after: 16:9 all."""

LEVEL_RATIO = 1.25
"""A coarser level is worth its steps only when the next size is at least this much larger."""


@dataclass(frozen=True, slots=True)
class Level:
    """One rung of the ladder from coarse to fine."""

    long_edge: Annotated[int, Key(), Ge(SHORTEST_EDGE_PX), Le(LONGEST_EDGE_PX)]
    """Pixels. Absolute, since strokes are: receptive fields are constant in pixels."""
    steps: Annotated[int, Key(), Ge(1), Le(100_000)]
    """At most so many steps (forward and backward passes)."""

    def __post_init__(self) -> None:
        require_valid(self, f"level {self.long_edge}:{self.steps}: ")


DEFAULT_LEVELS = (Level(256, 80), Level(512, 30), Level(1024, 20), Level(2048, 15))


@dataclass(frozen=True, slots=True)
class PlannedLevel:
    """One level as it will be run on a frame of known size: pixels and steps."""

    width: int
    height: int
    steps: int

    @property
    def long_edge(self) -> int:
        """The longer of the two edges, in pixels."""
        return max(self.width, self.height)


def painted_size(size: int | str | None, width: int, height: int) -> tuple[int, int]:
    """Width and height at which a frame of `width` × `height` pixels is painted and written.

    Args:
        size: `StyleRecipe.size`.
        width: Of the frame, in pixels.
        height: Of the frame, in pixels.

    Returns:
        The frame's own size if none is asked for, or if `size` is its long edge. Otherwise the
        short edge is rounded to an even number, as players' 4:2:0 needs.
    """
    long_edge = max(width, height)
    if isinstance(size, str):
        size = _filling(*FORMATS[size], long_edge, min(width, height))
    if size is None or size == long_edge:
        return width, height
    short_edge = max(2, 2 * round(min(width, height) * size / long_edge / 2))
    if width == height:
        return size, size
    return (size, short_edge) if width > height else (short_edge, size)


def _filling(long_most: int, short_most: int, long_edge: int, short_edge: int) -> int:
    """The even long edge at which a frame of this shape just fits, upright or lying."""
    if long_edge * short_most > long_most * short_edge:
        return long_most
    filled = short_most * long_edge // short_edge
    return filled - filled % 2


def plan_levels(
    ladder: tuple[Level, ...], width: int, height: int, size: int | str | None = None
) -> tuple[PlannedLevel, ...]:
    """The levels that a frame of `width` × `height` pixels goes through, coarse to fine.

    Rungs well below the painted size are taken as they are, or larger if their short edge would
    fall below `SHORTEST_EDGE_PX`. The last level is always the painted size, with the steps of the
    first rung that is not taken. A level has the size of a picture that is painted at its long
    edge: so what is painted small is a level of what is painted large.

    Args:
        ladder: `StyleRecipe.levels`.
        width: Of the frame, in pixels.
        height: Of the frame, in pixels.
        size: `StyleRecipe.size`.

    Raises:
        ConfigError: The painted picture would have a short edge below `SHORTEST_EDGE_PX`.
    """
    painted = painted_size(size, width, height)
    long_edge, short_edge = max(painted), min(painted)
    if short_edge < SHORTEST_EDGE_PX:
        raise ConfigError(
            f"A picture of {painted[0]}×{painted[1]} px is too small: "
            f"the network needs {SHORTEST_EDGE_PX} px",
            "Enlarge it first, or choose a larger size",
        )
    smallest = math.ceil(SHORTEST_EDGE_PX * max(width, height) / min(width, height))
    levels: list[PlannedLevel] = []
    steps = ladder[0].steps
    for rung in ladder:
        steps = rung.steps
        target = max(rung.long_edge, smallest)
        if target * LEVEL_RATIO > long_edge:
            break
        if not levels or target > levels[-1].long_edge:
            levels.append(PlannedLevel(*painted_size(target, width, height), steps))
    return (*levels, PlannedLevel(*painted, steps))


def parse_levels(text: str) -> tuple[Level, ...]:
    """Levels written as on the command line: `256:80,512:30`.

    Raises:
        ConfigError: The text is not of that form.
    """
    levels = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d+):(\d+)\s*", part)
        if match is None:
            raise ConfigError(
                f"“{part}” is no level; write LONG_EDGE:STEPS, as in 256:80", VALUE_REMEDY
            )
        levels.append(Level(int(match[1]), int(match[2])))
    return tuple(levels)
