"""Films as GIF, animated PNG or animated WebP: one file that any browser shows."""

import os
import struct
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import PIL.Image
from av.filter import Graph
from av.filter.context import FilterContext

from nstd.errors import VerificationError
from nstd.media.note import gif_comment, png_text
from nstd.media.still_notes import with_note
from nstd.media.write.containers import Animation, Container

AllFrames = Callable[[], Iterable[av.VideoFrame]]
"""Gives all frames at each call, from the first; their `pts`, in `time_base`, ascend from 0."""

_MILLISECOND = Fraction(1, 1000)
_DITHER = "bayer:bayer_scale=4"
"""A pattern that is the same in every frame. Error diffusion flickers from frame to frame and takes
1.4 times the bytes: 459 KB against 339 for 12 painted frames of 320×180."""

_HEAD = 12
"""So many bytes at its beginning tell the format of a file."""
_ANMF_DURATION = 12
"""Offset of the duration in a WebP frame's chunk: 24 bits, in milliseconds."""
_WEBP_FLAGS = 20
"""Offset of the flags that say what an extended WebP holds."""
_WEBP_EXIF, _WEBP_ALPHA = 0x08, 0x10
_GIF_HEADER = 13
"""Size of a GIF's header, which ends before the palette."""
_GIF_ROUNDS = b"\x21\xff\x0bNETSCAPE2.0"
_PNG_HEADER = 33
"""Size of a PNG's signature and first chunk."""
_PIECE = 1 << 20
_LARGEST_TERM = 1000
"""Largest numerator or denominator of a frame's delay: an animated PNG has 16 bits for each."""


def write_animation(
    path: Path, form: Container, frames: AllFrames, end: Fraction, note: str = ""
) -> None:
    """Write all frames to one file, which plays in an endless loop.

    Args:
        path: The file.
        form: What it is: a container with an animation.
        frames: All of one size and layout.
        end: When the last one ends, in seconds.
        note: Text that says how it was painted; "" for none.

    Raises:
        av.FFmpegError: It cannot be written.
        VerificationError: The written file has not the frames that it should have.
    """
    how = form.pictures.animation if form.pictures else None
    if how is None:
        raise ValueError(f"{form.name} is no animation")
    count = _encode(path, form.format, how, frames, end)
    _finish(path, how, end, note)
    with PIL.Image.open(path) as written:
        found = int(getattr(written, "n_frames", 1))
    if found != count and not (how.merges and 0 < found < count):
        raise VerificationError(f"The finished {form.name} has {found} frames instead of {count}")


def _timed(how: Animation, frames: AllFrames) -> Iterator[tuple[int, av.VideoFrame]]:
    """Each frame with its time. A frame that comes too soon after the one before is left out."""
    last: int | None = None
    for frame in frames():
        time = round((frame.pts or 0) * _unit(frame) / (how.unit or _unit(frame)))
        if last is None or time >= last + how.shortest:
            last = time
            yield time, frame


def _reduced(how: Animation, frames: AllFrames) -> Iterator[tuple[int, av.VideoFrame]]:
    """Each frame with its time, reduced to the colors of one palette for the whole film."""
    palette = _palette(frames)
    graph = Graph()
    source, colors = _buffer(graph, next(iter(frames()))), _buffer(graph, palette)
    use, sink = graph.add("paletteuse", f"dither={_DITHER}"), graph.add("buffersink")
    source.link_to(use, 0, 0)
    colors.link_to(use, 0, 1)
    use.link_to(sink)
    graph.configure()
    colors.push(palette)
    colors.push(None)
    times: deque[int] = deque()
    for time, frame in _timed(how, frames):
        times.append(time)
        source.push(frame)
        yield from ((times.popleft(), one) for one in _pulled(sink))
    source.push(None)
    yield from ((times.popleft(), one) for one in _pulled(sink))


def _palette(frames: AllFrames) -> av.VideoFrame:
    graph = Graph()
    first = next(iter(frames()))
    source = _buffer(graph, first)
    graph.link_nodes(source, graph.add("palettegen"), graph.add("buffersink")).configure()
    for frame in frames():
        source.push(frame)
    source.push(None)
    palette = graph.vpull()
    palette.pts, palette.time_base = 0, first.time_base
    return palette


def _last_delay(how: Animation, unit: Fraction, frames: AllFrames, end: Fraction) -> dict[str, str]:
    """The muxer's options that tell how long the last frame lasts."""
    if not how.ends:
        return {}
    *_, (last, _) = _timed(how, frames)
    if how.ends == "units":
        return {"final_delay": str(max(how.shortest, round(end / unit) - last))}
    delay = max(_MILLISECOND, (end - last * unit).limit_denominator(_LARGEST_TERM))
    return {"final_delay": str(delay)}


def _layout(how: Animation, like: av.VideoFrame) -> str:
    """The pixel format that the encoder is given for frames like `like`."""
    deep = like.format.components[0].bits > 8
    alpha = any(part.is_alpha for part in like.format.components)
    return how.layouts[0] if len(how.layouts) == 1 else how.layouts[2 * deep + alpha]


def _finish(path: Path, how: Animation, end: Fraction, note: str) -> None:
    """Write into a finished file what its muxer cannot write."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if head[8:12] == b"WEBP" and how.unit:
        _end_at(path, round(end / how.unit))
    for begin, write in _NOTED.items():
        if note and head.startswith(begin):
            write(path, note)


def _end_at(path: Path, end: int) -> None:
    """Let a WebP's last frame last until `end`: its encoder makes it as long as the average."""
    place, begins, lasts, at = 0, 0, 0, 12
    with path.open("r+b") as file:
        while True:
            file.seek(at)
            header = file.read(8 + _ANMF_DURATION + 3)
            if len(header) < 8:
                break
            name, length = struct.unpack("<4sI", header[:8])
            if name == b"ANMF":
                place, begins = at + 8 + _ANMF_DURATION, begins + lasts
                lasts = int.from_bytes(header[-3:], "little")
            at += 8 + length + length % 2
        if place:
            file.seek(place)
            file.write(max(1, end - begins).to_bytes(3, "little"))


def _note_gif(path: Path, note: str) -> None:
    """Put a note before a GIF's first picture: ffmpeg takes a note at the end for a frame."""
    with path.open("rb") as file:
        flags = file.read(_GIF_HEADER)[10]
        at = _GIF_HEADER + (3 << (flags & 7) + 1 if flags & 0x80 else 0)
        file.seek(at)
        # Browsers look for the number of rounds right behind the palette.
        at += len(_GIF_ROUNDS) + 5 if file.read(len(_GIF_ROUNDS)) == _GIF_ROUNDS else 0
    _insert(path, at, gif_comment(note))


def _note_apng(path: Path, note: str) -> None:
    """Put a note behind a PNG's first chunk, which always has the same length."""
    _insert(path, _PNG_HEADER, png_text(note))


def _note_webp(path: Path, note: str) -> None:
    """Put an EXIF block with a note at a WebP's end, and set the flag for it in the header."""
    with PIL.Image.open(path) as picture:
        size, alpha = picture.size, picture.has_transparency_data
    with path.open("rb") as file:
        extended = file.read(_WEBP_FLAGS)[12:16] == b"VP8X"
    if not extended:  # its encoder has found but one picture in it
        edges = b"".join((edge - 1).to_bytes(3, "little") for edge in size)
        header = struct.pack("<4sII", b"VP8X", 10, _WEBP_ALPHA if alpha else 0)
        _insert(path, 12, header + edges)
    block = (with_note(None, note) or b"").removeprefix(b"Exif\0\0")
    chunk = struct.pack("<4sI", b"EXIF", len(block)) + block + b"\0" * (len(block) % 2)
    end = path.stat().st_size
    _insert(path, end, chunk)
    with path.open("r+b") as file:
        file.seek(_WEBP_FLAGS)
        flags = file.read(1)[0] | _WEBP_EXIF
        file.seek(_WEBP_FLAGS)
        file.write(bytes([flags]))
        file.seek(4)
        file.write(struct.pack("<I", end + len(chunk) - 8))


_NOTED: dict[bytes, Callable[[Path, str], None]] = {
    b"GIF8": _note_gif,
    b"\x89PNG": _note_apng,
    b"RIFF": _note_webp,
}
"""Writers of notes, by the bytes that a file begins with."""


def _insert(path: Path, at: int, content: bytes) -> None:
    """Insert bytes into a file; only a piece of it is in memory at a time."""
    with path.open("r+b") as file:
        end = file.seek(0, os.SEEK_END)
        while end > at:  # from the last piece on, so that none is overwritten before it has moved
            begin = max(at, end - _PIECE)
            file.seek(begin)
            piece = file.read(end - begin)
            file.seek(begin + len(content))
            file.write(piece)
            end = begin
        file.seek(at)
        file.write(content)


def _encode(path: Path, muxer: str, how: Animation, frames: AllFrames, end: Fraction) -> int:
    """Write frames; returns how many there were."""
    first = next(iter(frames()))
    layout, unit, count = _layout(how, first), how.unit or _unit(first), 0
    options = {**how.options, **_last_delay(how, unit, frames, end)}
    with av.open(str(path), "w", format=muxer, options=options) as output:
        encoding = dict(how.encoding)
        stream = cast("av.VideoStream", output.add_stream(how.encoder, rate=25, options=encoding))
        for time, frame in (_reduced if how.palette else _timed)(how, frames):
            if not count:
                stream.width, stream.height, stream.pix_fmt = frame.width, frame.height, layout
                stream.codec_context.time_base = unit
            count += 1
            coded = frame if frame.format.name == layout else frame.reformat(format=layout)
            coded.pts, coded.time_base = time, unit
            for packet in stream.encode(coded):
                output.mux(packet)
        for packet in stream.encode(None):
            output.mux(packet)
    return count


def _buffer(graph: Graph, like: av.VideoFrame) -> FilterContext:
    size = f"{like.width}x{like.height}"
    return graph.add(
        "buffer", f"video_size={size}:pix_fmt={like.format.name}:time_base={_unit(like)}"
    )


def _unit(frame: av.VideoFrame) -> Fraction:
    return cast("Fraction", frame.time_base)


def _pulled(sink: FilterContext) -> Iterator[av.VideoFrame]:
    while True:
        try:
            yield cast("av.VideoFrame", sink.pull())
        except (av.error.BlockingIOError, av.error.EOFError):
            return
