"""Films joined byte by byte, each part with its own clock: the parts follow each other."""

from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from nstd.media.read.probe import probe
from nstd.media.read.reader import read_frames
from nstd.media.read.reading import Reading
from nstd.media.read.scan import scan
from tests import clips, films

HOUR = 3600 * 25
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "h264 ts": ("ts", {"options": {"preset": "fast", "x264-params": "bframes=2:b-adapt=0"}}),
    "mpeg2 ts": ("ts", {"codec": "mpeg2video", "options": {"bf": "2"}}),
    "mpeg2 mpg": ("mpg", {"codec": "mpeg2video", "options": {"bf": "2"}}),
}
FRAMES = 12


def joined(folder: Path, kind: str, begins: list[int], **changes: Any) -> Path:
    """Parts of 12 frames that begin at these numbers of frames by their own clocks."""
    suffix, facts = KINDS[kind]
    content = b""
    for number, begin in enumerate(begins):
        part = folder / f"{number}.{suffix}"
        times = range(begin, begin + FRAMES)
        clips.make(part, times=times, time_base=Fraction(1, 25), **facts, **changes)
        content += part.read_bytes()
    film = folder / f"joined.{suffix}"
    film.write_bytes(content)
    return film


@pytest.mark.parametrize("reader", ["opencv", "pyav"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "begins",
    [[0, HOUR], [0, 0], [10 * HOUR, 9 * HOUR, 11 * HOUR]],
    ids=["an hour's gap", "back", "there and back"],
)
def test_parts_stand_one_behind_the_other_and_that_is_said(
    tmp_path: Path, begins: list[int], kind: str, reader: Any
) -> None:
    film = joined(tmp_path, kind, begins)
    info = probe(film, reading=Reading(reader=reader))
    assert [remark[:21] for remark in info.remarks] == ["begins its clock anew"] * (len(begins) - 1)
    frames = list(read_frames(film, info))
    assert info.frames == len(frames) == FRAMES * len(begins)
    between = {one.pts - other.pts for other, one in pairwise(frames)}
    assert between == {3600}
    assert info.duration == 3600 * len(frames)


def test_what_has_no_jump_is_left_alone(tmp_path: Path) -> None:
    # A still of nine seconds, sound that begins late, frames out of order: no jump.
    times = [0, 1, 2, 3, 228, 229, 230, 231]
    for kind, (suffix, facts) in KINDS.items():
        film = clips.make(
            tmp_path / f"{kind}.{suffix}", times=times, time_base=Fraction(1, 25),
            sound=("mp2",), sound_start=20_000, **facts,
        )  # fmt: skip
        assert not scan(film, 0).joins


def test_sound_stays_with_its_part(tmp_path: Path) -> None:
    film = joined(tmp_path, "h264 ts", [0, 0], sound=("aac",))
    alone = tmp_path / "0.ts"
    (sound,), (before,) = films.packets(film, "audio"), films.packets(alone, "audio")
    assert len(sound) == 2 * len(before)
    target = films.round_trip(film, tmp_path)
    (written,) = films.packets(target, "audio")
    assert len(written) == len(sound)
    # The picture's parts are 12/25 of a second each: so far the sound is moved, but for a packet
    # where parts overlap.
    moved = [
        later - earlier for (earlier, _), (later, _) in zip(written, written[24:], strict=False)
    ]
    assert all(abs(gap - Fraction(FRAMES, 25)) < Fraction(1, 1000) for gap in moved[2:])
