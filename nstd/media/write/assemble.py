"""Closed segments and their source's other streams → one finished, verified part file."""

import heapq
import logging
import math
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer, OutputContainer
from av.stream import Disposition, Stream

from nstd.errors import VerificationError
from nstd.files import begun, part_path, readable, removed_on_failure, sync_file
from nstd.media.color import colors_of
from nstd.media.faults import writing_error
from nstd.media.frame import VideoInfo
from nstd.media.names import NOTE_TAG
from nstd.media.read.scan import beating, open_film, packets
from nstd.media.read.timing import decoding_times
from nstd.media.write.codecs import CODECS, EncodeSettings
from nstd.media.write.keeping import make_track
from nstd.media.write.metadata import film_tags, stream_flags, stream_tags
from nstd.media.write.segment import coded_layout, mend_alpha, origin
from nstd.media.write.tracks import Track, Window, describe
from nstd.media.write.verify import Promise, verify

_LOG = logging.getLogger(__name__)

_STATES_ASPECT = {"h264", "h265"}
"""Codecs that carry the shape of a pixel themselves: PyAV cannot set it in Matroska's header."""
_FINEST_TICKS = 1_000_000
_COARSEST_TICKS = 10_000
_OWN_EPOCH = {"mpegts", "mpeg"}
"""Formats whose clock starts anywhere, hours from 0: their films are shifted to begin at 0."""

Timed = tuple[Fraction, "av.Packet[Any]"]


def assemble(
    segments: Sequence[Path],
    source: Path,
    info: VideoInfo,
    target: Path,
    settings: EncodeSettings,
    *,
    span: tuple[int, int] | None = None,
    note: str = "",
    alive: Callable[[], object] = lambda: None,
) -> Path:
    """Join closed segments, without encoding again, and add the source's other streams.

    Sound, subtitles, chapters, covers and metadata are copied from the source; what the container
    cannot hold is converted or left out, and the log names it. The result is verified.

    Args:
        segments: The closed files, in order.
        source: The film they were painted from.
        info: Its facts.
        target: Where the film will be published; the part is written beside it.
        settings: Those the segments were encoded with.
        span: First time stamp and end (exclusive) of the part of the film that is meant, in
            `info.time_base`; it begins at 0 in the result, and all else is cut to it. None for the
            whole film, whose time stamps stay as they are if none is negative.
        note: What the result says of how it was painted, whatever the source says; "" for nothing.
        alive: Told of each packet that there is still life.

    Returns:
        Path of the finished part, on the disk, ready for `publish`.

    Raises:
        VerificationError: The result is not what was promised; nothing stays behind.
        DiskFullError: No space is left; nothing stays behind.
        InputError: The source, or a segment, cannot be read any more.
        StorageError: The file system failed.
    """
    part = part_path(target.absolute())
    picture = _Picture(segments, info, span, alive)
    with removed_on_failure(part):
        with open_film(source) as original:
            try:
                promise = _write(part, target, original, picture, settings, span, note)
            except av.FFmpegError as error:
                raise writing_error(error, target) from error
        verify(part, promise, alive)
        sync_file(part)
    return part


class _Picture:
    """The painted stream: the packets of all segments, timed anew as one.

    Attributes:
        info: The source's facts.
        alive: Told of each packet, when it is first looked at and when it is written.
        stamps: Presentation time stamps in decoding order, in `info.time_base`.
        end: When the last frame ends.
        colors: What the segments state, once it is added to the output.
    """

    def __init__(
        self,
        segments: Sequence[Path],
        info: VideoInfo,
        span: tuple[int, int] | None,
        alive: Callable[[], object],
    ) -> None:
        self.info = info
        self.alive = alive
        self._segments = segments
        self.stamps: list[int] = []
        self.colors = (0, 0, 0, 0)
        self._header: bytes | None = None
        for segment in segments:
            self._read(segment)
        if not self.stamps:
            raise VerificationError("There is no segment to join")
        shown = sorted(self.stamps)
        stated = span[1] if span else info.start + info.duration
        self.end = max(stated, shown[-1] + 1)
        ends = [*shown[1:], self.end]
        self._durations = {pts: end - pts for pts, end in zip(shown, ends, strict=True)}
        self._decode_at = decoding_times(self.stamps)
        # MP4 adds up the distances of decoding times, and the duration of the packet decoded last,
        # and takes that for the track's duration: the last one has to make up the difference.
        decoding = self._decode_at[-1] - self._decode_at[0]
        last = self.stamps[-1]
        self._durations[last] = max(self._durations[last], self.end - shown[0] - decoding)

    def packets(self, output: av.VideoStream, shift: int) -> Iterator[Timed]:
        """All packets, moved back by `shift` units, with the time each is to be decoded at."""
        decode_at = iter(self._decode_at)
        for segment in self._segments:
            with open_film(segment) as container:
                for packet in packets(container, segment, 0):
                    pts = self._units(packet)
                    packet.time_base = self.info.time_base
                    packet.pts = pts - shift
                    packet.dts = next(decode_at) - shift
                    packet.duration = self._durations[pts]
                    mend_alpha(packet)
                    packet.stream = output
                    yield packet.dts * self.info.time_base, packet

    def add_to(self, output: OutputContainer, settings: EncodeSettings) -> av.VideoStream:
        """Add the stream that `packets` belong to."""
        with open_film(self._segments[0]) as container:
            template = container.streams.video[0]
            stream = output.add_stream_from_template(template, opaque=True)
        stream.time_base = self.info.time_base
        # Not every codec states it itself, and the template forgets what the container said.
        stream.codec_context.sample_aspect_ratio = self.info.sample_aspect_ratio
        tag = CODECS[settings.codec].tag
        if tag and settings.holder.codec_tags:
            stream.codec_context.codec_tag = tag
        if not self.keeps_aspect(settings):
            _LOG.warning(
                "Films of %s in %s cannot be told that their pixels are %s wide: it is lost",
                settings.codec,
                settings.holder.name,
                self.info.sample_aspect_ratio,
            )
        # Turns by right angles, and flips, are those of the pictures: they are coded upright.
        stream.set_display_matrix(self.info.matrix_display)
        if CODECS[settings.codec].alpha_beside and coded_layout(self.info, settings).alpha:
            stream.metadata["alpha_mode"] = "1"
        self.colors = colors_of(stream.codec_context)
        return stream

    def keeps_aspect(self, settings: EncodeSettings) -> bool:
        """Whether codec or container tell the shape of a pixel."""
        stated = settings.holder.states_aspect or settings.codec in _STATES_ASPECT
        return stated or self.info.sample_aspect_ratio == 1

    def _read(self, segment: Path) -> None:
        with open_film(segment) as container:
            stream = container.streams.video[0]
            header = stream.codec_context.extradata
            if self._header is None:
                self._header = header
            elif header != self._header:
                raise VerificationError(
                    f"{segment} was encoded with other settings than the segments before it"
                )
            found = beating(packets(container, segment, 0), self.alive)
            stamps = [self._units(packet) for packet in found]
        if not stamps or (self.stamps and min(stamps) <= max(self.stamps)):
            raise VerificationError(f"{segment} does not follow the segments before it")
        self.stamps += stamps

    def _units(self, packet: "av.Packet[Any]") -> int:
        if packet.pts is None:
            raise VerificationError("A segment's packet has no time")
        units = packet.pts * packet.time_base / self.info.time_base
        if units.denominator != 1:
            raise VerificationError("A segment's times do not fit the film's time base")
        return units.numerator + origin(self.info)


def _write(
    part: Path,
    target: Path,
    source: InputContainer,
    picture: _Picture,
    settings: EncodeSettings,
    span: tuple[int, int] | None,
    note: str,
) -> Promise:
    window = _window(source, picture.info, span)
    options = _muxer_options(source, picture.info, settings)
    said = {key: text for key, text in source.metadata.items() if key.lower() != NOTE_TAG}
    tags = film_tags(said | ({NOTE_TAG: note} if note else {}), settings.container)
    with begun(part, target) as descriptor:
        path = str(readable(descriptor))
        with av.open(path, "w", format=settings.holder.format, options=options) as output:
            painted, tracks = _add_streams(source, output, picture, settings, window)
            output.metadata.update(tags.muxer)
            chapters = _chapters(source, window)
            output.set_chapters(chapters)
            shift = round(window.shift / picture.info.time_base)
            timed = heapq.merge(
                picture.packets(painted, shift), _others(source, tracks), key=lambda pair: pair[0]
            )
            written = _mux_all(output, beating(timed, picture.alive), painted)
            hidden = [_is_hidden(stream) for stream in output.streams if stream in written]
        if tags.added:
            with open(descriptor, "r+b", closefd=False) as film:
                tags.added.write(film, hidden)
    return Promise(
        info=picture.info,
        times=[pts - shift for pts in sorted(picture.stamps)],
        end=picture.end - shift,
        kinds=[track.source.type for track in tracks.values() if track.output in written],
        empty=[track.source.type for track in tracks.values() if track.output not in written],
        chapters=len(chapters),
        tags=tags.all,
        colors=picture.colors,
        aspect=picture.info.sample_aspect_ratio if picture.keeps_aspect(settings) else Fraction(1),
        matrix=picture.info.matrix_display,
        rounds_to_milliseconds=not settings.holder.edit_lists,
    )


def _is_hidden(stream: Stream) -> bool:
    return stream.type == "subtitle" and not stream.disposition & Disposition.default


def _mux_all(
    output: OutputContainer, timed: Iterator[Timed], painted: av.VideoStream
) -> set[Stream]:
    """Write all packets; returns the streams that have any.

    Of damaged sound and subtitles what the container refuses is left out, and told once; where it
    refuses all of a stream, that is an error.
    """
    written: set[Stream] = set()
    refused: dict[Stream, av.FFmpegError] = {}
    for _, packet in timed:
        stream = packet.stream
        try:
            output.mux(packet)
        except (av.error.InvalidDataError, av.error.ArgumentError) as error:
            if stream is painted:
                raise
            if stream not in refused:
                words = "%s is damaged (%s): what cannot be copied of it is left out"
                _LOG.warning(words, describe(stream), error.strerror)
            refused[stream] = error
        else:
            written.add(stream)
    for stream, refusal in refused.items():
        if stream not in written:
            raise refusal
    return written


def _window(
    source: InputContainer,
    info: VideoInfo,
    span: tuple[int, int] | None,
) -> Window:
    if span:
        first, end = (stamp * info.time_base for stamp in span)
        return Window(first, first, end)
    if source.format.name not in _OWN_EPOCH:
        # What is to be shown before 0 would not be shown at all.
        return Window(origin(info) * info.time_base)
    starts = [
        stream.start_time * stream.time_base
        for stream in source.streams
        if stream.start_time is not None and stream.time_base
    ]
    # A whole number of the picture's units, so that its times stay exact.
    return Window(math.floor(min(starts, default=0) / info.time_base) * info.time_base)


def _muxer_options(
    source: InputContainer, info: VideoInfo, settings: EncodeSettings
) -> dict[str, str]:
    if not settings.holder.edit_lists:
        return {}
    ticks = info.time_base.denominator
    # Edit lists, which carry every stream's start, are written in the movie's time scale: it has
    # to fit the picture's times exactly, and the sound's too where that stays a sane number.
    # Sound of a codec that ffmpeg does not know has no rate.
    rates = [getattr(stream, "rate", None) for stream in source.streams.audio]
    movie = math.lcm(ticks, *(rate for rate in rates if rate))
    if movie > _FINEST_TICKS:
        movie = ticks * max(1, math.ceil(_COARSEST_TICKS / ticks))
    return {
        "movflags": "+faststart",
        "movie_timescale": str(movie),
        "video_track_timescale": str(ticks),
    }


def _add_streams(
    source: InputContainer,
    output: OutputContainer,
    picture: _Picture,
    settings: EncodeSettings,
    window: Window,
) -> tuple[av.VideoStream, dict[int, Track]]:
    tracks: dict[int, Track] = {}
    for stream in source.streams:
        if stream.index == picture.info.stream:
            painted = picture.add_to(output, settings)
            painted.metadata.update(stream_tags(stream, settings.container)[0])
            painted.disposition = stream_flags(stream, settings.container)[0]
        elif track := make_track(stream, output, settings.holder, window):
            tracks[stream.index] = track
    return painted, tracks


def _others(source: InputContainer, tracks: dict[int, Track]) -> Iterator[Timed]:
    """The packets of all other streams, in the order of the source's file."""
    if not tracks:
        return
    for packet in packets(source, Path(source.name), *tracks):
        for converted in tracks[packet.stream_index].convert(packet):
            yield _timed(converted)
    for track in tracks.values():
        for converted in track.flush():
            yield _timed(converted)


def _timed(packet: "av.Packet[Any]") -> Timed:
    return (packet.dts or 0) * packet.time_base, packet


def _chapters(source: InputContainer, window: Window) -> list[Any]:
    kept = []
    for chapter in source.chapters():
        time_base = chapter["time_base"] or Fraction(1, av.time_base)
        begin, end = chapter["start"] * time_base, chapter["end"] * time_base
        if not window.holds(begin, end):
            continue
        begin = begin if window.start is None else max(begin, window.start)
        end = end if window.end is None else min(end, window.end)
        moved = chapter.copy()
        moved["start"] = round((begin - window.shift) / time_base)
        moved["end"] = round((end - window.shift) / time_base)
        kept.append(moved)
    return kept
