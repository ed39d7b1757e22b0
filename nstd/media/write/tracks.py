"""The streams beside the painted one, on their way from the source to the output."""

import io
import logging
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
from av.container import OutputContainer
from av.stream import Stream

from nstd.media.read.probe import codec_name
from nstd.media.write.containers import Container
from nstd.media.write.metadata import stream_flags, stream_tags
from nstd.media.write.text import TextConverter

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Window:
    """The part of the source that is kept, in seconds of the source's time.

    Attributes:
        shift: Time that becomes 0.
        start: What ends at this time or before is dropped; None for no limit.
        end: What begins at this time or later is dropped; None for no limit.
    """

    shift: Fraction
    start: Fraction | None = None
    end: Fraction | None = None

    def holds(self, begin: Fraction, end: Fraction) -> bool:
        """Whether any part of the time from `begin` to `end` is kept."""
        before_end = self.end is None or begin < self.end
        return before_end and (self.start is None or end > self.start or begin == self.start)


class Track:
    """One kept stream on its way from the source to the output; its packets are copied.

    Args:
        source: The stream that is read.
        output: The stream that is written.
        container: The container that it is written to.
        window: The part that is kept.
    """

    def __init__(
        self, source: Stream, output: Stream, container: Container, window: Window
    ) -> None:
        self.source = source
        self.output = output
        self.container = container
        self.window = window
        self._previous: int | None = None
        output.metadata.update(stream_tags(source, container.holds)[0])
        output.disposition = stream_flags(source, container.holds)[0]

    def convert(self, packet: "av.Packet[Any]") -> Iterator["av.Packet[Any]"]:
        """The packets to write for one that was read."""
        if self._placed(packet):
            yield self._ordered(packet)

    def flush(self) -> Iterator["av.Packet[Any]"]:
        """The packets to write at the end."""
        return iter(())

    def _placed(self, packet: "av.Packet[Any]") -> bool:
        """Move a packet to its time in the output; False if it lies outside of the output."""
        stamp = packet.dts if packet.pts is None else packet.pts
        if stamp is None:
            return False
        begin = stamp * packet.time_base
        end = begin + (packet.duration or 0) * packet.time_base
        if not self.window.holds(begin, end) or self._sticks_out(begin):
            return False
        if packet.is_discard and not self.container.edit_lists and end < self.window.shift:
            return False  # cut away by the source's edit list: it would be heard again
        shift = round(self.window.shift / packet.time_base)
        packet.pts = stamp - shift
        packet.dts = packet.pts if packet.dts is None else packet.dts - shift
        return True

    def _sticks_out(self, begin: Fraction, /) -> bool:
        """Whether a packet would begin before 0, in a container that cannot hide that."""
        start = self.window.start
        return not self.container.edit_lists and start is not None and begin < start

    def _ordered(self, packet: "av.Packet[Any]") -> "av.Packet[Any]":
        """Decoding times must ascend; in damaged sources they do not always."""
        stamp = packet.dts or 0
        step = 0 if self.container.simultaneous else 1
        if self._previous is not None and stamp < self._previous + step:
            stamp = self._previous + step
            packet.dts = stamp
            packet.pts = max(packet.pts or 0, stamp)
        self._previous = stamp
        packet.stream = self.output
        return packet


class CoverTrack(Track):
    """A cover: one packet without a time of its own."""

    def convert(self, packet: "av.Packet[Any]") -> Iterator["av.Packet[Any]"]:
        """The picture, once."""
        if self._previous is None:
            packet.pts = packet.dts = 0
            yield self._ordered(packet)


class SubtitleTrack(Track):
    """Subtitles, cut to the window, copied or converted to another kind of text.

    Args:
        source: The stream that is read.
        output: The stream that is written.
        container: The container that it is written to.
        window: The part that is kept.
        text: Converts its packets; None to copy them.
    """

    def __init__(
        self,
        source: Stream,
        output: Stream,
        container: Container,
        window: Window,
        text: TextConverter | None = None,
    ) -> None:
        super().__init__(source, output, container, window)
        self._text = text
        self._failed = False

    def convert(self, packet: "av.Packet[Any]") -> Iterator["av.Packet[Any]"]:
        """The subtitle, shown only inside the window."""
        if not self._placed(packet):
            return
        if self._text is not None:
            payload = self._converted(packet, self._text)
            if not payload:
                return
            packet = _text_packet(payload, packet)
        self._cut(packet)
        yield self._ordered(packet)

    def _converted(self, packet: "av.Packet[Any]", text: TextConverter) -> bytes:
        try:
            return text.convert(packet)
        except av.FFmpegError as error:
            if not self._failed:
                words = "%s is damaged (%s): what cannot be converted of it is left out"
                _LOG.warning(words, describe(self.source), error.strerror)
            self._failed = True
            return b""

    def _sticks_out(self, _begin: Fraction, /) -> bool:
        return False  # it is cut instead

    def _cut(self, packet: "av.Packet[Any]") -> None:
        if self.window.start is None:
            return
        begin = packet.pts or 0
        end = begin + (packet.duration or 0)
        first = max(begin, 0)
        if self.window.end is not None:
            limit = (self.window.end - self.window.shift) / packet.time_base
            end = min(end, max(first, round(limit)))
        packet.pts = packet.dts = first
        packet.duration = max(0, end - first)


def describe(stream: Stream) -> str:
    """A stream in words, for a log line."""
    name = codec_name(stream)
    if name == "unknown":  # for data streams often nothing else tells what they are
        name = stream.metadata.get("handler_name", name)
    parts = [str(stream.type), name, stream.metadata.get("language")]
    return f"stream {stream.index} ({', '.join(part for part in parts if part)})"


def add_copy(stream: Stream, output: OutputContainer) -> Any:
    """Add a stream to `output` for copied packets of `stream`."""
    copy = output.add_stream_from_template(stream, opaque=True)
    if isinstance(copy, av.AudioStream):
        copy.codec_context.layout = default_layout(stream)
    return copy


def default_layout(stream: Any) -> str:
    """The channel layout of a stream of sound: the usual one where it states none.

    MP4's muxer refuses sound without one, but only at the end of the film.
    """
    name: str = stream.layout.name
    if name.endswith("channels"):
        with suppress(ValueError):
            return av.AudioLayout(f"{stream.channels}c").name
    return name


def refusal(stream: Stream, container: Container, head: Sequence["av.Packet[Any]"]) -> str:
    """Why the container cannot keep copied packets of this stream; "" if it can.

    Only a trial tells: some formats list a codec and then refuse its header, its first packet or
    the end of the file, or write what cannot be read back.

    Args:
        stream: The stream.
        container: Where it is to go.
        head: Its first packets, for the trial, which changes their times.
    """
    file = io.BytesIO()
    try:
        with av.open(file, "w", format=container.format) as trial:
            copy = add_copy(stream, trial)
            trial.start_encoding()
            for number, packet in enumerate(head):
                packet.stream = copy
                packet.pts = packet.dts = round(number / packet.time_base)
                trial.mux(packet)
        return _difference(stream, file, len(head))
    except (ValueError, IndexError, av.FFmpegError) as error:
        return str(error)


def _difference(stream: Stream, file: io.BytesIO, packets: int) -> str:
    """What is wrong with a stream that was written alone to a file; "" for nothing."""
    file.seek(0)
    if not packets:  # an empty file may not even list its stream
        return ""
    with av.open(file, "r") as back:
        found = [one for one in back.streams if one.type == stream.type]
        if not found or codec_name(found[0]) != codec_name(stream):
            return "it is not there when it is read back"
        read = [packet for packet in back.demux(found[0]) if packet.size]
        if not read:
            return "it is empty when it is read back"
        if isinstance(stream, av.AudioStream) and not any(packet.decode() for packet in read):
            return "no sound is decoded when it is read back"
    return ""


def _text_packet(payload: bytes, model: "av.Packet[Any]") -> "av.Packet[Any]":
    packet: av.Packet[Any] = av.Packet(payload)
    packet.time_base = model.time_base
    packet.pts, packet.dts, packet.duration = model.pts, model.dts, model.duration
    return packet
