"""What reading a film costs, beside OpenCV's `read()` of the same film in the same run.

    python bench/reading.py [FILM] [--frames 250] [--rounds 3] [--minutes 10]

Without a film one is made: H.264, 1920 × 1080, B-frames, a keyframe every 50 frames. Prints

- CPU milliseconds a frame takes, in all threads: by OpenCV's `read()`, by `read_frames` and by
  `read_shots` (which looks for cuts), and the ratio of the latter two to OpenCV's;
- CPU seconds until the last frame but one is there: read from the first frame on, and by seeking;
- how much more memory reading a small film of ten minutes takes than one of ten seconds.

The minimum of all rounds counts; what is compared is measured alternately.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import partial
from itertools import islice
from pathlib import Path
from typing import cast

import av
import cv2
from av.filter import Graph

from nstd.media.frame import Frame, VideoInfo
from nstd.media.read.probe import probe
from nstd.media.read.reader import read_frames
from nstd.media.read.shots import read_shots

RATE = 25
PEAK = """
import resource, sys
from pathlib import Path
from nstd.media.read.probe import probe
from nstd.media.read.shots import read_shots
film = Path(sys.argv[1])
for _ in read_shots(film, probe(film)):
    pass
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def make(path: Path, size: tuple[int, int], frames: int) -> Path:
    """A film that moves, of ffmpeg's test source with noise."""
    graph = Graph()
    graph.link_nodes(
        graph.add("testsrc2", f"size={size[0]}x{size[1]}:rate={RATE}"),
        graph.add("noise", "alls=6:allf=t"),
        graph.add("format", "yuv420p"),
        graph.add("buffersink"),
    ).configure()
    options = {"preset": "fast", "crf": "20", "g": "50", "bf": "3"}
    with av.open(str(path), "w") as output:
        stream = cast("av.VideoStream", output.add_stream("libx264", rate=RATE, options=options))
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        for number in range(frames):
            frame = graph.vpull()
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


def by_opencv(film: Path) -> Iterator[object]:
    """What is compared with: frames as OpenCV reads them."""
    capture = cv2.VideoCapture(str(film), cv2.CAP_FFMPEG)
    while (read := capture.read())[0]:
        yield read[1]
    capture.release()


def cpu(task: Callable[[], object]) -> float:
    """CPU seconds of all threads."""
    start = time.process_time()
    task()
    return time.process_time() - start


def reading(film: Path, info: VideoInfo, frames: int, rounds: int) -> None:
    """Print what a frame takes."""
    ways: dict[str, Callable[[], Iterator[object]]] = {
        "OpenCV's read()": lambda: by_opencv(film),
        "read_frames": lambda: read_frames(film, info),
        "read_shots": lambda: read_shots(film, info),
    }
    taken = {name: [1e9] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            seconds = cpu(partial(deque, islice(way(), frames), maxlen=0))
            taken[name].append(seconds * 1e3 / min(frames, info.frames))
    plain = min(taken["OpenCV's read()"])
    print(f"{film.name}: {info.width}×{info.height}, {info.pixel_format}, read by {info.reader}")
    for name, times in taken.items():
        best = min(times)
        print(f"  {name:16} {best:6.1f} ms  × {best / plain:.2f}  {best - plain:+.1f} ms")


def seeking(film: Path, info: VideoInfo, rounds: int) -> None:
    """Print what it takes to come to a frame."""
    print("  CPU seconds to a frame, from the first one on and sought:")
    for index in ((info.frames - 2) // 2, info.frames - 2):
        whole, sought = (
            min(cpu(partial(last_of, film, info, first, index)) for _ in range(rounds))
            for first in (0, index)
        )
        print(f"    frame {index:6}  {whole:6.2f}  {sought:6.2f}  × {sought / whole:.2f}")


def last_of(film: Path, info: VideoInfo, first: int, last: int) -> Frame:
    """Read some frames; the last one."""
    return deque(read_frames(film, info, first, last), maxlen=1)[0]


def memory(folder: Path, minutes: float) -> None:
    """Print how the peak of memory grows with a film's length."""
    peaks = []
    for seconds in (10, round(minutes * 60)):
        film = make(folder / f"{seconds}.mp4", (160, 90), seconds * RATE)
        call = [sys.executable, "-c", PEAK, str(film)]
        said = subprocess.run(call, check=True, capture_output=True, text=True).stdout
        peaks.append(int(said) / 1024)
    few, many = peaks
    print(f"  peak of 10 s: {few:.0f} MiB, of {minutes:g} min: {many:.0f} MiB, {many - few:+.0f}")


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("film", type=Path, nargs="?")
    parser.add_argument("--frames", type=int, default=250)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--minutes", type=float, default=10.0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        film = arguments.film or make(Path(folder, "made.mp4"), (1920, 1080), arguments.frames)
        info = probe(film)
        reading(film, info, arguments.frames, arguments.rounds)
        seeking(film, info, arguments.rounds)
        if arguments.minutes:
            memory(Path(folder), arguments.minutes)


if __name__ == "__main__":
    main()
