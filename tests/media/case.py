"""One case of the matrix: how its source is made, how it is sent, what must come of it."""

import hashlib
import shlex
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.media.facts import Facts, ffmpeg
from tests.media.program import Ended

PICTURE = "testsrc2=s=96x64:r=25:d=0.48"
SOUND = "aevalsrc='0.4*sin(2*PI*(300*t+1500*t*t))':s=48000:d=0.48"
"""A chirp: nothing in it repeats, so that a shift shows."""
STEREO = f"{SOUND},pan=stereo|c0=c0|c1=0.5*c0"
H264 = "-c:v libx264 -preset ultrafast -crf 10 -pix_fmt yuv420p"

Maker = Callable[[Path], object]
Check = Callable[[Facts, Facts, Ended], object]


@dataclass(frozen=True, kw_only=True)
class Case:
    """One case.

    Attributes:
        name: Of the test.
        source: Suffix of the source.
        make: ffmpeg's arguments for it, `{inputs}` being test picture and sound, `{folder}` a
            folder for itself, `{assets}` one with what `make_assets` has made; several commands are
            separated by `;;`. Or a function.
        picture: The test picture, lavfi; "" for none.
        sound: The test sound, lavfi; "" for none.
        to: Suffix of the output.
        options: For `nstd stylize --copy`.
        reference: What ffmpeg is to do with the source's pictures, beside making RGB of them.
        reading: ffmpeg's options for reading the source.
        differs: What may differ without a word, since it is what the case is about: beginnings of
            differences. Everything else that differs has to be named in the job's report.
        tolerance: Code values that the mean of a channel may be off; None for what is usual.
        refused: A part of the sentence with which it is refused; None where it is not.
        check: What is looked at besides.
    """

    name: str
    source: str
    make: str | Maker
    picture: str = PICTURE
    sound: str = SOUND
    to: str = "mp4"
    options: str = ""
    reference: str = ""
    reading: Sequence[str] = ()
    differs: Sequence[str] = ()
    tolerance: float | None = None
    refused: str | None = None
    check: Check | None = None

    def made(self, folder: Path) -> Path:
        """The source, made unless it is there: cases that share one, and processes, do so once."""
        key = repr((self.source, self.picture, self.sound, self.make))
        if callable(self.make):
            key = f"{self.source} {self.name}"
        assets = make_assets(folder)
        own = folder / hashlib.sha256(key.encode()).hexdigest()[:16]
        path = own / f"film.{self.source}"
        if path.exists():
            return path
        work = Path(tempfile.mkdtemp(dir=folder))
        new = work / path.name
        if callable(self.make):
            self.make(new)
        else:
            self._run(self.make, new, assets)
        _settle(work, own)
        return path

    def _run(self, commands: str, path: Path, assets: Path) -> None:
        inputs: list[str] = []
        for graph in filter(None, (self.picture, self.sound)):
            inputs += ["-f", "lavfi", "-i", graph]
        *earlier, last = commands.split(";;")
        for number, command in enumerate((*earlier, last)):
            arguments = [
                one.replace("{folder}", str(path.parent)).replace("{assets}", str(assets))
                for one in shlex.split(command)
            ]
            if "{inputs}" not in arguments and "-i" not in arguments:
                arguments.insert(0, "{inputs}")
            if "{inputs}" in arguments:
                place = arguments.index("{inputs}")
                arguments[place : place + 1] = inputs
            ffmpeg(*arguments, *([path] if number == len(earlier) else []))


SRT = """1
00:00:00,100 --> 00:00:00,200
Hello

2
00:00:00,250 --> 00:00:00,400
<i>wörld</i>
and more
"""
ASS = """[Script Info]
ScriptType: v4.00+

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, Alignment
Style: Default,Arial,20,&H00FFFFFF,2

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
Dialogue: 0,0:00:00.10,0:00:00.20,Default,,0,0,0,,Hello
Dialogue: 0,0:00:00.25,0:00:00.40,Default,,0,0,0,,{\\i1}wörld{\\i0}
"""
VTT = """WEBVTT

00:00.100 --> 00:00.200
Hello

00:00.250 --> 00:00.400
wörld
"""
CHAPTERS = """;FFMETADATA1
[CHAPTER]
TIMEBASE=1/1000
START=0
END=200
title=One
[CHAPTER]
TIMEBASE=1/1000
START=200
END=480
title=Zwei
"""

IDX = """# VobSub index file, v7
size: 96x64
palette: 000000, 0000ff, 00ff00, ff0000, ffff00, ff00ff, 00ffff, ffffff, 808000, 8080ff, 800080,\
 80ff80, 008080, ff8080, 555555, aaaaaa
id: en, index: 0
timestamp: 00:00:00:100, filepos: 000000000
""".replace("\\\n", "")
"""Of the subtitles of a DVD, which are pictures."""
_SPU = bytes.fromhex(
    "0032 0014" + "0810" * 8 + "0000 002c 03 0070 04 00f0 05 014033 02802f 06 0004 000c 01 ff"
    "ffff 002c 02 ff"
)
"""One of them, 48 pixels wide: where its commands are, eight lines, palette, contrast, place,
where its fields are, shown; later hidden."""
_SUP = b"".join(
    b"PG" + (9000).to_bytes(4) + bytes(4) + bytes([kind]) + len(data).to_bytes(2) + data
    for kind, data in ((0x16, bytes.fromhex("0060 0040 10 0000 80 00 00 00")), (0x80, b""))
)
"""Those of a Blu-ray disc, at 0.1 s: an empty picture, and its end."""


def _ps_packet(payload: bytes) -> bytes:
    """A packet of an MPEG program stream at 0.1 s."""
    pack = bytes.fromhex("000001ba 44000400040100000 3f8".replace(" ", ""))
    stamp = 9000
    stated = bytes([0x21 | stamp >> 29 & 0xE]) + ((stamp >> 14 & 0xFFFE) | 1).to_bytes(2)
    stated += ((stamp << 1 & 0xFFFE) | 1).to_bytes(2)
    body = bytes.fromhex("81 80 05") + stated + b"\x20" + payload
    return pack + bytes.fromhex("000001bd") + len(body).to_bytes(2) + body


def make_assets(folder: Path) -> Path:
    """Subtitles, chapters, a cover and a font that is none, for films to hold."""
    assets = folder / "assets"
    if assets.exists():
        return assets
    folder.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(dir=folder))
    for name, text in (("srt", SRT), ("ass", ASS), ("vtt", VTT), ("chapters", CHAPTERS)):
        (work / f"a.{name}").write_text(text, "utf-8")
    (work / "a.idx").write_text(IDX)
    (work / "a.sub").write_bytes(_ps_packet(_SPU))
    (work / "a.sup").write_bytes(_SUP)
    (work / "a.ttf").write_bytes(bytes(range(256)) * 4)
    picture = ["-f", "lavfi", "-i", "testsrc=s=48x48:d=1", "-frames:v", "1"]
    ffmpeg(*picture, work / "cover.png")
    ffmpeg(*picture, work / "cover.jpg")
    _settle(work, assets)
    return assets


def _settle(work: Path, place: Path) -> None:
    """Give a folder its name, unless another process was first."""
    try:
        work.rename(place)
    except OSError:
        assert place.is_dir()
