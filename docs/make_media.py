"""Fill the tables of `media.md` from the code's own: `python docs/make_media.py`.

The text between them is written by hand. A test holds that the file is what this makes of it.
"""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from nstd.media.names import FILM_SUFFIXES, READ_FORMATS, REFUSED_FORMATS
from nstd.media.still_formats import STILL_FORMATS
from nstd.media.write.codecs import CODECS, Codec
from nstd.media.write.containers import FILMS, PICTURES, Container, PictureForm
from nstd.media.write.sound import codec_is_lossless, unplayable

DOCUMENT = Path(__file__).with_name("media.md")

SOUND = (
    "aac", "mp3", "opus", "vorbis", "flac", "alac", "ac3", "eac3", "dts", "truehd", "mp2", "wmav2",
    "pcm_s16le", "pcm_s24le", "pcm_s32le", "pcm_f32le", "pcm_alaw",
)  # fmt: skip
"""ffmpeg's names of the sound that films have."""

_NAMES = {
    "aac": "AAC", "mp3": "MP3", "opus": "Opus", "libopus": "Opus", "vorbis": "Vorbis",
    "flac": "FLAC", "alac": "ALAC", "ac3": "AC-3", "eac3": "E-AC-3", "dts": "DTS",
    "truehd": "TrueHD", "mp2": "MP2", "wmav2": "WMA", "pcm_u8": "PCM, 8 bits",
    "pcm_s16le": "PCM, 16 bits", "pcm_s24le": "PCM, 24 bits", "pcm_s32le": "PCM, 32 bits",
    "pcm_f32le": "PCM, floating point", "pcm_alaw": "A-law",
    "mov_text": "MP4's own text", "subrip": "SubRip", "webvtt": "WebVTT",
}  # fmt: skip


def made(text: str) -> str:
    """The document with its tables made anew."""
    tables = {
        "codecs": _table(
            ("Codec", "Containers", "Profiles", "Bits", "Alpha", "Quality"),
            [_codec(name, codec) for name, codec in CODECS.items()],
        ),
        "films as pictures": _table(
            ("Suffix", "What it is", "Bits", "Alpha"),
            [(name, *_pictures(form)) for name, form in PICTURES.items()],
        ),
        "containers": _table(
            ("", *FILMS), [(what, *map(tell, FILMS.values())) for what, tell in _HELD]
        ),
        "sound": _table(
            ("Sound", *FILMS),
            [(_NAMES[codec], *(_sound(codec, one) for one in FILMS.values())) for codec in SOUND],
        ),
        "pictures": _table(
            ("", *STILL_FORMATS),
            [
                (what, *(_yes(getattr(one, key)) for one in STILL_FORMATS.values()))
                for key, what in _BESIDE.items()
            ],
        ),
        "read": _table(
            ("", "By their names"),
            [
                ("Films", _listed(FILM_SUFFIXES)),
                ("Pictures", _listed(READ_FORMATS)),
                ("Not read", ", ".join(REFUSED_FORMATS)),
            ],
        ),
    }
    for name, table in tables.items():
        begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
        text = re.sub(f"{begin}.*?{end}", lambda _: f"{begin}{table}{end}", text, flags=re.DOTALL)  # noqa: B023
    return text


def _codec(name: str, codec: Codec) -> Sequence[str]:
    bits = sorted({layout.bits for layout in codec.layouts})
    return (
        name,
        ", ".join(codec.containers),
        ", ".join(codec.profiles) or "–",
        ", ".join(map(str, bits)),
        _yes(any(layout.alpha for layout in codec.layouts)),
        f"0 to {codec.worst}" if codec.worst else "–",
    )


def _pictures(form: PictureForm) -> Sequence[str]:
    what = "one animation" if form.animation else "a file for each frame"
    return what, ", ".join(map(str, form.depths)), form.alpha or "–"


def _sound(codec: str, container: Container) -> str:
    if not unplayable(codec, container, "compatible"):
        return "as it is"
    if codec_is_lossless(codec) and container.lossless:
        return f"→ {_lossless(container)}"
    return f"→ {_NAMES[container.lossy]}"


def _lossless(container: Container) -> str:
    first = container.lossless[0]
    return "PCM" if first.startswith("pcm") else _NAMES[first]


def _flags(container: Container) -> str:
    """Dispositions by name; not that of covers, nor those that MP4 tells in others' words."""
    told = container.holds.flags - {"attached_pic", "captions", "descriptions"}
    return ", ".join(sorted(told))


_HELD = (
    ("Times", lambda one: "exact" if one.edit_lists else "to the millisecond"),
    ("Cover", lambda one: _yes(one.cover)),
    ("Attachments", lambda one: _yes(one.attachments)),
    ("Text subtitles that it cannot hold", lambda one: f"→ {_NAMES[one.text]}"),
    ("Subtitles that are pictures", lambda one: _yes(one.bitmap_subtitles)),
    (
        "Shape of pixels",
        lambda one: "exact" if one.states_aspect else "to half a pixel of the width shown",
    ),
    ("Display matrix", lambda one: one.holds.matrix),
    ("Timecode", lambda one: _yes(one.holds.clock)),
    (
        "Keys of metadata",
        lambda one: "all" if one.holds.known is None or one.boxes else "known",
    ),
    (
        "Keys of streams",
        lambda one: (
            "all" if one.holds.of_streams is None else ", ".join(sorted(one.holds.of_streams))
        ),
    ),
    ("Flags of streams", _flags),
)
"""What a container holds, and how that is told of one."""


_BESIDE = {
    "alpha": "Transparency",
    "deep": "16 bits a color",
    "profile": "A statement of its colors",
    "exif": "EXIF",
    "xmp": "XMP",
    "iptc": "IPTC",
    "text": "Keywords with texts",
    "comment": "A comment",
    "dpi": "Resolution",
}
"""What a format of pictures holds, by its name in `StillFormat`."""


def _yes(held: object) -> str:
    return "yes" if held else "–"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


if __name__ == "__main__":
    DOCUMENT.write_text(made(DOCUMENT.read_text("utf-8")), "utf-8")
