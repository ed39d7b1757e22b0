"""Whatever is killed, whenever: the film comes out byte for byte as if nothing had happened."""

import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.clips import make
from tests.e2e import forking
from tests.e2e.conftest import make_home
from tests.e2e.injected.sitecustomize import POINTS
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
from tests.e2e.observing import Observer, Strike
from tests.e2e.program import Program

# --- `nstd stylize` -------------------------------------------------------------------------------

ARGUMENTS = ("stylize", "film.mp4", "--recipe", "tiny", "--levels", "32:2", "-o", "painted.mp4")
BY_HAND = [name for name, point in POINTS.items() if not point.goes]


@pytest.fixture(scope="module")
def fates(
    tmp_path_factory: pytest.TempPathFactory, network: Path, style: Path
) -> dict[str, list[forking.Fate]]:
    """The fates of a film of six frames in segments of four; "never" is two runs in peace."""
    cases = []
    for name in ("never", *BY_HAND):
        program = make_home(tmp_path_factory.mktemp("killed"), network, style)
        make(program.work / "film.mp4", times=range(0, 6 * 512, 512), size=(48, 32))
        observer = Observer(program.home / "observed")
        if name in POINTS:
            observer.arm(Strike(name))
        environment = program.environment(observer.environment)
        cases.append(forking.Case(str(program.work), environment, ARGUMENTS, runs=2))
    return dict(zip(("never", *BY_HAND), forking.run_forked(cases), strict=True))


@pytest.mark.parametrize("name", BY_HAND)
def test_a_command_killed_when(name: str, fates: dict[str, list[forking.Fate]]) -> None:
    killed, resumed = fates[name]
    whole = fates["never"][0].left
    assert killed.code == -signal.SIGKILL, killed.err
    # What is visible under the film's name is never anything but the whole film.
    assert killed.left.get("painted.mp4", whole["painted.mp4"]) == whole["painted.mp4"]
    assert resumed.code == 0, resumed.err
    assert resumed.left == whole


def test_what_is_finished_is_not_painted_again(fates: dict[str, list[forking.Fate]]) -> None:
    first, second = fates["never"]
    assert (first.code, second.code) == (0, 0), second.err
    assert second.out == first.out
    assert second.left == first.left


# --- `nstd batch` ---------------------------------------------------------------------------------

SETTLING = {
    how: [name for name, point in POINTS.items() if how in point.goes] for how in ("move", "delete")
}


@pytest.fixture(scope="module")
def settled(
    tmp_path_factory: pytest.TempPathFactory, network: Path, style: Path
) -> dict[tuple[str, str], tuple[Program, list[forking.Fate]]]:
    """The fates of a film whose original is to go, by how and by when it was struck."""
    named = [(how, name) for how, names in SETTLING.items() for name in ("never", *names)]
    programs, cases = [], []
    for how, name in named:
        program = make_home(tmp_path_factory.mktemp("settled"), network, style)
        work = program.work
        (work / "in").mkdir()
        make(work / "in/film.mp4", times=range(0, 2 * 512, 512), size=(48, 32))
        (work / "in/film.mp4.nstd.yaml").write_text("levels: 32:2")
        keys = yaml.safe_load(program.config.read_text())
        originals = {"move": str(work / "moved")} if how == "move" else how
        folder = {"watch": str(work / "in"), "output": str(work / "out"), "recipe": "tiny"}
        program.configure(**keys, settle_seconds=0.1, folders=[folder | {"originals": originals}])
        observer = Observer(program.home / "observed")
        if name in POINTS:
            observer.arm(Strike(name))
        environment = program.environment(observer.environment)
        programs.append(program)
        cases.append(forking.Case(str(work), environment, ("batch",), runs=2))
    fates = forking.run_forked(cases)
    return dict(zip(named, zip(programs, fates, strict=True), strict=True))


@pytest.mark.parametrize(("how", "name"), [(how, one) for how in SETTLING for one in SETTLING[how]])
def test_a_batch_killed_while_an_original_goes_ends_it_at_its_next_start(
    how: str, name: str, settled: dict[tuple[str, str], tuple[Program, list[forking.Fate]]]
) -> None:
    program, (killed, resumed) = settled[how, name]
    whole = settled[how, "never"][1][0].left
    expected = {"out/film.mp4"} | (
        {"moved/film.mp4", "moved/film.mp4.nstd.yaml"} if how == "move" else set()
    )
    assert set(whole) == expected
    assert killed.code == -signal.SIGKILL, killed.err
    assert resumed.code == 0, resumed.err
    assert resumed.left == whole
    assert not list((program.state / "work").iterdir())


# --- the daemon -----------------------------------------------------------------------------------


def case(point: str, originals: str = "", **how: Any) -> Case:
    return Case((Strike(point, **how),), originals or ("move" if POINTS[point].goes else "keep"))


CASES = {
    **{f"daemon killed: {name}": case(name) for name in POINTS},
    **{
        f"worker killed: {name}": case(name, victim="worker")
        for name, point in POINTS.items()
        if point.in_worker
    },
    **{
        f"{victim} killed, to be deleted: {name}": case(name, "delete", victim=victim)
        for victim in ("daemon", "worker")
        for name in SETTLING["delete"]
    },
    # A stop is gentler than a kill.
    **{
        f"daemon stopped: {name}": case(name, signal="SIGTERM", twice=number == 0)
        for number, name in enumerate(
            (
                "it has both its names",
                "it is queued",
                "it is claimed and not probed",
                "a frame is in hand",
                "a segment is half written",
                "its original has both names",
            )
        )
    },
    "worker crashed: it is claimed and not probed": case(
        "it is claimed and not probed", victim="worker", signal="SIGSEGV"
    ),
}
QUICK = (
    "daemon killed: it is queued",
    "daemon killed: a frame is kept and not counted",
    "daemon killed: it has both its names",
    "worker killed: a frame is in hand",
    "worker killed: its original has both names",
    "worker crashed: it is claimed and not probed",
    "daemon stopped: a frame is in hand",
)
"""Those of the usual test run; the others are slow."""
SLOW = [name for name in CASES if name not in QUICK]


def live(
    names: Sequence[str], places: Sequence[Path], network: Path, style: Path
) -> dict[str, Fate]:
    """The fates of the cases of these names, lived through by a daemon in each place."""
    lives = []
    for number, place in enumerate(places):
        program = Program(place / "home")
        configure(program, network, style)
        lives.append((Life(program, film_of(place / "film.mp4")), names[number :: len(places)]))
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
def slow_fates(
    tmp_path_factory: pytest.TempPathFactory, network: Path, style: Path
) -> dict[str, Fate]:
    """The fates of all the other cases."""
    return live(SLOW, [tmp_path_factory.mktemp("all") for _ in range(3)], network, style)


def check_case(name: str, fate: Fate, expected: str) -> None:
    """The film is whole; what was struck ended as it should, and nothing else did."""
    case = CASES[name]
    check(fate, len(case.strikes), expected, originals=case.originals)
    codes = {"SIGKILL": -signal.SIGKILL, "SIGTERM": 0}
    on_daemon = [strike for strike in case.strikes if strike.victim == "daemon"]
    assert fate.codes == [codes[strike.signal] for strike in on_daemon]
    assert len(set(fate.daemons)) == 1 + len(on_daemon)
    assert all(seconds < SECONDS_TO_STOP for seconds in fate.seconds)


@pytest.mark.parametrize("name", QUICK)
def test_a_film_survives(name: str, quick_fates: dict[str, Fate], expected: str) -> None:
    check_case(name, quick_fates[name], expected)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("name", SLOW)
def test_a_film_survives_also(name: str, slow_fates: dict[str, Fate], expected: str) -> None:
    check_case(name, slow_fates[name], expected)


def test_the_history_says_how_a_worker_ended(quick_fates: dict[str, Fate]) -> None:
    crashed = quick_fates["worker crashed: it is claimed and not probed"]
    assert ("running", "queued", "Its worker was ended by SIGSEGV") in crashed.events
    killed = quick_fates["worker killed: a frame is in hand"]
    reasons = [reason for _, after, reason in killed.events if after == "queued" and reason]
    assert len(reasons) == 1
    assert reasons[0].startswith("Its worker was ended by SIGKILL")
