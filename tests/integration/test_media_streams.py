"""The streams beside the painted one: kept, in sync, or named."""

import io
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import PIL.Image
import pytest

from nstd.errors import StorageError
from nstd.media.read.probe import probe
from nstd.media.write.codecs import EncodeSettings
from nstd.media.write.rehearsal import plan
from tests import clips, films

LATE = tuple(range(5120, 5120 + 20 * 512, 512))
MILLISECOND = Fraction(1, 1000)


@pytest.fixture(scope="module")
def trip(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A film with everything in it, and what became of it."""
    folder = tmp_path_factory.mktemp("everything")
    source = clips.make(folder / "a.mp4", **clips.EVERYTHING)
    return source, films.round_trip(source, folder, cuts=[10])


class TestOtherStreams:
    def test_sound_is_bit_identical_and_in_sync(self, trip: tuple[Path, Path]) -> None:
        source, painted = trip
        assert films.packets(painted, "audio") == films.packets(source, "audio")
        assert len(films.packets(painted, "audio")) == 2

    def test_subtitles_are_bit_identical(self, trip: tuple[Path, Path]) -> None:
        source, painted = trip
        assert films.subtitles(painted, prefixed=True) == list(clips.SUBTITLES)
        assert films.subtitles(source, prefixed=True) == list(clips.SUBTITLES)

    def test_chapters_are_kept(self, trip: tuple[Path, Path]) -> None:
        assert films.chapters(trip[1]) == [
            (begin * MILLISECOND, end * MILLISECOND, title) for begin, end, title in clips.CHAPTERS
        ]

    def test_the_cover_is_bit_identical(self, trip: tuple[Path, Path]) -> None:
        source, painted = trip
        assert films.packets(painted, "video")[1] == films.packets(source, "video")[1]
        with av.open(str(painted)) as film:
            assert film.streams.video[1].disposition == av.stream.Disposition.attached_pic

    def test_title_languages_and_dispositions_are_kept(self, trip: tuple[Path, Path]) -> None:
        def facts(path: Path) -> tuple[str, list[tuple[str | None, int]]]:
            with av.open(str(path)) as film:
                streams = [s for s in film.streams if s.type != "data"]
                return film.metadata["title"], [
                    (stream.language, int(stream.disposition)) for stream in streams
                ]

        assert facts(trip[1]) == facts(trip[0])

    @pytest.mark.parametrize("sound_start", [0, 12345, 48000])
    @pytest.mark.parametrize("container", ["mp4", "mov", "mkv"])
    def test_sound_and_picture_begin_as_far_apart_as_in_the_source(
        self, tmp_path: Path, container: str, sound_start: int
    ) -> None:
        source = clips.make(tmp_path / "a.mp4", times=LATE, sound=("aac",), sound_start=sound_start)
        painted = films.round_trip(source, tmp_path, EncodeSettings(container=container))

        def lead(film: Path) -> Fraction:
            return films.packets(film, "audio")[0][0][0] - films.times(film)[0]

        # Matroska rounds both to milliseconds.
        assert abs(lead(painted) - lead(source)) <= (MILLISECOND if container == "mkv" else 0)

    def test_a_transport_streams_clock_is_set_to_zero_in_sync(self, tmp_path: Path) -> None:
        source = clips.make(tmp_path / "a.ts", sound=("aac",), muxer={"mpegts_copyts": "1"})
        painted = films.round_trip(source, tmp_path)
        before, after = films.times(source), films.times(painted)
        sound_before = films.packets(source, "audio")[0][0][0]
        sound_after = films.packets(painted, "audio")[0][0][0]
        shift = before[0] - after[0]
        assert [time - shift for time in before] == after
        assert min(after[0], sound_after) < Fraction(1, 90)
        # Sound in MP4 counts in its own samples, not in 1/90000 s.
        assert abs(sound_before - sound_after - shift) <= Fraction(1, 48000)

    def test_aac_made_anew_sounds_the_same_at_the_same_time(self, tmp_path: Path) -> None:
        source = clips.make(tmp_path / "a.mkv", sound=("ac3",))
        painted = films.round_trip(source, tmp_path, EncodeSettings(container="mov"))

        def loudness(film: Path) -> dict[int, float]:
            """Root mean square of every tenth of a second."""
            tenths: dict[int, list[float]] = {}
            with av.open(str(film)) as container:
                for frame in container.decode(audio=0):
                    samples = frame.to_ndarray().astype(float).ravel()
                    if frame.format.name.startswith("s16"):
                        samples /= 32768
                    assert frame.pts is not None
                    assert frame.time_base is not None
                    start = float(frame.pts * frame.time_base)
                    moments = start + np.arange(samples.size) / frame.sample_rate
                    for tenth, value in zip(np.floor(moments * 10), samples, strict=True):
                        tenths.setdefault(int(tenth), []).append(value)
            return {
                tenth: float(np.sqrt(np.mean(np.square(values))))
                for tenth, values in tenths.items()
                if len(values) > 4000
            }

        before, after = loudness(source), loudness(painted)
        # 96 kbit/s leave a pure tone all but untouched.
        assert before.keys() - {9} <= after.keys()
        for tenth in before.keys() - {9}:
            assert after[tenth] == pytest.approx(before[tenth], rel=0.05)

    @pytest.mark.parametrize(
        ("source_name", "codec", "container", "prefixed"),
        [
            ("a.mkv", "subrip", "mp4", True),
            ("a.mkv", "ass", "mp4", True),
            ("a.mkv", "subrip", "mov", True),
            ("a.mp4", "mov_text", "mkv", False),
            ("a.mkv", "subrip", "mkv", False),
        ],
    )
    def test_text_subtitles_are_converted(
        self, tmp_path: Path, source_name: str, codec: str, container: str, prefixed: bool
    ) -> None:
        source = clips.make(tmp_path / source_name, subtitles=codec, language="deu")
        painted = films.round_trip(source, tmp_path, EncodeSettings(container=container))
        assert films.subtitles(painted, prefixed) == list(clips.SUBTITLES)
        with av.open(str(painted)) as film:
            # ISO 639-2 has two codes for German; Matroska prefers the other one.
            assert film.streams.subtitles[0].language in ("deu", "ger")

    def test_a_second_film_is_left_out_and_named(self, tmp_path: Path) -> None:
        source = clips.make(tmp_path / "a.mp4", second_size=(64, 48))
        painted = films.round_trip(source, tmp_path)
        assert films.streams(painted) == ["video"]
        assert films.sentences(source) == [
            "stream 1 (video, h264, und): lost (only one stream of pictures is painted)"
        ]

    def test_covers_and_attachments_go_from_matroska_to_matroska(self, tmp_path: Path) -> None:
        plain = clips.make(tmp_path / "a.mkv")
        source = tmp_path / "b.mkv"
        with av.open(str(plain)) as film, av.open(str(source), "w") as output:
            stream = output.add_stream_from_template(film.streams.video[0], opaque=True)
            output.add_attachment("cover.png", "image/png", _png())
            output.add_attachment("font.ttf", "font/ttf", b"letters")
            for packet in film.demux(video=0):
                if packet.size:
                    packet.stream = stream
                    output.mux(packet)
        painted = films.round_trip(source, tmp_path, EncodeSettings(container="mkv"))
        assert films.streams(painted) == ["video", "video", "attachment"]

    def test_attachments_mp4_cannot_hold_are_named(self, tmp_path: Path) -> None:
        source = tmp_path / "b.mkv"
        plain = clips.make(tmp_path / "a.mkv")
        with av.open(str(plain)) as film, av.open(str(source), "w") as output:
            stream = output.add_stream_from_template(film.streams.video[0], opaque=True)
            output.add_attachment("font.ttf", "font/ttf", b"letters")
            for packet in film.demux(video=0):
                if packet.size:
                    packet.stream = stream
                    output.mux(packet)
        painted = films.round_trip(source, tmp_path)
        assert films.streams(painted) == ["video"]
        assert films.sentences(source) == [
            "stream 1 (attachment, font.ttf): lost (mp4 cannot hold it)"
        ]

    def test_damaged_sound_is_kept_as_far_as_it_is_sound(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        source = clips.make(tmp_path / "a.ts", sound=("aac",))
        content = bytearray(source.read_bytes())
        with av.open(str(source)) as film:
            places = [packet.pos for packet in film.demux(audio=0) if packet.size and packet.pos]
        # The mark that each packet of AAC in a transport stream begins with.
        at = content.index(b"\xff\xf1", places[len(places) // 2])
        content[at : at + 2] = bytes(2)
        source.write_bytes(content)
        painted = films.round_trip(source, tmp_path)
        kept, all_of_it = (
            len(films.packets(film, "audio")[0])
            for film in (painted, clips.make(source, sound=("aac",)))
        )
        assert 0 < kept < all_of_it
        assert caplog.text.count("is damaged") == 1

    def test_sound_that_is_announced_and_never_comes_is_left_out(self, tmp_path: Path) -> None:
        source = clips.make(tmp_path / "a.ts", sound=("aac",))
        content = source.read_bytes()
        with av.open(str(source)) as film:
            number = film.streams.audio[0].id
        kept = [
            content[at : at + 188]
            for at in range(0, len(content), 188)
            if int.from_bytes(content[at + 1 : at + 3], "big") & 0x1FFF != number
        ]
        source.write_bytes(b"".join(kept))
        painted = films.round_trip(source, tmp_path)
        assert len(films.times(painted)) == 25
        assert films.packets(painted, "audio") == []
        (said,) = films.sentences(source)
        assert said == "stream 1 (audio, aac): lost (it is announced, and none of it is there)"

    def test_an_empty_track_breaks_no_promise(self, tmp_path: Path) -> None:
        source = clips.make(tmp_path / "a.mkv", sound=("aac",), subtitles="subrip")
        bare = tmp_path / "b.mkv"
        with av.open(str(source)) as film, av.open(str(bare), "w") as output:
            kept = [output.add_stream_from_template(one, opaque=True) for one in film.streams]
            for packet in film.demux():
                if packet.size and packet.stream.type == "video":
                    packet.stream = kept[packet.stream_index]
                    output.mux(packet)
        painted = films.round_trip(bare, tmp_path)
        assert len(films.times(painted)) == 25


def _png() -> bytes:
    buffer = io.BytesIO()
    PIL.Image.new("RGB", (16, 16), "teal").save(buffer, "PNG")
    return buffer.getvalue()


def test_without_a_folder_for_temporary_files_nothing_can_be_tried_and_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = clips.make(tmp_path / "a.mp4")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "gone"))
    with pytest.raises(StorageError, match="a folder for temporary files"):
        plan(source, probe(source), EncodeSettings())
