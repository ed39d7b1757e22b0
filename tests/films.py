"""What tests of whole films need: a round trip through the writer, and looking at the result."""

import hashlib
import json
import subprocess
from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt

from nstd.files import publish
from nstd.media.frame import Frame, VideoInfo
from nstd.media.read.probe import probe
from nstd.media.read.reader import read_frames
from nstd.media.write.assemble import assemble
from nstd.media.write.codecs import CODECS, EncodeSettings
from nstd.media.write.rehearsal import plan
from nstd.media.write.segment import Assembly, SegmentWriter

QUICK = EncodeSettings(preset="ultrafast")


def frames_of(film: Path) -> tuple[VideoInfo, list[Frame]]:
    """A film's facts and all its frames."""
    info = probe(film)
    return info, list(read_frames(film, info))


def at_least(codec: str, width: int, height: int) -> tuple[int, int]:
    """A size that the codec takes."""
    least = CODECS[codec].smallest
    return max(width, least[0]), max(height, least[1])


def round_trip(
    source: Path,
    folder: Path,
    settings: EncodeSettings = QUICK,
    *,
    cuts: Sequence[int] = (),
    span: tuple[int, int] | None = None,
    accept_truncated: bool = False,
) -> Path:
    """Read a film, write its frames as they are in segments that begin at `cuts`, join them.

    With `span` only the frames in it are written.
    """
    info = probe(source, accept_truncated=accept_truncated)
    frames = [
        frame
        for frame in read_frames(source, info)
        if span is None or span[0] <= frame.pts < span[1]
    ]
    bounds = [0, *cuts, len(frames)]
    segments = [
        write_segment(folder / f"segment-{first:06}", info, frames[first:last], settings)
        for first, last in pairwise(bounds)
    ]
    target = folder / f"painted.{settings.container}"
    part = joined(segments, source, info, target, settings, span=span)
    publish(part, target, overwrite=False)
    return target


def joined(
    segments: Sequence[Path],
    source: Path,
    info: VideoInfo,
    target: Path,
    settings: EncodeSettings,
    *,
    span: tuple[int, int] | None = None,
    alive: Callable[[], object] = lambda: None,
) -> Path:
    """Join segments with what is kept of their source."""
    keeping = plan(source, info, settings)
    whole = Assembly(segments=segments, info=info, settings=settings, alive=alive)
    return assemble(whole, source, target, keeping, span=span)


def sentences(source: Path, settings: EncodeSettings = QUICK) -> list[str]:
    """What becomes of each part of a film beside its pictures, in words."""
    return [fate.sentence for fate in plan(source, probe(source), settings).fates]


def write_segment(
    path: Path, info: VideoInfo, frames: Sequence[Frame], settings: EncodeSettings = QUICK
) -> Path:
    """Write one closed segment."""
    with SegmentWriter(path, info, settings) as writer:
        for frame in frames:
            writer.write(frame)
    return path


def names(folder: Path) -> list[str]:
    """What is in a folder, sorted; hidden files too."""
    return sorted(path.name for path in folder.iterdir())


def times(film: Path, stream: int = 0) -> list[Fraction]:
    """Seconds at which every frame is shown, by PyAV's decoder."""
    with av.open(str(film)) as container:
        video = container.streams[stream]
        assert isinstance(video, av.VideoStream)
        return [
            frame.pts * frame.time_base
            for frame in container.decode(video)
            if frame.pts is not None and frame.time_base
        ]


def shown(film: Path, ffprobe: str) -> list[int]:
    """When ffprobe says that the frames are shown, those of which it cannot left out."""
    asked = ["-select_streams", "v:0", "-show_entries", "frame=best_effort_timestamp"]
    told = subprocess.run(
        [ffprobe, "-v", "error", *asked, "-of", "csv=p=0", str(film)],
        check=True,
        capture_output=True,
        text=True,
    )
    lines = [line.partition(",")[0].strip() for line in told.stdout.splitlines()]
    return [int(line) for line in lines if line not in ("", "N/A")]


def streams(film: Path) -> list[str]:
    """The kinds of its streams, in order."""
    with av.open(str(film)) as container:
        return [stream.type for stream in container.streams]


def pictures(film: Path, stream: int = 0) -> list[npt.NDArray[np.uint8]]:
    """All frames as PyAV decodes them: RGB, not turned upright."""
    with av.open(str(film)) as container:
        video = container.streams[stream]
        assert isinstance(video, av.VideoStream)
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video)]  # type: ignore[misc]


def packets(film: Path, kind: str) -> list[list[tuple[Fraction, str]]]:
    """For each stream of a kind: begin in seconds and hash of every packet that is not empty."""
    found: dict[int, list[tuple[Fraction, str]]] = {}
    with av.open(str(film)) as container:
        for stream in container.streams:
            if stream.type == kind:
                found[stream.index] = []
        for packet in container.demux():
            if packet.stream_index in found and packet.size and packet.pts is not None:
                digest = hashlib.sha256(bytes(packet)).hexdigest()
                found[packet.stream_index].append((packet.pts * packet.time_base, digest))
    return list(found.values())


def contents(film: Path, kind: str) -> list[str]:
    """For each stream of a kind: hash of all it holds; packets may be parted differently."""
    found: dict[int, Any] = {}
    with av.open(str(film)) as container:
        for packet in container.demux([s for s in container.streams if s.type == kind]):
            if packet.size:
                found.setdefault(packet.stream_index, hashlib.sha256()).update(bytes(packet))
    return [found[index].hexdigest() for index in sorted(found)]


def subtitles(film: Path, prefixed: bool) -> list[tuple[Fraction, Fraction, str]]:
    """Begin, duration and text of every subtitle of the first subtitle stream."""
    found = []
    with av.open(str(film)) as container:
        for packet in container.demux(container.streams.subtitles[0]):
            text = bytes(packet)
            if prefixed:  # by its length, and followed by its styling
                text = text[2 : 2 + int.from_bytes(text[:2], "big")]
            if text and packet.pts is not None:
                duration = (packet.duration or 0) * packet.time_base
                found.append((packet.pts * packet.time_base, duration, text.decode()))
    return found


def chapters(film: Path) -> list[tuple[Fraction, Fraction, str]]:
    """Begin and end in seconds, and title, of every chapter."""
    with av.open(str(film)) as container:
        return [
            (begin, end, chapter["metadata"]["title"])
            for chapter in container.chapters()
            for begin, end in [_seconds(chapter)]
        ]


def remuxed(ffmpeg: str, source: Path, target: Path, *options: str) -> Path:
    """The same streams in another file, by ffmpeg, with these options for it."""
    call(ffmpeg, "-i", source, "-map", "0", "-c", "copy", *options, target)
    return target


def call(ffmpeg: str, *words: object) -> str:
    """What ffmpeg prints on its standard output, told to do this."""
    told = subprocess.run(
        [ffmpeg, "-nostdin", "-v", "error", "-y", *map(str, words)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return told.stdout


def looked(ffprobe: str, film: Path, *questions: str) -> Any:
    """What ffprobe says of a film, all its streams and its format by default."""
    asked = questions or ("-show_format", "-show_streams", "-show_chapters")
    command = [ffprobe, "-v", "error", *asked, "-of", "json", str(film)]
    told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return json.loads(told.stdout)


def _seconds(chapter: Any) -> tuple[Fraction, Fraction]:
    time_base = chapter["time_base"]
    return chapter["start"] * time_base, chapter["end"] * time_base
