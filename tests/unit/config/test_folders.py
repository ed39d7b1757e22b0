"""Folders and batch entries: names, encodings, and places that would feed each other."""

import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from nstd.config import (
    Config,
    FolderConfig,
    MoveOriginals,
    load_config,
    output_from_options,
    output_name,
)
from nstd.config.faults import faults_of
from nstd.config.output import OutputConfig, OutputOverride
from nstd.errors import ConfigError, UsageError
from nstd.media.read.limits import Limits
from nstd.media.read.reading import Reading
from nstd.media.write.codecs import CODECS
from nstd.media.write.containers import CONTAINERS


@pytest.fixture(autouse=True)
def _machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.jpg").touch()
    monkeypatch.chdir(tmp_path)


def _load(**keys: Any) -> Config:
    base = {
        "state_dir": "own/state",
        "cache_dir": "own/cache",
        "recipes": {"a": {"styles": "a.jpg"}, "b": {"styles": "a.jpg"}},
    }
    Path("config.yaml").write_text(yaml.safe_dump(base | keys, sort_keys=False), "utf-8")
    return load_config()


def _faults(**keys: Any) -> list[str]:
    """The faults without file and line, which other tests look at."""
    with pytest.raises(ConfigError) as caught:
        _load(**keys)
    return [line.split(": ", 1)[1] for line in caught.value.problem.split("\n")]


def _folder(**keys: Any) -> dict[str, Any]:
    return {"watch": "in", "output": "out", "recipe": "a"} | keys


def _entry(**keys: Any) -> FolderConfig:
    return FolderConfig.model_validate(_folder() | keys)


def _sentence(**keys: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        _entry(**keys)
    (fault,) = faults_of(caught.value, FolderConfig)
    return fault.sentence


def test_one_recipe_or_several() -> None:
    assert _load(folders=[_folder()]).folders[0].recipes == ("a",)
    several = {"watch": "in", "output": "out", "recipes": ["a", "b"]}
    assert _load(folders=[several]).folders[0].recipes == ("a", "b")
    assert _load(folders=[several | {"recipes": "a"}]).folders[0].recipes == ("a",)


@pytest.mark.parametrize(
    ("keys", "fault"),
    [
        ({"recipes": ["b"]}, "it is given besides “recipes”, which means the same"),
        ({"recipe": ["a", "a"]}, "a recipe is named twice"),
        ({"recipe": []}, "it is empty"),
        ({"recipe": [3]}, "3 is not text; put it in quotes"),
        ({"pattern": ["*.mov", "x/*.mp4"]}, "“x/*.mp4” contains “/”"),
        ({"exclude": "raw/*"}, "“raw/*” contains “/”"),
        ({"marker": "a/b"}, "“a/b” is not a plain file name"),
        ({"watch": "a.jpg"}, "is a file, not a folder"),
        ({"originals": "move"}, "“move” needs a folder to move to, as in {move: FOLDER}"),
        ({"originals": "keeep"}, "“keeep” is not keep, delete or {move: FOLDER}"),
        ({"originals": 3}, "3 is not keep, delete or {move: FOLDER}"),
        ({"originals": {"mvoe": "x"}}, "unknown key; did you mean “move”?"),
        ({"priority": 1.5}, "1.5 is not a whole number"),
        ({"limits": {"megapixel": 3}}, "unknown key; did you mean “megapixels”?"),
        ({"reading": {"reader": "ffmpeg"}}, "“ffmpeg” is none of auto, opencv, pyav"),
        ({"limits": {"free_gib": -1}}, "-1 is not at least 0"),
        ({"limits": {"hours": 0}}, "0 is not above 0"),
        (
            {"encode": {"codec": "h2645"}},
            "“h2645” is none of h264, h265, av1, vp9, prores, dnxhr, ffv1; did",
        ),
    ],
)
def test_each_slip_in_a_folder_has_plain_words(keys: dict[str, Any], fault: str) -> None:
    assert fault in _sentence(**keys)


def test_originals_are_kept_deleted_or_moved(tmp_path: Path) -> None:
    assert _entry().originals == "keep"
    assert _entry(originals="delete").originals == "delete"
    assert _entry(originals={"move": "done"}).originals == MoveOriginals(move=tmp_path / "done")


def test_a_folder_reads_as_it_says_and_else_as_for_all() -> None:
    config = _load(
        reading={"deinterlace": False},  # as YAML understands `off`
        folders=[_folder(reading={"reader": "pyav"}), _folder(watch="x")],
    )
    own, other = config.folders
    assert config.reading_of() == config.reading_of(other) == Reading(deinterlace="off")
    assert config.reading_of(own) == Reading("pyav", "off")


def test_a_folder_limits_what_it_names_and_the_rest_is_as_for_all() -> None:
    config = _load(
        limits={"frames": 100, "hours": 3},
        accept_truncated=True,
        folders=[_folder(limits={"hours": "1e-1"}, accept_truncated=False), _folder(watch="x")],
    )
    own, other = config.folders
    assert config.limits_of() == config.limits_of(other) == Limits(frames=100, hours=3)
    assert config.limits_of(own) == Limits(frames=100, hours=0.1)
    assert not config.accepts_truncated(own)
    assert config.accepts_truncated(other)


def test_a_name_is_made_of_its_variables() -> None:
    values = {"stem": "holi{day}", "recipe": "a", "ext": "mp4", "suffix": "mov"}
    assert output_name(_entry().name, **values) == "holi{day}.mp4"
    several = _entry(recipe=["a", "b"])
    assert output_name(several.name, **values) == "holi{day}.a.mp4"
    template = _entry(name="{recipe} of {stem} ({suffix}).{ext}").name
    assert output_name(template, **values) == "a of holi{day} (mov).mp4"
    template = _entry(name="{folder}-{stem}.{ext}").name
    assert output_name(template, **values, folder="june") == "june-holi{day}.mp4"


@pytest.mark.parametrize(
    ("template", "fault"),
    [
        ("{stme}.{ext}", "{stme} is no variable of a name; did you mean “stem”?"),
        ("{}.{ext}", "{} is no variable of a name"),
        ("{stem.__class__}.{ext}", "is no variable of a name"),
        ("{stem!r}.{ext}", "takes no “:” and no “!”"),
        ("{stem:>900}.{ext}", "takes no “:” and no “!”"),
        ("{stem.{ext}", "has an unpaired brace"),
        ("{stem}}.{ext}", "has an unpaired brace"),
        ("sub/{stem}.{ext}", "contains “/”"),
        (".{stem}.{ext}", "makes hidden files"),
        ("painted.{ext}", "must contain {stem}"),
        ("{stem}", "end in .{ext}"),
        (3, "3 is not text"),
    ],
)
def test_a_template_that_cannot_name_outputs_is_refused(template: object, fault: str) -> None:
    assert fault in _sentence(name=template)


def test_several_recipes_need_their_name_in_the_outputs() -> None:
    assert "the name needs {recipe}" in _sentence(name="{stem}.{ext}", recipe=["a", "b"])


def test_a_name_is_never_too_long_for_a_file() -> None:
    def named(stem: str, template: str = "{stem}.{recipe}.{ext}") -> str:
        return output_name(template, stem=stem, recipe="oil", ext="mp4", suffix="ts")

    assert named("x" * 247) == "x" * 247 + ".oil.mp4"
    long = named("x" * 252)
    assert long.startswith("x" * 200)
    assert long.endswith(".oil.mp4")
    assert len(os.fsencode(long)) == 255
    # Two films whose names begin alike get two names, and one film the same name each time.
    assert named("x" * 251 + "y") != long == named("x" * 252)
    for stem in ("é" * 126, "\udce9" * 252, "語" * 84):
        for template in ("{stem}.{recipe}.{ext}", "{stem}-{stem}.{ext}"):
            assert 200 < len(os.fsencode(named(stem, template))) <= 255
    long = output_name(
        "{folder}-{stem}.{ext}", stem="x", recipe="oil", ext="mp4", suffix="ts", folder="f" * 255
    )
    assert len(long) == 255
    assert long.startswith("f" * 200)


def test_an_unknown_recipe_is_refused_with_the_nearest() -> None:
    recipes = {"starry": {"styles": "a.jpg"}}
    batch = [{"input": "*", "output": "o", "recipes": ["starry", "wave"]}]
    assert _faults(recipes=recipes, folders=[_folder(recipe="stary")], batch=batch) == [
        "folders[0].recipe: there is no recipe “stary”; did you mean “starry”?",
        "batch[0].recipes[1]: there is no recipe “wave”; known are starry",
    ]
    assert _faults(recipes={}, folders=[_folder()]) == [
        "folders[0].recipe: there is no recipe “a”; recipes: has none"
    ]


def test_folders_beside_each_other_are_fine(tmp_path: Path) -> None:
    folders = [
        _folder(watch="in", originals={"move": "inner"}),
        _folder(watch="in2", output="out"),
        _folder(watch="deep/in", output="deep", recursive=False),
    ]
    config = _load(folders=folders, batch=[{"input": "in/*", "output": "out", "recipe": "a"}])
    assert [folder.watch.name for folder in config.folders] == ["in", "in2", "in"]


@pytest.mark.parametrize(
    ("keys", "faults"),
    [
        (
            {"folders": [_folder(), _folder(output="out2")]},
            ["folders[1].watch: {0}/in is the same folder as folders[0].watch, {0}/in"],
        ),
        (
            {"folders": [_folder(watch="in/x"), _folder()]},
            ["folders[0].watch: {0}/in/x lies inside folders[1].watch, {0}/in"],
        ),
        (
            {"folders": [_folder(output="in")]},
            ["folders[0].output: {0}/in is the same folder as folders[0].watch, {0}/in"],
        ),
        (
            {"folders": [_folder(output="./in/../in/x")]},
            ["folders[0].output: {0}/in/x lies inside folders[0].watch, {0}/in"],
        ),
        (
            {"folders": [_folder(), _folder(watch="in2", output="in/deep/out")]},
            ["folders[1].output: {0}/in/deep/out lies inside folders[0].watch, {0}/in"],
        ),
        (
            {"folders": [_folder(originals={"move": "in/done"})]},
            ["folders[0].originals.move: {0}/in/done lies inside folders[0].watch, {0}/in"],
        ),
        (
            {"folders": [_folder()], "batch": [{"input": "*", "output": "in", "recipe": "a"}]},
            ["batch[0].output: {0}/in is the same folder as folders[0].watch, {0}/in"],
        ),
        (
            {"folders": [_folder()], "state_dir": "in/.state"},
            ["state_dir: {0}/in/.state lies inside folders[0].watch, {0}/in"],
        ),
        (
            {"folders": [_folder()], "cache_dir": "in"},
            ["cache_dir: {0}/in is the same folder as folders[0].watch, {0}/in"],
        ),
        (
            {"folders": [_folder(watch="deep/in", output="deep")]},
            [
                (
                    "folders[0].output: {0}/deep contains folders[0].watch, {0}/deep/in; "
                    "outputs mirror folders and could land in it"
                )
            ],
        ),
    ],
)
def test_places_that_would_feed_each_other_are_refused(
    tmp_path: Path, keys: dict[str, Any], faults: list[str]
) -> None:
    assert _faults(**keys) == [fault.format(tmp_path) for fault in faults]


def test_symbolic_links_hide_nothing(tmp_path: Path) -> None:
    (tmp_path / "in" / "deep").mkdir(parents=True)
    (tmp_path / "innocent").symlink_to("in/deep")
    (tmp_path / "other").symlink_to("in")
    (fault,) = _faults(folders=[_folder(output="innocent/out")])
    assert fault.startswith(f"folders[0].output: {tmp_path}/innocent/out lies inside")
    (fault,) = _faults(folders=[_folder(), _folder(watch="other", output="out2")])
    assert fault.startswith(f"folders[1].watch: {tmp_path}/other is the same folder as")


def test_a_folder_that_is_mounted_elsewhere_too_is_known_by_its_inode(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Only root can make a bind mount, so the inodes are told.
    same = {tmp_path / "in": (1, 2), tmp_path / "mounted": (1, 2)}
    monkeypatch.setattr("nstd.config.overlap._identity", same.get)
    (fault,) = _faults(folders=[_folder(output="mounted/out")])
    assert fault.startswith(f"folders[0].output: {tmp_path}/mounted/out lies inside")


def test_a_place_inside_two_watched_folders_is_one_fault() -> None:
    folders = [_folder(output="in/out"), _folder(watch="in/out", output="elsewhere")]
    assert [fault.split(":")[0] for fault in _faults(folders=folders)] == [
        "folders[0].output",
        "folders[1].watch",
    ]


def test_links_that_lead_in_a_circle_are_compared_by_name(tmp_path: Path) -> None:
    (tmp_path / "in").symlink_to("in")
    (fault,) = _faults(folders=[_folder(output="in/out")])
    assert fault.startswith("folders[0].output: ")


def test_a_default_state_folder_inside_a_watched_one_is_refused_without_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "in" / "state"))
    with pytest.raises(ConfigError) as caught:
        _load(state_dir=None, folders=[_folder()])
    assert caught.value.problem == (
        f"config.yaml:1: state_dir: {tmp_path}/in/state lies inside folders[0].watch, {tmp_path}/in"
    )
    Path("config.yaml").write_text(
        "folders: [{watch: in, output: out, recipe: a}]\nrecipes: {a: {styles: a.jpg}}\n", "utf-8"
    )
    with pytest.raises(ConfigError, match=r"^config\.yaml: state_dir: "):
        load_config()


@pytest.mark.parametrize("name", CONTAINERS)
def test_every_container_of_the_table_can_be_asked_for(name: str) -> None:
    first = next(iter(CONTAINERS[name].codecs), "h264")
    settings = OutputConfig(container=name, codec=first).settings(threads=1)
    assert settings.result is CONTAINERS[name]


@pytest.mark.parametrize("name", CODECS)
def test_every_codec_of_the_table_can_be_asked_for_in_its_own_usual_way(name: str) -> None:
    codec = CODECS[name]
    for profile in ("auto", *codec.profiles):
        settings = OutputConfig(codec=name, profile=profile).settings(threads=1)
        assert (settings.codec, settings.quality) == (name, codec.quality)
        assert settings.container == codec.containers[0]


def test_what_no_table_has_is_refused_and_all_that_there_is_is_named() -> None:
    for key, known in (("codec", CODECS), ("container", CONTAINERS)):
        (fault,) = _faults(output={key: "ogg"})
        assert all(one in fault for one in known)


@pytest.mark.parametrize(
    ("encode", "expected"),
    [
        (None, ("h264", 25, "slow", "mkv")),
        ({"quality": 30}, ("h264", 30, "slow", "mkv")),
        ({"container": "mov"}, ("h264", 25, "slow", "mov")),
        ({"codec": "h264", "preset": "fast"}, ("h264", 25, "fast", "mkv")),
        # Another codec's scale is another, and so may be its container.
        ({"codec": "av1"}, ("av1", 24, "slow", "mp4")),
        ({"codec": "prores"}, ("prores", 0, "slow", "mov")),
        ({"codec": "prores", "profile": "lt"}, ("prores", 0, "slow", "mov", "lt")),
        ({"codec": "h265", "depth": 10}, ("h265", 20, "slow", "mp4", "auto", 10)),
    ],
)
def test_an_entry_overrides_the_output(
    encode: dict[str, Any] | None, expected: tuple[object, ...]
) -> None:
    output = {"codec": "h264", "quality": 25, "preset": "slow", "container": "mkv"}
    config = _load(
        output=output,
        folders=[_folder(encode=encode)],
        batch=[{"input": "*", "output": "o", "recipe": "a", "encode": encode}],
    )
    for entry in (*config.folders, *config.batch):
        found = tuple(config.output_of(entry).model_dump().values())
        usual = ("auto", "auto", True, "software", "compatible")
        assert found == expected + usual[len(expected) - 4 :]


@pytest.mark.parametrize("output", ["new/", "film.webm", None])
def test_a_container_that_is_asked_for_brings_a_codec_that_it_takes(output: str | None) -> None:
    asked = output_from_options(Config(), {"container": "webm"}, output=output)
    assert asked == output_from_options(Config(), {}, output="film.webm")
    with pytest.raises(UsageError, match="h264 does not fit into webm"):
        output_from_options(Config(), {"container": "webm", "codec": "h264"}, output=output)


def test_an_override_that_does_not_fit_is_refused_where_it_stands() -> None:
    folders = [_folder(encode={"container": "mp4"})]
    assert _faults(output={"codec": "prores"}, folders=folders) == [
        "folders[0].encode.container: prores does not fit into mp4; use mov or mkv"
    ]
    # With a faulty output there is nothing to compare with: one fault, not two.
    folders = [_folder(encode={"quality": 60})]
    (fault,) = _faults(output={"codec": "x"}, folders=folders)
    assert fault.startswith("output.codec: ")


def test_another_codec_changes_nothing_that_is_no_codecs() -> None:
    output = OutputConfig(provenance=False, sound="copy", preset="slow")
    changed = output.overridden(OutputOverride.model_validate({"codec": "h265"}))
    assert (changed.provenance, changed.sound, changed.preset) == (False, "copy", "slow")
