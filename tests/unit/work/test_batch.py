"""Work that is named: which files, where to, and what of it is done already."""

import glob
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import NoneType
from typing import Any

import pytest

from nstd.config import Config, load_config, recipe_from_options
from nstd.errors import (
    BeingWrittenError,
    DeviceError,
    InputError,
    Interrupted,
    MountError,
    OutputExistsError,
    StorageError,
    UsageError,
    VanishedError,
)
from nstd.intake.once import scan_once
from nstd.ledger.job import JobState
from nstd.ledger.store import JobStore
from nstd.media.pictures import read_still
from nstd.media.read.probe import probe
from nstd.submit.add import Wish, add
from nstd.submit.control import daemon_lock, open_ledger, retry
from nstd.submit.inputs import expand, fixed_part
from nstd.submit.output import OutputSpec
from nstd.work import batch as batching
from nstd.work.batch import batch
from nstd.work.crew import device_names, worker_threads
from nstd.work.result import Result, why_not
from nstd.work.stylize import Wanted, stylize
from tests.jobs import Onlooker, small_config
from tests.jobs import save_picture as picture


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    monkeypatch.chdir(tmp_path)
    return small_config(tmp_path)


COLORS = ("red", "green", "blue", "white")


def paint(
    config: Config,
    *inputs: Path,
    to: Path,
    overwrite: bool = False,
    stop: bool = False,
    **look: Any,
) -> tuple[list[Result], int]:
    """Results, and how many pictures were painted for them."""
    onlooker = Onlooker()
    if stop:
        onlooker.stop_at(0)
    recipe = recipe_from_options(config, name="oil", overrides=look)
    spec = OutputSpec(overwrite=overwrite)
    return stylize(config, inputs, Wanted(recipe, spec), to, onlooker), onlooker.frames


def test_what_is_finished_stays_finished_though_another_look_was_refused_in_between(
    config: Config, tmp_path: Path
) -> None:
    source, target = picture(tmp_path / "a.png"), tmp_path / "b.png"
    assert paint(config, source, to=target)[1] == 1
    before = target.read_bytes()
    (other,), painted = paint(config, source, to=target, seed=1)
    assert isinstance(other.error, OutputExistsError)
    (again,), painted_again = paint(config, source, to=target)
    assert (again.error, again.target) == (None, target)
    assert painted == painted_again == 0
    assert target.read_bytes() == before


def test_sidecars_count_in_batch_and_are_no_films(config: Config, tmp_path: Path) -> None:
    picture(tmp_path / "in/a.png")
    picture(tmp_path / "in/b.png", "red")
    (tmp_path / "in/a.png.nstd.yaml").write_text("size: 64")
    (tmp_path / "in/b.nstd.yaml").write_text("size: small")
    entry = {"input": str(tmp_path / "more/*"), "output": tmp_path / "also", "recipe": "oil"}
    picture(tmp_path / "more/c.png")
    (tmp_path / "more/c.nstd.yaml").write_text("size: 48")
    config = Config.model_validate(config.model_dump() | {"batch": [entry]})
    (tmp_path / "also").mkdir()
    bad, *good = batch(config, [], Onlooker())
    assert [read_still(result.target).image.shape[1] for result in good if result.target] == [
        64,
        48,
    ]
    assert bad.source == tmp_path / "in/b.png"
    assert "b.nstd.yaml:1: size: “small” is neither pixels" in str(bad.error)


def test_what_a_pattern_finds_in_folders_is_mirrored_below_its_fixed_part(
    config: Config, tmp_path: Path
) -> None:
    colors = dict(zip(("a.png", "x/a.png", "x/y/a.png", "[z]/a.png"), COLORS, strict=True))
    for name, color in colors.items():
        picture(tmp_path / "more" / name, color)
    base = glob.escape(str(tmp_path / "more"))
    entry = {"output": tmp_path / "also", "recipe": "oil", "name": "{folder}-{stem}.{ext}"}
    entry["input"] = [f"{base}/**/*.png", f"{base}/x/*.png", f"{base}/[[]z]/*.png"]
    several = Config.model_validate(config.model_dump() | {"batch": [entry], "folders": ()})
    (tmp_path / "also").mkdir()
    found = {one.source: one.target for one in batch(several, [], Onlooker())}
    assert found == {
        tmp_path / "more/a.png": tmp_path / "also/more-a.png",
        tmp_path / "more/x/a.png": tmp_path / "also/x/x-a.png",
        tmp_path / "more/x/y/a.png": tmp_path / "also/x/y/y-a.png",
        tmp_path / "more/[z]/a.png": tmp_path / "also/[z]/[z]-a.png",
    }
    # One that is named is the same work.
    (named,) = batch(several, [tmp_path / "more/x/y/a.png"], Onlooker())[3:]
    assert (named.target, named.kept) == (tmp_path / "also/x/y/y-a.png", True)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("/a/b/*.mp4", "/a/b"),
        ("/a/b/c.mp4", "/a/b"),
        ("/a/**/b/*.mp4", "/a"),
        ("/a/b?/c/*.mp4", "/a"),
        ("/a/b[[]c/d/*.mp4", "/a/b[c/d"),
        ("/*", "/"),
    ],
)
def test_the_fixed_part_of_a_pattern_ends_where_it_leaves_a_choice(
    pattern: str, expected: str
) -> None:
    assert fixed_part(pattern) == Path(expected)


def test_two_that_would_have_one_name_are_told_apart_the_same_way_each_time(
    config: Config, tmp_path: Path
) -> None:
    for name, color in zip(("one/x/a.png", "two/x/a.png"), COLORS, strict=False):
        picture(tmp_path / name, color)
    entry = {"output": tmp_path / "also", "recipe": "oil"}
    entry["input"] = [str(tmp_path / "one/**/*.png"), str(tmp_path / "two/**/*.png")]
    several = Config.model_validate(config.model_dump() | {"batch": [entry], "folders": ()})
    for _ in range(2):
        targets = [one.target for one in batch(several, [], Onlooker())]
        assert targets == [tmp_path / "also/x/a.png", tmp_path / "also/x/a-2.png"]


def test_what_is_being_written_has_failed_for_now_and_all_else_is_painted(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batching, "scan_once", partial(scan_once, patience_seconds=0.0))
    picture(tmp_path / "in/a.png")
    with picture(tmp_path / "in/b.png").open("ab"), (tmp_path / "in/notes.txt").open("w"):
        results = batch(config, [], Onlooker())
    assert [(one.source.name, type(one.error)) for one in results] == [
        ("b.png", BeingWrittenError),
        ("a.png", NoneType),
    ]


def test_what_a_nas_keeps_for_itself_is_painted_only_where_it_is_named(
    config: Config, tmp_path: Path
) -> None:
    for name in ("in/@eaDir/a.png/thumb.jpg", "in/#recycle/b.png", "in/._c.png", "in/c.png"):
        picture(tmp_path / name)
    entry = {"input": str(tmp_path / "in/**/*.*"), "output": tmp_path / "out", "recipe": "oil"}
    globbed = Config.model_validate(config.model_dump() | {"batch": [entry], "folders": ()})
    assert [result.source for result in batch(globbed, [], Onlooker())] == [tmp_path / "in/c.png"]
    assert expand([tmp_path / "in"]) == [tmp_path / "in/c.png"]
    entry["input"] = str(tmp_path / "in/#recycle/*")
    named = Config.model_validate(config.model_dump() | {"batch": [entry], "folders": ()})
    assert [one.source for one in batch(named, [], Onlooker())] == [tmp_path / "in/#recycle/b.png"]


def test_what_another_look_has_replaced_is_not_taken_for_finished(
    config: Config, tmp_path: Path
) -> None:
    source, target = picture(tmp_path / "a.png"), tmp_path / "b.png"
    paint(config, source, to=target)
    paint(config, source, to=target, overwrite=True, tv_weight=50, levels="32:4")
    other = target.read_bytes()
    (first,), painted = paint(config, source, to=target)
    assert isinstance(first.error, OutputExistsError)
    assert painted == 0
    assert target.read_bytes() == other


def test_a_network_under_another_name_is_the_same_work(config: Config, tmp_path: Path) -> None:
    source, target = picture(tmp_path / "a.png"), tmp_path / "b.png"
    paint(config, source, to=target)
    copy = tmp_path / "another name.safetensors"
    copy.write_bytes(Path(config.network).read_bytes())
    (again,), painted = paint(config, source, to=target, network=str(copy))
    assert (again.error, painted) == (None, 0)


def test_a_folder_stands_for_the_films_and_pictures_in_it(config: Config, tmp_path: Path) -> None:
    for name in ("b.png", "a.jpg", "notes.txt"):
        picture(tmp_path / "x" / name) if name != "notes.txt" else (
            tmp_path / "x/notes.txt"
        ).touch()
    (tmp_path / "x/sub.mp4").mkdir()
    assert expand([Path("x")]) == [tmp_path / "x/a.jpg", tmp_path / "x/b.png"]
    assert expand([Path("x/notes.txt")]) == [tmp_path / "x/notes.txt"]


def test_of_a_folder_hidden_and_unfinished_files_do_not_count(
    config: Config, tmp_path: Path
) -> None:
    for name in ("a.png", "._a.png", ".b.png", "c.png~.png", "~$d.png"):
        picture(tmp_path / "x" / name)
    assert expand([Path("x")]) == [tmp_path / "x/a.png", tmp_path / "x/c.png~.png"]
    assert expand([Path("x/.b.png")]) == [tmp_path / "x/.b.png"]  # named, it is meant
    (tmp_path / "x/a.png").unlink()
    (tmp_path / "x/c.png~.png").unlink()
    with pytest.raises(UsageError, match="no film and no picture in x"):
        expand([Path("x")])


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ("x/*.mov", r"No file matches x/\*\.mov"),
        ("shot-[12].mp4", r"No file matches shot-\[12\]\.mp4"),
        ("nope.mp4", "There is no nope.mp4"),
        ("-", "cannot be read from standard input"),
    ],
)
def test_what_is_not_there_is_told_as_what_it_was_meant_to_be(
    config: Config, given: str, problem: str
) -> None:
    with pytest.raises(UsageError, match=problem) as caught:
        expand([Path(given)])
    assert caught.value.exit_code == 2


def test_a_pattern_that_matches_nothing_fails_and_the_others_are_painted(
    config: Config, tmp_path: Path
) -> None:
    picture(tmp_path / "more/c.png")
    entry = {
        "input": [str(tmp_path / "more/*.png"), str(tmp_path / "moer/*.png")],
        "output": tmp_path / "also",
        "recipe": "oil",
    }
    config = Config.model_validate(config.model_dump() | {"batch": [entry]})
    (tmp_path / "also").mkdir()
    bad, good = batch(config, [], Onlooker())
    assert (good.error, good.target) == (None, tmp_path / "also/c.png")
    assert isinstance(bad.error, UsageError)
    assert f"No file matches {tmp_path}/moer/*.png" in str(bad.error)


def test_a_folder_that_is_named_with_a_slash_is_made(config: Config, tmp_path: Path) -> None:
    source = picture(tmp_path / "a.png")
    recipe = recipe_from_options(config, name="oil", overrides={})
    (result,) = stylize(config, [source], Wanted(recipe), "made/new.d/", Onlooker())
    assert (result.error, result.target) == (None, tmp_path / "made/new.d/a.png")
    assert (tmp_path / "made/new.d/a.png").is_file()


@pytest.mark.parametrize("given", ["{}/away", "{}/away/", "../{name}-away/", "{}/away/b.png"])
def test_a_folder_elsewhere_is_not_made(config: Config, tmp_path: Path, given: str) -> None:
    """It may be that of a disk that is not mounted."""
    source = picture(tmp_path / "a.png")
    recipe = recipe_from_options(config, name="oil", overrides={})
    to = given.format(tmp_path, name=tmp_path.name)
    before = sorted(tmp_path.iterdir()), sorted(tmp_path.parent.iterdir())
    with pytest.raises(MountError, match=r"There is no folder .*away\. Make it, or mount its disk"):
        stylize(config, [source], Wanted(recipe), to, Onlooker())
    assert (sorted(tmp_path.iterdir()), sorted(tmp_path.parent.iterdir())) == before


def test_what_is_painted_is_painted_again_only_when_asked(config: Config, tmp_path: Path) -> None:
    source, target = picture(tmp_path / "a.png"), tmp_path / "b.png"
    results, painted = paint(config, source, to=target)
    assert ([result.error for result in results], painted) == ([None], 1)
    first = target.stat()

    results, painted = paint(config, source, to=target)
    assert ([result.error for result in results], painted) == ([None], 0)
    assert target.stat().st_ino == first.st_ino

    _, painted = paint(config, source, to=target, overwrite=True)
    assert painted == 1
    assert target.stat().st_ino != first.st_ino


def test_an_output_that_was_removed_is_painted_again(config: Config, tmp_path: Path) -> None:
    source, target = picture(tmp_path / "a.png"), tmp_path / "b.png"
    paint(config, source, to=target)
    target.unlink()
    results, painted = paint(config, source, to=target)
    assert ([result.error for result in results], painted) == ([None], 1)
    assert target.exists()


@pytest.mark.parametrize("before", [True, False], ids=["painted once", "never painted"])
def test_a_file_of_somebody_else_is_not_replaced(
    config: Config, tmp_path: Path, before: bool
) -> None:
    source, target = picture(tmp_path / "a.png"), tmp_path / "b.png"
    if before:
        paint(config, source, to=target)
        target.unlink()
    target.write_text("somebody else's")
    with pytest.raises(OutputExistsError, match=r"b\.png is there already"):
        paint(config, source, to=target)
    assert target.read_text() == "somebody else's"


def test_another_source_does_not_replace_what_is_painted(config: Config, tmp_path: Path) -> None:
    target = tmp_path / "b.png"
    paint(config, picture(tmp_path / "a.png"), to=target)
    content = target.read_bytes()
    (result,), painted = paint(config, picture(tmp_path / "other.png", "green"), to=target)
    assert isinstance(result.error, OutputExistsError)
    assert (painted, target.read_bytes()) == (0, content)


def test_stopped_work_on_several_goes_on_with_those_that_are_left(
    config: Config, tmp_path: Path
) -> None:
    for name, color in zip("abc", ("red", "green", "blue"), strict=True):
        picture(tmp_path / f"x/{name}.png", color)
    (tmp_path / "y").mkdir()
    (done, stopped), _ = paint(config, tmp_path / "x", to=tmp_path / "y", stop=True)
    assert done.error is None
    assert isinstance(stopped.error, Interrupted)
    assert [path.name for path in (tmp_path / "y").iterdir()] == ["a.png"]
    results, painted = paint(config, tmp_path / "x", to=tmp_path / "y")
    assert [result.error for result in results] == [None] * 3
    assert painted == 2


def test_one_that_fails_does_not_keep_the_others_and_can_be_tried_again(
    config: Config, tmp_path: Path
) -> None:
    broken, good = tmp_path / "x/a.png", picture(tmp_path / "x/b.png")
    broken.write_text("no picture")
    (tmp_path / "y").mkdir()
    results, painted = paint(config, broken, good, to=tmp_path / "y")
    assert isinstance(results[0].error, InputError)
    assert (results[1].error, painted) == (None, 1)
    picture(broken, "green")
    results, painted = paint(config, broken, good, to=tmp_path / "y")
    assert ([result.error for result in results], painted) == ([None, None], 1)


def test_batch_paints_a_watched_folder_once(config: Config, tmp_path: Path) -> None:
    picture(tmp_path / "in/a.png")
    picture(tmp_path / "in/sub/b.png", "green")
    (tmp_path / "in/notes.txt").touch()
    onlooker = Onlooker()
    results = batch(config, [], onlooker)
    assert [(result.target, result.error) for result in results] == [
        (tmp_path / "out/a.png", None),
        (tmp_path / "out/sub/b.png", None),
    ]
    assert not any(result.kept for result in results)
    kept = [replace(result, kept=True) for result in results]
    assert batch(config, [tmp_path / "in/a.png"], onlooker) == kept
    assert onlooker.frames == 2
    # One that is there, before one that is not.
    picture(tmp_path / "in/z.png")
    assert [result.kept for result in batch(config, [], onlooker)] == [True, True, False]


def test_batch_tries_again_what_has_failed(config: Config, tmp_path: Path) -> None:
    picture(tmp_path / "in/a.png")
    (tmp_path / "out/a.png").write_text("in the way")
    onlooker = Onlooker()
    for _ in range(2):
        (result,) = batch(config, [], onlooker)
        assert isinstance(result.error, OutputExistsError)
    (tmp_path / "out/a.png").unlink()
    (result,) = batch(config, [], onlooker)
    assert (result.error, onlooker.frames) == (None, 1)


def test_batch_works_off_the_queue_though_the_film_of_a_job_is_gone(
    config: Config, tmp_path: Path
) -> None:
    source = picture(tmp_path / "in/a.png")
    (tmp_path / "out/a.png").write_text("in the way")
    batch(config, [], Onlooker())
    (answer,) = retry(config, [], every=True)
    assert answer.job is not None
    source.unlink()
    (result,) = batch(config, [], Onlooker())
    assert isinstance(result.error, VanishedError)
    with open_ledger(config) as store:
        assert store.get(answer.job.id).state is JobState.VANISHED
    assert batch(config, [], Onlooker()) == []


def test_batch_paints_what_was_added_by_name_and_no_pattern_finds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    entry = {"input": str(tmp_path / "in/*.png"), "output": tmp_path / "out", "recipe": "oil"}
    config = small_config(tmp_path, folders=[], batch=[entry])
    source = picture(tmp_path / "else/a.png")
    (added,) = add(config, [source], Wish())
    assert added.new
    assert (source, None) in [(one.source, one.error) for one in batch(config, [], Onlooker())]


def test_a_wrong_sidecar_of_what_is_painted_is_told_of(
    config: Config, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    picture(tmp_path / "in/a.png")
    batch(config, [], Onlooker())
    (tmp_path / "in/a.png.nstd.yaml").write_text("sede: 7\n")
    (result,) = batch(config, [], Onlooker())
    assert (result.kept, result.error) == (True, None)
    (told,) = [one.getMessage() for one in caplog.records if "sede" in one.getMessage()]
    assert "Correct the sidecar" in told


def test_what_is_to_be_mended_in_the_configuration_is_named_with_its_file(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text(f"state_dir: {tmp_path}/state\nrecipes: {{oil: {{styles: impasto}}}}\n")
    empty = load_config(file)
    with pytest.raises(UsageError, match=rf"a batch list to {file}\."):
        batch(empty, [], Onlooker())
    with pytest.raises(UsageError, match=rf"add an entry to {file}\."):
        batch(empty, [tmp_path / "a.png"], Onlooker())
    wish = Wish(recipes=("oli",), output=tmp_path / "out")
    with pytest.raises(UsageError, match=rf"“oli”; did you mean “oil”.* in {file}: oil\."):
        add(empty, [picture(tmp_path / "a.png")], wish)


def test_a_watched_folder_that_is_not_there_is_told_with_the_command_that_makes_it(
    config: Config, tmp_path: Path
) -> None:
    (tmp_path / "in").rmdir()
    with pytest.raises(VanishedError, match=r"/in is not there\. .* `nstd check --make`"):
        batch(config, [], Onlooker())


def test_an_empty_watched_folder_is_no_mistake(config: Config, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir(exist_ok=True)
    assert batch(config, [], Onlooker()) == []


def test_batch_tells_what_was_painted_and_has_been_taken_away(
    config: Config, tmp_path: Path
) -> None:
    source = picture(tmp_path / "in/a.png")
    onlooker = Onlooker()
    batch(config, [], onlooker)
    (tmp_path / "out/a.png").unlink()
    assert batch(config, [], onlooker) == [
        Result(source, tmp_path / "out/a.png", None, kept=True, gone=True)
    ]
    assert onlooker.frames == 1
    assert not (tmp_path / "out/a.png").exists()


def test_an_output_that_cannot_be_looked_at_is_not_taken_for_one_that_is_there(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture(tmp_path / "in/a.png")
    batch(config, [], Onlooker())

    def fail(path: Path) -> None:
        raise StorageError(f"Looking at {path} failed", "Check the disk")

    monkeypatch.setattr(batching, "facts_of", fail)
    (result,) = batch(config, [], Onlooker())
    assert isinstance(result.error, StorageError)
    assert not result.kept


@pytest.fixture
def daemon(config: Config) -> Iterator[None]:
    """Another process's hold on the state folder (flock: another open file is another holder)."""
    with daemon_lock(config, required=True) as held:
        assert held
        yield


@pytest.mark.usefixtures("daemon")
def test_with_a_daemon_batch_only_queues_and_waits_until_it_is_stopped(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[float] = []
    onlooker = Onlooker()

    def sleep(seconds: float) -> None:
        looks.append(seconds)
        onlooker.stopping = len(looks) > 3

    monkeypatch.setattr(time, "sleep", sleep)
    picture(tmp_path / "in/a.png")
    (result,) = batch(config, [], onlooker)
    assert isinstance(result.error, Interrupted)
    assert "The other nstd goes on by itself" in str(result.error)
    with JobStore(tmp_path / "state/ledger.sqlite3") as store:
        (job,) = store.jobs()
    assert job.state == "queued"
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.usefixtures("daemon")
def test_with_a_daemon_it_does_not_wait_for_what_is_paused(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture(tmp_path / "in/a.png")
    original = JobStore.enqueue

    def enqueue_paused(store: JobStore, *arguments: Any, **more: Any) -> Any:
        job, new = original(store, *arguments, **more)
        return store.pause(job.id), new

    monkeypatch.setattr(JobStore, "enqueue", enqueue_paused)
    (result,) = batch(config, [], Onlooker())
    assert "Job 1 was not painted: it is paused. `nstd resume 1`" in str(result.error)


def test_devices_and_threads_are_the_configured_ones(config: Config) -> None:
    assert device_names(config) == ("cpu",)
    assert worker_threads(config) == 1
    assert worker_threads(config.model_copy(update={"threads": "auto"})) >= 1
    with pytest.raises(DeviceError, match="cuda:99"):
        device_names(config.model_copy(update={"devices": ("cuda:99",)}))


def test_a_result_tells_frames_time_and_the_kind_of_an_error_from_the_ledger(
    config: Config, tmp_path: Path
) -> None:
    picture(tmp_path / "in/a.png")
    (tmp_path / "in/b.png").write_bytes(b"no picture")
    for _ in range(2):
        good, bad = batch(config, [], Onlooker())
        assert good.job is not None
        assert bad.job is not None
        assert (good.job.frames_done, good.error) == (1, None)
        assert good.seconds is not None
        assert good.seconds > 0
        assert bad.error is not None
        assert (bad.job.frames_done, bad.error.kind, bad.job.kind) == (
            0, "UnreadableError", "UnreadableError",
        )  # fmt: skip
    # One that another process has given up is told of with its kind, too.
    assert bad.job is not None
    assert why_not(bad.job).kind == "UnreadableError"
    (first,), _ = paint(config, tmp_path / "in/a.png", to=tmp_path / "c.png")
    (again,), _ = paint(config, tmp_path / "in/a.png", to=tmp_path / "c.png")
    assert again.kept
    assert (again.job, again.seconds) == (first.job, first.seconds)


@pytest.mark.parametrize(
    "found_by",
    [{"input": "renders/*/a_%02d.png"}, {"input": "renders/*", "sequence": True}],
    ids=["by their name", "by their folder"],
)
def test_numbered_images_are_one_film_for_each_folder(
    config: Config, tmp_path: Path, found_by: dict[str, Any]
) -> None:
    for name, color in zip(("one/a_01.png", "one/a_02.png", "two/a_07.png"), COLORS, strict=False):
        picture(tmp_path / "renders" / name, color)
    picture(tmp_path / "renders/two/b.png")
    picture(tmp_path / "renders/none/b.png")
    entry = found_by | {"input": str(tmp_path / found_by["input"]), "output": tmp_path / "also"}
    entry |= {"recipe": "oil", "reading": {"rate": 24}}
    several = Config.model_validate(config.model_dump() | {"batch": [entry], "folders": ()})
    (tmp_path / "also").mkdir()
    for _ in range(2):
        found = batch(several, [], Onlooker())
        assert [(one.error, one.target) for one in found] == [
            (None, tmp_path / f"also/{folder}/a.mp4") for folder in ("one", "two")
        ]
    assert [probe(path).frames for path in sorted((tmp_path / "also").rglob("*.mp4"))] == [2, 1]
    assert probe(tmp_path / "also/one/a.mp4").frame_rate == 24
    (tmp_path / "renders/one/a_02.png").unlink()
    (one, _) = batch(several, [], Onlooker())
    assert one.target == tmp_path / "also/one/a-2.mp4"
