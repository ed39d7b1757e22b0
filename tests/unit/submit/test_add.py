"""`nstd add`: where a file belongs, what is queued of it, and what is refused at once."""

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import NoneType
from typing import Any

import pytest

from nstd.config import Config
from nstd.errors import BeingWrittenError, NstdError, OutputExistsError, UsageError, VanishedError
from nstd.ledger.job import Job, JobRequest, JobState, path_of
from nstd.ledger.store import JobStore
from nstd.style.recipe import StyleRecipe
from nstd.submit.add import Added, Wish, add
from nstd.submit.control import open_ledger
from nstd.submit.output import OutputSpec
from nstd.submit.sources import recipe_name
from nstd.work.batch import batch
from tests.jobs import Onlooker, save_picture, small_config


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "else").mkdir()
    look = {"styles": str(tmp_path / "style.png"), "levels": "32:1"}
    folder = {"watch": tmp_path / "in", "output": tmp_path / "out", "recipes": ["oil", "ink"]}
    return small_config(
        tmp_path,
        recipes={"oil": look, "ink": look, "chalk": look},
        folders=[folder | {"originals": "delete"}],
    )


def picture(name: str) -> Path:
    return save_picture(Path(name))


def put(config: Config, *names: str, **wish: Any) -> list[Added]:
    return add(config, [Path(name) for name in names], Wish(**wish))


def targets(added: list[Added], top: Path) -> list[str]:
    return [
        str(path_of(one.job.request.target).relative_to(top))
        for one in added
        if one.job is not None
    ]


PLACED: dict[str, Any] = {"recipes": ("oil",), "output": Path("else")}


def test_a_file_of_a_watched_folder_is_queued_as_that_says_and_once(
    config: Config, tmp_path: Path
) -> None:
    picture("in/sub/a.png")
    first = put(config, "in/sub/a.png")
    assert targets(first, tmp_path) == ["out/sub/a.oil.png", "out/sub/a.ink.png"]
    second = put(config, "in/sub/a.png")
    assert [one.new for one in first + second] == [True, True, False, False]
    assert [one.job.id for one in second if one.job] == [1, 2]


def test_a_file_that_a_program_has_open_for_writing_is_refused_and_the_others_are_queued(
    config: Config,
) -> None:
    picture("in/a.png")
    with picture("in/b.png").open("ab"):
        added = put(config, "in/b.png", "in/a.png")
    assert [type(one.error) for one in added] == [BeingWrittenError, NoneType, NoneType]
    assert [one.new for one in put(config, "in/b.png")] == [True, True]


def test_of_files_that_are_added_at_one_moment_none_gets_the_name_of_another(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    enqueue = JobStore.enqueue

    def slow(store: JobStore, request: JobRequest, *, again: bool = False) -> tuple[Job, bool]:
        time.sleep(0.1)  # so that all would have chosen before the first is queued
        return enqueue(store, request, again=again)

    monkeypatch.setattr(JobStore, "enqueue", slow)
    names = [str(picture(f"{folder}/a.png")) for folder in ("one", "two", "three")]
    start = threading.Barrier(len(names))

    def put_one(name: str) -> list[Added]:
        start.wait(30)
        return put(config, name, overwrite=True, **PLACED)

    with ThreadPoolExecutor(len(names)) as pool:
        added = [one for found in pool.map(put_one, names) for one in found]
    assert sorted(targets(added, tmp_path)) == ["else/a-2.png", "else/a-3.png", "else/a.png"]


def test_a_folders_priority_holds_unless_another_is_wished(config: Config) -> None:
    (folder,) = config.folders
    urgent = config.model_copy(
        update={"folders": (folder.model_copy(update={"priority": 5}),)},
    )
    picture("in/a.png")
    picture("in/b.png")
    for name, wish, priority in (("a", {}, 5), ("b", {"priority": 0}, 0), ("b", {}, 0)):
        added = put(urgent, f"in/{name}.png", **wish)
        assert [one.job.request.priority for one in added if one.job] == [priority] * 2


def test_a_sidecar_counts_and_a_wrong_one_is_told_of_with_the_others_queued(
    config: Config,
) -> None:
    picture("here/a.png")
    picture("here/b.png")
    Path("here/a.nstd.yaml").write_text("seed: 3")
    Path("here/b.nstd.yaml").write_text("sed: 3")
    good, bad = put(config, "here", **PLACED)
    assert good.job is not None
    assert StyleRecipe.from_json(good.job.request.recipe).seed == 3
    assert bad.job is None
    assert "b.nstd.yaml:1: sed: unknown key; did you mean “seed”?" in str(bad.error)


def test_of_a_folders_recipes_one_can_be_chosen_and_the_original_still_waits_for_both(
    config: Config, tmp_path: Path
) -> None:
    picture("in/a.png")
    (one,) = put(config, "in/a.png", recipes=("ink",))
    assert one.job is not None
    assert targets([one], tmp_path) == ["out/a.ink.png"]
    assert OutputSpec.from_json(one.job.request.output).siblings == ("oil", "ink")
    with pytest.raises(UsageError, match="not painted in chalk"):
        put(config, "in/a.png", recipes=("chalk",))


def test_any_other_file_needs_recipe_and_output_and_gets_them(
    config: Config, tmp_path: Path
) -> None:
    picture("here/a.png")
    for wish in ({}, {"recipes": ("oil",)}, {"output": Path("else")}):
        with pytest.raises(UsageError, match=r"no watched folder.*both -o FOLDER and --recipe"):
            put(config, "here/a.png", **wish)
    assert not (tmp_path / "state").exists()
    added = put(config, "here/a.png", recipes=("oil", "chalk"), output=Path("else"))
    assert targets(added, tmp_path) == ["else/a.oil.png", "else/a.chalk.png"]
    assert [recipe_name(one.job.request.key) for one in added if one.job] == ["oil", "chalk"]
    # Another folder is other work, and the same one is not.
    (tmp_path / "b").mkdir()
    assert [one.new for one in put(config, "here/a.png", recipes=("oil",), output=Path("b"))] == [
        True
    ]
    assert [one.new for one in put(config, "here", recipes=("oil",), output=Path("b"))] == [False]


def test_a_lone_batch_entry_is_gone_by_as_batch_does(config: Config, tmp_path: Path) -> None:
    entry = {"input": str(tmp_path / "old/*.png"), "output": str(tmp_path / "o"), "recipe": "ink"}
    keys = config.model_dump(exclude_none=True) | {"batch": [entry]}
    picture("here/a.png")
    added = put(Config.model_validate(keys), "here/a.png")
    assert targets(added, tmp_path) == ["o/a.png"]
    picture("old/sub/b.png")
    entry["input"] = str(tmp_path / "old/**/*.png")
    added = put(Config.model_validate(keys), "old/sub/b.png")
    assert targets(added, tmp_path) == ["o/sub/b.png"]


@pytest.mark.parametrize(
    ("name", "wish", "part"),
    [
        ("in/a.png", {"output": Path("else")}, "Leave -o out"),
        ("here/a.png", PLACED | {"output": Path("in/sub")}, "lies in the watched folder"),
        ("here/a.png", PLACED | {"output": Path("b.png")}, "name of a file"),
        (
            "here/a.png",
            PLACED | {"recipes": ("gouache",)},
            "no recipe “gouache”.* none was found: `nstd init`",
        ),
        ("here/a.txt", PLACED, "no film and no picture"),
        ("nowhere.png", PLACED, "There is no nowhere.png"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_queued(
    config: Config, tmp_path: Path, name: str, wish: dict[str, Any], part: str
) -> None:
    picture("in/a.png")
    picture("here/a.png")
    Path("here/a.txt").touch()
    picture("in/good.png")
    with pytest.raises(UsageError, match=part):
        put(config, name, "in/good.png", **wish)
    assert not (tmp_path / "state").exists()


def error_of(added: list[Added]) -> NstdError:
    (one,) = added
    assert one.error is not None
    assert one.job is None
    return one.error


def test_an_output_that_is_there_is_refused_unless_it_may_be_replaced(config: Config) -> None:
    picture("here/a.png")
    picture("else/a.png")
    assert isinstance(error_of(put(config, "here/a.png", **PLACED)), OutputExistsError)
    (one,) = put(config, "here/a.png", **PLACED, overwrite=True)
    assert one.job is not None
    assert OutputSpec.from_json(one.job.request.output).overwrite


def test_a_file_is_never_its_own_output(config: Config) -> None:
    picture("here/a.png")
    wish = PLACED | {"output": Path("here"), "overwrite": True}
    assert "itself a film to be painted" in str(error_of(put(config, "here/a.png", **wish)))


def test_one_file_that_cannot_be_queued_does_not_keep_the_others(config: Config) -> None:
    picture("here/a.png")
    picture("else/a.png")
    picture("here/b.png")
    bad, good = put(config, "here", **PLACED)
    assert isinstance(bad.error, OutputExistsError)
    assert good.new
    Path("style.png").unlink()
    picture("here/c.png")
    assert isinstance(error_of(put(config, "here/c.png", **PLACED)), VanishedError)


def test_again_queues_anew_what_is_over_but_not_what_waits(config: Config) -> None:
    picture("here/a.png")
    (first,) = put(config, "here/a.png", **PLACED)
    assert [one.new for one in put(config, "here/a.png", **PLACED, again=True)] == [False]
    assert first.job is not None
    with open_ledger(config) as store:
        store.cancel(first.job.id)
    assert [one.new for one in put(config, "here/a.png", **PLACED)] == [False]
    (second,) = put(config, "here/a.png", **PLACED, again=True)
    assert second.new
    assert second.job is not None
    assert second.job.id > first.job.id
    assert second.job.request.target == first.job.request.target


def test_priority_is_given_and_changed(config: Config) -> None:
    picture("here/a.png")
    found = [
        one.job.request.priority
        for priority in (None, 5, None, -1)
        for one in put(config, "here/a.png", **PLACED, priority=priority)
        if one.job
    ]
    assert found == [0, 5, 5, -1]


def test_batch_paints_what_was_added_but_not_what_is_paused(config: Config, tmp_path: Path) -> None:
    picture("here/a.png")
    picture("here/b.png")
    first, second = put(config, "here", **PLACED)
    assert first.job is not None
    assert second.job is not None
    with open_ledger(config) as store:
        store.pause(second.job.id)
        (result,) = batch(config, [], Onlooker())
        assert (result.target, result.error) == (tmp_path / "else/a.png", None)
        assert store.get(second.job.id).state is JobState.QUEUED
    assert not (tmp_path / "else/b.png").exists()


def test_a_file_in_a_folder_whose_name_is_no_text_is_queued(config: Config) -> None:
    folder = Path(os.fsdecode(b"\xff"))
    (added,) = put(config, str(picture(str(folder / "a.png"))), **PLACED)
    assert (added.error, added.new) == (None, True)


def test_a_picture_that_is_not_read_is_refused_by_name(config: Config, tmp_path: Path) -> None:
    (tmp_path / "in/a.psd").write_bytes(b"8BPS\0\1")
    (tmp_path / "in/b.jpg").write_bytes(b"\xff\x0a\x00")
    with pytest.raises(UsageError, match=r"a\.psd is a picture of the kind Photoshop, which is"):
        put(config, "in/a.psd")
    for one in put(config, "in/b.jpg"):
        assert "is a picture of the kind JPEG XL, which is not read" in str(one.error)


def test_of_a_folder_pictures_that_are_not_read_are_named(
    config: Config, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    picture("in/a.png")
    (tmp_path / "in/b.nef").write_bytes(b"II\x2a\0")
    assert {one.source.name for one in put(config, "in")} == {"a.png"}
    assert "b.nef is left alone: it is a picture of the kind camera raw" in caplog.text


def test_numbered_images_are_queued_as_one_film_and_never_taken_away(
    config: Config, tmp_path: Path
) -> None:
    for number in (1, 2):
        picture(f"shots/a_{number}.png")
        picture(f"in/a_{number}.png")
    (one,) = put(config, "shots/a_%d.png", **PLACED)
    assert one.job is not None
    assert path_of(one.job.request.source) == tmp_path / "shots/a_1.png"
    assert targets([one], tmp_path) == ["else/a.mp4"]
    for one in put(config, "in/a_%d.png"):  # whose originals are deleted
        assert "numbered images are neither moved nor deleted" in str(one.error)
