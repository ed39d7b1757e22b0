"""`nstd stylize`'s own little language: styles with weights and scales; what its help says."""

from pathlib import Path

import pytest

from nstd.cli.keys import ENCODING, LOOK, READING, look_keys, parse_style
from nstd.config import Config, recipe_from_options


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("a.jpg", {"image": "a.jpg"}),
        ("a.jpg:2", {"image": "a.jpg", "weight": "2"}),
        ("a.jpg:0.5", {"image": "a.jpg", "weight": "0.5"}),
        ("impasto", {"image": "impasto"}),
        ("impasto:2", {"image": "impasto", "weight": "2"}),
        ("a.jpg:1e-2", {"image": "a.jpg", "weight": "1e-2"}),
        ("/x/c:d/a.jpg", {"image": "/x/c:d/a.jpg"}),
        ("10:30.jpg:2", {"image": "10:30.jpg", "weight": "2"}),
        ("a.jpg:two", {"image": "a.jpg:two"}),
        ("a.jpg@1.5", {"image": "a.jpg", "scale": "1.5"}),
        ("a.jpg:2@1.5", {"image": "a.jpg", "weight": "2", "scale": "1.5"}),
        ("a.jpg@1.5:2", {"image": "a.jpg", "weight": "2", "scale": "1.5"}),
        ("impasto@.5", {"image": "impasto", "scale": ".5"}),
        ("a@2.jpg:2", {"image": "a@2.jpg", "weight": "2"}),
        ("a:1:2", {"image": "a:1", "weight": "2"}),
        ("x" * 5000 + ":2", {"image": "x" * 5000, "weight": "2"}),
    ],
)
def test_a_style_may_have_a_weight_and_a_scale(text: str, parsed: dict[str, str]) -> None:
    assert parse_style(text) == parsed


def test_a_file_whose_name_ends_like_a_weight_is_taken_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("take:2").touch()
    assert parse_style("take:2") == {"image": "take:2"}
    assert parse_style("take:3") == {"image": "take", "weight": "3"}
    assert parse_style("take:2@1.5") == {"image": "take:2", "scale": "1.5"}
    Path("take:2@1.5").touch()
    assert parse_style("take:2@1.5") == {"image": "take:2@1.5"}


def test_a_weight_and_a_scale_reach_the_recipe() -> None:
    texts = dict.fromkeys(LOOK.helps)
    recipe = recipe_from_options(
        Config(), name=None, overrides=look_keys(texts, ["impasto:2@1.5", "pastel@0.5"])
    )
    assert [(style.weight, style.scale) for style in recipe.styles] == [(2.0, 1.5), (1.0, 0.5)]


@pytest.mark.parametrize("name", sorted(LOOK.usual))
def test_what_the_help_calls_usual_given_changes_nothing(name: str) -> None:
    def recipe(**given: str) -> object:
        texts = {key: given.get(key) for key in LOOK.helps}
        return recipe_from_options(Config(), name=None, overrides=look_keys(texts, ["impasto"]))

    assert recipe(**{name: LOOK.usual[name]}) == recipe()


def test_the_help_tells_what_is_usual_of_all_but_what_depends() -> None:
    depends = {"size", "quality", "container", "rate"}
    for keys in (LOOK, ENCODING, READING):
        assert keys.helps.keys() - depends == keys.usual.keys()
