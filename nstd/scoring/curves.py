"""A score as curves along the film."""

import math
import os
from pathlib import Path
from stat import S_ISDIR

from nstd.errors import OutputExistsError, UsageError
from nstd.files import facts_of, publish, removed_on_failure
from nstd.media.names import STILL_SUFFIXES
from nstd.media.still import Still
from nstd.media.still_write import encode_still
from nstd.scoring.chart import Curve, Panel, draw_chart
from nstd.scoring.judge import Verdict
from nstd.scoring.result import FilmScore

_QUALITY = 92


def require_writable(target: Path, *, overwrite: bool) -> None:
    """Raise unless the plot can be written: scoring takes too long to find out afterwards.

    Raises:
        UsageError: Its suffix is no picture's, its folder is not there or cannot be written into,
            or it is a folder itself.
        OutputExistsError: A file is there already.
        StorageError: It cannot be looked at.
    """
    if target.suffix.lower() not in STILL_SUFFIXES:
        raise UsageError(
            f"A plot cannot be written as {target.name}",
            f"Choose a name that ends in one of {', '.join(sorted(STILL_SUFFIXES))}",
        )
    folder = target.absolute().parent
    facts = facts_of(folder)
    if facts is None or not S_ISDIR(facts.st_mode):
        raise UsageError(f"There is no folder {folder}", "Make it first")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UsageError(f"Nothing can be written into {folder}", "Choose another folder")
    there = facts_of(target)
    if there is not None and S_ISDIR(there.st_mode):
        raise UsageError(f"{target} is a folder", "Choose another name")
    if not overwrite and there is not None:
        raise OutputExistsError(f"{target} is there already")


def draw_score(score: FilmScore, target: Path, *, overwrite: bool = False) -> None:
    """Draw flicker, luminance and, if measured, style loss of every frame.

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
    verdicts = [frame.verdict or Verdict() for frame in frames]
    ratio = score.flicker.ratio
    panels = [
        Panel(
            f"Flicker by texture{'' if math.isnan(ratio) else f', ratio {ratio:.2f}'}",
            (
                Curve("source", [one.source.normalized for one in verdicts]),
                Curve("painted", [one.output.normalized for one in verdicts]),
            ),
            logarithmic=True,
        ),
        Panel(
            "Mean luminance",
            (
                Curve("source", [frame.source.luminance for frame in frames]),
                Curve("painted", [frame.painted.luminance for frame in frames]),
            ),
        ),
    ]
    if score.style is not None:
        losses = [math.nan if frame.style is None else frame.style for frame in frames]
        panels.append(Panel(f"Style loss by {score.style.network}", (Curve("painted", losses),)))
    return panels
