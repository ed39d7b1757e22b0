"""Films painted one after the other by daemons that signals strike: what became of each."""

import os
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from tests.clips import make
from tests.e2e.observing import Observer, Strike
from tests.e2e.program import PATIENCE, Ended, Program, Running, digest
from tests.unit.ledger.conftest import WAYS

FRAMES = 10
LEVELS = "48:3,64:3"
SECONDS_TO_STOP = 20
"""Far more than a step and the worker's last words take."""

Row = dict[str, Any]


WATCHED = {"keep": "in", "move": "moving", "delete": "deleting"}
"""The watched folders, by what becomes of their originals."""


@dataclass(frozen=True)
class Case:
    """A film, and what befalls it.

    Attributes:
        strikes: One after the other; each is armed once the one before it has struck, and what it
            ended is there again.
        originals: What becomes of its original once it is painted; a key of `WATCHED`.
    """

    strikes: tuple[Strike, ...] = ()
    originals: str = "keep"


@dataclass
class Fate:
    """What became of a film.

    Attributes:
        trouble: Why it was given up, with the log; None where it came to its end.
        codes: How each daemon ended that was struck down.
        seconds: How long each took to end.
        daemons: Processes that were the daemon meanwhile.
        outputs: Hash of every file of the output's folder that is about this film, by name.
        original: Inode and hash of the original as it was dropped.
        originals: Inode and hash of each file that has the original's name, by folder.
        painted: How often the painting of each frame was begun.
        rows: Jobs with this film as their source.
        events: State before, state after, and reason of each line of the history.
        taken: When a worker first took it, in seconds since the epoch.
        left: What is left in the job's work folder.
        log: What was logged meanwhile.
    """

    trouble: str | None = None
    codes: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    daemons: list[int] = field(default_factory=list)
    outputs: dict[str, str] = field(default_factory=dict)
    original: tuple[int, str] = (0, "")
    originals: dict[str, tuple[int, str]] = field(default_factory=dict)
    painted: Counter[int] = field(default_factory=Counter)
    rows: list[Row] = field(default_factory=list)
    events: list[tuple[str | None, str, str]] = field(default_factory=list)
    taken: float = 0.0
    left: list[str] = field(default_factory=list)
    log: str = field(default="", repr=False)


def configure(
    program: Program,
    network: Path,
    style: Path,
    *,
    levels: str = LEVELS,
    temporal: str = "independent",
    **keys: Any,
) -> None:
    """Three watched folders, those of `WATCHED`."""
    work = program.work
    for name in WATCHED.values():
        (work / name).mkdir()
    originals = {"move": {"move": str(work / "moved")}}
    program.configure(
        network=str(network),
        settle_seconds=0.2,
        segment_frames=4,
        limits={"free_gib": 0},  # of disks that are really full
        recipes={
            "tiny": {
                "styles": str(style),
                "levels": levels,
                "strength": "strong",
                "temporal": temporal,
            }
        },
        folders=[
            {"watch": str(work / name), "output": str(work / f"out-{name}"), "recipe": "tiny"}
            | {"originals": originals.get(what, what)}
            for what, name in WATCHED.items()
        ],
        **keys,
    )


class Life:
    """A daemon that is started again whenever it was struck down, and the films it paints.

    Args:
        program: Configured by `configure`.
        film: What every film is a copy of.
        observed: Whether an observer is there at all.
    """

    def __init__(self, program: Program, film: Path, *, observed: bool = True) -> None:
        self.program = program
        self._observed = observed
        self.observer = Observer(program.home / "observed")
        self._film = film
        self._count = 0
        self._stack = ExitStack()
        self.running: Running | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def start(self) -> Running:
        """The daemon, started unless it runs."""
        if self.running is None:
            environment = self.observer.environment if self._observed else None
            started = self.program.started("run", environment=environment)
            self.running = self._stack.enter_context(started)
            self.until(lambda: "Watching" in self.log, "it watches")
        return self.running

    def stop(self) -> int:
        """End the daemon in peace; returns its code."""
        self.start().send(signal.SIGTERM)
        return self.ended().code

    def ended(self) -> Ended:
        """Wait for the daemon's end."""
        assert self.running is not None
        ended = self.running.wait()
        self.running = None
        self._stack.close()
        return ended

    def drop(self, *, originals: str = "keep", box: bytes = b"") -> "Dropped":
        """Put the next film into a watched folder, whole and at once.

        Args:
            originals: Into the one of `WATCHED` that does that with them.
            box: An MP4 box added at its end, for content that no other film has.
        """
        for painted in self.program.work.glob("out-*/*.mp4"):
            os.utime(painted)  # as if it was edited: else this one would not be painted again
        self._count += 1
        place = self.program.work / WATCHED[originals] / f"film-{self._count}.mp4"
        new = self.program.home / "new.mp4"
        new.write_bytes(self._film.read_bytes() + box)
        return Dropped(self.program, new.rename(place))

    def until(self, condition: Callable[[], object], what: str) -> None:
        """Wait for a condition; the daemon must live as long as it does not hold."""
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, f"never: {what}\n{self.log}"
            lives = self.running is not None and self.running.process.poll() is None
            assert lives or condition(), f"it ended before {what}\n{self.log}"
            time.sleep(0.03)

    def befall(self, case: Case) -> Fate:
        """Have a film painted while a case's strikes come."""
        fate = Fate()
        try:
            self.start()
            if case.strikes:
                self.observer.arm(case.strikes[0])
            dropped = self.drop(originals=case.originals)
            fate.original = dropped.original
            self._go_through(case, fate, dropped)
            self.take_stock(fate, dropped)
        except AssertionError as error:
            fate.trouble = str(error)
            # The next film shall have a daemon that nothing is wrong with.
            self.running = None
            self._stack.close()
            self.observer.disarm()
        return fate

    def _go_through(self, case: Case, fate: Fate, dropped: "Dropped") -> None:
        for number, strike in enumerate(case.strikes):
            running = self.start()
            fate.daemons.append(running.process.pid)
            if number:
                self.observer.arm(strike)
            self._wait_for_strike(running, dropped)
            if strike.victim == "daemon":
                asked = time.monotonic()
                ended = self.ended()
                fate.codes.append(ended.code)
                fate.seconds.append(time.monotonic() - asked)
                fate.log += ended.err
        fate.daemons.append(self.start().process.pid)
        self.until(dropped.is_settled, "the film is painted")

    def _wait_for_strike(self, running: Running, dropped: "Dropped") -> None:
        deadline = time.monotonic() + PATIENCE
        while not self.observer.has_struck:
            if dropped.is_settled():
                deadline = min(deadline, time.monotonic() + 2)  # it may be about to
            assert time.monotonic() < deadline, f"it never struck\n{running.log}"
            time.sleep(0.02)

    def take_stock(self, fate: Fate, dropped: "Dropped") -> None:
        """Note all that there is of a film now; no strike comes any more."""
        self.observer.disarm()
        fate.log += self.log
        fate.rows, fate.events, fate.taken = dropped.rows(), dropped.events(), dropped.taken()
        fate.outputs, fate.originals = dropped.outputs(), dropped.originals()
        fate.left = [] if dropped.work is None else sorted(map(str, dropped.work.rglob("*")))
        fate.painted = self.observer.paintings(dropped.target)

    @property
    def log(self) -> str:
        """What the daemon that runs now has logged so far."""
        return "" if self.running is None else self.running.log


class Dropped:
    """A film in a watched folder, and all that there is of it."""

    def __init__(self, program: Program, path: Path) -> None:
        self.program = program
        self.path = path
        self.target = program.work / f"out-{path.parent.name}" / path.name
        self.original = _seen(path)

    def rows(self) -> list[Row]:
        return [row for row in self.program.jobs() if row["source"] == bytes(self.path)]

    @property
    def work(self) -> Path | None:
        """The job's work folder, if it is there."""
        folders = [self.program.state / "work" / str(row["id"]) for row in self.rows()]
        return next((folder for folder in folders if folder.exists()), None)

    def is_settled(self) -> bool:
        """Whether nothing is left to be done."""
        rows = self.rows()
        return (
            len(rows) > 0
            and all(row["state"] in {"done", "failed"} for row in rows)
            and self.work is None
        )

    def outputs(self) -> dict[str, str]:
        """The files about this film in the output's folder, hidden ones too."""
        if not self.target.parent.is_dir():
            return {}
        found = [p for p in self.target.parent.iterdir() if f"{self.path.stem}." in p.name]
        return {path.name: digest(path) for path in found}

    def originals(self) -> dict[str, tuple[int, str]]:
        """Wherever there is a file with the original's name, or a part of one, but the output."""
        found = {}
        for folder in (self.path.parent, self.program.work / "moved"):
            for path in folder.glob(f"*{self.path.stem}[.-]*"):
                found[str(path.relative_to(self.program.work))] = _seen(path)
        return found

    def events(self) -> list[tuple[str | None, str, str]]:
        """The history: state before, state after, reason."""
        return [(before, after, reason) for before, after, reason, _ in self._history()]

    def taken(self) -> float:
        """When a worker first took it, in seconds since the epoch; 0 where none has."""
        return next((at for _, after, _, at in self._history() if after == "running"), 0.0)

    def _history(self) -> list[tuple[str | None, str, str, float]]:
        path = self.program.state / "ledger.sqlite3"
        numbers = [row["id"] for row in self.rows()]
        with _reading(path) as connection:
            return [
                event
                for number in numbers
                for event in connection.execute(
                    "SELECT before, after, reason, at FROM events WHERE job_id = ? ORDER BY id",
                    (number,),
                )
            ]


def befall_all(
    lives: Sequence[tuple[Life, Sequence[Case]]],
) -> list[list[Fate]]:
    """The fates of the cases of several lives, which are lived at one time."""

    def live(life: Life, cases: Sequence[Case]) -> list[Fate]:
        with life:
            fates = [life.befall(case) for case in cases]
            if life.running is not None:
                assert life.stop() == 0
            return fates

    with ThreadPoolExecutor(len(lives)) as pool:
        return list(pool.map(lambda pair: live(*pair), lives))


def unbroken(
    place: Path,
    network: Path,
    style: Path,
    *,
    levels: str = LEVELS,
    temporal: str = "independent",
) -> Fate:
    """The fate of a film that nothing befalls, and that nobody observes; found out once."""
    key = (network, style, levels, temporal)
    if key not in _unbroken:
        program = Program(place / "home")
        configure(program, network, style, levels=levels, temporal=temporal)
        with Life(program, film_of(place / "film.mp4"), observed=False) as life:
            fate = life.befall(Case())
            assert life.stop() == 0
        assert fate.trouble is None
        _unbroken[key] = fate
    return _unbroken[key]


_unbroken: dict[tuple[Path, Path, str, str], Fate] = {}


def check(fate: Fate, kills: int, expected: str, *, originals: str = "keep") -> None:
    """The film is there once and as it should be, and nothing else has changed.

    Args:
        fate: The film's.
        kills: How often something was ended in its making.
        expected: Hash of the unbroken film.
        originals: What was to become of its original.
    """
    assert fate.trouble is None
    name = Path(fate.rows[0]["source"].decode()).name
    assert fate.outputs == {name: expected}, fate.log
    places = {"keep": ["in"], "move": ["moved"], "delete": []}[originals]
    assert fate.originals == {f"{place}/{name}": fate.original for place in places}, fate.log
    assert [row["state"] for row in fate.rows] == ["done"]
    assert is_legal(fate.events), fate.events
    assert fate.left == []
    assert sorted(fate.painted) == list(range(FRAMES))
    assert fate.painted.total() <= FRAMES + kills, fate.painted
    assert "Traceback" not in fate.log


def is_legal(events: Sequence[tuple[str | None, str, str]]) -> bool:
    """Whether a history has no gap, no illegal transition, and one end."""
    states = [None, *(after for _, after, _ in events)]
    steps = [
        (before, after) for before, after, _ in events if before is not None and before != after
    ]
    return [before for before, _, _ in events] == states[:-1] and all(
        after in WAYS[before] for before, after in steps
    )


def film_of(path: Path) -> Path:
    """The film: ten frames with sound, three segments."""
    return make(path, times=range(0, FRAMES * 512, 512), size=(64, 48), sound=("aac",))


@contextmanager
def _reading(path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)
    try:
        yield connection
    finally:
        connection.close()


def _seen(path: Path) -> tuple[int, str]:
    return path.stat().st_ino, digest(path)
