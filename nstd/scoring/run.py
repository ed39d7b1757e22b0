"""The score of a painted film, given its path."""

from collections.abc import Callable
from pathlib import Path

from nstd.config import Config
from nstd.scoring.films import Films, match_films
from nstd.scoring.measuring import measure
from nstd.scoring.result import FilmScore
from nstd.scoring.style import StyleMeter, make_painter
from nstd.style.device import use_threads
from nstd.style.recipe import StyleRecipe
from nstd.work.crew import worker_threads


def score_film(
    config: Config,
    painted: Path,
    source: Path,
    *,
    first: int | None = None,
    recipe: StyleRecipe | None = None,
    measured: Callable[[int, int], object] = lambda _done, _total: None,
) -> tuple[FilmScore, Films]:
    """Score a painted film against the film it was painted from.

    Args:
        config: For limits, how the films are read, device, threads, and the length of segments.
        painted: The painted film.
        source: What it was painted from.
        first: Number of the source's frame that the painted film begins with; None where it has all
            of them.
        recipe: The recipe whose style and content losses are measured too, or None.
        measured: Told after each frame how many are done, and how many there are (0: unknown).

    Raises:
        UsageError: The films do not fit together.
        InputError: One of them, or a style image, cannot be read.
        DeviceError: The device is missing or failed.
        WeightsError: The network cannot be found or used.
        ConfigError: The frames are too small for the network.
        StorageError: The file system failed.
    """
    use_threads(worker_threads(config))
    films = match_films(
        painted,
        source,
        first=first,
        limits=config.limits_of(),
        reading=config.reading_of(),
        accept_truncated=config.accept_truncated,
    )
    meter = None if recipe is None else StyleMeter(make_painter(config, recipe), *films.size)
    total = films.painted_info.frames
    score = measure(
        films.frames(),
        segment_frames=config.segment_frames,
        style=meter,
        measured=lambda done: measured(done, total),
    )
    return score, films
