"""Recipes and ladders of any shape: nothing is lost in JSON, and every plan ends at the frame."""

import json
import math
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from nstd.style.ladder import (
    FORMATS,
    Level,
    painted_size,
    parse_levels,
    plan_levels,
)
from nstd.style.recipe import LAYERS, StyleRecipe, StyleSource

SHORTEST_EDGE_PX = 32
"""The least that the network can see: a level or a picture that is smaller is refused."""
LEVEL_RATIO = 1.25
"""A level is at least so much larger than the one before."""

weights = st.floats(0, 1e6)
positive = st.floats(1e-6, 1e6)
sources = st.builds(
    StyleSource,
    image=st.text(min_size=1),
    weight=positive,
    scale=st.floats(0.1, 10),
    sha256=st.none() | st.text("0123456789abcdef", min_size=64, max_size=64),
)
edges = st.lists(st.integers(32, 8192), min_size=1, max_size=6, unique=True).map(sorted)
ladders = edges.flatmap(
    lambda chosen: st.tuples(*(st.builds(Level, st.just(e), st.integers(1, 500)) for e in chosen))
)


@st.composite
def recipe_values(draw: st.DrawFn) -> dict[str, Any]:
    """Arguments of a recipe, which is built outside: beartype looks into tuples at random."""
    layers = draw(st.lists(st.sampled_from(LAYERS), min_size=1, unique=True))
    shares = draw(st.lists(weights, min_size=len(layers), max_size=len(layers)))
    return {
        "styles": tuple(draw(st.lists(sources, min_size=1, max_size=3))),
        "network": draw(st.text(min_size=1)),
        "network_sha256": draw(st.none() | st.just("ab" * 32)),
        "form": draw(st.sampled_from(["relative", "literal"])),
        "content_layer": draw(st.sampled_from(LAYERS)),
        "content_weight": draw(weights),
        "style_layers": tuple(layers),
        "layer_weights": tuple(shares),
        "style_weight": draw(weights),
        "tv_weight": draw(weights),
        "range_weight": draw(weights),
        "size": draw(st.none() | st.integers(32, 10_000) | st.sampled_from([*FORMATS])),
        "levels": draw(ladders),
        "optimizer": draw(st.sampled_from(["lbfgs", "adam"])),
        "learning_rate": draw(positive),
        "init": draw(st.sampled_from(["content", "style", "noise"])),
        "pooling": draw(st.sampled_from(["max", "average"])),
        "padding": draw(st.sampled_from(["reflect", "replicate"])),
        "tolerance": draw(weights),
        "tolerance_window": draw(st.integers(1, 1000)),
        "seed": draw(st.integers(0, 2**63 - 1)),
    }


@given(recipe_values())
def test_a_recipe_comes_back_from_json_as_it_was(values: dict[str, Any]) -> None:
    recipe = StyleRecipe(**values)
    assert StyleRecipe.from_json(json.loads(json.dumps(recipe.to_json()))) == recipe


sizes = st.integers(SHORTEST_EDGE_PX, 10_000)


@given(st.sampled_from([*FORMATS]), sizes, sizes)
def test_a_named_size_fills_its_screen_and_keeps_within_it(
    name: str, width: int, height: int
) -> None:
    painted = painted_size(name, width, height)
    long_edge, short_edge = max(painted), min(painted)
    assert long_edge <= FORMATS[name][0]
    assert short_edge <= max(2, FORMATS[name][1])
    # Two pixels of rounding at the short edge are this many at the long one.
    slack = 2 + 2 * max(width, height) / min(width, height)
    assert long_edge >= FORMATS[name][0] - 2 or short_edge >= FORMATS[name][1] - slack


@given(ladders, sizes, sizes)
def test_a_plan_grows_and_ends_at_the_frame(
    ladder: tuple[Level, ...], width: int, height: int
) -> None:
    planned = plan_levels(ladder, width, height)
    assert (planned[-1].width, planned[-1].height) == (width, height)
    for smaller, larger in pairwise(planned):
        assert smaller.long_edge < larger.long_edge
        assert smaller.width <= larger.width
        assert smaller.height <= larger.height
    if len(planned) > 1:
        # Within the rounding of an edge to whole pixels.
        assert planned[-2].long_edge * LEVEL_RATIO <= planned[-1].long_edge + 1


@given(ladders, sizes, sizes)
def test_no_planned_level_is_too_small_or_of_another_shape(
    ladder: tuple[Level, ...], width: int, height: int
) -> None:
    for level in plan_levels(ladder, width, height):
        assert min(level.width, level.height) >= SHORTEST_EDGE_PX
        # The short edge is rounded to an even number: by at most one pixel.
        scale = level.long_edge / max(width, height)
        assert abs(level.width - width * scale) <= 1
        assert abs(level.height - height * scale) <= 1


@given(sizes, sizes, st.integers(48, 4096), st.floats(LEVEL_RATIO, 4))
def test_what_is_painted_small_is_a_level_of_what_is_painted_large(
    width: int, height: int, small: int, ratio: float
) -> None:
    ladder = (Level(small, 5), Level(2 * small, 5), Level(4 * small, 5))
    large = math.ceil(small * ratio)
    if min(painted_size(small, width, height)) < SHORTEST_EDGE_PX + 2:
        return  # enlarged, so that the network sees something
    (alone,) = plan_levels(ladder, width, height, small)
    assert plan_levels(ladder, width, height, large)[0] == alone


@given(ladders, sizes, sizes)
def test_planned_steps_are_the_ladder_s_in_its_order(
    ladder: tuple[Level, ...], width: int, height: int
) -> None:
    planned = plan_levels(ladder, width, height)
    rungs = iter(ladder)
    for level in planned[:-1]:  # a subsequence: rungs may be left out, never reordered
        assert any(rung.steps == level.steps for rung in rungs)
    first_not_taken = next(
        (
            rung
            for rung in ladder
            if rung.long_edge * LEVEL_RATIO > max(width, height)
            or min(width, height) < LEVEL_RATIO * SHORTEST_EDGE_PX
        ),
        ladder[-1],
    )
    if min(width, height) >= LEVEL_RATIO * (SHORTEST_EDGE_PX + 1):
        assert planned[-1].steps == first_not_taken.steps


@given(ladders)
def test_a_ladder_as_written_is_read_back(ladder: tuple[Level, ...]) -> None:
    written = ",".join(f"{level.long_edge}:{level.steps}" for level in ladder)
    assert parse_levels(written) == ladder
