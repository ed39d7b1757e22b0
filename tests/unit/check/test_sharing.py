"""Whom a service's folders are closed to."""

import os
from pathlib import Path

import pytest

from nstd.check.sharing import sharing, umask_of_this_process
from nstd.config import Config

USER, GROUP = os.getuid(), os.getgid()
PRIVATE = 0o027


def told(folder: Path, *, group: int = GROUP, user: int = USER, umask: int = 0o002) -> list[str]:
    data = {
        "recipes": {"oil": {"style": "impasto"}},
        "folders": [{"watch": folder / "in", "output": folder / "out", "recipe": "oil"}],
    }
    found = [*sharing(Config.model_validate(data), user=user, group=group, umask=umask)]
    assert {one.verdict for one in found} <= {"note"}
    return [one.text for one in found]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("in", "out"):
        (tmp_path / name).mkdir()
        (tmp_path / name).chmod(0o2770)
    return tmp_path


def test_folders_that_a_group_shares_are_fine(folder: Path) -> None:
    assert told(folder) == []
    assert told(folder, group=GROUP + 1) == []


@pytest.mark.parametrize(("mode", "shown"), [(0o755, "0755"), (0o700, "0700"), (0o2750, "2750")])
def test_a_watched_folder_that_only_the_service_can_write_to_is_told(
    folder: Path, mode: int, shown: str
) -> None:
    (folder / "in").chmod(mode)
    (note,) = told(folder)
    assert f"can drop films into {folder}/in, whose mode is {shown}." in note
    assert f"chmod 2770 {folder}/in" in note


def test_a_watched_folder_without_setgid_is_told(folder: Path) -> None:
    (folder / "in").chmod(0o770)
    (note,) = told(folder)
    assert f"What people drop into {folder}/in has their own groups" in note
    assert f"chmod g+s {folder}/in;" in note


def test_a_folder_of_somebody_else_or_of_everybody_is_no_news(folder: Path) -> None:
    (folder / "in").chmod(0o755)
    assert told(folder, user=USER + 1) == []
    (folder / "in").chmod(0o1777)
    assert told(folder) == []


def test_an_output_that_nobody_else_can_look_into_is_told(folder: Path) -> None:
    (folder / "out").chmod(0o700)
    (note,) = told(folder)
    assert f"can look into {folder}/out, whose mode is 0700." in note
    (folder / "in").chmod(0o777)
    assert told(folder, user=USER + 1) == []  # its owner can


def test_an_output_that_everybody_can_read_is_fine(folder: Path) -> None:
    (folder / "out").chmod(0o755)
    assert told(folder, umask=0o022) == []


def test_a_umask_that_closes_what_is_painted_is_told(folder: Path) -> None:
    (note,) = told(folder, umask=0o077)
    assert "is closed to its group (umask 0077). Set UMask=0002 in the unit" in note


def test_what_is_painted_with_another_group_than_the_folders_is_told(folder: Path) -> None:
    (folder / "out").chmod(0o770)
    assert told(folder, umask=PRIVATE) == []  # it is the service's own group
    (note,) = told(folder, umask=PRIVATE, group=GROUP + 1)
    assert f"chmod g+s {folder}/out;" in note
    assert told(folder, umask=0o002, group=GROUP + 1) == []  # others may read it anyway


def test_folders_that_are_not_there_are_left_to_other_findings(tmp_path: Path) -> None:
    assert told(tmp_path) == []


def test_the_umask_is_told_without_being_changed() -> None:
    before = os.umask(0o031)
    try:
        assert umask_of_this_process() == 0o031
        assert umask_of_this_process() == 0o031
    finally:
        os.umask(before)
