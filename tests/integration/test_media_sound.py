"""Sound in every container: as it is where it plays, else encoded again; in sync, and said."""

import subprocess
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from nstd.media.fates import Fate
from nstd.media.read.probe import probe
from nstd.media.write.codecs import EncodeSettings
from nstd.media.write.containers import Container
from nstd.media.write.rehearsal import plan
from nstd.media.write.sound import recoding
from tests import films

RATE = 48000
SECONDS = 0.6


def ffmpeg(*arguments: object) -> bytes:
    """Run ffmpeg; its output."""
    command = ["ffmpeg", "-nostdin", "-v", "error", "-y", *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True).stdout


def make(path: Path, codec: str, layout: str = "stereo", rate: int = RATE, *more: str) -> Path:
    """A film whose sound is noise at once, and a loud click at 0.4 s."""
    count = {"mono": 1, "stereo": 2, "5.1": 6, "7.1": 8}[layout]
    one = "(random({0})-0.5)*0.1+0.7*between(t,0.4,0.41)*sin(6000*t)"
    source = "|".join(one.format(number) for number in range(count))
    ffmpeg(
        *("-f", "lavfi", "-i", f"testsrc2=s=96x64:r=25:d={SECONDS}"),
        *("-f", "lavfi", "-i", f"aevalsrc='{source}':s={rate}:c={layout}:d={SECONDS}"),
        *("-c:v", "mpeg2video" if path.suffix == ".mxf" else "libx264", "-preset", "ultrafast"),
        *("-pix_fmt", "yuv422p" if path.suffix == ".mxf" else "yuv420p"),
        *("-c:a", codec, "-strict", "-2", *more, path),
    )
    return path


def heard(film: Path) -> np.ndarray:
    """What ffmpeg decodes, float `[samples, channels]`, in time: silence before it begins."""
    with av.open(str(film)) as container:
        channels = container.streams.audio[0].channels
    in_time = "aresample=async=1:first_pts=0"
    raw = ffmpeg("-copyts", "-i", film, "-map", "0:a:0", "-af", in_time, "-f", "f64le", "-")
    return np.frombuffer(raw).reshape(-1, channels)


def click(sound: np.ndarray, rate: int = RATE) -> float:
    """The second at which the click begins, in the first channel."""
    return float(np.argmax(np.abs(sound[:, 0]) > 0.35)) / rate


def fate(source: Path, settings: EncodeSettings) -> Fate:
    """What becomes of the film's sound."""
    (found,) = [one for one in plan(source, probe(source), settings).fates if one.kind == "sound"]
    return found


def settings(container: str, sound: str = "compatible") -> EncodeSettings:
    codec = "av1" if container == "webm" else "h264"
    return EncodeSettings(codec=codec, preset="ultrafast", container=container, sound=sound)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "codec", "layout", "container", "becomes"),
    [
        ("a.mkv", "pcm_s16le", "stereo", "mp4", "FLAC, stereo"),
        ("a.mkv", "pcm_s16le", "5.1", "mp4", "FLAC, 5.1"),
        ("a.avi", "pcm_s16le", "stereo", "mp4", "FLAC, stereo"),
        ("a.mxf", "pcm_s16le", "stereo", "mp4", "FLAC, stereo"),
        ("a.mkv", "pcm_s24le", "stereo", "mp4", "FLAC, stereo"),
        ("a.mov", "pcm_s24be", "stereo", "mp4", "FLAC, stereo"),
        ("a.mov", "alac", "mono", "mp4", "FLAC, mono"),
        ("a.mkv", "truehd", "stereo", "mp4", "FLAC, stereo"),
        ("a.mkv", "wavpack", "stereo", "mkv", "pcm_f32le, stereo"),
        ("a.mkv", "flac", "5.1", "mov", "pcm_s24le, 5.1"),
        ("a.mov", "pcm_s32be", "stereo", "mov", "pcm_s32le, stereo"),
        ("a.mov", "pcm_f32be", "stereo", "mov", "pcm_f32le, stereo"),
        ("a.mov", "pcm_f32be", "stereo", "mkv", "pcm_f32le, stereo"),
        ("a.mov", "pcm_s24be", "5.1", "mov", ""),
        ("a.mkv", "pcm_s24le", "stereo", "mov", ""),
        ("a.mkv", "pcm_s16le", "stereo", "mkv", ""),
        ("a.mkv", "flac", "stereo", "mp4", ""),
        ("a.mkv", "flac", "stereo", "mkv", ""),
    ],
)  # fmt: skip
def test_lossless_sound_stays_exactly_what_it_was(
    tmp_path: Path, name: str, codec: str, layout: str, container: str, becomes: str
) -> None:
    source = make(tmp_path / name, codec, layout)
    found = fate(source, settings(container))
    assert (found.to, found.loss) == (becomes, False)
    before, after = heard(source), heard(films.round_trip(source, tmp_path, settings(container)))
    assert after.shape == before.shape
    assert np.array_equal(after, before)


@pytest.mark.parametrize(
    ("name", "codec", "layout", "container", "becomes"),
    [
        ("a.mkv", "mp2", "mono", "mp4", "AAC, mono"),
        ("a.mp4", "ac3", "stereo", "mp4", "AAC, stereo"),
        ("a.mkv", "eac3", "5.1", "mp4", "AAC, 5.1(side)"),
        ("a.mkv", "dca", "stereo", "mov", "AAC, stereo"),
        ("a.mkv", "libvorbis", "stereo", "mov", "AAC, stereo"),
        ("a.mkv", "libopus", "stereo", "mov", "AAC, stereo"),
        ("a.mkv", "ac3", "stereo", "mkv", "AAC, stereo"),
        ("a.avi", "adpcm_ms", "stereo", "mkv", "AAC, stereo"),
        ("a.mkv", "aac", "stereo", "webm", "Opus, stereo"),
        ("a.mkv", "flac", "5.1", "webm", "Opus, 5.1"),
    ],
)  # fmt: skip
def test_other_sound_is_encoded_again_in_sync(
    tmp_path: Path, name: str, codec: str, layout: str, container: str, becomes: str
) -> None:
    source = make(tmp_path / name, codec, layout)
    found = fate(source, settings(container))
    assert (found.outcome, found.to, found.loss) == ("converted", becomes, True)
    before, after = heard(source), heard(films.round_trip(source, tmp_path, settings(container)))
    assert after.shape[1] == before.shape[1]
    # A transform's window of 1,024 samples smears a click by a fraction of its length.
    assert abs(click(after) - click(before)) < 0.008
    assert abs(len(after) - len(before)) <= 2048


@pytest.mark.parametrize(
    ("name", "codec", "container"),
    [
        ("a.mp4", "aac", "mp4"), ("a.mkv", "libmp3lame", "mp4"), ("a.mkv", "libopus", "mp4"),
        ("a.mkv", "libvorbis", "mp4"), ("a.mp4", "aac", "mov"), ("a.mkv", "libmp3lame", "mov"),
        ("a.mp4", "aac", "mkv"), ("a.mkv", "libopus", "webm"), ("a.mkv", "libvorbis", "webm"),
    ],
)  # fmt: skip
def test_sound_that_plays_is_copied(tmp_path: Path, name: str, codec: str, container: str) -> None:
    source = make(tmp_path / name, codec)
    assert fate(source, settings(container)).outcome == "kept"
    painted = films.round_trip(source, tmp_path, settings(container))
    assert films.contents(painted, "audio") == films.contents(source, "audio")


@pytest.mark.parametrize(
    ("name", "codec", "container", "outcome"),
    [
        ("a.mp4", "ac3", "mp4", "kept"),
        ("a.mov", "alac", "mp4", "kept"),
        ("a.mkv", "alac", "mp4", "kept"),
        ("a.mkv", "dca", "mkv", "kept"),
        ("a.mkv", "truehd", "mkv", "kept"),
        ("a.mkv", "pcm_s16le", "mp4", "kept"),
        ("a.mov", "pcm_s24be", "mp4", "converted"),  # ffmpeg 5.1 reads it as 16 bits
        ("a.mkv", "truehd", "mp4", "converted"),
        ("a.mkv", "tta", "mkv", "converted"),  # what is written cannot be read back
        ("a.mkv", "flac", "mov", "converted"),
    ],
)
def test_all_that_the_container_holds_is_copied_where_that_is_asked_for(
    tmp_path: Path, name: str, codec: str, container: str, outcome: str
) -> None:
    source = make(tmp_path / name, codec)
    wanted = settings(container, "copy")
    assert fate(source, wanted).outcome == outcome
    painted = films.round_trip(source, tmp_path, wanted)
    same = films.contents(painted, "audio") == films.contents(source, "audio")
    assert same is (outcome == "kept")
    before, after = heard(source), heard(painted)
    assert abs(len(after) - len(before)) <= RATE * 0.002
    assert np.abs(after[: len(before)] - before[: len(after)]).max() < 1e-4


def test_floating_point_into_mp4_keeps_24_bits_of_a_sample_and_that_is_said(
    tmp_path: Path,
) -> None:
    source = make(tmp_path / "a.mov", "pcm_f32le")
    found = fate(source, settings("mp4"))
    assert (found.to, found.loss) == ("FLAC, stereo, 24 bits of each sample", True)
    before, after = heard(source), heard(films.round_trip(source, tmp_path, settings("mp4")))
    assert np.abs(after - before).max() <= 2.0**-23


def test_a_gap_in_the_sound_becomes_silence(tmp_path: Path) -> None:
    whole = make(tmp_path / "a.mkv", "mp2", "mono")
    source = tmp_path / "b.mkv"
    ffmpeg("-i", whole, "-c", "copy", "-bsf:a", "noise=drop=between(n\\,5\\,11)", source)
    before, after = heard(source), heard(films.round_trip(source, tmp_path, settings("mp4")))
    assert abs(click(after) - click(before)) < 0.008
    assert click(before) == pytest.approx(0.4, abs=0.02)


@pytest.mark.parametrize("rate", [8000, 22050, 44100, 96000, 192000])
def test_every_rate_is_kept_or_lowered_to_what_the_encoder_takes(tmp_path: Path, rate: int) -> None:
    source = make(tmp_path / "a.mkv", "pcm_s16le", "stereo", rate)
    painted = films.round_trip(source, tmp_path, settings("mp4"))
    before, after = heard(source), heard(painted)
    assert np.array_equal(after, before)


@pytest.mark.parametrize("container", ["mp4", "mov", "mkv"])
@pytest.mark.parametrize("codec", ["ac3", "pcm_s16be"])
def test_sound_of_a_part_is_cut_to_it_in_sync(tmp_path: Path, codec: str, container: str) -> None:
    source = make(tmp_path / "a.mov", codec)
    unit = probe(source).time_base
    span = (round(Fraction(1, 5) / unit), round(Fraction(1, 2) / unit))
    painted = films.round_trip(source, tmp_path, settings(container), span=span)
    before, after = heard(source), heard(painted)
    assert films.times(painted)[0] == 0
    assert abs(click(after) - (click(before) - 0.2)) < 0.008
    # Copied packets, of 1,024 samples, reach over the end; what is encoded again is cut there.
    assert 0.3 - 0.002 <= len(after) / RATE <= 0.3 + 2 * 1024 / RATE


@pytest.mark.parametrize("container", ["mp4", "mkv"])
@pytest.mark.parametrize("codec", ["ac3", "flac"])
def test_sound_that_begins_late_stays_late(tmp_path: Path, codec: str, container: str) -> None:
    whole = make(tmp_path / "a.mkv", codec)
    source = tmp_path / "b.mkv"
    ffmpeg("-i", whole, "-itsoffset", "0.3", "-i", whole, "-map", "0:v", "-map", "1:a", "-c", "copy", source)  # fmt: skip # noqa: E501
    painted = films.round_trip(source, tmp_path, settings(container))
    assert click(heard(source)) == pytest.approx(0.7, abs=0.01)
    # Matroska rounds, and moves a film whose sound begins before it.
    moved = float(films.times(painted)[0] - films.times(source)[0])
    assert abs(click(heard(painted)) - click(heard(source)) - moved) < 0.008


@pytest.mark.parametrize(
    ("codec", "container", "why"),
    [
        ("ac3", "mp4", "it does not play everywhere in mp4"),
        ("pcm_s24le", "mp4", "many programs misread it in mp4"),
        ("ac3", "webm", "webm cannot hold it"),
        ("flac", "mov", "mov cannot hold it"),
    ],
)
def test_why_sound_is_encoded_again_is_told(
    tmp_path: Path, codec: str, container: str, why: str
) -> None:
    assert fate(make(tmp_path / "a.mkv", codec), settings(container)).why == why


def test_damaged_sound_costs_no_painted_film(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    whole, source = make(tmp_path / "whole.mov", "alac"), tmp_path / "a.mov"
    with av.open(str(whole)) as film, av.open(str(source), "w") as output:
        for one in film.streams:
            output.add_stream_from_template(one, opaque=True)
        sounds = 0
        for packet in film.demux():
            sounds += packet.stream.type == "audio"
            if packet.stream.type == "audio" and sounds == 5:
                packet.update(b"\x40" + bytes(packet)[1:])  # what ffmpeg says it has no patch for
            if packet.size:
                packet.stream = output.streams[packet.stream_index]
                output.mux(packet)
    with av.open(str(source)) as film, pytest.raises(av.error.PatchWelcomeError):
        list(film.decode(audio=0))
    sound = heard(films.round_trip(source, tmp_path, settings("mp4"))).copy()
    assert caplog.text.count("what cannot be decoded of it is left out") == 1
    before = heard(whole)
    assert len(sound) == len(before)
    left_out = slice(4 * 4096, 5 * 4096)
    assert not sound[left_out].any()
    sound[left_out] = before[left_out]
    assert np.array_equal(sound, before)


@pytest.mark.parametrize(("rate", "given"), [(44100, 44100), (96000, 48000)])
def test_a_container_may_name_any_encoder_that_ffmpeg_has(
    tmp_path: Path, rate: int, given: int
) -> None:
    source = make(tmp_path / "a.mkv", "flac", rate=rate)
    container = Container(name="avi", format="avi", plays=("mp3",), lossy="libmp3lame")
    with av.open(str(source)) as film:
        how = recoding(film.streams.audio[0], container)
    assert how is not None
    assert (how.encoder, how.rate, how.exact) == ("libmp3lame", given, False)
    assert how.words == "libmp3lame, stereo"
