"""The shipped config.yaml: valid as it is, complete, and right in what it says."""

import re
from pathlib import Path

import pytest
import yaml

from nstd.config import Config, FolderConfig, MoveOriginals, load_config
from nstd.config.faults import sections_in
from nstd.config.values import Section
from nstd.media.read.limits import Limits
from nstd.media.write.encoders import PRESETS
from nstd.style.recipe import LAYERS, StyleRecipe, StyleSource, Temporal

SHIPPED = Path(__file__).resolve().parents[3] / "config.yaml"


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that has none of the user's folders."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("XDG_STATE_HOME", "XDG_CACHE_HOME", "STATE_DIRECTORY", "CACHE_DIRECTORY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def uncommented(tmp_path: Path) -> Path:
    """The file with its examples in force, beside the style images they name."""
    text = re.sub(r"^# ", "", SHIPPED.read_text("utf-8"), flags=re.MULTILINE)
    path = tmp_path / "etc" / "config.yaml"
    for image in re.findall(r"styles/\w+\.jpg", text):
        (path.parent / image).parent.mkdir(parents=True, exist_ok=True)
        (path.parent / image).touch()
    path.write_text(text, "utf-8")
    return path


def test_it_validates_as_it_is_and_says_the_defaults() -> None:
    config = load_config(SHIPPED)
    assert config.model_dump() == Config().model_dump()
    assert config.source == SHIPPED


def test_its_examples_validate_too(uncommented: Path) -> None:
    config = load_config(uncommented)
    assert list(config.recipes) == ["night", "blend", "everything"]
    assert len(config.folders) == 2
    assert isinstance(config.folders[1].originals, MoveOriginals)
    assert len(config.batch) == 4


def test_the_defaults_it_tells_of_recipes_are_those_of_the_code(uncommented: Path) -> None:
    config = load_config(uncommented)
    image = str(uncommented.parent / "styles" / "starry_night.jpg")
    everything = config.recipes["everything"].recipe("another")
    assert everything == StyleRecipe(styles=(StyleSource(image=image),), temporal=Temporal())


def test_the_defaults_it_tells_of_folders_are_those_of_the_code(uncommented: Path) -> None:
    first = load_config(uncommented).folders[0]
    assert (first.recursive, first.overwrite, first.originals) == (True, False, "keep")
    assert (first.pattern, first.marker, first.encode) == (None, None, None)
    assert (first.priority, first.limits, first.accept_truncated) == (0, None, None)
    assert first.name == "{stem}.{ext}"
    several = FolderConfig.model_validate({"watch": "a", "output": "b", "recipes": ["c", "d"]})
    assert several.name == "{stem}.{recipe}.{ext}"


def test_the_limits_it_tells_of_are_those_of_the_code(uncommented: Path) -> None:
    assert load_config(uncommented).limits_of() == Limits()


def test_the_folders_it_tells_of_are_the_defaults(uncommented: Path) -> None:
    config = load_config(uncommented)
    assert config.state_dir == Config().state_dir
    assert config.cache_dir == Config().cache_dir


def test_the_words_it_lists_are_all_there_are() -> None:
    text = SHIPPED.read_text("utf-8")
    for word in PRESETS:
        assert word in text
    assert LAYERS[0] in text
    assert LAYERS[-1] in text


def test_every_key_of_every_section_is_in_it(uncommented: Path) -> None:
    given: dict[type[Section], set[str]] = {}
    _collect(Config, yaml.safe_load(uncommented.read_text("utf-8")), given)
    for section in _all_sections(Config):
        assert set(section.keys()) == given.get(section), section.__name__


def test_every_key_is_explained_where_it_first_stands() -> None:
    lines = SHIPPED.read_text("utf-8").splitlines()
    keys = {key for section in _all_sections(Config) for key in section.keys()}  # noqa: SIM118 - no dict
    nested = {"image", "weight", "scale", "long_edge", "steps", "move"}  # told of with their parent
    for key in keys - nested:
        stands = (i for i, line in enumerate(lines) if re.match(rf"^(# )?[ -]*{key}:", line))
        first = next(stands, None)
        assert first is not None, f"{key} is not in config.yaml"
        above = first - 1
        while not lines[above].startswith("##") and lines[above].strip():
            above -= 1
        assert lines[above].startswith("##"), key


def _collect(section: type[Section], data: object, given: dict[type[Section], set[str]]) -> None:
    """Note which keys `data`, and what is in it, gives."""
    assert isinstance(data, dict)
    given.setdefault(section, set()).update(data)
    for name, field in section.model_fields.items():
        for inner in sections_in(field.annotation):
            for item in _sets_of_keys(data.get(name), inner):
                _collect(inner, item, given)


def _sets_of_keys(value: object, section: type[Section]) -> list[dict[str, object]]:
    """The parts of a value that are written as a `section`: itself, or its list's or its names'."""
    if isinstance(value, dict):
        candidates = [value] if set(value) & set(section.keys()) else list(value.values())
    else:
        candidates = value if isinstance(value, list) else []
    return [item for item in candidates if isinstance(item, dict)]


def _all_sections(root: type[Section]) -> set[type[Section]]:
    found = {root}
    for field in root.model_fields.values():
        for section in sections_in(field.annotation):
            found |= _all_sections(section)
    return found
