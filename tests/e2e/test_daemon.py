"""`nstd run`, the real daemon: whatever comes into its folders is painted once."""

import json
import os
import re
import shutil
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from pathlib import Path

import pytest

from tests.clips import make
from tests.e2e.looking import look
from tests.e2e.program import TINY, Ended, Program, Running, digest, snapshot, until

SIZE = (48, 32)
SETTLE_SECONDS = 1.5
LONG = 60
"""Frames of a film whose painting takes some seconds, so that it can be watched."""

SECONDS_TO_STOP = 20
"""Far more than a step takes."""


@dataclass
class Life:
    """What was seen of a daemon from its start to its end, and of a second one after it."""

    program: Program
    originals: dict[str, str] = field(default_factory=dict)
    gone_before_painted: list[str] = field(default_factory=list)
    second: Ended | None = None
    batch: Ended | None = None
    stopped: Ended | None = None
    seconds_to_stop: float = 0.0
    painted: dict[str, str] = field(default_factory=dict)
    jobs: list[tuple[str, str, str]] = field(default_factory=list)
    restarted: Ended | None = None
    told: list[str] = field(default_factory=list)

    def names(self, folder: str) -> list[str]:
        return sorted(path.name for path in (self.program.work / folder).iterdir())


def film(path: Path, frames: int = 2) -> Path:
    times = range(0, frames * 40, 40)
    return make(path, times=times, time_base=Fraction(1, 1000), size=SIZE)


def configure(program: Program, network: Path, style: Path) -> None:
    """Three watched folders: one keeps originals, one has two recipes and moves, one deletes."""
    work = program.work
    for name in ("in", "both", "gone", "archive"):
        (work / name).mkdir()
    program.configure(
        network=str(network),
        settle_seconds=SETTLE_SECONDS,
        reconcile_seconds=3,
        grace_seconds=2,
        recipes={
            "tiny": {"styles": str(style), **TINY},
            "smooth": {"styles": str(style), "tv_weight": 30, **TINY},
        },
        folders=[
            {"watch": str(work / "in"), "output": str(work / "out"), "recipe": "tiny"},
            {
                "watch": str(work / "both"),
                "output": str(work / "out-both"),
                "recipes": ["tiny", "smooth"],
                "originals": {"move": str(work / "moved")},
            },
            {
                "watch": str(work / "gone"),
                "output": str(work / "out-gone"),
                "recipe": "tiny",
                "originals": "delete",
            },
        ],
        batch=[
            {
                "input": str(work / "archive/**/*.mp4"),
                "output": str(work / "out-batch"),
                "recipe": "tiny",
            }
        ],
    )


def states(program: Program) -> list[tuple[str, str, str]]:
    """Of every job the film's relative path, its recipe and its state."""
    return sorted(
        (job["relative"].decode(), job["recipe_name"], job["state"]) for job in program.jobs()
    )


def settled(program: Program, count: int) -> bool:
    found = states(program)
    return len(found) >= count and all(state in {"done", "failed"} for _, _, state in found)


def is_gone(path: Path) -> bool:
    return not path.exists()


def drop(life: Life, running: Running) -> None:
    """Put films into the watched folders in every way that films come there."""
    work = life.program.work
    whole = film(work / "whole.mp4", LONG).read_bytes()
    (work / "in/notes.txt").write_text("no film")
    (work / "in/broken.mp4").write_text("no film either. " * 99)
    film(work / "later.mov").rename(work / "in/moved.mov")
    film(work / "in/pair.mp4")
    film(work / "in/pair.mkv", 3)
    (work / "in/sub").mkdir()
    film(work / "in/sub/deep.mp4")
    film(work / "both/twice.mp4")
    film(work / "gone/away.mp4")
    life.originals = snapshot(work / "in")
    with (work / "in/slow.mp4").open("wb", buffering=0) as copy:
        for piece in range(15):  # three seconds, twice as long as a film must rest
            copy.write(whole[piece * len(whole) // 15 : (piece + 1) * len(whole) // 15])
            time.sleep(0.2)
    life.originals["slow.mp4"] = digest(work / "whole.mp4")
    for original, outputs in (
        ("both/twice.mp4", ["out-both/twice.tiny.mp4", "out-both/twice.smooth.mp4"]),
        ("gone/away.mp4", ["out-gone/away.mp4"]),
    ):
        running.until(partial(is_gone, work / original), f"{original} is gone")
        life.gone_before_painted += [name for name in outputs if not (work / name).is_file()]
    running.until(lambda: settled(life.program, 9), "all is painted")


@contextmanager
def service_manager(told: list[str]) -> Iterator[dict[str, str]]:
    """What systemd puts into a service's environment; `told` gets what was said, at the end."""
    name = f"nstd-{os.getpid()}-{time.monotonic_ns()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(f"\0{name}")
        listener.settimeout(0)
        thread_ends = threading.Event()

        def listen() -> None:
            while not thread_ends.wait(0.02):
                with suppress(BlockingIOError):
                    while True:
                        told.append(listener.recv(4096).decode())

        thread = threading.Thread(target=listen)
        thread.start()
        try:
            yield {"NOTIFY_SOCKET": f"@{name}", "WATCHDOG_USEC": "2000000"}
        finally:
            time.sleep(0.1)
            thread_ends.set()
            thread.join()


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory, network: Path, style: Path) -> Life:
    """One daemon's life and the beginning of the next one's; the tests look at what they left."""
    program = Program(tmp_path_factory.mktemp("daemon") / "home")
    configure(program, network, style)
    life = Life(program)
    with service_manager(life.told) as said, program.started("run", environment=said) as running:
        running.until(lambda: "Watching" in running.log, "it watches")
        life.second = program.run("run")
        drop(life, running)
        film(program.work / "archive/old.mp4")
        life.batch = program.run("batch", "--json")
        asked = time.monotonic()
        running.send(signal.SIGTERM)
        life.stopped = running.wait()
        life.seconds_to_stop = time.monotonic() - asked
    life.painted, life.jobs = snapshot(program.work), states(program)
    with program.started("run") as running:
        running.until(lambda: "Watching" in running.log, "it watches again")
        # The scan at the start has taken all that was there before, once this one is painted.
        film(program.work / "in/zz.mp4")
        running.until((program.work / "out/zz.mp4").exists, "the new film is painted")
        until(lambda: settled(program, len(life.jobs) + 1), lambda: "it is done")
        running.send(signal.SIGTERM)
        life.restarted = running.wait()
    return life


def test_every_film_is_painted_exactly_once(life: Life) -> None:
    assert life.jobs == [
        ("away.mp4", "tiny", "done"),
        ("broken.mp4", "tiny", "failed"),
        ("moved.mov", "tiny", "done"),
        ("old.mp4", "tiny", "done"),
        ("pair.mkv", "tiny", "done"),
        ("pair.mp4", "tiny", "done"),
        ("slow.mp4", "tiny", "done"),
        ("sub/deep.mp4", "tiny", "done"),
        ("twice.mp4", "smooth", "done"),
        ("twice.mp4", "tiny", "done"),
    ]


def test_a_film_that_is_copied_slowly_is_painted_whole(life: Life, ffprobe: str) -> None:
    assert len(look(life.program.work / "out/slow.mp4", ffprobe).times) == LONG


def test_outputs_mirror_folders_and_two_films_of_one_stem_both_get_one(
    life: Life, ffprobe: str
) -> None:
    out = life.program.work / "out"
    found = {str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()}
    # Which of the two comes first gets the plain name.
    (other,) = found - {"moved.mp4", "pair.mp4", "slow.mp4", "sub/deep.mp4", "zz.mp4"}
    assert other in {"pair-2.mp4", "pair.mkv.mp4"}
    assert len(found) == 6
    frames = {len(look(out / name, ffprobe).times) for name in ("pair.mp4", other)}
    assert frames == {2, 3}


def test_originals_stay_where_nothing_else_is_asked(life: Life) -> None:
    found = snapshot(life.program.work / "in")
    assert {name: found.get(name) for name in life.originals} == life.originals


def test_an_original_goes_only_after_all_its_outputs_are_there(life: Life) -> None:
    assert life.gone_before_painted == []
    assert life.names("out-both") == ["twice.smooth.mp4", "twice.tiny.mp4"]
    assert life.names("moved") == ["twice.mp4"]
    assert life.names("gone") == life.names("both") == []


def test_a_file_that_is_no_film_is_named_once_and_left_alone(life: Life) -> None:
    assert life.stopped is not None
    lines = [line for line in life.stopped.err.splitlines() if "notes.txt" in line]
    assert len(lines) == 1
    assert "no film and no picture" in lines[0]


def test_a_broken_film_is_a_visible_failure_and_the_daemon_lives_on(life: Life) -> None:
    assert life.stopped is not None
    lines = life.stopped.err.splitlines()
    errors = [line for line in lines if " ERROR: " in line]
    # Once when it came, and once since `batch` asked for it again.
    assert len(errors) == 2
    for line in errors:
        assert "broken.mp4" in line
        assert "Check the file with another program" in line
    assert any("Done: job" in line for line in lines[lines.index(errors[0]) :])
    assert "Traceback" not in life.stopped.err


def test_each_line_of_the_log_says_when_whichever_process_it_is_of(life: Life) -> None:
    assert life.stopped is not None
    lines = [line for line in life.stopped.err.splitlines() if not line.startswith("  ")]
    assert any("Done: job" in line for line in lines)  # a worker's
    assert any("Painting on the CPU" in line for line in lines)  # the check's
    for line in lines:
        assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [A-Z]+: ", line), line


def test_a_second_daemon_on_the_same_state_folder_is_refused(life: Life) -> None:
    assert life.second is not None
    assert life.second.code == 75
    last = life.second.err.splitlines()[-1]
    assert last.startswith(f"nstd: Another nstd works on {life.program.state} already. ")


def test_batch_queues_with_the_daemon_and_waits(life: Life) -> None:
    assert life.batch is not None
    assert life.stopped is not None
    assert life.batch.code == 1
    rows = {Path(row["source"]).name: row for row in json.loads(life.batch.out)}
    assert [name for name, row in rows.items() if row["error"]] == ["broken.mp4"]
    assert rows["old.mp4"]["target"] == str(life.program.work / "out-batch/old.mp4")
    assert life.names("out-batch") == ["old.mp4"]
    (old,) = (job for job in life.program.jobs() if job["relative"] == b"old.mp4")
    assert f"Done: job {old['id']}: {life.program.work}/" in life.stopped.err


def test_sigterm_ends_it_with_0_in_seconds(life: Life) -> None:
    assert life.stopped is not None
    assert life.stopped.code == 0
    assert life.seconds_to_stop < SECONDS_TO_STOP


def test_the_service_manager_is_told_when_it_is_ready_what_it_paints_and_that_it_stops(
    life: Life,
) -> None:
    ready = life.told.index("READY=1")
    assert life.told.count("READY=1") == 1
    # Before that it asks for patience, while its worker loads torch.
    assert life.told[0] == "STATUS=Getting ready"
    waiting = {word.partition("=")[0] for word in life.told[1:ready]}
    assert waiting - {"WATCHDOG"} == {"EXTEND_TIMEOUT_USEC"}
    assert [word.partition("=")[0] for word in life.told[-2:]] == [
        "STOPPING",
        "EXTEND_TIMEOUT_USEC",
    ]
    assert "WATCHDOG=1" in life.told[ready:]
    statuses = [word for word in life.told if word.startswith("STATUS=")]
    assert any(
        re.fullmatch(r"STATUS=Painting job \d+: frame \d+ of \d+", word) for word in statuses
    )
    assert any(word.startswith("STATUS=Watching ") for word in statuses)


def test_after_a_restart_nothing_is_painted_again(life: Life) -> None:
    assert life.restarted is not None
    assert life.restarted.code == 0
    assert states(life.program) == sorted([*life.jobs, ("zz.mp4", "tiny", "done")])
    after = snapshot(life.program.work)
    assert {name: after.get(name) for name in life.painted} == life.painted


@pytest.mark.parametrize("replaced", [False, True], ids=["deleted", "replaced"])
def test_a_state_folder_that_is_gone_is_noticed_and_ends_it(
    program: Program, network: Path, style: Path, replaced: bool
) -> None:
    configure(program, network, style)
    with program.started("run") as running:
        running.until(lambda: "Watching" in running.log, "it watches")
        if replaced:
            program.state.rename(program.home / "away")
            shutil.copytree(program.home / "away", program.state)
        else:
            shutil.rmtree(program.state)
        before = snapshot(program.state) if replaced else {}
        ended = running.wait(30)
    assert ended.code == 1
    how = "replaced" if replaced else "deleted"
    ledger = program.state / "ledger.sqlite3"
    assert f"The ledger {ledger} was {how} while it was in use" in ended.err
    assert "Traceback" not in ended.err
    assert program.state.exists() == replaced
    assert snapshot(program.state) == before
