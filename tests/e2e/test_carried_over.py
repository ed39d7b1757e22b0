"""Work that an earlier version has begun is carried over by an upgrade."""

import json
import shutil
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

from nstd.ledger.schema import MIGRATIONS
from nstd.painting.plan import ExecutionPlan
from nstd.style.devices import choose_devices
from tests.data.make_state import made_in
from tests.e2e.looking import pictures
from tests.e2e.program import Ended, Program, digest

STATES = {"state-0.1.0": 2, "state-ledger-10": 10}
"""Whole homes as `tests/data/make_state.py` has left them, and the versions of their ledgers: of
four films one is done, one half painted by a process that was killed, one queued, one paused."""

FRAMES = 10
HALF, PAUSED = 2, 4
KEPT_FRAME = 3
"""Painted, of a segment that is not closed."""

NAMED = {
    "jobs": ("folder", "source", "target", "recipe", "output"),
    "files": ("folder",),
}
"""Columns with absolute paths."""

Rows = list[tuple[Any, ...]]


@dataclass(frozen=True)
class Carried:
    """A home that was carried over.

    Attributes:
        stored: The home it is a copy of.
        program: The program in it.
        changed: Whether the work was begun with another plan than this machine's.
        resumed: How `resume` ended.
        batch: How `batch` ended.
        closed: The half-painted film's closed segments, before.
    """

    stored: Path
    program: Program
    changed: bool
    resumed: Ended
    batch: Ended
    closed: Rows


def carry_over(home: Path, name: str, changes: Mapping[str, str]) -> Carried:
    """Copy a stored home, and let the program as it is now finish what it finds.

    Args:
        home: Where to.
        name: Of the stored one.
        changes: Of the plan of this machine, to the one that the work was begun with.
    """
    program = Program(home)
    stored, its_home = Path(__file__).parents[1] / "data" / name, str(made_in(name))
    shutil.copytree(stored, home, dirs_exist_ok=True)
    program.config.write_text(program.config.read_text().replace(its_home, str(home)))
    plan = ExecutionPlan(device="cpu", processor=choose_devices(("cpu",))[0].processor)
    begun = {**plan.to_json(), **changes}
    version = STATES[name]
    if version == 2:
        begun["batch"] = 1
    with closing(sqlite3.connect(program.state / "ledger.sqlite3")) as ledger, ledger:
        assert ledger.execute("PRAGMA user_version").fetchone() == (version,)
        if version > 2:
            ledger.execute("UPDATE jobs SET found = NULL")  # disks of where it was made
        for table, columns in NAMED.items():
            for column in columns:
                kind = "BLOB" if column not in {"recipe", "output"} else "TEXT"
                ledger.execute(
                    f"UPDATE {table} SET {column} ="  # noqa: S608 - the names are our own
                    f" CAST(replace(CAST({column} AS TEXT), ?, ?) AS {kind})",
                    (its_home, str(home)),
                )
        for table in ("jobs", "segments"):
            ledger.execute(
                f"UPDATE {table} SET plan = ? WHERE plan IS NOT NULL",  # noqa: S608 - likewise
                (json.dumps(begun),),
            )
    # One that no painting makes: whether it is gone on with shows in the film.
    kept = program.state / f"work/{HALF}/segment-000002/frame-{KEPT_FRAME:08}.png"
    assert kept.exists()
    PIL.Image.new("RGB", (48, 32), "magenta").save(kept)
    closed = closed_segments(program)
    assert closed
    resumed, batch = program.run("resume", str(PAUSED)), program.run("batch")
    return Carried(stored, program, bool(changes), resumed, batch, closed)


def closed_segments(program: Program) -> Rows:
    """Of the half-painted film."""
    return asked(
        program,
        "SELECT number, first, last, depends_on, path, digest, opened, closed"
        " FROM segments WHERE job_id = ? AND closed IS NOT NULL ORDER BY number",
        HALF,
    )


def asked(program: Program, question: str, *values: int) -> Rows:
    path = program.state / "ledger.sqlite3"
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as ledger:
        return ledger.execute(question, values).fetchall()


def is_magenta(picture: "np.ndarray[Any, np.dtype[np.uint8]]") -> bool:
    return bool(np.abs(picture.mean((0, 1)) - (255, 0, 255)).max() < 20)


@pytest.fixture(scope="module", params=["other plan", "same plan"])
def changes(request: pytest.FixtureRequest) -> dict[str, str]:
    """Of a home that was begun on another machine, and of one that was begun on this."""
    return {"processor": "one of long ago"} if request.param == "other plan" else {}


@pytest.fixture(scope="module", params=STATES)
def carried(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    changes: dict[str, str],
) -> Carried:
    """Each stored home, carried over."""
    return carry_over(tmp_path_factory.mktemp("carried") / "home", request.param, changes)


def test_all_work_is_finished_in_a_ledger_of_the_newest_version(carried: Carried) -> None:
    assert carried.resumed.code == 0, carried.resumed.err
    assert carried.resumed.out == f"Job {PAUSED}: queued\n"
    assert carried.batch.code == 0, carried.batch.err
    assert "Traceback" not in carried.batch.err
    program = carried.program
    assert asked(program, "PRAGMA user_version") == [(len(MIGRATIONS),)]
    rows = {Path(row["source"].decode()).stem: row for row in program.jobs()}
    assert sorted(rows) == ["done", "half", "paused", "queued"]
    assert {row["state"] for row in rows.values()} == {"done"}
    for name, row in rows.items():
        target = program.work / f"out/{name}.mp4"
        assert row["target"] == bytes(target)
        if name != "done":
            assert row["frames_done"] == len(pictures(target)) == FRAMES
    assert not list((program.state / "work").iterdir())
    assert len(list((program.work / "out").iterdir())) == len(rows)


def test_what_was_done_is_not_painted_again(carried: Carried) -> None:
    out = carried.program.work / "out/done.mp4"
    assert digest(out) == digest(carried.stored / "work/out/done.mp4")
    (painted,) = asked(carried.program, "SELECT count(*) FROM segments WHERE job_id = 1")
    ((before,),) = asked(carried.program, "SELECT attempts FROM jobs WHERE id = 1")
    assert (painted, before) == ((2,), 1)


def test_what_was_closed_stays_as_it_was(carried: Carried) -> None:
    assert closed_segments(carried.program)[: len(carried.closed)] == carried.closed
    before = pictures(carried.stored / f"state/nstd/work/{HALF}/segment-000001.mp4")
    after = pictures(carried.program.work / "out/half.mp4")
    assert len(before) == KEPT_FRAME
    assert all(np.array_equal(*pair) for pair in zip(before, after, strict=False))
    assert f"half.mp4 (2 of 4): going on after {KEPT_FRAME} frames" in carried.batch.err


def test_frames_of_an_open_segment_are_gone_on_with_only_by_the_same_plan(
    carried: Carried,
) -> None:
    frame = pictures(carried.program.work / "out/half.mp4")[KEPT_FRAME]
    assert is_magenta(frame) != carried.changed
    warning = f"Job {HALF} goes on with another plan: processor: one of long ago"
    assert (warning in carried.batch.err) == carried.changed
    assert ("another plan" in carried.batch.err) == carried.changed
