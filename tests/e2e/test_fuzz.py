"""Hundreds of malformed files, each made from a seed: none of them ends the daemon.

`NSTD_FUZZ=full` makes twenty times as many, and prints what became of them.
"""

import json
import os
import random
import re
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import pytest

from nstd.daemon.desk import Desk
from nstd.errors import InternalError, NstdError
from nstd.ledger.store import JobStore
from nstd.media.pictures import read_still
from tests import fuzzing
from tests.bad_films import film
from tests.e2e.program import Program, Running
from tests.e2e.test_bad_films import complaint, make_cheap_home
from tests.fuzzing import seeded
from tests.jobs import save_picture, small_config
from tests.mutations import made_clips, mutations

FULL = os.environ.get("NSTD_FUZZ") == "full"
SIDECARS, PICTURES = (10_000, 10_000) if FULL else (500, 500)
FILMS, NAMES = (200, 500) if FULL else (20, 50)
SEED = 20261130

LONGEST_SECONDS = 30.0
"""For one sidecar or picture: far more than any takes on a busy machine, and less than a hang."""

pytestmark = pytest.mark.timeout(7200 if FULL else 300)


def say(line: str) -> None:
    """Print a line, which pytest shows with -s."""
    sys.stdout.write(f"\n{line}\n")


class Counts(Counter[str]):
    """What became of them, by kind; what nobody foresaw; and how long the slowest took."""

    def __init__(self) -> None:
        super().__init__()
        self.unforeseen: list[str] = []
        self.slowest = 0.0

    @contextmanager
    def one(self, what: str) -> Iterator[None]:
        """Whatever is raised in the block is counted, and noted if nobody foresaw it."""
        begun = time.monotonic()
        try:
            yield
        except NstdError as error:
            cause = error.__cause__ if isinstance(error.__cause__, NstdError) else error
            self[type(cause).__name__] += 1
            if isinstance(cause, InternalError) or type(cause) is NstdError:
                self.unforeseen.append(f"{what}: {error}")
            if not re.search(r"\S \S.*[.?!]$", str(error), re.DOTALL):
                self.unforeseen.append(f"{what}: no sentence: {error}")
        except Exception as error:  # noqa: BLE001 - that is what is looked for
            self.unforeseen.append(f"{what}: {type(error).__name__}: {error}")
        else:
            self["taken"] += 1
        self.slowest = max(self.slowest, time.monotonic() - begun)

    def judge(self, kind: str, count: int) -> None:
        """Print what became of them; fail where something is wrong."""
        say(f"{count:,} {kind}: {dict(self.most_common())}, slowest {self.slowest:.1f} s")
        assert self.unforeseen == []
        assert self.slowest < LONGEST_SECONDS
        assert self.total() == count


def test_sidecars(tmp_path: Path) -> None:
    config, counts = small_config(tmp_path), Counts()
    fuzzing.prepare(tmp_path / "in")
    with JobStore(tmp_path / "state/ledger.sqlite3") as store:
        desk = Desk(config, store)
        (folder,) = desk.entries
        for number in range(SIDECARS):
            path = tmp_path / f"in/{number}.png"
            path.write_bytes(b"%d" % number)
            beside = path.with_name(f"{path.name}.nstd.yaml")
            beside.write_bytes(fuzzing.sidecar(seeded(SEED + number)))
            with counts.one(f"sidecar {number}"):
                desk.take(folder, path)
            path.unlink()
            beside.unlink()
    counts.judge("sidecars", SIDECARS)
    assert counts["taken"] > SIDECARS / 50  # those that are right are not refused with the others


def test_pictures(tmp_path: Path) -> None:
    counts, rng = Counts(), seeded(SEED)
    whole = fuzzing.whole_pictures()
    for number, (name, content) in enumerate(islice(fuzzing.pictures(rng, whole), PICTURES)):
        path = tmp_path / name
        path.write_bytes(content)
        with counts.one(f"picture {number}"):
            read_still(path)
        path.unlink()
    counts.judge("pictures", PICTURES)
    assert counts["taken"] > PICTURES / 50


def test_films_and_names(tmp_path: Path, network: Path, style: Path) -> None:
    program = make_cheap_home(tmp_path / "home", network, style)
    inside, names = program.work / "in", set[bytes]()
    clips = program.home / "clips"
    clips.mkdir()
    for one in mutations(made_clips(clips), range(FILMS)):
        (inside / one.name).write_bytes(one.content)
        names.add(one.name.encode())
    for number in range(NAMES):
        names.add(_drop(inside, seeded(SEED + number), number))
    with program.started("run") as running:
        running.until(
            lambda: _ended(program, running, names), "all have ended or wait", 20 * len(names)
        )
        film(inside / "good.mp4")
        running.until((program.work / "out/good.mp4").exists, "a good film is painted")
        told = [
            json.loads(program.run(*command, "--json").out) for command in (["status"], ["jobs"])
        ]
        running.send(signal.SIGTERM)
        ended = running.wait()
    assert ended.code == 0
    assert all(told)
    jobs = program.jobs()
    counts = Counter(job["state"] for job in jobs)
    counts["waits"] = len(names) + 1 - len(jobs)
    say(f"{FILMS} films and {NAMES} names: {dict(counts)}")
    wrong = {job["relative"]: said for job in jobs if (said := complaint(job)) is not None}
    assert wrong == {}
    _require_a_log_that_nobody_forged(ended.err)


def _drop(inside: Path, rng: random.Random, number: int) -> bytes:
    """Put a file with a hostile name into the folder; some with a sidecar that is wrong."""
    name = fuzzing.name(rng, rng.choice((b".png", b".jpg", b".mp4")))
    path = inside / os.fsdecode(name)
    if rng.random() < 0.6:
        save_picture(path, f"#{number * 8191 % 0xFFFFFF:06x}", "PNG")
    else:
        path.write_bytes(b"no film %d" % number)
    beside = name + b".nstd.yaml"
    if rng.random() < 0.3 and len(beside) <= 255:
        (inside / os.fsdecode(beside)).write_bytes(b'styles: "\\ud800"')
    return name


def _ended(program: Program, running: Running, names: set[bytes]) -> bool:
    states = {job["relative"]: job["state"] for job in program.jobs()}
    # Each is told of again whenever it is tried again.
    waiting = set(re.findall(r"is tried again in \d+ s: (.*?) waits: ", running.log))
    over = all(state in {"done", "failed"} for state in states.values())
    return over and len(names) <= len(states) + len(waiting)


def _require_a_log_that_nobody_forged(log: str) -> None:
    for line in log.split("\n"):
        assert line.isprintable()
        assert re.match(r"(\S+ \S+ )?(INFO|WARNING|ERROR): |  |$", line), line
    assert "Traceback" not in log
    assert not re.search(r"^(\S+ \S+ )?ERROR: forged", log, re.MULTILINE)
