"""A score as text and as data."""

import math
from typing import Any

from nstd.scoring.films import Films
from nstd.scoring.result import FilmScore, FrameScore

_NAME, _VALUE = 18, 10
"""Widths of the text's first two columns."""


def as_text(score: FilmScore, films: Films) -> str:
    """A few lines: name, value, and what is good. Ends with a line break."""
    seen = _percent(score.covered, sign=False)
    other = _small(score.source_warp_error)
    rows = [
        (
            "E_warp ratio",
            _number(score.warp_ratio),
            "flicker by the source's; 1 is no more, up to 1.1 is good",
        ),
        (
            "  painted",
            _small(score.warp_error),
            f"mean squared; the source has {other}; over {seen} of the picture",
        ),
        (
            "gradient energy",
            _small(score.energy),
            f"{_number(score.energy_ratio)} × the source's; blur lowers it, and E_warp with it",
        ),
        (
            "luminance drift",
            _percent(score.luminance_drift),
            "largest of a shot, beyond the source's; under 2 % is good",
        ),
        ("contrast drift", _percent(score.contrast_drift), "likewise"),
        ("seams", _number(score.seam_step), _about_seams(score)),
        *_style_rows(score),
    ]
    lines = [_headline(score, films)]
    lines += [f"{name:{_NAME}}{value:>{_VALUE}}  {word}" for name, value, word in rows]
    return "".join(f"{line}\n" for line in lines)


def as_data(score: FilmScore, films: Films) -> dict[str, Any]:
    """Everything, in plain values; what is undefined is None. Drifts are in percent."""
    width, height = films.size
    style = score.style
    data = {
        "first": films.first,
        "frames": len(score.frames),
        "width": width,
        "height": height,
        "warp_ratio": score.warp_ratio,
        "warp_error": score.warp_error,
        "source_warp_error": score.source_warp_error,
        "covered": score.covered,
        "gradient_energy": score.energy,
        "source_gradient_energy": score.source_energy,
        "gradient_energy_ratio": score.energy_ratio,
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
    pair = frame.pair
    return {
        "index": frame.index,
        "begins_shot": frame.begins_shot,
        "begins_segment": frame.begins_segment,
        "warp_error": None if pair is None else pair.output,
        "source_warp_error": None if pair is None else pair.source,
        "covered": None if pair is None else pair.covered,
        "luminance": frame.luminance,
        "source_luminance": frame.source_luminance,
        "contrast": frame.contrast,
        "source_contrast": frame.source_contrast,
        "gradient_energy": frame.energy,
        "source_gradient_energy": frame.source_energy,
        "style_loss": frame.style,
        "content_loss": frame.content,
    }


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
    if not any(frame.begins_segment for frame in score.frames):
        return "no segment ends in the midst of a shot"
    if not borders:
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
