"""`nstd stylize`'s own little languages: styles with weights, ranges of frames."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nstd.cli.stylize import (
    ENCODING_OPTIONS,
    RECIPE_OPTIONS,
    USUAL,
    _keys,
    parse_frames,
    parse_style,
)
from nstd.config import Config, recipe_from_options
from nstd.errors import UsageError


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
    ],
)
def test_a_style_may_have_a_weight(text: str, parsed: dict[str, str]) -> None:
    assert parse_style(text) == parsed


def test_a_file_whose_name_ends_like_a_weight_is_taken_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("take:2").touch()
    assert parse_style("take:2") == {"image": "take:2"}
    assert parse_style("take:3") == {"image": "take", "weight": "3"}


@given(st.integers(0, 10**6), st.integers(1, 10**6))
def test_frames_end_before_b_as_in_python(begin: int, count: int) -> None:
    first, last = parse_frames(f"{begin}:{begin + count}")
    assert last is not None
    assert range(first, last + 1) == range(begin, begin + count)


def test_either_end_of_the_frames_may_be_left_out() -> None:
    assert parse_frames(None) == (0, None)
    assert parse_frames(":") == (0, None)
    assert parse_frames("7:") == (7, None)
    assert parse_frames(":7") == (0, 6)


@pytest.mark.parametrize("text", ["", "7", "a:b", "1:2:3", "-1:5", "1.5:3", "1-3", " 1:3"])
def test_what_is_no_range_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is no range") as caught:
        parse_frames(text)
    assert "Write A:B" in str(caught.value)


@pytest.mark.parametrize("text", ["3:3", "5:3", ":0", "0:0"])
def test_a_range_without_a_frame_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="holds no frame"):
        parse_frames(text)


@pytest.mark.parametrize("name", sorted(USUAL.keys() & RECIPE_OPTIONS.keys()))
def test_what_the_help_calls_usual_given_changes_nothing(name: str) -> None:
    def recipe(**given: str) -> object:
        texts = {key: given.get(key) for key in RECIPE_OPTIONS}
        return recipe_from_options(Config(), name=None, overrides=_keys(texts, ["impasto"]))

    assert recipe(**{name: USUAL[name]}) == recipe()


def test_the_help_tells_what_is_usual_of_all_but_what_depends() -> None:
    depends = {"content_weight", "size", "quality", "container"}
    assert {*RECIPE_OPTIONS, *ENCODING_OPTIONS} - depends <= USUAL.keys()
