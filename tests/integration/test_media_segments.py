"""Segments: whole or not at all, exact times, the same bytes from the same frames."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import av
import numpy as np
import pytest

from nstd.errors import BusyError, UnsupportedError
from nstd.files import part_path
from nstd.media.frame import Frame, VideoInfo
from nstd.media.write.codecs import CODECS, EncodeSettings
from nstd.media.write.segment import SegmentWriter, origin
from tests import clips, films
from tests.films import QUICK

LAYOUTS = [
    (codec, layout.profile, layout.bits)
    for codec, facts in CODECS.items()
    for layout in facts.layouts
    if not layout.alpha
]
"""Each codec's profiles and depths."""


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
        info, frames = films.frames_of(
            clips.vfr(tmp_path / "a.mp4", size=films.at_least(codec, 96, 64))
        )
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
        info, frames = films.frames_of(
            clips.vfr(tmp_path / "a.mp4", size=films.at_least(codec, 96, 64))
        )
        container = CODECS[codec].containers[0]
        settings = EncodeSettings(codec=codec, preset="ultrafast", container=container)
        segment = films.write_segment(tmp_path / "s", info, frames[3:9], settings)
        assert films.times(segment) == [frame.seconds for frame in frames[3:9]]

    def test_there_is_a_sign_of_life_for_each_frame_and_packet(self, tmp_path: Path) -> None:
        info, frames = films.frames_of(clips.make(tmp_path / "a.mp4"))
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
        info, frames = films.frames_of(clips.make(tmp_path / "a.mp4"))
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
        info, frames = films.frames_of(clips.vfr(tmp_path / "a.mp4"))
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
        info, frames = films.frames_of(clips.make(tmp_path / "a.mp4"))
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
        info, frames = films.frames_of(clips.make(tmp_path / "a.mp4"))
        target = tmp_path / "out" / "segment-000000.mp4"
        target.parent.mkdir()
        with SegmentWriter(target, info, QUICK) as writer:
            for frame in frames:
                writer.write(frame)
                assert not target.exists()
        assert films.names(target.parent) == [target.name]

    @pytest.mark.parametrize("written", [0, 1, 25])
    def test_an_exception_leaves_nothing(self, tmp_path: Path, written: int) -> None:
        info, frames = films.frames_of(clips.make(tmp_path / "a.mp4"))
        folder = tmp_path / "out"
        folder.mkdir()
        with pytest.raises(KeyboardInterrupt):
            interrupted(folder / "s.mp4", info, frames[:written])
        assert films.names(folder) == []

    def test_an_older_segment_stays_until_the_new_one_is_whole(self, tmp_path: Path) -> None:
        info, frames = films.frames_of(clips.make(tmp_path / "a.mp4"))
        segment = films.write_segment(tmp_path / "s", info, frames)
        before = segment.read_bytes()
        with pytest.raises(KeyboardInterrupt):
            interrupted(segment, info, frames[:1])
        assert segment.read_bytes() == before

    def test_a_leftover_of_a_kill_is_no_hindrance(self, tmp_path: Path) -> None:
        info, frames = films.frames_of(clips.make(tmp_path / "a.mp4"))
        target = tmp_path / "s.mp4"
        part_path(target).write_bytes(b"torn" * 1000)
        films.write_segment(target, info, frames)
        assert films.times(target) == [frame.seconds for frame in frames]
        assert not part_path(target).exists()

    def test_misuse_is_told(self, tmp_path: Path) -> None:
        info, frames = films.frames_of(clips.make(tmp_path / "a.mp4"))
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
        info, frames = films.frames_of(clips.make(tmp_path / "a.mp4", size=size))
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
        info, frames = films.frames_of(source)
        films.write_segment(tmp_path / "s", info, frames)
        assert films.pictures(tmp_path / "s")[0].shape == (65, 99, 3)
        assert "99×65 is odd: h264 keeps that size only as yuv444p" in caplog.text

    @pytest.mark.parametrize("codec", CODECS)
    def test_every_codec_keeps_an_odd_size(self, tmp_path: Path, codec: str) -> None:
        source = clips.make(
            tmp_path / "a.mp4", size=films.at_least(codec, 99, 65), pixel_format="yuv444p"
        )
        settings = EncodeSettings(codec=codec, container=CODECS[codec].containers[0])
        painted = films.round_trip(source, tmp_path, settings, cuts=[12])
        before, after = films.frames_of(source)[1], films.frames_of(painted)[1]
        assert after[0].image.shape == before[0].image.shape
        difference = np.abs(after[7].image.astype(int) - before[7].image)
        # Lossy, some with halved chroma: a few code values; a shifted picture has dozens.
        assert difference.mean() < 4

    def test_every_group_of_pictures_is_closed(self, tmp_path: Path) -> None:
        # A segment's first frames in display order never precede its key frame.
        info, frames = films.frames_of(clips.vfr(tmp_path / "a.mp4"))
        settings = EncodeSettings(codec="h265", preset="medium")
        segment = films.write_segment(tmp_path / "s", info, frames, settings)
        with av.open(str(segment)) as container:
            packets = [packet for packet in container.demux(video=0) if packet.size]
        assert packets[0].is_keyframe
        assert packets[0].pts == min(packet.pts or 0 for packet in packets)
