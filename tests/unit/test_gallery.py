"""The styles that ship: named, found, and rich enough to paint in."""

from pathlib import Path

import PIL.Image
import pytest

from nstd.gallery import find_style, is_bare, list_styles, style_name

STYLES = list_styles()
NAMES = [style.name for style in STYLES]
FOLDER = STYLES[0].path.parent


def test_there_are_at_least_six_each_with_its_file_and_no_file_without_a_name() -> None:
    assert len(NAMES) >= 6
    assert len(set(NAMES)) == len(NAMES)
    assert {style.path for style in STYLES} == set(FOLDER.iterdir())


def test_each_is_named_by_a_bare_word_and_described_by_one_sentence() -> None:
    for style in STYLES:
        assert is_bare(style.name)
        assert style.name.isalpha()
        assert style.name == style.name.lower()
        assert style.description.endswith(".")
        assert style.description.count(".") == 1
        # Beside the longest name it fits a terminal of 100 columns.
        assert len(style.description) <= 86


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_its_file(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_style(name) == FOLDER / f"{name}.jpg"
    assert find_style(Path(name), tmp_path) == FOLDER / f"{name}.jpg"
    assert find_style(name).is_file()


@pytest.mark.parametrize(
    "text",
    ["impasto.jpg", "./impasto", "a/impasto", "/impasto", "~impasto", "Impasto", "impsto", "", "."],
)
def test_everything_else_is_a_path(text: str, tmp_path: Path) -> None:
    assert find_style(text, tmp_path) == tmp_path / text


def test_a_file_of_that_very_name_comes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "impasto").touch()
    assert find_style("impasto", tmp_path) == tmp_path / "impasto"
    assert find_style("impasto", tmp_path / "elsewhere") == FOLDER / "impasto.jpg"
    monkeypatch.chdir(tmp_path)
    assert find_style("impasto") == Path("impasto")


def test_a_folder_of_that_name_is_no_style(tmp_path: Path) -> None:
    # As made by `-o impasto/`: the second run must mean the same as the first.
    (tmp_path / "impasto").mkdir()
    assert find_style("impasto", tmp_path) == FOLDER / "impasto.jpg"


def test_together_they_are_no_burden() -> None:
    assert sum(style.path.stat().st_size for style in STYLES) < 2_200_000


@pytest.mark.parametrize("name", NAMES)
def test_each_is_an_rgb_jpeg_with_color_at_full_resolution(name: str) -> None:
    with PIL.Image.open(find_style(name)) as picture:
        assert (picture.format, picture.mode) == ("JPEG", "RGB")
        assert max(picture.size) >= 600
        # One sample of color for each pixel: the factors of all components are 1.
        layers = picture.layer  # type: ignore[attr-defined]
        assert {factors[1:3] for factors in layers} == {(1, 1)}


def test_an_image_is_called_by_a_styles_name_or_its_files() -> None:
    for style in list_styles():
        assert style_name(find_style(style.name)) == style.name
    assert style_name("styles/impasto.jpg") == "impasto.jpg"
