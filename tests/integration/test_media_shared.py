"""Real films: read and written back with nothing changed but the picture's encoding."""

import subprocess
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from nstd.media.read.probe import probe
from nstd.media.read.reader import read_frames
from nstd.media.write.codecs import EncodeSettings
from tests import films

FILMS = [
    "nasa_13013.mp4",
    "bigbuckbunny.mp4",
    "h264_10bits.mp4",
    "h265_10bits.mp4",
    "h265_video.mp4",
    "av1_video.mkv",
    "bt709_full_range.mp4",
    "newtonscradle.gif",
]


@pytest.mark.parametrize("name", FILMS)
def test_a_round_trip_changes_no_time_size_or_sound(
    shared: Path, tmp_path: Path, name: str
) -> None:
    source = shared / "media" / name
    before = probe(source)
    third = before.frames // 3
    painted = films.round_trip(source, tmp_path, cuts=[third, 2 * third])
    after = probe(painted)
    assert films.times(painted) == films.times(source, before.stream)
    assert after.frames == before.frames
    assert after.duration * after.time_base == before.duration * before.time_base
    assert (after.width, after.height) == (before.width, before.height)
    assert (after.rotation, after.sample_aspect_ratio) == (0, before.sample_aspect_ratio)
    assert (after.matrix, after.color_range) == ("bt709", "tv")
    for kind in ("audio", "subtitle"):
        assert films.packets(painted, kind) == films.packets(source, kind)


@pytest.mark.parametrize("name", FILMS)
def test_frames_are_what_ffmpeg_decodes(shared: Path, ffmpeg: str, name: str) -> None:
    source = shared / "media" / name
    info = probe(source)
    found = list(read_frames(source, info, last=4))
    matrix = "in_color_matrix=bt709:" if info.matrix == "unknown" and info.width >= 1280 else ""
    scale = f"scale={matrix}flags=bicubic+accurate_rnd+full_chroma_int,format=rgb24"
    command = [ffmpeg, "-v", "error", "-i", str(source), "-map", f"0:{info.stream}", "-vf", scale]
    command += ["-vsync", "0", "-frames:v", "5", "-f", "rawvideo", "-"]
    raw = subprocess.run(command, capture_output=True, check=True).stdout
    theirs = np.frombuffer(raw, np.uint8).reshape(-1, info.height, info.width, 3)
    for frame, other in zip(found, theirs, strict=True):
        assert np.abs(frame.image.astype(int) - other).mean() <= 1


def test_of_two_pictures_the_first_is_painted(shared: Path, tmp_path: Path) -> None:
    source = shared / "media" / "nasa_13013.mp4"
    with av.open(str(source)) as container:
        best = container.streams.best("video")
        assert best is not None
        assert best.index == 3
    info = probe(source)
    assert (info.stream, info.width, info.height, info.frames) == (0, 320, 180, 325)
    painted = films.round_trip(source, tmp_path)
    assert films.streams(painted) == [
        "video", "audio", "subtitle", "audio", "subtitle",
    ]  # fmt: skip
    lost = "stream 3 (video, h264, eng): lost (only one stream of pictures is painted)"
    assert lost in films.sentences(source)


def test_a_part_of_a_film_has_its_sound(shared: Path, tmp_path: Path) -> None:
    source = shared / "media" / "nasa_13013.mp4"
    span = (100 * 512, 150 * 512)
    painted = films.round_trip(source, tmp_path, EncodeSettings(preset="ultrafast"), span=span)
    assert films.times(painted) == [Fraction(index, 25) for index in range(50)]
    before = {digest: time for time, digest in films.packets(source, "audio")[0]}
    after = films.packets(painted, "audio")[0]
    assert 14 <= len(after) <= 18  # 2 seconds of packets of 0.128
    assert {before[digest] - time for time, digest in after} == {Fraction(4)}


def test_ten_bits_full_range_and_palettes_are_known(shared: Path) -> None:
    media = shared / "media"
    assert probe(media / "h265_10bits.mp4").bit_depth == 10
    assert probe(media / "bt709_full_range.mp4").color_range == "pc"
    gif = probe(media / "newtonscradle.gif")
    assert (gif.frames, gif.duration, gif.frame_rate) == (36, 82, Fraction(36, 82) * 100)
