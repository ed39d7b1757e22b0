"""Films as GIF, animated PNG or animated WebP: one file that any browser shows."""

import os
import struct
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

AllFrames = Callable[[], Iterable[av.VideoFrame]]
"""Gives all frames anew, each with `pts` in `time_base`, ascending from 0."""

GIF_TICK = Fraction(1, 100)
GIF_SHORTEST = 2
"""Ticks that a GIF's frame lasts at least: browsers make a tenth of a second of less."""

_MILLISECOND = Fraction(1, 1000)
_DITHER = "bayer:bayer_scale=4"
"""A pattern that stands still. Diffused errors flicker from frame to frame, and take 1.4 times the
bytes: 459 KB against 339 of 12 painted frames of 320×180."""

_WEBP_QUALITY = "90"
_ANMF_DURATION = 12
"""Where in a WebP frame's chunk its duration is: 24 bits, in milliseconds."""
_WEBP_FLAGS = 20
"""Where an extended WebP says what it holds."""
_WEBP_EXIF, _WEBP_ALPHA = 0x08, 0x10
_GIF_HEADER = 13
"""Bytes of a GIF before its palette."""
_GIF_ROUNDS = b"\x21\xff\x0bNETSCAPE2.0"
_PNG_HEADER = 33
"""Bytes of a PNG's signature and its first chunk."""
_PIECE = 1 << 20
_LARGEST_TERM = 1000
"""Of the fraction that a frame's delay is: an animated PNG has 16 bits for each."""


def write_animation(
    path: Path, kind: str, frames: AllFrames, end: Fraction, note: str = ""
) -> None:
    """Write all frames to one file, which plays for ever.

    Args:
        path: The file.
        kind: "gif", "apng" or "webp".
        frames: All of one size and layout; "apng" keeps 16 bits.
        end: When the last one ends, in seconds.
        note: What it says of how it was painted; "" for nothing.

    Raises:
        av.FFmpegError: It cannot be written.
        VerificationError: It does not have the frames that it should have.
    """
    write = {"gif": _write_gif, "apng": _write_apng, "webp": _write_webp}[kind]
    count = write(path, frames, end)
    if note:
        _NOTED[kind](path, note)
    with PIL.Image.open(path) as written:
        found = int(getattr(written, "n_frames", 1))
    # WebP's encoder makes one of frames that are the same.
    if found != count and not (kind == "webp" and 0 < found < count):
        raise VerificationError(f"The finished {kind} has {found} frames instead of {count}")


def _write_gif(path: Path, frames: AllFrames, end: Fraction) -> int:
    """With one palette for all of the film: where each frame has its own, colors flicker."""
    times = [time for time, _ in _at_ticks(frames(), GIF_TICK, GIF_SHORTEST)]
    last = max(GIF_SHORTEST, round(end / GIF_TICK) - times[-1])
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

    def reduced() -> Iterator[av.VideoFrame]:
        for _, frame in _at_ticks(frames(), GIF_TICK, GIF_SHORTEST):
            source.push(frame)
            yield from _pulled(sink)
        source.push(None)
        yield from _pulled(sink)

    timed = zip(times, reduced(), strict=True)
    return _encode(path, "gif", "pal8", GIF_TICK, timed, {"final_delay": str(last)})


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


def _write_apng(path: Path, frames: AllFrames, end: Fraction) -> int:
    first = next(iter(frames()))
    deep = first.format.components[0].bits > 8
    alpha = any(part.is_alpha for part in first.format.components)
    layout = ("rgba64be" if alpha else "rgb48be") if deep else ("rgba" if alpha else "rgb24")
    unit = _unit(first)
    *_, last = (frame.pts or 0 for frame in frames())
    delay = max(_MILLISECOND, (end - last * unit).limit_denominator(_LARGEST_TERM))
    timed = ((frame.pts or 0, frame) for frame in frames())
    return _encode(path, "apng", layout, unit, timed, {"final_delay": str(delay)})


def _write_webp(path: Path, frames: AllFrames, end: Fraction) -> int:
    timed = _at_ticks(frames(), _MILLISECOND, 1)
    count = _encode(path, "webp", "bgra", _MILLISECOND, timed, {})
    _end_at(path, round(end / _MILLISECOND))
    return count


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
    """Put a note before a GIF's first picture: ffmpeg takes one at the end for a frame."""
    with path.open("rb") as file:
        flags = file.read(_GIF_HEADER)[10]
        at = _GIF_HEADER + (3 << (flags & 7) + 1 if flags & 0x80 else 0)
        file.seek(at)
        # Browsers look for the number of rounds right behind the palette.
        at += len(_GIF_ROUNDS) + 5 if file.read(len(_GIF_ROUNDS)) == _GIF_ROUNDS else 0
    _insert(path, at, gif_comment(note))


def _note_apng(path: Path, note: str) -> None:
    """Put a note behind a PNG's first chunk, which is always as long."""
    _insert(path, _PNG_HEADER, png_text(note))


def _note_webp(path: Path, note: str) -> None:
    """Put an EXIF block with a note at a WebP's end, and tell of it in its header."""
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


_NOTED: dict[str, Callable[[Path, str], None]] = {
    "gif": _note_gif,
    "apng": _note_apng,
    "webp": _note_webp,
}


def _insert(path: Path, at: int, content: bytes) -> None:
    """Insert bytes into a file, holding a piece of it at a time."""
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


def _at_ticks(
    frames: Iterable[av.VideoFrame], tick: Fraction, shortest: int
) -> Iterator[tuple[int, av.VideoFrame]]:
    """Each frame's time in ticks; those that come too soon after the one before are left out."""
    last: int | None = None
    for frame in frames:
        time = round((frame.pts or 0) * _unit(frame) / tick)
        if last is None or time >= last + shortest:
            last = time
            yield time, frame


def _encode(
    path: Path,
    kind: str,
    layout: str,
    time_base: Fraction,
    timed: Iterable[tuple[int, av.VideoFrame]],
    options: dict[str, str],
) -> int:
    """Write frames that are timed in `time_base`; gives how many."""
    encoder = {"webp": "libwebp_anim"}.get(kind, kind)
    forever = {"plays": "0"} if kind == "apng" else {"loop": "0"}
    count = 0
    with av.open(str(path), "w", format=kind, options=forever | options) as output:
        quality = {"quality": _WEBP_QUALITY} if kind == "webp" else {}
        stream = cast("av.VideoStream", output.add_stream(encoder, rate=25, options=quality))
        for time, frame in timed:
            if not count:
                stream.width, stream.height, stream.pix_fmt = frame.width, frame.height, layout
                stream.codec_context.time_base = time_base
            count += 1
            coded = frame if frame.format.name == layout else frame.reformat(format=layout)
            coded.pts, coded.time_base = time, time_base
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
