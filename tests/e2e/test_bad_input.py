"""Bad input of any kind: one clear sentence, what to do, the right exit code, and no harm done."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import pytest

from tests.clips import make, sound_only, truncated
from tests.e2e.conftest import make_home
from tests.e2e.forking import Case, Fate, run_forked
from tests.e2e.looking import look
from tests.e2e.program import Program, snapshot
from tests.networks import make_torchvision_vgg19

USAGE, INPUT, DEVICE, TEMPORARY, CONFIGURATION = 2, 1, 69, 75, 78


@dataclass(frozen=True)
class Bad:
    """A command that cannot work.

    Attributes:
        arguments: Of `nstd`; after the recipe's and before the output's, where it paints.
        code: How it must end.
        says: What its sentence must contain: the problem, and the remedy.
        config: Text of the configuration instead of the usual one.
        paints: Whether it is `stylize film.mp4 … -o out.mp4`, so that `arguments` are only options.
    """

    arguments: Sequence[str]
    code: int
    says: Sequence[str]
    config: str | None = None
    paints: bool = True


RECIPE = ("--recipe", "tiny")

LIMIT_BLOCKS = 1000
"""Of 512 bytes: no file may become larger where the disk is full."""

BAD = {
    "input is missing": Bad(
        ("stylize", "nowhere.mp4", *RECIPE, "-o", "out.mp4"),
        USAGE,
        ["There is no nowhere.mp4", "Check the path"],
        paints=False,
    ),
    "folder without media": Bad(
        ("stylize", "empty", *RECIPE, "-o", "out"),
        USAGE,
        ["no film and no picture in empty"],
        paints=False,
    ),
    "no film": Bad(
        ("stylize", "text.mp4", *RECIPE, "-o", "out.mp4"),
        INPUT,
        ["text.mp4", "Check the file with another program"],
        paints=False,
    ),
    "cut off": Bad(
        ("stylize", "cut.mp4", *RECIPE, "-o", "out.mp4"),
        INPUT,
        ["cut.mp4", "ends early", "--accept-truncated"],
        paints=False,
    ),
    "style is missing": Bad(("--style", "none.jpg"), USAGE, ["--style", "none.jpg"]),
    "style is no picture": Bad(
        ("--style", "text.jpg"), INPUT, ["text.jpg is not a picture", "Check the file"]
    ),
    "no style at all": Bad((), USAGE, ["No style image is given", "--style"]),
    "recipe is unknown": Bad(("--recipe", "tony"), USAGE, ["“tony”", "“tiny”"]),
    "text for a number": Bad(
        (*RECIPE, "--tv-weight", "abc"), USAGE, ["--tv-weight", "“abc” is not a number"]
    ),
    "layer is unknown": Bad(
        (*RECIPE, "--content-layer", "conv4_9"), USAGE, ["--content-layer", "conv4_9", "conv4_"]
    ),
    "frames are no range": Bad((*RECIPE, "--frames", "7"), USAGE, ["“7” is no range", "A:B"]),
    "frames hold none": Bad((*RECIPE, "--frames", "5:5"), USAGE, ["5:5", "no frame"]),
    "frames lie behind the end": Bad((*RECIPE, "--frames", "50:60"), USAGE, ["50", "6 frames"]),
    "codec is unknown": Bad((*RECIPE, "--codec", "divx"), USAGE, ["--codec", "“divx”", "h264"]),
    "quality is text": Bad((*RECIPE, "--quality", "best"), USAGE, ["--quality", "“best”"]),
    "codec does not fit": Bad((*RECIPE, "--codec", "prores"), USAGE, ["prores does not fit"]),
    "film cannot be one picture": Bad(
        ("stylize", "film.mp4", *RECIPE, "-o", "out.png"),
        USAGE,
        ["out.png is a name for one picture", "out_%04d.png"],
        paints=False,
    ),
    "output is there": Bad(
        ("stylize", "film.mp4", *RECIPE, "-o", "there.mp4"),
        USAGE,
        ["there.mp4 is there already", "--overwrite"],
        paints=False,
    ),
    "output is the film": Bad(
        ("stylize", "film.mp4", *RECIPE, "--overwrite", "-o", "film.mp4"),
        USAGE,
        ["film.mp4 is the film itself"],
        paints=False,
    ),
    "several into one": Bad(
        ("stylize", "film.mp4", "there.mp4", *RECIPE, "-o", "out.mp4"),
        USAGE,
        ["2 inputs", "folder"],
        paints=False,
    ),
    "output cannot be written": Bad(
        ("stylize", "film.mp4", *RECIPE, "-o", "text.jpg/out.mp4"),
        TEMPORARY,
        ["text.jpg is no folder", "Name another"],
        paints=False,
    ),
    "device is missing": Bad(
        (*RECIPE, "--device", "cuda:99"), DEVICE, ["no device cuda:99", "cpu"]
    ),
    "network is not fetched": Bad(
        (*RECIPE, "--network", "vgg19"), INPUT, ["vgg19", "`nstd weights fetch vgg19`"]
    ),
    "network is a pickle": Bad(
        (*RECIPE, "--network", "vgg.pth"), INPUT, ["vgg.pth", "`nstd weights import"]
    ),
    "network is unknown": Bad(
        (*RECIPE, "--network", "vgg20"), INPUT, ["no network called vgg20", "vgg19"]
    ),
    "configuration is broken": Bad(
        RECIPE, CONFIGURATION, ["config.yaml:2", "setle_seconds", "settle_seconds"],
        config="devices: cpu\nsetle_seconds: 3\n",
    ),
    "configuration is missing": Bad(
        (*RECIPE, "--config", "none.yaml"), CONFIGURATION, ["none.yaml", "--config"]
    ),
    "nothing is watched": Bad(
        ("run",), CONFIGURATION, ["watches no folder", "folders:"], paints=False
    ),
    "a configured device is missing": Bad(
        ("run",),
        DEVICE,
        ["no device cuda:99"],
        config="devices: cuda:99\nnetwork: {network}\nrecipes: {{tiny: {{styles: {style}}}}}\n"
        "folders:\n  - {{watch: ../../work/empty, output: ../../work/out, recipe: tiny}}\n",
        paints=False,
    ),
    "nothing to paint": Bad(("batch",), USAGE, ["nothing to paint", "batch list"], paints=False),
    "weights of another name": Bad(
        ("weights", "fetch", "resnet"), USAGE, ["resnet", "vgg19"], paints=False
    ),
}  # fmt: skip


def fill(work: Path) -> None:
    (work / "empty").mkdir()
    (work / "empty/notes.txt").write_text("no film")
    (work / "text.mp4").write_text("I am a text. " * 200)
    (work / "text.jpg").write_text("I am a text.")
    make(work / "film.mp4", times=range(0, 6 * 512, 512), size=(48, 32))
    make(work / "there.mp4", times=(0, 512), size=(48, 32))
    truncated(work / "cut.mp4", 0.8, size=(48, 32))


def noise(path: Path, size: tuple[int, int]) -> None:
    """A film of one frame that nothing can compress."""
    image = np.random.default_rng(0).integers(0, 256, (*size[::-1], 3), dtype=np.uint8)
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=25, options={"crf": "0", "preset": "ultrafast"})
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        output.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        output.mux(stream.encode(None))


def command(bad: Bad) -> list[str]:
    if not bad.paints:
        return list(bad.arguments)
    return ["stylize", "film.mp4", *bad.arguments, "-o", "out.mp4"]


@pytest.fixture(scope="module")
def tried(
    tmp_path_factory: pytest.TempPathFactory, network: Path, style: Path
) -> dict[str, tuple[dict[str, str], Fate]]:
    """For each bad command the files before it, and what it did."""
    pickle = tmp_path_factory.mktemp("pickle") / "vgg.pth"
    make_torchvision_vgg19(pickle, widths=(2, 2, 2, 2, 2))
    cases = []
    for bad in BAD.values():
        program = make_home(tmp_path_factory.mktemp("bad"), network, style)
        fill(program.work)
        (program.work / "vgg.pth").write_bytes(pickle.read_bytes())
        if bad.config is not None:
            program.config.write_text(bad.config.format(network=network, style=style))
        cases.append(Case(str(program.work), program.environment(), command(bad)))
    before = [snapshot(Path(case.work)) for case in cases]
    fates = [fate for (fate,) in run_forked(cases)]
    return dict(zip(BAD, zip(before, fates, strict=True), strict=True))


@pytest.mark.parametrize("name", BAD)
def test_a_bad_command_says_what_is_wrong_and_what_to_do(
    name: str, tried: dict[str, tuple[dict[str, str], Fate]]
) -> None:
    bad, (_, fate) = BAD[name], tried[name]
    assert fate.code == bad.code, fate
    last = fate.err.splitlines()[-1]
    assert last.startswith("nstd: ")
    assert last.endswith(".")
    for part in bad.says:
        assert part in last
    assert "Traceback" not in fate.err
    assert fate.out == ""


@pytest.mark.parametrize("name", BAD)
def test_a_bad_command_harms_no_file_and_leaves_none(
    name: str, tried: dict[str, tuple[dict[str, str], Fate]]
) -> None:
    before, fate = tried[name]
    assert fate.left == before


def test_of_several_inputs_each_bad_one_is_named_and_the_good_ones_are_painted(
    program: Program,
) -> None:
    fill(program.work)
    (program.work / "empty.mp4").touch()
    sound_only(program.work / "sound.mp4")
    bad = ("text.mp4", "empty.mp4", "sound.mp4", "cut.mp4")
    ended = program.run("stylize", *bad, "film.mp4", *RECIPE, "-o", "out")
    assert ended.code == INPUT
    assert ended.out == f"{program.work}/out/film.mp4\n"
    said = [line for line in ended.err.splitlines() if line.startswith("nstd: ")]
    lines = {name: line for name in bad for line in said if f"/{name}" in line.split(". ")[0]}
    assert sorted(lines.values()) == sorted(said)
    assert lines.keys() == set(bad)
    assert any(line.startswith("film.mp4: 6 frames painted in ") for line in ended.err.splitlines())
    assert "is empty" in lines["empty.mp4"]
    assert "no moving picture" in lines["sound.mp4"]
    assert "ends early" in lines["cut.mp4"]
    assert "Traceback" not in ended.err
    assert sorted(path.name for path in (program.work / "out").iterdir()) == ["film.mp4"]


def test_a_film_cut_off_is_painted_as_far_as_it_goes_when_that_is_accepted(
    program: Program, ffprobe: str
) -> None:
    fill(program.work)
    ended = program.run("stylize", "cut.mp4", *RECIPE, "--accept-truncated", "-o", "out.mp4")
    assert ended.code == 0, ended.err
    # The film has 25 frames, of which this many are left whole by the cut.
    painted = look(program.work / "out.mp4", ffprobe)
    assert 5 < len(painted.times) < 25
    assert painted.times == [number * painted.times[1] for number in range(len(painted.times))]


def test_debug_shows_the_traceback_besides(program: Program) -> None:
    fill(program.work)
    ended = program.run("stylize", "film.mp4", *RECIPE, "--network", "x", "--debug", "-o", "o.mp4")
    assert ended.code == INPUT
    assert "Traceback" in ended.err
    assert "find_weights" in ended.err
    assert "There is no network called x" in ended.err.splitlines()[-1]


def test_a_full_disk_ends_it_with_75_and_with_space_the_same_command_finishes(
    program: Program, ffprobe: str
) -> None:
    # A painted frame of noise, kept without loss, is larger than the limit; the ledger is smaller.
    noise(program.work / "film.mp4", (512, 384))
    before = snapshot(program.work)
    arguments = ("film.mp4", *RECIPE, "--levels", "32:1", "-o", "out.mp4")
    limited = ("sh", "-c", f'ulimit -f {LIMIT_BLOCKS} && exec "$0" "$@"')
    ended = program.run("stylize", *arguments, under=limited)
    assert ended.code == TEMPORARY, ended
    assert "No space is left" in ended.err
    assert "Free some space; what is painted so far is kept and continued" in ended.err
    assert "Traceback" not in ended.err
    assert snapshot(program.work) == before

    ended = program.run("stylize", *arguments)
    assert ended.code == 0, ended.err
    assert len(look(program.work / "out.mp4", ffprobe).times) == 1
