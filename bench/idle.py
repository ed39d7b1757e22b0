"""What an idle daemon takes, and whether its memory grows, while it is idle and over many jobs.

    python bench/idle.py [--seconds 600] [--folders 3] [--files 20] [--jobs 100]

Starts `nstd run` on folders of its own with `pocket`, waits until it says READY as it would to
systemd, has it paint that many small pictures, then measures it and all processes it has started:
CPU time from /proc/PID/stat, memory from /proc/PID/smaps_rollup. Pss divides a page among all
processes that share it, so it rises and falls with what else runs on the machine; what can grow is
the part that belongs to no file. Promised: at most 0.2 % of one core, no growth over ten minutes,
and none from the first fifth of the jobs to the last.
"""

import argparse
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import PIL.Image

ROOT = Path(__file__).resolve().parents[1]
START_SECONDS = 120
"""Within which the daemon must be ready."""

REST_SECONDS = 5
"""After the start, and after the jobs."""

SOAK_SECONDS = 1800
"""Within which all jobs must be done."""

SIZE = (48, 40)
"""Of their pictures, in pixels."""

TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Look:
    """The daemon and its children at one moment.

    Attributes:
        at: Seconds of a clock that runs evenly.
        processes: How many there are.
        threads: Of all of them.
        cpu_seconds: Processor's time since the start, of the ended children too.
        memory: MiB, libraries included.
        own: MiB of it that belong to no file.
    """

    at: float
    processes: int
    threads: int
    cpu_seconds: float
    memory: float
    own: float


def look(root: int) -> Look:
    """Look at the process `root` and all below it."""
    stats = family(root)
    ticks = sum(int(field) for fields in stats.values() for field in fields[11:13])
    ticks += sum(int(field) for field in stats[root][13:15])
    threads = sum(int(fields[17]) for fields in stats.values())
    memory, own = (
        sum(_memory_kib(process, *keys) for process in stats) / 1024
        for keys in (("Pss:", "VmRSS:"), ("Pss_Anon:", "RssAnon:"))
    )
    return Look(time.monotonic(), len(stats), threads, ticks / TICKS, memory, own)


def family(root: int) -> dict[int, list[str]]:
    """The process `root` and all below it that live, with what `_stats` gives of each."""
    stats = _stats()
    found = [root]
    for process in found:  # grows while it is walked
        found += [
            child
            for child, (state, parent, *_) in stats.items()
            if int(parent) == process and state != "Z"
        ]
    return {process: stats[process] for process in found}


def soak(home: Path, process: "subprocess.Popen[bytes]", jobs: int) -> Iterator[tuple[int, Look]]:
    """Have small pictures painted; gives a look after each fifth of them."""
    for number in range(jobs):
        made = home / f"{number}.png"
        PIL.Image.effect_noise(SIZE, number + 1).convert("RGB").save(made)
        made.rename(home / "in0" / made.name)
    deadline = time.monotonic() + SOAK_SECONDS
    for part in range(1, 6 if jobs else 1):
        wanted = jobs * part // 5
        while len(list((home / "out0").glob("*.png"))) < wanted:
            if process.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"Not all jobs were done:\n{(home / 'log').read_text()}")
            time.sleep(0.1)
        yield wanted, look(process.pid)


def _stats() -> dict[int, list[str]]:
    """The fields of /proc/PID/stat behind the program's name, from the state on, by PID."""
    stats = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = path.read_text()
        except (FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
            continue
        stats[int(path.parent.name)] = text.rpartition(")")[2].split()
    return stats


def _memory_kib(process: int, rolled_up: str, otherwise: str) -> int:
    """A figure of smaps_rollup, or one of status where the kernel has no such file or line."""
    for file, key in (("smaps_rollup", rolled_up), ("status", otherwise)):
        path = Path("/proc", str(process), file)
        try:
            lines = path.read_text().splitlines()
        except FileNotFoundError:
            continue
        except ProcessLookupError:
            return 0  # it has ended just now
        for words in (line.split() for line in lines):
            if words[0] == key:
                return int(words[1])
    sys.exit(f"/proc/{process} does not say {otherwise}")


@contextmanager
def daemon(home: Path, folders: int, files: int) -> Iterator["subprocess.Popen[bytes]"]:
    """`nstd run` with folders below `home`, ready; told to stop at the end."""
    entries = []
    for number in range(folders):
        watch = home / f"in{number}"
        watch.mkdir()
        (home / f"out{number}").mkdir()
        for name in range(files):
            (watch / f"{name}.txt").touch()
        entries.append(f"  - {{watch: {watch}, output: {home}/out{number}, recipe: any}}\n")
    config = home / "config.yaml"
    config.write_text(
        f"state_dir: {home}/state\ncache_dir: {home}/cache\ndevices: cpu\nthreads: 1\n"
        "network: pocket\nrecipes: {any: {styles: impasto, levels: '48:4'}}\n"
        f"folders:\n{''.join(entries)}"
    )
    address = home / "notify"
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager,
        (home / "log").open("wb") as log,
    ):
        manager.bind(str(address))
        process = subprocess.Popen(
            [sys.executable, "-m", "nstd", "run", "--config", str(config)],
            cwd=home,
            env=os.environ | {"NOTIFY_SOCKET": str(address), "PYTHONPATH": str(ROOT)},
            stderr=log,
        )
        try:
            _until_ready(manager, process, home / "log")
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()


def _until_ready(manager: socket.socket, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    manager.settimeout(0.5)
    while time.monotonic() < deadline and process.poll() is None:
        try:
            said = manager.recv(4096)
        except TimeoutError:
            continue
        if b"READY=1" in said.splitlines():
            return
    sys.exit(f"The daemon did not become ready:\n{log.read_text()}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seconds", type=float, default=600, help="how long it is looked at")
    parser.add_argument("--folders", type=int, default=3, help="how many it watches")
    parser.add_argument("--files", type=int, default=20, help="in each folder; none is a film")
    parser.add_argument("--jobs", type=int, default=0, help="small pictures it paints before that")
    arguments = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as name,
        daemon(Path(name), arguments.folders, arguments.files) as process,
    ):
        heads = {"s": 8, "processes": 11, "threads": 9, "CPU s": 8, "CPU %": 8, "MiB": 9, "own": 9}
        print(" " * 8 + "".join(f"{head:>{width}}" for head, width in heads.items()))
        _settle(process.pid)
        soaked = list(soak(Path(name), process, arguments.jobs))
        for number, one in soaked:
            _print(f"job {number}", soaked[0][1], one)
        _settle(process.pid)
        looks = [look(process.pid)]
        _print("begin", looks[0], looks[0])
        for title in ("middle", "end"):
            time.sleep(arguments.seconds / 2)
            looks.append(look(process.pid))
            _print(title, looks[0], looks[-1])
    grown = looks[-1].own - looks[0].own
    print(f"{_share(looks[0], looks[-1]):.2f} % of one core, {grown:+.1f} MiB")
    if soaked:
        grown = soaked[-1][1].own - soaked[0][1].own
        print(f"{grown:+.1f} MiB from job {soaked[0][0]} to job {soaked[-1][0]}")


def _settle(root: int) -> None:
    """Wait for what the start and the jobs have left behind: the look at the start, for one."""
    time.sleep(REST_SECONDS)
    while len(family(root)) > 1 + 1:  # the daemon and its worker
        time.sleep(1)


def _print(title: str, first: Look, now: Look) -> None:
    print(
        f"{title:8}{now.at - first.at:8.0f}{now.processes:11}{now.threads:9}"
        f"{now.cpu_seconds - first.cpu_seconds:8.2f}{_share(first, now):8.2f}{now.memory:9.1f}"
        f"{now.own:9.1f}",
        flush=True,
    )


def _share(first: Look, last: Look) -> float:
    """Per cent of one core between two looks."""
    seconds = last.at - first.at
    return 100 * (last.cpu_seconds - first.cpu_seconds) / seconds if seconds else 0.0


if __name__ == "__main__":
    main()
