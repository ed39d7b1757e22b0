"""What keyword arguments mean, before anything is painted."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import nstd
from nstd.errors import ConfigError, OutputExistsError, UsageError

SWITCHES = ("overwrite", "strict", "accept_truncated", "provenance")
"""All keywords of `nstd.stylize` that are yes or no, from three sections and none."""


@pytest.fixture
def taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Options for a picture whose output is there already."""
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (48, 48)).save("photo.png")
    Path("taken.png").write_bytes(b"somebody's")
    own = {"state_dir": tmp_path / "state", "cache_dir": tmp_path / "cache"}
    return {"source": "photo.png", "output": "taken.png", "style": "pastel", "device": "cpu"} | own


@pytest.mark.parametrize("key", SWITCHES)
@pytest.mark.parametrize("value", ["maybe", "", 0, 1, b"no", [], np.array([False])], ids=repr)
def test_what_is_neither_yes_nor_no_is_refused(
    key: str, value: object, taken: dict[str, Any]
) -> None:
    with pytest.raises(UsageError, match=rf"^{key}: .* is neither yes nor no"):
        nstd.stylize(**taken | {key: value})


@pytest.mark.parametrize("key", SWITCHES)
@pytest.mark.parametrize("value", [False, "no", "Off", "false", np.False_, None], ids=repr)
def test_no_is_no_in_each_of_its_forms(key: str, value: object, taken: dict[str, Any]) -> None:
    with pytest.raises(OutputExistsError, match=r"taken\.png is there already"):
        nstd.stylize(**taken | {key: value})
    assert Path("taken.png").read_bytes() == b"somebody's"


@pytest.mark.parametrize("key", SWITCHES[1:])
@pytest.mark.parametrize("value", [True, "yes", "ON", np.True_], ids=repr)
def test_yes_to_another_question_replaces_nothing(
    key: str, value: object, taken: dict[str, Any]
) -> None:
    with pytest.raises(OutputExistsError, match=r"taken\.png is there already"):
        nstd.stylize(**taken | {key: value})
    assert Path("taken.png").read_bytes() == b"somebody's"


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("depth", 12, r"^depth: there is no h264 of 12 bits; choose 8\. See"),
        ("levels", "64:2,32:2", r"^levels: the levels do not grow from coarse to fine\. See"),
        ("levels", "64:0", r"^levels: level 64:0: steps is 0, not 1 or above\. See"),
        ("layer_weights", "1,2", r"^layer_weights: there are 2 weights for 5 layers\. See"),
        ("content_weight", float("nan"), r"^content_weight: NaN is not a finite number"),
    ],
)
def test_what_is_wrong_is_said_of_the_option_and_of_no_file(
    key: str, value: object, said: str, taken: dict[str, Any]
) -> None:
    with pytest.raises(UsageError, match=said):
        nstd.stylize(**taken | {"output": "out.mp4", key: value})


def test_a_wrong_value_of_a_recipe_that_is_replaced_is_of_no_file() -> None:
    recipe = nstd.recipe("pastel", style_layers="conv1_1,conv2_1", layer_weights="1, 0.5")
    assert (recipe.style_layers, recipe.layer_weights) == (("conv1_1", "conv2_1"), (1, 0.5))
    with pytest.raises(ConfigError, match="style_weight is -1") as caught:
        replace(recipe, style_weight=-1.0)
    assert "Correct the file" not in caught.value.remedy


@pytest.mark.parametrize("key", ["source", "output", "config", "style"])
@pytest.mark.parametrize("value", [3, b"a.png", Ellipsis, "a\0b", ""], ids=repr)
def test_what_is_no_path_is_refused(key: str, value: object, taken: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=f"^{key}: .*is (no|not a) (path|style)"):
        nstd.stylize(**taken | {key: value})


@pytest.mark.parametrize(
    ("style", "said"),
    [
        ("pastell", "^style: there is no file .*did you mean “pastel”"),
        (["pastel", "pastell"], r"^style\[1\]\.image: there is no file "),
        ({"image": "pastell"}, r"^style\.image: there is no file "),
        ({"image": "pastel", "scale": 11}, r"^style\.scale: 11 is more than 10"),
        ({"image": np.zeros((2, 2, 3))}, r"^style\.image: an object of type ndarray is not a path"),
        ({}, "^style: the key “image” is missing"),
        (Image.new("RGB", (9, 9)), "^style: an object of type Image is no style"),
        (np.zeros((2, 2, 3)), "^style: an object of type ndarray is no style"),
        ([3], "^style: an object of type int is no style"),
    ],
)
def test_a_wrong_style_is_called_as_it_was_given(style: Any, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        nstd.recipe(style)


def test_all_that_is_given_beside_a_whole_recipe_is_named() -> None:
    look: dict[str, Any] = {"recipe": nstd.recipe("pastel"), "levels": "64:1", "style": "pastel"}
    with pytest.raises(UsageError, match="given whole, and levels, style besides"):
        nstd.paint(np.zeros((48, 48, 3), np.uint8), **look)


@pytest.mark.parametrize("frames", [[None], [None, np.zeros((48, 48, 3), np.uint8)], [0]])
def test_what_is_no_picture_is_refused_as_the_first_frame_too(frames: Any) -> None:
    with pytest.raises(UsageError, match=r"An object of type (NoneType|int) is no picture"):
        list(nstd.paint(frames, style="pastel", levels="64:1", device="cpu"))


@pytest.mark.parametrize("text", ["{", "[]", "{}", [], None, 3])
def test_a_recipe_that_is_no_dictionary_is_told_to_be_read_first(text: Any) -> None:
    with pytest.raises(ConfigError, match="is no recipe: that is a dictionary") as caught:
        nstd.Recipe.from_json(text)
    assert "json.loads" in caught.value.remedy
