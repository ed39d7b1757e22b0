"""Films that were cut off are told of before a frame is painted; whole ones never are.

It cannot be told of elementary streams (`.m2v`, H.264 without a container), which state no length;
of a transport or program stream that ends between two of its packets (188 bytes, 2 KiB), as a
stopped recording does; and of films whose recorder never filled in the sizes and that end between
two blocks.
"""

import functools
import logging
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest

from nstd.errors import TruncatedError, UnreadableError
from nstd.media.read.probe import probe
from nstd.media.read.reader import read_frames
from tests import clips
from tests.films import shown

Making = Callable[[Path], Path]

TICKS: dict[str, Any] = {"times": range(25), "time_base": Fraction(1, 25)}
STREAMED = {"movflags": "frag_keyframe+empty_moov"}


def made(name: str, codec: str = "libx264", **changes: Any) -> Making:
    options = (
        {"options": {"preset": "ultrafast", "g": "5"}} if codec == "libx264" else {"options": {}}
    )
    return lambda folder: clips.make(folder / name, codec=codec, **options | TICKS | changes)


FILMS: dict[str, Making] = {
    "h264 aac mp4": made("a.mp4", sound=("aac",), muxer={"movflags": "+faststart"}),
    "h264 aac mp4, index last": made("a.mp4", sound=("aac",)),
    "h264 aac mp4, fragments": made("a.mp4", sound=("aac",), muxer=STREAMED),
    "prores pcm mov": made(
        "a.mov", "prores_ks", pixel_format="yuv422p10le", sound=("pcm_s16le",),
        muxer={"movflags": "+faststart"},
    ),
    "h264 aac mkv": made("a.mkv", sound=("aac",)),
    "h264 mkv, as a stream": made("a.mkv", muxer={"live": "1"}),
    "vp8 opus webm": made("a.webm", "libvpx", sound=("libopus",)),
    "mpeg4 mp3 avi": made("a.avi", "mpeg4", sound=("mp3",)),
    "mjpeg pcm avi": made("a.avi", "mjpeg", pixel_format="yuvj420p", sound=("pcm_s16le",)),
    "ffv1 avi": made("a.avi", "ffv1"),
    "h264 aac flv": made("a.flv", sound=("aac",)),
    "flv1 flv": made("a.flv", "flv"),
    "h264 aac ts": made("a.ts", sound=("aac",)),
    "mpeg2 mp2 ts": made("a.ts", "mpeg2video", sound=("mp2",)),
    "h264 ac3 m2ts": made("a.m2ts", sound=("ac3",), muxer={"mpegts_m2ts_mode": "1"}),
    "mpeg2 mp2 mpg": made("a.mpg", "mpeg2video", sound=("mp2",)),
    "mpeg1 mpg": made("a.mpg", "mpeg1video", sound=("mp2",)),
    "mpeg2 ac3 vob": made("a.vob", "mpeg2video", sound=("ac3",), format="vob"),
    "wmv2 mp3 wmv": made("a.wmv", "wmv2", sound=("mp3",)),
    "msmpeg4 asf": made("a.asf", "msmpeg4"),
    "mpeg2 pcm mxf": made("a.mxf", "mpeg2video", sound=("pcm_s16le",)),
    "mpeg2 mxf": made("a.mxf", "mpeg2video"),
    "gif": lambda folder: clips.gif(folder / "a.gif"),
    "y4m": made("a.y4m", "wrapped_avframe"),
    "y4m, 4:4:4": made("a.y4m", "wrapped_avframe", pixel_format="yuv444p"),
}  # fmt: skip


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    @functools.cache
    def of(kind: str) -> Path:
        return FILMS[kind](tmp_path_factory.mktemp("whole"))

    return of


@pytest.mark.parametrize("kind", FILMS)
def test_a_whole_film_is_whole(kind: str, film: Callable[[str], Path]) -> None:
    info = probe(film(kind))
    assert not info.truncated
    assert not info.remarks
    assert info.frames == (5 if kind == "gif" else 25)


@pytest.mark.parametrize("kind", FILMS)
def test_wherever_it_is_cut_it_is_told_of(
    kind: str, film: Callable[[str], Path], tmp_path: Path
) -> None:
    whole = film(kind)
    content = whole.read_bytes()
    # Between two packets of a transport stream nobody can tell, which a round share may hit.
    for share in (0.3, 0.6, 0.9, 0.99):
        cut = tmp_path / whole.name
        cut.write_bytes(content[: int(len(content) * share) // 188 * 188 + 51])
        with pytest.raises(
            (TruncatedError, UnreadableError), match=r"ends early|no whole index|not a film"
        ):
            probe(cut)


@pytest.mark.parametrize(
    "kind",
    ["h264 aac flv", "h264 aac ts", "mpeg2 mp2 mpg", "wmv2 mp3 wmv", "mpeg4 mp3 avi", "mpeg2 mxf"],
)
def test_what_is_there_is_read_to_its_end_when_that_is_accepted(
    kind: str, film: Callable[[str], Path], tmp_path: Path
) -> None:
    whole = film(kind)
    content = whole.read_bytes()
    cut = tmp_path / whole.name
    # In such short films all of the picture stands before most of the sound of MPEG.
    share = 0.3 if whole.suffix == ".mpg" else 0.6
    cut.write_bytes(content[: int(len(content) * share) + 1])
    info = probe(cut, accept_truncated=True)
    assert info.truncated
    assert [remark.startswith("ends early: ") for remark in info.remarks] == [True]
    frames = list(read_frames(cut, info))
    assert info.frames - 1 <= len(frames) <= info.frames <= 25
    # Without its index an MXF film of MPEG-2 begins a frame later.
    expected = [frame.pts for frame in read_frames(whole, probe(whole))]
    late = frames[0].pts - expected[0]
    assert [frame.pts - late for frame in frames] == expected[: len(frames)]


def test_frames_that_turn_out_to_be_missing_are_accepted_too(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    film = clips.damaged(tmp_path / "a.mp4", at=[23, 24])
    with caplog.at_level(logging.WARNING):
        frames = list(read_frames(film, probe(film, accept_truncated=True)))
    assert len(frames) == 23
    assert "only 23 of 25 frames" in caplog.text


@pytest.mark.parametrize("name", ["a.mp4", "a.mov"])
def test_an_end_that_cannot_be_decoded_is_told_of_before_painting(
    tmp_path: Path, name: str
) -> None:
    options = {"preset": "ultrafast", "g": "5"}
    film = clips.damaged(tmp_path / name, at=[22, 23, 24], options=options, **TICKS)
    with pytest.raises(TruncatedError, match="the last 3 of 25 frames cannot be decoded"):
        probe(film)
    assert "the last 3 of 25" in probe(film, accept_truncated=True).remarks[0]


class TestDroppedFramesOfAvi:
    """An empty chunk: the frame before stays for longer."""

    @pytest.mark.parametrize("sound", [(), ("mp3",), ("pcm_s16le",)])
    @pytest.mark.parametrize(
        ("codec", "options"),
        [
            ("mjpeg", {}),
            ("mpeg4", {}),
            ("mpeg4", {"bf": "2"}),
            ("libx264", {"preset": "ultrafast"}),
            ("libx264", {"preset": "fast", "x264-params": "bframes=2:b-adapt=0"}),
        ],
    )
    def test_are_no_cut_and_the_frame_before_lasts(
        self,
        tmp_path: Path,
        codec: str,
        options: dict[str, str],
        sound: tuple[str, ...],
        ffprobe: str,
    ) -> None:
        layout = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        times = [0, 1, 2, 7, 8, 9, 10, 14]
        film = made("a.avi", codec, times=times, options=options, pixel_format=layout, sound=sound)(
            tmp_path
        )
        with av.open(str(film)) as container:
            assert container.streams.video[0].frames > len(times)
        info = probe(film)
        frames = list(read_frames(film, info))
        assert info.frames == len(frames) == len(times)
        stated = shown(film, ffprobe)
        # What comes out of a decoder's end has no time in AVI.
        assert [frame.pts for frame in frames][: len(stated)] == stated
        ends = [frame.pts + frame.duration for frame in frames]
        assert ends[:-1] == [frame.pts for frame in frames[1:]]

    def test_at_the_end_of_a_film_are_no_cut(self, tmp_path: Path) -> None:
        film = made("a.avi", "mpeg4", times=[0, 1, 2, 3])(tmp_path)
        content = bytearray(film.read_bytes())
        # Four moments more than frames, in the header of the stream and in that of the film.
        length = content.index(b"strh") + 8 + 32
        for place in (length, content.index(b"avih") + 8 + 16):
            content[place : place + 4] = (8).to_bytes(4, "little")
        film.write_bytes(content)
        info = probe(film)
        assert info.frames == 4
        assert [frame.duration for frame in read_frames(film, info)] == [1, 1, 1, 5]
