"""Sound: copied where it plays, else re-encoded."""

import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, cast

import av
from av.container import OutputContainer
from av.filter import Graph

from nstd.media.fates import Fate, lost
from nstd.media.read.probe import codec_name
from nstd.media.write.codecs import Sound
from nstd.media.write.containers import Container
from nstd.media.write.tracks import Track, Window, add_copy, default_layout, describe, refusal

_LOG = logging.getLogger(__name__)

_BITS_PER_CHANNEL = 128_000
"""Bits a second of AAC and Opus. Noise and chords in MP3 or AC-3 of 192 kbit/s, re-encoded as AAC,
are 0.4 to 0.5 dB farther from the original with so many; with 96,000, 2.6 to 3.2 dB."""


@dataclass(frozen=True, slots=True)
class SoundEncoder:
    """What ffmpeg does not tell of an encoder of sound.

    Attributes:
        words: What it makes, in words.
        bits: Bits of a sample that it keeps; 0 for a lossy encoder.
        floating: Whether it keeps them as floating point.
        rates: Sample rates that it is given; empty for those that ffmpeg lists.
    """

    words: str
    bits: int = 0
    floating: bool = False
    rates: tuple[int, ...] = ()


_ENCODERS = {
    "aac": SoundEncoder("AAC"),
    "libopus": SoundEncoder("Opus", rates=(48000,)),
    "flac": SoundEncoder("FLAC", bits=24),
    "pcm_s16le": SoundEncoder("pcm_s16le", bits=16),
    "pcm_s24le": SoundEncoder("pcm_s24le", bits=24),
    "pcm_s32le": SoundEncoder("pcm_s32le", bits=32),
    "pcm_f32le": SoundEncoder("pcm_f32le", bits=32, floating=True),
}
"""Encoders by ffmpeg's name."""
_USUAL_RATE = 48000
_LONGEST_GAP = Fraction(1, 25)
"""Sound may be so many seconds off its time before silence is inserted or a part is dropped: as
long as a frame. Time stamps rounded to a millisecond stay far below."""


@dataclass(frozen=True, slots=True)
class Recoding:
    """How sound is re-encoded.

    Attributes:
        encoder: ffmpeg's name of the encoder.
        rate: Samples a second.
        layout: Arrangement of the channels.
        format: ffmpeg's name of the format of samples.
        exact: Whether every sample keeps its value.
    """

    encoder: str
    rate: int
    layout: str
    format: str
    exact: bool

    @property
    def words(self) -> str:
        """What it makes, in words."""
        known = _known(self.encoder)
        part = "" if self.exact or not known.bits else f", {known.bits} bits of each sample"
        return f"{known.words}, {self.layout}{part}"


def sound_fate(
    stream: av.AudioStream,
    container: Container,
    mode: Sound,
    head: Sequence["av.Packet[Any]"],
) -> Fate:
    """What becomes of a stream of sound.

    Args:
        stream: The stream.
        container: Where it is to go.
        mode: "compatible": what does not play in Chromium and ffmpeg 5.1 is re-encoded;
            "copy": whatever the container holds stays as it is.
        head: Its first packets.
    """
    what, codec = describe(stream), codec_name(stream)
    why = unplayable(codec, container, mode)
    if refusal(stream, container, head):
        why = f"{container.name} cannot hold it"
    if not why:
        return Fate("sound", what, stream=stream.index)
    # Without channels: the stream is declared, but no packet tells what it is.
    if codec == "unknown" or not (stream.channels and stream.rate):
        return lost("sound", what, f"{container.name} cannot hold it", stream.index)
    how = recoding(stream, container)
    if how is None:
        return lost("sound", what, f"{why}, and it cannot be encoded again", stream.index)
    return Fate("sound", what, "converted", how.words, why, not how.exact, stream.index)


def unplayable(codec: str, container: Container, mode: Sound) -> str:
    """Why sound of this codec is not copied into a container; "" if nothing speaks against it.

    Whether the container accepts it is another question.
    """
    if codec.startswith(container.misread):
        return f"many programs misread it in {container.name}"
    if mode == "compatible" and codec not in container.plays:
        return f"it does not play everywhere in {container.name}"
    return ""


def codec_is_lossless(codec: str) -> bool:
    """Whether a codec is lossless. DTS counts as lossy, which it nearly always is."""
    try:
        return av.Codec(codec, "r").lossless and codec != "dts"
    except ValueError:
        return False


def recoding(stream: av.AudioStream, container: Container) -> Recoding | None:
    """How a stream is re-encoded for a container that cannot take it as it is; None: not at all."""
    bits, floating = _sample_of(stream)
    if codec_is_lossless(codec_name(stream)):
        kept = [one for one in container.lossless if _keeps(_known(one), bits, floating=floating)]
        for encoder in [*kept, *container.lossless[-1:]]:
            form, exact = _format_of(encoder, bits), encoder in kept
            trial = Recoding(encoder, stream.rate, default_layout(stream), form, exact)
            if _opens(trial):
                return trial
    rates = _rates_of(container.lossy)
    rate = stream.rate if stream.rate in rates or not rates else _USUAL_RATE
    layouts = (default_layout(stream), _usual_layout(stream.channels), "stereo")
    for layout in layouts:
        trial = Recoding(container.lossy, rate, layout, _format_of(container.lossy), exact=False)
        if _opens(trial):
            return trial
    return None


def add_recoded(
    stream: av.AudioStream, output: OutputContainer, container: Container, window: Window
) -> "SoundTrack":
    """Add a stream of sound that is re-encoded, as `recoding` says."""
    how = recoding(stream, container)
    assert how is not None  # noqa: S101 - for the type checker: `sound_fate` has found one
    sound = cast("av.AudioStream", output.add_stream(how.encoder, rate=how.rate))
    sound.codec_context.layout = how.layout
    sound.codec_context.format = how.format
    if not _known(how.encoder).bits:
        sound.bit_rate = _BITS_PER_CHANNEL * sound.channels
    return SoundTrack(stream, sound, container, window)


def add_sound(
    stream: av.AudioStream, output: OutputContainer, container: Container, window: Window
) -> Track:
    """Add a stream of sound that is kept as it is."""
    return CopiedSound(stream, add_copy(stream, output), container, window)


class CopiedSound(Track):
    """Sound that is copied, with a duration for each packet.

    In Matroska packets of some codecs have none; the last one would last no time and not be heard.
    """

    source: av.AudioStream

    def convert(self, packet: "av.Packet[Any]") -> Iterator["av.Packet[Any]"]:
        """The packets to write for one that was read."""
        if not packet.duration:
            packet.duration = round(_seconds_in(self.source, packet) / packet.time_base)
        yield from super().convert(packet)


class SoundTrack(Track):
    """Sound that is re-encoded, cut to the window, and kept in time with the source."""

    source: av.AudioStream
    output: av.AudioStream

    def __init__(
        self,
        source: av.AudioStream,
        output: av.AudioStream,
        container: Container,
        window: Window,
    ) -> None:
        super().__init__(source, output, container, window)
        self._graph: Graph | None = None
        self._kind: tuple[Any, ...] = ()
        self._damaged = False
        if not source.codec_context.is_open:
            source.codec_context.layout = default_layout(source)

    def convert(self, packet: "av.Packet[Any]") -> Iterator["av.Packet[Any]"]:
        """Encoded packets, as they become ready."""
        yield from self._spared(self._decoded(packet))

    def flush(self) -> Iterator["av.Packet[Any]"]:
        """The packets that decoder and encoder still hold."""
        for rest in (self._decoded(None), self._drained(), self._encoded(None)):
            yield from self._spared(rest)

    def _spared(self, made: Iterator["av.Packet[Any]"]) -> Iterator["av.Packet[Any]"]:
        """The packets of `made`, up to where damage ends them, which is logged once.

        Damaged sound may fail at any step, with any of ffmpeg's errors: decoders even say that
        something is not permitted. No error is of a file, since none is read or written here.
        """
        try:
            yield from made
        except av.FFmpegError as error:
            if not self._damaged:
                words = "%s is damaged (%s): what cannot be decoded of it is left out"
                _LOG.warning(words, describe(self.source), error.strerror)
            self._damaged = True

    def _decoded(self, packet: "av.Packet[Any] | None") -> Iterator["av.Packet[Any]"]:
        for frame in self.source.codec_context.decode(packet):
            yield from self._spared(self._filtered(frame))

    def _filtered(self, frame: Any) -> Iterator["av.Packet[Any]"]:
        if frame.pts is None:
            return
        frame.pts -= round(self.window.shift / frame.time_base)
        kind = (frame.format.name, frame.layout.name, frame.sample_rate, frame.time_base)
        if kind != self._kind or self._graph is None:  # in broadcasts the format may change
            yield from self._drained()
            self._graph, self._kind = self._graph_for(*kind), kind
        self._graph.push(frame)
        yield from self._pulled(self._graph)

    def _graph_for(self, form: str, layout: str, rate: int, time_base: Fraction) -> Graph:
        """From what is decoded to what the encoder takes; gaps become silence."""
        graph = Graph()
        begin = graph.add_abuffer(format=form, sample_rate=rate, layout=layout, time_base=time_base)
        in_time = graph.add("aresample", f"async=1:min_hard_comp={float(_LONGEST_GAP)}")
        context = self.output.codec_context
        suits = graph.add(
            "aformat",
            f"sample_fmts={context.format.name}:sample_rates={context.sample_rate}"
            f":channel_layouts={context.layout.name}",
        )
        cut = graph.add("atrim", self._limits())
        end = graph.add("abuffersink")
        for one, other in ((begin, in_time), (in_time, suits), (suits, cut), (cut, end)):
            one.link_to(other)
        graph.configure()
        return graph

    def _limits(self) -> str:
        window, limits = self.window, {}
        if window.start is not None:
            limits["start"] = float(window.start - window.shift)
        if window.end is not None:
            limits["end"] = float(window.end - window.shift)
        return ":".join(f"{name}={value:.6f}" for name, value in limits.items())

    def _drained(self) -> Iterator["av.Packet[Any]"]:
        graph, self._graph = self._graph, None
        if graph is not None:
            graph.push(None)
            yield from self._pulled(graph)

    def _pulled(self, graph: Graph) -> Iterator["av.Packet[Any]"]:
        while True:
            try:
                frame = graph.pull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return
            yield from self._encoded(frame)  # type: ignore[arg-type]

    def _encoded(self, frame: av.AudioFrame | None) -> Iterator["av.Packet[Any]"]:
        for packet in self.output.encode(frame):
            yield self._ordered(packet)


def _sample_of(stream: av.AudioStream) -> tuple[int, bool]:
    """Bits of a sample, and whether it is floating point.

    If a decoder returns 32 bits, at most 24 are meant, except for PCM.
    """
    name = codec_name(stream)
    if stated := re.match(r"pcm_([suf])(\d+)", name):
        return int(stated[2]), stated[1] == "f"
    form = getattr(stream.format, "name", "")
    if form.startswith(("flt", "dbl")):
        return {"flt": 32, "dbl": 64}[form[:3]], True
    return {"u8": 8, "s16": 16}.get(form.removesuffix("p"), 24), False


def _known(encoder: str) -> SoundEncoder:
    return _ENCODERS.get(encoder) or SoundEncoder(encoder)


def _keeps(known: SoundEncoder, bits: int, *, floating: bool) -> bool:
    """Whether an encoder keeps all bits of a sample."""
    return floating == known.floating and bits <= known.bits


def _rates_of(encoder: str) -> Sequence[int]:
    return _known(encoder).rates or av.Codec(encoder, "w").audio_rates or ()


def _format_of(encoder: str, bits: int = 0) -> str:
    """Of the encoder's sample formats, the first that has as many bits, or else the last."""
    formats = av.Codec(encoder, "w").audio_formats or []
    return next((one for one in formats if one.bits >= bits), formats[-1]).name


def _usual_layout(channels: int) -> str:
    try:
        return av.AudioLayout(f"{channels}c").name
    except ValueError:
        return "stereo"


def _opens(how: Recoding) -> bool:
    """Whether the encoder takes this sample rate and channel layout."""
    trial = cast("av.AudioCodecContext", av.CodecContext.create(how.encoder, "w"))
    trial.layout, trial.sample_rate, trial.format = how.layout, how.rate, how.format
    trial.time_base = Fraction(1, how.rate)
    try:
        trial.open()
    except (ValueError, av.FFmpegError) as error:
        _LOG.debug("%s does not encode %s: %s", how.encoder, how.layout, error)
        return False
    return True


def _seconds_in(stream: av.AudioStream, packet: "av.Packet[Any]") -> Fraction:
    """How long a packet's sound lasts, found by decoding it; 0 if that fails."""
    try:
        frames = stream.codec_context.decode(packet)
    except (ValueError, av.FFmpegError):
        return Fraction(0)
    return sum((Fraction(one.samples, one.sample_rate) for one in frames), Fraction(0))
