"""The streams beside the painted one: which can be kept, copied or converted, and how."""

import io
import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.container import OutputContainer
from av.stream import AttachmentStream, Stream

from nstd.media.read.probe import codec_name, is_cover
from nstd.media.read.scan import open_film, packets
from nstd.media.write.text import TEXT_CODECS, encode_text, plain_text

_LOG = logging.getLogger(__name__)

_STATISTICS = ("BPS", "DURATION", "NUMBER_OF_", "_STATISTICS")
_MUXERS_OWN = {
    "encoder", "vendor_id", "rotate", "major_brand", "minor_version", "compatible_brands",
    # A time code would become a track of its own, for which the MP4 muxer wants a frame rate that
    # PyAV cannot give to a copied stream.
    "timecode",
}  # fmt: skip
_TEXT_CODEC = {"mp4": "mov_text", "mov": "mov_text", "matroska": "subrip"}
_BIBLIOGRAPHIC = {
    "bod": "tib", "ces": "cze", "cym": "wel", "deu": "ger", "ell": "gre", "eus": "baq",
    "fas": "per", "fra": "fre", "hye": "arm", "isl": "ice", "kat": "geo", "mkd": "mac",
    "mri": "mao", "msa": "may", "mya": "bur", "nld": "dut", "ron": "rum", "slk": "slo",
    "sqi": "alb", "zho": "chi",
}  # fmt: skip
"""ISO 639-2 has two codes for these languages; QuickTime's muxer forgets all but the older ones."""
_AAC_RATES = {
    7350, 8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000,
}  # fmt: skip
_AAC_BITS_PER_CHANNEL = 96_000


@dataclass(frozen=True, slots=True)
class Window:
    """The part of the source that is kept, in seconds of its own clock.

    Attributes:
        shift: Moment of the source that becomes 0.
        start: Nothing that ends before or at this is kept; None for no limit.
        end: Nothing that begins at this or later is kept; None for no limit.
        hides_beginning: The container can hide what a packet holds from before 0.
    """

    shift: Fraction
    start: Fraction | None = None
    end: Fraction | None = None
    hides_beginning: bool = True

    def holds(self, begin: Fraction, end: Fraction) -> bool:
        """Whether any of what lasts from `begin` to `end` is kept."""
        before_end = self.end is None or begin < self.end
        return before_end and (self.start is None or end > self.start or begin == self.start)


class Track:
    """One kept stream on its way from the source to the output, its packets as they are.

    Args:
        source: The stream that is read.
        output: The stream that is written.
        window: The part that is kept.
    """

    def __init__(self, source: Stream, output: Stream, window: Window) -> None:
        self.source = source
        self.output = output
        self.window = window
        self._previous: int | None = None
        output.metadata.update(copied_metadata(source.metadata))
        language = source.metadata.get("language", "")
        if output.container.format.name == "mov" and language in _BIBLIOGRAPHIC:
            output.metadata["language"] = _BIBLIOGRAPHIC[language]
        output.disposition = source.disposition

    def convert(self, packet: "av.Packet[Any]") -> Iterator["av.Packet[Any]"]:
        """The packets to write for one that was read."""
        if self._placed(packet):
            yield self._ordered(packet)

    def flush(self) -> Iterator["av.Packet[Any]"]:
        """The packets to write at the end."""
        return iter(())

    def _placed(self, packet: "av.Packet[Any]") -> bool:
        """Move a packet to its time in the output; False for one that is outside of it."""
        stamp = packet.dts if packet.pts is None else packet.pts
        if stamp is None:
            return False
        begin = stamp * packet.time_base
        end = begin + (packet.duration or 0) * packet.time_base
        if not self.window.holds(begin, end) or self._sticks_out(begin):
            return False
        shift = round(self.window.shift / packet.time_base)
        packet.pts = stamp - shift
        packet.dts = packet.pts if packet.dts is None else packet.dts - shift
        return True

    def _sticks_out(self, begin: Fraction, /) -> bool:
        """Whether a packet would begin before 0 where the container cannot hide that."""
        start = self.window.start
        return not self.window.hides_beginning and start is not None and begin < start

    def _ordered(self, packet: "av.Packet[Any]") -> "av.Packet[Any]":
        """Decoding times must ascend; in damaged sources they do not always.

        Matroska lets packets share a time, as the lines of a dialog do.
        """
        stamp = packet.dts or 0
        step = 0 if self.output.container.format.name == "matroska" else 1
        if self._previous is not None and stamp < self._previous + step:
            stamp = self._previous + step
            packet.dts = stamp
            packet.pts = max(packet.pts or 0, stamp)
        self._previous = stamp
        packet.stream = self.output
        return packet


class CoverTrack(Track):
    """A picture that belongs to the film: one packet without a time of its own."""

    def convert(self, packet: "av.Packet[Any]") -> Iterator["av.Packet[Any]"]:
        """The picture, once."""
        if self._previous is None:
            packet.pts = packet.dts = 0
            yield self._ordered(packet)


class SubtitleTrack(Track):
    """Subtitles, cut to the window, as they are or converted to another kind of text.

    Args:
        source: The stream that is read.
        output: The stream that is written.
        window: The part that is kept.
        codec: The text codec to convert to, or None to copy.
    """

    def __init__(
        self, source: Stream, output: Stream, window: Window, codec: str | None = None
    ) -> None:
        super().__init__(source, output, window)
        self._codec = codec

    def convert(self, packet: "av.Packet[Any]") -> Iterator["av.Packet[Any]"]:
        """The subtitle, shown only inside the window."""
        if not self._placed(packet):
            return
        if self._codec:
            text = plain_text(bytes(packet), codec_name(self.source))
            if not text:
                return
            packet = _text_packet(encode_text(text, self._codec), packet)
        self._cut(packet)
        yield self._ordered(packet)

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


class SoundTrack(Track):
    """Sound that the container cannot hold, encoded again as AAC."""

    output: av.AudioStream

    def convert(self, packet: "av.Packet[Any]") -> Iterator["av.Packet[Any]"]:
        """AAC packets, as they become ready."""
        try:
            yield from self._encode(packet.decode())
        except av.error.InvalidDataError as error:
            _LOG.warning("%s is damaged (%s)", describe(self.source), error.strerror)

    def flush(self) -> Iterator["av.Packet[Any]"]:
        """What decoder and encoder still hold."""
        yield from self._encode(self.source.codec_context.decode(None))  # type: ignore[attr-defined]
        for packet in self.output.encode(None):
            yield self._ordered(packet)

    def _encode(self, frames: Iterable[Any]) -> Iterator["av.Packet[Any]"]:
        for frame in frames:
            if frame.pts is None:
                continue
            begin = frame.pts * frame.time_base
            if not self.window.holds(begin, begin + Fraction(frame.samples, frame.sample_rate)):
                continue
            frame.pts -= round(self.window.shift / frame.time_base)
            for packet in self.output.encode(frame):
                yield self._ordered(packet)


def make_track(stream: Stream, output: OutputContainer, window: Window) -> Track | None:
    """Add a stream to `output` that keeps `stream`, or log why there is none.

    Returns:
        The track that converts its packets; None where there are no packets to convert.
    """
    if isinstance(stream, av.VideoStream):
        return _picture_track(stream, output, window)
    if isinstance(stream, av.AudioStream):
        return _sound_track(stream, output, window)
    if stream.type == "subtitle":
        return _subtitle_track(stream, output, window)
    _other_stream(stream, output)
    return None


def copied_metadata(metadata: dict[str, str]) -> dict[str, str]:
    """What of a container's or stream's metadata still holds, and is not the muxer's to write."""
    return {
        key: text
        for key, text in metadata.items()
        if key.lower() not in _MUXERS_OWN and not key.startswith(_STATISTICS)
    }


def describe(stream: Stream) -> str:
    """A stream in words, for a log line."""
    parts = [str(stream.type), codec_name(stream), stream.metadata.get("language")]
    return f"stream {stream.index} ({', '.join(part for part in parts if part)})"


def _picture_track(stream: av.VideoStream, output: OutputContainer, window: Window) -> Track | None:
    if not is_cover(stream):
        _LOG.warning("%s is not painted, so it is left out", describe(stream))
    elif output.format.name == "matroska":
        _attach_cover(stream, output)
    elif output.format.name == "mp4" and _accepts(stream, output):
        # The QuickTime muxer takes a cover, and then writes a file without it.
        return CoverTrack(stream, output.add_stream_from_template(stream, opaque=True), window)
    else:
        _say_left_out(stream, output)
    return None


def _sound_track(stream: av.AudioStream, output: OutputContainer, window: Window) -> Track | None:
    if _accepts(stream, output):
        return Track(stream, output.add_stream_from_template(stream, opaque=True), window)
    # Without channels: announced, but no packet tells what it is.
    if codec_name(stream) == "unknown" or not stream.channels:
        _say_left_out(stream, output)
        return None
    rate = stream.rate if stream.rate in _AAC_RATES else 48000
    layout = stream.layout.name if _encodes_aac(stream.layout.name, rate) else "stereo"
    sound = output.add_stream("aac", rate=rate)
    sound.codec_context.layout = layout
    sound.bit_rate = _AAC_BITS_PER_CHANNEL * sound.channels
    _LOG.warning(
        "%s: %s cannot hold it, so it is encoded again as AAC",
        describe(stream),
        output.format.name,
    )
    return SoundTrack(stream, sound, window)


def _encodes_aac(layout: str, rate: int) -> bool:
    """Whether there is AAC for this arrangement of channels."""
    trial = av.CodecContext.create("aac", "w")
    trial.layout, trial.sample_rate, trial.format = layout, rate, "fltp"
    trial.time_base = Fraction(1, rate)
    try:
        trial.open()
    except (ValueError, av.FFmpegError) as error:
        _LOG.warning("There is no AAC in %s, so it is mixed down to stereo: %s", layout, error)
        return False
    return True


def _subtitle_track(stream: Stream, output: OutputContainer, window: Window) -> Track | None:
    if _accepts(stream, output):
        return SubtitleTrack(stream, output.add_stream_from_template(stream, opaque=True), window)
    if codec_name(stream) not in TEXT_CODECS:
        _say_left_out(stream, output)
        return None
    target = _TEXT_CODEC[output.format.name]
    _LOG.info("%s is converted to %s, words only", describe(stream), target)
    text = output.add_mux_stream(target)
    text.time_base = stream.time_base
    return SubtitleTrack(stream, text, window, target)


def _attach_cover(stream: Stream, output: OutputContainer) -> None:
    """Matroska keeps covers as attached files, which are written with its header."""
    path = Path(stream.container.name)
    with open_film(path) as again:
        picture = next(packets(again, path, stream.index), None)
        if picture is None:
            _say_left_out(stream, output)
            return
        codec = codec_name(stream)
        kind = {"mjpeg": ("cover.jpg", "image/jpeg")}.get(
            codec, (f"cover.{codec}", f"image/{codec}")
        )
        name = stream.metadata.get("filename", kind[0])
        output.add_attachment(name, stream.metadata.get("mimetype", kind[1]), bytes(picture))


def _other_stream(stream: Stream, output: OutputContainer) -> None:
    mp4 = output.format.name in ("mp4", "mov")
    if isinstance(stream, AttachmentStream) and not mp4:
        name = stream.name or f"attachment {stream.index}"
        output.add_attachment(name, stream.mimetype or "application/octet-stream", stream.data)
    elif getattr(stream, "name", None) == "bin_data" and stream.container.chapters():
        _LOG.debug("%s holds the chapters' names, written with the chapters", describe(stream))
    else:
        _say_left_out(stream, output)


def _accepts(stream: Stream, output: OutputContainer) -> bool:
    """Whether the output's container takes this stream's packets as they are.

    Only trying tells: some formats name a codec among theirs and then refuse its header.
    """
    try:
        with av.open(io.BytesIO(), "w", format=output.format.name) as trial:
            trial.add_stream_from_template(stream, opaque=True)
            trial.start_encoding()
    except (ValueError, av.FFmpegError) as error:
        _LOG.debug("%s does not take %s: %s", output.format.name, describe(stream), error)
        return False
    return True


def _say_left_out(stream: Stream, output: OutputContainer) -> None:
    _LOG.warning("%s cannot be kept in %s, so it is left out", describe(stream), output.format.name)


def _text_packet(payload: bytes, model: "av.Packet[Any]") -> "av.Packet[Any]":
    packet: av.Packet[Any] = av.Packet(payload)
    packet.time_base = model.time_base
    packet.pts, packet.dts, packet.duration = model.pts, model.dts, model.duration
    return packet
