"""What the file system refuses, by permissions or limits, ends in a sentence, not a traceback."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.clips import make
from tests.e2e.conftest import make_home
from tests.e2e.forking import Case, Fate, run_forked
from tests.e2e.program import snapshot

USAGE, INPUT, TEMPORARY = 2, 1, 75

LONG = "x" * 300 + ".mp4"
"""No common file system has names over 255 bytes."""


@dataclass(frozen=True)
class Refused:
    """A command that the file system does not let work.

    Attributes:
        arguments: Of `nstd`.
        codes: How it may end.
        says: What its sentence must contain.
        modes: Of files below the working folder; see `fill`.
    """

    arguments: Sequence[str]
    codes: Sequence[int]
    says: Sequence[str]
    modes: Mapping[str, int] = field(default_factory=dict)


def paint(source: str, output: str) -> Sequence[str]:
    return ("stylize", source, "--recipe", "tiny", "-o", output)


REFUSED = {
    "output folder cannot be written": Refused(
        paint("film.mp4", "closed/out.mp4"),
        [TEMPORARY],
        ["No permission", "closed", "access"],
        {"closed": 0o500},
    ),
    "output folder cannot be searched": Refused(
        paint("film.mp4", "closed/out.mp4"), [TEMPORARY], ["closed"], {"closed": 0o000}
    ),
    "input cannot be read": Refused(
        paint("film.mp4", "out.mp4"),
        [TEMPORARY],
        ["No permission", "film.mp4", "access"],
        {"film.mp4": 0o000},
    ),
    "input's folder cannot be searched": Refused(
        paint("closed/film.mp4", "out.mp4"), [TEMPORARY], ["closed"], {"closed": 0o000}
    ),
    "folder of inputs cannot be read": Refused(
        paint("closed", "out"), [TEMPORARY], ["closed"], {"closed": 0o000}
    ),
    "input's name is too long": Refused(paint(LONG, "out.mp4"), [INPUT, USAGE, TEMPORARY], ["xxx"]),
    "output's name is too long": Refused(
        paint("film.mp4", LONG), [INPUT, USAGE, TEMPORARY], ["xxx"]
    ),
}


def fill(work: Path) -> None:
    make(work / "film.mp4", times=range(0, 6 * 512, 512), size=(48, 32))
    (work / "closed").mkdir()
    (work / "closed/film.mp4").write_bytes((work / "film.mp4").read_bytes())


Tried = dict[str, tuple[dict[str, str], Fate]]


@pytest.fixture(scope="module")
def tried(
    deniable: None, tmp_path_factory: pytest.TempPathFactory, network: Path, style: Path
) -> Tried:
    """For each command the files before it, and what it did."""
    cases = []
    for refused in REFUSED.values():
        program = make_home(tmp_path_factory.mktemp("refused"), network, style)
        fill(program.work)
        environment = program.environment()
        cases.append(Case(str(program.work), environment, refused.arguments, modes=refused.modes))
    before = [snapshot(Path(case.work)) for case in cases]
    fates = [fate for (fate,) in run_forked(cases)]
    return dict(zip(REFUSED, zip(before, fates, strict=True), strict=True))


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_is_said_in_a_sentence(name: str, tried: Tried) -> None:
    refused, (_, fate) = REFUSED[name], tried[name]
    assert "Traceback" not in fate.err
    assert fate.code in refused.codes, fate
    last = fate.err.splitlines()[-1]
    assert last.startswith("nstd: ")
    assert last.endswith(".")
    for part in refused.says:
        assert part in last
    assert fate.out == ""


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_harms_no_file_and_leaves_none(name: str, tried: Tried) -> None:
    before, fate = tried[name]
    assert fate.left == before


@pytest.mark.usefixtures("deniable")
def test_check_finds_the_fault_of_an_output_that_cannot_be_reached(
    tmp_path: Path, network: Path, style: Path
) -> None:
    program = make_home(tmp_path / "home", network, style)
    fill(program.work)
    (program.work / "in").mkdir()
    watched = {"watch": str(program.work / "in"), "output": str(program.work / "closed/out")}
    program.configure(
        network=str(network),
        recipes={"tiny": {"styles": str(style)}},
        folders=[watched | {"recipe": "tiny"}],
    )
    arguments = ("check", "--json")
    case = Case(str(program.work), program.environment(), arguments, modes={"closed": 0o000})
    ((fate,),) = run_forked([case])
    assert "Traceback" not in fate.err
    assert fate.code == TEMPORARY, fate.out
    ((subject, text),) = [
        (row["subject"], row["text"]) for row in json.loads(fate.out) if row["verdict"] == "fault"
    ]
    assert subject == "folder"
    assert "closed" in text
    assert "access" in text
