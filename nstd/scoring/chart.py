"""Charts: curves over the frames of a film, in panels one above the other."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import PIL.Image
from PIL import ImageDraw, ImageFont

from nstd.media.frame import ImageU8

Color = tuple[int, int, int]
Point = tuple[float, float]

_GROUND, _INK, _GRID, _MARK = (27, 27, 29), (222, 220, 214), (62, 62, 66), (128, 120, 96)
_COLORS: dict[int, tuple[Color, ...]] = {
    1: ((238, 148, 62),),
    2: ((108, 164, 220), (238, 148, 62)),
}
"""Colors by the number of curves; curves drawn last are in front."""

_WIDTH, _PLOT_HEIGHT = 1200, 260
_LEFT, _RIGHT, _TITLE, _BELOW, _FOOT = 100, 30, 44, 34, 30
"""Margins around a panel's plot, and below all, in pixels."""

_FONT_PX, _TITLE_PX = 15, 18
_LEAST = 1e-12
"""The value at which a logarithmic axis shows zero."""


@dataclass(frozen=True, slots=True)
class Curve:
    """One line.

    Attributes:
        label: What it is.
        values: One for each frame; the line is broken where they are not finite.
    """

    label: str
    values: Sequence[float]


@dataclass(frozen=True, slots=True)
class Panel:
    """One or two curves with the same axes.

    Attributes:
        title: What is shown.
        curves: All of the same length.
        logarithmic: Whether the vertical axis is.
    """

    title: str
    curves: tuple[Curve, ...]
    logarithmic: bool = False


def draw_chart(panels: Sequence[Panel], *, marks: Sequence[int] = (), below: str = "") -> ImageU8:
    """Draw panels one above the other, on a dark background, with one horizontal axis.

    Args:
        panels: At least one, with one or two curves each; all curves have the same length.
        marks: Numbers of frames at which a thin vertical line stands and curves are broken. Where
            there are more frames than pixels, means of neighbors between marks are drawn.
        below: The label of the horizontal axis.

    Returns:
        uint8 `[height, width, 3]`, 1200 pixels wide.

    Raises:
        ValueError: There is no panel, no curve or no value, or their lengths differ.
    """
    lengths = {len(curve.values) for panel in panels for curve in panel.curves}
    if len(lengths) != 1 or 0 in lengths or any(len(one.curves) not in _COLORS for one in panels):
        raise ValueError(f"curves of {sorted(lengths)} values are no chart")
    count = lengths.pop()
    high = _TITLE + _PLOT_HEIGHT + _BELOW
    image = PIL.Image.new("RGB", (_WIDTH, high * len(panels) + _FOOT), _GROUND)
    draw = ImageDraw.Draw(image)
    for number, panel in enumerate(panels):
        _Plot(draw, panel, count, number * high + _TITLE).draw(marks)
    font = ImageFont.load_default(_FONT_PX)
    draw.text((_LEFT, high * len(panels) + _FOOT / 3), below, _INK, font, anchor="lm")
    return np.asarray(image).copy()


def ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Round numbers from `low` to `high`, `most` at most: steps of 1, 2 or 5 of a power of ten."""
    if not high > low:
        return [low]
    least = (high - low) / most
    power = 10 ** math.floor(math.log10(least))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= least)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [number * step for number in range(first, last + 1)]


def thinned(values: Sequence[float], marks: Sequence[int], most: int) -> list[list[Point]]:
    """What is drawn of a curve: runs of points (frame, value), broken at `marks` and at gaps.

    If there are more than `most` values, neighbors are averaged so that about `most` are left.
    """
    size = -(-len(values) // most)
    breaks = sorted({0, len(values), *(mark for mark in marks if 0 < mark < len(values))})
    runs: list[list[Point]] = []
    for begin, end in pairwise(breaks):
        run: list[Point] = []
        for first in range(begin, end, size):
            last = min(first + size, end)
            block = [value for value in values[first:last] if math.isfinite(value)]
            if block:
                run.append(((first + last - 1) / 2, math.fsum(block) / len(block)))
            else:
                runs.append(run)
                run = []
        runs.append(run)
    return [run for run in runs if run]


class _Plot:
    """One panel's axes: where a frame and a value are in the picture."""

    def __init__(self, draw: ImageDraw.ImageDraw, panel: Panel, count: int, top: int) -> None:
        self._draw = draw
        self._panel = panel
        self._count = count
        self._top, self._bottom = top, top + _PLOT_HEIGHT
        self._right = _WIDTH - _RIGHT
        self._font = ImageFont.load_default(_FONT_PX)
        self._low, self._high = self._range()

    def draw(self, marks: Sequence[int]) -> None:
        self._grid()
        for mark in marks:
            x = self._x(mark)
            self._draw.line([(x, self._top), (x, self._bottom)], _MARK)
        for curve, color in zip(self._panel.curves, self._colors(), strict=True):
            self._curve(thinned(curve.values, marks, self._right - _LEFT), color)
        self._draw.rectangle([(_LEFT, self._top), (self._right, self._bottom)], outline=_INK)
        self._heading()

    def _colors(self) -> tuple[Color, ...]:
        return _COLORS[len(self._panel.curves)]

    def _range(self) -> tuple[float, float]:
        """Lowest and highest value shown, on the axis's scale, with some margin."""
        values = [
            self._scaled(value)
            for curve in self._panel.curves
            for value in curve.values
            if math.isfinite(value)
        ]
        low, high = min(values, default=0.0), max(values, default=1.0)
        if self._panel.logarithmic:
            # At least a power of ten, so that there is a number to read.
            return math.floor(low), max(math.ceil(high), math.floor(low) + 1)
        air = 0.08 * (high - low) or 0.1 * abs(high) or 1.0
        return (0.0 if 0 <= low < air else low - air), high + air

    def _scaled(self, value: float) -> float:
        return math.log10(max(value, _LEAST)) if self._panel.logarithmic else value

    def _x(self, frame: float) -> float:
        return _LEFT + (self._right - _LEFT) * (frame + 0.5) / self._count

    def _y(self, scaled: float) -> float:
        share = (scaled - self._low) / (self._high - self._low)
        return self._bottom - _PLOT_HEIGHT * share

    def _grid(self) -> None:
        if self._panel.logarithmic:
            step = -(-int(self._high - self._low) // 6)
            rows = [float(n) for n in range(int(self._low), int(self._high) + 1, step)]
        else:
            rows = ticks(self._low, self._high)
        spread = rows[-1] - rows[0]
        for row in rows:
            y = self._y(row)
            self._draw.line([(_LEFT, y), (self._right, y)], _GRID)
            shown = f"1e{row:.0f}" if self._panel.logarithmic else _shown(row, spread)
            self._draw.text((_LEFT - 8, y), shown, _INK, self._font, anchor="rm")
        for frame in ticks(0, self._count - 1, most=12):
            if frame == int(frame):
                x = self._x(frame)
                self._draw.line([(x, self._top), (x, self._bottom)], _GRID)
                place = (x, self._bottom + 6)
                self._draw.text(place, f"{frame:.0f}", _INK, self._font, anchor="mt")

    def _curve(self, runs: Sequence[Sequence[Point]], color: Color) -> None:
        for run in runs:
            points = [(self._x(frame), self._y(self._scaled(value))) for frame, value in run]
            if len(points) > 1:
                self._draw.line(points, color, width=3, joint="curve")
            else:
                x, y = points[0]
                self._draw.ellipse([(x - 2, y - 2), (x + 2, y + 2)], color)

    def _heading(self) -> None:
        title = ImageFont.load_default(_TITLE_PX)
        place = (_LEFT, self._top - _TITLE / 2)
        self._draw.text(place, self._panel.title, _INK, title, anchor="lm")
        x = float(self._right)
        for curve, color in reversed(list(zip(self._panel.curves, self._colors(), strict=True))):
            self._draw.text((x, place[1]), curve.label, _INK, self._font, anchor="rm")
            x -= self._draw.textlength(curve.label, self._font) + 8
            self._draw.line([(x - 24, place[1]), (x, place[1])], color, width=3)
            x -= 24 + 20


def _shown(value: float, spread: float) -> str:
    """The number with as many decimal places as its neighbors need to differ."""
    if abs(value) < 1e-9 * max(spread, 1e-300):
        return "0"
    places = max(0, 2 - math.floor(math.log10(spread))) if spread > 0 else 3
    if places > 6 or abs(value) >= 1e6:
        return f"{value:.3g}"
    return f"{value:.{places}f}".rstrip("0").rstrip(".") if places else f"{value:.0f}"
