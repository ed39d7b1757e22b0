"""From a path to `VideoInfo`: a film's facts, or the reason why it cannot be painted."""

import stat
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
from av.codec.context import CodecContext
from av.container import InputContainer
from av.stream import Disposition, Stream

from nstd.errors import TruncatedError, UnreadableError, UnsupportedError, from_os_error
from nstd.media.frame import VideoInfo
from nstd.media.note import note_in_film
from nstd.media.read.choose import ATTEMPTS, StreamFacts, facts_of_stream, with_reader
from nstd.media.read.limits import Limits
from nstd.media.read.opencv import open_capture
from nstd.media.read.reading import Reading
from nstd.media.read.scan import open_film, scan
from nstd.media.read.structure import lacks_index
from nstd.media.read.tally import Scan
from nstd.media.read.whole import what_is_lost_at_end, what_is_missing

_NOT_FILMS = {"tty", "concat", "hls", "dash", "imf", "sdp", "rtsp", "webm_dash_manifest"}
_SAME_RATE = Fraction(1, 20)
"""Share of the counted frame rate by which the stated one may differ and still be believed."""


_RANGES = {1: "tv", 2: "pc"}
_PRIMARIES = {
    1: "bt709", 4: "bt470m", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 8: "film", 9: "bt2020",
    10: "smpte428", 11: "smpte431", 12: "smpte432", 22: "ebu3213",
}  # fmt: skip
_TRANSFERS = {
    1: "bt709", 4: "gamma22", 5: "gamma28", 6: "smpte170m", 7: "smpte240m", 8: "linear",
    9: "log100", 10: "log316", 11: "iec61966-2-4", 12: "bt1361e", 13: "iec61966-2-1",
    14: "bt2020-10", 15: "bt2020-12", 16: "smpte2084", 17: "smpte428", 18: "arib-std-b67",
}  # fmt: skip
_MATRICES = {
    0: "gbr", 1: "bt709", 4: "fcc", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 8: "ycgco",
    9: "bt2020nc", 10: "bt2020c", 11: "smpte2085", 12: "chroma-derived-nc",
    13: "chroma-derived-c", 14: "ictcp",
}  # fmt: skip


def probe(
    path: Path,
    *,
    accept_truncated: bool = False,
    limits: Limits | None = None,
    reading: Reading | None = None,
) -> VideoInfo:
    """Read a film's facts, and make sure it can be painted to its end.

    All packets are read, but only the first frames and the end are decoded. So a film that was cut
    off is noticed before hours are spent on it.

    Args:
        path: The film.
        accept_truncated: Accept a film that ends early, as far as it goes.
        limits: How large it may be; None for no limits.
        reading: How it is to be read; None for the defaults.

    Raises:
        VanishedError: There is no such file.
        UnreadableError: It is empty, a folder, damaged, or no film at all.
        UnsupportedError: It has no moving picture, or one that ffmpeg cannot decode; or it is
            beyond one of the limits.
        TruncatedError: It ends before its own header says it does.
        StorageError: The file system failed.
    """
    path = path.absolute()
    _check_file(path)
    with open_film(path) as container:
        _check_format(container, path)
        stream = painted_stream(container, path)
        _require_decoder(stream, path)
        if limits is not None:  # before anything is decoded, let alone allocated
            limits.require_frame_size(path, stream.width, stream.height)
        counted = scan(path, stream.index, limits)
        missing = what_is_missing(path, container, counted)
        missing = missing or what_is_lost_at_end(path, stream, counted)
        if missing and not accept_truncated:
            raise TruncatedError(f"{path} ends early: {missing}")
        if not counted.frames:
            raise UnreadableError(f"{path} has no picture in it")
        kind = facts_of_stream(path, stream.index) or _kind_by_opencv(stream, path)
        lost = counted.place_of(kind.begins) or 0
        info = _info(stream, counted.from_place(lost), kind, truncated=bool(missing))
        info = replace(info, undecodable=lost, accepts_truncated=accept_truncated)
        info = replace(info, remarks=tuple(_remarks(info, counted, missing)))
    reading = reading or Reading()
    if limits is not None:  # before more of it is decoded
        for change in counted.changes:
            limits.require_frame_size(path, change.after.width, change.after.height)
        limits.require(path, info)
    info = _of_fields(with_reader(path, info, kind, reading), reading)
    if limits is not None:
        limits.require(path, info)
    return info


def _remarks(info: VideoInfo, counted: Scan, missing: str | None) -> Iterator[str]:
    """What is unusual about a film, as ends of sentences that begin with its name."""
    if missing:
        yield f"ends early: {missing}"
    if lost := info.undecodable:
        yield (
            f"begins with what cannot be decoded: the first {lost} of {counted.frames} frames "
            "are left out"
        )
    if info.peak:
        curve = {"arib-std-b67": "HLG"}.get(info.transfer, "PQ")
        yield f"is HDR ({curve}): it is painted as SDR, its highlights rolled off"
    yield from map(str, counted.joins)
    yield from map(str, counted.changes)


def painted_stream(container: InputContainer, path: Path) -> av.VideoStream:
    """The video stream that is painted: the first one that is not a cover.

    PyAV's `best` may choose another one.

    Raises:
        UnsupportedError: There is no film in it.
    """
    films = container.streams.video
    if not films:
        raise UnsupportedError(f"{path} has no moving picture, only sound or other data")
    film = next((stream for stream in films if not is_cover(stream)), None)
    if film is None:
        raise UnsupportedError(f"{path} has no moving picture, only a cover")
    return film


def is_cover(stream: av.VideoStream) -> bool:
    """Whether a video stream is only a picture about the film, such as a cover or a thumbnail."""
    return bool(stream.disposition & (Disposition.attached_pic | Disposition.timed_thumbnails))


def _check_file(path: Path) -> None:
    try:
        if path.is_dir():
            raise UnreadableError(f"{path} is a folder, not a film")
        facts = path.stat()
        if not stat.S_ISREG(facts.st_mode):
            raise UnreadableError(f"{path} is a pipe or a device, not a film")
        if not facts.st_size:
            raise UnreadableError(f"{path} is empty")
        without_index = lacks_index(path)
    except OSError as error:
        raise from_os_error(error, path, "reading") from error
    if without_index:
        raise UnreadableError(
            f"{path} has no whole index (moov box): its recording or copying never ended"
        )


def _check_format(container: InputContainer, path: Path) -> None:
    name = container.format.name
    if name in _NOT_FILMS:
        raise UnreadableError(f"{path} is not a film, but text or a list that ffmpeg calls {name}")
    if name.endswith("_pipe") or name == "image2":
        raise UnreadableError(f"{path} is a still picture ({name.removesuffix('_pipe')}), no film")


def _require_decoder(stream: av.VideoStream, path: Path) -> None:
    # PyAV's types do not say so, but a stream without a decoder has no context.
    context: CodecContext | None = stream.codec_context
    if context is None:
        raise UnsupportedError(f"{path} is of a kind of video that ffmpeg does not know")


def _kind_by_opencv(stream: av.VideoStream, path: Path) -> StreamFacts:
    """The facts that OpenCV has of a stream of which PyAV decodes no frame.

    Raises:
        UnreadableError: OpenCV decodes no frame either.
    """
    if stream.index == stream.container.streams.video[0].index:
        with open_capture(path) as capture:
            if capture.grab(ATTEMPTS):
                layout = stream.codec_context.format
                return StreamFacts(
                    width=capture.width,
                    height=capture.height,
                    layout=layout.name if layout else "unknown",
                    rotation=capture.rotation,
                    decoded=False,
                )
    raise UnreadableError(f"No frame of {path} can be decoded")


def _info(
    stream: av.VideoStream,
    counted: Scan,
    kind: StreamFacts,
    *,
    truncated: bool,
) -> VideoInfo:
    context = stream.codec_context
    time_base = stream.time_base or Fraction(1, av.time_base)
    start = int(counted.times[0]) if len(counted.times) else counted.offset or 0
    duration = _duration(stream, counted, start, truncated=truncated)
    bits = [] if kind.layout == "unknown" else av.VideoFormat(kind.layout, 4, 4).components
    lies = bool(kind.rotation % 180)
    aspect = stream.sample_aspect_ratio or Fraction(1)
    return VideoInfo(
        stream=stream.index,
        width=kind.height if lies else kind.width,
        height=kind.width if lies else kind.height,
        frame_rate=_frame_rate(stream, counted.frames, duration * time_base),
        time_base=time_base,
        start=start,
        duration=duration,
        frames=counted.frames,
        rotation=kind.rotation,
        sample_aspect_ratio=1 / aspect if lies else aspect,
        color_range=_RANGES.get(context.color_range, "unknown"),
        primaries=_PRIMARIES.get(context.color_primaries, "unknown"),
        transfer=_TRANSFERS.get(context.color_trc, "unknown"),
        matrix=_MATRICES.get(context.colorspace, "unknown"),
        bit_depth=max((part.bits for part in bits), default=8),
        pixel_format=kind.layout,
        sound_bytes=counted.sound_bytes,
        truncated=truncated,
        field_order=kind.field_order,
        alpha=kind.alpha,
        mirrored=kind.mirrored,
        matrix_display=kind.matrix,
        peak=kind.peak,
        container=stream.container.format.name,
        note=note_in_film(stream.container.metadata, context.extradata),
    )


_BECOMES = {
    "auto": "each frame is made whole",
    "fields": "each field becomes a frame, at twice the rate",
    "off": "frames are painted as they are",
}


def _of_fields(info: VideoInfo, reading: Reading) -> VideoInfo:
    """The facts of a film as the reader gives it: interlaced or not, by frames or by fields."""
    if reading.deinterlace == "off":
        info = replace(info, deinterlace="off")
    if info.field_order == "progressive":
        return info
    order = {"mixed": "in part"}.get(info.field_order, f"{info.field_order} field first")
    info = replace(
        info,
        remarks=(*info.remarks, f"is interlaced ({order}): {_BECOMES[reading.deinterlace]}"),
    )
    if reading.deinterlace != "fields":
        return info
    return replace(
        info,
        deinterlace="fields",
        frames=2 * info.frames,
        frame_rate=2 * info.frame_rate,
        # A field is shown for half of its frame's time.
        time_base=info.time_base / 2,
        start=2 * info.start,
        duration=2 * info.duration,
    )


def _duration(stream: av.VideoStream, counted: Scan, start: int, *, truncated: bool) -> int:
    """Duration from the first frame's time to the last frame's end, in the stream's units."""
    if truncated or counted.joins or not stream.duration:
        return counted.span
    duration = (counted.offset or 0) + stream.duration - start
    if not len(counted.times):
        return max(0, duration)
    # With B-frames and a variable rate, MP4's stated duration may end before the last frame begins.
    last = int(counted.times[-1]) - start
    return duration if duration > last else last + (counted.step or counted.tail)


def _frame_rate(stream: av.VideoStream, frames: int, seconds: Fraction) -> Fraction:
    stated = stream.average_rate or stream.guessed_rate or stream.base_rate
    if not frames or not seconds:
        return stated or Fraction(25)
    counted = Fraction(frames) / seconds
    # Where the rate varies, some containers state the finest step instead of the average.
    return stated if stated and abs(stated / counted - 1) < _SAME_RATE else counted


def codec_name(stream: Stream) -> str:
    """Name of the codec of a stream of any kind, as ffmpeg calls it, or "unknown"."""
    # PyAV's types do not say so, but a stream without a decoder has no context.
    context: CodecContext | None = stream.codec_context
    name = context.codec.canonical_name if context else getattr(stream, "name", None)
    return name or "unknown"
