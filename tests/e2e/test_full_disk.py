"""A disk that is full costs time and nothing else: the film waits, says why, and goes on."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.injected.sitecustomize import FAIL, JOIN, KEEPER, STORE
from tests.e2e.lives import Dropped, Fate, Life, check, configure, film_of, unbroken
from tests.e2e.observing import Strike
from tests.e2e.program import Program

MEBIBYTES = 16
"""Of the small disk: the ledger, what is frozen, and the frames of a tiny film take less."""


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory, network: Path, style: Path) -> str:
    """Hash of the film as a daemon paints it that nothing befalls."""
    (output,) = unbroken(tmp_path_factory.mktemp("unbroken"), network, style).outputs.values()
    return output


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory, network: Path, style: Path) -> Iterator[Life]:
    """A daemon whose disks are full when the observer says so."""
    place = tmp_path_factory.mktemp("full")
    program = Program(place / "home")
    configure(program, network, style, grace_seconds=0)
    with Life(program, film_of(place / "film.mp4")) as life:
        yield life
        assert life.stop() == 0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of a few mebibytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={MEBIBYTES}m", "tmpfs", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode:
        reason = f"no disk can be mounted here: {mounted.stderr.strip()}"
        if os.environ.get("NSTD_EXPECT_MOUNT"):
            pytest.fail(f"{reason}, and NSTD_EXPECT_MOUNT says that it must be")
        pytest.skip(f"{reason} (set NSTD_EXPECT_MOUNT to make this a failure)")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextmanager
def filled(disk: Path) -> Iterator[None]:
    """Leave no room on a disk, as long as the block lasts."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))
    try:
        yield
    finally:
        filler.unlink()


def ask(life: Life, *words: str) -> Any:
    """What a command says as JSON."""
    ended = life.program.run(*words, "--json")
    assert ended.code == 0, ended.err
    return json.loads(ended.out)


def is_held(dropped: Dropped) -> bool:
    return any(row["state"] == "queued" and row["not_before"] > 0 for row in dropped.rows())


def finish(life: Life, dropped: Dropped) -> Fate:
    life.until(dropped.is_settled, "the film is painted")
    fate = Fate(original=dropped.original)
    life.take_stock(fate, dropped)
    return fate


def halves(life: Life) -> list[Path]:
    """Unfinished files, wherever they are."""
    folders = [*life.program.work.glob("out-*"), life.program.state / "work"]
    return [path for folder in folders for path in folder.rglob("*.part")]


@pytest.mark.parametrize(
    ("step", "doing"),
    [(f"{KEEPER}.keep", "frame-0000000"), (JOIN, "film-")],
    ids=["in mid-segment", "at assembly"],
)
def test_a_film_waits_for_room_and_says_so(
    step: str, doing: str, life: Life, expected: str
) -> None:
    life.start()
    with life.observer.full(step):
        dropped = life.drop()
        life.until(lambda: is_held(dropped), "it waits")
        (row,) = dropped.rows()
        assert row["attempts"] == 0
        assert row["hold_reason"].startswith("No space is left for writing")
        assert doing in row["hold_reason"]
        assert row["hold_reason"].endswith(
            "Free some space; what is painted so far is kept and continued."
        )
        assert row["hold_reason"] in json.dumps(ask(life, "show", str(row["id"])))
        assert row["hold_reason"] in json.dumps(ask(life, "status"))
        assert dropped.outputs() == {}
        assert halves(life) == []
    ask(life, "retry", str(row["id"]))
    fate = finish(life, dropped)
    check(fate, 1 if step != JOIN else 0, expected)


def test_a_film_is_queued_once_there_is_room_for_it_in_the_ledger(
    life: Life, expected: str
) -> None:
    life.start()
    with life.observer.full(f"{STORE}.enqueue"):
        dropped = life.drop()
        life.until(lambda: f"{dropped.path} is tried again" in life.log, "it says so")
        assert dropped.rows() == []
    check(finish(life, dropped), 0, expected)


def test_a_film_that_does_not_open_is_failed_once_there_is_room_for_that_in_the_ledger(
    life: Life,
) -> None:
    daemon = life.start().process.pid
    broken = life.program.work / "in/broken.mp4"
    with life.observer.full(FAIL):
        broken.write_text("no film. " * 99)
        dropped = Dropped(life.program, broken)
        life.until(lambda: "The ledger cannot be used for now" in life.log, "its worker says so")
    life.until(lambda: [row["state"] for row in dropped.rows()] == ["failed"], "it is failed")
    assert "broken.mp4 is not a film" in dropped.rows()[0]["error"]
    assert life.start().process.pid == daemon


@pytest.mark.slow
def test_a_film_goes_on_by_itself_when_there_is_room(life: Life, expected: str) -> None:
    life.start()
    with life.observer.full(f"{KEEPER}.keep"):
        dropped = life.drop()
        life.until(lambda: is_held(dropped), "it waits")
    check(finish(life, dropped), 1, expected)


@pytest.mark.slow
@pytest.mark.parametrize(
    "point",
    [
        "a frame is kept and not counted",
        "a segment is written and not closed",
        "the film is joined and not verified",
        "it is in place and not DONE",
    ],
)
def test_a_full_ledger_costs_nothing(
    point: str, tmp_path: Path, small_disk: Path, network: Path, style: Path, expected: str
) -> None:
    program = Program(tmp_path / "home")
    configure(program, network, style, state_dir=str(small_disk / "state"))
    program.state = small_disk / "state"
    with Life(program, film_of(tmp_path / "film.mp4")) as life:
        life.start()
        # Held at the moment, until the disk is full.
        life.observer.arm(Strike(point, victim="worker", signal="SIGSTOP"))
        dropped = life.drop()
        life.until(lambda: life.observer.has_struck, "the moment has come")
        (row,) = dropped.rows()
        with filled(small_disk):
            os.kill(row["pid"], signal.SIGCONT)
            life.until(lambda: "No space is left for the ledger" in life.log, "it says so")
            assert ask(life, "status")["working"]
        life.until(lambda: is_held(dropped), "it waits")
        (row,) = dropped.rows()
        assert row["attempts"] == 0
        assert row["hold_reason"].startswith("No space is left for the ledger")
        ask(life, "retry", str(row["id"]))
        fate = finish(life, dropped)
        assert life.stop() == 0
    check(fate, 0, expected)
