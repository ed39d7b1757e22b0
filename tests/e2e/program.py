"""The real program in a process of its own, with folders of its own, watched from outside."""

import hashlib
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]

PATIENCE = 120.0
"""Seconds until a process that should have ended, or a state that should have come, is given up.

Far above what anything takes, since the machine may be busy with other things."""

TINY = {"levels": "48:4", "strength": "strong"}
"""Of a recipe whose look does not matter."""


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


class Running:
    """A process that was started here; reaped whatever happens (see `Program.started`)."""

    def __init__(self, process: "subprocess.Popen[bytes]", out: Path, err: Path) -> None:
        self.process = process
        self._out, self._err = out, err

    @property
    def log(self) -> str:
        """What it has written to its standard error so far."""
        return self._err.read_text()

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def wait(self, seconds: float = PATIENCE) -> Ended:
        code = self.process.wait(seconds)
        return Ended(code, self._out.read_text(), self.log)

    def until(self, condition: Callable[[], object], what: str, patience: float = PATIENCE) -> None:
        """Wait for a condition while the process lives."""

        def met_or_ended() -> bool:
            return bool(condition()) or self.process.poll() is not None

        until(met_or_ended, lambda: f"{what}; log:\n{self.log}", patience)
        assert condition(), f"it ended before {what}:\n{self.log}"


class Program:
    """nstd with a home of its own: `home/work` is the working folder, beside it its own folders."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.work = home / "work"
        self.state = home / "state/nstd"
        self.cache = home / "cache/nstd"
        self.config = home / "config/nstd/config.yaml"
        for folder in (self.work, self.config.parent):
            folder.mkdir(parents=True)
        self._count = 0

    def configure(self, **keys: Any) -> None:
        """Write the user's configuration: what every test needs, and `keys`.

        The folders that films go to are made, as a user makes them.
        """
        for entry in [*keys.get("folders", ()), *keys.get("batch", ())]:
            moved = entry.get("originals")
            written = [entry["output"], *(moved.values() if isinstance(moved, dict) else ())]
            for folder in map(Path, written):
                folder.mkdir(parents=True, exist_ok=True)
        usual = {"devices": "cpu", "threads": 1, "output": {"preset": "ultrafast"}}
        self.config.write_text(yaml.safe_dump(usual | keys))

    def environment(self, extra: Mapping[str, str] | None = None) -> dict[str, str]:
        passed = {key: os.environ[key] for key in ("PATH", "LANG", "TMPDIR") if key in os.environ}
        return {
            **passed,
            "HOME": str(self.home),
            "XDG_STATE_HOME": str(self.home / "state"),
            "XDG_CACHE_HOME": str(self.home / "cache"),
            "XDG_CONFIG_HOME": str(self.home / "config"),
            "XDG_RUNTIME_DIR": str(self.home / "run"),
            "PYTHONPATH": str(ROOT),
            "OMP_NUM_THREADS": "1",
            "COLUMNS": "100",
            **(extra or {}),
        }

    def run(
        self,
        *arguments: str | Path,
        environment: Mapping[str, str] | None = None,
        under: Sequence[str] = (),
    ) -> Ended:
        """Run a command to its end; see `started`."""
        with self.started(*arguments, environment=environment, under=under) as running:
            return running.wait()

    @contextmanager
    def started(
        self,
        *arguments: str | Path,
        environment: Mapping[str, str] | None = None,
        under: Sequence[str] = (),
    ) -> Iterator[Running]:
        """Start a command; if it still runs at the end of the block it is killed.

        Args:
            arguments: Those of nstd.
            environment: Variables to add.
            under: A command that runs the one behind it, such as one that sets a limit.
        """
        self._count += 1
        out, err = (self.home / f"{self._count}.{kind}" for kind in ("out", "err"))
        with out.open("wb") as out_file, err.open("wb") as err_file:
            process = subprocess.Popen(
                [*under, sys.executable, "-m", "nstd", *arguments],
                cwd=self.work,
                env=self.environment(environment),
                stdin=subprocess.DEVNULL,
                stdout=out_file,
                stderr=err_file,
            )
        try:
            yield Running(process, out, err)
        finally:
            with suppress(ProcessLookupError):
                process.kill()
            process.wait()

    def jobs(self, ledger: str = "ledger.sqlite3") -> list[dict[str, Any]]:
        """The rows of a ledger's table of jobs, as any program that reads SQLite finds them."""
        path = self.state / ledger
        if not path.exists():
            return []
        connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)
        try:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute("SELECT * FROM jobs ORDER BY id")]
        except sqlite3.OperationalError:  # it is just being made
            return []
        finally:
            connection.close()


def until(
    condition: Callable[[], object], what: Callable[[], str], patience: float = PATIENCE
) -> None:
    """Look again and again until a condition holds, for so many seconds."""
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline, f"never happened: {what()}"
        time.sleep(0.005)


def snapshot(folder: Path) -> dict[str, str]:
    """Every file below a folder, hidden ones too, with the hash of its content."""
    return {
        str(path.relative_to(folder)): digest(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
