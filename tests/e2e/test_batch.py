"""`nstd batch`: what a configuration names, once."""

import json
from fractions import Fraction
from pathlib import Path

import pytest
import yaml

from tests.clips import make
from tests.e2e.conftest import make_home
from tests.e2e.forking import Case, Fate, run_forked
from tests.e2e.program import TINY, Program, snapshot

COMMANDS = {
    "all": ("batch", "--json"),
    "a path": ("batch", "in/more.mp4"),
    "a strange path": ("batch", "strange.mp4"),
}


def film(path: Path) -> Path:
    return make(path, times=(0, 40), time_base=Fraction(1, 1000), size=(48, 32))


def configure(program: Program, network: Path, style: Path) -> None:
    """A watched folder with one film, and two batch entries: of two films one is broken."""
    work = program.work
    (work / "in").mkdir()
    (work / "archive/old/older").mkdir(parents=True)
    film(work / "in/watched.mp4")
    film(work / "archive/old/older/good.mp4")
    (work / "archive/broken.mp4").write_text("no film. " * 99)
    (work / "archive/other.avi").write_text("not asked for")
    film(work / "strange.mp4")
    program.configure(
        network=str(network),
        settle_seconds=0.2,
        recipes={"tiny": {"styles": str(style), **TINY}},
        folders=[{"watch": str(work / "in"), "output": str(work / "out"), "recipe": "tiny"}],
        batch=[
            {
                "input": [str(work / "archive/**/*.mp4"), str(work / "archive/*.MP4")],
                "output": str(work / "out-batch"),
                "recipe": "tiny",
                "name": "{stem}-{recipe}.{ext}",
            },
            {"input": str(work / "none/*.mp4"), "output": str(work / "out"), "recipe": "tiny"},
        ],
    )


@pytest.fixture(scope="module")
def runs(
    tmp_path_factory: pytest.TempPathFactory, network: Path, style: Path
) -> dict[str, tuple[Path, list[Fate]]]:
    """Each command's working folder and two runs of it."""
    cases = []
    for arguments in COMMANDS.values():
        program = make_home(tmp_path_factory.mktemp("batch"), network, style)
        configure(program, network, style)
        if arguments[1] == "in/more.mp4":
            film(program.work / "in/more.mp4")
        cases.append(Case(str(program.work), program.environment(), arguments, 2))
    works = [Path(case.work) for case in cases]
    return dict(zip(COMMANDS, zip(works, run_forked(cases), strict=True), strict=True))


def test_of_three_films_two_are_painted_and_the_broken_one_is_named(
    runs: dict[str, tuple[Path, list[Fate]]],
) -> None:
    work, (fate, _) = runs["all"]
    assert fate.code == 1, fate.err
    rows = {Path(row["source"]).name: row for row in json.loads(fate.out)}
    # Of two patterns no file matches, which is said too.
    assert rows.keys() == {"watched.mp4", "good.mp4", "broken.mp4", "*.MP4", "*.mp4"}
    assert rows["watched.mp4"]["target"] == str(work / "out/watched.mp4")
    assert rows["good.mp4"]["target"] == str(work / "out-batch/old/older/good-tiny.mp4")
    assert "broken.mp4" in rows["broken.mp4"]["error"]
    assert [name for name, row in rows.items() if row["error"] is None] == [
        "watched.mp4",
        "good.mp4",
    ]
    lines = fate.err.splitlines()
    painted = [line.partition(" in ")[0] for line in lines if " frames painted in " in line]
    assert painted == ["watched.mp4: 2 frames painted"]  # the other has the same content
    (line,) = [line for line in lines if line.startswith(f"nstd: {work}/archive/broken.mp4 ")]
    assert line.endswith("copy it here again.")
    assert {name for name in fate.left if name.startswith("out")} == {
        "out/watched.mp4",
        "out-batch/old/older/good-tiny.mp4",
    }


def test_a_second_time_nothing_is_painted_again_and_the_failure_is_still_named(
    runs: dict[str, tuple[Path, list[Fate]]],
) -> None:
    work, (first, second) = runs["all"]
    assert second.code == 1, second.err
    assert second.left == first.left == snapshot(work)
    assert "broken.mp4" in second.err
    assert len(json.loads(second.out)) == 5


def test_a_path_in_a_watched_folder_is_painted_as_that_folder_says(
    runs: dict[str, tuple[Path, list[Fate]]],
) -> None:
    work, (fate, _) = runs["a path"]
    assert str(work / "out/more.mp4") in fate.out.splitlines()
    assert "out/more.mp4" in fate.left


def test_a_path_that_belongs_nowhere_is_refused_before_anything_is_painted(
    runs: dict[str, tuple[Path, list[Fate]]],
) -> None:
    _, (fate, _) = runs["a strange path"]
    assert fate.code == 2
    assert "strange.mp4 lies in no watched folder" in fate.err
    assert "nstd stylize" in fate.err
    assert not [name for name in fate.left if name.startswith("out")]


def test_what_it_has_painted_itself_is_not_painted_again(program: Program) -> None:
    """A pattern may well find last time's outputs."""
    films = program.work / "films"
    (films / "done").mkdir(parents=True)
    make(films / "a.mp4", times=range(0, 2 * 512, 512), size=(48, 32))
    configuration = yaml.safe_load(program.config.read_text())
    entry = {"input": str(films / "**/*.mp4"), "output": str(films / "done"), "recipe": "tiny"}
    program.config.write_text(yaml.safe_dump(configuration | {"batch": [entry]}))
    for _ in range(2):
        ended = program.run("batch", "--json")
        assert ended.code == 0, ended.err
        assert [Path(row["source"]).name for row in json.loads(ended.out)] == ["a.mp4"]
    assert [path.name for path in films.rglob("*.mp4")] == ["a.mp4", "a.mp4"]
