"""Room on the disks, whatever the film: the estimate shrinks as it is painted; the floor holds."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nstd.errors import DiskFullError
from nstd.media.write.codecs import CODECS, EncodeSettings, layout_of
from nstd.work.room import Disk, Need, Rest, bits_per_pixel, judge, needed

sizes = st.integers(0, 1 << 44)


@st.composite
def encodings(draw: st.DrawFn) -> EncodeSettings:
    codec = draw(st.sampled_from(sorted(CODECS)))
    quality = draw(st.integers(0, CODECS[codec].worst))
    return EncodeSettings(codec, quality, container=CODECS[codec].containers[0])


@st.composite
def films(draw: st.DrawFn) -> Rest:
    """A film of which some frames are painted, each as large as the others."""
    total = draw(st.integers(1, 10**6))
    done = draw(st.integers(0, total))
    encode = draw(encodings())
    return Rest(
        pixels=draw(st.integers(4, 40_000_000)),
        encode=encode,
        layout=layout_of(encode, 96, 64),
        frames_left=total - done,
        segment_frames=draw(st.integers(1, 1000)),
        closed_frames=done,
        closed_bytes=done * draw(st.integers(1, 10**7)),
        kept_bytes=draw(sizes),
        sound_bytes=draw(sizes),
        part_bytes=draw(sizes),
    )


@given(films())
def test_nothing_negative_is_ever_needed(rest: Rest) -> None:
    need = needed(rest)
    assert need.work >= 0
    assert need.target >= 0


@given(films(), st.integers(1, 1000))
def test_painting_on_never_needs_more_than_before(rest: Rest, frames: int) -> None:
    frames = min(frames, rest.frames_left)
    # As large as those before; of a film not begun, as large as estimated.
    each = (
        rest.closed_bytes / rest.closed_frames
        if rest.closed_frames
        else rest.pixels * bits_per_pixel(rest.encode, rest.layout) / 8
    )
    later = replace(
        rest,
        frames_left=rest.frames_left - frames,
        closed_frames=rest.closed_frames + frames,
        closed_bytes=int(rest.closed_bytes + frames * each),
    )
    # Whole bytes: what is cut off of one frame's size is less than a byte for each frame to come.
    slack = rest.frames_left + rest.closed_frames
    assert needed(later).work <= needed(rest).work + slack
    assert abs(needed(later).target - needed(rest).target) <= slack


@given(encodings())
def test_a_finer_quality_takes_more(settings: EncodeSettings) -> None:
    if settings.quality:
        finer, layout = replace(settings, quality=settings.quality - 1), layout_of(settings, 96, 64)
        assert bits_per_pixel(finer, layout) >= bits_per_pixel(settings, layout)


@given(work=sizes, target=sizes, free=sizes, floor=sizes, same=st.booleans())
def test_what_is_let_through_leaves_the_floor_free(
    work: int, target: int, free: int, floor: int, same: bool
) -> None:
    need = Need(work, target)
    first, second = Disk(Path("/a"), 1, free), Disk(Path("/b"), 1 if same else 2, free)
    left = free - work - target if same else free - max(work, target)
    if left >= floor:
        judge("It", need, first, second, floor)
    else:
        with pytest.raises(DiskFullError):
            judge("It", need, first, second, floor)
