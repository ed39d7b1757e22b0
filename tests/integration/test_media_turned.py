"""Rotated and mirrored films come out as every player shows their source, in every container."""

import math
import subprocess
from fractions import Fraction
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import pytest

from nstd.media.read.probe import probe
from nstd.media.read.reader import read_frames
from nstd.media.read.reading import Reading
from nstd.media.write.codecs import EncodeSettings
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
    "left to right": matrix(-1, 0, 0, 1),
    "top to bottom": matrix(1, 0, 0, -1),
    "a quarter, mirrored": matrix(0, 1, 1, 0),
    "three quarters, mirrored": matrix(0, -1, -1, 0),
}
HALF = round(ONE * math.sqrt(0.5))
ASKEW = (HALF, HALF, 0, -HALF, HALF, 0, 0, 0, LAST)


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


@pytest.mark.parametrize("container", ["mp4", "mov", "mkv"])
def test_a_film_askew_keeps_its_matrix(tmp_path: Path, ffmpeg: str, container: str) -> None:
    source = clips.make(tmp_path / "a.mp4", times=(0, 512), matrix=ASKEW)
    painted = films.round_trip(source, tmp_path, EncodeSettings(container=container))
    before, after = (shown(ffmpeg, film, (96, 64)) for film in (source, painted))
    assert before[0, 0].max() < 20  # its corners are empty
    assert np.abs(before.astype(int) - after).mean() < 4


@pytest.mark.parametrize("reader", ["opencv", "pyav"])
@pytest.mark.parametrize("name", TURNS)
def test_every_reader_turns_and_mirrors_as_the_film_says(
    tmp_path: Path, ffmpeg: str, name: str, reader: Literal["opencv", "pyav"]
) -> None:
    film = clips.make(tmp_path / "a.mp4", times=(0, 512), matrix=TURNS[name])
    info = probe(film, reading=Reading(reader=reader))
    first = next(read_frames(film, info)).image
    expected = shown(ffmpeg, film, (info.width, info.height))
    assert (info.width, info.height) == ((64, 96) if TURNS[name][0] == 0 else (96, 64))
    assert np.abs(expected.astype(int) - first).mean() < 2
