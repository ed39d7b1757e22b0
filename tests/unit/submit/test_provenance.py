"""What a painted file says of how it was painted, and what is made of what a stranger's says."""

import getpass
import json
import shutil
import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

import PIL.Image
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nstd.config import Config
from nstd.errors import ConfigError, NstdError, WeightsError
from nstd.gallery import find_style
from nstd.style.ladder import Level
from nstd.style.recipe import INDEPENDENT, StyleRecipe, StyleSource, Temporal
from nstd.submit.freeze import Freezing, freeze
from nstd.submit.provenance import note_of, parse_note, recipe_of_note

NETWORK = "pocket"

RECIPES = (
    StyleRecipe(styles=(StyleSource(image="impasto"),)),
    StyleRecipe(
        styles=(StyleSource(image="impasto", weight=2.5, scale=0.5), StyleSource(image="woodcut")),
        size=320,
        levels=(Level(64, 3), Level(128, 2)),
        content_weight=0.25,
        style_layers=("conv1_1", "conv2_1"),
        layer_weights=(0.75, 0.25),
        optimizer="adam",
        temporal=Temporal(weight=1.5, long_term=(2, 4)),
        seed=2**62,
    ),
    StyleRecipe(styles=(StyleSource(image="mosaic"),), temporal=INDEPENDENT, size="720p"),
)


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config(state_dir=tmp_path / "state", cache_dir=tmp_path / "cache")


def frozen(recipe: StyleRecipe, config: Config) -> StyleRecipe:
    styles = tuple(replace(style, image=str(find_style(style.image))) for style in recipe.styles)
    freezing = Freezing(config.state_dir, config.cache_dir)
    return freeze(replace(recipe, styles=styles, network=NETWORK), freezing)


def read_back(note: str, config: Config, **given: Any) -> StyleRecipe:
    data = parse_note(note, "painted.mp4")
    return recipe_of_note(data, "painted.mp4", config, given).recipe("none")


@pytest.mark.parametrize("recipe", RECIPES, ids=("usual", "all its own", "independent"))
def test_another_film_is_painted_by_the_same_recipe(recipe: StyleRecipe, config: Config) -> None:
    first = frozen(recipe, config)
    again = freeze(read_back(note_of(first), config), Freezing(config.state_dir, config.cache_dir))
    assert again.without_names() == first.without_names()


def test_a_style_image_of_ones_own_is_found_by_its_content(tmp_path: Path, config: Config) -> None:
    image = tmp_path / "very private" / "storm.png"
    image.parent.mkdir()
    PIL.Image.new("RGB", (8, 8), "red").save(image)
    note = note_of(frozen(StyleRecipe(styles=(StyleSource(image=str(image)),)), config))
    image.unlink()
    (style,) = read_back(note, config).styles
    assert Path(style.image).parent == config.state_dir / "frozen"
    shutil.rmtree(config.state_dir)
    with pytest.raises(ConfigError, match=r"painted\.mp4 was painted in .*storm\.png.*not here"):
        read_back(note, config)
    given = [{"image": "woodcut"}]
    assert read_back(note, config, styles=given).styles[0].image.endswith("woodcut.jpg")


def test_a_network_that_is_not_here_is_named(config: Config) -> None:
    note = json.loads(note_of(frozen(RECIPES[0], config)))
    note["recipe"]["network"] = {"name": "theirs", "sha256": "0" * 64}
    with pytest.raises(WeightsError, match="theirs"):
        read_back(json.dumps(note), config)
    assert read_back(json.dumps(note), config, network=NETWORK).network == NETWORK


def test_a_note_tells_neither_where_nor_when_nor_by_whom(tmp_path: Path, config: Config) -> None:
    recipe = frozen(RECIPES[1], config)
    note = note_of(recipe)
    assert note == note_of(frozen(RECIPES[1], config))
    assert note.isascii()
    assert "\n" not in note
    for told in (str(tmp_path), "/", getpass.getuser() + "@", socket.gethostname()):
        assert told not in note
    assert set(json.loads(note)) == {"nstd", "recipe"}


@pytest.mark.parametrize(
    "note",
    [
        "",
        "{",
        "[]",
        "null",
        '{"nstd":"1"}',
        '{"recipe":[]}',
        "[" * 70_000,
        '{"recipe":{"seed":' + "[" * 900 + "]" * 900 + "}}",
        '{"recipe":' + "9" * 5000 + "}",
    ],
)
def test_what_is_no_note_is_refused(note: str) -> None:
    with pytest.raises(ConfigError):
        parse_note(note, "painted.mp4")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("styles", [{"name": "../../etc/passwd", "sha256": "*"}]),
        ("styles", [{"image": "/etc/passwd"}]),
        ("styles", [{"name": "x", "sha256": "0" * 64, "weight": float("nan")}]),
        ("styles", "impasto"),
        ("styles", []),
        ("network", "/srv/evil.pt"),
        ("network", {"name": "/srv/evil.pt", "sha256": "0" * 64}),
        ("levels", [{"long_edge": 10**12, "steps": 1}]),
        ("levels", [{"long_edge": 64, "steps": -1}]),
        ("size", 10**30),
        ("content_weight", float("inf")),
        ("temporal", {"mode": "flow", "estimator": "os.system"}),
        ("no_such_key", 1),
    ],
)
def test_a_forged_note_is_refused_or_harmless(key: str, value: object, config: Config) -> None:
    note = json.loads(note_of(frozen(RECIPES[0], config)))
    note["recipe"][key] = value
    if key == "temporal":  # a name is checked where it is looked up, as one of a configuration's is
        assert read_back(json.dumps(note), config).temporal.estimator == "os.system"
        return
    with pytest.raises((ConfigError, WeightsError)):
        read_back(json.dumps(note), config)


leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9)
anything = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4)
    ),
    max_leaves=8,
)
KEYS = sorted({*RECIPES[0].to_json()} - {"network_name", "network_sha256"})


@given(note=st.text() | anything.map(json.dumps))
def test_no_text_is_taken_for_a_note_that_is_none(note: str) -> None:
    try:
        parsed = parse_note(note, "painted.mp4")
    except ConfigError:
        return
    assert isinstance(parsed["recipe"], dict)


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Config]:
    folder = tmp_path_factory.mktemp("usual")
    config = Config(state_dir=folder / "state", cache_dir=folder / "cache")
    return note_of(frozen(RECIPES[0], config)), config


@given(changes=st.dictionaries(st.sampled_from(KEYS), anything, min_size=1, max_size=3))
def test_every_value_is_checked(usual: tuple[str, Config], changes: dict[str, Any]) -> None:
    note = json.loads(usual[0])
    note["recipe"] |= changes
    try:
        recipe = read_back(json.dumps(note), usual[1])
    except NstdError:
        return
    assert isinstance(recipe, StyleRecipe)
