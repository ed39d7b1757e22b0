"""Small films made to order with PyAV: every trap of real ones, in a few kilobytes."""

import struct
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from av.container import OutputContainer

Picture = npt.NDArray[np.uint8]
Options = dict[str, str]

SOUND_RATE = 48000
BT601, BT709, BT2020 = 6, 1, 9
UNSTATED = 2
"""ffmpeg's numbers of the matrices."""

VFR_TIMES = (0, 512, 1024, 1537, 4000, 4001, 4700, 5212, 5724, 9000, 9512, 10024, 12000, 12800)
"""Time stamps no constant rate explains; in units of 1/12800 s."""


@dataclass(frozen=True)
class Film:
    """What to make; `make` makes it. Every field has a harmless default."""

    times: Sequence[int] = tuple(range(0, 25 * 512, 512))
    time_base: Fraction = Fraction(1, 12800)
    rate: Fraction = Fraction(25)
    size: tuple[int, int] = (96, 64)
    codec: str = "libx264"
    pixel_format: str = "yuv420p"
    options: Options = field(default_factory=lambda: {"preset": "ultrafast", "crf": "12"})
    rotation: int = 0
    matrix: Sequence[int] | None = None
    pixel_aspect: Fraction = Fraction(1)
    sound: tuple[str, ...] = ()
    sound_start: int = 0
    sound_rate: int = SOUND_RATE
    sound_layout: str = "mono"
    subtitles: str | None = None
    chapters: bool = False
    cover: bool = False
    second_size: tuple[int, int] | None = None
    title: str | None = None
    language: str | None = None
    muxer: Options = field(default_factory=dict)
    format: str | None = None

    @property
    def seconds(self) -> Fraction:
        """From 0 to the last frame's time, and a frame more."""
        return self.times[-1] * self.time_base + 1 / self.rate


SUBTITLES = ((Fraction(1, 10), Fraction(3, 10), "Hello"), (Fraction(1, 2), Fraction(1, 4), "wörld"))
"""Begin, duration (both in seconds) and text of the subtitles a film gets."""
EVERYTHING: dict[str, Any] = {
    "sound": ("aac", "aac"),
    "subtitles": "mov_text",
    "chapters": True,
    "cover": True,
    "title": "A title",
    "language": "fra",
}
"""Of `make`: a film with everything in it that a film may have."""
CHAPTERS = ((0, 400, "One"), (400, 1000, "Two"))
"""Begin and end in milliseconds, and title."""


def make(path: Path, film: Film | None = None, **changes: Any) -> Path:
    """Write the film described by `film` and `changes` to `path`."""
    film = replace(film or Film(), **changes)
    options = dict(film.muxer)
    if path.suffix in (".mp4", ".mov"):
        ticks = str(film.time_base.denominator)
        options = {"movie_timescale": ticks, "video_track_timescale": ticks} | options
    with av.open(str(path), "w", format=film.format, options=options) as output:
        if film.title:
            output.metadata["title"] = film.title
        writers = [_add_picture(output, film)]
        if film.second_size:
            second = replace(film, size=film.second_size, rotation=0)
            writers.append(_add_picture(output, second))
        writers += [_add_sound(output, film, codec) for codec in film.sound]
        if film.subtitles:
            writers.append(_add_subtitles(output, film))
        if film.chapters:
            output.set_chapters(_chapters())
        if film.cover:
            writers.insert(0, _add_cover(output))
        for write in writers:
            for packet in write():
                output.mux(packet)
    return path


def picture(index: int, size: tuple[int, int] = (96, 64)) -> Picture:
    """A picture that tells its index and its orientation: a gradient and a wandering square."""
    width, height = size
    rows, columns = np.mgrid[0:height, 0:width]
    image = np.stack(
        [columns * 160 // width + 40, rows * 160 // height + 40, np.full_like(rows, 90)], axis=2
    )
    side = max(2, min(size) // 4)
    left = index * 5 % max(1, width - side)
    image[:side, left : left + side] = (220, 60, 40 + index * 8 % 180)
    return image.astype(np.uint8)


def vfr(path: Path, **changes: Any) -> Path:
    """A film of varying rate, with B-frames."""
    options = {"preset": "fast", "crf": "12", "x264-params": "bframes=3:b-adapt=0"}
    return make(path, times=VFR_TIMES, options=options, **changes)


def truncated(path: Path, keep: float = 0.5, **changes: Any) -> Path:
    """A film whose index comes first, cut off after the share `keep` of its bytes."""
    muxer = {"movflags": "+faststart"} if path.suffix in (".mp4", ".mov") else {}
    make(path, muxer=muxer, **changes)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep)])
    return path


def damaged(path: Path, at: Sequence[int], *, noise: int = 0, **changes: Any) -> Path:
    """A film with the content of some packets (by number) overwritten, its structure whole.

    With `noise` it is so many bytes in the midst of each, so that decoders find out on the way.
    """
    make(path, **changes)
    with av.open(str(path)) as container:
        places = [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size]
    content = bytearray(path.read_bytes())
    for number in at:
        position, size = places[number]
        assert position is not None
        if noise:
            middle = position + size // 2
            content[middle : middle + noise] = np.random.default_rng(number).bytes(noise)
        else:
            content[position : position + size] = b"\xff" * size
    path.write_bytes(content)
    return path


Edit = tuple[int, int]
"""Of an edit list: how long, in units of the film's time base, and from which media time on; −1 for
nothing that is shown."""


def edited(path: Path, edits: Sequence[Edit]) -> Path:
    """Give the first track of an MP4 film, whose index comes last, this edit list."""
    tracks = iter([edits])

    def walked(boxes: bytes) -> bytes:
        made = b""
        while boxes:
            length, name = struct.unpack(">I4s", boxes[:8])
            content, boxes = boxes[8:length], boxes[length:]
            if name == b"moov":
                content = walked(content)
            elif name == b"trak" and (own := next(tracks, None)) is not None:
                header = struct.unpack(">I", content[:4])[0]
                content = content[:header] + _edit_list(own) + _without_edits(content[header:])
            made += struct.pack(">I4s", len(content) + 8, name) + content
        return made

    path.write_bytes(walked(path.read_bytes()))
    return path


def _edit_list(edits: Sequence[Edit]) -> bytes:
    entries = b"".join(struct.pack(">IiI", long, begin, 1 << 16) for long, begin in edits)
    return struct.pack(">I4sI4sII", 24 + len(entries), b"edts", 16 + len(entries), b"elst", 0,
                       len(edits)) + entries  # fmt: skip


def _without_edits(boxes: bytes) -> bytes:
    kept = b""
    while boxes:
        length, name = struct.unpack(">I4s", boxes[:8])
        kept += b"" if name == b"edts" else boxes[:length]
        boxes = boxes[length:]
    return kept


def gif(path: Path, delays: Sequence[int] = (5, 2, 2, 30, 7)) -> Path:
    """A GIF whose pictures stay for these hundredths of a second."""
    times = [sum(delays[:index]) for index in range(len(delays))]
    return make(
        path,
        codec="gif",
        pixel_format="rgb8",
        times=times,
        time_base=Fraction(1, 100),
        options={},
    )


def sound_only(path: Path) -> Path:
    """A container without any picture."""
    with av.open(str(path), "w") as output:
        for packet in _add_sound(output, Film(), "aac")():
            output.mux(packet)
    return path


PATCHES = (
    (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (0, 255, 255), (255, 0, 255),
    (200, 100, 50), (90, 160, 220), (60, 20, 120), (10, 20, 30), (128, 128, 128), (250, 250, 250),
)  # fmt: skip
"""Colors of `patches`, left to right."""


def patches(
    path: Path,
    *,
    matrix: int,
    stated: int | None = None,
    full_range: bool = False,
    bits: int = 8,
    size: tuple[int, int] = (384, 64),
    colors: Sequence[tuple[int, int, int]] = PATCHES,
    rotation: int = 0,
) -> Path:
    """Three frames of even color patches, whose YUV values are computed here, by the standard.

    Args:
        path: Where to.
        matrix: `BT601` or `BT709`: what the values are computed with.
        stated: What the file says it was; by default the same; `UNSTATED` for nothing.
        full_range: Whether black is 0 (and the file says so) instead of 16.
        bits: 8 or 10.
        size: Width and height.
        colors: The patches, left to right.
        rotation: Degrees clockwise a player is to turn it.
    """
    said = matrix if stated is None else stated
    planes = _yuv_planes(_patch_image(colors, size), matrix, full_range=full_range, bits=bits)
    layout = "yuv420p" if bits == 8 else f"yuv420p{bits}le"
    with av.open(str(path), "w") as output:
        stream = output.add_stream(
            "libx264", rate=25, options={"preset": "ultrafast", "crf": "0" if bits == 8 else "1"}
        )
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height = size
        stream.pix_fmt = layout
        if rotation:
            stream.set_display_rotation(-rotation)
        context = stream.codec_context
        context.colorspace = context.color_primaries = context.color_trc = said
        context.color_range = 2 if full_range else 1 if said != UNSTATED else 0
        for index in range(3):
            frame = av.VideoFrame(*size, format=layout)
            for plane, values in zip(frame.planes, planes, strict=True):
                padded = np.zeros((plane.height, plane.line_size // values.itemsize), values.dtype)
                padded[:, : values.shape[1]] = values
                plane.update(padded.tobytes())
            frame.pts, frame.time_base = index, Fraction(1, 25)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


def patch_values(image: Picture, count: int = len(PATCHES)) -> list[tuple[int, int, int]]:
    """The color in the middle of each patch of a picture of `patches`."""
    height, width, _ = image.shape
    middles = [image[height // 2, int((index + 0.5) * width / count)] for index in range(count)]
    return [(int(red), int(green), int(blue)) for red, green, blue in middles]


Packets = Callable[[], Iterable["av.Packet[Any]"]]


def _add_picture(output: OutputContainer, film: Film) -> Packets:
    stream = output.add_stream(film.codec, rate=film.rate, options=dict(film.options))
    assert isinstance(stream, av.VideoStream)
    stream.width, stream.height = film.size
    stream.pix_fmt = film.pixel_format
    stream.codec_context.time_base = film.time_base
    stream.codec_context.sample_aspect_ratio = film.pixel_aspect
    if film.rotation:
        stream.set_display_rotation(-film.rotation)
    if film.matrix:
        stream.set_display_matrix(film.matrix)
    if film.language:
        stream.metadata["language"] = film.language
    ends = [*film.times[1:], film.times[-1] + round(1 / film.rate / film.time_base)]
    durations = {pts: end - pts for pts, end in zip(film.times, ends, strict=True)}

    def packets() -> Iterable["av.Packet[Any]"]:
        for index, pts in enumerate(film.times):
            frame = av.VideoFrame.from_ndarray(picture(index, film.size), format="rgb24")
            frame = frame.reformat(format=film.pixel_format)
            frame.pts, frame.time_base = pts, film.time_base
            yield from stamped(stream.encode(frame))
        yield from stamped(stream.encode(None))

    def stamped(made: Iterable["av.Packet[Any]"]) -> Iterable["av.Packet[Any]"]:
        for packet in made:
            packet.duration = durations.get(packet.pts or 0, 0)
            yield packet

    return packets


def _add_sound(output: OutputContainer, film: Film, codec: str) -> Packets:
    stream = output.add_stream(codec, rate=film.sound_rate)
    assert isinstance(stream, av.AudioStream)
    stream.codec_context.layout = film.sound_layout
    channels = stream.channels
    if film.language:
        stream.metadata["language"] = film.language

    def packets() -> Iterable["av.Packet[Any]"]:
        count = int(film.seconds * film.sound_rate)
        wave = np.sin(np.arange(count) * (2 * np.pi * 440 / film.sound_rate))
        samples = (wave * 12000).astype(np.int16).repeat(channels)
        for begin in range(0, count, 4800):
            part = samples[None, begin * channels : (begin + 4800) * channels]
            frame = av.AudioFrame.from_ndarray(part, "s16", film.sound_layout)
            frame.sample_rate = film.sound_rate
            frame.pts, frame.time_base = film.sound_start + begin, Fraction(1, film.sound_rate)
            yield from stream.encode(frame)
        yield from stream.encode(None)

    return packets


def _add_subtitles(output: OutputContainer, film: Film) -> Packets:
    codec = film.subtitles or "subrip"
    stream = output.add_mux_stream(codec)
    stream.time_base = Fraction(1, 1000)
    if film.language:
        stream.metadata["language"] = film.language

    def packets() -> Iterable["av.Packet[Any]"]:
        for number, (begin, duration, text) in enumerate(SUBTITLES):
            words = text.encode()
            if codec == "mov_text":
                words = struct.pack(">H", len(words)) + words
            elif codec == "ass":
                words = f"{number},0,Default,,0,0,0,,{{\\i1}}".encode() + words
            packet: av.Packet[Any] = av.Packet(words)
            packet.stream = stream
            packet.time_base = Fraction(1, 1000)
            packet.pts = packet.dts = int(begin * 1000)
            packet.duration = int(duration * 1000)
            yield packet

    return packets


def _add_cover(output: OutputContainer) -> Packets:
    stream = output.add_stream("mjpeg", rate=1)
    assert isinstance(stream, av.VideoStream)
    stream.width, stream.height, stream.pix_fmt = 32, 32, "yuvj420p"
    stream.disposition = av.stream.Disposition.attached_pic

    def packets() -> Iterable["av.Packet[Any]"]:
        frame = av.VideoFrame.from_ndarray(picture(0, (32, 32)), format="rgb24")
        frame = frame.reformat(format="yuvj420p")
        frame.pts = 0
        yield from stream.encode(frame)
        yield from stream.encode(None)

    return packets


def _chapters() -> list[Any]:
    return [
        {
            "id": number,
            "start": begin,
            "end": end,
            "time_base": Fraction(1, 1000),
            "metadata": {"title": title},
        }
        for number, (begin, end, title) in enumerate(CHAPTERS)
    ]


def _patch_image(
    colors: Sequence[tuple[int, int, int]], size: tuple[int, int]
) -> npt.NDArray[np.float64]:
    width, height = size
    which = np.arange(width) * len(colors) // width
    row = np.array(colors, dtype=np.float64)[which] / 255
    return np.broadcast_to(row, (height, width, 3))


def _yuv_planes(
    image: npt.NDArray[np.float64], matrix: int, *, full_range: bool, bits: int
) -> list[npt.NDArray[Any]]:
    red, blue = {BT601: (0.299, 0.114), BT709: (0.2126, 0.0722)}[matrix]
    luma = image @ np.array([red, 1 - red - blue, blue])
    chroma_blue = (image[..., 2] - luma) / (2 * (1 - blue))
    chroma_red = (image[..., 0] - luma) / (2 * (1 - red))
    scale, top, middle = 1 << (bits - 8), (1 << bits) - 1, 1 << (bits - 1)
    if full_range:
        planes = [luma * top, chroma_blue * top + middle, chroma_red * top + middle]
    else:
        planes = [
            (16 + 219 * luma) * scale,
            224 * scale * chroma_blue + middle,
            224 * scale * chroma_red + middle,
        ]
    planes[1:] = [plane[::2, ::2] for plane in planes[1:]]
    kind = np.uint8 if bits == 8 else np.uint16
    return [np.clip(np.rint(plane), 0, top).astype(kind) for plane in planes]
