"""Sound stays with its picture in every container: a flash and a beep, found by ffmpeg."""

import re
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import pytest

from nstd.media.read.probe import probe
from nstd.media.write.codecs import EncodeSettings
from tests import films

FRAME = Fraction(1, 25)
FLASH = 0.6
"""Second of the flash and the beep, each three frames long, of a film of 1.2 seconds."""
CUT = 0.32
LATE = 0.3
Moments = tuple[float, float, float]
Make = Callable[[str, Path, Path], None]


def flash_and_beep(ffmpeg: str, film: Path) -> Path:
    on = f"between(t,{FLASH - 0.001},{FLASH + 0.1})"
    films.call(
        ffmpeg,
        "-f", "lavfi", "-i", f"color=black:s=96x64:r=25:d=1.2,drawbox=t=fill:c=white:enable='{on}'",
        "-f", "lavfi", "-i", f"aevalsrc='sin(6283*t)*{on}':s=48000:d=1.2",
        "-c:v", "libx264", "-preset", "ultrafast", "-bf", "2", "-g", "100", "-pix_fmt", "yuv420p",
        "-c:a", "aac", film,
    )  # fmt: skip
    return film


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory, ffmpeg: str) -> Path:
    return flash_and_beep(ffmpeg, tmp_path_factory.mktemp("sync") / "base.mp4")


def moments(ffmpeg: str, film: Path) -> Moments:
    """Seconds of the flash, of the beep, and of the first sound that is given out."""
    pictures = films.call(
        ffmpeg, "-copyts", "-i", film, "-map", "0:v:0", "-vsync", "passthrough", "-vf",
        "signalstats,metadata=print:key=lavfi.signalstats.YAVG:file=-", "-f", "null", "-",
    )  # fmt: skip
    sound = films.call(
        ffmpeg, "-copyts", "-i", film, "-map", "0:a:0", "-af",
        "asetnsamples=240,astats=metadata=1:reset=1,"
        "ametadata=print:key=lavfi.astats.Overall.RMS_level:file=-", "-f", "null", "-",
    )  # fmt: skip
    found = [
        [
            (float(time), float(value))
            for time, value in re.findall(r"pts_time:(\S+)\n\S+=(\S+)", one)
        ]
        for one in (pictures, sound)
    ]
    flash = next(time for time, luma in found[0] if luma > 120)
    beep = next(time for time, level in found[1] if level > -30)
    return flash, beep, found[1][0][0]


def plain(ffmpeg: str, base: Path, film: Path) -> None:
    films.call(ffmpeg, "-i", base, "-c", "copy", film)


def picture_late(ffmpeg: str, base: Path, film: Path) -> None:
    late = ("-itsoffset", LATE, "-i", base, "-i", base)
    films.call(ffmpeg, *late, "-map", "0:v", "-map", "1:a", "-c", "copy", film)


def sound_late(ffmpeg: str, base: Path, film: Path) -> None:
    late = ("-itsoffset", LATE, "-i", base, "-i", base)
    films.call(ffmpeg, *late, "-map", "1:v", "-map", "0:a", "-c", "copy", film)


def beginning_cut(ffmpeg: str, base: Path, film: Path) -> None:
    """An edit list says where it begins; all of its packets are there from the key frame on."""
    films.call(ffmpeg, "-ss", CUT, "-i", base, "-c", "copy", film)


def begun_before_0(ffmpeg: str, base: Path, film: Path) -> None:
    """Its first pictures have no time at all: Matroska's muxer has none for them."""
    early = ("-output_ts_offset", -0.2, "-avoid_negative_ts", "disabled")
    films.call(ffmpeg, "-i", base, "-c", "copy", *early, film)


SOURCES: Sequence[tuple[str, Make]] = (
    ("a.mp4", plain),
    ("a.mkv", plain),
    ("a.ts", plain),
    ("a.mp4", picture_late),
    ("a.ts", picture_late),
    ("a.mkv", sound_late),
    ("a.mp4", beginning_cut),
    ("a.mkv", begun_before_0),
)


@pytest.mark.parametrize("container", ["mp4", "mov", "mkv"])
@pytest.mark.parametrize(("name", "make"), SOURCES)
def test_sound_stays_with_its_picture(
    tmp_path: Path, ffmpeg: str, base: Path, name: str, make: Make, container: str
) -> None:
    source = tmp_path / name
    make(ffmpeg, base, source)
    painted = films.round_trip(source, tmp_path, EncodeSettings("h264", 18, "ultrafast", container))
    before, after = (moments(ffmpeg, film) for film in (source, painted))
    apart = (before[1] - before[0]) - (after[1] - after[0])
    assert abs(apart) < FRAME / 2
    # No more sound before the flash than there was, but for what a codec needs to begin with.
    assert (after[0] - after[2]) - (before[0] - before[2]) < FRAME


@pytest.mark.parametrize("container", ["mp4", "mkv"])
@pytest.mark.parametrize(("name", "make"), [SOURCES[3], SOURCES[6]])
def test_a_part_of_a_film_begins_with_its_sound(
    tmp_path: Path, ffmpeg: str, base: Path, name: str, make: Make, container: str
) -> None:
    source = tmp_path / name
    make(ffmpeg, base, source)
    before = moments(ffmpeg, source)
    info = probe(source)
    first = info.start + round(4 * FRAME / info.time_base)
    span = (first, first + round(20 * FRAME / info.time_base))
    settings = EncodeSettings("h264", 18, "ultrafast", container)
    after = moments(ffmpeg, films.round_trip(source, tmp_path, settings, span=span))
    assert abs((before[1] - before[0]) - (after[1] - after[0])) < FRAME / 2
    begin = first * float(info.time_base)
    assert abs(after[0] - (before[0] - begin)) < FRAME
    assert after[2] > -FRAME


@pytest.mark.parametrize(("name", "make"), SOURCES[-3:])
def test_webm_is_in_sync(tmp_path: Path, ffmpeg: str, base: Path, name: str, make: Make) -> None:
    source = tmp_path / name
    make(ffmpeg, base, source)
    painted = films.round_trip(source, tmp_path, EncodeSettings("vp9", 30, "ultrafast", "webm"))
    before, after = (moments(ffmpeg, film) for film in (source, painted))
    assert abs((before[1] - before[0]) - (after[1] - after[0])) < FRAME / 2
    assert (after[0] - after[2]) - (before[0] - before[2]) < FRAME
