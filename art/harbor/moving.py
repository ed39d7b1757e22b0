"""What moves by itself: a sailing boat and some gulls."""

import cv2
import numpy as np
import numpy.typing as npt

from art.harbor.layers import HEIGHT, WIDTH, Canvas, Color, draw_polygon

WATERLINE = 262.0
"""Row where the boat meets the water."""

Points = npt.NDArray[np.float64]

_PLANK: Color = (0.36, 0.17, 0.10)


def boat(time: float) -> tuple[Canvas, float]:
    """The boat on its way from the left to the right, rocking.

    Args:
        time: Seconds.

    Returns:
        float32 `[HEIGHT, WIDTH, 4]`, its colors and its opacity, and the row of its waterline.
    """
    canvas = np.zeros((HEIGHT, WIDTH, 4), np.float32)
    heel = 0.06 + 0.045 * np.sin(2.1 * time)
    line = WATERLINE + 1.6 * np.sin(2.6 * time + 0.7)
    place = np.array((205.0 + 46 * time, line))

    def placed(points: list[tuple[float, float]]) -> Points:
        turn = np.array(((np.cos(heel), np.sin(heel)), (-np.sin(heel), np.cos(heel))))
        return np.asarray(np.array(points) @ turn + place, np.float64)

    hull = [(-40.0, -10.0), (-33.0, 5.0), (29.0, 5.0), (45.0, -12.0), (20.0, -8.5)]
    draw_polygon(canvas, placed(hull), _PLANK)
    draw_polygon(canvas, placed([(-40, -10), (-39, -7.5), (42, -8.5), (45, -12), (20, -8.5)]),
                 (0.87, 0.70, 0.50))  # fmt: skip
    draw_polygon(canvas, placed([(-14, -9), (-11, -16), (4, -16), (8, -9)]), (0.80, 0.70, 0.58))
    draw_polygon(canvas, placed([(3, -8), (4.4, -104), (5.8, -104), (6, -8)]), (0.24, 0.13, 0.09))
    _sail(canvas, placed(_curved((2.5, -100.0), (1.5, -19.0), (-36.0, -17.0), 7.0)), shade=0.62)
    _sail(canvas, placed(_curved((6.5, -94.0), (9.0, -16.0), (42.0, -14.0), -6.0)), shade=0.85)
    flag = 3 * np.sin(7 * time)
    draw_polygon(canvas, placed([(5, -104), (-9, -101.5 + flag), (5, -97)]), (0.80, 0.14, 0.12))
    return canvas, float(line)


def _curved(
    top: tuple[float, float], tack: tuple[float, float], clew: tuple[float, float], belly: float
) -> list[tuple[float, float]]:
    """A sail's outline; the edge from the top to the clew bulges."""
    outline = [top, tack, clew]
    for share in np.linspace(0, 1, 9)[1:-1]:
        point = np.array(clew) * (1 - share) + np.array(top) * share
        bulge = 4 * share * (1 - share)
        outline.append((float(point[0] - belly * bulge), float(point[1] - 2 * bulge)))
    return outline


def _sail(canvas: Canvas, outline: Points, *, shade: float) -> None:
    draw_polygon(canvas, outline, (0.98 * shade + 0.02, 0.86 * shade, 0.68 * shade + 0.04))
    head, tack, clew = outline[:3]
    # Seams, and a darker strip along the mast, give the cloth its round.
    for share in (0.2, 0.4, 0.6, 0.8):
        ends = [tack + (head - tack) * share, clew + (head - clew) * share]
        fixed = [tuple(int(value) for value in np.round(end * 16)) for end in ends]
        seam = (0.66 * shade, 0.52 * shade, 0.42 * shade, 1.0)
        cv2.line(canvas, fixed[0], fixed[1], seam, 1, cv2.LINE_AA, shift=4)
    inner = tack + (clew - tack) * 0.16
    draw_polygon(canvas, np.stack([head, tack, inner]), (0.60 * shade, 0.47 * shade, 0.46 * shade))


def gulls(canvas: Canvas, time: float) -> None:
    """Draw gulls into the canvas, beating their wings."""
    for number, (column, row, size) in enumerate(_GULLS):
        beat = np.sin(7.5 * time + 1.9 * number)
        x = column - 34 * time * (0.7 + size / 20)
        y = row + 3 * np.sin(2 * time + number)
        lift = size * (0.30 + 0.45 * beat)
        for side in (-1, 1):
            elbow = (x + side * 0.45 * size, y - lift)
            tip = (x + side * size, y - lift * 0.35 + 1)
            under = (x + side * 0.45 * size, y - lift + 0.22 * size)
            draw_polygon(canvas, [(x, y - 1), elbow, tip, under, (x, y + 1.8)], (0.10, 0.10, 0.17))


_GULLS = ((345, 84, 12), (372, 66, 9), (396, 92, 8), (548, 58, 14), (590, 96, 7), (302, 52, 7))
"""Where each is at the beginning (column and row), and how long a wing."""
