"""Damaged films are read to their end, each time alike; how many frames are damaged is told."""

import hashlib
import logging
import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from nstd.errors import UnsupportedError
from nstd.ledger.job import JobState
from nstd.media.read.limits import Limits
from nstd.media.read.probe import probe
from nstd.media.read.reader import read_frames
from nstd.media.read.reading import Reading
from tests import clips
from tests.integration.house import FRAMES, SEGMENT, SIZE, House
from tests.jobs import Onlooker

TICKS_25: dict[str, Any] = {"times": range(25), "time_base": Fraction(1, 25)}
PYAV = Reading(reader="pyav")
GROUPS_OF_5 = {"preset": "ultrafast", "g": "5"}
KINDS: dict[str, dict[str, Any]] = {
    "h264": {"options": GROUPS_OF_5},
    "h264, B-frames": {"options": {"preset": "fast", "g": "5", "x264-params": "bframes=2"}},
    "mpeg4": {"codec": "mpeg4", "options": {"g": "5"}},
    "mpeg2": {"codec": "mpeg2video", "options": {"g": "5"}, **TICKS_25},
    "ffv1": {"codec": "ffv1", "options": {"g": "5", "slices": "4", "level": "3"}},
    "prores": {"codec": "prores_ks", "pixel_format": "yuv422p10le", "options": {}},
}


def harmed(path: Path, kind: str, at: list[int]) -> Path:
    """A film of 25 frames, in groups of 5, of which some packets are harmed in their midst."""
    return clips.damaged(path, at, noise=64, size=(192, 128), **KINDS[kind])


@pytest.mark.parametrize("kind", KINDS)
def test_damage_ends_no_film_early_and_gives_the_same_frames_each_time(
    kind: str, tmp_path: Path
) -> None:
    film = harmed(tmp_path / f"a.{'avi' if kind == 'ffv1' else 'mov'}", kind, [5, 10, 15])
    info = probe(film, reading=PYAV)

    def read() -> list[tuple[int, bool, str]]:
        return [
            (frame.pts, frame.damaged, hashlib.sha256(frame.image.tobytes()).hexdigest())
            for frame in read_frames(film, info)
        ]

    first = read()
    # What refers to a lost frame is lost with it, up to the next keyframe.
    assert len(first) >= 15
    assert (first[-1][0] - info.start) * info.time_base == Fraction(24, 25)
    assert [read() for _ in range(3)] == [first] * 3


@pytest.mark.parametrize("kind", ["h264", "mpeg4", "mpeg2"])
def test_frames_that_the_decoder_had_to_make_up_are_marked(kind: str, tmp_path: Path) -> None:
    whole = clips.make(tmp_path / "whole.mov", size=(192, 128), **KINDS[kind])
    assert not any(frame.damaged for frame in read_frames(whole, probe(whole, reading=PYAV)))
    film = harmed(tmp_path / "a.mov", kind, [5, 15])
    marked = [f.index for f in read_frames(film, probe(film, reading=PYAV)) if f.damaged]
    assert marked == [5, 15]


@pytest.mark.parametrize("stopped", [None, 1, SEGMENT])
def test_how_many_frames_are_damaged_is_said_once_and_noted_with_the_job(
    stopped: int | None, house: House, caplog: pytest.LogCaptureFixture
) -> None:
    times = range(0, FRAMES * 512, 512)
    clips.damaged(house.source, [0, 5], noise=64, times=times, size=SIZE, options=GROUPS_OF_5)
    marked = [
        f.index for f in read_frames(house.source, probe(house.source, reading=PYAV)) if f.damaged
    ]
    assert marked
    house.queue(reading=PYAV)
    if stopped is not None:
        first = Onlooker()
        first.stop_at(stopped)
        house.work(first)
    with caplog.at_level(logging.WARNING):
        job = house.work(Onlooker()).job
    assert job.state is JobState.DONE
    assert house.store.get(job.id).report["damaged_frames"] == len(marked)
    assert caplog.text.count(f"{len(marked)} frames of {house.source} are damaged") == 1


def test_an_undamaged_film_is_not_remarked_on(house: House) -> None:
    house.queue()
    job = house.work(Onlooker()).job
    assert (
        not {"damaged_frames", "missing_frames", "remarks"} & house.store.get(job.id).report.keys()
    )


def test_that_a_film_was_cut_off_is_noted_with_the_job(house: House) -> None:
    film = house.source.with_suffix(".ts")
    clips.make(film, times=range(0, FRAMES * 512, 512), size=SIZE)
    film.write_bytes(film.read_bytes()[:-100])
    house.source = film
    house.queue(accept_truncated=True)
    job = house.work(Onlooker()).job
    assert job.state is JobState.DONE
    (remark,) = house.store.get(job.id).report["remarks"]
    assert remark.startswith("ends early: ")


class TestChangesOfSize:
    """Films that are received, or joined."""

    def joined(self, folder: Path, codec: str, **second: Any) -> Path:
        parts = []
        for number, changes in enumerate(({}, {"size": (128, 96)} | second)):
            name = folder / f"{number}.ts"
            times = range(16 * number, 16 * number + 12)
            facts = {"options": {}, "time_base": Fraction(1, 25)} | changes
            clips.make(name, codec=codec, times=times, **facts)
            parts.append(name.read_bytes())
        film = folder / "joined.ts"
        film.write_bytes(b"".join(parts))
        return film

    @pytest.mark.parametrize("reader", ["auto", "opencv", "pyav"])
    @pytest.mark.parametrize("codec", ["libx264", "libx265", "mpeg2video"])
    def test_are_said_before_painting_and_scaled_to_the_first(
        self, tmp_path: Path, codec: str, reader: Any
    ) -> None:
        film = self.joined(tmp_path, codec)
        info = probe(film, reading=Reading(reader=reader))
        (remark,) = info.remarks
        assert re.fullmatch(r"changes its picture from 96×64 to 128×96 at 0\.\d+ seconds", remark)
        frames = list(read_frames(film, info))
        # MPEG-2's decoder keeps the frame to itself that it would have shown next.
        assert len(frames) in {24, 23}
        assert {frame.image.shape for frame in frames} == {(64, 96, 3)}
        expected = cv2.resize(clips.picture(11, (128, 96)), (96, 64), interpolation=cv2.INTER_AREA)
        assert np.abs(frames[-1].image.astype(float) - expected).mean() < 4

    def test_that_no_header_tells_of_are_said_when_they_come(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        film = tmp_path / "joined.mkv"
        with (
            av.open(str(self.joined(tmp_path, "libx264"))) as source,
            av.open(str(film), "w") as output,
        ):
            copy = output.add_stream_from_template(source.streams.video[0])
            for packet in source.demux(video=0):
                if packet.size:
                    packet.stream = copy
                    output.mux(packet)
        frames = list(read_frames(film, probe(film)))
        assert {frame.image.shape for frame in frames} == {(64, 96, 3)}
        assert caplog.text.count("changes the size of its frames: from number 12 on") == 1

    def test_of_aspect_and_layout_are_said_too(self, tmp_path: Path) -> None:
        film = self.joined(tmp_path, "mpeg2video", size=(96, 64), pixel_aspect=Fraction(8, 9))
        assert "(pixels 8/9 wide)" in probe(film).remarks[0]
        film = self.joined(tmp_path, "libx264", size=(96, 64), pixel_format="yuv422p")
        assert "from yuv420p to yuv422p" in probe(film).remarks[0]

    def test_to_more_than_the_limit_are_refused(self, tmp_path: Path) -> None:
        film = self.joined(tmp_path, "libx264")
        limits = Limits(megapixels=96 * 65 / 1e6)
        with pytest.raises(UnsupportedError, match="128×96"):
            probe(film, limits=limits)
