"""Turned and mirrored films come out as every player shows their source, in every container."""

import subprocess
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from nstd.media.write.encode import EncodeSettings
from tests import clips, films

ONE = 1 << 16
LAST = 1 << 30
Picture = npt.NDArray[np.uint8]


def matrix(a: int, b: int, c: int, d: int) -> tuple[int, ...]:
    """A display matrix: the picture's right is shown towards (a, b), its bottom towards (c, d)."""
    return (a * ONE, b * ONE, 0, c * ONE, d * ONE, 0, 0, 0, LAST)


TURNS = {
    "as it is": matrix(1, 0, 0, 1),
    "a quarter": matrix(0, 1, -1, 0),
    "a half": matrix(-1, 0, 0, -1),
    "three quarters": matrix(0, -1, 1, 0),
}


def shown(ffmpeg: str, film: Path, size: tuple[int, int]) -> Picture:
    """The first frame as ffmpeg shows it: turned as the film says. `[height, width, 3]`, RGB."""
    command = [ffmpeg, "-v", "error", "-i", str(film), "-frames:v", "1", "-pix_fmt", "rgb24"]
    told = subprocess.run([*command, "-f", "rawvideo", "-"], capture_output=True, check=True)
    return np.frombuffer(told.stdout, np.uint8).reshape(*size[::-1], 3)


@pytest.mark.parametrize("container", ["mp4", "mov", "mkv"])
@pytest.mark.parametrize("name", TURNS)
def test_a_turned_film_is_shown_as_its_source_is(
    tmp_path: Path, ffmpeg: str, name: str, container: str
) -> None:
    source = clips.make(
        tmp_path / "a.mp4",
        times=(0, 512),
        matrix=TURNS[name],
        pixel_aspect=Fraction(16, 15),
    )
    painted = films.round_trip(source, tmp_path, EncodeSettings(container=container))
    size = (64, 96) if TURNS[name][0] == 0 else (96, 64)
    before, after = (shown(ffmpeg, film, size) for film in (source, painted))
    # Encoded twice: on average a few code values; turned or mirrored wrongly it is dozens.
    assert np.abs(before.astype(int) - after).mean() < 4
