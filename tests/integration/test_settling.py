"""An original goes or is moved whole or not at all, whoever is killed or drops a film whenever."""

import errno
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nstd.ledger.job import FileIdentity, JobState
from nstd.work import departure
from tests.integration.settling import (
    MODES,
    NEW,
    NEWEST,
    OLD,
    Home,
    in_another_process,
    kill_at,
    obstruct,
)
from tests.unprivileged import give_away, unprivileged


def moments(
    tmp_path: Path,
    mode: str,
    happens: Callable[[Home, int, int], None],
    *,
    may_wait: bool = False,
) -> Iterator[Home]:
    """For one moment after the other: the home in which something has happened at it."""
    for moment in range(99):
        home = Home(tmp_path / str(moment), mode)
        came = tmp_path / f"came-{moment}"

        def at(number: int, home: Home = home, moment: int = moment, came: Path = came) -> None:
            if number == moment:
                came.touch()
            happens(home, number, moment)

        with pytest.MonkeyPatch.context() as patch:
            obstruct(mode, home.folder, patch)
            code = in_another_process(home.settle, at)
            if not came.exists():
                assert code == 0
                assert moment > 4
                return
            assert code in {0, 9} or (may_wait and code == 1)
            yield home
    pytest.fail("It never came to an end")


def killed_while_aside(home: Home) -> Callable[[int], None]:
    def happens(_: int) -> None:
        if not home.source.exists():
            os._exit(9)

    return happens


def drop(path: Path, content: bytes) -> None:
    """Put a film in its place as rsync does: whole."""
    new = path.with_name("dropped")
    new.write_bytes(content)
    new.replace(path)


@pytest.mark.parametrize("mode", MODES)
def test_a_kill_at_any_moment_is_mended_by_the_next_start(tmp_path: Path, mode: str) -> None:
    def killed(_: Home, number: int, moment: int) -> None:
        kill_at(moment)(number)

    for home in moments(tmp_path, mode, killed):
        assert OLD in home.films().values() or mode == "delete"
        assert home.settle()
        assert home.films() == home.settled()
        assert not list((home.folder / "state/work/1").iterdir())


@pytest.mark.parametrize("mode", MODES)
def test_a_film_that_came_after_a_kill_stays_and_the_old_one_goes_its_way(
    tmp_path: Path, mode: str
) -> None:
    def killed(_: Home, number: int, moment: int) -> None:
        kill_at(moment)(number)

    for home in moments(tmp_path, mode, killed):
        was_there = home.source.exists()  # the newer one replaces it
        drop(home.source, NEW)
        assert home.settle()
        found = home.films()
        assert found.pop("in/film.mp4") == NEW
        assert found == home.settled() or (was_there and found == {})


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("put", [drop, Path.write_bytes])
def test_a_newer_film_in_the_originals_place_is_not_touched_whenever_it_comes(
    tmp_path: Path, mode: str, put: Callable[[Path, bytes], object]
) -> None:
    def dropped(home: Home, number: int, moment: int) -> None:
        if number == moment:
            put(home.source, NEW)

    for home in moments(tmp_path, mode, dropped):
        found = home.films()
        assert found.pop("in/film.mp4") == NEW
        # Moved before, or replaced by the newer one: never there in part.
        assert found in ({}, home.settled())
        assert not (home.folder / "state/work/1/original-aside").exists()


@pytest.mark.parametrize("mode", MODES)
def test_of_two_newer_films_none_is_lost_whenever_they_come(tmp_path: Path, mode: str) -> None:
    def dropped(home: Home, number: int, moment: int) -> None:
        if number == moment:
            drop(home.source, NEW)
        elif number == moment + 1:
            if home.source.exists() and home.source.read_bytes() == NEW:
                (home.folder / "replaced").touch()
            drop(home.source, NEWEST)

    beside = 0
    for home in moments(tmp_path, mode, dropped):
        found = home.films()
        if found["in/film.mp4"] == NEW:  # the last moment: no other came
            continue
        assert found.pop("in/film.mp4") == NEWEST
        if not (home.folder / "replaced").exists():
            beside += 1
            assert found.pop("in/film-2.mp4") == NEW
        assert found in ({}, home.settled())
    assert beside == 1


def test_an_original_with_other_attributes_than_before_is_moved_all_the_same(
    tmp_path: Path,
) -> None:
    home = Home(tmp_path, "renamed")
    os.utime(home.source, (1, 1))
    home.source.chmod(0o600)
    assert home.settle()
    assert home.films() == home.settled()


def test_where_a_rename_is_a_new_identity_an_original_is_moved_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some network file systems number files by their names."""
    monkeypatch.setattr(FileIdentity, "same_content", lambda *_: False)
    home = Home(tmp_path, "renamed")
    assert home.settle()
    assert home.films() == home.settled()


@pytest.mark.parametrize("mode", ["renamed", "another disk", "mounted twice", "in parts"])
def test_a_moved_original_takes_no_other_films_place(
    tmp_path: Path, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(tmp_path, mode)
    home.moved.write_bytes(NEW)
    obstruct(mode, tmp_path, monkeypatch)
    assert home.settle()
    assert home.films() == {"moved/film.mp4": NEW, "moved/film-2.mp4": OLD}


def test_what_cannot_be_moved_has_its_name_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    home = Home(tmp_path, "renamed")

    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr("nstd.files.os.link", refuse)
    assert home.settle()
    assert home.films() == {"in/film.mp4": OLD}
    assert "film.mp4 stays where it is: " in caplog.text


def test_an_original_waits_while_the_state_folders_disk_is_full(tmp_path: Path) -> None:
    home = Home(tmp_path, "renamed")
    mkdir = Path.mkdir

    def full(path: Path, *how: Any, **more: Any) -> None:
        if path.name.startswith("original-"):
            raise OSError(errno.ENOSPC, "No space left on device")
        mkdir(path, *how, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "mkdir", full)
        assert not home.settle()
    assert home.films() == {"in/film.mp4": OLD}
    assert home.settle()
    assert home.films() == home.settled()


def test_a_copy_of_what_is_not_the_painted_film_is_never_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Replaced only while it is copied, it looks the same before and after."""
    home = Home(tmp_path, "another disk")
    obstruct("another disk", tmp_path, monkeypatch)
    copy, kept = departure._copy, tmp_path / "kept"

    def replaced_meanwhile(source: Path, part: Path, content: str) -> None:
        source.rename(kept)
        source.write_bytes(NEW)
        try:
            copy(source, part, content)
        finally:
            kept.replace(source)

    monkeypatch.setattr(departure, "_copy", replaced_meanwhile)
    assert home.settle()
    assert home.films() == {"in/film.mp4": OLD}


def test_a_film_aside_on_a_disk_that_is_away_is_waited_for(tmp_path: Path) -> None:
    home = Home(tmp_path, "renamed")
    assert in_another_process(home.settle, killed_while_aside(home)) == 9
    assert not home.source.exists()
    away = tmp_path / "away"
    home.source.parent.rename(away)
    assert not home.settle()
    home.source.parent.mkdir()  # the empty folder that it is mounted on
    assert not home.settle()
    home.source.parent.rmdir()
    away.rename(home.source.parent)
    assert home.settle()
    assert home.films() == home.settled()


def test_a_film_that_is_wanted_again_while_it_is_aside_has_its_name_again(tmp_path: Path) -> None:
    home = Home(tmp_path, "delete", recipes=("oil", "ink"))
    oil, ink = home.ledger.jobs
    assert in_another_process(lambda: home.settle(oil), killed_while_aside(home)) == 9
    assert not home.source.exists()
    home.ledger.jobs[1] = replace(ink, state=JobState.QUEUED)  # canceled before, and retried
    assert home.settle(oil)
    assert home.films() == {"in/film.mp4": OLD}


def test_two_workers_are_never_at_one_original_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One copies for minutes when another takes up what a killed one has left."""
    home = Home(tmp_path, "another disk", recipes=("oil", "ink"))
    obstruct("another disk", tmp_path, monkeypatch)
    copies, goes_on = threading.Semaphore(0), threading.Event()
    copystat = shutil.copystat

    def slow(source: Path, part: Path) -> None:
        copies.release()
        assert goes_on.wait(30)
        copystat(source, part)

    monkeypatch.setattr(shutil, "copystat", slow)
    results: list[bool] = []
    oil, ink = home.ledger.jobs
    thread = threading.Thread(target=lambda: results.append(home.settle(oil)))
    thread.start()
    assert copies.acquire(timeout=30)
    (part,) = home.moved.parent.iterdir()
    before = FileIdentity.from_stat(part.stat())
    assert not home.settle(ink)  # and does not wait either: it has films to paint
    assert FileIdentity.from_stat(part.stat()) == before
    goes_on.set()
    thread.join(30)
    assert results == [True]
    assert home.films() == home.settled()
    assert home.settle(ink)
    assert home.films() == home.settled()


def test_two_films_of_one_name_are_moved_to_one_folder_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(tmp_path, "another disk")
    other = tmp_path / "in-2/film.mp4"
    other.parent.mkdir()
    other.write_bytes(NEW)
    second = home.job("oil", folder="in-2")
    obstruct("another disk", tmp_path, monkeypatch)
    barrier, copystat = threading.Barrier(2, timeout=30), shutil.copystat

    def together(source: Path, part: Path) -> None:
        barrier.wait()
        copystat(source, part)

    monkeypatch.setattr(shutil, "copystat", together)
    threads = [
        threading.Thread(target=home.settle, args=(j,)) for j in (home.ledger.jobs[0], second)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    found = home.films()
    assert sorted(found) == ["moved/film-2.mp4", "moved/film.mp4"]
    assert sorted(found.values()) == sorted([OLD, NEW])
    assert not other.exists()


# --- who writes to it -------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
def test_an_original_that_a_program_has_open_stays_until_it_is_closed(
    tmp_path: Path, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(tmp_path, mode)
    obstruct(mode, tmp_path, monkeypatch)
    with home.source.open("ab"):
        assert not home.settle()
        assert home.films() == {"in/film.mp4": OLD}
    assert home.settle()
    assert home.films() == home.settled()


@pytest.mark.parametrize("mode", MODES)
def test_a_program_that_opens_the_original_loses_nothing_whenever_it_does(
    tmp_path: Path, mode: str
) -> None:
    """From the moment on in which it has it open, the file keeps its name."""
    written = []

    def opened(home: Home, number: int, moment: int) -> None:
        if number == moment and home.source.exists():
            written.append(home.source.open("r+b"))  # closed with the process
            (home.folder / "opened").touch()

    times = 0
    for home in moments(tmp_path, mode, opened, may_wait=True):
        if (home.folder / "opened").exists():
            times += 1
            assert home.films()["in/film.mp4"] == OLD
        assert home.settle()
        assert home.films() == home.settled()
    assert times > 1


def test_an_original_that_was_left_aside_open_gets_its_name_back(tmp_path: Path) -> None:
    home = Home(tmp_path, "delete")
    assert in_another_process(home.settle, killed_while_aside(home)) == 9
    (aside,) = [path for path in home.source.parent.iterdir() if path != home.source]
    with aside.open("ab"):
        assert not home.settle()
        assert home.films() == {"in/film.mp4": OLD}
    assert home.settle()
    assert home.films() == {}


@pytest.mark.parametrize("mode", MODES)
def test_another_users_original_goes_only_once_it_has_rested_since_it_was_queued(
    tmp_path: Path, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(tmp_path, mode)
    home.source.parent.chmod(0o777)
    give_away(home.source)
    obstruct(mode, tmp_path, monkeypatch)
    with unprivileged():
        assert not home.settle(now=59.0)
        assert home.films() == {"in/film.mp4": OLD}
        assert home.settle(now=60.0)
    assert home.films() == home.settled()


@pytest.mark.timeout(60)
@pytest.mark.parametrize("mode", ["delete", "another disk"])
def test_a_pipe_under_the_hidden_name_of_an_original_keeps_nobody_waiting(
    tmp_path: Path, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever has dropped the film can tell that name, and put there what waits for ever."""
    home = Home(tmp_path, mode)
    obstruct(mode, tmp_path, monkeypatch)
    assert in_another_process(home.settle, killed_while_aside(home)) == 9
    (aside,) = home.source.parent.iterdir()
    aside.rename(home.source)
    os.mkfifo(aside)
    assert home.settle()
    assert not home.source.exists()
    assert home.moved.exists() == (mode != "delete")


def test_a_film_that_is_taken_away_meanwhile_is_nobodys_failure(tmp_path: Path) -> None:
    def taken(home: Home, number: int, moment: int) -> None:
        if number == moment:
            home.source.unlink(missing_ok=True)

    for home in moments(tmp_path, "another disk", taken):
        assert home.films() in ({}, home.settled())
