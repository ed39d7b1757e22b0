"""Nothing of the user's is lost: originals, other films' outputs, and work that was stopped."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nstd.config import Config, recipe_from_options
from nstd.errors import BeingWrittenError, ChangedError, NstdError, StorageError, UsageError
from nstd.ledger.job import JobState
from nstd.ledger.store import JobStore
from nstd.submit.control import open_ledger
from nstd.submit.output import OutputSpec
from nstd.work.batch import batch
from nstd.work.originals import Clearing
from nstd.work.result import Result
from nstd.work.stylize import Wanted, stylize
from tests.jobs import Onlooker, small_config
from tests.jobs import save_picture as picture


@pytest.fixture
def configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Config]:
    monkeypatch.chdir(tmp_path)
    recipes = {
        "oil": {"styles": str(tmp_path / "style.png"), "levels": "32:1"},
        "ink": {"styles": str(picture(tmp_path / "ink.png", "black")), "levels": "32:1"},
    }

    def make(**more: Any) -> Config:
        return small_config(tmp_path, **{"recipes": recipes, "folders": ()} | more)

    return make


def watched(folder: Path, **more: Any) -> dict[str, Any]:
    """A watched folder `in`, painted into `out` by the recipe `oil`."""
    recipe = {} if "recipes" in more else {"recipe": "oil"}
    return {"watch": folder / "in", "output": folder / "out"} | recipe | more


def onto_itself(folder: Path, pattern: str) -> dict[str, Any]:
    """An entry of a batch whose outputs take the places of its inputs."""
    name = {"name": "{stem}.{ext}", "overwrite": True}
    return {"input": str(folder / pattern), "output": folder, "recipe": "oil"} | name


def errors(results: list[Result]) -> list[NstdError | None]:
    return [result.error for result in results]


def test_a_batch_whose_outputs_are_its_inputs_replaces_none_of_them(
    configured: Callable[..., Config], tmp_path: Path
) -> None:
    inputs = [picture(tmp_path / f"b/{name}.jpg", color) for name, color in
              (("one", "green"), ("two", "blue"))]  # fmt: skip
    before = [path.read_bytes() for path in inputs]
    entry = onto_itself(tmp_path / "b", "*.jpg")
    found = errors(batch(configured(batch=[entry]), [], Onlooker()))
    assert all(isinstance(error, UsageError) for error in found)
    assert [path.read_bytes() for path in inputs] == before


def test_no_output_takes_the_place_of_another_film_of_the_batch(
    configured: Callable[..., Config], tmp_path: Path
) -> None:
    picture(tmp_path / "b/x.bmp")
    other = picture(tmp_path / "b/x.png", "green")
    before = other.read_bytes()
    entry = onto_itself(tmp_path / "b", "x.*")
    found = errors(batch(configured(batch=[entry]), [], Onlooker()))
    assert sum(isinstance(error, UsageError) for error in found) >= 1
    assert other.read_bytes() == before


def test_an_original_stays_until_all_its_recipes_are_painted(
    configured: Callable[..., Config], tmp_path: Path
) -> None:
    film = picture(tmp_path / "in/a.png")
    folder = watched(tmp_path, recipes=["oil", "ink"], originals="delete")
    config = configured(folders=[folder])
    ink = tmp_path / "ink.png"
    content = ink.read_bytes()
    ink.unlink()
    (error,) = errors(batch(config, [], Onlooker()))
    assert error is not None
    assert film.exists()
    assert not list((tmp_path / "out").iterdir())  # where one cannot be queued none is begun
    ink.write_bytes(content)
    assert errors(batch(config, [], Onlooker())) == [None, None]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.ink.png", "a.oil.png"]
    assert not film.exists()


def test_a_sibling_that_was_never_queued_keeps_the_original(
    configured: Callable[..., Config], tmp_path: Path
) -> None:
    """A kill between the two enqueues leaves one recipe's job alone in the ledger."""
    film = picture(tmp_path / "in/a.png")
    folder = watched(tmp_path, recipes=["oil", "ink"], originals="delete")
    config = configured(folders=[folder])
    enqueue = JobStore.enqueue
    calls: list[object] = []

    def killed_after_one(store: JobStore, request: Any, **more: Any) -> Any:
        if calls:
            raise StorageError("The disk is gone")
        calls.append(request)
        return enqueue(store, request, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(JobStore, "enqueue", killed_after_one)
        batch(config, [], Onlooker())
    with open_ledger(config) as store:
        (only,) = store.jobs()
    assert only.state is JobState.DONE
    assert film.exists()
    assert errors(batch(config, [], Onlooker())) == [None, None]
    assert not film.exists()


def test_inputs_of_one_name_each_get_a_result(
    configured: Callable[..., Config], tmp_path: Path
) -> None:
    config = configured()
    inputs = [
        picture(tmp_path / f"d{number}/a.png", color)
        for number, color in enumerate(("red", "green", "blue", "white"))
    ]
    recipe = recipe_from_options(config, name="oil", overrides={})
    spec = OutputSpec(overwrite=True)
    (tmp_path / "out").mkdir()
    wanted = Wanted(recipe, spec)
    results = stylize(config, [*inputs, inputs[0]], wanted, tmp_path / "out", Onlooker())
    assert errors(results) == [None] * 4
    assert len({result.target for result in results}) == 4
    assert len(list((tmp_path / "out").iterdir())) == 4


def test_an_unreadable_entry_does_not_keep_the_others_of_a_batch(
    configured: Callable[..., Config], tmp_path: Path
) -> None:
    picture(tmp_path / "in/good.png")
    picture(tmp_path / "in/bad.png")
    opened = os.open

    def denied(path: str, *args: Any, **more: Any) -> Any:
        if path == "bad.png":
            raise PermissionError(13, "Permission denied")
        return opened(path, *args, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "open", denied)
        results = batch(configured(folders=[watched(tmp_path)]), [], Onlooker())
    assert {r.source.name: r.error is None for r in results} == {"bad.png": False, "good.png": True}
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["good.png"]


def test_a_chmod_while_a_film_is_painted_costs_nothing(
    configured: Callable[..., Config], tmp_path: Path
) -> None:
    config = configured()
    film = picture(tmp_path / "a.png")
    recipe = recipe_from_options(config, name="oil", overrides={})
    onlooker = Onlooker(when_begun=lambda: film.chmod(0o640))
    (result,) = stylize(config, [film], Wanted(recipe), tmp_path / "b.png", onlooker)
    assert result.error is None
    assert (tmp_path / "b.png").exists()


def test_what_a_program_has_open_for_writing_is_not_begun(
    configured: Callable[..., Config], tmp_path: Path
) -> None:
    config = configured()
    film = picture(tmp_path / "a.png")
    recipe = recipe_from_options(config, name="oil", overrides={})
    with film.open("ab"):
        (result,) = stylize(config, [film], Wanted(recipe), tmp_path / "b.png", Onlooker())
    assert isinstance(result.error, BeingWrittenError)
    assert not (tmp_path / "b.png").exists()


def test_an_error_that_a_changed_film_caused_is_told_as_that(
    configured: Callable[..., Config], tmp_path: Path
) -> None:
    config = configured()
    film = picture(tmp_path / "a.png")
    recipe = recipe_from_options(config, name="oil", overrides={})

    def change_and_fail() -> None:
        picture(film, "white")
        raise StorageError("Reading failed")

    onlooker = Onlooker(when_begun=change_and_fail)
    (result,) = stylize(config, [film], Wanted(recipe), tmp_path / "b.png", onlooker)
    assert isinstance(result.error, ChangedError)


def test_a_frame_range_of_a_still_is_refused(
    configured: Callable[..., Config], tmp_path: Path
) -> None:
    config = configured()
    recipe = recipe_from_options(config, name="oil", overrides={})
    spec = OutputSpec(first=5, last=9)
    source = picture(tmp_path / "a.png")
    with pytest.raises(UsageError, match=r"frames of films, and a\.png is a picture"):
        stylize(config, [source], Wanted(recipe, spec), tmp_path / "b.png", Onlooker())


def test_a_new_version_takes_the_place_of_one_that_never_came_to_be(
    configured: Callable[..., Config], tmp_path: Path
) -> None:
    film = tmp_path / "in/a.png"
    film.parent.mkdir(exist_ok=True)
    film.write_bytes(b"half a file")
    config = configured(folders=[watched(tmp_path)])
    assert errors(batch(config, [], Onlooker()))[0] is not None
    picture(film)
    (result,) = batch(config, [], Onlooker())
    assert (result.error, result.target) == (None, tmp_path / "out/a.png")


def test_what_was_left_undone_after_the_last_word_to_the_ledger_is_made_good(
    configured: Callable[..., Config], tmp_path: Path
) -> None:
    film = picture(tmp_path / "in/a.png")
    folder = watched(tmp_path, originals={"move": tmp_path / "moved"})
    config = configured(folders=[folder])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Clearing, "clear_up", lambda *_: None)  # killed just after `done`
        assert errors(batch(config, [], Onlooker())) == [None]
    assert film.exists()
    # There is nothing to paint, and something to do all the same.
    assert batch(config, [], Onlooker()) == []
    assert not film.exists()
    assert (tmp_path / "moved/a.png").exists()
    assert not list((tmp_path / "state/work").iterdir())


def test_what_a_lost_ledger_left_behind_gets_into_no_film(
    configured: Callable[..., Config], tmp_path: Path
) -> None:
    config = configured()
    recipe = recipe_from_options(config, name="oil", overrides={})
    leftover = tmp_path / "state/stylize/work/1/segment-000001/frame-000000.png"
    picture(leftover, "white")
    picture(tmp_path / "state/stylize/work/77/segment-000001.mp4.png")  # of no job at all
    source = picture(tmp_path / "a.png")
    (result,) = stylize(config, [source], Wanted(recipe), tmp_path / "b.png", Onlooker())
    assert result.error is None
    assert not leftover.exists()


@pytest.mark.parametrize("originals", ["delete", "move"])
def test_a_sidecar_goes_where_its_film_goes_unless_another_needs_it(
    configured: Callable[..., Config], tmp_path: Path, originals: str
) -> None:
    moved = tmp_path / "moved"
    folder = {
        "watch": tmp_path / "in",
        "output": tmp_path / "out",
        "recipe": "oil",
        "originals": "delete" if originals == "delete" else {"move": moved},
        "pattern": "*.png",
    }
    for name, color in (("sub/a", "red"), ("b", "green"), ("c", "blue")):
        picture(tmp_path / f"in/{name}.png", color)
    sidecars = {name: tmp_path / f"in/{name}.nstd.yaml" for name in ("sub/a.png", "b", "c")}
    for sidecar in sidecars.values():
        sidecar.write_text("seed: 3")
    picture(tmp_path / "in/b.jpg")  # not painted here, and it may need it
    onlooker = Onlooker(when_painted=lambda _: sidecars["c"].write_text("seed: 4"))
    assert errors(batch(configured(folders=[folder]), [], onlooker)) == [None] * 3
    left = sorted(str(p.relative_to(tmp_path / "in")) for p in (tmp_path / "in").rglob("*.*"))
    # That of c was changed since.
    assert left == ["b.jpg", "b.nstd.yaml", "c.nstd.yaml"]
    there = sorted(p.name for p in moved.rglob("*.yaml")) if originals == "move" else []
    assert there == ([] if originals == "delete" else ["a.png.nstd.yaml"])
    assert originals == "delete" or (moved / "sub/a.png.nstd.yaml").read_text() == "seed: 3"
