"""Do refactorings leave every byte alone? Hashes of painted films, from the real program.

    python bench/hashes.py hashes.json              # write them down
    python bench/hashes.py hashes.json --check      # paint again and compare

The films are drawn here, so that nothing else is needed. Hashes hold for one machine and one set of
versions: write them down before a change, compare after it.
"""

import argparse
import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
SIZE = (128, 96)
CUT = 6
"""The film's second shot begins here; each shot has two segments of at most four frames."""
FRAMES = 11
LOOK = ("--style", "impasto", "--levels", "64:6,128:4", "--preset", "ultrafast", "--threads", "1")


def main() -> int:
    """Paint all, then write the hashes down or compare them; 1 where one differs."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        found = painted(Path(name))
    for kind, digest in found.items():
        print(f"{kind:12} {digest}")
    if not options.check:
        options.file.write_text(json.dumps(found, indent=2) + "\n")
        return 0
    known = json.loads(options.file.read_text())
    changed = sorted(kind for kind in known | found if known.get(kind) != found.get(kind))
    print(f"changed: {', '.join(changed)}" if changed else "all as they were")
    return bool(changed)


def painted(folder: Path) -> dict[str, str]:
    """The SHA-256 of each painted file."""
    film, still = folder / "film.mkv", folder / "still.png"
    draw_film(film)
    Image.fromarray(picture(0, 0)).save(still)
    (folder / "nstd.yaml").write_text("devices: cpu\nsegment_frames: 4\n")
    results = {
        "flow": stylize(folder, film, "flow.mp4"),
        "independent": stylize(folder, film, "independent.mp4", "--temporal", "independent"),
        "still": stylize(folder, still, "still-painted.png"),
        "resumed": stylize(folder, film, "resumed.mp4", killed_after=3),
    }
    found = {kind: hashlib.sha256(path.read_bytes()).hexdigest() for kind, path in results.items()}
    if found["resumed"] != found["flow"]:
        raise SystemExit("A film that was killed and taken up again has other bytes")
    return found


def stylize(
    folder: Path, source: Path, target: str, *options: str, killed_after: int | None = None
) -> Path:
    """Run the program; with `killed_after` it is first killed once so many frames are kept."""
    home = folder / target.partition(".")[0]
    words = [sys.executable, "-m", "nstd", "stylize", str(source), "-o", str(folder / target)]
    words += ["--config", str(folder / "nstd.yaml"), *LOOK, *options]
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "HOME": str(home),
        "OMP_NUM_THREADS": "1",
    }
    if killed_after is not None:
        process = subprocess.Popen(words, env=environment, stderr=subprocess.DEVNULL)
        while len(list(home.glob(".local/state/nstd/**/segment-*/frame-*.png"))) < killed_after:
            if process.poll() is not None:
                raise SystemExit(f"It ended before {killed_after} frames were kept")
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        process.wait()
    subprocess.run([*words, "--quiet"], env=environment, check=True)
    return folder / target


def draw_film(path: Path) -> None:
    """Two shots: a square that moves before a wall, and the same in other colors."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=Fraction(25))
        stream.width, stream.height = SIZE
        stream.pix_fmt = "bgr0"
        for number in range(FRAMES):
            image = picture(int(number >= CUT), number % CUT)
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def picture(shot: int, step: int) -> npt.NDArray[np.uint8]:
    """A frame `[height, width, 3]`: soft noise as a wall, a bright square before it."""
    width, height = SIZE
    rng = np.random.default_rng(shot)
    coarse = rng.integers(0, 160, (height // 8, width // 8, 3), dtype=np.uint8)
    wall = Image.fromarray(coarse).resize(SIZE, Image.Resampling.BICUBIC)
    image = np.asarray(wall).copy()
    left = 20 + 5 * step
    image[30:60, left : left + 30] = 255 - image[30:60, left : left + 30]
    return image


if __name__ == "__main__":
    sys.exit(main())
