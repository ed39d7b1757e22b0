"""Finished films as ffprobe sees them: a reader that is no part of nstd."""

import json
import subprocess
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt

Pictures = list[npt.NDArray[np.uint8]]


@dataclass(frozen=True)
class Seen:
    """What ffprobe tells of a film.

    Attributes:
        size: Width and height as a player shows it, turned upright.
        times: When each frame is shown, in seconds.
        sound: Begin and hash of every packet of sound.
    """

    size: tuple[int, int]
    times: list[Fraction]
    sound: list[tuple[Fraction, str]]


def look(film: Path, ffprobe: str) -> Seen:
    """Everything about a film that nstd promises to keep."""
    streams = _ask(ffprobe, film, "-show_streams")["streams"]
    video = next(stream for stream in streams if stream["codec_type"] == "video")
    turned = any(abs(data.get("rotation", 0)) == 90 for data in video.get("side_data_list", []))
    coded = (video["width"], video["height"])
    frames = _ask(ffprobe, film, "-select_streams", "v:0", "-show_frames")["frames"]
    base = Fraction(video["time_base"])
    packets = []
    for stream in streams:
        if stream["codec_type"] == "audio":
            select = ("-select_streams", str(stream["index"]), "-show_data_hash", "sha256")
            unit = Fraction(stream["time_base"])
            packets += [
                (packet["pts"] * unit, packet["data_hash"])
                for packet in _ask(ffprobe, film, *select, "-show_packets")["packets"]
            ]
    return Seen(
        size=coded[::-1] if turned else coded,
        times=[frame["pts"] * base for frame in frames],
        sound=packets,
    )


def pictures(film: Path) -> Pictures:
    """All frames, RGB, as coded: not turned upright."""
    with av.open(str(film)) as container:
        return [
            np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
            for frame in container.decode(video=0)
        ]


def likeness(one: npt.NDArray[np.uint8], other: npt.NDArray[np.uint8]) -> float:
    """Correlation of two pictures' values."""
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])


def _ask(ffprobe: str, film: Path, *questions: str) -> dict[str, Any]:
    command = [ffprobe, "-v", "error", "-of", "json", *questions, str(film)]
    answer = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert not answer.stderr, answer.stderr
    found: dict[str, Any] = json.loads(answer.stdout)
    return found
