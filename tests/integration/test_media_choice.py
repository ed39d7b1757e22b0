"""Which library reads a film, and why: both libraries' frames are compared first."""

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import pytest

from nstd.errors import UnsupportedError
from nstd.media.read.probe import is_cover, probe
from nstd.media.read.reader import read_frames
from nstd.media.read.reading import Reading
from tests import clips

RGB: dict[str, Any] = {"codec": "ffv1", "pixel_format": "bgr0", "options": {}}


def cover_first(folder: Path) -> Path:
    """A film whose first video stream is a cover: what describes it comes before the film's."""
    film = clips.make(folder / "a.mp4", cover=True, pixel_format="yuv444p")
    content = film.read_bytes()
    begin = content.index(b"moov") + 4
    (size,) = struct.unpack(">I", content[begin - 8 : begin - 4])
    boxes, at, end = [], begin, begin - 8 + size
    while at < end:
        (length,) = struct.unpack(">I", content[at : at + 4])
        boxes.append(content[at : at + length])
        at += length
    boxes.sort(key=lambda box: box[4:8] != b"udta")
    film.write_bytes(content[:begin] + b"".join(boxes) + content[end:])
    with av.open(str(film)) as container:
        assert is_cover(container.streams.video[0])
    return film


CHOICES: dict[str, tuple[Callable[[Path], Path], str, str]] = {
    "RGB": (
        lambda folder: clips.make(folder / "a.mkv", **RGB),
        "opencv",
        "its first frames are those of PyAV",
    ),
    "GIF": (
        lambda folder: clips.gif(folder / "a.gif"),
        "opencv",
        "its first frames are those of PyAV",
    ),
    "full chroma": (
        lambda folder: clips.make(folder / "a.mp4", pixel_format="yuv444p"),
        "opencv",
        "its first frames are those of PyAV",
    ),
    "halved chroma": (
        lambda folder: clips.make(folder / "a.mp4"),
        "pyav",
        "OpenCV repeats samples of its chroma (yuv420p)",
    ),
    "ten bits": (
        lambda folder: clips.make(folder / "a.mp4", pixel_format="yuv420p10le"),
        "pyav",
        "OpenCV gives 8 of its 10 bits",
    ),
    "alpha": (
        lambda folder: clips.make(folder / "a.mov", codec="qtrle", pixel_format="argb", options={}),
        "pyav",
        "OpenCV leaves out its alpha channel",
    ),
    "alpha beside the picture": (
        lambda folder: clips.make(
            folder / "a.webm",
            codec="libvpx-vp9",
            pixel_format="yuva420p",
            options={"auto-alt-ref": "0"},
        ),
        "pyav",
        "OpenCV leaves out its alpha channel",
    ),
    "colors of large pictures that say nothing": (
        lambda folder: clips.make(folder / "a.mp4", size=(1280, 64), pixel_format="yuv444p"),
        "pyav",
        "OpenCV takes its colors for BT.601's",
    ),
    "a cover before the film": (
        cover_first,
        "pyav",
        "OpenCV reads another of its pictures",
    ),
}


@pytest.mark.parametrize("kind", CHOICES)
def test_the_library_that_gets_it_right_reads_it(tmp_path: Path, kind: str) -> None:
    make, reader, why = CHOICES[kind]
    film = make(tmp_path)
    info = probe(film)
    assert (info.reader, info.reader_reason) == (reader, why)
    frames = list(read_frames(film, info))
    assert len(frames) == info.frames
    assert info.alpha == ("alpha" in kind)
    assert all((frame.alpha is not None) == info.alpha for frame in frames)


@pytest.mark.parametrize(
    "kind", ["colors of large pictures that say nothing", "a cover before the film"]
)
def test_a_library_that_gets_it_wrong_is_refused_if_it_is_asked_for(
    tmp_path: Path, kind: str
) -> None:
    make, _, why = CHOICES[kind]
    film = make(tmp_path)
    with pytest.raises(UnsupportedError) as caught:
        probe(film, reading=Reading("opencv"))
    assert caught.value.problem == f"{film} cannot be read with OpenCV: {why}"
    assert "--reader auto" in (caught.value.remedy or "")


@pytest.mark.parametrize("kind", ["halved chroma", "ten bits", "alpha"])
def test_opencv_reads_what_it_gets_right_in_the_main_if_it_is_asked_for(
    tmp_path: Path, kind: str
) -> None:
    film = CHOICES[kind][0](tmp_path)
    info = probe(film, reading=Reading("opencv"))
    assert (info.reader, info.reader_reason) == ("opencv", "it was asked for")
    assert all(frame.deep is None and frame.alpha is None for frame in read_frames(film, info))


def test_where_both_are_right_their_frames_are_the_same(tmp_path: Path) -> None:
    film = clips.make(tmp_path / "a.mkv", **RGB)
    one, other = (
        [frame.image.tobytes() for frame in read_frames(film, probe(film, reading=Reading(name)))]
        for name in ("opencv", "pyav")
    )
    assert one == other
