"""Time stamps survive: whatever they are, the film that comes out shows each frame at its time."""

import tempfile
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from nstd.media.frame import Frame, VideoInfo
from nstd.media.read.probe import probe
from nstd.media.read.reader import read_frames
from nstd.media.read.timing import Clock, decoding_times, units
from nstd.media.write.codecs import EncodeSettings
from tests import films

TIME_BASES = [
    Fraction(1, 12800),
    Fraction(1, 90000),
    Fraction(1, 1000),
    Fraction(1, 100),
    Fraction(1001, 30000),
    Fraction(1, 25),
    Fraction(1, 1_000_000),
]

distinct_times = st.lists(st.integers(0, 10**9), min_size=1, max_size=60, unique=True)
gaps = st.lists(st.integers(1, 5000), min_size=1, max_size=12)


@given(distinct_times)
def test_decoding_times_ascend_and_never_pass_presentation(pts: list[int]) -> None:
    made = decoding_times(pts)
    assert len(made) == len(pts)
    assert all(dts <= shown for dts, shown in zip(made, pts, strict=True))
    assert all(a < b for a, b in pairwise(made))


@given(distinct_times)
def test_without_reordering_both_times_are_the_same(pts: list[int]) -> None:
    assert decoding_times(sorted(pts)) == sorted(pts)


@given(distinct_times, st.sampled_from(TIME_BASES), st.data())
def test_every_frame_that_comes_gets_its_own_time_and_every_other_is_counted(
    stated: list[int], time_base: Fraction, data: st.DataObject
) -> None:
    stated.sort()
    keeps = st.lists(st.booleans(), min_size=len(stated), max_size=len(stated))
    coming = [
        pts
        for pts, keep in zip(stated, data.draw(keeps), strict=True)
        # The frame at 0 is the one OpenCV tells a wrong time for.
        if keep or pts == 0
    ]
    clock = Clock(np.array(stated, dtype=np.int64), stated[0], 1)
    told = [float((pts - stated[0]) * time_base * 1000) for pts in coming]
    measured = [units(milliseconds, time_base) + stated[0] for milliseconds in told]
    assert [clock.stamp(pts) for pts in measured] == coming
    assert clock.lost + clock.remaining == len(stated) - len(coming)


@settings(max_examples=12)
@given(
    start=st.integers(0, 100_000),
    steps=gaps,
    time_base=st.sampled_from(TIME_BASES),
    cut=st.integers(0, 12),
    codec=st.sampled_from(["h264", "av1"]),
)
def test_a_film_of_any_times_is_written_and_read_back_with_them(
    start: int, steps: list[int], time_base: Fraction, cut: int, codec: str
) -> None:
    times = [start + int(sum(steps[:index])) for index in range(len(steps) + 1)]
    info = VideoInfo(
        stream=0,
        width=64,
        height=64,
        frame_rate=len(times) / ((times[-1] - start + steps[-1]) * time_base),
        time_base=time_base,
        start=start,
        duration=times[-1] - start + steps[-1],
        frames=len(times),
    )
    durations = [*steps, steps[-1]]
    frames = [
        Frame(np.full((64, 64, 3), 20 * index, np.uint8), index, pts, durations[index], time_base)
        for index, pts in enumerate(times)
    ]
    quick = EncodeSettings(codec=codec, preset="ultrafast", threads=1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        parts = [part for part in (frames[:cut], frames[cut:]) if part]
        segments = [
            films.write_segment(folder / f"{index}", info, part, quick)
            for index, part in enumerate(parts)
        ]
        whole = films.write_segment(folder / "source.mp4", info, frames)
        film = films.joined(segments, whole, info, folder / "out.mp4", quick)
        read = list(read_frames(film, probe(film)))
    assert [frame.seconds for frame in read] == [pts * time_base for pts in times]
