"""What a file's name tells: whether it is a film or a still picture."""

from pathlib import Path

FILM_SUFFIXES: frozenset[str] = frozenset(
    (
        ".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".m2v", ".ts", ".m2ts",
        ".mts", ".wmv", ".asf", ".flv", ".ogv", ".3gp", ".3g2", ".mxf", ".vob", ".y4m", ".gif",
    )
)  # fmt: skip
"""Suffixes, in lower case, that a watched folder takes for films. A GIF is a film."""

PILLOW_FORMATS = {
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".png": "PNG",
    ".webp": "WEBP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".bmp": "BMP",
}
"""Suffixes, in lower case, that are taken for still pictures, and Pillow's names of the formats."""

STILL_SUFFIXES: frozenset[str] = frozenset(PILLOW_FORMATS)


NOTE_TAG = "nstd"
"""Name of the tag, in a painted film, that says how it was painted."""


def is_media(path: Path) -> bool:
    """Whether a file's name says that it is a film or a picture."""
    return path.suffix.lower() in FILM_SUFFIXES | STILL_SUFFIXES
