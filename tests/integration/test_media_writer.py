"""Segments and their joining: exact times, the source's sound, nothing lost in silence."""

import io
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, Self
from unittest.mock import Mock

import av
import numpy as np
import PIL.Image
import pytest

from nstd.errors import BusyError, UnsupportedError, VerificationError
from nstd.files import part_path
from nstd.media.frame import Frame, VideoInfo
from nstd.media.read.probe import probe
from nstd.media.read.reader import read_frames
from nstd.media.write.codecs import CODECS, EncodeSettings
from nstd.media.write.segment import SegmentWriter, origin
from tests import bad_films, clips, films
from tests.films import QUICK

LATE = tuple(range(5120, 5120 + 20 * 512, 512))
EVERYTHING: dict[str, Any] = {
    "sound": ("aac", "aac"),
    "subtitles": "mov_text",
    "chapters": True,
    "cover": True,
    "title": "A title",
    "language": "fra",
}
MILLISECOND = Fraction(1, 1000)
COMBINATIONS = [
    (codec, container) for codec, facts in CODECS.items() for container in facts.containers
]
LAYOUTS = [
    (codec, layout.profile, layout.bits)
    for codec, facts in CODECS.items()
    for layout in facts.layouts
    if not layout.alpha
]
"""Each codec's profiles and depths."""


def at_least(codec: str, width: int, height: int) -> tuple[int, int]:
    """A size that the codec takes."""
    least = CODECS[codec].smallest
    return max(width, least[0]), max(height, least[1])


def frames_of(film: Path) -> tuple[VideoInfo, list[Frame]]:
    info = probe(film)
    return info, list(read_frames(film, info))


def interrupted(path: Path, info: VideoInfo, frames: list[Frame]) -> None:
    """Begin a segment, and be stopped before it is complete."""
    with SegmentWriter(path, info, QUICK) as writer:
        for frame in frames:
            writer.write(frame)
        raise KeyboardInterrupt


class TestSegments:
    @pytest.mark.parametrize("threads", [1, 2])
    @pytest.mark.parametrize(("codec", "profile", "depth"), LAYOUTS)
    def test_the_same_frames_give_the_same_bytes(
        self, tmp_path: Path, codec: str, profile: str | None, depth: int, threads: int
    ) -> None:
        info, frames = frames_of(clips.vfr(tmp_path / "a.mp4", size=at_least(codec, 96, 64)))
        container = CODECS[codec].containers[0]
        settings = EncodeSettings(
            codec=codec,
            preset="ultrafast",
            container=container,
            threads=threads,
            profile=profile,
            depth=depth,
        )
        contents = {
            films.write_segment(tmp_path / name, info, frames, settings).read_bytes()
            for name in ("one", "two")
        }
        assert len(contents) == 1

    @pytest.mark.parametrize("codec", CODECS)
    def test_time_stamps_are_exact(self, tmp_path: Path, codec: str) -> None:
        info, frames = frames_of(clips.vfr(tmp_path / "a.mp4", size=at_least(codec, 96, 64)))
        container = CODECS[codec].containers[0]
        settings = EncodeSettings(codec=codec, preset="ultrafast", container=container)
        segment = films.write_segment(tmp_path / "s", info, frames[3:9], settings)
        assert films.times(segment) == [frame.seconds for frame in frames[3:9]]

    def test_there_is_a_sign_of_life_for_each_frame_and_packet(self, tmp_path: Path) -> None:
        info, frames = frames_of(clips.make(tmp_path / "a.mp4"))
        signs: list[str] = []
        # This preset looks 50 frames ahead: no packet comes before all frames are written.
        settings = EncodeSettings(preset="slow")
        with SegmentWriter(
            tmp_path / "s.mp4", info, settings, alive=lambda: signs.append("")
        ) as writer:
            for number, frame in enumerate(frames[:10]):
                assert len(signs) == number
                writer.write(frame)
        assert len(signs) == 20

    def test_a_flushed_packet_is_written_before_the_next_is_computed(self, tmp_path: Path) -> None:
        """All at once they may take longer than a worker may be silent."""
        happened: list[str] = []
        info, frames = frames_of(clips.make(tmp_path / "a.mp4"))
        writer = SegmentWriter(
            tmp_path / "s.mp4", info, QUICK, alive=lambda: happened.append("alive")
        )

        def encode_lazy(_: None) -> Iterator[Mock]:
            for number in range(2):
                happened.append(f"computed {number}")
                yield Mock(pts=number)

        with writer:
            stream, container = writer._stream, writer._container
            writer._stream = Mock(codec_context=Mock(encode_lazy=encode_lazy))
            writer._container = Mock(mux=lambda packet: happened.append(f"written {packet.pts}"))
            writer._encode(None)
            writer._stream, writer._container = stream, container
            writer.write(frames[0])
        assert happened[:6] == [
            *("computed 0", "alive", "written 0"),
            *("computed 1", "alive", "written 1"),
        ]

    @pytest.mark.parametrize("count", [1, 2])
    @pytest.mark.parametrize("preset", ["ultrafast", "medium"])
    def test_the_shortest_segments_have_sound_decoding_times(
        self, tmp_path: Path, preset: str, count: int
    ) -> None:
        """x265's own are random for them."""
        info, frames = frames_of(clips.vfr(tmp_path / "a.mp4"))
        settings = EncodeSettings(codec="h265", preset=preset)
        with SegmentWriter(tmp_path / "s.mp4", info, settings) as writer:
            container, stamps = writer._container, []

            def mux(packet: Any) -> None:
                stamps.append((packet.pts, packet.dts))
                container.mux(packet)

            writer._container = Mock(mux=mux, close=container.close)
            for frame in frames[5 : 5 + count]:
                writer.write(frame)
        shown = [frame.pts - origin(info) for frame in frames[5 : 5 + count]]
        assert stamps == [(stamp, stamp) for stamp in shown]

    @pytest.mark.parametrize("codec", ["h264", "h265", "av1"])
    def test_a_claim_that_is_lost_in_mid_flush_leaves_nothing(
        self, tmp_path: Path, codec: str
    ) -> None:
        info, frames = frames_of(clips.make(tmp_path / "a.mp4"))
        folder = tmp_path / "out"
        folder.mkdir()
        left = 10 + 3  # all frames, and the first packets of the flush

        def alive() -> None:
            nonlocal left
            left -= 1
            if left < 0:
                raise BusyError("The job was taken over")

        settings = EncodeSettings(codec=codec, preset="slow" if codec != "av1" else "veryfast")

        def write() -> None:
            with SegmentWriter(folder / "s.mp4", info, settings, alive=alive) as writer:
                for frame in frames[:10]:
                    writer.write(frame)

        with pytest.raises(BusyError, match="taken over"):
            write()
        assert films.names(folder) == []

    def test_nothing_is_seen_before_the_end(self, tmp_path: Path) -> None:
        info, frames = frames_of(clips.make(tmp_path / "a.mp4"))
        target = tmp_path / "out" / "segment-000000.mp4"
        target.parent.mkdir()
        with SegmentWriter(target, info, QUICK) as writer:
            for frame in frames:
                writer.write(frame)
                assert not target.exists()
        assert films.names(target.parent) == [target.name]

    @pytest.mark.parametrize("written", [0, 1, 25])
    def test_an_exception_leaves_nothing(self, tmp_path: Path, written: int) -> None:
        info, frames = frames_of(clips.make(tmp_path / "a.mp4"))
        folder = tmp_path / "out"
        folder.mkdir()
        with pytest.raises(KeyboardInterrupt):
            interrupted(folder / "s.mp4", info, frames[:written])
        assert films.names(folder) == []

    def test_an_older_segment_stays_until_the_new_one_is_whole(self, tmp_path: Path) -> None:
        info, frames = frames_of(clips.make(tmp_path / "a.mp4"))
        segment = films.write_segment(tmp_path / "s", info, frames)
        before = segment.read_bytes()
        with pytest.raises(KeyboardInterrupt):
            interrupted(segment, info, frames[:1])
        assert segment.read_bytes() == before

    def test_a_leftover_of_a_kill_is_no_hindrance(self, tmp_path: Path) -> None:
        info, frames = frames_of(clips.make(tmp_path / "a.mp4"))
        target = tmp_path / "s.mp4"
        part_path(target).write_bytes(b"torn" * 1000)
        films.write_segment(target, info, frames)
        assert films.times(target) == [frame.seconds for frame in frames]
        assert not part_path(target).exists()

    def test_misuse_is_told(self, tmp_path: Path) -> None:
        info, frames = frames_of(clips.make(tmp_path / "a.mp4"))
        small = Frame(frames[0].image[:32], 0, 0, 512, info.time_base)
        other = Frame(frames[0].image, 0, 0, 1, Fraction(1, 25))
        for wrong, match in (
            ([small], "does not fit"),
            ([other], "time base"),
            ([frames[1], frames[0]], "not later"),
            ([], "no frame"),
        ):
            with pytest.raises(ValueError, match=match):
                films.write_segment(tmp_path / "s", info, wrong)
        assert films.names(tmp_path) == ["a.mp4"]

    @pytest.mark.parametrize(("codec", "size"), [("h265", (62, 64)), ("av1", (64, 62))])
    def test_a_picture_that_crashes_the_encoder_is_refused(
        self, tmp_path: Path, codec: str, size: tuple[int, int]
    ) -> None:
        info, frames = frames_of(clips.make(tmp_path / "a.mp4", size=size))
        with pytest.raises(UnsupportedError, match=f"too small for {codec}"):
            films.write_segment(tmp_path / "s", info, frames, EncodeSettings(codec=codec))
        assert films.names(tmp_path) == ["a.mp4"]

    @pytest.mark.parametrize("codec", CODECS)
    def test_the_smallest_picture_of_every_codec_is_written(
        self, tmp_path: Path, codec: str
    ) -> None:
        source = clips.make(tmp_path / "a.mp4", size=CODECS[codec].smallest)
        settings = EncodeSettings(codec=codec, container=CODECS[codec].containers[0])
        assert len(films.times(films.round_trip(source, tmp_path, settings))) == 25

    def test_an_odd_size_is_kept_and_said(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        source = clips.make(tmp_path / "a.mp4", size=(99, 65), pixel_format="yuv444p")
        info, frames = frames_of(source)
        films.write_segment(tmp_path / "s", info, frames)
        assert films.pictures(tmp_path / "s")[0].shape == (65, 99, 3)
        assert "99×65 is odd: h264 keeps that size only as yuv444p" in caplog.text

    @pytest.mark.parametrize("codec", CODECS)
    def test_every_codec_keeps_an_odd_size(self, tmp_path: Path, codec: str) -> None:
        source = clips.make(
            tmp_path / "a.mp4", size=at_least(codec, 99, 65), pixel_format="yuv444p"
        )
        settings = EncodeSettings(codec=codec, container=CODECS[codec].containers[0])
        painted = films.round_trip(source, tmp_path, settings, cuts=[12])
        before, after = frames_of(source)[1], frames_of(painted)[1]
        assert after[0].image.shape == before[0].image.shape
        difference = np.abs(after[7].image.astype(int) - before[7].image)
        # Lossy, some with halved chroma: a few code values; a shifted picture has dozens.
        assert difference.mean() < 4

    def test_every_group_of_pictures_is_closed(self, tmp_path: Path) -> None:
        # A segment's first frames in display order never precede its key frame.
        info, frames = frames_of(clips.vfr(tmp_path / "a.mp4"))
        settings = EncodeSettings(codec="h265", preset="medium")
        segment = films.write_segment(tmp_path / "s", info, frames, settings)
        with av.open(str(segment)) as container:
            packets = [packet for packet in container.demux(video=0) if packet.size]
        assert packets[0].is_keyframe
        assert packets[0].pts == min(packet.pts or 0 for packet in packets)


class TestJoining:
    @pytest.mark.parametrize(("codec", "container"), COMBINATIONS)
    def test_every_codec_fits_every_container_it_claims(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture, codec: str, container: str
    ) -> None:
        size = at_least(codec, 64, 98)
        source = clips.vfr(
            tmp_path / "a.mp4", size=size[::-1], pixel_aspect=Fraction(16, 15), rotation=90
        )
        settings = EncodeSettings(codec=codec, preset="ultrafast", container=container)
        painted = films.round_trip(source, tmp_path, settings, cuts=[5, 6])
        before, after = probe(source), probe(painted)
        expected = films.times(source)
        if container in {"mkv", "webm"}:
            # Matroska counts in milliseconds.
            off = [abs(a - b) for a, b in zip(films.times(painted), expected, strict=True)]
            assert max(off) <= MILLISECOND / 2
        else:
            assert films.times(painted) == expected
        assert (after.width, after.height) == (before.width, before.height) == size
        assert (before.rotation, after.rotation) == (90, 0)
        assert before.sample_aspect_ratio == Fraction(15, 16)
        # Where the codec does not say it Matroska does, in whole pixels of the width shown.
        assert abs(after.sample_aspect_ratio - before.sample_aspect_ratio) * size[0] < 1 / 2

    def test_joined_pictures_are_those_of_the_segments(self, tmp_path: Path) -> None:
        source = clips.vfr(tmp_path / "a.mp4")
        settings = EncodeSettings(preset="fast")
        painted = films.round_trip(source, tmp_path, settings, cuts=[4, 9])
        apart = [
            picture
            for segment in sorted(tmp_path.glob("segment-*"))
            for picture in films.pictures(segment)
        ]
        joined = films.pictures(painted)
        assert len(joined) == len(apart) == len(clips.VFR_TIMES)
        assert all(np.array_equal(a, b) for a, b in zip(joined, apart, strict=True))

    @pytest.mark.parametrize("varying", [False, True])
    @pytest.mark.parametrize("container", ["mp4", "mov", "mkv"])
    def test_the_duration_is_the_sources(
        self, tmp_path: Path, container: str, varying: bool
    ) -> None:
        making = clips.vfr if varying else clips.make
        source = making(tmp_path / "a.mp4", sound=("aac",))
        painted = films.round_trip(source, tmp_path, EncodeSettings(container=container), cuts=[9])
        before, after = probe(source), probe(painted)
        difference = before.duration * before.time_base - after.duration * after.time_base
        assert abs(difference) <= (MILLISECOND if container == "mkv" else 0)

    @pytest.mark.parametrize("cuts", [(), (2,)])
    @pytest.mark.parametrize("container", ["mp4", "mkv"])
    def test_a_film_that_begins_before_0_is_moved_there(
        self, tmp_path: Path, cuts: tuple[int, ...], container: str
    ) -> None:
        stamps = [-100, -60, -20, 20, 60]
        source = bad_films.film_at(tmp_path / "a.mkv", stamps)
        settings = EncodeSettings(container=container)
        painted = films.round_trip(source, tmp_path, settings, cuts=cuts)
        assert films.times(painted) == [(stamp + 100) * MILLISECOND for stamp in stamps]

    def test_the_index_comes_first(self, tmp_path: Path) -> None:
        painted = films.round_trip(clips.make(tmp_path / "a.mp4"), tmp_path)
        content = painted.read_bytes()
        assert content.index(b"moov") < content.index(b"mdat")


@pytest.fixture(scope="module")
def trip(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A film with everything in it, and what became of it."""
    folder = tmp_path_factory.mktemp("everything")
    source = clips.make(folder / "a.mp4", **EVERYTHING)
    return source, films.round_trip(source, folder, cuts=[10])


SPAN = (9 * 512, 20 * 512)


@pytest.fixture(scope="module", params=["mp4", "mkv"])
def part(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path]:
    """A film with everything in it, and a part of it from 0.36 to 0.8 seconds."""
    folder = tmp_path_factory.mktemp("span")
    source = clips.make(folder / "a.mp4", **(EVERYTHING | {"cover": False}))
    settings = EncodeSettings(preset="ultrafast", container=request.param)
    return source, films.round_trip(source, folder, settings, cuts=[4], span=SPAN)


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
        assert said == "stream 1 (audio, aac): lost (mp4 cannot hold it)"

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


class TestTruncatedFilms:
    @pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
    def test_what_is_there_is_written_with_its_sound(self, tmp_path: Path, name: str) -> None:
        source = clips.truncated(tmp_path / name, 0.6, sound=("aac",), times=range(0, 51200, 512))
        painted = films.round_trip(source, tmp_path, accept_truncated=True)
        after = probe(painted)
        assert 30 < after.frames < 90
        before = films.contents(source, "audio")
        assert len(before) == len(films.contents(painted, "audio")) == 1
        sound = films.packets(painted, "audio")[0]
        assert sound == films.packets(source, "audio")[0][: len(sound)]
        assert len(sound) > 40


class TestPartOfAFilm:
    def test_the_picture_begins_at_zero(self, part: tuple[Path, Path]) -> None:
        assert films.times(part[1]) == [Fraction(index, 25) for index in range(11)]

    def test_sound_is_cut_to_it_in_sync(self, part: tuple[Path, Path]) -> None:
        source, painted = part
        start = Fraction(9, 25)
        end = Fraction(20, 25)
        rounding = Fraction(1, 2000) if painted.suffix == ".mkv" else Fraction(1, 48000)
        for before, after in zip(
            films.packets(source, "audio"), films.packets(painted, "audio"), strict=True
        ):
            where = {digest: time for time, digest in before}
            for time, digest in after:
                assert abs(where[digest] - start - time) <= rounding
                assert start - Fraction(1024, 48000) < where[digest] < end
            # No more than one packet is lost at the beginning, none at the end.
            assert after[0][0] <= Fraction(1024, 48000)
            assert after[-1][0] + start + Fraction(1024, 48000) >= end

    def test_subtitles_are_cut_to_it(self, part: tuple[Path, Path]) -> None:
        # The first lasts from 0.1 to 0.4, the second from 0.5 to 0.75; the part begins at 0.36.
        prefixed = part[1].suffix == ".mp4"
        assert films.subtitles(part[1], prefixed) == [
            (Fraction(0), Fraction(40, 1000), "Hello"),
            (Fraction(140, 1000), Fraction(250, 1000), "wörld"),
        ]

    def test_chapters_are_cut_to_it(self, part: tuple[Path, Path]) -> None:
        assert films.chapters(part[1]) == [
            (Fraction(0), Fraction(40, 1000), "One"),
            (Fraction(40, 1000), Fraction(440, 1000), "Two"),
        ]

    def test_the_duration_is_the_parts(self, part: tuple[Path, Path]) -> None:
        info = probe(part[1])
        assert info.duration * info.time_base == Fraction(11, 25)


class TestWhatIsNotAsPromised:
    def test_segments_that_overlap_are_refused(self, tmp_path: Path) -> None:
        source = clips.make(tmp_path / "a.mp4")
        info, frames = frames_of(source)
        one = films.write_segment(tmp_path / "1", info, frames[:10])
        two = films.write_segment(tmp_path / "2", info, frames[9:])
        target = tmp_path / "out.mp4"
        with pytest.raises(VerificationError, match="does not follow"):
            films.joined([one, two], source, info, target, QUICK)
        with pytest.raises(VerificationError, match="does not follow"):
            films.joined([two, one], source, info, target, QUICK)
        assert not part_path(target).exists()

    def test_segments_of_different_encoders_are_refused(self, tmp_path: Path) -> None:
        source = clips.make(tmp_path / "a.mp4")
        info, frames = frames_of(source)
        one = films.write_segment(tmp_path / "1", info, frames[:10])
        slow = EncodeSettings(preset="slow")
        two = films.write_segment(tmp_path / "2", info, frames[10:], slow)
        with pytest.raises(VerificationError, match="other settings"):
            films.joined([one, two], source, info, tmp_path / "out.mp4", QUICK)

    def test_each_packet_read_and_written_is_a_sign_of_life(self, tmp_path: Path) -> None:
        source = clips.make(tmp_path / "a.mp4", sound=("aac",))
        info, frames = frames_of(source)
        segments = [
            films.write_segment(tmp_path / name, info, some)
            for name, some in (("1", frames[:10]), ("2", frames[10:]))
        ]
        signs: list[int] = []
        part = films.joined(
            segments, source, info, tmp_path / "out.mp4", QUICK, alive=lambda: signs.append(1)
        )
        with av.open(str(part)) as film:
            packets = [packet.stream.type for packet in film.demux() if packet.size]
        pictures = packets.count("video")
        assert pictures == len(frames)
        assert len(packets) > pictures
        # A segment's packets are read for their times first; all are written, and read to verify.
        assert len(signs) == pictures + 2 * len(packets)

    def test_a_result_that_lacks_frames_is_not_handed_out(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        source = clips.make(tmp_path / "a.mp4")
        info, frames = frames_of(source)
        segment = films.write_segment(tmp_path / "1", info, frames)
        real = av.container.OutputContainer.mux
        lost: list[int] = []

        class Losing:
            """A muxer that forgets one packet."""

            def __init__(self, output: av.container.OutputContainer) -> None:
                self.output = output

            def __getattr__(self, name: str) -> object:
                return getattr(self.output, name)

            def __enter__(self) -> Self:
                self.output.__enter__()
                return self

            def __exit__(self, *error: object) -> None:
                self.output.__exit__(*error)  # type: ignore[arg-type]

            def mux(self, packet: "av.Packet[av.VideoStream]") -> None:
                if len(lost) == 0 and packet.pts and packet.pts > 5000:
                    lost.append(packet.pts)
                    return
                real(self.output, packet)

        original = av.open

        def losing(file: str, mode: str = "r", **options: object) -> object:
            container = original(file, mode, **options)  # type: ignore[call-overload]
            return Losing(container) if mode == "w" and isinstance(file, str) else container

        monkeypatch.setattr("nstd.media.write.assemble.av.open", losing)
        target = tmp_path / "out.mp4"
        with pytest.raises(VerificationError, match="frames should be 25, but the file has 24"):
            films.joined([segment], source, info, target, QUICK)
        assert not part_path(target).exists()


def _png() -> bytes:
    buffer = io.BytesIO()
    PIL.Image.new("RGB", (16, 16), "teal").save(buffer, "PNG")
    return buffer.getvalue()
