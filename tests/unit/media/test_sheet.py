"""Contact sheets: where pictures and labels stand."""

import numpy as np
import numpy.typing as npt
import pytest

from nstd.media.sheet import contact_sheet

CELL, GAP, STRIP = 64, 4, 8
GROUND = (27, 27, 29)


def _plain(height: int, width: int, color: tuple[int, int, int]) -> npt.NDArray[np.uint8]:
    return np.full((height, width, 3), color, np.uint8)


def _sheet(count: int, columns: int, labels: list[str] | None = None) -> npt.NDArray[np.uint8]:
    colors = [(200, 10 * i, 0) for i in range(count)]
    pictures = [_plain(CELL, CELL, color) for color in colors]
    return contact_sheet(pictures, labels or [""] * count, columns=columns, cell=CELL)


@pytest.mark.parametrize(
    ("count", "columns", "rows", "across"), [(1, 1, 1, 1), (5, 3, 2, 3), (6, 3, 2, 3), (2, 4, 1, 2)]
)
def test_it_has_the_cells_it_needs(count: int, columns: int, rows: int, across: int) -> None:
    sheet = _sheet(count, columns)
    assert sheet.dtype == np.uint8
    assert sheet.shape == (rows * (CELL + STRIP + GAP) + GAP, across * (CELL + GAP) + GAP, 3)


def test_pictures_stand_row_by_row_each_in_its_cell() -> None:
    sheet = _sheet(5, 3)
    for index in range(5):
        row, column = divmod(index, 3)
        top, left = GAP + row * (CELL + STRIP + GAP), GAP + column * (CELL + GAP)
        cell = sheet[top : top + CELL, left : left + CELL]
        assert np.array_equal(cell, _plain(CELL, CELL, (200, 10 * index, 0)))
    empty = sheet[GAP + CELL + STRIP + GAP :, GAP + 2 * (CELL + GAP) :]
    assert np.array_equal(empty, np.broadcast_to(np.array(GROUND, np.uint8), empty.shape))


@pytest.mark.parametrize(("height", "width"), [(30, 60), (300, 600), (1, 2)])
def test_a_wide_picture_is_scaled_to_its_cell_and_stands_at_its_rows_bottom(
    height: int, width: int
) -> None:
    pictures = [_plain(height, width, (9, 200, 9)), _plain(8, 8, (0, 0, 9))]
    sheet = contact_sheet(pictures, ["", ""], columns=2, cell=CELL)
    green = np.argwhere((sheet == (9, 200, 9)).all(axis=2))
    assert green.min(axis=0).tolist() == [GAP + CELL // 2, GAP]
    assert green.max(axis=0).tolist() == [GAP + CELL - 1, GAP + CELL - 1]


def _written(label: str) -> npt.NDArray[np.bool_]:
    """Where ink is, `[height, width]`, of a sheet of two black cells whose first has the label."""
    pictures = [_plain(CELL, CELL, GROUND)] * 2
    sheet = contact_sheet(pictures, [label, ""], columns=2, cell=CELL)
    return np.asarray((sheet != np.array(GROUND, np.uint8)).any(axis=2))


@pytest.mark.parametrize("label", ["a", "woodcut", "a label that is far too long for its cell"])
def test_a_label_stands_below_its_picture_and_leaves_its_cell_at_no_side(label: str) -> None:
    rows, columns = np.nonzero(_written(label))
    assert rows.size > 0
    assert rows.min() >= GAP + CELL - 2
    assert rows.max() < GAP + CELL + STRIP + GAP
    assert columns.min() >= GAP
    assert columns.max() <= GAP + CELL
    assert abs((columns.min() + columns.max()) / 2 - (GAP + CELL / 2)) < 3


def test_what_is_no_sheet_is_refused() -> None:
    one = [_plain(4, 4, (0, 0, 0))]
    for pictures, labels, columns in (([], [], 1), (one, [], 1), (one, ["a"], 0)):
        with pytest.raises(ValueError, match="no contact sheet"):
            contact_sheet(pictures, labels, columns=columns)
