"""`stylize --frames` by times: what a player shows then, whatever the film's rate does."""

from fractions import Fraction
from pathlib import Path

from nstd.config import recipe_from_options
from nstd.errors import UsageError
from nstd.media.write.codecs import EncodeSettings
from nstd.submit.frames import parse_frames
from nstd.submit.output import OutputSpec
from nstd.work.result import Result
from nstd.work.stylize import Wanted, stylize
from tests.clips import VFR_TIMES, vfr
from tests.films import times
from tests.jobs import Onlooker, small_config


def paint(folder: Path, *films: Path, frames: str) -> list[Result]:
    config = small_config(folder)
    look = {"temporal": "independent", "size": "48", "levels": "48:1"}
    recipe = recipe_from_options(config, name="oil", overrides=look)
    spec = OutputSpec(encode=EncodeSettings(container="mkv"))
    wanted = parse_frames(frames)
    (folder / "painted").mkdir()
    return stylize(config, films, Wanted(recipe, spec, wanted), f"{folder}/painted/", Onlooker())


def test_the_frames_shown_in_that_time_are_painted_of_a_film_of_varying_rate(
    tmp_path: Path,
) -> None:
    film = vfr(tmp_path / "a.mp4")
    (result,) = paint(tmp_path, film, frames="0.12s:0.47s")
    assert result.error is None
    assert result.target is not None
    shown = [Fraction(stamp, 12800) for stamp in VFR_TIMES]
    meant = [one for one in shown if Fraction(12, 100) <= one < Fraction(47, 100)]
    painted = times(result.target)
    assert len(painted) == len(meant) == 6
    for one, other in zip(painted, meant, strict=True):
        assert abs((one - painted[0]) - (other - meant[0])) <= Fraction(1, 1000)


def test_a_time_in_which_one_film_shows_nothing_is_that_films_failure(tmp_path: Path) -> None:
    film = vfr(tmp_path / "a.mp4")
    (result,) = paint(tmp_path, film, frames="0.13s:0.2s")
    assert isinstance(result.error, UsageError)
    assert "no frame is shown in that time" in str(result.error)
    assert not list((tmp_path / "painted").iterdir())
