"""What becomes of each part of a film beside its pictures, decided before painting begins."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer, OutputContainer
from av.stream import AttachmentStream, Stream

from nstd.media.fates import Fate, PartKind, lost
from nstd.media.frame import VideoInfo
from nstd.media.read.probe import codec_name, is_cover
from nstd.media.read.scan import beating, open_film, packets
from nstd.media.write.codecs import EncodeSettings
from nstd.media.write.containers import Container
from nstd.media.write.painted import picture_fates
from nstd.media.write.sound import add_recoded, add_sound, sound_fate
from nstd.media.write.text import TEXT_CODECS, TextConverter
from nstd.media.write.told import told_fates
from nstd.media.write.tracks import (
    CoverTrack,
    SubtitleTrack,
    Track,
    Window,
    add_copy,
    describe,
    refusal,
)

_HEAD = 3
"""So many packets of a stream are tried: one for the header, one to follow it, one more."""
_GOPROS = b"DEVC"
"""GoPro's telemetry, the only kind of data that MP4 takes, has packets that begin like this."""
_ARTWORK = {"mjpeg", "png"}
"""Codecs of pictures that QuickTime's metadata can hold."""
_SEARCHED = 2_000
"""They are looked for among so many packets of all streams: at least ten seconds of a film with 60
frames a second and two streams of sound. Of a stream that begins later only the header is tried."""

PacketsOf = Callable[[int], Sequence["av.Packet[Any]"]]
"""Reads all packets of the stream with this number."""
Heads = Mapping[int, Sequence["av.Packet[Any]"]]


@dataclass(frozen=True, slots=True)
class Keeping:
    """What becomes of each part of a film: the plan that `assemble` carries out.

    Attributes:
        container: The container it is for, as users call it.
        fates: One for each part; those of streams in the streams' order.
        instead: Containers in which less would be lost, the best first.
        unsaid: Metadata that the film will lack though the muxer is given it, named as `sayings`
            does.
        untried: Streams that begin too late to be tried: nothing is promised of their metadata.
    """

    container: str
    fates: tuple[Fate, ...]
    instead: tuple[str, ...] = ()
    unsaid: frozenset[str] = frozenset()
    untried: frozenset[int] = frozenset()

    @property
    def losses(self) -> tuple[Fate, ...]:
        """The fates of parts of which something is lost."""
        return tuple(fate for fate in self.fates if fate.loss)

    def of(self, stream: int) -> Fate | None:
        """The fate of the source's stream with this number; None for the painted one."""
        return next((fate for fate in self.fates if fate.stream == stream), None)

    def without(self, stream: int, why: str) -> "Keeping":
        """This plan, except that one stream is lost after all."""
        fates = (
            lost(fate.kind, fate.what, why, stream) if fate.stream == stream else fate
            for fate in self.fates
        )
        return replace(self, fates=tuple(fates))

    def without_saying(self, names: Collection[str]) -> "Keeping":
        """This plan, with more metadata that the film will lack."""
        why = "it is not there when it is read back"
        fates = (lost("metadata", f"the {name}", why) for name in names)
        return replace(self, fates=(*self.fates, *fates), unsaid=self.unsaid | {*names})


def reader_of(source: Path, alive: Callable[[], object]) -> PacketsOf:
    """A function that reads all packets of a text stream; the file is read once, for all of them.

    Args:
        source: The film.
        alive: Called for each packet of any stream, as a sign of life.
    """

    @cache
    def texts() -> Heads:
        with open_film(source) as film:
            found: dict[int, list[av.Packet[Any]]] = {
                stream.index: [] for stream in film.streams if codec_name(stream) in TEXT_CODECS
            }
            for packet in beating(packets(film, source), alive):
                if packet.stream_index in found:
                    found[packet.stream_index].append(packet)
        return found

    return lambda index: texts()[index]


def decide(
    source: Path,
    info: VideoInfo,
    settings: EncodeSettings,
    texts: PacketsOf,
    alive: Callable[[], object],
) -> Keeping:
    """Decide what becomes of each part of a film beside its pictures.

    Each stream's first packets are written to a file of their own, in memory, and read back: this
    shows what the container takes.

    Args:
        source: The film.
        info: Its facts.
        settings: How it will be encoded.
        texts: Reads the packets of text subtitles; see `reader_of`.
        alive: Called for each packet, as a sign of life.

    Raises:
        InputError: The source cannot be read any more.
        StorageError: The file system failed.
    """
    with open_film(source) as film:
        others = [one.index for one in film.streams if one.index != info.stream]
        if settings.pictures is not None:
            fates = tuple(_beside_pictures(film, others, info, settings))
            return Keeping(settings.pictures, picture_fates(info, settings) + fates)
        heads = first_packets(film, source, others, alive)
        fates = tuple(
            fate
            for index in others
            if (fate := _fate(film.streams[index], settings, heads.get(index), texts))
        )
        gone = {fate.stream for fate in fates if fate.outcome == "lost"}
        kept = [stream for stream in film.streams if stream.index not in gone]
        fates += tuple(told_fates(film, kept, info, settings.holder))
    return Keeping(settings.container, picture_fates(info, settings) + fates)


def first_packets(
    film: InputContainer, source: Path, streams: Collection[int], alive: Callable[[], object]
) -> Heads:
    """The first packets of each of these streams, as far as the search finds them.

    A stream without packets is in the result only if the whole film was read. The packets of all
    other streams are read, too: where the wanted ones are rare, only these end the search and give
    signs of life.
    """
    heads: dict[int, list[av.Packet[Any]]] = {index: [] for index in streams}
    found = packets(film, source) if streams else iter(())
    for number, packet in enumerate(beating(found, alive)):
        head = heads.get(packet.stream_index)
        if head is not None and len(head) < _HEAD:
            head.append(packet)
        if number > _SEARCHED or all(len(one) == _HEAD for one in heads.values()):
            return {index: head for index, head in heads.items() if head}
    return heads


def add_track(
    stream: Stream, fate: Fate, output: OutputContainer, container: Container, window: Window
) -> Track | None:
    """Add a stream to `output` for the source's `stream`, as its fate says.

    Returns:
        The track that converts its packets; None where there are no packets to convert.
    """
    if fate.outcome == "lost":
        return None
    if isinstance(stream, av.AudioStream):
        add = add_sound if fate.outcome == "kept" else add_recoded
        return add(stream, output, container, window)
    if isinstance(stream, AttachmentStream):
        name = stream.name or f"attachment {stream.index}"
        output.add_attachment(name, stream.mimetype or "application/octet-stream", stream.data)
    elif fate.outcome == "converted":
        converter = TextConverter(stream, container.text)
        text = output.add_stream(container.text)
        converter.prepare(text.codec_context)
        text.time_base = stream.time_base
        return SubtitleTrack(stream, text, container, window, converter)
    elif fate.kind == "cover" and container.cover == "attached":
        _attach_cover(stream, output)
    elif fate.kind != "cover" or container.cover == "stream":
        kinds: dict[PartKind, type[Track]] = {"cover": CoverTrack, "subtitles": SubtitleTrack}
        return kinds.get(fate.kind, Track)(stream, add_copy(stream, output), container, window)
    return None


def _fate(
    stream: Stream,
    settings: EncodeSettings,
    found: Sequence["av.Packet[Any]"] | None,
    read: PacketsOf,
) -> Fate | None:
    """What becomes of a stream with these first packets; None: it belongs to another part."""
    container, what, index = settings.holder, describe(stream), stream.index
    head = found or ()
    if isinstance(stream, av.AudioStream):
        missing = lost("sound", what, "it is announced, and none of it is there", index)
        there = found is None or len(found) > 0
        return sound_fate(stream, container, settings.sound, head) if there else missing
    if isinstance(stream, av.VideoStream):
        if not is_cover(stream):
            return lost("picture", what, "only one stream of pictures is painted", index)
        return _held("cover", stream, container, held=_holds_cover(stream, container, head))
    if stream.type == "subtitle":
        return _subtitle_fate(stream, container, head, read)
    if isinstance(stream, AttachmentStream):
        return _held("attachment", stream, container, held=container.attachments)
    return _data_fate(stream, container, head)


def _data_fate(
    stream: Stream, container: Container, head: Sequence["av.Packet[Any]"]
) -> Fate | None:
    measured = any(bytes(packet).startswith(_GOPROS) for packet in head)
    if codec_name(stream) == "bin_data" and stream.container.chapters() and not measured:
        return None  # it holds the chapters' names, which are written with the chapters
    if "timecode" in stream.metadata:
        return None  # its fate is told with the film's other metadata
    # Muxers write kinds of data that they do not know, but lose the name of the kind.
    held = codec_name(stream) != "unknown" and not refusal(stream, container, head)
    return _held("data", stream, container, held=held)


def _holds_cover(stream: Stream, container: Container, head: Sequence["av.Packet[Any]"]) -> bool:
    if container.cover == "stream":
        return not refusal(stream, container, head)
    return container.cover == "attached" or (
        container.cover == "tag" and codec_name(stream) in _ARTWORK
    )


def _beside_pictures(
    film: InputContainer, streams: Sequence[int], info: VideoInfo, settings: EncodeSettings
) -> Iterator[Fate]:
    """What becomes of all other parts where a film becomes pictures."""
    why = f"{settings.result.name} holds pictures alone"
    for index in streams:
        if fate := _fate(film.streams[index], settings, None, lambda _: ()):
            yield lost(fate.kind, fate.what, why, index)
    if film.chapters():
        yield lost("chapters", "chapters", why)
    yield from told_fates(film, [], info, settings.result)


def _held(kind: PartKind, stream: Stream, container: Container, *, held: bool) -> Fate:
    what = describe(stream)
    if held:
        return Fate(kind, what, stream=stream.index)
    return lost(kind, what, f"{container.name} cannot hold it", stream.index)


def _subtitle_fate(
    stream: Stream, container: Container, head: Sequence["av.Packet[Any]"], read: PacketsOf
) -> Fate:
    what, index = describe(stream), stream.index
    text = codec_name(stream) in TEXT_CODECS
    if (text or container.bitmap_subtitles) and not refusal(stream, container, head):
        return Fate("subtitles", what, stream=index)
    why = f"{container.name} cannot hold it"
    if not (text and container.text):
        return lost("subtitles", what, why, index)
    losses = TextConverter(stream, container.text).losses(read(index))
    without = f" without its {', '.join(sorted(losses))}" if losses else ""
    to = f"{container.text}{without}"
    return Fate("subtitles", what, "converted", to, why, loss=bool(losses), stream=index)


def artwork(film: InputContainer, keeping: Keeping, container: Container) -> bytes:
    """The film's cover, if it is kept in the metadata; b"" for none."""
    if container.cover != "tag":
        return b""
    kept = (fate for fate in keeping.fates if fate.kind == "cover" and fate.outcome == "kept")
    streams = [film.streams[fate.stream] for fate in kept if fate.stream is not None]
    return next(filter(None, map(_cover_of, streams)), b"")


def _cover_of(stream: Stream) -> bytes:
    path = Path(stream.container.name)
    with open_film(path) as again:
        return bytes(next(packets(again, path, stream.index), b""))


def _attach_cover(stream: Stream, output: OutputContainer) -> None:
    """Matroska keeps covers as attached files, which are written with its header."""
    if picture := _cover_of(stream):
        codec = codec_name(stream)
        kind = {"mjpeg": ("cover.jpg", "image/jpeg")}.get(
            codec, (f"cover.{codec}", f"image/{codec}")
        )
        name = stream.metadata.get("filename", kind[0])
        output.add_attachment(name, stream.metadata.get("mimetype", kind[1]), picture)
