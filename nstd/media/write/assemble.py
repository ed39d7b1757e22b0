"""Closed segments and their source's other streams → one finished, verified part file."""

import heapq
import logging
import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import av
from av.container import InputContainer, OutputContainer
from av.stream import Disposition, Stream

from nstd.files import begun, part_path, readable, removed_on_failure, sync_file
from nstd.media.faults import writing_error
from nstd.media.note import NOTE_TAG, without_note
from nstd.media.read.joins import rejoined
from nstd.media.read.probe import codec_name
from nstd.media.read.scan import beating, open_film, packets, scan
from nstd.media.write.boxes import TrackMarks
from nstd.media.write.containers import Container
from nstd.media.write.keeping import Keeping, add_track, artwork
from nstd.media.write.metadata import film_tags, stream_flags, stream_tags
from nstd.media.write.picture import PaintedStream, PixelShape, Span, Timed
from nstd.media.write.saying import Numbering, numbers, sayings
from nstd.media.write.segment import Assembly, origin
from nstd.media.write.timecode import clocks, first_frame
from nstd.media.write.tracks import Track, Window, describe
from nstd.media.write.verify import Promise, verify

_LOG = logging.getLogger(__name__)

_FINEST_TICKS = 1_000_000
_COARSEST_TICKS = 10_000
_OWN_EPOCH = {"mpegts", "mpeg"}
"""Formats whose time stamps may begin hours from 0: their films are shifted to begin at 0."""

Packets = Callable[[Sequence[int]], Iterator["av.Packet[Any]"]]


def assemble(
    whole: Assembly, source: Path, target: Path, keeping: Keeping, *, span: Span | None = None
) -> Path:
    """Join closed segments, without encoding again, and add the source's other streams.

    Sound, subtitles, covers and attachments are copied, converted or left out as `keeping` says.
    The result is verified.

    Args:
        whole: The segments, and what the film of them is to be.
        source: The film it was painted from.
        target: Where the film will be published; the part is written beside it.
        keeping: What becomes of each part of the source beside its pictures.
        span: Start and end of the part of the film that is painted, in its time base. The result
            begins at 0, and all other streams are cut to this part. None for the whole film, whose
            time stamps stay as they are if none is negative.

    Returns:
        Path of the finished part, on the disk, ready for `publish`.

    Raises:
        VerificationError: The result is not what was promised; nothing stays behind.
        DiskFullError: No space is left; nothing stays behind.
        InputError: The source, or a segment, cannot be read any more.
        StorageError: The file system failed.
    """
    part = part_path(target.absolute())
    picture = PaintedStream(whole, span)
    with removed_on_failure(part):
        with open_film(source) as original:
            try:
                with begun(part, target) as descriptor:
                    file = str(readable(descriptor))
                    written = write_film(file, original, picture, keeping)
            except av.FFmpegError as error:
                raise writing_error(error, target) from error
        verify(part, written.promise, whole.alive)
        sync_file(part)
    return part


@dataclass(frozen=True, slots=True)
class Written:
    """What was written to a file.

    Attributes:
        promise: What the file has to be.
        refused: The source's streams of which the muxer took no packet, with its message.
        missing: The source's streams that are not in the file, since no packet was written.
    """

    promise: Promise
    refused: Mapping[int, str]
    missing: frozenset[int]


def write_film(
    file: str | BytesIO,
    source: InputContainer,
    picture: PaintedStream,
    keeping: Keeping,
    *,
    read: Packets | None = None,
) -> Written:
    """Write the painted stream and all that is kept of the source.

    Args:
        file: Path of the file, or a buffer in memory.
        source: The film it was painted from, open.
        picture: The painted stream.
        keeping: What becomes of each part of the source beside its pictures.
        read: Yields the source's packets of the streams with these numbers; None: of all streams.

    Raises:
        av.FFmpegError: It cannot be written; the caller translates this.
    """
    writing = _Writing(source, picture, keeping)
    options = _muxer_options(source, picture)
    if not isinstance(file, str):
        options.pop("movflags", None)  # it reads the file again by its name
    with av.open(file, "w", format=picture.settings.holder.format, options=options) as output:
        writing.begin(output)
        writing.mux(output, read or _all_packets(source, picture))
        promise = writing.promise(output)
    with open(file, "r+b") if isinstance(file, str) else nullcontext(file) as film:  # noqa: PTH123 - it may be a descriptor's name
        writing.finish(film)
    return Written(promise, *writing.left_out())


class _Writing:
    """One film on its way into a file.

    Args:
        source: As for `write_film`.
        picture: As for `write_film`.
        keeping: As for `write_film`.
    """

    def __init__(self, source: InputContainer, picture: PaintedStream, keeping: Keeping) -> None:
        self._source, self._picture, self._keeping = source, picture, keeping
        self._holder = picture.settings.holder
        self._window = _window(source, picture)
        self._shift = round(self._window.shift / picture.info.time_base)
        own, note = without_note(source.metadata), picture.whole.note
        self._cover = artwork(source, keeping, self._holder)
        self._tags = film_tags(own | ({NOTE_TAG: note} if note else {}), self._holder, self._cover)
        skipped = _skipped(picture)
        code = first_frame(clocks(source), picture.info.frame_rate, skipped)
        self._clock = {"timecode": code} if code else {}
        self._chapters = _chapters(source, self._window)
        self._tracks: dict[int, Track] = {}
        self._written: set[Stream] = set()
        self._refused: dict[Stream, str] = {}
        self._there: list[Stream] = []

    def begin(self, output: OutputContainer) -> None:
        """Add all streams, chapters and metadata."""
        for stream in self._source.streams:
            if stream.index == self._picture.info.stream:
                self._add_painted(stream, output)
            elif (fate := self._keeping.of(stream.index)) and (
                track := add_track(stream, fate, output, self._holder, self._window)
            ):
                self._tracks[stream.index] = track
        output.metadata.update(self._tags.muxer)
        output.set_chapters([*self._chapters.values()])

    def _add_painted(self, stream: Stream, output: OutputContainer) -> None:
        painted = self._painted = self._picture.add_to(output)
        painted.metadata.update(stream_tags(stream, self._holder.holds)[0])
        painted.disposition = stream_flags(stream, self._holder.holds)[0]
        self._said = dict(painted.metadata) | self._clock
        self._shape = PixelShape(self._picture, self._said)
        painted.metadata.update(self._said | self._shape.room)

    def mux(self, output: OutputContainer, read: Packets) -> None:
        """Write all packets, in decoding order."""
        found = read(list(self._tracks)) if self._tracks else iter(())
        timed = heapq.merge(
            self._picture.packets(self._painted, self._shift),
            _others(found, self._tracks),
            key=lambda pair: pair[0],
        )
        beaten = beating(timed, self._picture.whole.alive)
        self._written, self._refused = _mux_all(output, beaten, self._painted)
        self._painted.metadata.update(self._said)
        self._there = _there(output, self._written, self._holder)

    def promise(self, output: OutputContainer) -> Promise:
        """What the written film has to be, for `verify`."""
        picture, info = self._picture, self._picture.info
        places = {**numbers(output.streams, self._there), "chapter": [*self._chapters]}
        others = self._tracks.values()
        return Promise(
            info=info,
            times=[pts - self._shift for pts in sorted(picture.stamps)],
            end=picture.end - self._shift,
            kinds=[one.source.type for one in others if one.output in self._written],
            empty=[one.source.type for one in others if one.output not in self._written],
            chapters=len(self._chapters),
            said=self._sayings(output, places),
            places=places,
            colors=picture.colors,
            aspect=info.sample_aspect_ratio,
            matrix=picture.kept_matrix,
            rounds_to_milliseconds=not self._holder.edit_lists,
        )

    def _sayings(self, output: OutputContainer, places: Numbering) -> dict[str, str]:
        """What the film says, but for what it was found not to say."""
        untried = {self._tracks[one].output for one in self._keeping.untried & self._tracks.keys()}
        sure = [stream for stream in self._there if stream not in untried]
        named = {**places, **numbers(output.streams, sure)}
        said = sayings(output, sure, {**self._tags.all, **self._clock}, named)
        said |= {"cover": "yes"} if self._cover else {}
        return {name: text for name, text in said.items() if name not in self._keeping.unsaid}

    def finish(self, film: BinaryIO) -> None:
        """Write into the closed file what its muxer cannot write."""
        if self._tags.added:
            # In MP4 the cover is a tag, not a track.
            cover = Disposition.attached_pic
            tracks = [_marks(one) for one in self._there if not one.disposition & cover]
            self._tags.added.write(film, tracks)
        self._shape.write(film)

    def left_out(self) -> tuple[dict[int, str], frozenset[int]]:
        """The source's streams that were refused, with the reason; and those that are missing."""
        sources = {track.output: index for index, track in self._tracks.items()}
        refused = {
            sources[one]: why for one, why in self._refused.items() if one not in self._written
        }
        missing = (index for one, index in sources.items() if one not in self._there)
        return refused, frozenset(missing)


def _skipped(picture: PaintedStream) -> int:
    """How many frames of the film come before those that are painted."""
    info, span = picture.info, picture.span
    return round((span[0] - info.start) * info.time_base * info.frame_rate) if span else 0


def _all_packets(source: InputContainer, picture: PaintedStream) -> Packets:
    path, alive = Path(source.name), picture.whole.alive
    joins = scan(path, picture.info.stream, alive=alive).joins
    # All packets are read, also unwanted ones: each is a sign of life, and subtitles may have none
    # for an hour.
    every = [stream.index for stream in source.streams if stream.type != "attachment"]

    def wanted(streams: Collection[int]) -> Iterator["av.Packet[Any]"]:
        found = beating(packets(source, path, *every), alive)
        return rejoined((one for one in found if one.stream_index in streams), joins)

    return wanted


def _marks(stream: Stream) -> TrackMarks:
    hidden = stream.type == "subtitle" and not stream.disposition & Disposition.default
    return TrackMarks(hidden, stream.metadata.get("language", ""))


def _mux_all(
    output: OutputContainer, timed: Iterator[Timed], painted: av.VideoStream
) -> tuple[set[Stream], dict[Stream, str]]:
    """Write all packets; returns the streams that have any, and why some streams lack packets.

    Packets of damaged sound and subtitles that the container refuses are left out, which is logged
    once: the painted film is not lost because of them.
    """
    written: set[Stream] = set()
    refused: dict[Stream, str] = {}
    for _, packet in timed:
        stream = packet.stream
        try:
            output.mux(packet)
        except av.FFmpegError as error:
            if stream is painted or isinstance(error, OSError):
                raise
            if stream not in refused:
                words = "%s is damaged (%s): what cannot be copied of it is left out"
                _LOG.warning(words, describe(stream), error.strerror)
            refused[stream] = str(error.strerror)
        else:
            written.add(stream)
    return written, refused


def _there(output: OutputContainer, written: set[Stream], container: Container) -> list[Stream]:
    """The streams that a reader of the file will find."""
    return [
        stream
        for stream in output.streams
        if stream in written
        or container.empty == "all"
        or (container.empty == "text" and codec_name(stream) == container.text)
    ]


def _window(source: InputContainer, picture: PaintedStream) -> Window:
    info = picture.info
    if picture.span:
        first, end = (stamp * info.time_base for stamp in picture.span)
        return Window(first, first, end)
    if source.format.name not in _OWN_EPOCH:
        # Players do not show what lies before 0.
        return Window(origin(info) * info.time_base)
    starts = [
        stream.start_time * stream.time_base
        for stream in source.streams
        if stream.start_time is not None and stream.time_base
    ]
    # A whole number of the picture's units, so that its times stay exact.
    return Window(math.floor(min(starts, default=0) / info.time_base) * info.time_base)


def _muxer_options(source: InputContainer, picture: PaintedStream) -> dict[str, str]:
    # Without it Matroska's muxer numbers its tracks at random.
    options = {"fflags": "+bitexact"}
    if not picture.settings.holder.edit_lists:
        return options
    ticks = picture.info.time_base.denominator
    # Edit lists, which carry every stream's start, are written in the movie's time scale: it has
    # to fit the picture's times exactly, and the sound's too where that stays a sane number.
    # Sound of a codec that ffmpeg does not know has no rate.
    rates = [getattr(stream, "rate", None) for stream in source.streams.audio]
    movie = math.lcm(ticks, *(rate for rate in rates if rate))
    if movie > _FINEST_TICKS:
        movie = ticks * max(1, math.ceil(_COARSEST_TICKS / ticks))
    return options | {
        "movflags": "+faststart",
        "movie_timescale": str(movie),
        "video_track_timescale": str(ticks),
    }


def _others(found: Iterator["av.Packet[Any]"], tracks: dict[int, Track]) -> Iterator[Timed]:
    """The packets of all other streams, in the order of the source's file."""
    for packet in found:
        for converted in tracks[packet.stream_index].convert(packet):
            yield _timed(converted)
    for track in tracks.values():
        for converted in track.flush():
            yield _timed(converted)


def _timed(packet: "av.Packet[Any]") -> Timed:
    return (packet.dts or 0) * packet.time_base, packet


def _chapters(source: InputContainer, window: Window) -> dict[int, Any]:
    """The chapters that are kept, by their number in the source, from 1."""
    kept: dict[int, Any] = {}
    for number, chapter in enumerate(source.chapters(), 1):
        time_base = chapter["time_base"] or Fraction(1, av.time_base)
        begin, end = chapter["start"] * time_base, chapter["end"] * time_base
        if not window.holds(begin, end):
            continue
        begin = begin if window.start is None else max(begin, window.start)
        end = end if window.end is None else min(end, window.end)
        moved = chapter.copy()
        moved["start"] = round((begin - window.shift) / time_base)
        moved["end"] = round((end - window.shift) / time_base)
        kept[number] = moved
    return kept
