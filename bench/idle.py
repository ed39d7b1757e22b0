"""What a daemon that has nothing to do takes: its share of a core, and whether its memory grows.

    python bench/idle.py [--seconds 600] [--folders 3] [--files 20]

Starts `nstd run` on folders of its own with `pocket`, waits until it says READY as it would to
systemd, then looks at it and at all processes it has started: the processor's time from
/proc/PID/stat, the memory from /proc/PID/smaps_rollup. Its Pss shares a page out among all who have
it, so it rises and falls with what else runs on the machine; what can grow is the part that belongs
to no file. Promised: under 1 % of one core, and no growth over ten minutes.
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

ROOT = Path(__file__).resolve().parents[1]
START_SECONDS = 120
"""Within which the daemon must be ready."""

REST_SECONDS = 5
"""Between READY and the first look: what the start has left behind settles."""

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
    stats = _stats()
    family = [root]
    for process in family:  # grows while it is walked
        family += [
            child
            for child, (state, parent, *_) in stats.items()
            if int(parent) == process and state != "Z"
        ]
    ticks = sum(int(field) for process in family for field in stats[process][11:13])
    ticks += sum(int(field) for field in stats[root][13:15])
    threads = sum(int(stats[process][17]) for process in family)
    memory, own = (
        sum(_memory_kib(process, *keys) for process in family) / 1024
        for keys in (("Pss:", "VmRSS:"), ("Pss_Anon:", "RssAnon:"))
    )
    return Look(time.monotonic(), len(family), threads, ticks / TICKS, memory, own)


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
        lines = path.read_text().splitlines() if path.exists() else []
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
        for name in range(files):
            (watch / f"{name}.txt").touch()
        entries.append(f"  - {{watch: {watch}, output: {home}/out{number}, recipe: any}}\n")
    config = home / "config.yaml"
    config.write_text(
        f"state_dir: {home}/state\ncache_dir: {home}/cache\ndevices: cpu\nthreads: 1\n"
        f"network: pocket\nrecipes: {{any: {{styles: impasto}}}}\nfolders:\n{''.join(entries)}"
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
    arguments = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as name,
        daemon(Path(name), arguments.folders, arguments.files) as process,
    ):
        time.sleep(REST_SECONDS)
        looks = [look(process.pid)]
        heads = {"s": 8, "processes": 11, "threads": 9, "CPU s": 8, "CPU %": 8, "MiB": 9, "own": 9}
        print(" " * 8 + "".join(f"{head:>{width}}" for head, width in heads.items()))
        _print("begin", looks[0], looks[0])
        for title in ("middle", "end"):
            time.sleep(arguments.seconds / 2)
            looks.append(look(process.pid))
            _print(title, looks[0], looks[-1])
    grown = looks[-1].own - looks[0].own
    print(f"{_share(looks[0], looks[-1]):.2f} % of one core, {grown:+.1f} MiB")


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
