"""Thousands of films dropped while nobody looks: every one is queued, and the loss is told."""

import json
import re
import signal
import time
from collections import Counter
from pathlib import Path

import PIL.Image
import pytest

from tests.e2e.conftest import make_home
from tests.e2e.program import Program
from tests.watching import QUEUE, READ_AT_ONCE

SECONDS_TO_STOP = 20
"""Far more than a step takes."""


@pytest.fixture
def home(tmp_path: Path, network: Path, style: Path) -> Program:
    """A watched folder; the one device is busy with the first picture for longer than any test."""
    program = make_home(tmp_path / "home", network, style)
    work = program.work
    (work / "in").mkdir()
    slow = {"styles": str(style), "strength": "strong", "levels": "32:100000", "tolerance": 0}
    program.configure(
        network=str(network),
        settle_seconds=0.5,
        reconcile_seconds=3600,  # what is found was found because the overflow was noticed
        recipes={"slow": slow},
        folders=[{"watch": str(work / "in"), "output": str(work / "out"), "recipe": "slow"}],
    )
    return program


def drop(folder: Path, first: int, last: int) -> None:
    """Write pictures of which no two are the same."""
    for number in range(first, last):
        color = (number % 256, number // 256, 90)
        PIL.Image.new("RGB", (8, 8), color).save(folder / f"{number:04}.png")


def flood(folder: Path) -> None:
    """Give the kernel more events than its queue holds, about files that are no films."""
    one, two = ((folder / name).open("wb", buffering=0) for name in (".one", ".two"))
    with one, two:
        # Equal events in a row are merged.
        for _ in range(int(QUEUE.read_text()) // 2 + READ_AT_ONCE):
            one.write(b"1")
            two.write(b"2")


def test_two_thousand_films_dropped_while_the_daemon_stands_still_are_all_queued(
    home: Program,
) -> None:
    folder = home.work / "in"
    with home.started("run") as running:
        running.until(lambda: "Watching" in running.log, "it watches")
        drop(folder, 0, 1)
        running.until(lambda: [job["state"] for job in home.jobs()] == ["running"], "it is busy")
        running.send(signal.SIGSTOP)
        drop(folder, 1, 1001)
        flood(folder)
        drop(folder, 1001, 2001)  # of these no event is left
        running.send(signal.SIGCONT)
        running.until(lambda: len(home.jobs()) >= 2001, "all are queued")
        running.until(lambda: "had told of" in running.log, "the loss is told")
        told = json.loads(home.run("status", "--json").out)["daemon"]
        asked = time.monotonic()
        running.send(signal.SIGTERM)
        ended = running.wait()
    assert ended.code == 0
    assert time.monotonic() - asked < SECONDS_TO_STOP
    names = Counter(job["relative"].decode() for job in home.jobs())
    assert names == Counter(f"{number:04}.png" for number in range(2001))

    said = [line for line in ended.err.splitlines() if "overflowed" in line]
    assert len(said) == 1
    assert f"Events of {folder} were lost: the kernel's queue overflowed" in said[0]
    found = re.findall(r"The scan found ([\d,]+) files? in .*; ([\d,]+) since the start", ended.err)
    counts = [int(count.replace(",", "")) for count, _ in found]
    assert len(counts) <= 3  # and not a line a file
    # watchdog throws away some of those that did come before the overflow, too.
    assert 1000 <= sum(counts) <= 2000
    assert int(found[-1][1].replace(",", "")) == sum(counts)
    assert (told["lost_events"], told["overflows"]) == (sum(counts), 1)
