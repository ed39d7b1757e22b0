"""A key is one field: what is added to a frozen value is checked, written as JSON and read back."""

import json
from dataclasses import dataclass
from typing import Annotated, Any

import pytest
from annotated_types import Ge, Gt, Le, Len

from nstd.errors import ConfigError
from nstd.style.keys import (
    Absent,
    Key,
    OneOf,
    from_values,
    keys_of,
    require_valid,
    to_values,
)
from nstd.style.recipe import INDEPENDENT, StyleRecipe, StyleSource, Temporal


@dataclass(frozen=True, slots=True, kw_only=True)
class Glitter(StyleRecipe):
    """A recipe of a later version: one field more."""

    glitter: Annotated[float, Key("How much it glitters."), Ge(0), Le(9), Absent(0.0)] = 0.5

    def __post_init__(self) -> None:
        require_valid(self)


def test_a_field_that_is_added_is_a_key_with_its_help_and_its_range() -> None:
    assert keys_of(Glitter)["glitter"].help == "How much it glitters."
    with pytest.raises(ConfigError, match=r"^glitter is -1\.0, not 0 or above"):
        Glitter(styles=(), glitter=-1.0)
    with pytest.raises(ConfigError, match=r"^glitter is 9\.5, not 9 or below"):
        Glitter(styles=(), glitter=9.5)


def test_what_was_frozen_before_there_was_a_field_means_its_absence_and_stays_as_it_was() -> None:
    before = StyleRecipe(styles=()).to_json()
    recipe = from_values(Glitter, before)
    assert recipe.glitter == 0.0  # and not the 0.5 that new recipes have
    assert recipe.to_json() == before
    assert Glitter(styles=()).to_json() == before | {"glitter": 0.5}


def test_only_marked_fields_are_keys() -> None:
    frozen_later = {"network_name", "network_sha256"}
    assert not frozen_later & keys_of(StyleRecipe).keys()
    assert set(keys_of(StyleSource)) == {"image", "weight", "scale"}


@dataclass(frozen=True)
class Odd:
    """One field of each kind."""

    name: Annotated[str, Len(1), OneOf(("a1", "a2", "b1"), "seat")] = "a1"
    shares: Annotated[tuple[Annotated[float, Gt(0)], ...], Len(1, 2)] = (1.0,)


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"name": "c1"}, "name is c1, no seat: they are a1 to b1"),
        ({"shares": ()}, "shares is empty"),
        ({"shares": (1.0, 2.0, 3.0)}, "shares has more than 2"),
        ({"shares": (1.0, 0.0)}, "shares[1] is 0.0, not above 0"),
        ({"shares": (float("nan"),)}, "shares[0] is nan, not a finite number"),
    ],
)
def test_each_mark_has_its_sentence(values: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        require_valid(Odd(**values), "odd: ")
    assert caught.value.problem == f"odd: {problem}"


def test_values_come_back_from_json_with_all_that_is_in_them() -> None:
    recipe = StyleRecipe(
        styles=(StyleSource(image="a.jpg", name="b"),), temporal=Temporal(long_term=(15, 40))
    )
    assert from_values(StyleRecipe, json.loads(json.dumps(to_values(recipe)))) == recipe


FIRST = """{"content_layer":"conv4_2","content_weight":0.05,"form":"relative","init":"content",
"layer_weights":[0.2,0.2,0.2,0.2,0.2],"learning_rate":0.05,"levels":[{"long_edge":256,"steps":80},
{"long_edge":512,"steps":30},{"long_edge":1024,"steps":20},{"long_edge":2048,"steps":15}],
"network":"/f/n.safetensors","network_name":"pocket","network_sha256":"cd","optimizer":"lbfgs",
"padding":"reflect","pooling":"max","range_weight":100.0,"seed":0,"size":"1080p",
"style_layers":["conv1_1","conv2_1","conv3_1","conv4_1","conv5_1"],"style_weight":1.0,"styles":[
{"image":"a.jpg","scale":1.0,"sha256":null,"weight":1.0},{"image":"/f/b.jpg","name":"b.jpg",
"origin":"/x/b.jpg","scale":0.5,"sha256":"ab","weight":2.0}],"tolerance":0.0001,
"tolerance_window":50,"tv_weight":1.0}"""
"""As a ledger of version 0.1.0 holds it."""


def test_a_recipe_frozen_by_the_first_version_is_read_and_written_as_it_was() -> None:
    recipe = StyleRecipe.from_json(json.loads(FIRST))
    assert recipe.temporal == INDEPENDENT
    assert recipe.styles[1].name == "b.jpg"
    written = json.dumps(recipe.to_json(), sort_keys=True, separators=(",", ":"))
    assert written == FIRST.replace("\n", "")
