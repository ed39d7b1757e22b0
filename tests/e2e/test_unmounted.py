"""A disk that is unmounted is waited for: nothing takes its place, and the film comes out whole."""

import json
import os
import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.lives import Dropped, Fate, Life, check, configure, film_of, unbroken
from tests.e2e.observing import Strike
from tests.e2e.program import Program

EXPECTED = "NSTD_EXPECT_MOUNT"


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory, network: Path, style: Path) -> str:
    """Hash of the film as a daemon paints it that nothing befalls."""
    (output,) = unbroken(tmp_path_factory.mktemp("unbroken"), network, style).outputs.values()
    return output


class Disk:
    """A file system that can be mounted at a folder, and unmounted from it in mid-use."""

    def __init__(self, at: Path, itself: Path) -> None:
        self.at, self.itself = at, itself

    def mount(self) -> None:
        subprocess.run(["mount", "--bind", self.itself, self.at], check=True)

    def unmount(self) -> None:
        subprocess.run(["umount", "--lazy", self.at], check=True)

    @property
    def below_the_bare_folder(self) -> list[Path]:
        return list(self.at.rglob("*"))


@pytest.fixture(scope="module")
def disks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A file system of its own, never unmounted before the end."""
    folder = tmp_path_factory.mktemp("disks")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "tmpfs", str(folder)], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        reason = f"no disk can be mounted here: {mounted.stderr.strip()}"
        if os.environ.get(EXPECTED):
            pytest.fail(f"{reason}, and {EXPECTED} says that it must be")
        pytest.skip(f"{reason} (set {EXPECTED} to make this a failure)")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory, network: Path, style: Path) -> Iterator[Life]:
    """A daemon that nothing is wrong with."""
    place = tmp_path_factory.mktemp("unmounted")
    program = Program(place / "home")
    configure(program, network, style, grace_seconds=0)
    with Life(program, film_of(place / "film.mp4")) as life:
        yield life
        assert life.stop() == 0


@pytest.fixture
def disk(request: pytest.FixtureRequest, life: Life, disks: Path) -> Iterator[Disk]:
    """The disk of a folder of the daemon's, mounted there."""
    name = getattr(request, "param", "out-in")
    itself = disks / name
    itself.mkdir(exist_ok=True)
    one = Disk(life.program.work / name, itself)
    one.mount()
    yield one
    subprocess.run(["umount", "--lazy", str(one.at)], check=False, capture_output=True)


def ask(life: Life, *words: str) -> Any:
    """What a command says as JSON."""
    ended = life.program.run(*words, "--json")
    assert ended.code == 0, ended.err
    return json.loads(ended.out)


def waits(life: Life, dropped: Dropped, disk: Disk) -> str:
    """Wait until the film waits; gives the sentence that says so."""
    life.until(
        lambda: (
            [row["state"] for row in dropped.rows()] == ["queued"]
            and dropped.rows()[0]["not_before"] > 0
        ),
        "it waits",
    )
    assert disk.below_the_bare_folder == []
    (row,) = dropped.rows()
    assert row["attempts"] == 0
    sentence = str(row["hold_reason"])
    assert sentence.startswith(f"{disk.at} is not where it was when its film was queued: that was")
    for words in (("status",), ("jobs",), ("show", str(row["id"]))):
        assert sentence in json.dumps(ask(life, *words), ensure_ascii=False)
    return sentence


def finish(life: Life, dropped: Dropped) -> Fate:
    """Wait until the film is painted, and take stock."""
    fate = Fate(original=dropped.original)
    life.until(dropped.is_settled, "the film is painted")
    life.take_stock(fate, dropped)
    return fate


def end_waiting(life: Life, dropped: Dropped) -> None:
    """It would go on by itself, in half a minute: the clock of its row is put forward."""
    connection = sqlite3.connect(life.program.state / "ledger.sqlite3", timeout=30)
    with connection:
        connection.execute(
            "UPDATE jobs SET not_before = 0 WHERE source = ?", (bytes(dropped.path),)
        )
    connection.close()


@pytest.mark.parametrize(
    "point",
    [
        "a frame is in hand",
        "the film is joined and not verified",
        "it is PUBLISHING and not in place",
    ],
)
def test_an_output_disk_that_goes_in_mid_film_is_waited_for(
    life: Life, disk: Disk, point: str, expected: str
) -> None:
    life.start()
    life.observer.arm(Strike(point, victim="worker", signal="SIGSTOP"))
    dropped = life.drop()
    life.until(lambda: life.observer.has_struck, "the moment has come")
    (row,) = dropped.rows()
    disk.unmount()
    os.kill(row["pid"], signal.SIGCONT)
    waits(life, dropped, disk)
    disk.mount()
    end_waiting(life, dropped)
    check(finish(life, dropped), 0, expected)


def test_a_film_that_comes_while_the_disk_is_away_waits_for_it(
    life: Life, disk: Disk, expected: str
) -> None:
    life.start()
    check(finish(life, life.drop()), 0, expected)  # it is known from now on
    disk.unmount()
    dropped = life.drop()
    waits(life, dropped, disk)
    disk.mount()
    end_waiting(life, dropped)
    # Painted before under another name, it is taken from there.
    fate = finish(life, dropped)
    assert fate.outputs == {dropped.path.name: expected}
    assert [row["state"] for row in fate.rows] == ["done"]


@pytest.mark.parametrize("disk", ["moved"], indirect=True)
def test_an_original_waits_for_the_disk_that_it_is_moved_to(
    life: Life, disk: Disk, expected: str
) -> None:
    life.start()
    point = "it is in place and not DONE"
    life.observer.arm(Strike(point, victim="worker", signal="SIGSTOP"))
    dropped = life.drop(originals="move")
    life.until(lambda: life.observer.has_struck, "the moment has come")
    (row,) = dropped.rows()
    disk.unmount()
    os.kill(row["pid"], signal.SIGCONT)
    life.until(lambda: dropped.rows()[0]["hold_reason"], "its original waits")
    assert disk.below_the_bare_folder == []
    (row,) = dropped.rows()
    assert row["state"] == "done"
    assert row["hold_reason"].startswith(f"Its original waits: {disk.at} is not where it was")
    for words in (("status",), ("jobs",), ("show", str(row["id"]))):
        assert row["hold_reason"] in json.dumps(ask(life, *words), ensure_ascii=False)
    disk.mount()
    assert life.stop() == 0
    life.start()  # or a minute later
    fate = finish(life, dropped)
    assert fate.outputs == {dropped.path.name: expected}
    moved = {name: content for name, (_, content) in fate.originals.items()}
    assert moved == {f"moved/{dropped.path.name}": fate.original[1]}
    assert dropped.rows()[0]["hold_reason"] is None
