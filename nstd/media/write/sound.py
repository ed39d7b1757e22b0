"""Sound: as it is, or encoded again where the container cannot hold it."""

import logging
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Any

import av
from av.container import OutputContainer

from nstd.media.read.probe import codec_name
from nstd.media.write.containers import Container
from nstd.media.write.tracks import Track, Window, accepts, describe, say_left_out

_LOG = logging.getLogger(__name__)

_AAC_RATES = {
    7350, 8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000,
}  # fmt: skip
_AAC_BITS_PER_CHANNEL = 96_000


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


def sound_track(
    stream: av.AudioStream, output: OutputContainer, container: Container, window: Window
) -> Track | None:
    """Add a stream of sound to `output` that keeps `stream`, or log why there is none."""
    if accepts(stream, container):
        copy = output.add_stream_from_template(stream, opaque=True)
        return Track(stream, copy, container, window)
    # Without channels: announced, but no packet tells what it is.
    if codec_name(stream) == "unknown" or not stream.channels:
        say_left_out(stream, container)
        return None
    rate = stream.rate if stream.rate in _AAC_RATES else 48000
    layout = stream.layout.name if _encodes_aac(stream.layout.name, rate) else "stereo"
    sound = output.add_stream("aac", rate=rate)
    sound.codec_context.layout = layout
    sound.bit_rate = _AAC_BITS_PER_CHANNEL * sound.channels
    _LOG.warning(
        "%s: %s cannot hold it, so it is encoded again as AAC",
        describe(stream),
        container.name,
    )
    return SoundTrack(stream, sound, container, window)


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
