"""Charts: curves where their values are, broken at gaps and marks, whatever the values."""

import math

import numpy as np
import pytest

from nstd.scoring.chart import Curve, Panel, draw_chart, thinned, ticks

BLUE, ORANGE = (108, 164, 220), (238, 148, 62)


def rows_of(chart: np.ndarray, color: tuple[int, int, int], column: int) -> list[int]:
    """Rows at which a column has a color, within the first panel's frame."""
    return [int(row) for row in np.flatnonzero((chart[45:303, column] == color).all(axis=1))]


def test_a_higher_value_is_drawn_higher_and_a_later_one_further_right() -> None:
    chart = draw_chart([Panel("both", (Curve("low", [1.0] * 10), Curve("high", [2.0] * 10)))])
    assert chart.dtype == np.uint8
    assert chart.shape[1:] == (1200, 3)
    for column in (200, 600, 1100):
        low, high = rows_of(chart, BLUE, column), rows_of(chart, ORANGE, column)
        assert low
        assert high
        assert max(high) < min(low) - 150
    rising = draw_chart([Panel("rising", (Curve("up", [float(n) for n in range(10)]),))])
    assert min(rows_of(rising, ORANGE, 1000)) < min(rows_of(rising, ORANGE, 300)) - 100


def test_a_logarithmic_axis_spreads_powers_of_ten_evenly() -> None:
    values = [1e-6, 1e-5, 1e-4, 1e-3, 1e-2]
    chart = draw_chart([Panel("powers", (Curve("all", values),), logarithmic=True)])
    columns = [round(100 + 1070 * (n + 0.5) / 5) for n in range(1, 4)]
    middles = [float(np.mean(rows_of(chart, ORANGE, column))) for column in columns]
    assert middles[0] - middles[1] == pytest.approx(middles[1] - middles[2], abs=3)
    assert middles[0] - middles[1] > 40


def test_curves_are_broken_at_gaps_and_marks() -> None:
    values = [1.0, 2.0, math.nan, 4.0, 5.0, 6.0]
    assert thinned(values, [5], 100) == [[(0, 1), (1, 2)], [(3, 4), (4, 5)], [(5, 6)]]
    assert thinned([math.nan] * 3, [], 100) == []


@pytest.mark.parametrize("logarithmic", [False, True])
@pytest.mark.parametrize(
    "values", [[0.0], [0.5] * 3, [math.nan] * 2, [1e-30, 1e9], [-1.0, 1.0], [0.31, 0.31 + 1e-12]]
)
def test_any_values_can_be_drawn(values: list[float], logarithmic: bool) -> None:
    panel = Panel("any", (Curve("one", values), Curve("other", values)), logarithmic=logarithmic)
    assert draw_chart([panel, panel], marks=[0, 1], below="frames").shape[0] > 500


def test_what_is_no_chart_is_refused() -> None:
    one, two = Curve("one", [1.0]), Curve("two", [1.0, 2.0])
    for panels in ([], [Panel("", ())], [Panel("", (one, two))], [Panel("", (Curve("", []),))]):
        with pytest.raises(ValueError, match="no chart"):
            draw_chart(panels)


@pytest.mark.parametrize(("low", "high"), [(0, 1), (0.31, 0.32), (-3, 20), (0, 89_999), (5, 7)])
def test_ticks_are_few_round_and_within(low: float, high: float) -> None:
    found = ticks(low, high)
    assert 2 <= len(found) <= 7
    step = found[1] - found[0]
    assert f"{step:.0e}"[0] in "125"
    assert low - 1e-9 <= found[0] <= found[-1] <= high + 1e-9
