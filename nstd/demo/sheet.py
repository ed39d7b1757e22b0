"""Before and after: some moments of both films, one above the other."""

from pathlib import Path

import numpy as np

from nstd.demo.files import DemoFiles
from nstd.media.frame import Frame
from nstd.media.read.probe import probe
from nstd.media.read.reader import read_frames
from nstd.media.sheet import contact_sheet
from nstd.media.still import Still
from nstd.media.still_write import encode_still

_MOMENTS = 3
"""How many frames of each film are shown."""
_CELL = 540
"""Pixels of the square that a pair fits into: 1.5 times the height of both."""
_GAP = 6
"""Pixels between before and after."""


def write_sheet(files: DemoFiles, style: str) -> Path:
    """Draw moments of the sample and of the painted film: before above, after below.

    Args:
        files: Where both films are.
        style: The style's name, for the labels.

    Returns:
        Path of the hidden part beside the sheet, on the disk.

    Raises:
        InputError: One of the films cannot be read.
        StorageError: The file system failed; nothing stays behind.
    """
    frames = probe(files.painted).frames
    before, after = (_moments(film, frames) for film in (files.sample, files.painted))
    pairs = [
        np.vstack([source.image, np.zeros((_GAP, source.image.shape[1], 3), np.uint8), paint.image])
        for source, paint in zip(before, after, strict=True)
    ]
    labels = [f"{float(frame.seconds):.1f} s, {style}" for frame in before]
    picture = contact_sheet(pairs, labels, columns=len(pairs), cell=_CELL)
    return encode_still(picture, Still(picture, None, "PNG"), files.sheet, quality=100)


def _moments(film: Path, frames: int) -> list[Frame]:
    """Some of a film's first `frames`."""
    wanted = set(np.linspace(0, frames - 1, _MOMENTS).round().astype(int).tolist())
    return [frame for frame in read_frames(film, probe(film)) if frame.index in wanted]
