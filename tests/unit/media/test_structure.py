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


def test_a_matroska_film_of_unknown_length_promises_nothing(tmp_path: Path) -> None:
    film = clips.make(tmp_path / "a.mkv", muxer={"live": "1"})
    content = film.read_bytes()
    film.write_bytes(content[: len(content) // 2])
    assert not ends_early(film, MATROSKA)


def test_formats_without_a_promise_are_never_short(tmp_path: Path) -> None:
    assert not ends_early(written(tmp_path / "a.ts", b"\x47" * 188), "mpegts")
