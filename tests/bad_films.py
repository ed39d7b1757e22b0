"""Bad films: damaged, odd and hostile files, as they may be dropped into a folder.

`BAD` says for each what must become of it. Most are made with PyAV; files that no program would
write are made from a good film by changing its bytes.
"""

import io
import os
import random
import struct
import zipfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import PIL.Image

from tests.clips import damaged, gif, make, picture, sound_only, truncated, vfr

SIZE = (48, 32)
FEW = range(0, 4 * 512, 512)
"""Times of four frames."""

DONE, FAILED, LEFT = "done", "failed", "left"


@dataclass(frozen=True)
class Bad:
    """A bad input.

    Attributes:
        write: Puts it at a path.
        ends: What becomes of it: its job is "done" or "failed"; or no job is made of it ("left").
        says: What the sentence of a failure, or the log's line on what is left, has to contain.
    """

    write: Callable[[Path], object]
    ends: str
    says: str = ""


# --- changing bytes --------------------------------------------------------------------------


def film(path: Path, **changes: Any) -> Path:
    """A good film of four frames."""
    return make(path, **({"times": FEW, "size": SIZE} | changes))


def still(path: Path, form: str = "PNG", mode: str = "RGB", **options: Any) -> None:
    """A good picture."""
    PIL.Image.fromarray(picture(3, SIZE)).convert(mode).save(path, form, **options)


def content_of(suffix: str, near: Path, **changes: Any) -> bytes:
    """The bytes of a good film with another suffix."""
    other = film(near.with_name(f".made{suffix}"), **changes)
    content = other.read_bytes()
    other.unlink()
    return content


def patched(content: bytes, mark: bytes, offset: int, new: bytes) -> bytes:
    """The content with `new` at `offset` behind the first `mark`."""
    at = content.index(mark) + offset
    return content[:at] + new + content[at + len(new) :]


def _other_suffix(suffix: str) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(content_of(suffix, path))


def _written(content: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(content)


def _made(**changes: Any) -> Callable[[Path], object]:
    return lambda path: film(path, **changes)


def _patched(
    suffix: str, mark: bytes, offset: int, new: bytes, **changes: Any
) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(
        patched(content_of(suffix, path, **changes), mark, offset, new)
    )


def _cut(keep: float, make_it: Callable[[Path], object]) -> Callable[[Path], object]:
    def write(path: Path) -> None:
        made = path.with_name(f".whole{path.suffix}")
        make_it(made)
        content = made.read_bytes()
        made.unlink()
        path.write_bytes(content[: int(len(content) * keep)])

    return write


# --- films ------------------------------------------------------------------------------------


def _without_index(path: Path) -> None:
    content = content_of(".mp4", path)
    path.write_bytes(content[: content.index(b"moov") - 4])


def _zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("film.mp4", b"not here " * 100)


def _noise(path: Path) -> None:
    path.write_bytes(random.Random(5).randbytes(20_000))  # noqa: S311 - no secret


def _wave(path: Path) -> None:
    content = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 8036, b"WAVE", b"fmt ", 16, 1, 1, 8000,
                          16000, 2, 16, b"data", 8000) + bytes(8000)  # fmt: skip
    path.write_bytes(content)


def _subtitles_only(path: Path) -> None:
    with av.open(str(path), "w") as output:
        stream = output.add_mux_stream("subrip")
        packet: av.Packet[Any] = av.Packet(b"Hello")
        packet.stream, packet.time_base = stream, Fraction(1, 1000)
        packet.pts = packet.dts = 100
        packet.duration = 500
        output.mux(packet)


def remux(
    path: Path,
    source: Path,
    change: Callable[[int, "av.Packet[Any]"], bool],
    **options: str,
) -> None:
    """Copy the packets of a film's picture for which `change`, which may change them, says so."""
    with (
        av.open(str(source)) as container,
        av.open(str(path), "w", container_options=options) as output,
    ):
        stream = output.add_stream_from_template(container.streams.video[0])
        for number, packet in enumerate(container.demux(video=0)):
            if packet.size and change(number, packet):
                packet.stream = stream
                output.mux(packet)
    source.unlink()


def film_at(path: Path, stamps: Sequence[int], **options: str) -> Path:
    """A film whose frames have these times, in milliseconds, whatever a player makes of them."""

    def change(number: int, packet: "av.Packet[Any]") -> bool:
        packet.pts = packet.dts = stamps[number]
        packet.time_base = Fraction(1, 1000)
        return True

    times = range(0, len(stamps) * 512, 512)
    whole = film(path.with_name(".made.mkv"), times=times, codec="mpeg4", options={})
    remux(path, whole, change, **({"avoid_negative_ts": "0"} | options))
    return path


def _at(*stamps: int) -> Callable[[Path], object]:
    return lambda path: film_at(path, stamps)


def _without_its_first_key_frame(path: Path) -> None:
    options = {"preset": "ultrafast", "g": "5"}
    whole = film(path.with_name(".made.mkv"), times=range(0, 12 * 512, 512), options=options)
    remux(path, whole, lambda number, packet: number > 0)


def boxes(content: bytes, first: int, last: int) -> list[tuple[bytes, int, int]]:
    """Name, beginning and end of the boxes of an MP4 file between two places."""
    found = []
    while first + 8 <= last:
        size, name = struct.unpack_from(">I4s", content, first)
        if size < 8:
            break
        found.append((name, first, first + size))
        first += size
    return found


def _cover_first(path: Path) -> None:
    """ffmpeg lists a cover where it meets it: here, before the film."""
    content = content_of(".mp4", path, cover=True)
    ((_, begin, end),) = (box for box in boxes(content, 0, len(content)) if box[0] == b"moov")
    parts = {name: content[first:last] for name, first, last in boxes(content, begin + 8, end)}
    order = [b"mvhd", b"udta", b"trak"]
    assert sorted(parts) == sorted(order)
    path.write_bytes(content[: begin + 8] + b"".join(parts[name] for name in order) + content[end:])


def _of_two_sizes(path: Path) -> None:
    # A transport stream may be cut and joined like a rope.
    path.write_bytes(
        content_of(".ts", path)
        + content_of(".ts", path, size=(96, 64), times=range(2048, 4096, 512))
    )


def _of_sixteen_bits(path: Path) -> None:
    film(path, codec="ffv1", pixel_format="yuv420p16le", options={})


def _of_many_samples(path: Path) -> None:
    """Its table says that there are two billion frames of equal size."""
    content = content_of(".mp4", path)
    path.write_bytes(patched(content, b"stsz", 8, struct.pack(">II", 1, 0x7FFFFFFF)))


def _deep_boxes(path: Path) -> None:
    """Boxes in boxes, two thousand deep."""
    box = b""
    for _ in range(2000):
        box = struct.pack(">I4s", len(box) + 8, b"moov") + box
    path.write_bytes(struct.pack(">I4s4sI", 16, b"ftyp", b"isom", 0) + box)


def _playlist(kind: str) -> Callable[[Path], object]:
    def write(path: Path) -> None:
        secret = film(path.with_name(f".secret-{kind}.mp4"))
        texts = {
            "concat": f"ffconcat version 1.0\nfile {secret.name}\n",
            "hls": f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{secret.name}\n#EXT-X-ENDLIST\n",
            "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n"
            "m=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n",
        }
        path.write_text(texts[kind])

    return write


# --- pictures ---------------------------------------------------------------------------------


def _png_chunk(name: bytes, content: bytes) -> bytes:
    check = zlib.crc32(name + content)
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", check)


def png(width: int, height: int) -> bytes:
    """A PNG that says it is so large, with hardly anything in it."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_png_chunk(*chunk) for chunk in chunks)


def _animated(form: str) -> Callable[[Path], object]:
    def write(path: Path) -> None:
        pictures = [PIL.Image.fromarray(picture(index, SIZE)) for index in range(3)]
        pictures[0].save(path, form, save_all=True, append_images=pictures[1:], duration=100)

    return write


def _sixteen_bit_png(path: Path) -> None:
    values = np.arange(SIZE[0] * SIZE[1], dtype=np.uint16).reshape(SIZE[::-1]) * 42
    PIL.Image.fromarray(values).save(path, "PNG")


def _corrupt_png(path: Path) -> None:
    buffer = io.BytesIO()
    PIL.Image.fromarray(picture(3, (200, 150))).save(buffer, "PNG", compress_level=1)
    content = bytearray(buffer.getvalue())
    middle = len(content) // 2
    content[middle : middle + 200] = bytes(200)
    path.write_bytes(content)


def _huge_gif(path: Path) -> None:
    gif(path)
    content = path.read_bytes()
    path.write_bytes(content[:6] + struct.pack("<HH", 60000, 60000) + content[10:])


def _huge_bmp(path: Path) -> None:
    still(path, "BMP")
    content = path.read_bytes()
    path.write_bytes(content[:18] + struct.pack("<ii", 60000, 60000) + content[26:])


# --- what is no file --------------------------------------------------------------------------


def _link_in_a_circle(path: Path) -> None:
    path.symlink_to(path.name)


_AVI: dict[str, Any] = {
    "codec": "mpeg4", "options": {}, "times": range(4), "time_base": Fraction(1, 25)
}  # fmt: skip

BAD: dict[bytes, Bad] = {
    # nothing of a film in it
    b"empty.mp4": Bad(Path.touch, FAILED, "is empty"),
    b"empty.png": Bad(Path.touch, FAILED, "is empty"),
    b"text.mp4": Bad(_written(b"I am a text. " * 200), FAILED),
    b"archive.mkv": Bad(_zip, FAILED),
    b"zeros.mp4": Bad(_written(bytes(50_000)), FAILED),
    b"noise.avi": Bad(_noise, FAILED),
    b"text.jpg": Bad(_written(b"I am a text."), FAILED, "not a picture"),
    b"sound.mp4": Bad(sound_only, FAILED, "no moving picture"),
    b"wave.mov": Bad(_wave, FAILED, "no moving picture"),
    b"subtitles.mkv": Bad(_subtitles_only, FAILED, "no moving picture"),
    # under another kind's name
    b"matroska.avi": Bad(_other_suffix(".mkv"), DONE),
    b"film.png": Bad(_other_suffix(".mp4"), DONE),
    b"picture.mp4": Bad(still, DONE),
    b"picture-of-webp.jpg": Bad(lambda path: still(path, "WEBP"), DONE),
    # lists of other files: none of them is ever opened
    b"concat.mp4": Bad(_playlist("concat"), FAILED),
    b"playlist.ts": Bad(_playlist("hls"), FAILED),
    b"session.mp4": Bad(_playlist("sdp"), FAILED),
    # cut off
    b"cut.mp4": Bad(lambda path: truncated(path, 0.7, size=SIZE), FAILED, "ends early"),
    b"cut.mkv": Bad(lambda path: truncated(path, 0.5, size=SIZE), FAILED, "ends early"),
    b"cut.gif": Bad(_cut(0.6, gif), FAILED, "ends early"),
    b"no-index.mp4": Bad(_without_index, FAILED, "no whole index"),
    b"cut.jpg": Bad(_cut(0.5, lambda path: still(path, "JPEG")), FAILED, "is damaged"),
    b"cut.png": Bad(_cut(0.5, still), FAILED, "is damaged"),
    # damaged
    b"middle.mp4": Bad(lambda path: damaged(path, (5, 6), size=SIZE), DONE),
    b"every-frame.mp4": Bad(lambda path: damaged(path, range(25), size=SIZE), FAILED),
    b"middle.png": Bad(_corrupt_png, FAILED, "is damaged"),
    b"no-key-frame.mkv": Bad(_without_its_first_key_frame, DONE),
    b"unknown-codec.mp4": Bad(_patched(".mp4", b"avc1\0\0\0\0", 0, b"zzzz"), FAILED, "not know"),
    b"two-sizes.ts": Bad(_of_two_sizes, DONE),
    b"deep-boxes.mp4": Bad(_deep_boxes, FAILED),
    # larger than anything
    b"huge.png": Bad(_written(png(60000, 60000)), FAILED, "megapixels"),
    b"huge.gif": Bad(_huge_gif, FAILED),
    b"huge.y4m": Bad(_written(b"YUV4MPEG2 W60000 H60000 F25:1 C420\nFRAME\n" + bytes(999)), FAILED),
    b"huge-in-its-header.mp4": Bad(
        _patched(".mp4", b"avc1\0\0\0\0", 28, b"\xea\x60\xea\x60"), DONE
    ),
    b"many-samples.mp4": Bad(_of_many_samples, FAILED),
    b"huge.bmp": Bad(_huge_bmp, FAILED),
    # times
    b"no-rate.avi": Bad(_patched(".avi", b"strh", 28, bytes(8), **_AVI), DONE),
    b"no-time-passes.mkv": Bad(_at(0, 0, 0, 0), DONE),
    b"no-delays.gif": Bad(lambda path: gif(path, (0, 0, 0, 0)), DONE),
    b"negative.mkv": Bad(_at(-100, -60, -20, 20), DONE),
    b"negative.mov": Bad(_made(times=range(-1024, 1024, 512)), DONE),
    b"far-future.mkv": Bad(_at(*range(2**44, 2**44 + 160, 40)), DONE),
    b"long-still.mkv": Bad(_at(0, 10**9, 2 * 10**9, 3 * 10**9), FAILED, "limits: "),
    b"varying.mp4": Bad(lambda path: vfr(path, size=SIZE), DONE),
    # odd, but sound
    b"one-frame.mp4": Bad(_made(times=(0,)), DONE),
    b"one-frame.gif": Bad(lambda path: gif(path, (10,)), DONE),
    b"ten-bits.mp4": Bad(_made(pixel_format="yuv420p10le"), DONE),
    b"sixteen-bits.mkv": Bad(_of_sixteen_bits, DONE),
    b"odd.mkv": Bad(_made(size=(49, 33), pixel_format="yuv444p"), DONE),
    b"one-pixel.mkv": Bad(_made(size=(1, 1), codec="ffv1", pixel_format="bgr0", options={}), DONE),
    b"thin.mkv": Bad(
        _made(size=(2, 600), codec="ffv1", pixel_format="bgr0", options={}), FAILED, "too small"
    ),
    b"rotated.mp4": Bad(_made(rotation=90), DONE),
    b"askew.mp4": Bad(_made(rotation=45), DONE),
    b"two-pictures.mkv": Bad(_made(second_size=(64, 64)), DONE),
    b"cover.mp4": Bad(_made(cover=True), DONE),
    b"cover-first.mp4": Bad(_cover_first, DONE),
    b"see-through.mov": Bad(_made(codec="png", pixel_format="rgba", options={}), DONE),
    b"gray.mkv": Bad(_made(codec="ffv1", pixel_format="gray", options={}), DONE),
    b"animated.png": Bad(_animated("PNG"), DONE),
    b"animated.webp": Bad(_animated("WEBP"), DONE),
    b"cmyk.jpg": Bad(lambda path: still(path, "JPEG", "CMYK"), DONE),
    b"sixteen-bits.png": Bad(_sixteen_bit_png, DONE),
    b"one-pixel.png": Bad(lambda path: PIL.Image.new("RGB", (1, 1)).save(path), DONE),
    b"two-colors.png": Bad(lambda path: still(path, "PNG", "1"), DONE),
    # names
    b"x" * 251 + b".mp4": Bad(_made(), DONE),
    b"y" * 252 + b".ts": Bad(_made(), DONE),
    b"\xff\xfe caf\xe9.mp4": Bad(_made(), DONE),
    b"a new\nline.mp4": Bad(_made(), DONE),
    b"file:name.mp4": Bad(_made(), DONE),
    b"%d-%03d.mp4": Bad(_made(), DONE),
    # no films at all
    b"notes.txt": Bad(_written(b"I am a text."), LEFT, "is no film and no picture by its name"),
    b"folder.mp4": Bad(Path.mkdir, LEFT),
    b"pipe.mp4": Bad(os.mkfifo, LEFT, "is a pipe, and is left alone"),
    b"circle.mp4": Bad(_link_in_a_circle, LEFT, "is a link, and is left alone"),
    b"device.mp4": Bad(
        lambda path: path.symlink_to("/dev/zero"), LEFT, "is a link, and is left alone"
    ),
}
"""By its name in the folder."""
