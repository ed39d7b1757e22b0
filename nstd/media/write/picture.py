"""The painted stream: the packets of all segments, timed anew as one."""

from collections.abc import Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO

import av
from av.bitstream import BitStreamFilterContext
from av.container import OutputContainer

from nstd.errors import VerificationError
from nstd.media.color import colors_of
from nstd.media.read.scan import beating, open_film, packets
from nstd.media.read.timing import decoding_times
from nstd.media.write.codecs import CODECS
from nstd.media.write.ebml import state_size, with_room
from nstd.media.write.metadata import keeps_matrix
from nstd.media.write.segment import Assembly, coded_layout, mend_alpha, origin, stated_rate

Span = tuple[int, int]
"""First time stamp and end (exclusive) of a part of a film, in the film's time base."""
Timed = tuple[Fraction, "av.Packet[Any]"]
"""A packet, with its decoding time in seconds."""


class PaintedStream:
    """The painted stream: the packets of all segments, timed anew as one.

    Args:
        whole: The segments, and what the film of them is to be. Its `alive` is called for each
            packet, once when it is looked at and once when it is written.
        span: First time stamp and end (exclusive) of the part of the film that is painted, in
            `info.time_base`; None for the whole film.
        end: When the last frame ends; None for the end of that part, or of the film.

    Attributes:
        whole: The segments, and what the film of them is to be.
        span: The part of the film that is painted, or None.
        info: The source's facts.
        settings: How it is encoded.
        stamps: Presentation time stamps in decoding order, in `info.time_base`.
        end: When the last frame ends.
        colors: What the segments state of their colors; set when the stream is added to the output.
    """

    def __init__(
        self, whole: Assembly, span: Span | None = None, *, end: int | None = None
    ) -> None:
        self.whole, self.span = whole, span
        self.info, self.settings = whole.info, whole.settings
        self.stamps: list[int] = []
        self.colors = (0, 0, 0, 0)
        self._header: bytes | None = None
        self._restated: BitStreamFilterContext | None = None
        for segment in whole.segments:
            self._read(segment)
        if not self.stamps:
            raise VerificationError("There is no segment to join")
        shown = sorted(self.stamps)
        whole_end = span[1] if span else self.info.start + self.info.duration
        self.end = max(whole_end if end is None else end, shown[-1] + 1)
        ends = [*shown[1:], self.end]
        self._durations = {pts: end - pts for pts, end in zip(shown, ends, strict=True)}
        self._decode_at = decoding_times(self.stamps)
        # MP4's duration of a track is the sum of the distances of decoding times, plus the
        # duration of the packet decoded last, which has to make up the difference.
        decoding = self._decode_at[-1] - self._decode_at[0]
        last = self.stamps[-1]
        self._durations[last] = max(self._durations[last], self.end - shown[0] - decoding)

    def packets(self, output: av.VideoStream, shift: int) -> Iterator[Timed]:
        """All packets, `shift` units earlier, each with its decoding time."""
        decode_at = iter(self._decode_at)
        for segment in self.whole.segments:
            with open_film(segment) as container:
                for packet in self._stating(packets(container, segment, 0)):
                    pts = self._units(packet)
                    packet.time_base = self.info.time_base
                    packet.pts = pts - shift
                    packet.dts = next(decode_at) - shift
                    packet.duration = self._durations[pts]
                    mend_alpha(packet)
                    packet.stream = output
                    yield packet.dts * self.info.time_base, packet

    def add_to(self, output: OutputContainer) -> av.VideoStream:
        """Add the stream that `packets` belong to."""
        codec, layout = CODECS[self.settings.codec], coded_layout(self.info, self.settings)
        with open_film(self.whole.segments[0]) as container:
            template = container.streams.video[0]
            stream = output.add_stream_from_template(template, opaque=True)
            if codec.states_rate:
                how = f"{codec.states_rate}{2 * stated_rate(self.info)}"
                self._restated = BitStreamFilterContext(how, template, stream)
        stream.time_base = self.info.time_base
        stream.codec_context.framerate = stated_rate(self.info)
        # Not every codec states it, and a stream from a template lacks what the container said.
        stream.codec_context.sample_aspect_ratio = self.info.sample_aspect_ratio
        tag = codec.tag if self.settings.holder.codec_tags else None
        if tag := layout.tag or tag:
            stream.codec_context.codec_tag = tag
        # Rotations by right angles, and flips, are already in the pictures: they are coded upright.
        stream.set_display_matrix(self.kept_matrix)
        if codec.alpha_beside and layout.alpha:
            stream.metadata["alpha_mode"] = "1"
        self.colors = colors_of(stream.codec_context)
        return stream

    def _stating(self, found: Iterator["av.Packet[Any]"]) -> Iterator["av.Packet[Any]"]:
        """The packets, filtered where the codec has to state the film's rate."""
        for packet in found:
            yield from [packet] if self._restated is None else self._restated.filter(packet)

    @property
    def kept_matrix(self) -> tuple[int, ...] | None:
        """The film's display matrix; None if it has none that the container keeps."""
        matrix = self.info.matrix_display
        holds = self.settings.holder.holds
        return matrix if matrix and keeps_matrix(matrix, holds) else None

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
            found = beating(packets(container, segment, 0), self.whole.alive)
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


class PixelShape:
    """The pixel aspect ratio in Matroska's header, where neither codec nor muxer states it.

    It is written into the finished film, where the muxer has made room by a padded title.

    Args:
        picture: The painted stream.
        said: The stream's metadata.
    """

    def __init__(self, picture: PaintedStream, said: Mapping[str, str]) -> None:
        self._picture = picture
        self._title, self._stereo = said.get("title", ""), said.get("stereo_mode", "")
        # For stereoscopic pictures the muxer states a size of its own.
        by_codec = CODECS[picture.settings.codec].states_aspect and not self._stereo
        stated = by_codec or picture.settings.holder.states_aspect
        self._lacking = not stated and picture.info.sample_aspect_ratio != 1

    @property
    def room(self) -> dict[str, str]:
        """The metadata that makes room."""
        return {"title": with_room(self._title)} if self._lacking else {}

    def write(self, film: BinaryIO) -> None:
        """Write it into the finished film.

        Raises:
            VerificationError: There is no room.
            OSError: The file system failed.
        """
        if self._lacking:
            state_size(film, self._title, *self._display_size())

    def _display_size(self) -> tuple[int, int]:
        """Width and height at which the picture of one eye is shown."""
        side = 2 if self._stereo.startswith(("left_", "right_", "col_")) else 1
        above = 2 if self._stereo.startswith(("top_", "bottom_", "row_")) else 1
        info = self._picture.info
        return round(info.width * info.sample_aspect_ratio / side), round(
            Fraction(info.height, above)
        )
