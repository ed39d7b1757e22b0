"""The README's pictures: `python -m art.showcase [--work FOLDER] [--out FOLDER]`.

A film before and after, and one picture in every style that ships: both drawn by `harbor/`, and
painted by `nstd stylize` with the network that ships. What is interrupted goes on where it stopped;
what is painted stays in the work folder, and is not painted again.
"""

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import PIL.Image

from art.harbor.scene import FRAME_RATE, Scene
from nstd.gallery import list_styles
from nstd.media.frame import ImageU8
from nstd.media.sheet import contact_sheet

FILM, GALLERY = "before-after.webp", "styles.jpg"

FRAMES = 36
"""Of the film: three seconds."""
STYLE = "impasto"
HALF = (416, 234)
"""Width and height of either half of the film, in pixels: both together fit a page."""

MOMENT = 20
"""The frame that is painted in every style: boat, lighthouse and sun are far from one another."""
CROP = slice(120, 600)
"""Its columns: what is left is 4:3, and fills a cell."""
CELL = 400
"""Pixels of a cell's width."""
INSET = 0.3
"""Width of the style's own picture in a corner, as a share of the cell's."""

GAP = 4
"""Pixels of white between before and after, and around what is set into a corner."""


def draw_film(folder: Path, frames: int = FRAMES) -> list[Path]:
    """Draw what is painted as a film: numbered pictures of 640 × 360 in the folder."""
    scene = Scene()
    paths = [folder / f"drawn_{index:03}.png" for index in range(frames)]
    for index, path in enumerate(paths):
        _save(scene.large(index), path)
    return paths


def draw_picture(path: Path) -> Path:
    """Draw what is painted in every style, 480 × 360."""
    _save(np.ascontiguousarray(Scene().large(MOMENT)[:, CROP]), path)
    return path


def paint(source: Path, target: Path, style: str, *options: str) -> None:
    """Paint it by the program itself, whatever is configured on this machine.

    What is painted already is left as it is.

    Raises:
        CalledProcessError: The program failed; it has said why.
    """
    configuration = target.parent / "nstd.yaml"
    configuration.write_text("state_dir: state\ncache_dir: cache\n")
    command = [sys.executable, "-m", "nstd", "stylize", str(source), "-o", str(target)]
    # What the bytes depend on beside the recipe.
    machine = ("--network", "pocket", "--device", "cpu", "--threads", "2")
    settings = ("--style", style, *options, *machine, "--config", str(configuration))
    subprocess.run([*command, *settings], check=True)  # noqa: S603 - our own program


def before_and_after(before: Sequence[ImageU8], after: Sequence[ImageU8]) -> list[PIL.Image.Image]:
    """Both films side by side, frame by frame."""
    frames = []
    for pair in zip(before, after, strict=True):
        left, right = (
            PIL.Image.fromarray(one).resize(HALF, PIL.Image.Resampling.LANCZOS) for one in pair
        )
        both = PIL.Image.new("RGB", (2 * HALF[0] + GAP, HALF[1]), "white")
        both.paste(left, (0, 0))
        both.paste(right, (HALF[0] + GAP, 0))
        frames.append(both)
    return frames


def with_inset(picture: ImageU8, inset: ImageU8) -> ImageU8:
    """The picture as wide as a cell, with another one small in its lower right corner."""
    whole, small = PIL.Image.fromarray(picture), PIL.Image.fromarray(inset)
    whole = _as_wide_as(whole, CELL)
    small = _as_wide_as(small, round(INSET * CELL))
    framed = PIL.Image.new("RGB", (small.width + GAP, small.height + GAP), "white")
    framed.paste(small, (GAP, GAP))
    whole.paste(framed, (whole.width - framed.width, whole.height - framed.height))
    return np.asarray(whole).copy()


def make_film(work: Path, path: Path) -> None:
    """Draw, paint, and lay side by side; what is there is replaced."""
    drawn = draw_film(_made(work / "film"))
    rate = ("--rate", str(FRAME_RATE))
    paint(work / "film/drawn_%03d.png", work / "film/painted_%03d.png", STYLE, *rate)
    painted = sorted((work / "film").glob("painted_*.png"))
    first, *others = before_and_after(
        [_load(one) for one in drawn], [_load(one) for one in painted]
    )
    first.save(
        path,
        save_all=True,
        append_images=others,
        duration=round(1000 / FRAME_RATE),
        loop=0,
        quality=66,
        method=6,
        minimize_size=True,
    )


def make_gallery(work: Path, path: Path) -> None:
    """Draw one picture, paint it in every style that ships, and lay all out."""
    drawn = draw_picture(_made(work / "gallery") / "drawn.png")
    cells, labels = [_load(drawn)], ["the picture"]
    for style in list_styles():
        painted = work / "gallery" / f"{style.name}.png"
        paint(drawn, painted, style.name, "--size", "640")
        cells.append(with_inset(_load(painted), _load(style.path)))
        labels.append(style.name)
    sheet = contact_sheet(cells, labels, columns=4, cell=CELL)
    PIL.Image.fromarray(sheet).save(path, quality=88, optimize=True)


def main() -> None:
    """Make both, or those that are named."""
    parser = argparse.ArgumentParser(prog="python -m art.showcase", description=__doc__)
    parser.add_argument("--work", type=Path, default=Path("build/showcase"), metavar="FOLDER")
    parser.add_argument("--out", type=Path, default=Path("docs"), metavar="FOLDER")
    options = parser.parse_args()
    work = _made(options.work.absolute())
    make_film(work, _made(options.out) / FILM)
    make_gallery(work, options.out / GALLERY)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _load(path: Path) -> ImageU8:
    with PIL.Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def _save(picture: ImageU8, path: Path) -> None:
    PIL.Image.fromarray(picture).save(path)


def _as_wide_as(picture: PIL.Image.Image, width: int) -> PIL.Image.Image:
    height = round(picture.height * width / picture.width)
    return picture.resize((width, height), PIL.Image.Resampling.LANCZOS)


if __name__ == "__main__":
    main()
