"""Shots of real films, spliced by hand: every hard cut at its frame, nothing at a flash."""

from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from nstd.media.frame import ImageU8
from nstd.media.read.probe import probe
from nstd.media.read.reader import read_frames
from nstd.media.read.shots import read_shots
from tests.unit.media.test_shots import dissolve, lit

SIZE = (320, 180)
DISSOLVED = 12

SHOTS = (
    ("bigbuckbunny.mp4", 0, 30),
    ("nasa_13013.mp4", 30, 60),
    ("bigbuckbunny.mp4", 90, 120),
    ("nasa_13013.mp4", 210, 250),  # dissolved into
    ("av1_video.mkv", 0, 25),
    ("bt709_full_range.mp4", 0, 25),
    ("h264_10bits.mp4", 0, 25),  # nearly the same test pattern as the one before
    ("newtonscradle.gif", 0, 30),  # with a flash
    ("bigbuckbunny.mp4", 50, 80),  # dissolved into
    ("nasa_13013.mp4", 250, 300),
)
DISSOLVES = (3, 8)
FLASH = {12: 200.0, 13: 120.0}
"""Frames of the eighth shot, and the code values added to them."""


@pytest.fixture(scope="module")
def spliced(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[int]]:
    """The film, and the frames at which it is cut hard."""
    pictures: list[ImageU8] = []
    cuts = []
    for number, (name, first, end) in enumerate(SHOTS):
        shot = _clip(shared / "media" / name, first, end)
        if number == 7:
            shot = [lit(image, 1, FLASH.get(n, 0)) for n, image in enumerate(shot)]
        if number in DISSOLVES:
            pictures = dissolve(pictures, shot, DISSOLVED)
            continue
        cuts += [len(pictures)] if pictures else []
        pictures += shot
    path = tmp_path_factory.mktemp("spliced") / "spliced.mp4"
    _write(path, pictures)
    return path, cuts


def _clip(path: Path, first: int, end: int) -> list[ImageU8]:
    return [
        np.asarray(cv2.resize(frame.image, SIZE, interpolation=cv2.INTER_AREA), dtype=np.uint8)
        for frame in read_frames(path, probe(path), first, end - 1)
    ]


def _write(path: Path, pictures: list[ImageU8]) -> None:
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=25, options={"crf": "20", "preset": "veryfast"})
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height = SIZE
        stream.pix_fmt = "yuv420p"
        for number, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))


def _begins(path: Path, first: int = 0) -> list[int]:
    found = read_shots(path, probe(path), first)
    return [one.frame.index for one in found if one.begins_shot]


def test_all_hard_cuts_of_ten_shots_are_found_at_their_frame_and_no_false_one(
    spliced: tuple[Path, list[int]],
) -> None:
    path, cuts = spliced
    assert len(cuts) == 7
    assert _begins(path) == [0, *cuts]


def test_a_continued_film_has_the_same_shots(spliced: tuple[Path, list[int]]) -> None:
    path, cuts = spliced
    for first in (24, cuts[0], cuts[0] + 1, cuts[3] - 1, 200, 206):
        assert _begins(path, first) == [cut for cut in cuts if cut >= first]


def test_the_frames_are_the_reader_s(spliced: tuple[Path, list[int]]) -> None:
    path, _ = spliced
    info = probe(path)
    shots = list(read_shots(path, info, 40, 70))
    for one, frame in zip(shots, read_frames(path, info, 40, 70), strict=True):
        assert (one.frame.index, one.frame.pts) == (frame.index, frame.pts)
        assert np.array_equal(one.frame.image, frame.image)


@pytest.mark.parametrize(
    ("name", "cuts"),
    [
        ("nasa_13013.mp4", [202]),  # and a fade in from black, at 127
        ("bigbuckbunny.mp4", []),
        ("av1_video.mkv", []),
        ("newtonscradle.gif", []),
    ],
)
def test_real_films_have_the_cuts_one_sees(name: str, cuts: list[int], shared: Path) -> None:
    assert _begins(shared / "media" / name) == [0, *cuts]
