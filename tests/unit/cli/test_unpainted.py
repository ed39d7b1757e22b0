"""What is not painted, as `nstd status` prints it."""

from pathlib import Path

from nstd.cli.unpainted import unpainted_lines
from nstd.intake.unpainted import Cause, Unpainted


def test_where_all_is_painted_there_is_no_line() -> None:
    assert list(unpainted_lines({})) == []
    assert list(unpainted_lines({"unpainted": Unpainted().facts()})) == []


def test_a_screenful_is_named_and_the_rest_counted() -> None:
    unpainted = Unpainted()
    unpainted.note(Path("/in/a\nb.mp4"), Cause.REFUSED, "it is damaged")
    unpainted.note(Path("/in/c.mp4"), Cause.WAITING, "/in/c.mp4 is being written")
    for number in range(300):
        unpainted.note(Path(f"/in/{number}.txt"), Cause.UNKNOWN, "it is no film")
    for number in range(1030):
        unpainted.note(Path(f"/in/.{number}"), Cause.IGNORED, "hidden")
    lines = list(unpainted_lines({"unpainted": unpainted.facts()}))
    assert lines[:3] == [
        "Not painted:",
        "  refused     /in/a\\nb.mp4: it is damaged",
        "  waiting     /in/c.mp4 is being written",
    ]
    assert lines[3:21] == [f"  unknown     /in/{n}.txt: it is no film" for n in range(18)]
    assert lines[21:] == [
        "  and 1,312 more (282 unknown, 1,030 ignored)",
        "  ignored in all: 1,030 hidden",
    ]
