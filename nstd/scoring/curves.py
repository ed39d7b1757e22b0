"""A score as curves along the film."""

import math
from pathlib import Path

from nstd.errors import OutputExistsError, UsageError
from nstd.media.chart import Curve, Panel, draw_chart
from nstd.media.files import facts_of, publish, removed_on_failure
from nstd.media.image import STILL_SUFFIXES, Still, encode_still
from nstd.scoring.result import FilmScore

_QUALITY = 92


def require_writable(target: Path, *, overwrite: bool) -> None:
    """See that the plot can be written there: scoring takes too long to find out afterwards.

    Raises:
        UsageError: Its suffix is no picture's, or its folder is not there.
        OutputExistsError: A file is there already.
        StorageError: It cannot be looked at.
    """
    if target.suffix.lower() not in STILL_SUFFIXES:
        raise UsageError(
            f"A plot cannot be written as {target.name}",
            f"Choose a name that ends in one of {', '.join(sorted(STILL_SUFFIXES))}",
        )
    if facts_of(target.absolute().parent) is None:
        raise UsageError(f"There is no folder {target.absolute().parent}", "Make it first")
    if not overwrite and facts_of(target) is not None:
        raise OutputExistsError(f"{target} is there already")


def draw_score(score: FilmScore, target: Path, *, overwrite: bool = False) -> None:
    """Draw warp error, luminance and, where there is one, style loss of every frame.

    Args:
        score: Of the film.
        target: The picture to write, such as a PNG.
        overwrite: Replace a file that is there.

    Raises:
        OutputExistsError: A file is there already.
        StorageError: The file system failed.
    """
    cuts = [shot.first for shot in score.shots[1:]]
    drawn = draw_chart(_panels(score), marks=cuts, below="frame of the painted film; | a cut")
    part = encode_still(drawn, Still(drawn, None, "PNG"), target, quality=_QUALITY)
    with removed_on_failure(part):
        publish(part, target, overwrite=overwrite)


def _panels(score: FilmScore) -> list[Panel]:
    frames = score.frames
    pairs = [frame.pair for frame in frames]
    ratio = "" if math.isnan(score.warp_ratio) else f", ratio {score.warp_ratio:.2f}"
    panels = [
        Panel(
            f"Warp error{ratio}",
            (
                Curve("source", [math.nan if one is None else one.source for one in pairs]),
                Curve("painted", [math.nan if one is None else one.output for one in pairs]),
            ),
            logarithmic=True,
        ),
        Panel(
            "Mean luminance",
            (
                Curve("source", [frame.source_luminance for frame in frames]),
                Curve("painted", [frame.luminance for frame in frames]),
            ),
        ),
    ]
    if score.style is not None:
        losses = [math.nan if frame.style is None else frame.style for frame in frames]
        panels.append(Panel(f"Style loss by {score.style.network}", (Curve("painted", losses),)))
    return panels
