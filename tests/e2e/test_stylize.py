"""`nstd stylize`, the real program: what comes out for what goes in."""

import json
import os
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import PIL.Image
import pytest

from tests.clips import VFR_TIMES, make, picture, vfr
from tests.e2e.conftest import make_home
from tests.e2e.looking import look, pictures
from tests.e2e.program import Ended, Program, digest, snapshot

SIZE = (64, 48)
FRAMES = 10
RAW_NAME = os.fsdecode(b"\xff raw 'name'.png")
"""A name that is no UTF-8."""


@dataclass
class Painted:
    """What one run has made of the films and pictures of `fill`."""

    program: Program
    ended: Ended
    before: dict[str, str]

    @property
    def films(self) -> Path:
        return self.program.work / "films"

    @property
    def out(self) -> Path:
        return self.program.work / "out"


def fill(folder: Path) -> None:
    """Films and pictures to paint; two films have the same stem."""
    folder.mkdir()
    make(folder / "a.mp4", times=range(0, FRAMES * 512, 512), size=SIZE, sound=("aac",))
    make(folder / "a.mkv", times=range(0, 3 * 40, 40), time_base=Fraction(1, 1000), size=SIZE)
    vfr(folder / "uneven.mp4", size=SIZE, sound=("aac",))
    make(folder / "turned.mp4", times=range(0, 3 * 512, 512), size=SIZE, rotation=90)
    PIL.Image.fromarray(picture(3, SIZE)).save(folder / "still.png")
    PIL.Image.fromarray(picture(3, SIZE)).save(folder / "photo.jpeg", quality=95)
    PIL.Image.fromarray(picture(3, SIZE)).save(folder / RAW_NAME)
    (folder / "notes.txt").write_text("no film")


def paint_all(program: Program) -> Painted:
    """Paint a folder and a file beside it into a folder that is not there yet."""
    fill(program.work / "films")
    make(program.work / "extra.mp4", times=(0, 512), size=SIZE)
    before = snapshot(program.work)
    arguments = ("films", "extra.mp4", "--recipe", "tiny", "-o", "out", "--json")
    return Painted(program, program.run("stylize", *arguments), before)


def paint_part(program: Program) -> Painted:
    """Paint some frames over a file that is there, by a recipe and options that override it."""
    fill(program.work / "films")
    (program.work / "part.mp4").write_text("in the way")
    before = snapshot(program.work / "films")
    arguments = ("--recipe", "tiny", "--tv-weight", "50", "--levels", "32:3", "--frames", "3:7")
    ended = program.run("stylize", "films/a.mp4", *arguments, "--overwrite", "-o", "part.mp4")
    return Painted(program, ended, before)


@pytest.fixture(scope="module")
def runs(
    tmp_path_factory: pytest.TempPathFactory, network: Path, style: Path
) -> tuple[Painted, Painted, Painted]:
    """All twice in two homes, and a part: two at a time, since most of a run is its start."""

    def run(what: Callable[[Program], Painted], name: str) -> Painted:
        return what(make_home(tmp_path_factory.mktemp(name), network, style))

    with ThreadPoolExecutor(2) as pool:
        whole, again, part = pool.map(
            run, (paint_all, paint_all, paint_part), ("whole", "again", "part")
        )
    return whole, again, part


@pytest.fixture(scope="module")
def whole(runs: tuple[Painted, Painted, Painted]) -> Painted:
    return runs[0]


@pytest.fixture(scope="module")
def part(runs: tuple[Painted, Painted, Painted]) -> Painted:
    return runs[2]


def test_json_names_each_source_and_its_target_and_nothing_else_is_on_standard_output(
    whole: Painted,
) -> None:
    assert whole.ended.code == 0, whole.ended.err
    rows: list[dict[str, Any]] = json.loads(whole.ended.out)
    keys = {"source", "target", "recipe", "styles", "frames", "seconds", "error", "kind"}
    assert all(row.keys() == keys | {"kept", "gone", "stopped", "report"} for row in rows)
    assert all((row["error"], row["kind"]) == (None, None) for row in rows)
    assert all(row["frames"] > 0 and row["seconds"] > 0 for row in rows)
    assert not any(row["kept"] or row["stopped"] for row in rows)
    named = {Path(row["source"]).name: Path(row["target"]).name for row in rows}
    raw = RAW_NAME.encode("utf-8", "backslashreplace").decode()
    assert named == {
        "a.mkv": "a.mp4",
        "a.mp4": "a.mp4.mp4",
        "uneven.mp4": "uneven.mp4",
        "turned.mp4": "turned.mp4",
        "still.png": "still.png",
        "photo.jpeg": "photo.jpg",
        raw: raw,
        "extra.mp4": "extra.mp4",
    }
    assert "Traceback" not in whole.ended.err


def test_a_film_whose_frames_are_the_same_is_painted(program: Program) -> None:
    film = program.work / "same.mkv"
    with av.open(str(film), "w") as output:
        stream = output.add_stream("ffv1", rate=25)
        stream.width, stream.height = SIZE
        for _ in range(3):
            output.mux(stream.encode(av.VideoFrame.from_ndarray(picture(1, SIZE))))
        output.mux(stream.encode())
    ended = program.run("stylize", film, "--recipe", "tiny", "--temporal", "flow", "-o", "same.mp4")
    assert ended.code == 0, ended.err
    assert "same.mkv: 3 frames painted in " in ended.err
    assert ended.out == f"{program.work}/same.mp4\n"


def test_every_output_is_there_and_nothing_besides(whole: Painted) -> None:
    assert sorted(path.name for path in whole.out.iterdir()) == sorted(
        [
            RAW_NAME,
            "a.mp4",
            "a.mp4.mp4",
            "extra.mp4",
            "photo.jpg",
            "still.png",
            "turned.mp4",
            "uneven.mp4",
        ]
    )


def test_the_originals_stay_as_they_are(whole: Painted) -> None:
    after = snapshot(whole.program.work)
    assert {name: after[name] for name in whole.before} == whole.before


@pytest.mark.parametrize(
    ("source", "target", "frames"),
    [
        ("a.mp4", "a.mp4.mp4", FRAMES),
        ("a.mkv", "a.mp4", 3),
        ("uneven.mp4", "uneven.mp4", len(VFR_TIMES)),
        ("turned.mp4", "turned.mp4", 3),
    ],
)
def test_frames_times_sound_and_size_are_the_sources(
    whole: Painted, ffprobe: str, source: str, target: str, frames: int
) -> None:
    wanted, found = look(whole.films / source, ffprobe), look(whole.out / target, ffprobe)
    assert found == wanted
    assert len(found.times) == frames
    assert bool(found.sound) == (source in {"a.mp4", "uneven.mp4"})


def test_a_film_is_painted_frame_by_frame_in_order_across_its_segments(whole: Painted) -> None:
    sources, painted = pictures(whole.films / "a.mp4"), pictures(whole.out / "a.mp4.mp4")
    for index, picture_ in enumerate(painted):
        distances = [abs(picture_.astype(int) - other).mean() for other in sources]
        # Painted: unlike its source by more than the code value that encoding alone changes; and
        # nearest to that one of all, in which the square is at the same place.
        assert distances[index] > 1.5
        assert min(range(FRAMES), key=distances.__getitem__) == index


def test_a_picture_is_painted_in_its_own_format_and_size(whole: Painted) -> None:
    for source, target, form in (
        ("still.png", "still.png", "PNG"),
        ("photo.jpeg", "photo.jpg", "JPEG"),
        (RAW_NAME, RAW_NAME, "PNG"),
    ):
        assert digest(whole.out / target) != digest(whole.films / source)
        with PIL.Image.open(whole.out / target) as image:
            assert (image.format, image.size) == (form, SIZE)


def test_the_same_plan_gives_the_same_bytes(runs: tuple[Painted, Painted, Painted]) -> None:
    whole, again, _ = runs
    assert snapshot(whole.out) == snapshot(again.out)


def test_frames_are_a_part_that_begins_at_0_and_ends_before_b(part: Painted, ffprobe: str) -> None:
    assert part.ended.code == 0, part.ended.err
    source, found = (
        look(path, ffprobe) for path in (part.films / "a.mp4", part.program.work / "part.mp4")
    )
    assert found.times == [time - source.times[3] for time in source.times[3:7]]
    begin, end = source.times[3], source.times[7]
    inside = [digest for time, digest in source.sound if begin <= time < end]
    # A packet that reaches over either end of the part may be kept or left out.
    assert len(found.sound) - len(inside) in {0, 1}
    assert {digest for _, digest in found.sound} >= set(inside[:-1])
    assert snapshot(part.films) == part.before


def test_without_json_the_target_is_named(part: Painted) -> None:
    assert part.ended.out == f"{part.program.work / 'part.mp4'}\n"


def test_options_override_the_recipe_and_the_rest_of_it_holds(part: Painted, style: Path) -> None:
    with sqlite3.connect(part.program.state / "stylize/ledger.sqlite3") as ledger:
        ((text,),) = ledger.execute("SELECT recipe FROM jobs")
    ledger.close()
    recipe = json.loads(text)
    assert recipe["tv_weight"] == 50
    assert recipe["levels"] == [{"long_edge": 32, "steps": 3}]
    assert [image["sha256"] for image in recipe["styles"]] == [digest(style)]
    assert recipe["style_weight"] == 1


def test_what_is_finished_leaves_no_work_behind(whole: Painted) -> None:
    assert not [
        path for path in (whole.program.state / "stylize/work").rglob("*") if path.is_file()
    ]
