"""Malformed and hostile files, made from a seed: the same seed makes the same file."""

import io
import random
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import PIL.Image

from nstd.config import RecipeConfig
from nstd.media.names import STILL_SUFFIXES
from tests.clips import picture


def seeded(number: int) -> random.Random:
    """A source of what looks like chance, and is the same for the same number."""
    return random.Random(number)  # noqa: S311 - no secret


Change = Callable[[bytearray, random.Random], None]


# --- sidecars --------------------------------------------------------------------------------

WORDS = (
    "flow", "literal", "relative", "normal", "strong", "weak", "adam", "lbfgs", "content",
    "noise", "impasto", "style.png", "sub/style.png", "../style.png", "/etc/passwd", "~root/x",
    "~", "", "vgg19", "pocket", "auto", "x.pth", "conv1_1", "conv9_9", "48:2", "65536:100000",
    "0:0", "1:", "512:30,1024:10", "no", "yes", "null", "a" * 300, "\\ud800", "\\U5010ffff",
    "\\0", "\\x1b[2J", "\\u202e", "ß語🎞", "%s%n{0}{x}", "damaged.png", "pipe.png", "link.png",
    "folder.png",
)  # fmt: skip
NUMBERS = (
    "0", "1", "-1", "3", "0.5", "1e-300", "1e300", "1e999", "-1e999", ".nan", ".inf", "0x10",
    "010", "1_000", "9" * 18, "9" * 400, "1e", "2020-01-01", "12:30:45", "!!int 7", "!!float 1",
    "65536", "!!float nan", "!!float inf", "!!int " + "9" * 4200, "!!bool maybe", "!!null x",
)  # fmt: skip
ODD_LINES = (
    b"\t- tab", b"--- \nsecond: 1", b"%YAML 1.1\n---\na: 1", b"%TAG ! x:\n---\n!a b: c",
    b"a: b: c", b"&a [*a]", b"a: &a {b: *a}", b"<<: *nowhere", b"x: &x {<<: *x}",
    b"? [a, b]\n: c", b"1: 2", b"!!set {a, b}", b"!!omap [a: 1]",
    b"!!python/object/apply:os.abort []", b"a: !!binary gIGC", b"\xff\xfea\x00", b"\x00",
    b"\xed\xa0\x80", b"\xef\xbb\xbfa: 1", b"- [" * 200, b"{" * 5000, b"a: |\n" + b" " * 500,
    b"'open", b'"\\q"', b"seed: 1\nseed: 2", b"@at: 1", b"`: 1",
    b"k: &k [x,x,x,x]\n" + b"".join(b"k%d: &k [*k,*k,*k,*k]\n" % n for n in range(15)),
)  # fmt: skip


def sidecar(rng: random.Random) -> bytes:
    """A sidecar: mostly keys of a recipe with values of any kind, then perhaps harmed."""
    lines = [_line(rng) for _ in range(rng.choice((1, 1, 2, 3, 8)))]
    if rng.random() < 0.3:
        lines.insert(rng.randrange(len(lines) + 1), rng.choice(ODD_LINES))
    content = bytearray(b"\n".join(lines))
    if rng.random() < 0.02:
        content += b"".join(b"k%d: 1\n" % number for number in range(rng.choice((500, 15_000))))
    if rng.random() < 0.02:
        content = bytearray(content.decode("utf-8", "replace").encode("utf-16"))
    for _ in range(rng.choice((0, 0, 0, 1, 4))):
        rng.choice(CHANGES)(content, rng)
    return bytes(content)


GOOD_LINES = (
    b"strength: subtle", b"seed: 3", b"levels: 48:2", b"styles: style.png", b"tv_weight: 0.5",
    b"styles: [{image: sub/style.png, weight: 2}, impasto]", b"temporal: independent", b"size: 64",
    b"style_layers: [conv1_1, conv2_1]", b"init: noise", b"optimizer: adam", b"network: pocket",
    b"levels: [{long_edge: 64, steps: 3}]", b"content_layer: conv2_1", b"tolerance: 1e-3",
)  # fmt: skip


def _line(rng: random.Random) -> bytes:
    if rng.random() < 0.5:
        return rng.choice(GOOD_LINES)
    key = rng.choice([*RecipeConfig.keys(), "image", "mode", "weight", "watch", "stylse"])
    return f"{key}: {_value(rng, 0)}".encode()


def _value(rng: random.Random, depth: int) -> str:
    kind = rng.random()
    if kind < 0.35 or depth > 4:
        return rng.choice(NUMBERS)
    if kind < 0.75:
        word = rng.choice(WORDS)
        return f'"{word}"' if "\\" in word or rng.random() < 0.3 else word
    parts = [_value(rng, depth + 1) for _ in range(rng.randrange(4))]
    if kind < 0.88:
        return f"[{', '.join(parts)}]"
    keys = ("image", "weight", "scale", "mode", "long_edge", "steps", "conv1_1", "x")
    return "{" + ", ".join(f"{rng.choice(keys)}: {part}" for part in parts) + "}"


# --- pictures --------------------------------------------------------------------------------

MODES = ("RGB", "L", "1", "P", "RGBA", "CMYK", "I;16", "F", "LAB", "LA", "I")
MAGIC = (
    b"8BPS\0\1", b"\x89HDF\r\n\x1a\n", b"BLP2\1\0\0\0", b"DDS \x7c\0\0\0", b"II*\0\x08\0\0\0",
    b"MM\0*", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", b"\xc5\xd0\xd3\xc6",
    b"SIMPLE  =  T", b"\x00\x00\x00\x1cftypavif", b"\x00\x00\x00\x18ftypheic", b"GRIB", b"BUFR",
    b"\xd7\xcd\xc6\x9a", b"qoif", b"icns", b"\0\0\1\0\1\0", b"\0\0\2\0\1\0",
    b"RIFF\xff\xff\xff\xffWEBPVP8X", b"\xb1\x68\xde\x3a", b"\xff\xd8\xff\xe0\0\x10JFIF",
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", b"BM\xff\xff\xff\xff", b"GIF89a\xff\xff",
    b"P6 99999 99999 255\n", b"\x01\xda\x01\1", b"\x0a\x05\x01\x08", b"\x59\xa6\x6a\x95", b"DanM",
    b"\xff\x4f\xff\x51", b"<?xml version='1.0'?><svg/>", b"%PDF-1.4", b"\x1f\x8b\x08",
    b"PK\x03\x04",
)  # fmt: skip
"""How files of formats begin, promised and other: what decides which decoder gets the rest."""


def whole_pictures() -> list[bytes]:
    """A small picture in every format and mode that Pillow writes, some in several ways."""
    PIL.Image.init()
    made = []
    # A PDF is drawn by others, and what is written for one game takes one size alone.
    for form in sorted(set(PIL.Image.SAVE) - {"PDF", "PALM"}):
        for mode in MODES:
            for options in (
                {},
                {"compression": "tiff_lzw"},
                {"compression": "packbits"},
                {"exif": _EXIF},
            ):
                if options and form not in {"TIFF", "JPEG", "PNG", "WEBP"}:
                    continue
                buffer = io.BytesIO()
                try:
                    PIL.Image.fromarray(picture(3, (24, 16))).convert(mode).save(
                        buffer, form, **options
                    )
                except Exception:  # noqa: S112, BLE001 - it does not go together
                    continue
                made.append(buffer.getvalue())
    return made


_EXIF = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"


def pictures(rng: random.Random, whole: list[bytes]) -> Iterator[tuple[str, bytes]]:
    """Pictures without end, each with a name: whole, cut, flipped, mixed, of other formats."""
    suffixes = sorted(STILL_SUFFIXES)
    while True:
        content = bytearray(rng.choice(whole))
        if rng.random() < 0.15:
            content = bytearray(rng.choice(MAGIC) + rng.randbytes(rng.choice((0, 9, 300, 5000))))
        elif rng.random() < 0.1:
            other, at = rng.choice(whole), rng.randrange(len(content))
            content[at:] = other[rng.randrange(len(other)) :]
        for _ in range(rng.choice((0, 1, 1, 2, 9))):
            rng.choice(CHANGES)(content, rng)
        yield f"p{rng.choice(suffixes)}", bytes(content)


# --- names -----------------------------------------------------------------------------------

PIECES = (
    b"a", b"night", b" ", b"\n", b"\r", b"\t", b"\x1b[2J", b"\x1b]0;t\x07", b"\x9b1m", b"'", b'"',
    b"`", b"$(id)", b";", b"|", b"&", b"*", b"?", b"[a]", b"{stem}", b"{", b"%s", b"%n", b"\\",
    b"\\n", b":", b"file:", b"http:", b"-", b"--", b"-i", b"~", b"..", b"\xff", b"\xe9",
    b"\xed\xa0\x80", b"\xe2\x80\xae", b"\xe2\x81\xa6", b"\xe2\x80\xa8", b"\xf0\x9f\x8e\x9e",
    b"\xcc\x81", b"ERROR: ", b"<3>", b"[red]", b"%04d", b"#", b"x" * 90, b"\x7f", b"\x01", b"CON",
    b"\xef\xbb\xbf",
)  # fmt: skip


def name(rng: random.Random, suffix: bytes) -> bytes:
    """A name of at most 255 bytes that a file system takes."""
    stem = b"".join(rng.choice(PIECES) for _ in range(rng.randint(1, 6)))
    return (stem.replace(b"/", b"").lstrip(b".~") or b"n")[: 250 - len(suffix)] + suffix


# --- harm ------------------------------------------------------------------------------------


def _flip(content: bytearray, rng: random.Random) -> None:
    for _ in range(rng.choice((1, 3, 30))):
        if content:
            content[_place(content, rng)] ^= 1 << rng.randrange(8)


def _cut(content: bytearray, rng: random.Random) -> None:
    del content[rng.randrange(len(content) + 1) :]


def _remove(content: bytearray, rng: random.Random) -> None:
    at = rng.randrange(len(content) + 1)
    del content[at : at + rng.choice((1, 4, 100))]


def _repeat(content: bytearray, rng: random.Random) -> None:
    at = rng.randrange(len(content) + 1)
    content[at:at] = content[at : at + rng.choice((1, 8, 200))] * rng.choice((1, 3))


def _number(content: bytearray, rng: random.Random) -> None:
    """Four bytes become a number that somebody may take for a size, a count or a place."""
    value = rng.choice((0, 1, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, len(content)))
    if len(content) >= 8:
        struct.pack_into(rng.choice("<>") + "I", content, _place(content, rng, 4), value)


def _insert(content: bytearray, rng: random.Random) -> None:
    at = rng.randrange(len(content) + 1)
    content[at:at] = rng.choice(
        (b"\0", b"\xff" * 9, b"\n", b"*a", b"\\ud800", b"!!", b"\t", b"\x85")
    )


def _place(content: bytearray, rng: random.Random, room: int = 1) -> int:
    """Mostly near the beginning, where headers are."""
    last = max(1, len(content) - room)
    return (
        min(rng.randrange(last), rng.randrange(last))
        if rng.random() < 0.5
        else rng.randrange(min(64, last))
    )


CHANGES: tuple[Change, ...] = (_flip, _flip, _cut, _remove, _repeat, _number, _insert)


def prepare(folder: Path) -> None:
    """What sidecars name beside them: a good style and some that are none."""
    (folder / "sub").mkdir()
    good = PIL.Image.fromarray(picture(7, (32, 24)))
    for path in ("style.png", "sub/style.png"):
        good.save(folder / path)
    (folder / "damaged.png").write_bytes((folder / "style.png").read_bytes()[:60])
    (folder / "link.png").symlink_to("/etc/passwd")
    (folder / "folder.png").mkdir()
