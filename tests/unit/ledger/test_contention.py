"""One ledger, many threads and processes: nothing is claimed twice, nothing waits for the dead."""

import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from nstd.ledger.job import JobRequest, JobState
from nstd.ledger.store import JobStore

Film = Callable[..., JobRequest]
JOBS = 500

CLAIM_ALL = """
    import json
    import sys
    import time
    from pathlib import Path
    from nstd.ledger.store import JobStore

    claimed = []
    with JobStore(Path(sys.argv[1])) as store:
        print("ready", flush=True)
        sys.stdin.readline()
        while (job := store.claim(sys.argv[2], lease_seconds=600)) is not None:
            claimed.append(job.id)
            time.sleep(0.001)  # the work; SQLite's lock is not fair to those who wait
            store.fail(job, "Claimed")  # else its end would free what this process holds
    print(json.dumps(claimed))
"""

CLAIM_ONE = """
    import sys
    import time
    from pathlib import Path
    from nstd.ledger.store import JobStore

    store = JobStore(Path(sys.argv[1]))
    job = store.claim("victim", lease_seconds=3600)
    store.progress(job, 7, 100)
    print("ready", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite3"


@pytest.fixture
def real(path: Path) -> Iterator[JobStore]:
    """A ledger by the machine's own clock and processes."""
    with JobStore(path) as store:
        yield store


def _start(code: str, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", textwrap.dedent(code), *arguments]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def _let_go(*processes: subprocess.Popen[str]) -> None:
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()


def test_processes_claim_each_job_once(path: Path, real: JobStore, film: Film) -> None:
    ids = [real.enqueue(film(b"%d" % number))[0].id for number in range(JOBS)]
    with _start(CLAIM_ALL, str(path), "one") as one, _start(CLAIM_ALL, str(path), "two") as two:
        _let_go(one, two)
        claimed = [json.loads(process.communicate(timeout=120)[0]) for process in (one, two)]
    assert sorted(claimed[0] + claimed[1]) == ids
    assert all(claimed)  # both had their turn
    assert real.counts()[JobState.FAILED] == JOBS


def test_threads_share_one_connection_and_claim_each_job_once(real: JobStore, film: Film) -> None:
    ids = [real.enqueue(film(b"%d" % number))[0].id for number in range(200)]

    def work(name: str) -> list[int]:
        claimed = []
        while (job := real.claim(name, lease_seconds=600)) is not None:
            claimed.append(job.id)
        return claimed

    with ThreadPoolExecutor(4) as pool:
        claimed = list(pool.map(work, ["a", "b", "c", "d"]))
    assert sorted(number for numbers in claimed for number in numbers) == ids


def test_processes_that_create_the_ledger_at_once_agree(path: Path) -> None:
    # No ledger is there yet: each of them creates, switches to the log, and migrates.
    code = """
        import sys
        from pathlib import Path
        from nstd.ledger.store import JobStore

        print("ready", flush=True)
        sys.stdin.readline()
        for number in range(15):
            JobStore(Path(sys.argv[1], str(number))).close()
    """
    folder = path.parent
    processes = [_start(code, str(folder)) for _ in range(4)]
    _let_go(*processes)
    for process in processes:
        process.communicate(timeout=60)
    assert [process.returncode for process in processes] == [0, 0, 0, 0]
    for number in range(15):
        with JobStore(folder / str(number)) as store:
            assert store.jobs() == []


def test_the_job_of_a_killed_process_goes_on_at_once(
    path: Path, real: JobStore, film: Film
) -> None:
    job, _ = real.enqueue(film())
    with _start(CLAIM_ONE, str(path)) as victim:
        assert real.claim("heir", lease_seconds=60) is None  # it lives, and its lease is long
        os.kill(victim.pid, signal.SIGKILL)
        victim.communicate(timeout=30)
    heir = real.claim("heir", lease_seconds=60)
    assert heir is not None
    assert (heir.id, heir.frames_done, heir.attempts) == (job.id, 7, 2)
    assert real.events(job.id)[-2].reason == f"Its worker victim (process {victim.pid}) was lost"
