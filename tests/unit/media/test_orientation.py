"""What a display matrix says: turned by a right angle, mirrored, or neither."""

import math

import pytest

from nstd.media.read.orientation import orientation

ONE = 1 << 16


@pytest.mark.parametrize("scale", [1, 0.5, 3])
@pytest.mark.parametrize("moved", [(0, 0), (1080 * ONE, 0)])
@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("degrees", [0, 90, 180, 270, 89.5, 359.2])
def test_turns_are_known_however_the_picture_is_moved_and_scaled(
    degrees: float, mirrored: bool, moved: tuple[int, int], scale: float
) -> None:
    across, down = (round(f(math.radians(degrees)) * ONE * scale) for f in (math.cos, math.sin))
    right = (-across, -down) if mirrored else (across, down)
    matrix = (*right, 0, -down, across, 0, *moved, 1 << 30)
    assert orientation(matrix) == (mirrored, round(degrees / 90) % 4 * 90)


@pytest.mark.parametrize("matrix", [(ONE, ONE, 0, -ONE, ONE), (ONE, 3000, 0, -3000, ONE)])
def test_any_other_angle_is_no_orientation(matrix: tuple[int, ...]) -> None:
    assert orientation((*matrix, 0, 0, 0, 1 << 30)) is None


def test_a_matrix_that_shows_nothing_counts_as_none() -> None:
    assert orientation((0,) * 9) == (False, 0)
