"""Films as GIF, animated PNG or animated WebP: one file that any browser shows."""

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

Frames = Callable[[], Iterable[av.VideoFrame]]
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
_LARGEST_TERM = 1000
"""Of the fraction that a frame's delay is: an animated PNG has 16 bits for each."""


def write_animation(path: Path, kind: str, frames: Frames, end: Fraction) -> None:
    """Write all frames to one file, which plays for ever.

    Args:
        path: The file.
        kind: "gif", "apng" or "webp".
        frames: All of one size and layout; "apng" keeps 16 bits.
        end: When the last one ends, in seconds.

    Raises:
        av.FFmpegError: It cannot be written.
        VerificationError: It does not have the frames that it should have.
    """
    write = {"gif": _write_gif, "apng": _write_apng, "webp": _write_webp}[kind]
    count = write(path, frames, end)
    with PIL.Image.open(path) as written:
        found = int(getattr(written, "n_frames", 1))
    # WebP's encoder makes one of frames that are the same.
    if found != count and not (kind == "webp" and 0 < found < count):
        raise VerificationError(f"The finished {kind} has {found} frames instead of {count}")


def _write_gif(path: Path, frames: Frames, end: Fraction) -> int:
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


def _palette(frames: Frames) -> av.VideoFrame:
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


def _write_apng(path: Path, frames: Frames, end: Fraction) -> int:
    first = next(iter(frames()))
    deep = first.format.components[0].bits > 8
    alpha = any(part.is_alpha for part in first.format.components)
    layout = ("rgba64be" if alpha else "rgb48be") if deep else ("rgba" if alpha else "rgb24")
    unit = _unit(first)
    *_, last = (frame.pts or 0 for frame in frames())
    delay = max(_MILLISECOND, (end - last * unit).limit_denominator(_LARGEST_TERM))
    timed = ((frame.pts or 0, frame) for frame in frames())
    return _encode(path, "apng", layout, unit, timed, {"final_delay": str(delay)})


def _write_webp(path: Path, frames: Frames, end: Fraction) -> int:
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
