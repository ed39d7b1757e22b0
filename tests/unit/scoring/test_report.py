"""A score in words and as data: every number, none that is no number."""

import json
from fractions import Fraction
from pathlib import Path

from nstd.media.frame import VideoInfo
from nstd.scoring import Films, FilmScore, FrameScore, StyleScore, as_data, as_text
from nstd.scoring.numbers import Pair

INFO = VideoInfo(0, 64, 48, Fraction(25), Fraction(1, 25), 0, 3, 3)
FILMS = Films(Path("painted.mp4"), Path("film.mp4"), INFO, INFO, first=10)


def frame(
    index: int, pair: Pair | None, *, border: bool = False, style: float | None
) -> FrameScore:
    return FrameScore(
        index=index,
        begins_shot=pair is None,
        begins_segment=border,
        luminance=0.3 - 0.03 * index,
        contrast=0.2,
        energy=0.012,
        source_luminance=0.5,
        source_contrast=0.1,
        source_energy=0.01,
        pair=pair,
        style=style,
        content=None if style is None else 0.4,
    )


def film(*, style: bool) -> FilmScore:
    loss = 0.05 if style else None
    frames = [
        frame(0, None, style=loss),
        frame(1, Pair(1e-4, 1e-4, 0.9), style=loss),
        frame(2, Pair(3e-4, 1e-4, 0.7), border=True, style=loss),
    ]
    return FilmScore(frames, StyleScore("pocket", 0.09, 0.06) if style else None)


def test_the_text_is_a_line_a_number_with_a_word_on_what_is_good() -> None:
    lines = as_text(film(style=True), FILMS).splitlines()
    assert lines[0].startswith("3 frames (the source's 10 to 12), 1 shot, 64 × 48 px")
    values = {line[:18].strip(): line[18:28].strip() for line in lines[1:]}
    assert values == {
        "E_warp ratio": "2.00",
        "painted": "0.0002",
        "gradient energy": "0.012",
        "luminance drift": "-20.0 %",
        "contrast drift": "+0.0 %",
        "seams": "3.00",
        "style loss": "0.05",
        "new places": "0.09",
        "content loss": "0.4",
    }
    assert max(map(len, lines)) <= 100
    for name, word in (("E_warp", "1.1"), ("luminance", "2 %"), ("  new", "1.50 ×")):
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
    for name in ("warp_ratio", "seam_step", "style_loss", "network", "new_style_ratio"):
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
    assert [one["warp_error"] for one in frames] == [None, 1e-4, 3e-4]
    assert [one["begins_segment"] for one in frames] == [False, False, True]
    assert [one["style_loss"] for one in frames] == [0.05] * 3
