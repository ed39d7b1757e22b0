"""A score in words and as data: every number, none that is no number."""

import json
from fractions import Fraction
from pathlib import Path

import pytest

from nstd.media.frame import VideoInfo
from nstd.scoring import Films, FilmScore, FrameScore, StyleScore, as_data, as_text
from nstd.scoring.judge import Sums, Verdict
from nstd.scoring.numbers import Look

INFO = VideoInfo(0, 64, 48, Fraction(25), Fraction(1, 25), 0, 3, 3)
FILMS = Films(Path("painted.mp4"), Path("film.mp4"), INFO, INFO, first=10)


def verdict(output: float, pixels: int) -> Verdict:
    """Of half of the source's gradient energy, and an error of 1e-4."""
    own = Sums(pixels, output * pixels, 0.02 * pixels)
    other = Sums(pixels, 1e-4 * pixels, 0.01 * pixels)
    everywhere = Sums(100, 3 * output * 100, 0.02 * 100)
    return Verdict(100, other, own, Sums(100, 1e-2, 1.0), everywhere)


def frame(
    index: int, pair: Verdict | None, *, border: bool = False, style: float | None
) -> FrameScore:
    return FrameScore(
        index=index,
        begins_shot=pair is None,
        begins_segment=border,
        painted=Look(0.3 - 0.03 * index, 0.2, 0.012, 3e-3),
        source=Look(0.5, 0.1, 0.01, 1e-3),
        verdict=pair,
        style=style,
        content=None if style is None else 0.4,
    )


def film(*, style: bool) -> FilmScore:
    loss = 0.05 if style else None
    frames = [
        frame(0, None, style=loss),
        frame(1, verdict(1e-4, 90), style=loss),
        frame(2, verdict(3e-4, 90), border=True, style=loss),
    ]
    return FilmScore(frames, StyleScore("pocket", 0.09, 0.06) if style else None)


def test_the_text_is_a_line_a_number_with_a_word_on_what_is_good() -> None:
    lines = as_text(film(style=True), FILMS).splitlines()
    assert lines[0].startswith("3 frames (the source's 10 to 12), 1 shot, 64 × 48 px")
    values = {line[:18].strip(): line[18:28].strip() for line in lines[1:]}
    assert values == {
        "flicker": "1.00",
        "compared": "90 %",
        "everywhere": "3.00",
        "gradient energy": "1.20",
        "Laplacian variance": "3.00",
        "luminance drift": "-20.0 %",
        "contrast drift": "+0.0 %",
        "seams": "3.00",
        "style loss": "0.05",
        "new places": "0.09",
        "content loss": "0.4",
    }
    assert max(map(len, lines)) <= 100
    for name, word in (
        ("flicker", "up to 1"),
        ("  every", "guess"),
        ("luminance", "2 %"),
        ("  new", "1.50 ×"),
    ):
        (line,) = [line for line in lines if line.startswith(name)]
        assert word in line


def test_what_is_not_there_is_a_dash_and_none() -> None:
    alone = FilmScore([frame(0, None, style=None)])
    text = as_text(alone, FILMS)
    assert "nan " not in text
    assert "style" not in text
    assert "no segment ends in the midst of a shot" in text
    data = as_data(alone, FILMS)
    assert json.loads(json.dumps(data, allow_nan=False)) == data
    for name in (
        "flicker_ratio",
        "counted",
        "warp_error",
        "seam_step",
        "style_loss",
        "network",
        "new_style_ratio",
    ):
        assert data[name] is None


def test_the_data_has_every_number_and_every_frame() -> None:
    data = as_data(film(style=True), FILMS)
    assert json.loads(json.dumps(data, allow_nan=False)) == data
    assert data["first"] == 10
    assert data["segment_borders"] == 1
    assert round(data["luminance_drift"], 9) == -20
    assert data["new_style_loss"] == 0.09
    assert data["shots"][0]["last"] == 2
    frames = data["per_frame"]
    assert data["flicker_ratio"] == pytest.approx(1)
    assert data["unconditioned_flicker_ratio"] == pytest.approx(3)
    assert data["warp_error"] == pytest.approx(2e-4)
    assert [one["flicker_ratio"] for one in frames] == [
        None,
        pytest.approx(0.5),
        pytest.approx(1.5),
    ]
    assert frames[2]["counted"] == 0.9
    assert frames[2]["gradient_energy"] == 0.012
    assert frames[2]["source_laplacian_variance"] == 1e-3
    assert [one["begins_segment"] for one in frames] == [False, False, True]
    assert [one["style_loss"] for one in frames] == [0.05] * 3
