"""Text subtitles from one codec to another, by ffmpeg's own decoders and encoders."""

import logging
import re
from collections.abc import Iterable
from fractions import Fraction
from typing import Any, cast

import av
from av.subtitles.codeccontext import SubtitleCodecContext
from av.subtitles.subtitle import AssSubtitle

from nstd.media.read.probe import codec_name

_LOG = logging.getLogger(__name__)

TEXT_CODECS = frozenset({"mov_text", "subrip", "srt", "text", "webvtt", "ass", "ssa"})
"""ffmpeg's names of text subtitles, which can be converted to each other."""

_OVERRIDES = re.compile(r"\{[^}]*\}")
_STYLING = re.compile(r"\\(?:\d?c|[a-z]+)")
_TICK = Fraction(1, 1000)


class TextConverter:
    """Converts the packets of one stream of text subtitles.

    Args:
        source: The stream; its packets come in order.
        codec: ffmpeg's name of the codec to convert to.

    Attributes:
        header: What the encoder needs before its first packet.
    """

    def __init__(self, source: Any, codec: str) -> None:
        self._name = codec_name(source)
        self._decoder = cast("SubtitleCodecContext", source.codec_context)
        if not self._decoder.is_open:
            self._decoder.open(strict=False)
        self.header = self._decoder.subtitle_header or _usual_header()
        self._encoder = cast("SubtitleCodecContext", av.CodecContext.create(codec, "w"))
        self.prepare(self._encoder)

    def prepare(self, encoder: Any) -> None:
        """Give an encoder its header, before it is opened."""
        encoder.subtitle_header = self.header
        encoder.time_base = _TICK

    def convert(self, packet: "av.Packet[Any]") -> bytes:
        """The converted content of one packet; b"" for a packet without text.

        Raises:
            av.FFmpegError: It cannot be converted.
        """
        said = self._decoded(packet)
        return b"" if said is None else bytes(self._encoder.encode_subtitle(said))

    def losses(self, packets: Iterable["av.Packet[Any]"]) -> set[str]:
        """What these packets lose in the conversion, in words such as "colors"."""
        back = cast("SubtitleCodecContext", av.CodecContext.create(self._encoder.name, "r"))
        found: set[str] = set()
        for packet in packets:
            found |= self._losses_of(packet, back)
        if self._name in ("ass", "ssa"):
            found.add("fonts and places")
        return found

    def _losses_of(self, packet: "av.Packet[Any]", back: SubtitleCodecContext) -> set[str]:
        try:
            said = self._decoded(packet)
            if said is None:
                return set()
            self._encoder.open(strict=False)
            if self._encoder.extradata and not back.is_open:
                back.extradata = self._encoder.extradata
            again: av.Packet[Any] = av.Packet(bytes(self._encoder.encode_subtitle(said)))
            again.pts, again.duration, again.time_base = 0, 1000, _TICK
            kept = back.decode2(again)
        except av.FFmpegError:
            return {"words"}
        before, after = _events(said), _events(kept)
        lost = {_NAMES.get(one, "styling") for one in _styles(before) - _styles(after)}
        return lost | ({"words"} if _words(before) != _words(after) else set())

    def _decoded(self, packet: "av.Packet[Any]") -> Any:
        try:
            return self._decoder.decode2(packet)
        except av.error.InvalidDataError:
            # Not UTF-8: what can be decoded is kept.
            text = bytes(packet).decode("utf-8", "replace").encode()
            mended: av.Packet[Any] = av.Packet(text)
            mended.pts, mended.dts, mended.time_base = packet.pts, packet.dts, packet.time_base
            mended.duration = packet.duration
            return self._decoder.decode2(mended)


def _usual_header() -> bytes | None:
    """The header for ASS that has none; encoders need one."""
    plain = av.CodecContext.create("subrip", "r")
    plain.open(strict=False)
    return plain.subtitle_header


_NAMES = {
    "\\c": "colors", "\\1c": "colors", "\\an": "places", "\\pos": "places", "\\fn": "fonts",
    "\\fs": "sizes",
}  # fmt: skip
"""Of the styling that ffmpeg's text subtitles have between decoder and encoder."""


def _events(said: Any) -> list[str]:
    """The texts of a set of subtitles, each in the form of ASS's last field."""
    lines = [one.ass.decode("utf-8", "replace") for one in said or () if _is_text(one)]
    return [line.split(",", 8)[-1] for line in lines]


def _is_text(one: object) -> bool:
    return isinstance(one, AssSubtitle)


def _styles(lines: Iterable[str]) -> set[str]:
    inside = "".join(part for line in lines for part in _OVERRIDES.findall(line))
    return set(_STYLING.findall(inside)) - {"\\r"}


def _words(lines: Iterable[str]) -> str:
    return "\n".join(_OVERRIDES.sub("", line) for line in lines).strip()
