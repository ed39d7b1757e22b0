"""Films of every kind are read whole, upright and with exact times, or refused with a reason."""

import json
import logging
import os
import subprocess
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import PIL.Image
import pytest

from nstd.errors import TruncatedError, UnreadableError, UnsupportedError, VanishedError
from nstd.media.frame import Frame
from nstd.media.names import FILM_SUFFIXES
from nstd.media.read import reader
from nstd.media.read.probe import probe
from nstd.media.read.reader import read_frames
from nstd.media.read.reading import Reader, Reading
from nstd.media.read.scan import scan
from tests import clips, films

LATE = tuple(range(5120, 5120 + 20 * 512, 512))
TICKS_25: dict[str, Any] = {"times": range(25), "time_base": Fraction(1, 25)}
B_FRAMES = {"preset": "fast", "x264-params": "bframes=3:b-adapt=0"}

KINDS: dict[str, Callable[[Path], Path]] = {
    "constant rate": lambda folder: clips.make(folder / "a.mp4"),
    "B-frames": lambda folder: clips.make(folder / "a.mp4", options=B_FRAMES),
    "varying rate": lambda folder: clips.vfr(folder / "a.mp4"),
    "start offset": lambda folder: clips.make(folder / "a.mp4", times=LATE, options=B_FRAMES),
    "start offset, Matroska": lambda folder: clips.make(folder / "a.mkv", times=LATE),
    "one frame": lambda folder: clips.make(folder / "a.mp4", times=[0]),
    "odd size": lambda folder: clips.make(folder / "a.mp4", size=(97, 63), pixel_format="yuv444p"),
    "10 bit": lambda folder: clips.make(folder / "a.mp4", pixel_format="yuv420p10le"),
    "HEVC": lambda folder: clips.make(
        folder / "a.mp4", codec="libx265", options={"x265-params": "log-level=none"}
    ),
    "VP8": lambda folder: clips.make(
        folder / "a.webm", codec="libvpx", options={"auto-alt-ref": "1", "lag-in-frames": "16"}
    ),
    "VP9": lambda folder: clips.make(folder / "a.webm", codec="libvpx-vp9", options={}),
    "AV1": lambda folder: clips.make(folder / "a.mkv", codec="libsvtav1", options={"preset": "12"}),
    "MPEG-2": lambda folder: clips.make(
        folder / "a.mpg", codec="mpeg2video", options={"bf": "2"}, **TICKS_25
    ),
    "transport stream": lambda folder: clips.make(
        folder / "a.ts", options=B_FRAMES, sound=("aac",)
    ),
    "MPEG-4 in AVI": lambda folder: clips.make(
        folder / "a.avi", codec="mpeg4", options={"bf": "2"}, **TICKS_25
    ),
    "Motion JPEG, 29.97": lambda folder: clips.make(
        folder / "a.avi",
        codec="mjpeg",
        pixel_format="yuvj420p",
        options={},
        times=range(25),
        time_base=Fraction(1001, 30000),
        rate=Fraction(30000, 1001),
    ),
    "WMV": lambda folder: clips.make(folder / "a.wmv", codec="wmv2", options={}, **TICKS_25),
    "Flash": lambda folder: clips.make(folder / "a.flv", codec="flv", options={}, **TICKS_25),
    "ProRes": lambda folder: clips.make(
        folder / "a.mov", codec="prores_ks", pixel_format="yuv422p10le", options={}
    ),
    "FFV1": lambda folder: clips.make(folder / "a.mkv", codec="ffv1", options={}),
    "GIF": lambda folder: clips.gif(folder / "a.gif"),
    "fragmented": lambda folder: clips.make(
        folder / "a.mp4", muxer={"movflags": "frag_keyframe+empty_moov"}
    ),
    "frames hidden by an edit list": lambda folder: clips.make(
        folder / "a.mp4", times=[-1024, -512, 0, 512, 1024]
    ),
    "sound before the picture": lambda folder: clips.make(
        folder / "a.mp4", times=LATE, sound=("aac",)
    ),
}


@pytest.fixture(autouse=True, scope="module")
def _svt_is_quiet() -> None:
    os.environ.setdefault("SVT_LOG", "1")


@pytest.mark.parametrize("library", ["opencv", "pyav"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_frame_comes_with_pyavs_time_stamp(
    kind: str, library: Reader, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    film = KINDS[kind](tmp_path)
    info = probe(film, reading=Reading(library))
    assert info.reader == library
    frames = list(read_frames(film, info))
    assert [frame.seconds for frame in frames] == films.times(film)
    assert [frame.index for frame in frames] == list(range(info.frames))
    assert info.start == frames[0].pts
    assert all(frame.time_base == info.time_base for frame in frames)
    assert not caplog.records


@pytest.mark.parametrize("kind", ["varying rate", "start offset", "GIF", "B-frames"])
def test_time_stamps_are_ffprobes(kind: str, tmp_path: Path, ffprobe: str) -> None:
    film = KINDS[kind](tmp_path)
    command = [ffprobe, "-v", "error", "-select_streams", "v:0", "-of", "json"]
    command += ["-show_entries", "frame=pts", str(film)]
    answer = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    stated = [int(frame["pts"]) for frame in answer["frames"]]
    assert [frame.pts for frame in read_frames(film, probe(film))] == stated


@pytest.mark.parametrize("kind", ["constant rate", "varying rate", "start offset", "GIF"])
def test_durations_reach_to_the_next_frame(kind: str, tmp_path: Path) -> None:
    film = KINDS[kind](tmp_path)
    info = probe(film)
    frames = list(read_frames(film, info))
    for frame, following in pairwise(frames):
        assert frame.pts + frame.duration == following.pts
    assert frames[-1].pts + frames[-1].duration == info.start + info.duration
    assert frames[-1].duration > 0


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_frames_are_upright(tmp_path: Path, rotation: int) -> None:
    film = clips.make(tmp_path / "a.mp4", rotation=rotation)
    info = probe(film)
    assert info.rotation == rotation
    first = next(read_frames(film, info))
    coded = clips.picture(0)
    upright = np.rot90(coded, -rotation // 90)
    assert first.image.shape == upright.shape == (info.height, info.width, 3)
    # Lossy, and chroma is halved: on average a few code values; turned wrongly it is dozens.
    assert np.abs(first.image.astype(int) - upright).mean() < 4
    assert first.image.flags.c_contiguous


@pytest.mark.parametrize(("first", "last"), [(0, 3), (7, 7), (9, None), (20, 99), (5, 4)])
def test_a_part_has_the_same_frames_as_the_whole(
    tmp_path: Path, first: int, last: int | None
) -> None:
    film = clips.vfr(tmp_path / "a.mp4")
    info = probe(film)
    whole = list(read_frames(film, info))
    part = list(read_frames(film, info, first, last))
    expected = whole[first : None if last is None else last + 1]
    assert [seen(frame) for frame in part] == [seen(frame) for frame in expected]


def seen(frame: Frame) -> tuple[int, int, int, bytes]:
    return frame.index, frame.pts, frame.duration, frame.image.tobytes()


def test_the_painted_stream_is_the_one_opencv_reads(tmp_path: Path) -> None:
    film = clips.make(tmp_path / "a.mp4", second_size=(192, 128))
    info = probe(film)
    assert (info.stream, info.width, info.height) == (0, 96, 64)
    assert next(read_frames(film, info)).image.shape == (64, 96, 3)


def test_the_facts_of_a_film(tmp_path: Path) -> None:
    film = clips.make(
        tmp_path / "a.mkv",
        sound=("libopus",),
        subtitles="subrip",
        language="fra",
        pixel_aspect=Fraction(16, 15),
        pixel_format="yuv420p10le",
    )
    info = probe(film)
    assert info.frame_rate == 25
    assert info.time_base == Fraction(1, 1000)
    assert info.duration == 1000
    assert info.frames == 25
    assert info.sample_aspect_ratio == Fraction(16, 15)
    assert (info.bit_depth, info.pixel_format) == (10, "yuv420p10le")


def test_a_film_whose_name_is_not_utf8_is_read(tmp_path: Path) -> None:
    film = Path(os.fsdecode(os.fsencode(tmp_path) + b'/caf\xe9 "quoted"\n.mp4'))
    clips.make(tmp_path / "a.mp4").rename(film)
    info = probe(film)
    assert len(list(read_frames(film, info))) == info.frames == 25


def test_a_name_that_looks_like_an_address_is_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clips.make(tmp_path / "a.mp4").rename(tmp_path / "tcp:film.mp4")
    monkeypatch.chdir(tmp_path)
    film = Path("tcp:film.mp4")
    assert len(list(read_frames(film, probe(film)))) == 25


def test_frames_far_apart_among_other_packets_are_all_found(tmp_path: Path) -> None:
    # OpenCV gives up after 4,096 packets of other streams: two frames 100 seconds apart, with
    # PCM sound of 50 packets a second between them.
    film = clips.make(
        tmp_path / "a.mkv",
        times=[0, 100 * 12800],
        sound=("pcm_s16le",) * 2,
        sound_rate=8000,
    )
    with av.open(str(film)) as container:
        assert sum(1 for _ in container.demux(container.streams.audio)) > 300
    assert [frame.pts for frame in read_frames(film, probe(film))] == [0, 100_000]


class TestWhatCannotBeRead:
    def test_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(VanishedError, match=r"none\.mp4"):
            probe(tmp_path / "none.mp4")

    def test_is_a_folder(self, tmp_path: Path) -> None:
        with pytest.raises(UnreadableError, match="is a folder"):
            probe(tmp_path)

    def test_is_a_pipe(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "a.mp4")
        with pytest.raises(UnreadableError, match="is a pipe"):
            probe(tmp_path / "a.mp4")

    def test_is_empty(self, tmp_path: Path) -> None:
        film = tmp_path / "a.mp4"
        film.touch()
        with pytest.raises(UnreadableError, match="is empty"):
            probe(film)

    @pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.txt"])
    def test_is_text(self, tmp_path: Path, name: str) -> None:
        film = tmp_path / name
        film.write_text("hello world\n" * 100)
        with pytest.raises(UnreadableError):
            probe(film)

    def test_is_a_list_of_other_files(self, tmp_path: Path) -> None:
        clips.make(tmp_path / "a.mp4")
        film = tmp_path / "b.mp4"
        film.write_text("ffconcat version 1.0\nfile a.mp4\n")
        with pytest.raises(UnreadableError):
            probe(film)

    def test_is_a_list_that_ffmpeg_denies_to_read(self, tmp_path: Path) -> None:
        # With EPERM, which is not the file system's: trying again would never help.
        film = tmp_path / "b.mp4"
        film.write_text("ffconcat version 1.0\nfile .hidden.mp4\n")
        with pytest.raises(UnreadableError, match="Operation not permitted"):
            probe(film)

    def test_is_of_an_unknown_codec(self, tmp_path: Path) -> None:
        film = clips.make(tmp_path / "a.mp4")
        film.write_bytes(film.read_bytes().replace(b"avc1\0\0\0\0", b"zzzz\0\0\0\0"))
        with pytest.raises(UnsupportedError, match="ffmpeg does not know"):
            probe(film)

    def test_is_a_still_picture(self, tmp_path: Path) -> None:
        film = tmp_path / "a.mp4"
        PIL.Image.new("RGB", (32, 32)).save(film, "PNG")
        with pytest.raises(UnreadableError, match="still picture"):
            probe(film)

    @pytest.mark.parametrize("cut", [1, 600, 5000])
    def test_has_no_index(self, tmp_path: Path, cut: int) -> None:
        film = clips.make(tmp_path / "a.mp4")
        film.write_bytes(film.read_bytes()[:-cut])
        with pytest.raises(UnreadableError, match="no whole index"):
            probe(film)

    def test_is_sound_only(self, tmp_path: Path) -> None:
        with pytest.raises(UnsupportedError, match="no moving picture"):
            probe(clips.sound_only(tmp_path / "a.m4a"))

    def test_has_only_a_cover(self, tmp_path: Path) -> None:
        film = clips.make(tmp_path / "a.mp4", cover=True, times=[0])
        with av.open(str(film)) as source, av.open(str(tmp_path / "b.mp4"), "w") as output:
            cover = source.streams.video[1]
            stream = output.add_stream_from_template(cover, opaque=True)
            stream.disposition = cover.disposition
            for packet in source.demux(cover):
                if packet.size:
                    packet.stream = stream
                    output.mux(packet)
        with pytest.raises(UnsupportedError, match="no moving picture"):
            probe(tmp_path / "b.mp4")

    def test_has_no_decodable_frame(self, tmp_path: Path) -> None:
        with pytest.raises(UnreadableError, match="No frame"):
            probe(clips.damaged(tmp_path / "a.mp4", at=range(3), times=[0, 512, 1024]))


class TestFilmsThatEndEarly:
    @pytest.mark.parametrize("keep", [0.4, 0.6, 0.9])
    @pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.mov"])
    def test_are_noticed_before_a_frame_is_decoded(
        self, tmp_path: Path, name: str, keep: float
    ) -> None:
        with pytest.raises(TruncatedError, match="ends early"):
            probe(clips.truncated(tmp_path / name, keep))

    def test_are_noticed_in_avi(self, tmp_path: Path) -> None:
        film = clips.truncated(
            tmp_path / "a.avi", 0.85, codec="mpeg4", options={}, size=(192, 128), **TICKS_25
        )
        with pytest.raises(TruncatedError, match="of 25 frames are there"):
            probe(film)

    def test_are_noticed_in_gif(self, tmp_path: Path) -> None:
        film = clips.gif(tmp_path / "a.gif")
        film.write_bytes(film.read_bytes()[:-400])
        with pytest.raises(TruncatedError):
            probe(film)

    def test_are_noticed_in_matroska_of_unknown_length(self, tmp_path: Path) -> None:
        # The header still states the duration, in a film remuxed to a pipe.
        film = clips.make(tmp_path / "a.mkv", times=range(0, 12800 * 4, 512))
        content = bytearray(film.read_bytes())
        segment = content.index(b"\x18\x53\x80\x67") + 4
        content[segment : segment + 8] = b"\x01" + b"\xff" * 7
        film.write_bytes(content[: len(content) // 2])
        with pytest.raises(TruncatedError, match="seconds are there"):
            probe(film)

    @pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
    def test_are_read_as_far_as_they_go_when_that_is_accepted(
        self, tmp_path: Path, name: str
    ) -> None:
        whole = clips.make(tmp_path / f"whole{Path(name).suffix}")
        film = clips.truncated(tmp_path / name, 0.6)
        info = probe(film, accept_truncated=True)
        frames = list(read_frames(film, info))
        assert info.truncated
        # The last block is torn: it is counted, but need not decode.
        assert info.frames - 1 <= len(frames) <= info.frames < 25
        expected = [frame.pts for frame in read_frames(whole, probe(whole))]
        assert [frame.pts for frame in frames] == expected[: len(frames)]
        assert info.duration == info.frames * 512 * (1 if name == "a.mp4" else Fraction(40, 512))

    def test_are_noticed_while_decoding_when_the_probe_could_not(self, tmp_path: Path) -> None:
        film = clips.damaged(tmp_path / "a.mp4", at=[23, 24])
        info = replace(probe(film, accept_truncated=True), accepts_truncated=False)
        frames: list[Frame] = []
        with pytest.raises(TruncatedError, match="only 23 of 25 frames"):
            frames.extend(read_frames(film, info))
        assert [frame.index for frame in frames] == list(range(23))


def test_damage_in_the_middle_is_said_and_read_past(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    options = {"preset": "ultrafast", "g": "5"}
    film = clips.damaged(tmp_path / "a.mp4", at=[5, 6], options=options)
    with caplog.at_level(logging.WARNING):
        frames = list(read_frames(film, probe(film)))
    assert [frame.index for frame in frames] == list(range(25))
    assert [frame.pts for frame in frames] == [index * 512 for index in range(25)]
    # At least the two damaged frames are lost, and no more than their group of pictures: the one
    # before them is shown instead.
    images = [frame.image for frame in frames]
    held = [index for index in range(1, 25) if np.array_equal(images[index - 1], images[index])]
    assert {5, 6} <= set(held) <= set(range(5, 10))
    assert f"{len(held)} frames cannot be decoded" in caplog.text


def test_a_damaged_film_has_the_same_frames_wherever_reading_begins(tmp_path: Path) -> None:
    options = {"preset": "ultrafast", "g": "5"}
    film = clips.damaged(tmp_path / "a.mp4", at=[5, 6], options=options)
    info = probe(film)
    frames = list(read_frames(film, info))
    for first in range(25):
        part = list(read_frames(film, info, first))
        assert [(frame.index, frame.pts) for frame in part] == [
            (frame.index, frame.pts) for frame in frames[first:]
        ]
        for one, other in zip(part, frames[first:], strict=True):
            np.testing.assert_array_equal(one.image, other.image)


def test_a_film_that_goes_on_far_behind_its_end_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = clips.make(tmp_path / "a.mp4")
    info, whole = probe(path), scan(path, 0)
    few = replace(whole, times=whole.times[:5], frames=5, packets=5)
    monkeypatch.setattr(reader, "scan", lambda *_: few)
    # A few more than were counted are believed: a packet may hold two pictures.
    assert len(list(read_frames(path, info))) == 25
    monkeypatch.setattr(reader, "_EXCESS", 2)
    with pytest.raises(UnsupportedError, match="13 frames were decoded, and it has 5"):
        list(read_frames(path, info))


def test_film_suffixes_are_lower_case_with_their_dot() -> None:
    assert {".mp4", ".mkv", ".mov", ".webm", ".avi", ".gif"} <= FILM_SUFFIXES
    assert all(suffix.startswith(".") and suffix.islower() for suffix in FILM_SUFFIXES)
