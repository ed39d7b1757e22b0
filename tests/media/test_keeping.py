"""What is kept, converted and lost of a film is known before its first frame is painted."""

import json
import os
import subprocess
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest

from nstd.cli.main import main
from nstd.media.read.probe import probe
from tests import clips, films
from tests.media.program import copy

PGS = b"\x80\x00\x00"
"""The packet that ends a set of bitmaps."""


def with_stream(path: Path, codec: str, payload: bytes, source: Path) -> Path:
    """The film at `source` with one more stream of one packet, half a second after its begin."""
    with av.open(str(source)) as film, av.open(str(path), "w") as output:
        streams = [output.add_stream_from_template(one, opaque=True) for one in film.streams]
        more = output.add_mux_stream(codec)
        more.time_base = Fraction(1, 1000)
        more.metadata["language"] = "ger"
        for packet in film.demux():
            if packet.size:
                packet.stream = streams[packet.stream_index]
                output.mux(packet)
        last: av.Packet[Any] = av.Packet(payload)
        last.stream, last.time_base = more, Fraction(1, 1000)
        last.pts = last.dts = 500
        last.duration = 400
        output.mux(last)
    return path


def fates(report: Any, kind: str | None = None) -> list[tuple[str, str, bool]]:
    """Kind, outcome and loss of each part."""
    return [
        (one["kind"], one["outcome"], one["loss"])
        for one in report["keeping"]["fates"]
        if kind is None or one["kind"] == kind
    ]


def test_bitmap_subtitles_go_into_mkv_and_are_left_out_of_mp4(tmp_path: Path) -> None:
    plain = clips.make(tmp_path / "plain.mkv", sound=("aac",))
    source = with_stream(tmp_path / "a.mkv", "hdmv_pgs_subtitle", PGS, plain)
    ended = copy(source, tmp_path / "b.mp4")
    assert (ended.code, ended.result["error"]) == (0, None)
    assert films.streams(tmp_path / "b.mp4") == ["video", "audio"]
    assert fates(ended.report) == [("sound", "kept", False), ("subtitles", "lost", True)]
    warned = [line for line in ended.said.splitlines() if line.startswith("WARNING: a.mkv:")]
    assert warned == [
        "WARNING: a.mkv: stream 2 (subtitle, hdmv_pgs_subtitle, ger): lost (mp4 cannot hold it)",
        "WARNING: a.mkv: more of it would be kept in mkv",
    ]
    kept = copy(source, tmp_path / "b.mkv")
    assert kept.report["keeping"]["instead"] == []
    assert films.contents(tmp_path / "b.mkv", "subtitle") == films.contents(source, "subtitle")


def test_strict_refuses_a_loss_before_the_first_frame_and_lists_it(tmp_path: Path) -> None:
    plain = clips.make(tmp_path / "plain.mkv", sound=("ac3",))
    source = with_stream(tmp_path / "a.mkv", "hdmv_pgs_subtitle", PGS, plain)
    ended = copy(source, tmp_path / "b.mp4", "--strict")
    assert (ended.code, ended.result["kind"], ended.result["frames"]) == (1, "LossError", 0)
    assert ended.result["error"] == (
        "Not all of a.mkv can be kept\n"
        "stream 1 (audio, ac3): converted to AAC, mono (it does not play everywhere in mp4)\n"
        "stream 2 (subtitle, hdmv_pgs_subtitle, ger): lost (mp4 cannot hold it)."
        " Choose the container mkv."
    )
    assert not (tmp_path / "b.mp4").exists()
    assert copy(source, tmp_path / "b.mkv", "--strict", "--sound", "copy").code == 0


def test_strict_lets_through_what_loses_nothing(tmp_path: Path) -> None:
    source = clips.make(tmp_path / "a.mkv", sound=("pcm_s16le", "aac"), subtitles="subrip")
    assert copy(source, tmp_path / "b.mkv", "--strict").code == 0
    plain = clips.make(tmp_path / "p.mkv", sound=("pcm_s16le", "aac"))
    ended = copy(plain, tmp_path / "p.mp4", "--strict")
    assert ended.code == 0
    assert fates(ended.report) == [("sound", "converted", False), ("sound", "kept", False)]


def test_strict_can_be_configured(tmp_path: Path) -> None:
    (tmp_path / "nstd.yaml").write_text("strict: yes\noutput: {sound: copy}\n")
    source = clips.make(tmp_path / "a.mkv", sound=("ac3",))
    assert copy(source, tmp_path / "b.mp4").code == 0
    (tmp_path / "nstd.yaml").write_text("strict: yes\n")
    assert copy(source, tmp_path / "c.mp4").result["kind"] == "LossError"


def test_it_is_told_once_and_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = clips.make(tmp_path / "a.mkv", sound=("ac3",))
    ended = copy(source, tmp_path / "b.mp4")
    said = "stream 1 (audio, ac3): converted to AAC, mono (it does not play everywhere in mp4)"
    assert ended.said.count(said) == 1
    (tmp_path / "nstd.yaml").write_text(f"state_dir: {os.environ['XDG_STATE_HOME']}/nstd/stylize\n")
    with pytest.raises(SystemExit):
        main(["show", "1"])
    assert f"Beside the pictures:\n  {said}\n" in capsys.readouterr().out


@pytest.mark.parametrize("codec", ["h264", "h265", "av1", "vp9"])
@pytest.mark.parametrize("container", ["mp4", "mkv"])
def test_the_films_rate_is_stated(tmp_path: Path, codec: str, container: str) -> None:
    for name, source in (
        ("even", clips.make(tmp_path / "even.mp4", rate=Fraction(25))),
        ("varying", clips.vfr(tmp_path / "varying.mp4")),
    ):
        target = tmp_path / f"{name}-painted.{container}"
        options = ("--codec", codec, "--preset", "ultrafast", "--quality", "40")
        assert copy(source, target, *options).code == 0
        command = ["ffprobe", "-v", "error", "-of", "json", "-show_entries"]
        entries = "stream=r_frame_rate,avg_frame_rate"
        found = subprocess.run([*command, entries, target], check=True, capture_output=True)
        (stream,) = json.loads(found.stdout)["streams"]
        rate = probe(source).frame_rate
        assert Fraction(stream["avg_frame_rate"]) == rate
        stated = Fraction(stream["r_frame_rate"])
        # ffprobe takes MP4's unit of time for that of codecs that state no rate themselves.
        assert stated == rate or (codec, container, name) in {
            ("av1", "mp4", "varying"),
            ("vp9", "mp4", "varying"),
        }


@pytest.mark.parametrize("container", ["mp4", "mov", "mkv", "webm"])
def test_the_same_film_is_the_same_bytes_from_run_to_run(tmp_path: Path, container: str) -> None:
    codec = "vp9" if container == "webm" else "h264"
    source = clips.make(
        tmp_path / "a.mkv",
        sound=("pcm_s16le", "ac3"),
        subtitles="subrip",
        chapters=True,
        title="A title",
    )
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        target = folder / f"b.{container}"
        assert copy(source, target, "--codec", codec, "--preset", "ultrafast").code == 0
    one, two = ((tmp_path / name / f"b.{container}").read_bytes() for name in ("one", "two"))
    assert one == two
