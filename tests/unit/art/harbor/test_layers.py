"""Layers: what is near covers what is far, and goes around."""

import numpy as np

from art.harbor.layers import HEIGHT, WIDTH, Layer, draw_polygon, mix, ramp


def striped(speed: float) -> Layer:
    """Twice as long as the view; opaque where its column is a multiple of 40."""
    alpha = np.zeros((HEIGHT, 2 * WIDTH), np.float32)
    alpha[:, ::40] = 1
    return Layer.of(np.full((HEIGHT, 2 * WIDTH, 3), 0.5, np.float32), alpha, speed)


def test_a_layer_covers_where_it_is_opaque_and_nowhere_else() -> None:
    canvas = np.ones((HEIGHT, WIDTH, 3), np.float32)
    seen = striped(0).over(canvas, 0)
    assert (seen[:, ::40] == 0.5).all()
    assert (np.delete(seen, np.s_[::40], axis=1) == 1).all()


def test_a_layer_moves_to_the_left_by_its_speed_and_between_pixels_too() -> None:
    canvas = np.ones((HEIGHT, WIDTH, 3), np.float32)
    assert (striped(2).over(canvas, 3)[:, 34::40] == 0.5).all()
    # Half of the way between two columns both have half of it.
    halfway = striped(0.5).over(canvas, 1)
    assert (halfway[:, 39] == 0.75).all()
    assert (halfway[:, 40] == 0.75).all()


def test_a_layer_goes_around() -> None:
    canvas = np.ones((HEIGHT, WIDTH, 3), np.float32)
    layer = striped(WIDTH)
    assert (layer.over(canvas, 2) == layer.over(canvas, 0)).all()


def test_a_polygon_fills_its_inside_and_only_that() -> None:
    canvas = np.zeros((20, 30, 4), np.float32)
    draw_polygon(canvas, [(5, 5), (5, 15), (20, 15), (20, 5)], (0.2, 0.4, 0.6))
    assert np.allclose(canvas[6:15, 6:20], (0.2, 0.4, 0.6, 1))
    assert (canvas[:4] == 0).all()
    assert (canvas[:, 22:] == 0).all()


def test_a_polygon_may_reach_out_of_the_canvas_or_miss_it() -> None:
    canvas = np.zeros((20, 30, 3), np.float32)
    draw_polygon(canvas, [(-50, -50), (-50, 10), (10, 10), (10, -50)], (1, 1, 1))
    assert (canvas[:9, :9] == 1).all()
    before = canvas.copy()
    draw_polygon(canvas, [(100, 100), (120, 100), (110, 140)], (0.5, 0.5, 0.5))
    assert (canvas == before).all()


def test_colors_between_two_and_along_a_scale() -> None:
    share = np.array([[0, 0.5, 1]], np.float32)
    assert np.allclose(mix((0, 0, 0), (1, 0.5, 0), share)[0, 1], (0.5, 0.25, 0))
    stops = [(0.0, (0.0, 0.0, 0.0)), (10.0, (1.0, 0.0, 0.5))]
    assert np.allclose(ramp(stops, np.array([[-5, 5, 20]], np.float32))[0, 1], (0.5, 0, 0.25))
