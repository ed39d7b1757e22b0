"""Interlaced films: each frame made whole as ffmpeg's bwdif does it, or as it was coded."""

import subprocess
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from nstd.errors import UnsupportedError
from nstd.media.frame import Frame
from nstd.media.read.probe import probe
from nstd.media.read.reader import frame_times, read_frames
from nstd.media.read.reading import Deinterlace, Reading
from tests import field_pictures, films
from tests.integration.house import House
from tests.jobs import Onlooker

FIELDS = "testsrc2=s=96x64:r=50:d=0.2"
TOP = "tinterlace=interleave_top,setfield=tff"
BOTTOM = "tinterlace=interleave_bottom,setfield=bff"
MPEG2 = "-c:v mpeg2video -q:v 2 -flags +ilme+ildct -top 1"
X264 = "-c:v libx264 -preset ultrafast -flags +ilme+ildct -x264opts"

KINDS: dict[str, tuple[str, str, str, str]] = {
    "H.264, top field first": ("a.mp4", FIELDS, f"format=yuv420p,{TOP}", f"{X264} tff=1"),
    "H.264, bottom field first": ("a.mkv", FIELDS, f"format=yuv420p,{BOTTOM}", f"{X264} bff=1"),
    "HEVC": (
        "a.mp4",
        FIELDS,
        f"format=yuv420p,{TOP}",
        "-c:v libx265 -x265-params log-level=none:interlace=tff",
    ),
    "MPEG-2, transport stream": ("a.ts", FIELDS, f"format=yuv420p,{TOP}", MPEG2),
    "MPEG-2, program stream": ("a.mpg", FIELDS, f"format=yuv422p,{TOP}", MPEG2),
    "MPEG-4 in AVI": (
        "a.avi",
        FIELDS,
        f"format=yuv420p,{TOP}",
        "-c:v mpeg4 -q:v 2 -flags +ilme+ildct -top 1",
    ),
    "ProRes": (
        "a.mov",
        FIELDS,
        f"format=yuv422p10,{TOP}",
        "-c:v prores_ks -flags +ildct -top 1",
    ),
    "FFV1": ("a.mkv", FIELDS, f"format=yuv420p,{TOP}", "-c:v ffv1 -flags +ildct -top 1"),
    "DV": (
        "a.avi",
        "testsrc2=s=720x576:r=50:d=0.08",
        f"format=yuv420p,{BOTTOM}",
        "-c:v dvvideo",
    ),
    "telecine": ("a.mpg", "testsrc2=s=96x64:r=24:d=0.3", "telecine,format=yuv420p", MPEG2),
}
"""File name, lavfi's source, its filters, and how it is encoded."""

WAYS: dict[Deinterlace, str] = {
    "auto": "bwdif=mode=send_frame:deint=interlaced,",
    "fields": "bwdif=mode=send_field:deint=interlaced,",
    "off": "",
}


def made(ffmpeg: str, path: Path, source: str, filters: str, encoding: str) -> Path:
    command = f"{ffmpeg} -nostdin -v error -f lavfi -i {source} -vf {filters} {encoding}"
    subprocess.run([*command.split(), str(path)], check=True)
    return path


def kind(ffmpeg: str, folder: Path, name: str) -> Path:
    file, *rest = KINDS[name]
    return made(ffmpeg, folder / file, *rest)


def interlaced_later(ffmpeg: str, folder: Path) -> Path:
    """Ten whole frames, and five interlaced ones after them."""
    source = "testsrc2=s=96x64:r=25:d=0.4"
    made(ffmpeg, folder / "p.ts", source, "format=yuv420p", "-c:v mpeg2video -q:v 2")
    late = f"{MPEG2} -output_ts_offset 0.4"
    made(ffmpeg, folder / "i.ts", FIELDS, f"format=yuv420p,{TOP}", late)
    film = folder / "a.ts"
    film.write_bytes((folder / "p.ts").read_bytes() + (folder / "i.ts").read_bytes())
    return film


def by_ffmpeg(ffmpeg: str, film: Path, way: str, size: tuple[int, int]) -> npt.NDArray[np.int16]:
    scale = "scale=flags=bicubic+accurate_rnd+full_chroma_int,format=rgb24"
    command = [ffmpeg, "-v", "error", "-i", str(film), "-vsync", "0", "-vf", f"{way}{scale}"]
    raw = subprocess.run([*command, "-f", "rawvideo", "-"], capture_output=True, check=True).stdout
    return np.frombuffer(raw, np.uint8).reshape(-1, *size, 3).astype(np.int16)


def off(frames: Sequence[Frame], theirs: npt.NDArray[np.int16]) -> float:
    """The largest mean difference of a frame, in code values.

    Where a neighbor is missing, at both ends, older versions of the filter make the outermost lines
    in another way, which eight rows see where chroma is halved.
    """
    assert len(frames) == len(theirs)
    differences = [abs(frame.image - other) for frame, other in zip(frames, theirs, strict=True)]
    ends = [one[8:-8].mean() for one in (differences[0], differences[-1])]
    return float(max([one.mean() for one in differences[1:-1]] + ends))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", KINDS)
def test_frames_are_those_of_ffmpegs_filter(
    ffmpeg: str, tmp_path: Path, name: str, way: Deinterlace
) -> None:
    film = kind(ffmpeg, tmp_path, name)
    info = probe(film, reading=Reading(deinterlace=way))
    assert info.field_order != "progressive"
    assert (info.reader, info.reader_reason) == ("pyav", "OpenCV cannot convert interlaced frames")
    frames = list(read_frames(film, info))
    theirs = by_ffmpeg(ffmpeg, film, WAYS[way], (info.height, info.width))
    # Measured: 0.00, of the same planes by the same formulas; 0.05 for DV.
    assert off(frames, theirs) <= 0.1
    assert len(frames) == info.frames


def test_a_fields_time_is_midway_between_frames(ffmpeg: str, ffprobe: str, tmp_path: Path) -> None:
    film = kind(ffmpeg, tmp_path, "H.264, top field first")
    one, two = (probe(film, reading=Reading(deinterlace=way)) for way in ("auto", "fields"))
    assert two.frames == 2 * one.frames
    assert two.frame_rate == 2 * one.frame_rate == 50
    assert two.time_base == one.time_base / 2
    frames, fields = list(read_frames(film, one)), list(read_frames(film, two))
    assert [frame.seconds for frame in fields[::2]] == [frame.seconds for frame in frames]
    assert {after.seconds - before.seconds for before, after in pairwise(fields)} == {
        1 / two.frame_rate
    }
    assert [frame.pts for frame in fields] == frame_times(film, two)
    last = fields[-1]
    assert last.seconds + last.duration * last.time_base == one.duration * one.time_base
    assert one.duration * one.time_base == two.duration * two.time_base


def test_each_frame_goes_by_its_own_flag(
    ffmpeg: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    film = interlaced_later(ffmpeg, tmp_path)
    info = probe(film)
    # What comes after the first frames is not seen beforehand, and made whole all the same.
    assert info.field_order == "progressive"
    frames = list(read_frames(film, info))
    plain = by_ffmpeg(ffmpeg, film, "", (64, 96))
    theirs = by_ffmpeg(ffmpeg, film, WAYS["auto"], (64, 96))
    assert off(frames[:10], plain[:10]) <= 0.1
    assert off(frames[10:], theirs[10:]) <= 0.1
    assert off(frames[10:], plain[10:]) > 2
    assert "from number 10 on some are interlaced: made whole" in caplog.text
    fields = list(read_frames(film, probe(film, reading=Reading(deinterlace="fields"))))
    assert len(fields) == len(frames)


@pytest.mark.parametrize("way", ["auto", "fields"])
def test_a_part_has_the_same_frames_as_the_whole(
    ffmpeg: str, tmp_path: Path, way: Deinterlace
) -> None:
    film = kind(ffmpeg, tmp_path, "telecine")
    info = probe(film, reading=Reading(deinterlace=way))
    whole = list(read_frames(film, info))
    for first in (1, 4):
        part = list(read_frames(film, info, first))
        for frame, other in zip(part, whole[first:], strict=True):
            assert (frame.pts, frame.image.tobytes()) == (other.pts, other.image.tobytes())


@pytest.mark.parametrize(
    ("way", "remark"),
    [
        ("auto", "is interlaced (top field first): each frame is made whole"),
        (
            "fields",
            "is interlaced (top field first): each field becomes a frame, at twice the rate",
        ),
        ("off", "is interlaced (top field first): frames are painted as they are"),
    ],
)
def test_what_becomes_of_them_is_said(
    ffmpeg: str, tmp_path: Path, way: Deinterlace, remark: str
) -> None:
    film = kind(ffmpeg, tmp_path, "FFV1")
    assert probe(film, reading=Reading(deinterlace=way)).remarks == (remark,)


def test_fields_are_written_with_their_times(ffmpeg: str, tmp_path: Path) -> None:
    film = kind(ffmpeg, tmp_path, "H.264, top field first")
    info = probe(film, reading=Reading(deinterlace="fields"))
    frames = list(read_frames(film, info))
    segments = [
        films.write_segment(tmp_path / f"{first}", info, frames[first : first + 5])
        for first in (0, 5)
    ]
    part = films.joined(segments, film, info, tmp_path / "painted.mp4", films.QUICK)
    assert films.times(part) == [Fraction(index, 50) for index in range(10)]


def test_opencv_is_not_believed_of_an_interlaced_film(ffmpeg: str, tmp_path: Path) -> None:
    film = kind(ffmpeg, tmp_path, "MPEG-2, transport stream")
    with pytest.raises(UnsupportedError, match=r"OpenCV cannot convert interlaced.*--reader auto"):
        probe(film, reading=Reading("opencv"))


def test_opencv_is_not_believed_of_a_film_that_is_interlaced_later(
    ffmpeg: str, tmp_path: Path
) -> None:
    film = interlaced_later(ffmpeg, tmp_path)
    info = probe(film, reading=Reading("opencv"))
    assert info.reader == "opencv"
    frames = list(read_frames(film, info))
    assert off(frames[10:], by_ffmpeg(ffmpeg, film, WAYS["auto"], (64, 96))[10:]) <= 0.1


def test_the_whole_program_tells_of_them(ffmpeg: str, house: House) -> None:
    made(ffmpeg, house.source, FIELDS, f"format=yuv420p,{TOP}", f"{X264} tff=1 -y")
    job = house.queue(copy=True, reading=Reading(deinterlace="fields"))
    assert house.work(Onlooker()).error is None
    found = house.store.get(job.id).report
    assert found["remarks"] == [
        "is interlaced (top field first): each field becomes a frame, at twice the rate"
    ]
    assert found["reading"] == {
        "reader": "pyav",
        "because": "OpenCV cannot convert interlaced frames",
    }
    assert films.times(house.target) == [Fraction(index, 50) for index in range(10)]


@pytest.mark.parametrize("container", ["ts", "mkv", "mp4"])
def test_two_packets_of_a_field_each_are_one_frame(
    ffmpeg: str, tmp_path: Path, container: str
) -> None:
    raw, film = tmp_path / "a.h264", tmp_path / f"a.{container}"
    raw.write_bytes(field_pictures.stream(10))
    command = [ffmpeg, "-v", "error", "-framerate", "25", "-i", str(raw), "-c", "copy", str(film)]
    subprocess.run(command, check=True)
    info = probe(film)
    assert info.frames == 10
    assert info.frame_rate == 25
    assert info.field_order == "top"
    frames = list(read_frames(film, info))
    assert [frame.seconds - frames[0].seconds for frame in frames] == [
        Fraction(number, 25) for number in range(10)
    ]
    assert not any(frame.damaged for frame in frames)
    assert off(frames, by_ffmpeg(ffmpeg, film, WAYS["auto"], (64, 96))) <= 0.1
    part = list(read_frames(film, info, 7))
    assert [frame.image.tobytes() for frame in part] == [
        frame.image.tobytes() for frame in frames[7:]
    ]
    fields = list(read_frames(film, probe(film, reading=Reading(deinterlace="fields"))))
    assert {later.seconds - frame.seconds for frame, later in pairwise(fields)} == {Fraction(1, 50)}
    assert len(fields) == 20


FIFTY = "-c:v libx264 -preset ultrafast -g 5 -bf 2"


@pytest.mark.parametrize("container", ["ts", "mkv", "mp4"])
@pytest.mark.parametrize("order", ["fields first", "fields last"])
def test_whole_frames_that_come_as_fast_as_fields_stay_whole(
    ffmpeg: str, ffprobe: str, tmp_path: Path, order: str, container: str
) -> None:
    """Half a second of 50 whole frames a second, joined to 10 frames of two packets each."""
    raw, parts = tmp_path / "a.h264", [tmp_path / "i.ts", tmp_path / "p.ts"]
    raw.write_bytes(field_pictures.stream(10))
    late = ["0", "0.4"] if order == "fields first" else ["0.54", "0"]
    command = f"{ffmpeg} -v error -framerate 25 -i {raw} -c copy -output_ts_offset {late[0]}"
    subprocess.run([*command.split(), str(parts[0])], check=True)
    whole = f"{FIFTY} -output_ts_offset {late[1]}"
    made(ffmpeg, parts[1], "testsrc2=s=96x64:r=50:d=0.5", "format=yuv420p", whole)
    joined, film = tmp_path / "joined.ts", tmp_path / f"a.{container}"
    ordered = parts if order == "fields first" else parts[::-1]
    joined.write_bytes(b"".join(part.read_bytes() for part in ordered))
    if container == "ts":
        film = joined
    else:
        command = f"{ffmpeg} -v error -copyts -i {joined} -c copy {film}"
        subprocess.run(command.split(), check=True)
    info = probe(film)
    frames = list(read_frames(film, info))
    assert [frame.pts for frame in frames] == films.shown(film, ffprobe)
    assert [frame.pts for frame in frames] == frame_times(film, info)
    assert info.frames == len(frames) == 35
    assert not any(frame.damaged for frame in frames)
    for first in (9, 12, 30):
        part = list(read_frames(film, info, first))
        assert [(frame.pts, frame.image.tobytes()) for frame in part] == [
            (frame.pts, frame.image.tobytes()) for frame in frames[first:]
        ]
