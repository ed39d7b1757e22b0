"""Segments are joined into a film, or a part of one, that is what was promised."""

from fractions import Fraction
from pathlib import Path
from typing import Self

import av
import numpy as np
import pytest

from nstd.errors import VerificationError
from nstd.files import part_path
from nstd.media.read.probe import probe
from nstd.media.write.codecs import CODECS, EncodeSettings
from tests import bad_films, clips, films
from tests.films import QUICK

MILLISECOND = Fraction(1, 1000)
COMBINATIONS = [
    (codec, container) for codec, facts in CODECS.items() for container in facts.containers
]


class TestJoining:
    @pytest.mark.parametrize(("codec", "container"), COMBINATIONS)
    def test_every_codec_fits_every_container_it_claims(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture, codec: str, container: str
    ) -> None:
        size = films.at_least(codec, 64, 98)
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


SPAN = (9 * 512, 20 * 512)


@pytest.fixture(scope="module", params=["mp4", "mkv"])
def part(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path]:
    """A film with everything in it, and a part of it from 0.36 to 0.8 seconds."""
    folder = tmp_path_factory.mktemp("span")
    source = clips.make(folder / "a.mp4", **(clips.EVERYTHING | {"cover": False}))
    settings = EncodeSettings(preset="ultrafast", container=request.param)
    return source, films.round_trip(source, folder, settings, cuts=[4], span=SPAN)


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


class TestWhatIsNotAsPromised:
    def test_segments_that_overlap_are_refused(self, tmp_path: Path) -> None:
        source = clips.make(tmp_path / "a.mp4")
        info, frames = films.frames_of(source)
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
        info, frames = films.frames_of(source)
        one = films.write_segment(tmp_path / "1", info, frames[:10])
        slow = EncodeSettings(preset="slow")
        two = films.write_segment(tmp_path / "2", info, frames[10:], slow)
        with pytest.raises(VerificationError, match="other settings"):
            films.joined([one, two], source, info, tmp_path / "out.mp4", QUICK)

    def test_each_packet_read_and_written_is_a_sign_of_life(self, tmp_path: Path) -> None:
        source = clips.make(tmp_path / "a.mp4", sound=("aac",))
        info, frames = films.frames_of(source)
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
        # A segment's packets are read for their times first; the source's are read; all are
        # written, and read to verify.
        assert len(signs) >= pictures + 3 * len(packets)

    def test_a_result_that_lacks_frames_is_not_handed_out(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        source = clips.make(tmp_path / "a.mp4")
        info, frames = films.frames_of(source)
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
