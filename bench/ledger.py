"""How long the ledger takes to answer, with a long film in it and with many jobs.

    python bench/ledger.py [--segments 3600] [--jobs 10000] [--folder FOLDER]

First it notes a film of many segments as a worker does, every fourth of which begins a shot, and
prints the size of the ledger's file and the milliseconds of each call. Then it asks a ledger of
many jobs (painted, waiting and paused ones) what `nstd jobs`, `nstd status` and `nstd show` ask.
Times are medians; CPU time does not count delays by other programs and the disk. FOLDER should be
on a real disk, because each commit waits for it.
"""

import argparse
import random
import shutil
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from nstd.config import Config
from nstd.files import Json
from nstd.ledger.job import Carried, Job, JobKey, JobRequest, JobState, Segment, Shot
from nstd.ledger.store import JobStore
from nstd.painting.plan import ExecutionPlan
from nstd.submit.control import details, list_jobs, open_ledger, overview
from nstd.submit.output import OutputSpec

Times = list[tuple[float, float]]

CELLS = 24 * 14
"""Of the palette of a wide film."""

FRAMES, SHOT_SEGMENTS = 48, 4
LIMIT = 50

RECIPE: Json = {
    "styles": [{"image": f"/state/frozen/{'0' * 64}.png", "name": "impasto", "weight": 1.0}],
    "network": f"/state/frozen/{'1' * 64}.safetensors",
    "levels": [{"long_edge": edge, "steps": 200} for edge in (256, 512, 1024)],
    "temporal": {"estimator": "dis", "long_term": [], "mode": "flow", "weight": 3.0},
    "others": {f"key_{number}": number / 7 for number in range(20)},
}
"""As long as one that is frozen."""


def main() -> None:
    """Make the ledgers, look at them, and print the tables."""
    kind = argparse.RawTextHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=kind)
    parser.add_argument("--segments", type=int, default=3600)
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--folder", type=Path)
    asked = parser.parse_args()
    for measure, count in ((long_film, asked.segments), (many_jobs, asked.jobs)):
        folder = Path(tempfile.mkdtemp(dir=asked.folder))
        try:
            measure(Config(state_dir=folder), count)
        finally:
            shutil.rmtree(folder)


def long_film(config: Config, count: int) -> None:
    """Note a film of so many segments, and ask for them."""
    with open_ledger(config) as store:
        job = begun(store)
        opened, closed = Times(), Times()
        for number in range(count):
            note_segment(store, job, number, opened, closed)
        size = (config.state_dir / "ledger.sqlite3").stat().st_size
        print(f"{count} segments: {size / 2**20:.1f} MiB, {size / count:.0f} bytes each")
        tell("open_segment", opened)
        tell("close_segment", closed)
        shot = (count - 1) // SHOT_SEGMENTS * SHOT_SEGMENTS * FRAMES
        tell("segment", timed(lambda: store.segment(job.id, count - 1)))
        tell("shot", timed(lambda: store.shot(job.id, shot)))
        tell("painted", timed(lambda: store.painted(job.id)))
        tell("plans", timed(lambda: store.plans(job.id)))
        tell("segments", timed(lambda: store.segments(job.id)))
        tell("reopen_segments", timed(lambda: store.reopen_segments(job, {0, 1, 2, 3}), 5))
        tell("clear_segments", timed(lambda: store.clear_segments(job), 1))


def note_segment(store: JobStore, job: Job, number: int, opened: Times, closed: Times) -> None:
    """Open and close one; adds how long that took."""
    first = number * FRAMES
    begins = number % SHOT_SEGMENTS == 0
    shot = (number - number % SHOT_SEGMENTS) * FRAMES
    segment = Segment(number, first, depends_on=None if begins else number - 1)
    opened += timed(lambda: store.open_segment(job, segment), 1)
    end = first + FRAMES
    whole = replace(
        segment,
        last=end - 1,
        path=f"segment-{number + 1:06d}.mp4",
        digest=f"{number:064x}",
        carried=Carried(shot, (end - 2, end - 1), first * 512, end * 512),
    )
    closed += timed(lambda: store.close_segment(job, whole, shot_from(shot)), 1)


def shot_from(first: int) -> Shot:
    """One with a palette as long as they are."""
    chance = random.Random(first)  # noqa: S311 - only to fill it

    def colors() -> tuple[tuple[float, ...], ...]:
        return tuple(tuple(round(chance.random(), 5) for _ in range(3)) for _ in range(CELLS))

    palette = {"source": colors(), "painted": colors()}
    return Shot(first, (chance.random(), chance.random()), chance.random(), palette)


def many_jobs(config: Config, count: int) -> None:
    """Queue so many jobs, and look at them as they wait, are paused, and are done."""
    path = config.state_dir / "ledger.sqlite3"
    with open_ledger(config) as store:
        store.enqueue(request(0))
        with closing(sqlite3.connect(path)) as ledger, ledger:
            columns = [row[1] for row in ledger.execute("PRAGMA table_info(jobs)")]
            own = {
                "id": "value",
                "relative": "CAST('film-' || value AS BLOB)",
                "source": "CAST('/in/film-' || value AS BLOB)",
                "target": "CAST('/out/film-' || value AS BLOB)",
            }
            values = ", ".join(own.get(name, name) for name in columns)
            numbers = (
                "WITH RECURSIVE numbers(value) AS"
                " (SELECT 2 UNION ALL SELECT value + 1 FROM numbers WHERE value < ?)"
            )
            copies = f"{numbers} INSERT INTO jobs SELECT {values} FROM jobs, numbers"  # noqa: S608
            ledger.execute(copies, (count,))
        print(f"{count} jobs: {path.stat().st_size / 2**20:.1f} MiB")
        for what, change in (
            ("waiting", "note = ''"),
            ("paused", "paused = 1"),
            (
                "done, each with a note",
                "paused = 0, state = 'done', note = 'Odd', updated = 1",
            ),
        ):
            with closing(sqlite3.connect(path)) as ledger, ledger:
                ledger.execute(f"UPDATE jobs SET {change}")  # noqa: S608
            look_at(config, store, what)


def look_at(config: Config, store: JobStore, what: str) -> None:
    """What people and workers ask of the ledger."""
    print(f"  {what}:")
    tell("nstd jobs", timed(lambda: list_jobs(config, None, LIMIT)))
    tell("nstd jobs --state failed", timed(lambda: list_jobs(config, {JobState.FAILED}, LIMIT)))
    tell("nstd status", timed(lambda: overview(config, 8)))
    tell("nstd show", timed(lambda: details(config, 1)))
    tell("is_source", timed(lambda: store.is_source(b"/in/none")))
    taken = list[Job | None]()
    tell("claim", timed(lambda: taken.append(store.claim("w", lease_seconds=60)), 1))
    for job in taken:
        if job is not None:
            store.requeue(job, reason="Measured", counted=False)


def request(number: int) -> JobRequest:
    """Work on a film of this number."""
    name = f"film-{number:06d}.mp4".encode()
    places = {
        side: {"folder": f"/{side}", "mount": {"kind": "ext4", "point": "/", "source": "/dev/sda"}}
        for side in ("source", "output")
    }
    return JobRequest(
        key=JobKey(b"/in", name, f"{number:064x}", "oil"),
        source=b"/in/" + name,
        target=b"/out/" + name,
        recipe=RECIPE,
        output=OutputSpec().to_json(),
        found={"places": places | {"originals": None}},
    )


def begun(store: JobStore) -> Job:
    """A job that is claimed, with a plan."""
    store.enqueue(request(0))
    job = store.claim("w", lease_seconds=3600)
    if job is None:
        raise SystemExit("The only job there is cannot be claimed")
    return store.set_plan(job, ExecutionPlan(device="cpu", processor="any").to_json())


def timed(act: Callable[[], object], times: int = 20) -> Times:
    """Milliseconds of each of so many calls, and those of the processor."""
    found = []
    for _ in range(times):
        begin, used = time.perf_counter(), time.process_time()
        act()
        found.append((1000 * (time.perf_counter() - begin), 1000 * (time.process_time() - used)))
    return found


def tell(name: str, found: Times) -> None:
    """One line of the table."""
    wall, used = (statistics.median(times) for times in zip(*found, strict=True))
    print(f"    {name:26}{wall:8.2f} ms{used:10.2f} ms of the CPU")


if __name__ == "__main__":
    main()
