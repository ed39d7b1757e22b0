"""Bad, odd and hostile films: each ends with a sentence, and the daemon goes on."""

import os
import re
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from nstd.errors import visible
from tests.bad_films import BAD, DONE, FAILED, LEFT, film
from tests.e2e.conftest import make_home
from tests.e2e.program import Ended, Program, Running
from tests.mutations import made_clips, mutations, shared_clips


@dataclass
class Lived:
    """What a daemon made of what was dropped."""

    program: Program
    jobs: dict[bytes, dict[str, Any]]
    told: Ended


def make_cheap_home(home: Path, network: Path, style: Path) -> Program:
    """A watched folder whose films are painted small, and as fast as can be."""
    program = make_home(home, network, style)
    work = program.work
    (work / "in").mkdir()
    program.configure(
        network=str(network),
        settle_seconds=0.3,
        grace_seconds=0,
        recipes={"tiny": {"styles": str(style), "levels": "32:1", "size": 64}},
        folders=[{"watch": str(work / "in"), "output": str(work / "out"), "recipe": "tiny"}],
    )
    return program


def ended(program: Program, names: set[bytes]) -> bool:
    """Whether there is a job for each of these films, and nothing is left to do for any."""
    states = {job["relative"]: job["state"] for job in program.jobs()}
    return names <= states.keys() and all(states[name] in {DONE, FAILED} for name in names)


def left_over(program: Program, names: set[bytes]) -> list[str]:
    jobs = {job["relative"]: job for job in program.jobs()}
    return [
        f"{name!r}: {jobs[name]['state']} {jobs[name]['hold_reason']}" if name in jobs
        else f"{name!r}: no job"
        for name in names if name not in jobs or jobs[name]["state"] not in {DONE, FAILED}
    ]  # fmt: skip


def live_through(program: Program, folder: Path, names: set[bytes]) -> Lived:
    """Drop all that is in a folder on a daemon, wait for the end of `names`, then one good film."""
    with program.started("run") as running:
        running.until(lambda: "Watching" in running.log, "it watches")
        for path in sorted(folder.iterdir()):
            path.rename(program.work / "in" / path.name)
        wait_for(program, running, names)
        film(program.work / "in/good.mp4")
        running.until(lambda: ended(program, {b"good.mp4"}), "a good film is painted")
        running.send(signal.SIGTERM)
        told = running.wait()
    return Lived(program, {job["relative"]: job for job in program.jobs()}, told)


def wait_for(program: Program, running: Running, names: set[bytes]) -> None:
    try:
        running.until(lambda: ended(program, names), "all have ended", 5 * len(names))
    except AssertionError as error:
        raise AssertionError(f"left: {left_over(program, names)}") from error


def complaint(job: dict[str, Any]) -> str | None:
    """What is wrong with how a job ended, in words; None if all is as it has to be."""
    error, target = job["error"], Path(os.fsdecode(job["target"]))
    if job["state"] == DONE:
        return None if target.is_file() and target.stat().st_size else "there is no output"
    if target.exists():
        return "there is an output"
    if not re.search(r"\S \S.*\.$", error, re.DOTALL) or "Traceback" in error:
        return f"no sentence: {error}"
    if "unexpectedly" in error or "--debug" in error:
        return f"nobody foresaw it: {error}"
    named = visible(job["relative"]).rpartition(".")[0] in error
    return None if named else f"no name: {error}"


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory, network: Path, style: Path) -> Lived:
    program = make_cheap_home(tmp_path_factory.mktemp("bad") / "home", network, style)
    made = program.home / "made"
    made.mkdir()
    for name, bad in BAD.items():
        bad.write(made / os.fsdecode(name))
    return live_through(program, made, {name for name, bad in BAD.items() if bad.ends != LEFT})


def that(end: str) -> list[Any]:
    """The names of those that must end so, as parameters."""
    return [pytest.param(name, id=repr(name)[2:40]) for name, bad in BAD.items() if bad.ends == end]


@pytest.mark.parametrize("name", that(DONE))
def test_what_is_only_odd_is_painted(name: bytes, lived: Lived) -> None:
    job = lived.jobs[name]
    assert (job["state"], job["error"]) == (DONE, None)
    assert complaint(job) is None


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, id=repr(name)[2:40]) for name, bad in BAD.items() if bad.ends == FAILED],
)
def test_what_is_bad_fails_with_a_sentence(name: bytes, lived: Lived) -> None:
    job = lived.jobs[name]
    assert job["state"] == FAILED
    assert complaint(job) is None
    assert BAD[name].says in job["error"]


def test_what_is_no_film_is_named_once_and_left_alone(lived: Lived) -> None:
    for name, bad in BAD.items():
        if bad.ends != LEFT:
            continue
        assert name not in lived.jobs
        lines = [line for line in lived.told.err.splitlines() if os.fsdecode(name) in line]
        assert [bad.says in line for line in lines] == ([True] if bad.says else [])


def test_files_that_a_list_names_are_not_opened(lived: Lived) -> None:
    assert not [job for job in lived.jobs.values() if b"secret" in job["relative"]]
    assert {lived.jobs[name]["state"] for name in (b"concat.mp4", b"playlist.ts")} == {FAILED}


def test_the_daemon_lives_through_all_of_it(lived: Lived) -> None:
    assert lived.told.code == 0
    assert "Traceback" not in lived.told.err
    assert lived.jobs[b"good.mp4"]["state"] == DONE
    made = {name for name, bad in BAD.items() if bad.ends != LEFT}
    assert set(lived.jobs) == made | {b"good.mp4"}


@pytest.mark.slow
@pytest.mark.parametrize("origin", ["made", "shared"])
def test_a_hundred_harmed_films_each_end_with_a_sentence(
    origin: str,
    tmp_path: Path,
    network: Path,
    style: Path,
    request: pytest.FixtureRequest,
) -> None:
    program = make_cheap_home(tmp_path / "home", network, style)
    clips, harmed = tmp_path / "clips", tmp_path / "home/harmed"
    for folder in (clips, harmed):
        folder.mkdir()
    if origin == "made":
        whole = made_clips(clips)
    else:
        whole = shared_clips(request.getfixturevalue("shared"), clips)
    # Each name begins with its seed.
    for mutation in mutations(whole, range(100)):
        (harmed / mutation.name).write_bytes(mutation.content)
    names = {os.fsencode(path.name) for path in harmed.iterdir()}
    lived = live_through(program, harmed, names)
    complaints = {
        name: words for name, job in lived.jobs.items() if (words := complaint(job)) is not None
    }
    assert complaints == {}
    assert lived.told.code == 0
    assert "Traceback" not in lived.told.err
    assert lived.jobs[b"good.mp4"]["state"] == DONE
