"""Files are read at the same time: a large one, or a slow disk, delays no other."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nstd.config import Config
from nstd.daemon import desk as desk_module
from nstd.daemon import first_look
from nstd.daemon import readers as readers_module
from nstd.daemon.desk import Intake
from nstd.daemon.first_look import FirstLooks
from nstd.daemon.readers import Readers
from nstd.errors import InputError, Interrupted, NstdError
from nstd.intake.folder import WatchedFolder
from nstd.ledger.fingerprint import fingerprint
from nstd.ledger.job import JobState, path_of
from nstd.ledger.store import JobStore
from nstd.media.pictures import read_style_image
from nstd.media.read.probe import probe
from tests.clips import make
from tests.jobs import save_picture, small_config

PATIENCE = 30.0

LARGE_BYTES = 300 << 20
"""Of a file that takes seconds to read from a slow disk."""


def sparse(path: Path, size: int = LARGE_BYTES) -> Path:
    """A file that is large, and takes no space."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.truncate(size)
    return path


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@contextmanager
def running(config: Config, store: JobStore) -> Iterator[Intake]:
    intake = Intake(config, store)
    intake.start()
    try:
        yield intake
    finally:
        intake.leave()


def queued(store: JobStore) -> list[str]:
    return [job.request.key.relative.decode() for job in reversed(store.jobs())]


def held_up(monkeypatch: pytest.MonkeyPatch, gate: threading.Event) -> list[str]:
    """Reading a large file waits at a gate; the list gets the names of what is read."""
    read: list[str] = []

    def slowly(store: JobStore, folder: Path, source: Path, **more: Any) -> str:
        read.append(source.name)
        if source.stat().st_size >= LARGE_BYTES:
            assert gate.wait(PATIENCE)
        return fingerprint(store, folder, source, **more)

    monkeypatch.setattr(desk_module, "fingerprint", slowly)
    return read


def test_a_large_file_keeps_no_other_waiting(
    tmp_path: Path, store: JobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = {"watch": tmp_path / "b", "output": tmp_path / "b-out", "recipe": "oil"}
    config = small_config(tmp_path)
    data = config.model_dump(include={"state_dir", "cache_dir", "devices", "threads", "network"})
    folders = [*(one.model_dump(exclude_unset=True) for one in config.folders), other]
    config = Config.model_validate(
        data
        | {"settle_seconds": 0.01, "folders": folders}
        | {"recipes": {"oil": {"styles": str(tmp_path / "style.png"), "levels": "32:1"}}}
    )
    gate = threading.Event()
    read = held_up(monkeypatch, gate)
    sparse(tmp_path / "in/large.png")
    with running(config, store) as intake:
        until(lambda: read == ["large.png"])
        save_picture(tmp_path / "in/small.png")
        save_picture(tmp_path / "b/elsewhere.png", "green")
        until(lambda: len(store.jobs()) == 2)
        assert set(queued(store)) == {"small.png", "elsewhere.png"}
        monkeypatch.setattr(desk_module, "MOMENT_SECONDS", -1.0)
        until(lambda: intake.reading == [tmp_path / "in/large.png"])
        gate.set()
        until(lambda: len(store.jobs()) == 3)
        assert queued(store)[2] == "large.png"
        intake.require_alive()


def test_a_large_file_that_is_no_film_is_refused_before_it_is_read(
    tmp_path: Path, store: JobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = small_config(tmp_path, grace_seconds=0)
    read = held_up(monkeypatch, threading.Event())
    film = sparse(tmp_path / "in/junk.mp4", 60 << 30)
    with running(config, store) as intake:
        until(lambda: intake.refused)
        (problem,) = intake.refused
        assert problem.startswith(f"{film} ")
        assert (read, store.jobs()) == ([], [])
        film.unlink()
        until(lambda: not intake.refused)


def test_where_the_look_itself_fails_the_film_is_queued_all_the_same(
    tmp_path: Path, store: JobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its worker meets the same, and says so of that one job."""

    def fails(*_: object, **__: object) -> None:
        raise NstdError("Looking at it failed unexpectedly")

    monkeypatch.setattr(first_look, "probe_guarded", fails)
    sparse(tmp_path / "in/large.mp4")
    with running(small_config(tmp_path), store) as intake:
        until(store.jobs)
        intake.require_alive()


@pytest.mark.logs_errors
def test_a_large_film_that_cannot_be_painted_fails_when_it_is_queued(
    tmp_path: Path, store: JobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sidecar asks for too much, or the film is too small for the network."""
    make(tmp_path / "small.mp4", times=(0, 512), size=(64, 48))
    info = probe(tmp_path / "small.mp4")
    facts = {"greedy": info, "tiny": replace(info, width=16, height=16)}
    monkeypatch.setattr(
        FirstLooks, "probe", lambda self, source, folder, output: facts[source.stem]
    )
    for name in facts:
        sparse(tmp_path / f"in/{name}.mp4", LARGE_BYTES + len(name))
    (tmp_path / "in/greedy.mp4.nstd.yaml").write_text("size: 65536")
    with running(small_config(tmp_path), store) as intake:
        until(lambda: len(store.jobs({JobState.FAILED})) == 2)
        intake.require_alive()
    errors = {path_of(job.request.source).stem: str(job.error) for job in store.jobs()}
    assert "would be painted at 65536×49152 pixels" in errors["greedy"]
    assert "tiny.mp4 cannot be painted: A picture of 16×16 px is too small" in errors["tiny"]


def test_one_that_may_be_coming_yet_is_tried_again(
    tmp_path: Path, store: JobStore, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    caplog.set_level("DEBUG")  # it is a warning once
    held_up(monkeypatch, threading.Event())
    sparse(tmp_path / "in/junk.mp4")
    with running(small_config(tmp_path, grace_seconds=600), store) as intake:
        until(lambda: caplog.text.count("it is tried again, since it may be coming yet") >= 2)
        intake.require_alive()
    assert store.jobs() == []


def test_reading_ends_when_it_is_told_to(tmp_path: Path, store: JobStore) -> None:
    film = sparse(tmp_path / "in/a.mp4", 1 << 40)  # a terabyte would take minutes
    asked: list[int] = []

    def stopping() -> bool:
        asked.append(1)
        return len(asked) > 3

    with pytest.raises(Interrupted, match=r"Reading .*a\.mp4 was stopped"):
        fingerprint(store, film.parent, film, dropped=True, stopping=stopping)


def test_files_are_queued_one_by_one(
    config: Config, store: JobStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two that want the same name must not both find it free."""
    at_once, most, original = [0], [0], JobStore.enqueue

    def counted(*arguments: Any) -> Any:
        at_once[0] += 1
        most[0] = max(most[0], at_once[0])
        time.sleep(0.05)
        found = original(*arguments)
        at_once[0] -= 1
        return found

    monkeypatch.setattr(JobStore, "enqueue", counted)
    sparse(tmp_path / "in/a.bmp")
    save_picture(tmp_path / "in/a.png")
    with running(config, store):
        until(lambda: len(store.jobs()) == 2)
    assert most == [1]
    assert {job.request.target.rpartition(b"/")[2] for job in store.jobs()} == {
        b"a.png",
        b"a.bmp.png",
    }


def test_what_is_wrong_with_a_file_is_known_where_it_was_submitted(tmp_path: Path) -> None:
    def refuse(folder: WatchedFolder, path: Path) -> None:
        raise InputError(f"{path} is nothing")

    readers = Readers(refuse)
    found: Future[str | None] = readers.submit(WatchedFolder(tmp_path), tmp_path / "a.mp4")
    assert isinstance(found.exception(PATIENCE), InputError)
    until(lambda: not readers.busy)


def test_a_disk_that_does_not_answer_keeps_nobody_from_asking_what_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who stops the daemon asks that."""
    asked, answers = threading.Event(), threading.Event()

    def silent(path: Path) -> None:
        asked.set()
        assert answers.wait(PATIENCE)

    monkeypatch.setattr(readers_module, "facts_of", silent)
    readers, found = Readers(lambda *_: None), []
    submitting = threading.Thread(
        target=lambda: found.append(readers.submit(WatchedFolder(tmp_path), tmp_path / "a.mp4"))
    )
    asking = threading.Thread(target=lambda: readers.busy, daemon=True)
    submitting.start()
    assert asked.wait(PATIENCE)
    asking.start()
    asking.join(PATIENCE)
    waits = asking.is_alive()
    answers.set()
    submitting.join(PATIENCE)
    assert not waits
    assert found[0].result(PATIENCE) is None


def test_a_style_image_that_takes_long_keeps_no_other_film_waiting(
    config: Config, store: JobStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever may drop files may name one of theirs, as large as a picture may be."""
    reading, gate, read = threading.Event(), threading.Event(), read_style_image
    theirs = save_picture(tmp_path / "in/sub/theirs.png", "green")

    def slowly(path: Path) -> object:
        if path.samefile(theirs):
            reading.set()
            assert gate.wait(PATIENCE)
        return read(path)

    monkeypatch.setattr("nstd.submit.freeze.read_style_image", slowly)
    save_picture(tmp_path / "in/sub/a.png")
    (tmp_path / "in/sub/a.png.nstd.yaml").write_text("style: theirs.png\n")
    sparse(tmp_path / "in/b.bmp")
    with running(config, store):
        assert reading.wait(PATIENCE)
        until(lambda: "b.bmp" in queued(store))
        assert "sub/a.png" not in queued(store)
        gate.set()
        until(lambda: "sub/a.png" in queued(store))
