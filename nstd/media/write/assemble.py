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
from typing import Any

import av
from av.container import InputContainer, OutputContainer
from av.stream import Disposition, Stream

from nstd.files import begun, part_path, readable, removed_on_failure, sync_file
from nstd.media.faults import writing_error
from nstd.media.frame import VideoInfo
from nstd.media.note import NOTE_TAG, without_note
from nstd.media.read.joins import rejoined
from nstd.media.read.probe import codec_name
from nstd.media.read.scan import beating, open_film, packets, scan
from nstd.media.write.boxes import TrackMarks
from nstd.media.write.codecs import EncodeSettings
from nstd.media.write.containers import Container
from nstd.media.write.ebml import state_size, with_room
from nstd.media.write.keeping import Keeping, add_track, artwork
from nstd.media.write.metadata import film_tags, stream_flags, stream_tags
from nstd.media.write.picture import PaintedStream, Timed
from nstd.media.write.saying import numbers, sayings
from nstd.media.write.segment import origin
from nstd.media.write.timecode import clocks, first_frame
from nstd.media.write.tracks import Track, Window, describe
from nstd.media.write.verify import Promise, verify

_LOG = logging.getLogger(__name__)

_FINEST_TICKS = 1_000_000
_COARSEST_TICKS = 10_000
_OWN_EPOCH = {"mpegts", "mpeg"}
"""Formats whose clock starts anywhere, hours from 0: their films are shifted to begin at 0."""

Packets = Callable[[Sequence[int]], Iterator["av.Packet[Any]"]]


def assemble(  # noqa: PLR0913 - a film's parts, each by name
    segments: Sequence[Path],
    source: Path,
    info: VideoInfo,
    target: Path,
    settings: EncodeSettings,
    keeping: Keeping,
    *,
    span: tuple[int, int] | None = None,
    note: str = "",
    alive: Callable[[], object] = lambda: None,
) -> Path:
    """Join closed segments, without encoding again, and add the source's other streams.

    Sound, subtitles, covers and attachments are copied, converted or left out as `keeping` says.
    The result is verified.

    Args:
        segments: The closed files, in order.
        source: The film they were painted from.
        info: Its facts.
        target: Where the film will be published; the part is written beside it.
        settings: Those the segments were encoded with.
        keeping: What becomes of each part of the source beside its pictures.
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
    picture = PaintedStream(segments, info, span, alive)
    with removed_on_failure(part):
        with open_film(source) as original:
            try:
                with begun(part, target) as descriptor:
                    written = write_film(
                        str(readable(descriptor)),
                        original,
                        picture,
                        settings,
                        keeping,
                        span=span,
                        note=note,
                    )
            except av.FFmpegError as error:
                raise writing_error(error, target) from error
        verify(part, written.promise, alive)
        sync_file(part)
    return part


@dataclass(frozen=True, slots=True)
class Written:
    """What was written to a file.

    Attributes:
        promise: What it has to be.
        refused: The source's streams of which it took no packet, and what it said.
        missing: The source's streams that are not in it, since no packet was written.
    """

    promise: Promise
    refused: Mapping[int, str]
    missing: frozenset[int]


def write_film(
    file: str | BytesIO,
    source: InputContainer,
    picture: PaintedStream,
    settings: EncodeSettings,
    keeping: Keeping,
    *,
    span: tuple[int, int] | None = None,
    note: str = "",
    read: Packets | None = None,
) -> Written:
    """Write the painted stream and all that is kept of the source.

    Args:
        file: Its path, or where to in memory.
        source: The film it was painted from, open.
        picture: The painted stream.
        settings: Those it was encoded with.
        keeping: What becomes of each part of the source beside its pictures.
        span: As for `assemble`.
        note: Likewise.
        read: Gives the source's packets of the streams with these numbers; None for all there are.

    Raises:
        av.FFmpegError: For the caller to translate.
    """
    window = _window(source, picture.info, span)
    options = _muxer_options(source, picture.info, settings)
    if not isinstance(file, str):
        options.pop("movflags", None)  # it reads the file again by its name
    own = without_note(source.metadata)
    cover = artwork(source, keeping, settings.holder)
    tags = film_tags(own | ({NOTE_TAG: note} if note else {}), settings.holder, cover)
    with av.open(file, "w", format=settings.holder.format, options=options) as output:
        painted, tracks = _add_streams(source, output, picture, settings, keeping, window)
        code = first_frame(clocks(source), picture.info.frame_rate, _skipped(picture.info, span))
        said = dict(painted.metadata) | ({"timecode": code} if code else {})
        stereo = said.get("stereo_mode", "")
        lacks_aspect = picture.lacks_aspect(settings, stereo)
        room = {"title": with_room(said.get("title", ""))} if lacks_aspect else {}
        painted.metadata.update(said | room)
        output.metadata.update(tags.muxer)
        chapters = _chapters(source, window)
        output.set_chapters([*chapters.values()])
        shift = round(window.shift / picture.info.time_base)
        found = (read or _all_packets(source, picture))(list(tracks)) if tracks else iter(())
        timed = heapq.merge(
            picture.packets(painted, shift), _others(found, tracks), key=lambda pair: pair[0]
        )
        written, refused = _mux_all(output, beating(timed, picture.alive), painted)
        painted.metadata.update(said)
        there = _there(output, written, settings.holder)
        # MP4's cover is no track but a tag.
        cover_flag = Disposition.attached_pic
        tracks_marks = [_marks(one) for one in there if not one.disposition & cover_flag]
        places = {**numbers(output.streams, there), "chapter": [*chapters]}
        told = {**tags.all, **({"timecode": code} if code else {})}
        untried = {tracks[index].output for index in keeping.untried & tracks.keys()}
        sure = [stream for stream in there if stream not in untried]
        named = {**places, **numbers(output.streams, sure)}
        marks = sayings(output, sure, told, named) | ({"cover": "yes"} if cover else {})
    with open(file, "r+b") if isinstance(file, str) else nullcontext(file) as film:  # noqa: PTH123 - it may be a descriptor's name
        if tags.added:
            tags.added.write(film, tracks_marks)
        if lacks_aspect:
            state_size(film, said.get("title", ""), *picture.display_size(stereo))
    others = tracks.values()
    promise = Promise(
        info=picture.info,
        times=[pts - shift for pts in sorted(picture.stamps)],
        end=picture.end - shift,
        kinds=[track.source.type for track in others if track.output in written],
        empty=[track.source.type for track in others if track.output not in written],
        chapters=len(chapters),
        said={name: text for name, text in marks.items() if name not in keeping.unsaid},
        places=places,
        colors=picture.colors,
        aspect=picture.info.sample_aspect_ratio,
        matrix=picture.kept_matrix(settings),
        rounds_to_milliseconds=not settings.holder.edit_lists,
    )
    sources = {track.output: index for index, track in tracks.items()}
    return Written(
        promise,
        {sources[one]: why for one, why in refused.items() if one not in written},
        frozenset(index for index, track in tracks.items() if track.output not in there),
    )


def _skipped(info: VideoInfo, span: tuple[int, int] | None) -> int:
    """How many frames of the film stand before those that are meant."""
    return round((span[0] - info.start) * info.time_base * info.frame_rate) if span else 0


def _all_packets(source: InputContainer, picture: PaintedStream) -> Packets:
    path, alive = Path(source.name), picture.alive
    joins = scan(path, picture.info.stream, alive=alive).joins
    # All are read, since it is told of each that there is life: of subtitles an hour may be silent.
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
    """Write all packets; returns the streams that have any, and why of some there are less.

    Of damaged sound and subtitles what the container refuses is left out, and told once: the
    painted film is not lost for it.
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
    """The streams that will be found in the file."""
    return [
        stream
        for stream in output.streams
        if stream in written
        or container.empty == "all"
        or (container.empty == "text" and codec_name(stream) == container.text)
    ]


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
    # Without it Matroska's muxer numbers its tracks at random.
    options = {"fflags": "+bitexact"}
    if not settings.holder.edit_lists:
        return options
    ticks = info.time_base.denominator
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


def _add_streams(
    source: InputContainer,
    output: OutputContainer,
    picture: PaintedStream,
    settings: EncodeSettings,
    keeping: Keeping,
    window: Window,
) -> tuple[av.VideoStream, dict[int, Track]]:
    tracks: dict[int, Track] = {}
    for stream in source.streams:
        if stream.index == picture.info.stream:
            painted = picture.add_to(output, settings)
            painted.metadata.update(stream_tags(stream, settings.holder.holds)[0])
            painted.disposition = stream_flags(stream, settings.holder.holds)[0]
        elif (fate := keeping.of(stream.index)) and (
            track := add_track(stream, fate, output, settings.holder, window)
        ):
            tracks[stream.index] = track
    return painted, tracks


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
    """Those that are kept, by their number in the source, from 1."""
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
