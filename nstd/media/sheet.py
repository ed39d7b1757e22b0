"""Contact sheets: pictures side by side in equal cells, each with its label below it."""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import PIL.Image
from PIL import ImageDraw, ImageFont

_GROUND = (27, 27, 29)
_INK = (222, 220, 214)

Picture = npt.NDArray[np.uint8]


def contact_sheet(
    pictures: Sequence[Picture], labels: Sequence[str], *, columns: int, cell: int = 256
) -> Picture:
    """Lay pictures out in rows, on a dark ground, each with a label below it.

    A picture is scaled to fit its cell, up or down, and stands at the cell's bottom in its middle,
    so that it is near its label. A label is one line; one too long for its cell is cut short.

    Args:
        pictures: At least one; each uint8 `[height, width, 3]`, sRGB, of any size.
        labels: One for each picture; an empty one leaves its place empty.
        columns: Pictures in a row, at least 1; fewer pictures make fewer columns.
        cell: Pixels of a cell's edge, at least 32.

    Returns:
        uint8 `[rows · (cell + label + gap) + gap, columns · (cell + gap) + gap, 3]`, where the gap
        is a sixteenth of a cell and the label's height an eighth.

    Raises:
        ValueError: There is no picture, or not one label for each, or no room.
    """
    if not pictures or len(pictures) != len(labels) or columns < 1 or cell < 32:
        raise ValueError(
            f"{len(pictures)} pictures with {len(labels)} labels in {columns} columns of {cell} px "
            "are no contact sheet"
        )
    columns = min(columns, len(pictures))
    gap, strip = cell // 16, cell // 8
    width, height = cell + gap, cell + strip + gap
    size = (columns * width + gap, math.ceil(len(pictures) / columns) * height + gap)
    sheet = PIL.Image.new("RGB", size, _GROUND)
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(max(8.0, cell / 15))
    for index, (picture, label) in enumerate(zip(pictures, labels, strict=True)):
        row, column = divmod(index, columns)
        left, bottom = gap + column * width, gap + row * height + cell
        fitted = _fitted(PIL.Image.fromarray(picture), cell)
        sheet.paste(fitted, (left + (cell - fitted.width) // 2, bottom - fitted.height))
        line = _cut(" ".join(label.split()), cell, draw, font)
        draw.text((left + cell / 2, bottom + strip / 2), line, _INK, font, anchor="mm")
    return np.asarray(sheet).copy()


def _fitted(picture: PIL.Image.Image, cell: int) -> PIL.Image.Image:
    """The picture as large as fits a cell."""
    factor = cell / max(picture.size)
    size = (max(1, round(picture.width * factor)), max(1, round(picture.height * factor)))
    return picture.resize(size, PIL.Image.Resampling.LANCZOS)


def _cut(
    line: str,
    width: int,
    draw: ImageDraw.ImageDraw,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
) -> str:
    """The line, or as much of its beginning as fits with an ellipsis."""
    if draw.textlength(line, font) <= width:
        return line
    for end in range(len(line) - 1, 0, -1):
        shorter = line[:end].rstrip() + "…"
        if draw.textlength(shorter, font) <= width:
            return shorter
    return ""
