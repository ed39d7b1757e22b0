"""Render the style images: `python -m art.render [NAME…] [--out FOLDER]`."""

import argparse
import io
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image

from art import halftone, impasto, mosaic, pastel, stainedglass, watercolor, woodcut
from art.canvas import Bytes

PAINTINGS: dict[str, Callable[[int, np.random.Generator], Bytes]] = {
    "impasto": impasto.render,
    "woodcut": woodcut.render,
    "mosaic": mosaic.render,
    "watercolor": watercolor.render,
    "pastel": pastel.render,
    "stainedglass": stainedglass.render,
    "halftone": halftone.render,
}
EDGE = 768
"""Pixels of the long edge."""
QUALITY = 86


def render(name: str, edge: int = EDGE) -> Bytes:
    """The painting of that name, uint8 `[height, width, 3]`; every time the same one."""
    rng = np.random.default_rng([*name.encode()])
    return PAINTINGS[name](edge, rng)


def encode(picture: Bytes) -> bytes:
    """The picture as a JPEG with color at full resolution."""
    buffer = io.BytesIO()
    PIL.Image.fromarray(picture).save(buffer, "JPEG", quality=QUALITY, subsampling=0, optimize=True)
    return buffer.getvalue()


def main() -> None:
    """Render what the command line names, or all."""
    parser = argparse.ArgumentParser(prog="python -m art.render", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(PAINTINGS))
    parser.add_argument("--out", type=Path, default=Path("nstd/data/styles"), metavar="FOLDER")
    parser.add_argument("--edge", type=int, default=EDGE, help="pixels of the long edge")
    arguments = parser.parse_args()
    unknown = set(arguments.names) - set(PAINTINGS)
    if unknown:
        parser.error(f"there is no {', '.join(sorted(unknown))}")
    arguments.out.mkdir(parents=True, exist_ok=True)
    for name in arguments.names or PAINTINGS:
        started = time.monotonic()
        content = encode(render(name, arguments.edge))
        (arguments.out / f"{name}.jpg").write_bytes(content)
        seconds = time.monotonic() - started
        sys.stdout.write(f"{name}: {len(content) // 1000} kB, {seconds:.1f} s\n")


if __name__ == "__main__":
    main()
