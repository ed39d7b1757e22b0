"""What becomes of the streams beside the painted one: which are kept, copied or converted."""

import logging
from pathlib import Path

import av
from av.container import OutputContainer
from av.stream import AttachmentStream, Stream

from nstd.media.read.probe import codec_name, is_cover
from nstd.media.read.scan import open_film, packets
from nstd.media.write.containers import Container
from nstd.media.write.sound import sound_track
from nstd.media.write.text import TEXT_CODECS
from nstd.media.write.tracks import (
    CoverTrack,
    SubtitleTrack,
    Track,
    Window,
    accepts,
    describe,
    say_left_out,
)

_LOG = logging.getLogger(__name__)


def make_track(
    stream: Stream, output: OutputContainer, container: Container, window: Window
) -> Track | None:
    """Add a stream to `output` that keeps `stream`, or log why there is none.

    Returns:
        The track that converts its packets; None where there are no packets to convert.
    """
    if isinstance(stream, av.VideoStream):
        return _picture_track(stream, output, container, window)
    if isinstance(stream, av.AudioStream):
        return sound_track(stream, output, container, window)
    if stream.type == "subtitle":
        return _subtitle_track(stream, output, container, window)
    _other_stream(stream, output, container)
    return None


def _picture_track(
    stream: av.VideoStream, output: OutputContainer, container: Container, window: Window
) -> Track | None:
    if not is_cover(stream):
        _LOG.warning("%s is not painted, so it is left out", describe(stream))
    elif container.cover == "attached":
        _attach_cover(stream, output, container)
    elif container.cover == "stream" and accepts(stream, container):
        copy = output.add_stream_from_template(stream, opaque=True)
        return CoverTrack(stream, copy, container, window)
    else:
        say_left_out(stream, container)
    return None


def _subtitle_track(
    stream: Stream, output: OutputContainer, container: Container, window: Window
) -> Track | None:
    if accepts(stream, container):
        copy = output.add_stream_from_template(stream, opaque=True)
        return SubtitleTrack(stream, copy, container, window)
    if codec_name(stream) not in TEXT_CODECS:
        say_left_out(stream, container)
        return None
    target = container.text
    _LOG.info("%s is converted to %s, words only", describe(stream), target)
    text = output.add_mux_stream(target)
    text.time_base = stream.time_base
    return SubtitleTrack(stream, text, container, window, target)


def _attach_cover(stream: Stream, output: OutputContainer, container: Container) -> None:
    """Matroska keeps covers as attached files, which are written with its header."""
    path = Path(stream.container.name)
    with open_film(path) as again:
        picture = next(packets(again, path, stream.index), None)
        if picture is None:
            say_left_out(stream, container)
            return
        codec = codec_name(stream)
        kind = {"mjpeg": ("cover.jpg", "image/jpeg")}.get(
            codec, (f"cover.{codec}", f"image/{codec}")
        )
        name = stream.metadata.get("filename", kind[0])
        output.add_attachment(name, stream.metadata.get("mimetype", kind[1]), bytes(picture))


def _other_stream(stream: Stream, output: OutputContainer, container: Container) -> None:
    if isinstance(stream, AttachmentStream) and container.attachments:
        name = stream.name or f"attachment {stream.index}"
        output.add_attachment(name, stream.mimetype or "application/octet-stream", stream.data)
    elif getattr(stream, "name", None) == "bin_data" and stream.container.chapters():
        _LOG.debug("%s holds the chapters' names, written with the chapters", describe(stream))
    else:
        say_left_out(stream, container)
