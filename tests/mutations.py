"""Short films, and what bad disks, networks and programs make of them."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av

from tests.bad_films import boxes, film, still
from tests.clips import gif, vfr

BOX_FILES = {".mp4", ".mov"}
INDEX_FIRST = {"movflags": "+faststart"}
NESTED = {b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts", b"udta"}


@dataclass(frozen=True)
class Mutation:
    """A film that was harmed; the same seed harms the same film in the same way."""

    name: str
    content: bytes


def mutations(clips: list[Path], seeds: range) -> list[Mutation]:
    """One for each seed: of each clip in turn, and in each way in turn."""
    made = []
    for seed in seeds:
        clip = clips[seed % len(clips)]
        kinds = [*KINDS, *(["box"] if clip.suffix in BOX_FILES else [])]
        kind = kinds[seed // len(clips) % len(kinds)]
        rng = random.Random(seed)  # noqa: S311 - no secret
        content = bytearray(clip.read_bytes())
        (KINDS.get(kind) or _box)(content, rng)
        made.append(Mutation(f"{seed:03}-{kind}-{clip.name}", bytes(content)))
    return made


def made_clips(folder: Path) -> list[Path]:
    """Small films and pictures of many kinds."""
    whole = {"sound": ("aac",), "subtitles": "mov_text", "chapters": True, "cover": True}
    film(folder / "all.mp4", **whole)
    film(folder / "stream-ready.mp4", muxer=INDEX_FIRST, **whole)
    # x265 crashes on pictures smaller than a block.
    quiet = {"preset": "ultrafast", "x265-params": "log-level=none"}
    film(folder / "hevc.mp4", size=(64, 64), codec="libx265", options=quiet)
    vfr(folder / "varying.mkv", size=(48, 32), sound=("flac",))
    film(folder / "old.avi", codec="mpeg4", options={}, time_base=Fraction(1, 25), times=range(4))
    film(folder / "stream.ts", sound=("aac",))
    film(folder / "web.webm", codec="libvpx", options={})
    film(folder / "deep.mov", codec="prores_ks", pixel_format="yuv422p10le", options={})
    gif(folder / "short.gif")
    still(folder / "still.png")
    still(folder / "still.jpg", "JPEG")
    return sorted(folder.iterdir())


def shared_clips(shared: Path, folder: Path) -> list[Path]:
    """The beginnings of real films."""
    for source in sorted((shared / "media").iterdir()):
        if source.suffix in {".mp4", ".mkv", ".gif"}:
            shorten(source, folder / source.name)
    return sorted(folder.iterdir())


def shorten(source: Path, target: Path, frames: int = 4) -> None:
    """Copy the first frames, and what else comes until then, as they are."""
    # With the index first, so that not every cut and every added block leaves a film without one.
    options = INDEX_FIRST if target.suffix in BOX_FILES else {}
    with (
        av.open(str(source)) as container,
        av.open(str(target), "w", options=options) as output,
    ):
        streams = {
            stream.index: output.add_stream_from_template(stream, opaque=True)
            for stream in container.streams
            if stream.type in {"video", "audio", "subtitle"}
        }
        video, count = container.streams.video[0].index, 0
        for packet in container.demux(*(container.streams[index] for index in streams)):
            count += packet.stream_index == video
            if count > frames:
                break
            if packet.size:
                packet.stream = streams[packet.stream_index]
                output.mux(packet)


def _flip(content: bytearray, rng: random.Random) -> None:
    for _ in range(rng.choice((1, 8, 64))):
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)


def _flip_header(content: bytearray, rng: random.Random) -> None:
    for _ in range(rng.choice((1, 4, 16))):
        content[rng.randrange(min(len(content), 1500))] = rng.randrange(256)


def _zero(content: bytearray, rng: random.Random) -> None:
    first, last = _part(content, rng)
    content[first:last] = bytes(last - first)


def _cut(content: bytearray, rng: random.Random) -> None:
    del content[rng.randrange(1, len(content)) :]


def _swap(content: bytearray, rng: random.Random) -> None:
    first, last = _part(content, rng)
    other = rng.randrange(len(content) - (last - first) + 1)
    block = content[first:last]
    content[first:last] = content[other : other + len(block)]
    content[other : other + len(block)] = block


def _duplicate(content: bytearray, rng: random.Random) -> None:
    first, last = _part(content, rng)
    content[last:last] = content[first:last]


def _remove(content: bytearray, rng: random.Random) -> None:
    first, last = _part(content, rng)
    del content[first:last]


def _box(content: bytearray, rng: random.Random) -> None:
    """Change the size that a box states, somewhere in the tree."""
    found, pending = [], [(0, len(content))]
    while pending:
        first, last = pending.pop()
        for name, begin, end in boxes(bytes(content), first, last):
            found.append(begin)
            if name in NESTED:
                pending.append((begin + 8, min(end, last)))
    at = rng.choice(found)
    size = int.from_bytes(content[at : at + 4], "big")
    wrong = rng.choice((0, 1, 7, 8, size - 1, size + 1, size * 2, 0x7FFFFFFF, 0xFFFFFFFF))
    content[at : at + 4] = wrong.to_bytes(4, "big")


def _part(content: bytearray, rng: random.Random) -> tuple[int, int]:
    length = rng.randrange(1, max(2, len(content) // 4))
    first = rng.randrange(len(content) - length + 1)
    return first, first + length


KINDS: dict[str, Callable[[bytearray, random.Random], None]] = {
    "flip": _flip,
    "header": _flip_header,
    "zero": _zero,
    "cut": _cut,
    "swap": _swap,
    "duplicate": _duplicate,
    "remove": _remove,
}
"""Besides "box", which only films made of boxes have."""
