"""`score`: how well a painted film holds together, against the film it was painted from."""

from nstd.scoring.curves import draw_score, require_writable
from nstd.scoring.films import Films, match_films
from nstd.scoring.measuring import Matched, measure
from nstd.scoring.report import as_data, as_text
from nstd.scoring.result import FilmScore, FrameScore, ShotScore, StyleScore
from nstd.scoring.run import score_film
from nstd.scoring.style import StyleMeter, make_painter

__all__ = [
    "FilmScore",
    "Films",
    "FrameScore",
    "Matched",
    "ShotScore",
    "StyleMeter",
    "StyleScore",
    "as_data",
    "as_text",
    "draw_score",
    "make_painter",
    "match_films",
    "measure",
    "require_writable",
    "score_film",
]
