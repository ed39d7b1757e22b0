"""Sidecars: which files they are, which keys of a recipe they change, how mistakes are told."""

import os
from pathlib import Path

import pytest

from nstd.config import RecipeConfig, StyleConfig, sidecar_of, with_sidecar
from nstd.errors import ConfigError
from nstd.gallery import find_style
from nstd.style.ladder import Level


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    (folder / "sub").mkdir(parents=True)
    for name in ("a.jpg", "in/b.jpg", "in/sub/c.jpg"):
        (tmp_path / name).touch()
    return folder


@pytest.fixture
def recipe(folder: Path) -> RecipeConfig:
    style = StyleConfig(image=folder.parent / "a.jpg")
    return RecipeConfig.model_validate({"styles": (style,), "strength": "strong", "seed": 7})


def put(folder: Path, text: str | bytes, name: str = "night.mp4.nstd.yaml") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def sentences(recipe: RecipeConfig, sidecar: Path, folder: Path) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        with_sidecar(recipe, sidecar, folder)
    assert caught.value.remedy.endswith("or take it away") or "nstd check" in caught.value.remedy
    return caught.value.problem.replace(f"{sidecar}:", "").split("\n")


def test_a_films_whole_name_comes_before_its_stem(folder: Path) -> None:
    film = folder / "night.mp4"
    assert sidecar_of(film) is None
    stem = put(folder, "", "night.nstd.yaml")
    assert sidecar_of(film) == stem
    assert sidecar_of(folder / "night.mov") == stem
    whole = put(folder, "")
    assert sidecar_of(film) == whole
    assert sidecar_of(folder / "night.mov") == stem
    assert sidecar_of(folder / "other.mp4") is None
    assert sidecar_of(folder / ("x" * 251 + ".mp4")) is None  # no name is left for one


def test_a_sidecar_changes_what_it_names_and_nothing_else(
    folder: Path, recipe: RecipeConfig
) -> None:
    changed = with_sidecar(recipe, put(folder, "levels: 64:5\nseed:\ntv_weight: 3"), folder)
    assert changed.strength == "strong"
    meant = changed.recipe("auto")
    assert meant.seed == 7  # a key without a value is as good as left out
    assert meant.tv_weight == 3
    assert meant.levels == (Level(64, 5),)
    assert changed.styles == recipe.styles


def test_style_in_a_sidecar_takes_the_place_of_styles(folder: Path, recipe: RecipeConfig) -> None:
    changed = with_sidecar(recipe, put(folder, "style: b.jpg"), folder)
    assert [style.image for style in changed.styles] == [folder / "b.jpg"]
    assert changed.recipe("auto").seed == 7


def test_paths_are_relative_to_the_sidecar(folder: Path, recipe: RecipeConfig) -> None:
    (folder / "sub/more").mkdir()
    (folder / "sub/more/d.jpg").touch()
    sub = put(folder / "sub", "styles: [c.jpg, {image: more/d.jpg, weight: 2}]")
    found = with_sidecar(recipe, sub, folder).styles
    assert [style.image for style in found] == [folder / "sub/c.jpg", folder / "sub/more/d.jpg"]


def test_a_sidecar_names_files_below_its_own_folder_alone(
    folder: Path, recipe: RecipeConfig
) -> None:
    (folder / "link.jpg").symlink_to(folder / "b.jpg")
    (folder / "out").symlink_to(folder.parent)
    os.mkfifo(folder / "pipe.jpg")
    outside = ["/etc/passwd", "/nowhere", "~/a.jpg", "~nobody/a.jpg", "../a.jpg", "../none.jpg"]
    outside += ["sub/../../a.jpg", str(folder / "b.jpg"), "link.jpg", "out/a.jpg", "out/none.jpg"]
    told = set()
    for name in [*outside, "none.jpg", "sub", "pipe.jpg", "a" * 5000]:
        (line,) = sentences(recipe, put(folder, f"styles: '{name}'"), folder)
        assert line.startswith("1: styles: “")
        told.add(line.partition("” ")[2])
    # Of no file it can be learned here whether it exists.
    (sentence,) = told
    assert sentence.startswith("is no picture below this file's own folder")


def test_a_sidecar_may_name_what_ships_and_what_the_configuration_names(
    folder: Path, recipe: RecipeConfig
) -> None:
    other = StyleConfig(image=folder.parent / "in/b.jpg")
    weights = folder.parent / "mine.safetensors"
    weights.touch()
    known = RecipeConfig(styles=(other,), network=str(weights))
    for name, path in (
        ("impasto", find_style("impasto")),
        (str(folder.parent / "a.jpg"), folder.parent / "a.jpg"),
        (str(other.image), other.image),
    ):
        changed = with_sidecar(recipe, put(folder, f"styles: {name}"), folder, [known])
        assert [style.image for style in changed.styles] == [path]
    text = f"network: {weights}"
    assert with_sidecar(recipe, put(folder, text), folder, [known]).network == known.network
    assert with_sidecar(recipe, put(folder, "network: vgg19"), folder).network == "vgg19"


@pytest.mark.parametrize("name", ["/etc/passwd", "in/net.safetensors", "net.pth", "../x", "net.x"])
def test_a_sidecar_brings_no_weights(folder: Path, recipe: RecipeConfig, name: str) -> None:
    (folder / "net.safetensors").touch()
    (told,) = sentences(recipe, put(folder, f"network: {name}"), folder)
    assert told == f"1: network: “{name}” is not a network's name; a path may not be given here"


def test_with_the_switch_a_sidecar_names_any_file(folder: Path, recipe: RecipeConfig) -> None:
    link = folder / "night.mp4.nstd.yaml"
    link.symlink_to(put(folder.parent, "styles: ../a.jpg", "elsewhere.yaml"))
    changed = with_sidecar(recipe, link, None)
    assert [style.image for style in changed.styles] == [folder.parent / "a.jpg"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("seed: 1\nstrenght: weak", ["2: strenght: unknown key; did you mean “strength”?"]),
        ("strength: weak", ["1: strength: “weak” is none of subtle, normal, strong"]),
        ("styles: none.jpg", ["1: styles: “none.jpg” is no picture below "]),
        ("form: literal", ["1: form: strength is made for the relative form"]),
        ("strength: subtle\ncontent_weight: 3", ["1: strength: strength and content_weight"]),
        (
            "watch: /etc\nseed: x",
            ["1: watch: unknown key; known are ", "2: seed: “x” is not a whole number"],
        ),
        ("seed: 1\nseed: 2", ["2: seed: the key is given twice, first in line 1"]),
        ("- seed", ["1: a list is not a set of keys with values"]),
        ("night", ["1: “night” is not a set of keys with values"]),
        ("a: b: c", ["1: cannot be read: a “key: value” where none can be"]),
        (b"seed: \xff", ["1: not UTF-8 text"]),
    ],
)
def test_each_slip_has_its_line_its_key_and_plain_words(
    folder: Path, recipe: RecipeConfig, text: str | bytes, found: list[str]
) -> None:
    told = sentences(recipe, put(folder, text), folder)
    assert len(told) == len(found)
    for line, start in zip(told, found, strict=True):
        assert line.startswith(start)


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n"])
def test_one_that_says_nothing_may_still_be_coming(
    folder: Path, recipe: RecipeConfig, text: str
) -> None:
    (told,) = sentences(recipe, put(folder, text), folder)
    assert told.endswith("night.mp4.nstd.yaml says nothing")


def test_a_film_in_its_place_is_refused_unread(folder: Path, recipe: RecipeConfig) -> None:
    (told,) = sentences(recipe, put(folder, bytes(16 * 1024 + 1)), folder)
    assert told.endswith("is larger than 16 KiB: no configuration")


def test_of_very_many_styles_none_is_looked_at(folder: Path, recipe: RecipeConfig) -> None:
    many = f"styles: [{','.join(['woodcut'] * 1_000)}]"
    (told,) = sentences(recipe, put(folder, many), folder)
    assert told == "1: styles: it has more than 64"


def test_a_link_is_not_followed(folder: Path, recipe: RecipeConfig) -> None:
    inside, outside = put(folder / "sub", "seed: 3"), put(folder.parent, "seed: 4")
    link = folder / "night.nstd.yaml"
    for target in (inside, outside, Path("/etc/passwd"), folder / "nothing"):
        link.symlink_to(target)
        (told,) = sentences(recipe, link, folder)
        assert told.endswith(f"is a link, or lies behind one, and none is followed in {folder}")
        link.unlink()


def test_what_is_no_file_or_is_gone_is_told_of(folder: Path, recipe: RecipeConfig) -> None:
    pipe, inner = (folder / f"{name}.nstd.yaml" for name in ("pipe", "folder"))
    os.mkfifo(pipe)
    inner.mkdir()
    for path, told in ((pipe, "is a pipe"), (inner, "is a folder")):
        assert sidecar_of(path.with_name(path.name.replace(".nstd.yaml", ".mp4"))) == path
        with pytest.raises(ConfigError, match=told):
            with_sidecar(recipe, path, folder)
    with pytest.raises(ConfigError, match="There is no "):
        with_sidecar(recipe, folder / "gone.nstd.yaml", folder)


def test_of_very_many_faults_not_all_are_told(folder: Path, recipe: RecipeConfig) -> None:
    text = "".join(f"k{number}: 1\n" for number in range(1500))
    told = sentences(recipe, put(folder, text), folder)
    assert len(told) == 51
    assert told[0].startswith("1: k0: unknown key")
    assert told[-1] == " and 1,450 more"
