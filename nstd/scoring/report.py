"""A score as text and as data."""

import math
from dataclasses import asdict
from typing import Any

from nstd.scoring.films import Films
from nstd.scoring.judge import Verdict
from nstd.scoring.result import FilmScore, FrameScore

_NAME, _VALUE = 18, 10
"""Widths of the text's first two columns."""


def as_text(score: FilmScore, films: Films) -> str:
    """A few lines: name, value, and what is good. Ends with a line break."""
    flicker = score.flicker
    rows = [
        (
            "flicker",
            _number(flicker.ratio),
            "by texture, relative to the source; up to 1, as much as that, is good",
        ),
        (
            "  compared",
            _percent(flicker.counted, sign=False),
            "of the picture: where it has texture, and two optical flows agree",
        ),
        (
            "  everywhere",
            _number(flicker.unconditioned_ratio),
            "also where the flow is a guess, which makes it seem larger",
        ),
        (
            "gradient energy",
            _number(score.gradient_energy_ratio),
            "relative to the source: sharpness; blur lowers it",
        ),
        (
            "Laplacian variance",
            _number(score.laplacian_variance_ratio),
            "relative to the source: finest detail; grain and sharpening raise it",
        ),
        (
            "luminance drift",
            _percent(score.luminance_drift),
            "largest of a shot, beyond the source's; under 2 % is good",
        ),
        (
            "contrast drift",
            _percent(score.contrast_drift),
            "largest of a shot, beyond the source's",
        ),
        ("seams", _number(score.seam_step), _about_seams(score)),
        *_style_rows(score),
    ]
    lines = [_headline(score, films)]
    lines += [f"{name:{_NAME}}{value:>{_VALUE}}  {word}" for name, value, word in rows]
    return "".join(f"{line}\n" for line in lines)


def as_data(score: FilmScore, films: Films) -> dict[str, Any]:
    """Everything, in plain values; what is undefined is None. Drifts are in percent."""
    width, height = films.size
    style, flicker = score.style, score.flicker
    data = {
        "first": films.first,
        "frames": len(score.frames),
        "width": width,
        "height": height,
        "flicker_ratio": flicker.ratio,
        "unconditioned_flicker_ratio": flicker.unconditioned_ratio,
        "counted": flicker.counted,
        "warp_error": flicker.output.error,
        "source_warp_error": flicker.source.error,
        "gradient_energy_ratio": score.gradient_energy_ratio,
        "laplacian_variance_ratio": score.laplacian_variance_ratio,
        "luminance_drift": 100 * score.luminance_drift,
        "contrast_drift": 100 * score.contrast_drift,
        "seam_step": score.seam_step,
        "segment_borders": len(score.borders),
        "network": None if style is None else style.network,
        "style_loss": score.style_loss,
        "content_loss": score.content_loss,
        "new_style_loss": None if style is None else style.new,
        "shifted_style_loss": None if style is None else style.shifted,
        "new_style_ratio": score.new_ratio,
        "shots": [
            {
                "first": shot.first,
                "last": shot.last,
                "luminance_drift": 100 * shot.luminance_drift,
                "contrast_drift": 100 * shot.contrast_drift,
            }
            for shot in score.shots
        ],
        "per_frame": [_frame_data(frame) for frame in score.frames],
    }
    return {name: _defined(value) for name, value in data.items()}


def _frame_data(frame: FrameScore) -> dict[str, Any]:
    verdict = frame.verdict or Verdict()
    looks = {"": asdict(frame.painted), "source_": asdict(frame.source)}
    data = {
        "index": frame.index,
        "begins_shot": frame.begins_shot,
        "begins_segment": frame.begins_segment,
        "flicker_ratio": verdict.ratio,
        "counted": verdict.counted,
        "warp_error": verdict.output.error,
        "source_warp_error": verdict.source.error,
        **{whose + name: value for whose, look in looks.items() for name, value in look.items()},
        "style_loss": frame.style,
        "content_loss": frame.content,
    }
    return {name: _defined(value) for name, value in data.items()}


def _headline(score: FilmScore, films: Films) -> str:
    width, height = films.size
    count, shots = len(score.frames), len(score.shots)
    of = f" (the source's {films.first} to {films.first + count - 1})" if films.first else ""
    return (
        f"{_counted(count, 'frame')}{of}, {_counted(shots, 'shot')}, {width} × {height} px; "
        "cuts are not compared"
    )


def _about_seams(score: FilmScore) -> str:
    borders = len(score.borders)
    if not borders:
        return "no segment ends in the midst of a shot"
    if math.isnan(score.seam_step):
        return "nothing could be compared where segments meet"
    where = "1 border" if borders == 1 else f"{borders} borders"
    return f"flicker at {where} of segments by that inside; up to 1 is good"


def _style_rows(score: FilmScore) -> list[tuple[str, str, str]]:
    if score.style is None:
        return []
    new = "nothing is new in any frame"
    if not math.isnan(score.style.new):
        new = f"{_number(score.new_ratio)} × that of the same masks elsewhere; up to 1.5 is good"
    return [
        (
            "style loss",
            _small(score.style_loss),
            f"mean, by {score.style.network}; less is nearer to the style",
        ),
        ("  new places", _small(score.style.new), new),
        ("content loss", _small(score.content_loss), "mean; less keeps more of the source"),
    ]


def _counted(number: int, name: str) -> str:
    return f"{number} {name}" if number == 1 else f"{number} {name}s"


def _defined(value: object) -> object:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _number(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.2f}"


def _small(value: float) -> str:
    """A loss with three significant digits."""
    return "–" if math.isnan(value) else f"{value:.3g}"


def _percent(value: float, *, sign: bool = True) -> str:
    if math.isnan(value):
        return "–"
    return f"{100 * value:+.1f} %" if sign else f"{100 * value:.0f} %"
