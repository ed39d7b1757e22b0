"""Daemon and worker are killed and stopped at random moments of a film's making."""

import os
import random
import signal
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import repeat
from pathlib import Path

import pytest

from tests.e2e.lives import (
    FRAMES,
    WATCHED,
    Dropped,
    Fate,
    Life,
    Row,
    check,
    configure,
    film_of,
    unbroken,
)
from tests.e2e.program import PATIENCE, Program

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

SEED = 20
LIVES, KILLS = 5, 4
LEVELS = "48:30,64:30"
"""Steps enough for the film to take seconds: else most kills would meet its begin and its end."""

Blow = tuple[float, str, signal.Signals]
"""After how many seconds of an unbroken run, whom, with what."""

BLOWS = (
    ("daemon", signal.SIGKILL),
    ("worker", signal.SIGKILL),
    ("daemon", signal.SIGTERM),
    ("worker", signal.SIGSEGV),
)


@dataclass
class Story:
    """A film's life: when what struck whom, and what became of the film.

    Attributes:
        blows: What was drawn.
        met: State and frames painted at each blow.
        fate: The film's.
    """

    blows: Sequence[Blow]
    met: list[tuple[str, int]] = field(default_factory=list)
    fate: Fate = field(default_factory=Fate)


def meet(dropped: Dropped, seconds: float, frame_seconds: float) -> tuple[str, int, int]:
    """Wait until a film is as far as an unbroken run is after so many seconds.

    Returns:
        Its state, its painted frames, and its worker's process; the film may be done by then.
    """
    frames, rest = divmod(seconds, frame_seconds)
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        rows = dropped.rows()
        if rows and (rows[0]["state"] == "done" or _is_painted(rows[0], int(frames))):
            time.sleep(rest)
            (row,) = dropped.rows()
            return row["state"], row["frames_done"], row["pid"] or 0
        time.sleep(0.01)
    raise AssertionError(f"{frames} frames were never painted")


def _is_painted(row: Row, frames: int) -> bool:
    return bool(row["state"] == "running" and row["frames_done"] >= frames)


def originals(number: int) -> str:
    """What becomes of the original in the life of this number."""
    return list(WATCHED)[number % len(WATCHED)]


def live(number: int, life: Life, blows: Sequence[Blow], frame_seconds: float) -> Story:
    """Paint a film while it is struck."""
    story = Story(blows)
    with life:
        life.start()
        dropped = life.drop(originals=originals(number))
        story.fate.original = dropped.original
        for seconds, victim, blow in blows:
            running = life.start()
            state, frames, worker = meet(dropped, seconds, frame_seconds)
            story.met.append((state, frames))
            if victim == "daemon":
                running.send(blow)
                story.fate.log += life.log
                story.fate.codes.append(life.ended().code)
            elif worker:
                os.kill(worker, blow)
                noticed = f"(process {worker})"
                life.until(partial(_is_logged, life, noticed), "its end is noticed")
        life.start()
        life.until(dropped.is_settled, "the film is painted")
        life.take_stock(story.fate, dropped)
        assert life.stop() == 0
    return story


def _is_logged(life: Life, words: str) -> bool:
    return words in life.log


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, network: Path, style: Path) -> Fate:
    """The film's fate where nothing befalls it."""
    place = tmp_path_factory.mktemp("unbroken")
    return unbroken(place, network, style, levels=LEVELS, temporal="flow")


@pytest.fixture(scope="module")
def stories(
    tmp_path_factory: pytest.TempPathFactory, network: Path, style: Path, whole: Fate
) -> list[Story]:
    """Five lives with four blows each, at moments drawn from the unbroken run's painting time."""
    chance = random.Random(SEED)  # noqa: S311 - no secret
    seconds = whole.rows[0]["updated"] - whole.taken
    lives, drawn = [], []
    for number in range(LIVES):
        place = tmp_path_factory.mktemp(f"random{number}")
        program = Program(place / "home")
        configure(program, network, style, levels=LEVELS, temporal="flow")
        lives.append(Life(program, film_of(place / "film.mp4")))
        times = sorted(chance.uniform(0, seconds) for _ in range(KILLS))
        drawn.append([(moment, *chance.choice(BLOWS)) for moment in times])
    with ThreadPoolExecutor(3) as pool:
        return list(pool.map(live, range(LIVES), lives, drawn, repeat(seconds / FRAMES)))


@pytest.mark.parametrize("number", range(LIVES))
def test_a_film_survives_random_kills(number: int, stories: list[Story], whole: Fate) -> None:
    story = stories[number]
    print(f"seed {SEED}: {story.blows} met {story.met}")  # noqa: T201 - shown where it fails
    (expected,) = whole.outputs.values()
    check(story.fate, KILLS, expected, originals=originals(number))
    codes = {signal.SIGKILL: -signal.SIGKILL, signal.SIGTERM: 0}
    assert story.fate.codes == [codes[n] for _, victim, n in story.blows if victim == "daemon"]


def test_most_of_them_meet_a_film_in_the_making(stories: list[Story]) -> None:
    met = [moment for story in stories for moment in story.met]
    assert len(met) == LIVES * KILLS
    assert [state for state, _ in met].count("running") > LIVES * KILLS / 2, met
    assert len({frames for _, frames in met}) > FRAMES / 2, met
