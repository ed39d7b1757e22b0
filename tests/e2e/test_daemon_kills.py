"""Whatever is killed, whenever: the film comes out byte for byte as if nothing had happened."""

import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.injected.sitecustomize import KEEPER, STORE, TRACKER
from tests.e2e.lives import (
    SECONDS_TO_STOP,
    Case,
    Fate,
    Life,
    befall_all,
    check,
    configure,
    film_of,
    unbroken,
)
from tests.e2e.observing import Strike
from tests.e2e.program import Program


@dataclass(frozen=True)
class Moment:
    """A moment in the making of a film.

    Attributes:
        step: See `Strike`; likewise the next two.
        when: Before or after it.
        call: At which call of it.
        moves: Whether it is the making of a film whose original is moved at the end.
        in_worker: Whether it is the worker that comes by.
        fresh: Whether it comes only once for all films of a recipe.
    """

    step: str
    when: str
    call: int = 1
    moves: bool = False
    in_worker: bool = True
    fresh: bool = False


PIPELINE, SEGMENTS = "nstd.work.pipeline", "nstd.work.segments"

# A frame takes at most six steps: three on each level.
MOMENTS = {
    "1 the film is seen": Moment(f"{TRACKER}.note", "after", in_worker=False),
    "2 it was looked at once": Moment(f"{TRACKER}.look", "after", in_worker=False),
    "2 it has settled": Moment("nstd.daemon.desk:Desk.take", "before", in_worker=False),
    "3 its content is known": Moment("nstd.submit.freeze:fingerprint", "after", in_worker=False),
    "3 the first of what is frozen has no name yet": Moment(
        "nstd.submit.freeze:move_into_place", "before", in_worker=False, fresh=True
    ),
    "3 half of what is frozen is there": Moment(
        "nstd.submit.freeze:move_into_place", "after", in_worker=False, fresh=True
    ),
    "3 it is queued": Moment(f"{STORE}.enqueue", "after", in_worker=False),
    "4 the worker is about to look for a job": Moment(f"{STORE}.claim", "before"),
    "4 it is claimed": Moment(f"{STORE}.claim", "after"),
    "4 its plan is frozen": Moment(f"{STORE}.set_plan", "after"),
    "5 it is about to be probed": Moment(f"{PIPELINE}:probe_guarded", "before"),
    "6 the first segment is opened": Moment(f"{STORE}.open_segment", "after"),
    "6 the second segment is opened": Moment(f"{STORE}.open_segment", "after", 2),
    "7 the sixth frame is read": Moment("nstd.work.sequence:read_frames", "after", 6),
    "8 the style is measured and not cached": Moment(
        "nstd.cache:TensorCache.put", "before", fresh=True
    ),
    "8 the style is cached": Moment("nstd.cache:TensorCache.put", "after", fresh=True),
    "9 what the first frame hands on is known": Moment(f"{SEGMENTS}:_energies", "after"),
    "10 the first frame is in hand": Moment(f"{SEGMENTS}:stylize_frame", "after", 2),
    "10 the last frame is in hand": Moment(f"{SEGMENTS}:stylize_frame", "after", 9 * 6 + 3),
    "10 a frame is painted and not kept": Moment(f"{KEEPER}.keep", "before", 3),
    "10 a frame is written and has no name yet": Moment("nstd.files:replace", "before", 2),
    "10 a frame is kept and not counted": Moment(f"{KEEPER}.keep", "after", 6),
    "10 a frame is counted": Moment(f"{STORE}.progress", "after", 2),
    "11 a segment is half written": Moment(
        "nstd.media.write.segment:SegmentWriter.write", "after", 2
    ),
    "11 a segment is written and not closed": Moment(f"{SEGMENTS}:_encode", "after", 2),
    "11 a segment is closed and its frames are there": Moment(f"{STORE}.close_segment", "after"),
    "11 between two segments": Moment(f"{KEEPER}.clear", "after", 2),
    "12 the film is about to be joined": Moment(f"{SEGMENTS}:assemble", "before"),
    "12 it is joined and not verified": Moment("nstd.media.write.assemble:verify", "before"),
    "12 it is PUBLISHING": Moment(f"{STORE}.publishing", "after"),
    "12 it has both its names": Moment("os:link", "after"),
    "12 it is in place and not DONE": Moment(f"{PIPELINE}:publish", "after"),
    "12 it is DONE": Moment(f"{STORE}.done", "after"),
    "12 its original is about to be moved": Moment(
        "nstd.work.worker:settle_original", "before", moves=True
    ),
    "12 its original is taken aside": Moment(
        "nstd.work.originals:_take_aside", "after", moves=True
    ),
    "12 its original has both names": Moment("os:link", "after", 2, moves=True),
    "12 its original is moved": Moment("nstd.work.originals:publish", "after", moves=True),
    "12 nothing is left but to say so": Moment(
        "nstd.work.worker:settle_original", "after", moves=True
    ),
    "12 nothing is left": Moment("shutil:rmtree", "after"),
}
"""The steps are those of the house's plan; each name says what has just happened."""


def kill_of_daemon(moment: Moment) -> Case:
    return _case(moment)


def kill_of_worker(moment: Moment) -> Case:
    return _case(moment, victim="worker")


def crash_of_worker(moment: Moment) -> Case:
    return _case(moment, victim="worker", signal="SIGSEGV")


def stop(moment: Moment) -> Case:
    return _case(moment, signal="SIGTERM")


def stop_twice(moment: Moment) -> Case:
    return _case(moment, signal="SIGTERM", twice=True)


def _case(moment: Moment, **how: Any) -> Case:
    strike = Strike(moment.step, moment.when, moment.call, **how)
    return Case((strike,), moves=moment.moves, fresh=moment.fresh)


STOPPED = (
    "1 the film is seen",
    "3 its content is known",
    "4 it is claimed",
    "5 it is about to be probed",
    "6 the second segment is opened",
    "7 the sixth frame is read",
    "8 the style is cached",
    "9 what the first frame hands on is known",
    "10 the first frame is in hand",
    "10 a frame is written and has no name yet",
    "11 a segment is half written",
    "12 it is joined and not verified",
    "12 it is in place and not DONE",
    "12 its original has both names",
)
"""A stop is gentler than a kill: one or two of each step."""
STOPPED_TWICE = (
    "2 it has settled",
    "4 its plan is frozen",
    "10 the last frame is in hand",
    "11 between two segments",
    "12 it has both its names",
)
CRASHED = ("5 it is about to be probed", "10 the last frame is in hand")
CASES = {
    f"{kind.__name__}: {name}": kind(MOMENTS[name])
    for kind, names in (
        (kill_of_daemon, MOMENTS),
        (kill_of_worker, [name for name, moment in MOMENTS.items() if moment.in_worker]),
        (crash_of_worker, CRASHED),
        (stop, STOPPED),
        (stop_twice, STOPPED_TWICE),
    )
    for name in names
}
QUICK = (
    "kill_of_daemon: 3 it is queued",
    "kill_of_daemon: 10 a frame is kept and not counted",
    "kill_of_daemon: 12 it has both its names",
    "kill_of_worker: 10 the first frame is in hand",
    "kill_of_worker: 12 its original has both names",
    "crash_of_worker: 5 it is about to be probed",
    "stop: 10 the first frame is in hand",
)
"""Those of the usual test run; the others are slow."""


def live(
    names: Sequence[str], places: Sequence[Path], network: Path, style: Path
) -> dict[str, Fate]:
    """The fates of the cases of these names, lived through by a daemon in each place."""
    lives = []
    for number, place in enumerate(places):
        program = Program(place / "home")
        configure(program, network, style)
        # What only the first film meets needs no home that is made fresh where it comes first.
        mine = sorted(names[number :: len(places)], key=lambda name: not CASES[name].fresh)
        lives.append((Life(program, film_of(place / "film.mp4")), mine))
    fates = befall_all([(life, [CASES[name] for name in mine]) for life, mine in lives])
    return {
        name: fate
        for (_, mine), found in zip(lives, fates, strict=True)
        for name, fate in zip(mine, found, strict=True)
    }


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory, network: Path, style: Path) -> str:
    """Hash of the film as a daemon paints it that nothing befalls."""
    (output,) = unbroken(tmp_path_factory.mktemp("unbroken"), network, style).outputs.values()
    return output


@pytest.fixture(scope="module")
def quick_fates(
    tmp_path_factory: pytest.TempPathFactory, network: Path, style: Path
) -> dict[str, Fate]:
    """The fates of the quick cases."""
    return live(QUICK, [tmp_path_factory.mktemp("quick") for _ in range(2)], network, style)


@pytest.fixture(scope="module")
def all_fates(
    tmp_path_factory: pytest.TempPathFactory, network: Path, style: Path
) -> dict[str, Fate]:
    """The fates of all the other cases."""
    names = [name for name in CASES if name not in QUICK]
    return live(names, [tmp_path_factory.mktemp("all") for _ in range(3)], network, style)


def check_strikes(fate: Fate, case: Case) -> None:
    """What was struck ended as it should, and nothing else did."""
    codes = {"SIGKILL": -signal.SIGKILL, "SIGTERM": 0}
    on_daemon = [strike for strike in case.strikes if strike.victim == "daemon"]
    assert fate.codes == [codes[strike.signal] for strike in on_daemon]
    assert len(set(fate.daemons)) == 1 + len(on_daemon)
    assert all(seconds < SECONDS_TO_STOP for seconds in fate.seconds)


def check_case(name: str, fate: Fate, expected: str) -> None:
    case = CASES[name]
    check(fate, len(case.strikes), expected, moves=case.moves)
    check_strikes(fate, case)


@pytest.mark.parametrize("name", QUICK)
def test_a_film_survives(name: str, quick_fates: dict[str, Fate], expected: str) -> None:
    check_case(name, quick_fates[name], expected)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("name", [name for name in CASES if name not in QUICK])
def test_a_film_survives_also(name: str, all_fates: dict[str, Fate], expected: str) -> None:
    check_case(name, all_fates[name], expected)


def test_the_history_says_how_a_worker_ended(quick_fates: dict[str, Fate]) -> None:
    crashed = quick_fates["crash_of_worker: 5 it is about to be probed"]
    assert ("running", "queued", "Its worker was ended by SIGSEGV") in crashed.events
    killed = quick_fates["kill_of_worker: 10 the first frame is in hand"]
    reasons = [reason for _, after, reason in killed.events if after == "queued" and reason]
    assert len(reasons) == 1
    assert reasons[0].startswith("Its worker was ended by SIGKILL")
