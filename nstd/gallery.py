"""The styles that ship: images to paint in the style of, known by name; `art/` renders them."""

import os
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).resolve().parent / "data" / "styles"

_DESCRIPTIONS = {
    "impasto": "A sunset storm in thick paint: flowing strokes in gold, crimson, violet and teal.",
    "woodcut": "Mountains and a red sun, carved: black lines that follow the form, over flat inks.",
    "pastel": "Birches by a moonlit lake: broken chalk on dark paper, blue against orange.",
    "mosaic": "Fish below a golden sun: small stones in rows, cobalt, turquoise and orange.",
    "watercolor": "A wild garden: transparent petals with dark edges, on rough paper.",
    "stainedglass": "A rose window: glowing panes of every color in heavy black lead.",
    "halftone": "A comic explosion: bold outlines and printed dots in primary colors.",
}


@dataclass(frozen=True, slots=True)
class ShippedStyle:
    """A style that ships.

    Attributes:
        name: What it is called wherever a style image is named: one word in lower case.
        description: One sentence on what it looks like.
        path: Its image, a JPEG.
    """

    name: str
    description: str
    path: Path


def list_styles() -> tuple[ShippedStyle, ...]:
    """The styles that ship, in the order they are shown in."""
    return tuple(
        ShippedStyle(name, description, FOLDER / f"{name}.jpg")
        for name, description in _DESCRIPTIONS.items()
    )


def find_style(name_or_path: str | Path, base: Path | None = None) -> Path:
    """The file that a style's name, or a path, stands for.

    A bare word that names a shipped style stands for that style's image, unless there is a file
    (not a folder) of that very name; everything else is a path, whether it exists or not.

    Args:
        name_or_path: As it was written.
        base: Folder that relative paths are relative to; the working folder if not given.
    """
    path = (base or Path()) / name_or_path
    shipped = {style.name: style.path for style in list_styles()}
    if not is_bare(name_or_path) or str(name_or_path) not in shipped:
        return path
    # Path.is_file raises where the folder may not be looked into.
    return path if os.path.isfile(path) else shipped[str(name_or_path)]  # noqa: PTH113


def style_name(path: str | Path) -> str:
    """What to call a style image: a shipped one by its name, any other by its file's name."""
    shipped = {style.path: style.name for style in list_styles()}
    return shipped.get(Path(path), Path(path).name)


def is_bare(name_or_path: str | Path) -> bool:
    """Whether it could name a shipped style: a word without a folder and without a suffix."""
    text = str(name_or_path)
    return bool(text) and not set(text) & set("/.~\0")
