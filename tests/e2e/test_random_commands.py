"""`batch` and `stylize` are killed at random moments, from the first import to the last rename."""

import random
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.clips import make
from tests.e2e.conftest import make_home
from tests.e2e.program import Ended, Program, snapshot

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

SEED = 21
KILLS = 6
ARGUMENTS = {
    "batch, originals moved": ("batch",),
    "batch, originals deleted": ("batch",),
    "stylize": ("stylize", "in/film.mp4", "--recipe", "tiny", "--levels", "48:30", "-o", "out/"),
}


@dataclass
class Errand:
    """A command that was begun until it came to its end.

    Attributes:
        moments: Seconds after which it was killed, each time it was begun.
        codes: How it ended those times.
        last: How it ended when it was left alone.
        left: Every file in the working folder then, with its hash.
        state: The names in nstd's own folder, and in that of half-made films.
    """

    moments: list[float]
    codes: list[int]
    last: Ended
    left: dict[str, str]
    state: tuple[list[str], list[str]]


def begin(place: Path, way: str, network: Path, style: Path) -> Program:
    """A home with a film of six frames, in segments of four, that takes a second or two."""
    program = make_home(place / "home", network, style)
    work = program.work
    for folder in ("in", "out", "moved"):
        (work / folder).mkdir()
    make(work / "in/film.mp4", times=range(0, 6 * 512, 512), size=(48, 32))
    if way != "stylize":
        (work / "in/film.mp4.nstd.yaml").write_text("levels: 48:30")
        keys = yaml.safe_load(program.config.read_text())
        originals = {"move": str(work / "moved")} if way.endswith("moved") else "delete"
        watched: dict[str, Any] = {"watch": str(work / "in"), "output": str(work / "out")}
        program.configure(
            **keys,
            settle_seconds=0.1,
            folders=[watched | {"recipe": "tiny", "originals": originals}],
        )
    return program


def live(program: Program, arguments: tuple[str, ...], moments: list[float]) -> Errand:
    """Kill the command at these moments, then let it end."""
    codes = []
    for moment in moments:
        with program.started(*arguments) as running:
            time.sleep(moment)
            running.send(signal.SIGKILL)
            codes.append(running.wait().code)
    last = program.run(*arguments)
    works = sorted(path.name for path in program.state.rglob("work/*"))
    names = sorted(path.name for path in program.state.iterdir())
    return Errand(moments, codes, last, snapshot(program.work), (names, works))


@pytest.fixture(scope="module")
def errands(
    tmp_path_factory: pytest.TempPathFactory, network: Path, style: Path
) -> dict[str, tuple[Errand, Errand]]:
    """Of each command one in peace, and one killed at moments drawn from how long that took."""
    chance = random.Random(SEED)  # noqa: S311 - no secret

    def both(way: str, draws: list[float]) -> tuple[Errand, Errand]:
        place = tmp_path_factory.mktemp("command")
        peaceful, struck = (begin(place / one, way, network, style) for one in ("a", "b"))
        begun = time.monotonic()
        whole = live(peaceful, ARGUMENTS[way], [])
        seconds = time.monotonic() - begun
        return whole, live(struck, ARGUMENTS[way], [draw * seconds for draw in draws])

    draws = [[chance.random() for _ in range(KILLS)] for _ in ARGUMENTS]
    with ThreadPoolExecutor(2) as pool:
        return dict(zip(ARGUMENTS, pool.map(both, ARGUMENTS, draws), strict=True))


@pytest.mark.parametrize("way", ARGUMENTS)
def test_a_command_that_is_killed_at_random_leaves_what_it_leaves_in_peace(
    way: str, errands: dict[str, tuple[Errand, Errand]]
) -> None:
    whole, struck = errands[way]
    print(f"seed {SEED}: {struck.moments} met {struck.codes}")  # noqa: T201 - shown where it fails
    assert (whole.last.code, struck.last.code) == (0, 0), struck.last.err
    gone = {"in/film.mp4", "in/film.mp4.nstd.yaml"} - set(whole.left)
    assert len(gone) == (1 if way == "stylize" else 2)  # stylize has no sidecar, and keeps the film
    assert struck.left == whole.left
    assert struck.state == whole.state
    assert struck.state[1] == []


def test_most_of_them_meet_a_command_that_runs(
    errands: dict[str, tuple[Errand, Errand]],
) -> None:
    codes = [code for _, struck in errands.values() for code in struck.codes]
    assert codes.count(-signal.SIGKILL) > len(codes) / 2
    assert set(codes) <= {0, -signal.SIGKILL}
