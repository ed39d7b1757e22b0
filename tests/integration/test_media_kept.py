"""Timecode, telemetry, chapters, covers, fonts, stereo: in each container, as ffprobe reads it."""

import io
from fractions import Fraction
from pathlib import Path
from typing import Any

import PIL.Image
import pytest

from nstd.media.read.probe import probe
from nstd.media.write.codecs import EncodeSettings
from nstd.media.write.rehearsal import plan
from tests import clips, films

CONTAINERS = ["mp4", "mov", "mkv"]
NTSC = Fraction(30000, 1001)


def streams_of(ffprobe: str, film: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = films.looked(ffprobe, film)["streams"]
    return found


def sentences(source: Path, container: str, codec: str = "h264") -> list[str]:
    """What is to become of a film, in words; said before it is painted."""
    settings = EncodeSettings(codec, container=container)
    return [fate.sentence for fate in plan(source, probe(source), settings).fates]


def timecodes(ffprobe: str, film: Path) -> list[str]:
    """Of the pictures, and of the stream that QuickTime keeps it in."""
    tags = [stream.get("tags", {}) for stream in streams_of(ffprobe, film)]
    return [text for some in tags for key, text in some.items() if key.lower() == "timecode"]


def filmed(ffmpeg: str, folder: Path, rate: Fraction, code: str, suffix: str) -> Path:
    """A film of a second that begins at a timecode."""
    base = Fraction(1, rate.numerator)
    times = range(0, round(rate) * rate.denominator, rate.denominator)
    plain = clips.make(folder / "a.mp4", times=times, time_base=base, rate=rate, sound=("aac",))
    return films.remuxed(ffmpeg, plain, folder / f"b.{suffix}", "-timecode", code)


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("suffix", CONTAINERS)
@pytest.mark.parametrize(
    ("rate", "code"), [(Fraction(25), "01:02:03:04"), (NTSC, "10:09:59;29"), (NTSC, "00:00:00:00")]
)
def test_timecode_is_kept(
    tmp_path: Path,
    ffmpeg: str,
    ffprobe: str,
    rate: Fraction,
    code: str,
    suffix: str,
    container: str,
) -> None:
    source = filmed(ffmpeg, tmp_path, rate, code, suffix)
    assert f"timecode {code}: kept" in sentences(source, container)
    painted = films.round_trip(source, tmp_path, EncodeSettings(container=container))
    assert timecodes(ffprobe, painted) == [code] * (1 if container == "mkv" else 2)


def test_a_part_begins_at_its_own_timecode(tmp_path: Path, ffmpeg: str, ffprobe: str) -> None:
    source = filmed(ffmpeg, tmp_path, NTSC, "00:00:59;20", "mov")
    info = probe(source)
    first = info.start + round(10 / info.frame_rate / info.time_base)
    span = (first, info.start + info.duration)
    settings = EncodeSettings(container="mov")
    painted = films.round_trip(source, tmp_path, settings, span=span)
    assert timecodes(ffprobe, painted)[0] == "00:01:00;02"


def test_timecode_that_nothing_counts_by_is_named(tmp_path: Path, ffmpeg: str) -> None:
    plain = clips.make(tmp_path / "a.mkv", times=range(0, 12800, 853), rate=Fraction(15))
    code = ("-metadata", "timecode=00:00:01:02")
    source = films.remuxed(ffmpeg, plain, tmp_path / "b.mkv", *code)
    assert sentences(source, "mp4") == [
        "timecode 00:00:01:02: lost (no clock counts at this frame rate)"
    ]
    films.round_trip(source, tmp_path)


def telemetry(folder: Path) -> Path:
    """A film with data as GoPro's cameras write it: subtitles that are said to be another kind."""
    film = clips.make(folder / "a.mp4", subtitles="mov_text", chapters=True)
    content = film.read_bytes()
    for old, new in ((b"sbtl", b"meta"), (b"tx3g", b"gpmd"), (b"\0\5Hello", b"DEVC123")):
        assert content.count(old) == 1
        content = content.replace(old, new)
    film.write_bytes(content)
    return film


@pytest.mark.parametrize("container", CONTAINERS)
def test_telemetry_of_cameras_is_kept_where_it_can_be(
    tmp_path: Path, ffprobe: str, container: str
) -> None:
    source = telemetry(tmp_path)
    painted = films.round_trip(source, tmp_path, EncodeSettings(container=container))
    before, after = (
        [one for one in streams_of(ffprobe, film) if one["codec_tag_string"] == "gpmd"]
        for film in (source, painted)
    )
    assert len(before) == 1
    if container == "mkv":
        told = sentences(source, container)
        assert "stream 1 (data, bin_data, und): lost (mkv cannot hold it)" in told
        return
    index = after[0]["index"]
    assert films.packets(painted, "data")[index - 1] == films.packets(source, "data")[0]
    assert films.chapters(painted) == films.chapters(source)


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("suffix", CONTAINERS)
def test_chapters_are_kept(tmp_path: Path, ffprobe: str, suffix: str, container: str) -> None:
    source = clips.make(tmp_path / f"a.{suffix}", chapters=True)
    painted = films.round_trip(source, tmp_path, EncodeSettings(container=container))
    found = films.looked(ffprobe, painted)["chapters"]
    told = [
        (float(one["start_time"]), float(one["end_time"]), one["tags"]["title"]) for one in found
    ]
    assert told == [(begin / 1000, end / 1000, title) for begin, end, title in clips.CHAPTERS]


def with_cover(ffmpeg: str, folder: Path, form: str, suffix: str) -> tuple[Path, bytes]:
    buffer = io.BytesIO()
    PIL.Image.new("RGB", (32, 16), "teal").save(buffer, form)
    cover = folder / f"cover.{ {'JPEG': 'jpg', 'PNG': 'png'}[form] }"
    cover.write_bytes(buffer.getvalue())
    film = clips.make(folder / "a.mp4", times=(0, 512))
    target = folder / f"b.{suffix}"
    if suffix == "mkv":
        kind = f"mimetype=image/{form.lower()}"
        return films.remuxed(
            ffmpeg, film, target, "-attach", str(cover), "-metadata:s:t", kind
        ), buffer.getvalue()
    films.call(
        ffmpeg, "-i", film, "-i", cover, "-map", "0", "-map", "1", "-c", "copy",
        "-disposition:v:1", "attached_pic", target,
    )  # fmt: skip
    return target, buffer.getvalue()


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
@pytest.mark.parametrize("form", ["JPEG", "PNG"])
def test_covers_are_kept(
    tmp_path: Path, ffmpeg: str, ffprobe: str, form: str, suffix: str, container: str
) -> None:
    source, picture = with_cover(ffmpeg, tmp_path, form, suffix)
    painted = films.round_trip(source, tmp_path, EncodeSettings(container=container))
    found = streams_of(ffprobe, painted)
    (cover,) = [one for one in found if one["disposition"]["attached_pic"]]
    assert cover["codec_name"] == {"JPEG": "mjpeg", "PNG": "png"}[form]
    assert picture in painted.read_bytes()


@pytest.mark.parametrize("container", CONTAINERS)
def test_fonts_are_kept_or_named(tmp_path: Path, ffmpeg: str, ffprobe: str, container: str) -> None:
    font = tmp_path / "letters.ttf"
    font.write_bytes(b"letters" * 99)
    plain = clips.make(tmp_path / "a.mkv", times=(0, 512))
    attached = ("-attach", str(font), "-metadata:s:t", "mimetype=font/ttf")
    source = films.remuxed(ffmpeg, plain, tmp_path / "b.mkv", *attached)
    painted = films.round_trip(source, tmp_path, EncodeSettings(container=container))
    kept = [one for one in streams_of(ffprobe, painted) if one["codec_type"] == "attachment"]
    if container == "mkv":
        assert kept[0]["tags"] == {"filename": "letters.ttf", "mimetype": "font/ttf"}
        assert font.read_bytes() in painted.read_bytes()
    else:
        assert not kept
        assert any("letters.ttf" in one and ": lost" in one for one in sentences(source, container))


@pytest.mark.parametrize("codec", ["h264", "ffv1"])
@pytest.mark.parametrize("mode", ["left_right", "top_bottom"])
def test_two_eyes_are_kept_in_matroska_and_named_elsewhere(
    tmp_path: Path, ffmpeg: str, ffprobe: str, mode: str, codec: str
) -> None:
    aspect = Fraction(4, 3)
    plain = clips.make(tmp_path / "a.mkv", times=(0, 512), pixel_aspect=aspect, sound=("aac",))
    stereo = ("-metadata:s:v", f"stereo_mode={mode}")
    source = films.remuxed(ffmpeg, plain, tmp_path / "b.mkv", *stereo)
    painted = films.round_trip(source, tmp_path, EncodeSettings(codec, container="mkv"))
    before, after = (streams_of(ffprobe, film)[0] for film in (source, painted))
    for name in ("side_data_list", "sample_aspect_ratio"):
        assert after[name] == before[name]
    assert after["tags"]["stereo_mode"] == mode
    assert "pictures for two eyes: kept" in sentences(source, "mkv", codec)
    assert "pictures for two eyes: lost (no painted film can say so)" in sentences(source, "mp4")
