"""What a painted file says of how it was painted, asked of the real program and of ffprobe."""

import json
import subprocess
from fractions import Fraction
from pathlib import Path
from typing import Any

import PIL.Image

from tests.clips import make, picture
from tests.e2e.program import Program, digest

MILLISECOND = Fraction(1, 1000)
SIZE = (64, 48)
LOOK = ("--style", "woodcut", "--levels", "48:2", "--strength", "strong", "--seed", "7")


def said(ffprobe: str, film: Path) -> dict[str, str]:
    """The tags of a film, in lower case."""
    told = subprocess.run(
        [ffprobe, "-v", "error", "-show_format", "-of", "json", film],
        check=True,
        capture_output=True,
    )
    tags: dict[str, str] = json.loads(told.stdout)["format"].get("tags", {})
    return {key.lower(): text for key, text in tags.items()}


def shown(program: Program, file: Path) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads(program.run("show", "--json", str(file)).out)
    return facts


def test_a_film_says_how_it_was_painted_and_others_are_painted_so(
    program: Program, ffprobe: str
) -> None:
    source = make(program.work / "a.mkv", times=range(0, 120, 40), time_base=MILLISECOND, size=SIZE)
    still = program.work / "still.png"
    PIL.Image.fromarray(picture(1, SIZE)).save(still)
    first, again, silent = (program.work / f"{name}.mkv" for name in ("first", "again", "silent"))
    assert program.run("stylize", source, *LOOK, "-o", first).code == 0
    note = said(ffprobe, first)["nstd"]
    assert str(program.work) not in note
    # The same look again, to the byte.
    assert program.run("stylize", source, "--like", first, "-o", again).code == 0
    assert digest(again) == digest(first)
    # A picture painted as the film was says so.
    assert program.run("stylize", still, "--like", first, "-o", "still.jpg").code == 0
    assert shown(program, program.work / "still.jpg")["painted"] == json.loads(note)
    # A file that is told to say nothing says nothing, though the one it is painted from does.
    assert program.run("stylize", first, *LOOK, "--provenance", "no", "-o", silent).code == 0
    assert "nstd" not in said(ffprobe, silent)
    ended = program.run("stylize", source, "--like", silent, "-o", "x.mkv")
    assert ended.code == 2
    assert "does not say how it was painted" in ended.err


def test_what_is_painted_as_pictures_says_so_too(program: Program) -> None:
    source = make(program.work / "a.mkv", times=range(0, 120, 40), time_base=MILLISECOND, size=SIZE)
    first, again = program.work / "first.gif", program.work / "again.gif"
    assert program.run("stylize", source, *LOOK, "-o", first).code == 0
    note = shown(program, first)["painted"]
    assert program.run("stylize", source, "--like", first, "-o", again).code == 0
    assert digest(again) == digest(first)
    assert program.run("stylize", source, "--like", first, "-o", "x_%d.exr").code == 0
    assert shown(program, program.work / "x_2.exr")["painted"] == note
