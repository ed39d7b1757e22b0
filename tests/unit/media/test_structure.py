"""Cut-off files are noticed from their outermost structure."""

import struct
from pathlib import Path

import pytest

from nstd.media.read.structure import ends_early, lacks_index
from tests import clips

MP4 = "mov,mp4,m4a,3gp,3g2,mj2"
MATROSKA = "matroska,webm"


def box(name: bytes, content: bytes, length: int | None = None) -> bytes:
    return struct.pack(">I4s", len(content) + 8 if length is None else length, name) + content


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_whole_boxes_are_whole(tmp_path: Path) -> None:
    film = written(tmp_path / "a.mp4", box(b"ftyp", b"isom") + box(b"mdat", b"x" * 50))
    assert not ends_early(film, MP4)


@pytest.mark.parametrize(
    ("content", "lacking"),
    [
        (box(b"ftyp", b"isom") + box(b"mdat", b"x" * 9) + box(b"moov", b"x" * 9), False),
        (box(b"ftyp", b"isom") + box(b"mdat", b"x" * 9) + box(b"moov", b"x" * 9)[:-1], True),
        (box(b"ftyp", b"isom") + box(b"mdat", b"x" * 9), True),
        (b"GIF89a and no box at all", False),
        (b"short", False),
    ],
)
def test_an_mp4_file_without_a_whole_index_is_known(
    tmp_path: Path, content: bytes, lacking: bool
) -> None:
    assert lacks_index(written(tmp_path / "a.mp4", content)) is lacking


@pytest.mark.parametrize("kept", [9, 30, 57])
def test_a_media_box_that_goes_on_behind_the_end_is_missing_something(
    tmp_path: Path, kept: int
) -> None:
    film = written(tmp_path / "a.mp4", box(b"ftyp", b"isom") + box(b"mdat", b"x" * 50)[:kept])
    assert ends_early(film, MP4)


def test_a_64_bit_length_is_followed(tmp_path: Path) -> None:
    head = struct.pack(">I4sQ", 1, b"mdat", 16 + 40)
    assert not ends_early(written(tmp_path / "a.mp4", head + b"x" * 40), MP4)
    assert ends_early(written(tmp_path / "b.mp4", head + b"x" * 39), MP4)


def test_a_box_of_length_0_reaches_to_the_end(tmp_path: Path) -> None:
    film = written(tmp_path / "a.mp4", box(b"ftyp", b"isom") + box(b"mdat", b"x" * 9, length=0))
    assert not ends_early(film, MP4)


def test_rubbish_behind_the_last_box_is_no_promise(tmp_path: Path) -> None:
    film = written(tmp_path / "a.mp4", box(b"moov", b"x" * 9) + b"\xff\xff\xff\xffrubbish")
    assert not ends_early(film, MP4)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.gif"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_real_films_are_whole_until_they_are_cut(tmp_path: Path, name: str, share: float) -> None:
    film = tmp_path / name
    if name == "a.gif":
        clips.gif(film)
    else:
        clips.make(film)
    form = {"a.mp4": MP4, "a.mkv": MATROSKA, "a.gif": "gif"}[name]
    assert not ends_early(film, form)
    content = film.read_bytes()
    film.write_bytes(content[: int(len(content) * share)])
    assert ends_early(film, form)


def test_a_gif_with_something_behind_its_end_is_whole(tmp_path: Path) -> None:
    film = clips.gif(tmp_path / "a.gif")
    film.write_bytes(film.read_bytes() + b"appended by a camera")
    assert not ends_early(film, "gif")


def test_a_matroska_film_of_unknown_length_promises_no_more_than_its_last_element(
    tmp_path: Path,
) -> None:
    film = clips.make(tmp_path / "a.mkv", muxer={"live": "1"})
    assert ends_early(film, MATROSKA) is None
    film.write_bytes(film.read_bytes()[:-1])
    assert ends_early(film, MATROSKA)


def test_formats_without_a_promise_are_never_short(tmp_path: Path) -> None:
    film = written(tmp_path / "a.h264", b"\0\0\1\x67")
    assert ends_early(film, "h264") is None


@pytest.mark.parametrize("format_name", [
    MP4, MATROSKA, "gif", "avi", "asf", "flv", "ogg", "mpeg", "mpegts", "mxf", "yuv4mpegpipe", "dv",
])  # fmt: skip
@pytest.mark.parametrize("content", [b"", b"x", b"\xff" * 300, bytes(70_000), b"RIFF\0\0\0\0AVI "])
def test_what_is_no_film_at_all_is_walked_over_in_peace(
    tmp_path: Path, format_name: str, content: bytes
) -> None:
    assert ends_early(written(tmp_path / "a", content), format_name) in {True, False, None}


@pytest.mark.parametrize("size", [188, 192, 204])
def test_a_transport_stream_is_one_of_whole_packets(tmp_path: Path, size: int) -> None:
    before = b"time" if size == 192 else b""
    packet = before + b"\x47" + bytes(size - 1 - len(before))
    film = written(tmp_path / "a.ts", b"rubbish" + packet * 20)
    assert ends_early(film, "mpegts") is False
    film.write_bytes(film.read_bytes()[:-1])
    assert ends_early(film, "mpegts")


def test_an_avi_whose_writer_counted_its_header_too_is_whole(tmp_path: Path) -> None:
    body = b"AVI " + struct.pack("<4sI", b"LIST", 4) + b"hdrl"
    film = written(tmp_path / "a.avi", struct.pack("<4sI", b"RIFF", len(body) + 8) + body)
    assert ends_early(film, "avi") is False
    film.write_bytes(film.read_bytes()[:-1])
    assert ends_early(film, "avi")
