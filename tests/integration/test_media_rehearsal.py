"""The film's end before its beginning: long films are tried as quickly as short ones."""

from fractions import Fraction
from pathlib import Path

from nstd.media.read.probe import probe
from tests import clips, films


def test_a_film_of_more_ticks_than_a_packet_of_mp4_may_last_is_kept_whole(tmp_path: Path) -> None:
    ticks = 1_000_000_000
    times, rate = (0, 3 * ticks // 2), Fraction(2, 3)
    source = tmp_path / "a.mp4"
    clips.make(source, times=times, time_base=Fraction(1, ticks), rate=rate)
    assert probe(source).duration == 3 * ticks > 2**31
    assert films.sentences(source) == []
