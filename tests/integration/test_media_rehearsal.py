"""Joining is rehearsed before painting, as quickly for long films as for short ones."""

from fractions import Fraction
from pathlib import Path

from nstd.media.read.probe import probe
from nstd.media.write.codecs import EncodeSettings
from nstd.media.write.rehearsal import plan
from tests import clips, films

FRAMES = 10_000


def test_a_film_of_more_ticks_than_a_packet_of_mp4_may_last_is_kept_whole(tmp_path: Path) -> None:
    ticks = 1_000_000_000
    times, rate = (0, 3 * ticks // 2), Fraction(2, 3)
    source = tmp_path / "a.mp4"
    clips.make(source, times=times, time_base=Fraction(1, ticks), rate=rate)
    assert probe(source).duration == 3 * ticks > 2**31
    assert films.sentences(source) == []


def test_a_long_film_with_one_subtitle_is_read_through_only_for_its_text(
    tmp_path: Path, ffmpeg: str
) -> None:
    short, source, text = clips.make(tmp_path / "s.mkv"), tmp_path / "a.mkv", tmp_path / "a.srt"
    text.write_text("1\n00:00:00,100 --> 00:00:00,400\nHello\n")
    often = ("-stream_loop", FRAMES // 25 - 1, "-i", short, "-i", text)
    films.call(ffmpeg, *often, "-map", "0", "-map", "1", "-c", "copy", source)
    info = probe(source)
    signs: dict[str, int] = {}
    for container in ("mkv", "mp4"):  # as it is, and converted
        told: list[None] = []
        settings = EncodeSettings(preset="ultrafast", container=container)
        keeping = plan(source, info, settings, alive=lambda told=told: told.append(None))  # type: ignore[misc]
        assert not keeping.losses
        signs[container] = len(told)
    # A sign of life for each packet that is gone by, whatever stream it is of.
    assert FRAMES / 10 < signs["mkv"] < FRAMES < signs["mp4"] < 2 * FRAMES


def test_where_less_is_lost_is_another_container_and_never_the_same(
    tmp_path: Path, ffmpeg: str
) -> None:
    plain = clips.make(tmp_path / "a.mkv", sound=("aac",))
    tagged = ("-metadata:s:a:0", "language=zh-Hant")  # MP4 has three letters for it
    source = films.remuxed(ffmpeg, plain, tmp_path / "b.mkv", *tagged)
    keeping = plan(source, probe(source), EncodeSettings(preset="ultrafast"))
    assert [fate.what for fate in keeping.losses] == ["the language of audio 1"]
    assert keeping.instead == ("mkv",)
