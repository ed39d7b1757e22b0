"""Time stamps: those of decoders held to the stated ones, decoding times made anew."""

import numpy as np
import pytest

from nstd.media.read.timing import Clock, decoding_times


def clock(times: list[int], start: int = 0, step: int = 512) -> Clock:
    return Clock(np.array(times, dtype=np.int64), start, step)


def test_stamps_are_the_stated_ones() -> None:
    ticking = clock([512, 1024, 4001])
    assert [ticking.stamp(units) for units in (512, 1024, 4001)] == [512, 1024, 4001]
    assert (ticking.lost, ticking.remaining) == (0, 0)


def test_a_frame_that_does_not_come_is_counted() -> None:
    ticking = clock([512, 1024, 1536, 2048])
    assert ticking.stamp(512) == 512
    assert ticking.stamp(2048) == 2048
    assert ticking.lost == 2


def test_a_frame_at_zero_keeps_its_time_though_opencv_tells_its_decoding_time() -> None:
    ticking = clock([-512, 0, 512])
    assert [ticking.stamp(units) for units in (-512, -1024, 512)] == [-512, 0, 512]
    assert ticking.lost == 0


def test_nonsense_is_replaced_by_the_next_stated_time() -> None:
    ticking = clock([0, 512, 1024])
    assert [ticking.stamp(value) for value in (0, -7 * 10**15, 1024)] == [0, 512, 1024]


def test_the_same_time_twice_ascends_by_one_unit() -> None:
    ticking = clock([40, 313, 313, 367])
    assert [ticking.stamp(units) for units in (40, 313, 313, 367)] == [40, 313, 314, 367]
    assert ticking.lost == 0


def test_frames_beyond_the_stated_ones_still_ascend() -> None:
    ticking = clock([0], step=512)
    assert [ticking.stamp(units) for units in (0, 700, 0)] == [0, 700, 1212]


def test_without_stated_times_the_decoder_is_believed() -> None:
    ticking = clock([], start=100)
    assert [ticking.stamp(units) for units in (100, 612, 612)] == [100, 612, 1124]


def test_without_any_times_frames_follow_each_other_from_the_start() -> None:
    ticking = clock([], start=100)
    assert [ticking.stamp(None) for _ in range(2)] == [100, 612]


def test_without_times_of_the_decoder_frames_take_the_stated_ones_in_turn() -> None:
    ticking = clock([7, 9, 30])
    assert [ticking.stamp(None) for _ in range(3)] == [7, 9, 30]


@pytest.mark.parametrize(
    ("pts", "expected"),
    [
        ([0, 512, 1024], [0, 512, 1024]),  # no B-frames: no delay
        ([0, 1536, 512, 1024], [-512, 0, 512, 1024]),
        ([0, 2048, 1024, 512, 1536], [-1024, -512, 0, 512, 1024]),
        ([7], [7]),
    ],
)
def test_decoding_times_use_the_smallest_delay(pts: list[int], expected: list[int]) -> None:
    assert decoding_times(pts) == expected
