"""Recipes: what is refused and in which words, and the ladder as it is planned and written."""

import json
from typing import Any

import pytest

from nstd.errors import ConfigError
from nstd.style.ladder import (
    DEFAULT_LEVELS,
    Level,
    PlannedLevel,
    painted_size,
    parse_levels,
    plan_levels,
)
from nstd.style.recipe import INDEPENDENT, LAYERS, STRENGTHS, StyleRecipe, StyleSource, Temporal

STYLES = (StyleSource(image="style.png"),)
NAN, INFINITE = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"style_layers": (), "layer_weights": ()}, "style_layers is empty"),
        (
            {"style_layers": ("conv1_3",), "layer_weights": (1.0,)},
            r"style_layers\[0\] is conv1_3, no layer of VGG-19: they are conv1_1 to conv5_4",
        ),
        ({"content_layer": "relu4_2"}, "content_layer is relu4_2, no layer of VGG-19"),
        ({"layer_weights": (1.0, 2.0)}, "layer_weights: there are 2 weights for 5 layers"),
        (
            {"style_layers": ("conv1_1", "conv1_1"), "layer_weights": (1.0, 1.0)},
            "style_layers: a style layer is named twice",
        ),
        (
            {"layer_weights": (0.2, 0.2, -0.2, 0.2, 0.2)},
            r"layer_weights\[2\] is -0.2, not 0",
        ),
        ({"layer_weights": (0.2, 0.2, NAN, 0.2, 0.2)}, r"layer_weights\[2\] is nan, not a finite"),
        ({"content_weight": -1.0}, "^content_weight is -1.0, not 0 or above"),
        ({"style_weight": NAN}, "style_weight is nan, not a finite number"),
        ({"tv_weight": INFINITE}, "tv_weight is inf, not a finite number"),
        ({"range_weight": -0.1}, "range_weight is -0.1, not 0 or above"),
        ({"tolerance": -1e-9}, "tolerance is -1e-09, not 0 or above"),
        ({"learning_rate": 0.0}, "learning_rate is 0.0, not above 0"),
        ({"learning_rate": NAN}, "learning_rate is nan, not a finite number"),
        ({"tolerance_window": 0}, "tolerance_window is 0, not 1 or above"),
        ({"levels": ()}, "levels is empty"),
        (
            {"levels": (Level(64, 1), Level(64, 1))},
            "levels: the levels do not grow",
        ),
        (
            {"levels": (Level(64, 1), Level(48, 1))},
            "levels: the levels do not grow",
        ),
    ],
)
def test_a_recipe_that_cannot_be_meant_is_refused_in_a_sentence(
    changes: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ConfigError, match=problem) as caught:
        StyleRecipe(**{"styles": STYLES, **changes})
    assert caught.value.exit_code == 78
    assert caught.value.remedy


@pytest.mark.parametrize("weight", [0.0, -1.0, NAN, INFINITE])
def test_a_style_s_weight_is_above_zero(weight: float) -> None:
    with pytest.raises(ConfigError, match=rf"^The style a\.png: weight is {weight}, not "):
        StyleSource(image="a.png", weight=weight)


@pytest.mark.parametrize("scale", [0.0, 0.09, 10.1, NAN])
def test_a_style_s_scale_is_within_reason(scale: float) -> None:
    with pytest.raises(ConfigError, match=rf"^The style a\.png: scale is {scale}, not "):
        StyleSource(image="a.png", scale=scale)


def test_a_level_has_pixels_and_steps() -> None:
    with pytest.raises(ConfigError, match="level 31:10: long_edge is 31, not 32 or above"):
        Level(31, 10)
    with pytest.raises(ConfigError, match="level 32:0: steps is 0, not 1 or above"):
        Level(32, 0)
    assert Level(32, 1) == Level(32, 1)


def test_the_defaults_are_the_published_method_s() -> None:
    recipe = StyleRecipe(styles=STYLES)
    assert recipe.content_layer == "conv4_2"
    assert recipe.style_layers == ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1")
    assert recipe.layer_weights == (0.2,) * 5
    assert (recipe.form, recipe.optimizer, recipe.init) == ("relative", "lbfgs", "content")
    assert (recipe.content_weight, recipe.tv_weight, recipe.range_weight) == (0.05, 1.0, 100.0)
    assert STRENGTHS == {"subtle": 0.5, "normal": 0.05, "strong": 0.005}


def test_layers_are_all_of_vgg_19_in_order() -> None:
    assert " ".join(LAYERS) == (
        "conv1_1 conv1_2 conv2_1 conv2_2 conv3_1 conv3_2 conv3_3 conv3_4 "
        "conv4_1 conv4_2 conv4_3 conv4_4 conv5_1 conv5_2 conv5_3 conv5_4"
    )


def test_a_frozen_recipe_of_another_version_is_refused_by_the_key_s_name() -> None:
    data = {**StyleRecipe(styles=STYLES).to_json(), "sparkle": 1, "glitter": 2}
    with pytest.raises(ConfigError, match="does not know: glitter, sparkle") as caught:
        StyleRecipe.from_json(data)
    assert "queue the film again" in caught.value.remedy


def test_a_frozen_recipe_is_checked_like_any_other() -> None:
    data = {**StyleRecipe(styles=STYLES).to_json(), "style_weight": -1.0}
    with pytest.raises(ConfigError, match="style_weight"):
        StyleRecipe.from_json(data)


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((1920, 1080), [(256, 144, 80), (512, 288, 30), (1024, 576, 20), (1920, 1080, 15)]),
        ((1080, 1920), [(144, 256, 80), (288, 512, 30), (576, 1024, 20), (1080, 1920, 15)]),
        ((640, 480), [(256, 192, 80), (512, 384, 30), (640, 480, 20)]),
        ((639, 480), [(256, 192, 80), (639, 480, 30)]),  # 512 · 1.25 is more than 639
        ((256, 256), [(256, 256, 80)]),
        ((100, 50), [(100, 50, 80)]),
        ((2048, 64), [(1024, 32, 80), (2048, 64, 15)]),  # 256 wide would be 8 high
        (
            (8192, 4096),
            [(256, 128, 80), (512, 256, 30), (1024, 512, 20), (2048, 1024, 15), (8192, 4096, 15)],
        ),
    ],
)
def test_the_default_ladder_on_frames_of_all_sizes(
    size: tuple[int, int], expected: list[tuple[int, int, int]]
) -> None:
    planned = plan_levels(DEFAULT_LEVELS, *size)
    assert [(level.width, level.height, level.steps) for level in planned] == expected


def test_a_frame_too_small_for_the_network_is_refused() -> None:
    with pytest.raises(ConfigError, match="A picture of 100×31 px is too small") as caught:
        plan_levels(DEFAULT_LEVELS, 100, 31)
    assert caught.value.remedy == "Enlarge it first, or choose a larger size"
    assert plan_levels(DEFAULT_LEVELS, 100, 32) == (PlannedLevel(100, 32, 80),)


@pytest.mark.parametrize(
    ("size", "frame", "painted"),
    [
        (None, (481, 321), (481, 321)),
        (481, (481, 321), (481, 321)),  # its own size: not even rounded
        ("1080p", (3840, 2160), (1920, 1080)),
        ("1080p", (640, 480), (1440, 1080)),  # what is narrower than the screen fills its height
        ("1080p", (2048, 858), (1920, 804)),
        ("720p", (1080, 1920), (720, 1280)),  # on its side
        ("4k", (500, 500), (2160, 2160)),
        ("1080p", (1920, 1079), (1920, 1079)),
        (256, (512, 512), (256, 256)),
        (255, (512, 512), (255, 255)),
        (1280, (1920, 1080), (1280, 720)),
        (1280, (1080, 1920), (720, 1280)),
        (640, (320, 180), (640, 360)),
        (256, (481, 321), (256, 170)),  # 170.8 would be 171, which 4:2:0 cannot hold
    ],
)
def test_the_painted_size_keeps_the_frame_s_shape(
    size: int | str | None, frame: tuple[int, int], painted: tuple[int, int]
) -> None:
    assert painted_size(size, *frame) == painted


def test_a_size_at_which_the_network_sees_nothing_is_refused() -> None:
    with pytest.raises(ConfigError, match="A picture of 64×16 px is too small"):
        plan_levels(DEFAULT_LEVELS, 400, 100, 64)
    for size in (31, "31p"):
        with pytest.raises(ConfigError, match=f"size is {size}: neither 32 to 65536 px, nor "):
            StyleRecipe(styles=(StyleSource(image="a.jpg"),), size=size)


def test_levels_as_written_on_the_command_line() -> None:
    assert parse_levels("256:80,512:30") == (Level(256, 80), Level(512, 30))
    assert parse_levels(" 64:1 , 128:2 ") == (Level(64, 1), Level(128, 2))


@pytest.mark.parametrize(
    "text", ["", "256", "256:", ":80", "256:80,", "256x80", "-256:80", "2.5:8"]
)
def test_text_that_is_no_ladder_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ConfigError, match="is no level") as caught:
        parse_levels(text)
    assert "256:80" in caught.value.problem


# --- how frames hold together --------------------------------------------------------------------


def test_an_independent_recipe_is_frozen_without_saying_so() -> None:
    assert "temporal" not in StyleRecipe(styles=STYLES, temporal=INDEPENDENT).to_json()
    assert INDEPENDENT.distances == ()


@pytest.mark.parametrize(
    "temporal",
    [
        INDEPENDENT,
        Temporal(),
        Temporal(mode="independent", weight=3.0),
        Temporal(weight=0.0, long_term=(15, 40), estimator="raft", settled=0.0),
    ],
)
def test_how_frames_hold_together_comes_back_from_json(temporal: Temporal) -> None:
    recipe = StyleRecipe(styles=STYLES, temporal=temporal)
    assert StyleRecipe.from_json(json.loads(json.dumps(recipe.to_json()))) == recipe


def test_the_distances_are_one_and_the_long_ones() -> None:
    assert Temporal().distances == (1,)
    assert Temporal(long_term=(15, 40)).distances == (1, 15, 40)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"weight": -1.0}, "weight is -1.0, not 0 or above"),
        ({"weight": NAN}, "weight is nan, not a finite number"),
        ({"settled": -0.1}, "settled is -0.1, not 0 or above"),
        ({"long_term": (1, 15)}, r"long_term\[0\] is 1, not 2 or above"),
        ({"long_term": (40, 15)}, "long_term is no list of growing distances"),
        ({"long_term": (15, 15)}, "long_term is no list of growing distances"),
        ({"estimator": ""}, "estimator is empty"),
    ],
)
def test_what_cannot_hold_frames_together_is_refused(changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigError, match=f"temporal: {problem}"):
        Temporal(**changes)


def test_a_frozen_recipe_of_a_mode_this_version_does_not_know_is_refused() -> None:
    # In tests a checker of types sees the word before the recipe does; both refuse it.
    frozen = StyleRecipe(styles=STYLES, temporal=Temporal()).to_json()
    frozen["temporal"]["mode"] = "optical"
    with pytest.raises((ConfigError, TypeError), match="optical"):
        StyleRecipe.from_json(frozen)
