"""Recipes: what is written becomes the `StyleRecipe` that is meant."""

from dataclasses import fields
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import ValidationError

from nstd.config import Config, RecipeConfig, recipe_from_options
from nstd.config.faults import faults_of, shown_path
from nstd.config.values import Context
from nstd.errors import UsageError
from nstd.gallery import find_style
from nstd.style.keys import hints_of, keys_of, plain_type
from nstd.style.ladder import Level
from nstd.style.recipe import (
    INDEPENDENT,
    STRENGTHS,
    STYLE_LAYERS,
    StyleRecipe,
    StyleSource,
    Temporal,
)

FROZEN_LATER = {"network_name", "network_sha256"}
"""Fields that no one writes: they are filled in when a job is queued."""


@pytest.fixture(autouse=True)
def _style(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.jpg").touch()
    (tmp_path / "b.jpg").touch()
    monkeypatch.chdir(tmp_path)


def _recipe(**keys: Any) -> RecipeConfig:
    return RecipeConfig.model_validate({"styles": "a.jpg"} | keys, context=Context(Path.cwd()))


def _style_recipe(**keys: Any) -> StyleRecipe:
    return _recipe(**keys).recipe("auto")


def _faults(**keys: Any) -> list[str]:
    with pytest.raises(ValidationError) as caught:
        _recipe(**keys)
    found = faults_of(caught.value, RecipeConfig)
    return [f"{shown_path(fault.path)}: {fault.sentence}" for fault in found]


def test_every_field_of_a_style_recipe_has_its_key() -> None:
    names = {field.name for field in fields(StyleRecipe)} - FROZEN_LATER
    assert set(RecipeConfig.keys()) - {"strength", "style"} == names


OTHER_VALUES: dict[str, tuple[Any, Any]] = {
    "network": ("pocket", "pocket"),
    "content_layer": ("conv3_1", "conv3_1"),
    "style_layers": (["conv1_2", "conv2_2"], ("conv1_2", "conv2_2")),
    "layer_weights": ([1, 2, 3, 4, 5], (1.0, 2.0, 3.0, 4.0, 5.0)),
    "tv_weight": ("3e0", 3.0),
    "range_weight": (7, 7.0),
    "size": (640, 640),
    "levels": ([{"long_edge": 64, "steps": 3}], (Level(64, 3),)),
    "temporal": ({"mode": "flow", "weight": 7}, Temporal(weight=7.0)),
}
"""What is written, and what is meant, where the type of a key does not tell."""


def _other_value(key: str) -> tuple[Any, Any]:
    """What may be written for a key, and what is meant by that: never its default."""
    if key in OTHER_VALUES:
        return OTHER_VALUES[key]
    default: Any = StyleRecipe.__dataclass_fields__[key].default
    words = get_args(plain_type(hints_of(StyleRecipe)[key]))
    if words:
        other = next(word for word in words if word != default)
    else:
        other = default + 1 if isinstance(default, int) else default / 2 + 0.25
    return str(other), other


@pytest.mark.parametrize("key", sorted(keys_of(StyleRecipe).keys() - {"styles"}))
def test_each_key_reaches_the_style_recipe(key: str) -> None:
    written, meant = _other_value(key)
    assert meant != StyleRecipe.__dataclass_fields__[key].default
    recipe = _style_recipe(**{key: written})
    assert getattr(recipe, key) == meant
    assert type(getattr(recipe, key)) is type(meant)


def test_what_is_not_given_has_the_style_recipes_default(tmp_path: Path) -> None:
    image = str(tmp_path / "a.jpg")
    # But for how frames hold together: `StyleRecipe` speaks for what was frozen long ago, too.
    expected = StyleRecipe(styles=(StyleSource(image=image),), temporal=Temporal())
    assert _style_recipe() == expected
    assert _style_recipe(seed=None, levels=None) == _style_recipe()


def test_the_default_network_is_for_recipes_that_name_none() -> None:
    assert _recipe().recipe("other").network == "other"
    assert _recipe(network="pocket").recipe("other").network == "pocket"


def test_style_images_are_paths_or_paths_with_weights(tmp_path: Path) -> None:
    styles = ["a.jpg", {"image": "b.jpg", "weight": 2, "scale": 0.5}]
    assert _style_recipe(styles=styles).styles == (
        StyleSource(image=str(tmp_path / "a.jpg")),
        StyleSource(image=str(tmp_path / "b.jpg"), weight=2.0, scale=0.5),
    )


def test_style_means_the_same_as_styles() -> None:
    context = Context(Path.cwd())
    for given in ("a.jpg", ["a.jpg"], [{"image": "a.jpg"}]):
        assert RecipeConfig.model_validate({"style": given}, context=context) == _recipe()
    (fault,) = _faults(style="b.jpg")
    assert fault == "style: it is given besides “styles”, which means the same; give one of them"


@pytest.mark.parametrize(
    ("keys", "fault"),
    [
        ({"style": [{"image": "a.jpg", "scal": 2}]}, "style[0].scal: unknown key; did you mean “s"),
        ({"stile": "a.jpg"}, "stile: unknown key; did you mean “style”?"),
        ({}, ": the key “styles” is missing"),
    ],
)
def test_a_slip_in_style_is_told_of_once(keys: dict[str, Any], fault: str) -> None:
    with pytest.raises(ValidationError) as caught:
        RecipeConfig.model_validate(keys, context=Context(Path.cwd()))
    (found,) = faults_of(caught.value, RecipeConfig)
    assert f"{shown_path(found.path)}: {found.sentence}".startswith(fault)


@pytest.mark.parametrize(
    ("keys", "fault"),
    [
        ({"levels": "64:0"}, "levels: level 64:0: steps is 0, not 1 or above"),
        ({"levels": "64"}, "levels: “64” is no level; write LONG_EDGE:STEPS, as in 256:80"),
        ({"temporal": {"estimator": ""}}, "temporal.estimator: it is empty"),
    ],
)
def test_a_fault_is_one_sentence_of_ours(keys: dict[str, Any], fault: str) -> None:
    assert _faults(**keys) == [fault]


def test_a_style_that_ships_is_given_by_its_name() -> None:
    styles = ["impasto", {"image": "woodcut", "weight": 2}]
    assert _style_recipe(styles=styles).styles == (
        StyleSource(image=str(find_style("impasto"))),
        StyleSource(image=str(find_style("woodcut")), weight=2.0),
    )


def test_a_file_with_the_name_of_a_shipped_style_comes_first(tmp_path: Path) -> None:
    (tmp_path / "impasto").touch()
    assert _style_recipe(styles="impasto").styles[0].image == str(tmp_path / "impasto")


def test_a_folder_with_the_name_of_a_shipped_style_does_not(tmp_path: Path) -> None:
    (tmp_path / "impasto").mkdir()
    assert _style_recipe(styles="impasto").styles[0].image == str(find_style("impasto"))


@pytest.mark.parametrize(("text", "near"), [("impsto", "impasto"), ("Mosaic", "mosaic")])
def test_a_word_that_is_no_style_names_the_nearest_that_ships(
    text: str, near: str, tmp_path: Path
) -> None:
    (fault,) = _faults(styles=text)
    assert fault.startswith(f"styles[0].image: there is no file {tmp_path / text}, and no style ")
    assert fault.endswith(f"did you mean “{near}”?")


@pytest.mark.parametrize(
    ("written", "size"), [("1080p", "1080p"), ("4K", "4k"), ("640", 640), (32, 32), (6.4e2, 640)]
)
def test_a_size_is_in_pixels_or_named_after_a_screen(written: object, size: int | str) -> None:
    assert _style_recipe(size=written).size == size


@pytest.mark.parametrize("strength", ["subtle", "normal", "strong"])
def test_strength_is_a_content_weight(strength: Any) -> None:
    assert _style_recipe(strength=strength).content_weight == STRENGTHS[strength]


def test_levels_may_be_written_as_on_the_command_line() -> None:
    assert _style_recipe(levels="256:80, 512:30").levels == (Level(256, 80), Level(512, 30))


def test_layer_weights_by_name_choose_the_layers_in_the_networks_order() -> None:
    recipe = _style_recipe(layer_weights={"conv4_1": 3, "conv1_1": 1})
    assert recipe.style_layers == ("conv1_1", "conv4_1")
    assert recipe.layer_weights == (1.0, 3.0)
    recipe = _style_recipe(
        style_layers=["conv4_1", "conv1_1"], layer_weights={"conv1_1": 1, "conv4_1": 3}
    )
    assert recipe.style_layers == ("conv4_1", "conv1_1")
    assert recipe.layer_weights == (3.0, 1.0)


def test_style_layers_without_weights_share_equally() -> None:
    recipe = _style_recipe(style_layers=["conv1_1", "conv2_1", "conv3_1", "conv4_1"])
    assert recipe.layer_weights == (0.25,) * 4
    assert _style_recipe(style_layers=list(STYLE_LAYERS)) == _style_recipe()


@pytest.mark.parametrize(
    ("key", "text", "meant"),
    [
        ("style_layers", "conv1_1, conv2_1", ("conv1_1", "conv2_1")),
        ("layer_weights", "0.1,0.2,0.2, 0.2,3e-1", (0.1, 0.2, 0.2, 0.2, 0.3)),
        ("temporal", {"long_term": "2,4"}, Temporal(long_term=(2, 4))),
        ("levels", "64:2, 128:3", (Level(64, 2), Level(128, 3))),
        (
            "levels",
            ["64:2", Level(96, 1), {"long_edge": 128, "steps": "3"}],
            (Level(64, 2), Level(96, 1), Level(128, 3)),
        ),
    ],
)
def test_a_list_may_be_a_text_that_commas_part(key: str, text: Any, meant: Any) -> None:
    assert getattr(_style_recipe(**{key: text}), key) == meant


@pytest.mark.parametrize(
    ("keys", "fault"),
    [
        ({"styles": "c.jpg"}, "styles[0].image: there is no file "),
        ({"styles": "."}, "styles[0].image: "),
        ({"styles": "./impasto"}, "styles[0].image: there is no file "),
        ({"styles": "impasto.png"}, "styles[0].image: there is no file "),
        ({"styles": []}, "styles: it is empty"),
        ({"styles": [{"image": "a.jpg", "weight": 0}]}, "styles[0].weight: 0 is not above 0"),
        ({"styles": [{"image": "a.jpg", "scale": 11}]}, "styles[0].scale: 11 is more than 10"),
        ({"styles": [{"weight": 1}]}, "styles[0]: the key “image” is missing"),
        ({"styles": {"image": "a.jpg"}}, "styles: a set of keys is not a list"),
        (
            {"strength": "normal", "content_weight": 1},
            "strength: strength and content_weight",
        ),
        (
            {"strength": "normal", "form": "literal"},
            "form: strength is made for the relative",
        ),
        (
            {"strength": "strnog"},
            "strength: “strnog” is none of subtle, normal, strong; did you me",
        ),
        ({"content_weight": -1}, "content_weight: -1 is not at least 0"),
        ({"content_weight": "high"}, "content_weight: “high” is not a number"),
        ({"content_layer": "conv4_5"}, "content_layer: “conv4_5” is no layer of VGG-19; did you"),
        (
            {"content_layer": "relu"},
            "content_layer: “relu” is no layer of VGG-19; they are conv1_1",
        ),
        ({"layer_weights": [1, 2]}, "layer_weights: there are 2 "),
        ({"layer_weights": [1, "x", 3, 4, 5]}, "layer_weights[1]: “x” is not a number"),
        ({"layer_weights": {"conv9_1": 1}}, "layer_weights.conv9_1: “conv9_1” is no layer"),
        ({"layer_weights": {}}, "layer_weights: it is empty"),
        ({"layer_weights": 3}, "layer_weights: 3 is not a list"),
        (
            {"layer_weights": {"conv1_1": 1}, "style_layers": ["conv2_1"]},
            "layer_weights: layer_weights and style_layers name different layers",
        ),
        ({"style_layers": ["conv1_1", "conv1_1"]}, "style_layers: a style layer is named twice"),
        ({"style_layers": []}, "style_layers: it is empty"),
        ({"levels": "256x80"}, "levels: “256x80” is no level; write LONG_EDGE:STEPS"),
        ({"levels": "512:3,256:3"}, "levels: the levels do not grow from coarse to fine"),
        ({"levels": "16:3"}, "levels: level 16:3: long_edge is 16, not 32 or above"),
        ({"levels": []}, "levels: it is empty"),
        ({"levels": 256}, "levels: 256 is no level; write LONG_EDGE:STEPS, as in 256:80"),
        ({"levels": [64, 2]}, "levels: 64 is no level; write LONG_EDGE:STEPS, as in 256:80"),
        ({"levels": ["64:2", "x"]}, "levels: “x” is no level; write LONG_EDGE:STEPS"),
        ({"levels": ["64:2,128:3"]}, "levels: “64:2,128:3” is no level; write"),
        ({"temporal": {"long_term": "4,2"}}, "temporal: long_term is no list of growing"),
        ({"content_weight": float("nan")}, "content_weight: NaN is not a finite number"),
        ({"content_weight": float("-inf")}, "content_weight: minus infinity is not a finite"),
        ({"content_weight": 1e301}, "content_weight: 1e+301 is too large"),
        ({"content_weight": 10**400}, "content_weight: a very large number is too large"),
        ({"content_weight": object()}, "content_weight: an object of type object is not a number"),
        ({"layer_weights": "1,2"}, "layer_weights: there are 2 weights for 5 layers"),
        ({"style_layers": "conv1_1,conv9"}, "style_layers[1]: “conv9” is no layer of VGG-19"),
        ({"levels": [{"long_edge": 31, "steps": 1}]}, "levels[0].long_edge: 31 is not at least 32"),
        ({"levels": [{"long_edge": 32, "step": 1}]}, "levels[0].step: unknown key; did you mean"),
        ({"learning_rate": 0}, "learning_rate: 0 is not above 0"),
        ({"size": "1081p"}, "size: “1081p” is neither pixels of the long edge nor one of 480p, "),
        ({"size": 31}, "size: 31 is not between 32 and 65536"),
        ({"size": 70_000}, "size: 70000 is not between 32 and 65536"),
        ({"size": True}, "size: “yes” is neither pixels"),
        ({"seed": -1}, "seed: -1 is not at least 0"),
        ({"seed": 2**63}, "seed: a very large number is more than a very large number"),
        ({"tv": 1}, "tv: unknown key; did you mean “tv_weight”?"),
        ({"init": "image"}, "init: “image” is none of content, style, noise"),
    ],
)
def test_each_slip_in_a_recipe_has_its_key_and_plain_words(
    keys: dict[str, Any], fault: str
) -> None:
    (found,) = _faults(**keys)
    assert found.startswith(fault)


@pytest.mark.parametrize("name", ["", ".hidden", "a/b", "x" * 65, "a\nb"])
def test_a_recipes_name_can_be_part_of_a_file_name(name: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Config.model_validate({"recipes": {name: {"styles": "a.jpg"}}})
    (fault,) = faults_of(caught.value, Config)
    assert "cannot name a recipe" in fault.sentence


@pytest.fixture
def config() -> Config:
    recipes = {
        "plain": {"styles": "a.jpg"},
        "rich": {
            "styles": [{"image": "a.jpg", "weight": 2}],
            "content_weight": 0.7,
            "levels": "64:3",
            "layer_weights": {"conv1_1": 1},
            "network": "pocket",
        },
    }
    return Config.model_validate({"recipes": recipes, "network": "default"})


def test_options_override_a_named_recipe(config: Config, tmp_path: Path) -> None:
    recipe = recipe_from_options(
        config, name="rich", overrides={"seed": "5", "styles": ["b.jpg"], "levels": None}
    )
    assert recipe.seed == 5
    assert [style.image for style in recipe.styles] == [str(tmp_path / "b.jpg")]
    assert recipe.levels == (Level(64, 3),)
    assert recipe.network == "pocket"


def test_strength_and_content_weight_replace_each_other(config: Config) -> None:
    recipe = recipe_from_options(config, name="rich", overrides={"strength": "subtle"})
    assert recipe.content_weight == STRENGTHS["subtle"]
    recipe = recipe_from_options(config, name="rich", overrides={"content_weight": 0.9})
    assert recipe.content_weight == 0.9


def test_options_alone_make_a_recipe(tmp_path: Path) -> None:
    overrides = {"styles": [{"image": "a.jpg", "weight": 3}], "strength": None, "tv_weight": 2}
    recipe = recipe_from_options(Config(network="pocket"), name=None, overrides=overrides)
    source = StyleSource(image=str(tmp_path / "a.jpg"), weight=3.0)
    assert recipe == StyleRecipe(
        styles=(source,), network="pocket", tv_weight=2.0, temporal=Temporal()
    )


@pytest.mark.parametrize(
    ("name", "overrides", "problem"),
    [
        ("plian", {}, "There is no recipe “plian”; did you mean “plain”?"),
        (None, {}, "No style image is given"),
        (None, {"seed": 3}, "No style image is given"),
        (None, {"styles": ["c.jpg"]}, "--style: there is no file "),
        (None, {"styles": ["watercolour"]}, "--style: there is no file "),
        ("plain", {"content_weight": "high"}, "--content-weight: “high” is not a number"),
        ("plain", {"sede": 3}, "--sede: unknown key; did you mean “seed”?"),
        ("plain", {"strength": "subtle", "content_weight": 1}, "--strength: strength and"),
        ("rich", {"style_layers": ["conv2_1"]}, "--layer-weights: layer_weights and style_layers"),
        ("plain", {"seed": -1, "init": "x"}, "--init: “x” is none of content, style, noise\n--se"),
    ],
)
def test_each_wrong_option_is_named(
    config: Config, name: str | None, overrides: dict[str, Any], problem: str
) -> None:
    with pytest.raises(UsageError) as caught:
        recipe_from_options(config, name=name, overrides=overrides)
    assert caught.value.problem.startswith(problem)
    assert caught.value.exit_code == 2


def test_how_frames_hold_together_may_be_one_word() -> None:
    assert _style_recipe(temporal="independent").temporal == INDEPENDENT
    assert _style_recipe(temporal="flow").temporal == Temporal()


def test_how_frames_hold_together_is_given_key_by_key() -> None:
    given = {"long_term": [15, 40], "estimator": "raft", "settled": 0.1, "weight": 20}
    expected = Temporal(long_term=(15, 40), estimator="raft", settled=0.1, weight=20.0)
    assert _style_recipe(temporal=given).temporal == expected


@pytest.mark.parametrize(
    "given", ["sideways", {"mode": "sideways"}, {"weight": -1}, {"long_term": [1]}, {"wight": 3}]
)
def test_each_slip_in_how_frames_hold_together_is_told(given: Any) -> None:
    (fault,) = _faults(temporal=given)
    assert "temporal" in fault


def test_distances_that_do_not_grow_are_told() -> None:
    (fault,) = _faults(temporal={"long_term": [40, 15]})
    assert "growing distances" in fault
