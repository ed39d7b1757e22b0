"""What Debian's ffprobe and ffmpeg find in a film: two calls, and no code of nstd's."""

import json
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Pictures = npt.NDArray[np.uint8]
Sound = npt.NDArray[np.float32]
Json = Mapping[str, Any]

EXACT = "bicubic+accurate_rnd+full_chroma_int"
"""How swscale converts exactly."""
RATE = 48000
TEXTS = {"subrip", "ass", "ssa", "mov_text", "webvtt", "text", "ttml"}


@dataclass(frozen=True)
class Packet:
    """One packet, its times in seconds."""

    time: Fraction | None
    duration: Fraction
    content: str
    size: int
    discarded: bool


@dataclass(frozen=True)
class Stream:
    """One stream; `raw` is what ffprobe says of it."""

    raw: Json
    packets: Sequence[Packet]
    frames: Sequence[Fraction]

    @property
    def kind(self) -> str:
        return str(self.raw.get("codec_type", "unknown"))

    @property
    def codec(self) -> str:
        return str(self.raw.get("codec_name", "unknown"))

    @property
    def index(self) -> int:
        return int(self.raw["index"])

    @property
    def tags(self) -> Mapping[str, str]:
        return self.raw.get("tags") or {}

    @property
    def dispositions(self) -> set[str]:
        return {name for name, on in self.raw["disposition"].items() if on}

    @property
    def tick(self) -> Fraction:
        return Fraction(self.raw["time_base"])

    @property
    def cover(self) -> bool:
        return self.kind == "video" and "attached_pic" in self.dispositions

    @property
    def matrix(self) -> str | None:
        for data in self.raw.get("side_data_list", ()):
            if "displaymatrix" in data:
                return str(data["displaymatrix"])
        return None

    @property
    def shown(self) -> Sequence[Packet]:
        """The packets whose content is meant to be seen or heard."""
        return [packet for packet in self.packets if not packet.discarded]


@dataclass(frozen=True)
class Facts:
    """A film, looked at from outside.

    Attributes:
        path: The file.
        format: What ffprobe says of the container.
        streams: All of them.
        chapters: Begin and end in seconds, and title.
        pictures: `[frames, height, width, 3]`, sRGB, upright.
        sounds: By stream, mono at `RATE`.
        texts: By stream, the words of each subtitle.
        said: What ffmpeg complained about.
    """

    path: Path
    format: Json
    streams: Sequence[Stream]
    chapters: Sequence[tuple[Fraction, Fraction, str]]
    pictures: Pictures
    sounds: Mapping[int, Sound] = field(default_factory=dict)
    texts: Mapping[int, Sequence[str]] = field(default_factory=dict)
    said: str = ""

    @property
    def picture(self) -> Stream:
        return main_picture(self.streams)

    @property
    def others(self) -> Sequence[Stream]:
        return [stream for stream in self.streams if stream is not self.picture]

    @property
    def tags(self) -> Mapping[str, str]:
        return self.format.get("tags") or {}


def main_picture(streams: Sequence[Stream]) -> Stream:
    return next(stream for stream in streams if stream.kind == "video" and not stream.cover)


def ffmpeg(*arguments: str | Path) -> str:
    """Run ffmpeg; gives what it said."""
    command = ["ffmpeg", "-nostdin", "-v", "error", "-y", *map(str, arguments)]
    ended = subprocess.run(command, check=False, capture_output=True, timeout=60)
    said = ended.stderr.decode("utf-8", "replace")
    assert ended.returncode == 0, f"{' '.join(command)}\n{said}"
    return said


def look(path: Path, work: Path, filters: str = "", before: Sequence[str] = ()) -> Facts:
    """Everything of a film.

    Args:
        path: The film.
        work: A folder for what is decoded.
        filters: What its pictures go through before they are converted to RGB.
        before: Options for reading it.
    """
    work.mkdir(parents=True, exist_ok=True)
    data, streams = probe(path)
    picture = main_picture(streams)
    command: list[str | Path] = ["-i", path, "-map", f"0:{picture.index}"]
    command += ["-vf", filters] if filters else []
    command += ["-fps_mode", "passthrough", "-sws_flags", EXACT, "-pix_fmt", "rgb24"]
    command += ["-f", "rawvideo", work / "picture"]
    sounds = [one for one in streams if one.kind == "audio" and one.packets]
    texts = [one for one in streams if one.kind == "subtitle" and one.codec in TEXTS]
    for one in sounds:
        command += ["-map", f"0:{one.index}", "-ac", "1", "-ar", str(RATE), "-f", "f32le"]
        command += [work / f"sound{one.index}"]
    for one in texts:
        command += ["-map", f"0:{one.index}", "-c:s", "srt", "-f", "srt", work / f"text{one.index}"]
    said = ffmpeg(*before, *command)
    return Facts(
        path=path,
        format=data["format"],
        streams=streams,
        chapters=[_chapter(one) for one in data.get("chapters", ())],
        pictures=_pictures(work / "picture", picture, filters),
        sounds={one.index: np.fromfile(work / f"sound{one.index}", np.float32) for one in sounds},
        texts={one.index: _read_srt(work / f"text{one.index}") for one in texts},
        said=said,
    )


def probe(path: Path) -> tuple[Json, Sequence[Stream]]:
    """What ffprobe says of all of a film; its streams with their packets and frames."""
    command = ["ffprobe", "-v", "quiet", "-of", "json=c=1", "-show_format"]
    command += ["-show_streams", "-show_chapters", "-show_packets", "-show_frames"]
    command += ["-show_data_hash", "md5", str(path)]
    ended = subprocess.run(command, capture_output=True, timeout=60, check=True)
    data = json.loads(ended.stdout.decode("utf-8", "replace"))
    items = data.get("packets_and_frames", ())
    streams = []
    for raw in data["streams"]:
        own = [item for item in items if item.get("stream_index") == raw["index"]]
        tick = Fraction(raw["time_base"])
        packets = [_packet(item, tick) for item in own if item["type"] == "packet"]
        times = [item.get("best_effort_timestamp") for item in own if item["type"] == "frame"]
        frames = [None if time is None else time * tick for time in times]
        streams.append(Stream(raw, packets, _with_first(frames, raw["avg_frame_rate"])))
    return data, streams


def _with_first(times: Sequence[Fraction | None], rate: str) -> Sequence[Fraction]:
    """Frames' times; the first ones, where they are not stated, counted back from the others."""
    known = [time for time in times if time is not None]
    missing = len(times) - len(known)
    if not missing or not known or rate == "0/0":
        return known
    return [known[0] - (missing - number) / Fraction(rate) for number in range(missing)] + known


def _packet(item: Json, tick: Fraction) -> Packet:
    stamp = item.get("pts", item.get("dts"))
    return Packet(
        time=None if stamp is None else stamp * tick,
        duration=item.get("duration", 0) * tick,
        content=item["data_hash"],
        size=int(item["size"]),
        discarded="D" in item["flags"],
    )


def _chapter(raw: Json) -> tuple[Fraction, Fraction, str]:
    tick = Fraction(raw["time_base"])
    return raw["start"] * tick, raw["end"] * tick, (raw.get("tags") or {}).get("title", "")


def _pictures(path: Path, stream: Stream, filters: str) -> Pictures:
    width, height = int(stream.raw["width"]), int(stream.raw["height"])
    if found := re.search(r"scale=(\d+):(\d+)", filters):
        width, height = int(found[1]), int(found[2])
    elif turned(stream):
        width, height = height, width
    return np.fromfile(path, np.uint8).reshape(-1, height, width, 3)


def turned(stream: Stream) -> bool:
    """Whether it is shown lying where it is stored upright, or the other way around."""
    for data in stream.raw.get("side_data_list", ()):
        if "rotation" in data and stream.matrix is not None:
            return round(abs(float(data["rotation"]))) in {90, 270}
    return False


def _read_srt(path: Path) -> Sequence[str]:
    found = []
    for block in re.split(r"\n\s*\n", path.read_text("utf-8", "replace").strip()):
        lines = block.splitlines()
        if len(lines) < 2:
            continue
        found.append(re.sub(r"<[^>]*>|\{[^}]*\}", "", "\n".join(lines[2:])).strip())
    return found
