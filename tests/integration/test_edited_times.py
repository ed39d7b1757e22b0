"""Streams that begin late, before 0 or within a frame, and edit lists: as players show them."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest

from nstd.media.read.probe import probe
from nstd.media.read.reader import read_frames
from nstd.media.read.reading import Reading
from tests import clips
from tests.films import shown

F = 512
"""Units of a frame's time."""

EDITS: dict[str, list[clips.Edit]] = {
    "head cut away": [(18 * F, 7 * F)],
    "within a frame": [(18 * F, 7 * F + 200)],
    "tail cut away": [(9 * F, 0)],
    "two parts": [(5 * F, 3 * F), (8 * F, 15 * F)],
    "two parts, in reverse": [(8 * F, 15 * F), (5 * F, 3 * F)],
    "a part twice": [(12 * F, 0), (12 * F, 6 * F)],
    "begins late": [(12 * F, -1), (25 * F, 0)],
    "begins late, two parts": [(7 * F, -1), (5 * F, 3 * F), (8 * F, 15 * F)],
}
KINDS: dict[str, dict[str, Any]] = {
    "B-frames": {"options": {"preset": "fast", "g": "6", "x264-params": "bframes=2:b-adapt=0"}},
    "no B-frames": {"options": {"preset": "ultrafast", "g": "6"}},
    "each alone": {"codec": "mjpeg", "pixel_format": "yuvj420p", "options": {}},
}


@pytest.mark.parametrize(
    ("kind", "reader"),
    [("B-frames", "opencv"), ("B-frames", "pyav"), ("no B-frames", "auto"), ("each alone", "auto")],
)
@pytest.mark.parametrize("edits", EDITS)
def test_of_a_film_of_edits_that_is_read_which_players_show(
    edits: str, kind: str, reader: Any, tmp_path: Path, ffprobe: str
) -> None:
    if (edits, kind) == ("within a frame", "each alone"):
        pytest.skip("whether a frame that is cut in two is shown differs between ffmpeg 5 and 8")
    film = clips.make(tmp_path / "a.mov", **KINDS[kind])
    # Its packets begin at the media time 0 only where none is decoded before it is shown.
    with av.open(str(film)) as container:
        first = next(container.demux(video=0))
    late = (first.pts or 0) - (first.dts or 0)
    moved = [(long, begin if begin < 0 else begin + late) for long, begin in EDITS[edits]]
    clips.edited(film, moved)
    info = probe(film, reading=Reading(reader=reader))
    frames = list(read_frames(film, info))
    assert [frame.pts for frame in frames] == shown(film, ffprobe)
    assert info.frames == len(frames)
    assert not info.truncated


@pytest.mark.parametrize("early", [1, 5, 6])
@pytest.mark.parametrize("reader", ["opencv", "pyav"])
@pytest.mark.parametrize("kind", ["B-frames", "no B-frames"])
def test_what_begins_before_0_in_matroska_gets_its_time_back(
    kind: str, reader: Any, early: int, tmp_path: Path
) -> None:
    times = [40 * index for index in range(20)]
    made = clips.make(
        tmp_path / "a.mp4", times=times, time_base=Fraction(1, 1000), sound=("aac",), **KINDS[kind]
    )
    film = tmp_path / "a.mkv"
    moved_back(made, film, Fraction(early * 40 - 15, 1000))
    with av.open(str(film)) as container:
        assert next(container.demux(video=0)).pts is None
    info = probe(film, reading=Reading(reader=reader))
    frames = list(read_frames(film, info))
    begin = 15 - early * 40
    assert [frame.pts for frame in frames] == [begin + stamp for stamp in times]
    assert (info.start, info.frames) == (begin, 20)


def moved_back(source: Path, target: Path, seconds: Fraction) -> None:
    """Copy a film into another container with all of its times that much earlier."""
    options = {"avoid_negative_ts": "disabled"}
    with av.open(str(source)) as taken, av.open(str(target), "w", options=options) as given:
        streams = {s.index: given.add_stream_from_template(s) for s in taken.streams}
        for packet in taken.demux():
            if not packet.size or packet.pts is None or packet.dts is None:
                continue
            ticks = round(seconds / packet.time_base)
            packet.pts, packet.dts = packet.pts - ticks, packet.dts - ticks
            packet.stream = streams[packet.stream_index]
            given.mux(packet)
