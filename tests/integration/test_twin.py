"""What was painted under another name: linked, not painted again, and never the wrong film."""

import errno
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nstd.ledger.job import Job, JobState
from nstd.ledger.store import JobStore
from tests.clips import make
from tests.integration.house import FRAMES, SIZE, House, digest
from tests.jobs import Onlooker


def paint(house: House, **output: Any) -> tuple[Job, Onlooker]:
    job, onlooker = house.queue(**output), Onlooker()
    assert house.work(onlooker).error is None
    return house.store.get(job.id), onlooker


@pytest.fixture
def moved(house: House) -> House:
    """A house whose film was painted, and has another name and place now."""
    paint(house)
    house.source = house.source.rename(house.folder / "renamed.mp4")
    house.target = house.folder / "elsewhere/renamed.mp4"
    house.target.parent.mkdir()
    return house


def test_a_film_that_was_renamed_is_linked_and_the_old_output_stays(
    moved: House, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    job, onlooker = paint(moved)
    assert onlooker.worked_on == set()
    old = moved.folder / "out/painted.mp4"
    assert moved.target.samefile(old)
    assert moved.beside_the_target() == ["renamed.mp4"]
    assert (job.state, job.frames_done, job.frames_total) == (JobState.DONE, FRAMES, FRAMES)
    was = moved.folder / "film.mp4"
    assert f"renamed.mp4 is the film that was {was}: it is not painted again" in caplog.text
    assert job.report == moved.store.get(1).report
    assert {"keeping", "reading"} <= job.report.keys()
    reasons = [event.reason for event in moved.store.events(job.id)]
    assert f"Not painted again: it is what job 1 has painted of {was}" in reasons


def test_so_is_a_second_copy(house: House) -> None:
    paint(house)
    house.source = Path(shutil.copy(house.source, house.folder / "copy.mp4"))
    house.target = house.target.with_name("copy.mp4")
    _, onlooker = paint(house)
    assert onlooker.worked_on == set()
    assert house.target.samefile(house.target.with_name("painted.mp4"))


def test_where_there_can_be_no_link_it_is_copied(
    moved: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = os.link

    def other_disk(one: Path, other: Path, **more: Any) -> None:
        if one.parent != other.parent:
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        link(one, other, **more)

    with monkeypatch.context() as patch:
        patch.setattr(os, "link", other_disk)
        _, onlooker = paint(moved)
    old = moved.folder / "out/painted.mp4"
    assert onlooker.worked_on == set()
    assert not moved.target.samefile(old)
    assert digest(moved.target) == digest(old)
    assert moved.beside_the_target() == ["renamed.mp4"]


def edited(house: House) -> None:
    with (house.folder / "out/painted.mp4").open("ab") as file:
        file.write(b"a remark")


def removed(house: House) -> None:
    (house.folder / "out/painted.mp4").unlink()


def of_another_look(house: House) -> None:
    house.recipe = replace(house.recipe, seed=7)


def of_other_content(house: House) -> None:
    make(house.source, times=range(0, 3 * 512, 512), size=SIZE)


def as_another_kind(house: House) -> None:
    house.target = house.target.with_suffix(".mov")


@pytest.mark.parametrize(
    "change", [edited, removed, of_another_look, of_other_content, as_another_kind]
)
def test_what_is_not_the_same_is_painted(moved: House, change: Callable[[House], None]) -> None:
    change(moved)
    _, onlooker = paint(moved)
    assert onlooker.worked_on
    assert not moved.target.exists() or moved.target.stat().st_nlink == 1


def test_with_other_settings_it_is_painted(moved: House) -> None:
    _, onlooker = paint(moved, last=2)
    assert onlooker.worked_on == {0, 1, 2}


def test_what_is_called_otherwise_is_no_other_look(moved: House) -> None:
    (style,) = moved.recipe.styles
    called = Path(style.image).rename(moved.folder / "waves.png")
    moved.recipe = replace(moved.recipe, styles=(replace(style, image=str(called)),))
    _, onlooker = paint(moved)
    assert onlooker.worked_on == set()


def test_what_another_version_has_painted_is_no_reason_not_to_paint(
    moved: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    (before,) = moved.store.jobs()
    odd = replace(before.request, output={"encoding": "of another time"})
    monkeypatch.setattr(
        JobStore, "jobs_of_content", lambda self, content: [replace(before, request=odd)]
    )
    _, onlooker = paint(moved)
    assert len(onlooker.worked_on) == FRAMES


def test_what_becomes_of_source_and_target_is_no_other_film(moved: House) -> None:
    _, onlooker = paint(moved, originals="delete", overwrite=True, siblings=("oil",))
    assert onlooker.worked_on == set()
    assert not moved.source.exists()


def test_one_that_is_asked_for_again_is_painted_again(moved: House) -> None:
    first, _ = paint(moved)
    moved.store.enqueue(
        replace(first.request, output=first.request.output | {"overwrite": True}), again=True
    )
    onlooker = Onlooker()
    assert moved.work(onlooker).error is None
    assert len(onlooker.worked_on) == FRAMES
    # The one it was linked with stays as it was.
    assert (moved.folder / "out/painted.mp4").stat().st_nlink == 1


def test_an_output_that_is_edited_at_that_moment_is_not_taken(
    moved: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = os.link

    def then_edited(one: Path, other: Path, **more: Any) -> None:
        link(one, other, **more)
        if other.suffix == ".part":
            edited(moved)

    with monkeypatch.context() as patch:
        patch.setattr(os, "link", then_edited)
        _, onlooker = paint(moved)
    assert len(onlooker.worked_on) == FRAMES
    assert not moved.target.read_bytes().endswith(b"a remark")


def test_what_comes_to_the_name_of_an_output_meanwhile_is_not_read(
    moved: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who may write to the output's folder must not have files copied that only nstd may read."""
    old, secret = moved.folder / "out/painted.mp4", moved.folder / "secret"
    secret.write_bytes(b"secret")
    painted, link = old.read_bytes(), os.link

    def swapped(one: Path, other: Path, **more: Any) -> None:
        if old.is_symlink():
            link(one, other, **more)
            return
        old.rename(old.with_name("aside"))
        old.symlink_to(secret)
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))

    with monkeypatch.context() as patch:
        patch.setattr(os, "link", swapped)
        paint(moved)
    assert old.is_symlink()
    assert moved.target.read_bytes() == painted


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a folder to any group")
def test_for_people_of_another_group_it_is_copied(moved: House) -> None:
    folder = moved.target.parent
    os.chown(folder, -1, 54321)
    folder.chmod(0o2770)
    _, onlooker = paint(moved)
    assert onlooker.worked_on == set()
    assert moved.target.stat().st_gid == 54321
    assert (moved.folder / "out/painted.mp4").stat().st_nlink == 1
