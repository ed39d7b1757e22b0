"""Reading from the middle gives the frames of reading from the first one, and decodes few more."""

import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from nstd.media.frame import Frame, VideoInfo
from nstd.media.read import pyav
from nstd.media.read.probe import probe
from nstd.media.read.reader import frame_times, read_frames
from nstd.media.read.reading import Reading
from nstd.media.read.shots import read_shots
from tests import clips

FRAMES = 48
GROUP = 12
LOOKED_AT = 3
"""Frames by which it is seen that a place to begin at is what it should be."""
X264 = "-c:v libx264 -preset ultrafast -bf 3 -g 12 -refs 3"
OPEN = f"{X264} -x264-params open-gop=1:b-adapt=0:scenecut=0"
MPEG2 = "-c:v mpeg2video -q:v 3 -g 12 -bf 2"
X265 = "-c:v libx265 -preset ultrafast -x265-params"
CRA = f"{X265} keyint=12:min-keyint=12:open-gop=1:bframes=3:scenecut=0:log-level=none"
TOP_FIRST = "-vf setfield=tff -flags +ilme+ildct -top 1"

SOUGHT = {
    "open.mp4": OPEN,
    "open.mkv": OPEN,
    "open.ts": OPEN,
    "open.flv": OPEN,
    "fragments.mp4": f"{OPEN} -movflags frag_keyframe+empty_moov",
    "varying.mp4": f"{X264} -vf select='mod(n,7)*mod(n,5)' -vsync vfr",
    "cra.mp4": CRA,
    "cra.ts": CRA,
    "mpeg2.ts": MPEG2,
    "mpeg2.mpg": MPEG2,
    "mpeg2.mkv": MPEG2,
    "mpeg2.mxf": MPEG2,
    "mpeg1.mpg": "-c:v mpeg1video -q:v 3 -g 12 -bf 2",
    "interlaced.ts": f"{MPEG2} {TOP_FIRST}",
    "mpeg4.mp4": "-c:v mpeg4 -q:v 3 -g 12 -bf 2",
    "turn.avi": "-c:v mpeg4 -q:v 3 -g 12",
    "mjpeg.avi": "-c:v mjpeg -q:v 3",
    "vp8.webm": "-c:v libvpx -g 12 -b:v 1M -deadline realtime -cpu-used 8 -auto-alt-ref 1",
    "vp9.webm": "-c:v libvpx-vp9 -g 12 -crf 20 -b:v 0 -deadline realtime -cpu-used 8",
    "av1.mkv": "-c:v libsvtav1 -preset 12 -g 12 -crf 30",
    "prores.mov": "-c:v prores_ks",
    "ffv1.mkv": "-c:v ffv1 -g 12",
    "theora.ogv": "-c:v libtheora -q:v 5 -g 12",
    "wmv2.wmv": "-c:v wmv2 -q:v 3 -g 12",
    "flv1.flv": "-c:v flv -q:v 3 -g 12",
}
UNSOUGHT = {
    "refreshed.mp4": f"{X264} -bf 0 -x264-params intra-refresh=1",  # keyframes that are none
    "open.avi": OPEN,  # only times of decoding, and frames are reordered
    "stream.h264": X264,  # no times at all
}


def made(path: Path, options: str) -> Path:
    source = "testsrc2=s=96x64:r=25:d=1.92,noise=alls=20:allf=t"
    call = ["ffmpeg", "-nostdin", "-v", "error", "-y", "-f", "lavfi", "-i", source]
    call += ["-pix_fmt", "yuv422p10le" if "prores" in options else "yuv420p", *options.split()]
    subprocess.run([*call, str(path)], check=True, stderr=subprocess.DEVNULL)
    return path


def by_pyav(path: Path, **reading: Any) -> VideoInfo:
    return probe(path, reading=Reading("pyav", **reading))


def same(frames: list[Frame], others: list[Frame]) -> bool:
    def facts(frame: Frame) -> tuple[int, int, int]:
        return frame.index, frame.pts, frame.duration

    return [*map(facts, frames)] == [*map(facts, others)] and all(
        np.array_equal(one.image, other.image) for one, other in zip(frames, others, strict=True)
    )


def watched(decoding: Callable[..., Iterator[Any]], stamps: list[int | None]) -> Any:
    def noted(*arguments: Any) -> Iterator[Any]:
        for frame in decoding(*arguments):
            stamps.append(frame.pts)
            yield frame

    return noted


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[int | None]:
    """The time stamps of the frames that decoders have given so far."""
    stamps: list[int | None] = []
    for name in ("decoded", "undamaged"):
        monkeypatch.setattr(pyav, name, watched(getattr(pyav, name), stamps))
    return stamps


@pytest.mark.parametrize("name", [*SOUGHT, *UNSOUGHT])
def test_reading_may_begin_anywhere(tmp_path: Path, name: str, decoded: list[int | None]) -> None:
    film = made(tmp_path / name, (SOUGHT | UNSOUGHT)[name])
    info = by_pyav(film)
    whole = list(read_frames(film, info))
    last = len(whole) - 1
    for first in (1, 11, 12, 13, 17, last // 2, last - 1, last):
        assert same(list(read_frames(film, info, first)), whole[first:])
    decoded.clear()
    list(read_frames(film, info, last))
    # The keyframe before; what is looked at to know that all is well, there and at the beginning.
    most = 2 * GROUP + 2 * LOOKED_AT
    assert (len(decoded) <= most) == (name in SOUGHT)


@pytest.mark.parametrize("deinterlace", ["fields", "off"])
def test_so_it_may_however_interlaced_frames_are_read(tmp_path: Path, deinterlace: str) -> None:
    film = made(tmp_path / "film.ts", SOUGHT["interlaced.ts"])
    info = by_pyav(film, deinterlace=deinterlace)
    whole = list(read_frames(film, info))
    for first in (12, 13, 24, 25, 26, 27, len(whole) - 1):
        assert same(list(read_frames(film, info, first)), whole[first:])


def test_so_it_may_through_an_opened_file(tmp_path: Path, decoded: list[int | None]) -> None:
    film = made(tmp_path / "film.mp4", OPEN)
    whole = list(read_frames(film, by_pyav(film)))
    with film.open("rb") as file:
        path = Path(f"/proc/self/fd/{file.fileno()}")
        film.rename(tmp_path / "gone.mp4")
        info = by_pyav(path)
        decoded.clear()
        assert same(list(read_frames(path, info, FRAMES - 5)), whole[-5:])
        assert len(decoded) <= 2 * GROUP + 2 * LOOKED_AT


@pytest.mark.parametrize("name", ["open.mp4", "open.mkv", "cra.ts", "mpeg2.mpg"])
def test_what_is_made_up_for_damage_is_the_same_wherever_reading_begins(
    tmp_path: Path, name: str
) -> None:
    film = made(tmp_path / name, SOUGHT[name])
    content = bytearray(film.read_bytes())
    random = np.random.default_rng(0)
    for part in (0.45, 0.6, 0.8):
        begin = int(len(content) * part)
        content[begin : begin + 300] = random.bytes(300)
    film.write_bytes(content)
    info = replace(by_pyav(film), accepts_truncated=True)
    whole = list(read_frames(film, info))
    for first in range(GROUP, len(whole), 5):
        assert same(list(read_frames(film, info, first)), whole[first:])


def test_a_resume_near_the_end_decodes_a_group_of_pictures_and_what_shots_look_back(
    tmp_path: Path, decoded: list[int | None]
) -> None:
    film = made(tmp_path / "film.mp4", f"{X264} -g 6")
    info = by_pyav(film)
    decoded.clear()
    assert [shot.frame.index for shot in read_shots(film, info, FRAMES - 1)] == [FRAMES - 1]
    # A cut is told by nine frames before it.
    assert len(decoded) <= 6 + 9 + 1 + 2 * LOOKED_AT


def test_frames_at_the_beginning_that_cannot_be_decoded_are_not_counted(tmp_path: Path) -> None:
    options = {"preset": "ultrafast", "g": "5"}
    film = clips.damaged(tmp_path / "a.mp4", at=[0, 1], options=options)
    info = replace(by_pyav(film), reader="pyav")
    whole = list(read_frames(film, info))
    assert [frame.index for frame in whole] == list(range(len(whole)))
    assert whole[0].pts > 0
    for first in range(len(whole)):
        assert same(list(read_frames(film, info, first)), whole[first:])


def cut_within_a_group(film: Path, target: Path) -> Path:
    """The film from its second keyframe on, whose first frames need what came before it."""
    with av.open(str(film)) as source, av.open(str(target), "w") as cut:
        stream = cut.add_stream_from_template(source.streams.video[0])
        keyframes = 0
        for packet in source.demux(video=0):
            keyframes += packet.is_keyframe
            if packet.size and keyframes > 1:
                packet.stream = stream
                cut.mux(packet)
    return target


@pytest.mark.parametrize(
    ("name", "reader", "deinterlace"),
    [
        ("mpeg2.ts", "auto", "auto"),
        ("mpeg2.ts", "opencv", "auto"),
        ("interlaced.ts", "auto", "auto"),
        ("interlaced.ts", "auto", "fields"),
        ("open.mkv", "auto", "auto"),
        ("open.mkv", "opencv", "auto"),
    ],
)
def test_of_a_film_cut_within_a_group_of_pictures_what_can_be_decoded_counts(
    tmp_path: Path, name: str, reader: Any, deinterlace: Any
) -> None:
    whole = made(tmp_path / f"whole.{name}", SOUGHT[name])
    film = cut_within_a_group(whole, tmp_path / name)
    info = probe(film, reading=Reading(reader, deinterlace=deinterlace))
    frames = list(read_frames(film, info))
    assert [frame.pts for frame in frames] == frame_times(film, info)
    assert (info.start, info.frames) == (frames[0].pts, len(frames))
    assert info.duration == frames[-1].pts + frames[-1].duration - info.start
    lost = 3 if name == "open.mkv" else 2  # as many B-frames as stand in a row
    said = f"begins with what cannot be decoded: the first {lost} of"
    assert any(remark.startswith(said) for remark in info.remarks)
    for first in (1, GROUP + 1, len(frames) - 1):
        assert same(list(read_frames(film, info, first)), frames[first:])
