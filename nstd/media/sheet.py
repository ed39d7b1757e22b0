"""Contact sheets: pictures side by side in equal cells, each with its label below it."""

from collections.abc import Sequence

import numpy as np
import PIL.Image
from PIL import ImageDraw, ImageFont

from nstd.media.frame import ImageU8

_GROUND = (27, 27, 29)
_INK = (222, 220, 214)


def contact_sheet(
    pictures: Sequence[ImageU8], labels: Sequence[str], *, columns: int, cell: int = 256
) -> ImageU8:
    """Lay pictures out in rows, on a dark ground, each with a label below it.

    A picture is scaled up or down to fit its cell, and is centered in its column, right above its
    label. A row is as high as its highest picture. A label is one line, and is shortened if it is
    too long for its cell.

    Args:
        pictures: At least one; each uint8 `[height, width, 3]`, sRGB, of any size.
        labels: One for each picture; it may be empty.
        columns: Pictures in a row, at least 1. With fewer pictures there are fewer columns.
        cell: Edge of a cell in pixels, at least 32.

    Returns:
        uint8 `[height, width, 3]`. Columns are as wide as a cell, rows at most as high; an eighth
        of a cell is added for each row of labels, and a sixteenth around each picture.

    Raises:
        ValueError: There is no picture, the number of labels differs, or cells are too small.
    """
    if not pictures or len(pictures) != len(labels) or columns < 1 or cell < 32:
        raise ValueError(
            f"{len(pictures)} pictures with {len(labels)} labels in {columns} columns of {cell} px "
            "are no contact sheet"
        )
    fitted = [_fitted(PIL.Image.fromarray(picture), cell) for picture in pictures]
    named = list(zip(fitted, labels, strict=True))
    columns = min(columns, len(named))
    rows = [named[first : first + columns] for first in range(0, len(named), columns)]
    gap, strip = cell // 16, cell // 8
    heights = [max(picture.height for picture, _ in row) for row in rows]
    size = (columns * (cell + gap) + gap, sum(heights) + len(rows) * (strip + gap) + gap)
    sheet = PIL.Image.new("RGB", size, _GROUND)
    bottom = 0
    for row, height in zip(rows, heights, strict=True):
        bottom += gap + height
        for column, (picture, label) in enumerate(row):
            left = gap + column * (cell + gap)
            sheet.paste(picture, (left + (cell - picture.width) // 2, bottom - picture.height))
            _write(sheet, label, (left, bottom), cell)
        bottom += strip
    return np.asarray(sheet).copy()


def _fitted(picture: PIL.Image.Image, cell: int) -> PIL.Image.Image:
    """The picture scaled to fit a cell."""
    factor = cell / max(picture.size)
    size = (max(1, round(picture.width * factor)), max(1, round(picture.height * factor)))
    return picture.resize(size, PIL.Image.Resampling.LANCZOS)


def _write(sheet: PIL.Image.Image, label: str, corner: tuple[int, int], cell: int) -> None:
    """Write a label into the strip that begins at `corner`, x and y."""
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(max(8.0, cell / 15))
    whole = " ".join(label.split())
    line = whole
    for end in range(len(whole) - 1, -1, -1):
        if draw.textlength(line, font) <= cell:
            break
        line = whole[:end].rstrip() + "…"
    middle = (corner[0] + cell / 2, corner[1] + cell // 8 / 2)
    draw.text(middle, line, _INK, font, anchor="mm")
