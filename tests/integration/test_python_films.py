"""`nstd.stylize`: the command from Python, which leaves the caller's process as it was."""

import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import av
import numpy as np
import PIL.Image
import pytest
import torch

import nstd
from nstd.errors import InputError, OutputExistsError, UsageError, VanishedError
from tests.clips import make, picture
from tests.integration.house import digest
from tests.quick_look import SIZE, quick_look

FRAMES = 4


@pytest.fixture
def look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Options for a fast painting of `film.mp4`; `tmp_path` is the working folder."""
    options = quick_look(tmp_path, monkeypatch)
    make(tmp_path / "film.mp4", times=range(0, FRAMES * 512, 512), size=SIZE)
    return options | {"segment_frames": 2}


def test_a_film_becomes_what_the_command_makes_of_it(look: dict[str, Any], tmp_path: Path) -> None:
    result = nstd.stylize("film.mp4", output="python.mp4", **look)
    assert (result.target, result.frames) == (tmp_path / "python.mp4", FRAMES)
    (tmp_path / "nstd.yaml").write_text("segment_frames: 2\n", "utf-8")
    options = {name: str(value) for name, value in look.items() if name != "segment_frames"}
    subprocess.run(
        [
            *(sys.executable, "-m", "nstd", "stylize", "film.mp4", "-o", "command.mp4"),
            *(part for name, value in options.items() for part in (f"--{name}", value)),
        ],
        check=True,
        timeout=120,
        env=os.environ | {"PYTHONPATH": str(Path(nstd.__file__).parents[1])},
    )
    assert digest(tmp_path / "python.mp4") == digest(tmp_path / "command.mp4")


def test_without_an_output_it_lies_beside_the_source(look: dict[str, Any], tmp_path: Path) -> None:
    PIL.Image.fromarray(picture(3, SIZE)).save("photo.png")
    result = nstd.stylize(Path("photo.png"), **look)
    assert result.target == tmp_path / "photo-painted.png"
    with PIL.Image.open(result.target) as image:
        assert image.size == SIZE
    assert result.frames == 1
    assert result.error is None
    assert not result.kept
    assert nstd.stylize(Path("photo.png"), **look).kept


def test_numbered_pictures_lie_beside_their_film(look: dict[str, Any], tmp_path: Path) -> None:
    nstd.stylize("film.mp4", container="png", frames="1:3", **look)
    found = sorted(path.name for path in tmp_path.glob("film-painted*"))
    assert found == ["film-painted.000001.png", "film-painted.000002.png"]


def test_progress_is_told_in_this_thread_and_grows(look: dict[str, Any]) -> None:
    told: list[nstd.Progress] = []
    threads = set()

    def tell(progress: nstd.Progress) -> None:
        threads.add(threading.current_thread())
        told.append(progress)

    nstd.stylize("film.mp4", on_progress=tell, **look)
    assert threads == {threading.current_thread()}
    done = [one.done for one in told if one.done is not None]
    assert done == sorted(done)
    assert done[-1] == 1
    assert (told[-1].painted, told[-1].total) == (FRAMES, FRAMES)
    assert any(one.doing == "loading the network" for one in told)
    losses = [one.loss for one in told if one.loss is not None]
    assert losses
    assert all(loss > 0 for loss in losses)


class StopError(Exception):
    """The caller's own."""


def _raise_at(painted: int, stop: Callable[[], None]) -> Callable[[nstd.Progress], None]:
    def tell(progress: nstd.Progress) -> None:
        if progress.painted == painted and progress.loss is not None:
            stop()

    return tell


def _raise_stop() -> None:
    raise StopError


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """Ctrl-C raises: a program that was started in the background ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize(
    ("stop", "error"),
    [(_raise_stop, StopError), (lambda: signal.raise_signal(signal.SIGINT), KeyboardInterrupt)],
    ids=["the caller's error", "Ctrl-C"],
)
def test_what_was_stopped_goes_on(
    stop: Callable[[], None],
    error: type[BaseException],
    look: dict[str, Any],
    tmp_path: Path,
    ctrl_c: None,
) -> None:
    nstd.stylize("film.mp4", output="at-once.mp4", state_dir=tmp_path / "other", **look)
    with pytest.raises(error):
        nstd.stylize("film.mp4", output="stopped.mp4", on_progress=_raise_at(1, stop), **look)
    assert not (tmp_path / "stopped.mp4").exists()
    told: list[nstd.Progress] = []
    nstd.stylize("film.mp4", output="stopped.mp4", on_progress=told.append, **look)
    # It may have painted on until it heard of that.
    begun = next(one for one in told if one.total)
    assert told[0].doing
    assert begun.painted or any(one.painted == 1 and one.loss is None for one in told)
    assert digest(tmp_path / "stopped.mp4") == digest(tmp_path / "at-once.mp4")


def test_the_callers_process_stays_as_it_was(look: dict[str, Any]) -> None:
    def state() -> list[Any]:
        signals = [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD)]
        root = logging.getLogger()
        cudnn = torch.backends.cudnn
        return [
            signals,
            list(root.handlers),
            root.level,
            logging.getLogger("nstd").level,
            torch.get_num_threads(),
            (cudnn.benchmark, cudnn.deterministic, cudnn.allow_tf32),
            dict(os.environ),
            Path.cwd(),
        ]

    torch.set_num_threads(2)
    torch.backends.cudnn.benchmark = True
    before = state()
    nstd.stylize("film.mp4", frames="0:1", **look)
    assert state() == before


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"strenght": "strong"}, UsageError, "There is no option “strenght”.*strength"),
        ({"strength": "huge"}, UsageError, "strength: .*huge"),
        ({"codec": "h265x"}, UsageError, "codec: .*h265x"),
        ({"reader": "eye"}, UsageError, "reader: .*eye"),
        ({"threads": 0}, UsageError, "threads: .*0"),
        ({"device": "abacus"}, UsageError, "device: .*abacus"),
        ({"frames": (0, 9)}, UsageError, "frames: .*tuple"),
        ({"styles": ["style.png"]}, UsageError, "no option “styles”; did you mean “style”"),
        ({"style": 3}, UsageError, "style: .*int"),
        ({"style": ["style.png", "gone.png"]}, UsageError, r"style\[1\]\.image: .*gone.png"),
        ({"recipe": 3, "style": None}, UsageError, "int is no recipe"),
        ({"output": "taken.mp4", "overwrite": "no"}, OutputExistsError, "taken.mp4 is there"),
        ({"overwrite": "perhaps"}, UsageError, "overwrite: “perhaps” is neither yes nor no"),
        ({"frames": "9:3"}, UsageError, "“9:3” holds no frame"),
        ({"style": None}, UsageError, "No style image is given"),
        ({"recipe": "night"}, UsageError, "no recipe “night”"),
        ({"config": "none.yaml"}, nstd.NstdError, "none.yaml"),
        ({"output": "nowhere/else/a.mp4", "source": "film.avi"}, UsageError, "no film.avi"),
        ({"output": "taken.mp4"}, OutputExistsError, "taken.mp4 is there already"),
        ({"source": "."}, UsageError, "is a folder"),
        ({"source": "damaged.mp4"}, InputError, "damaged.mp4"),
    ],
)
def test_what_is_wrong_is_an_error_of_the_tree(
    change: dict[str, Any], error: type[nstd.NstdError], said: str, look: dict[str, Any]
) -> None:
    Path("taken.mp4").write_bytes(b"somebody's")
    Path("damaged.mp4").write_bytes(b"\0\0\0\x18ftypisom" + bytes(400))
    options = look | change
    source = options.pop("source", "film.mp4")
    with pytest.raises(error, match=said) as caught:
        nstd.stylize(source, **options)
    assert "--" not in caught.value.problem.replace("--frames", "")
    assert Path("taken.mp4").read_bytes() == b"somebody's"


def test_a_whole_recipe_can_be_made_once_and_used_again(
    look: dict[str, Any], tmp_path: Path
) -> None:
    machine = {key: look.pop(key) for key in ("threads", "device", "segment_frames")}
    recipe = nstd.recipe(**look, strength="strong")
    assert isinstance(recipe, nstd.Recipe)
    assert nstd.Recipe.from_json(recipe.to_json()) == recipe
    nstd.stylize("film.mp4", output="one.mp4", recipe=recipe, frames="0:1", **machine)
    more = look | machine
    nstd.stylize("film.mp4", output="two.mp4", strength="strong", frames="0:1", **more)
    assert digest(tmp_path / "one.mp4") == digest(tmp_path / "two.mp4")
    with pytest.raises(UsageError, match="given whole, and strength besides"):
        nstd.stylize("film.mp4", output="three.mp4", recipe=recipe, strength="subtle", **machine)
    with pytest.raises(UsageError, match="given whole, and style besides"):
        nstd.stylize("film.mp4", output="three.mp4", recipe=recipe, style="style.png", **machine)
    with pytest.raises(UsageError, match="no option “codec”"):
        nstd.recipe("style.png", codec="h264")


def test_values_are_of_pythons_own_types_or_those_of_numpy_and_torch(look: dict[str, Any]) -> None:
    more = {"codec": "h265", "quality": 30, "depth": 10, "provenance": False, "frames": "0:1"}
    more |= {"levels": [{"long_edge": 48, "steps": 1}], "style_layers": ["conv1_1", "conv2_1"]}
    more |= {"layer_weights": [1, 0.5], "temporal": {"mode": "flow", "weight": 1}, "size": 96}
    more |= {"seed": np.int64(7), "tv_weight": np.float32(0.5), "device": torch.device("cpu")}
    result = nstd.stylize("film.mp4", output="out.mkv", **look | more)
    assert result.target is not None
    with av.open(result.target) as film:
        (stream,) = film.streams.video
        assert stream.codec_context.name == "hevc"
        assert stream.codec_context.pix_fmt == "yuv420p10le"
        assert (stream.width, stream.height) == (96, 72)
        assert not any("recipe" in text for text in film.metadata.values())


def test_a_configuration_is_read_only_where_it_is_named(
    look: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "nstd.yaml").write_text(
        "recipes:\n  night: {style: style.png, levels: '32:1', network: n.safetensors}\n", "utf-8"
    )
    with pytest.raises(UsageError, match="no recipe “night”"):
        nstd.stylize("film.mp4", recipe="night", device="cpu")
    result = nstd.stylize(
        "film.mp4", recipe="night", config="nstd.yaml", device="cpu", threads=1, frames="0:1"
    )
    assert result.frames == 1


def test_what_is_none_is_as_the_configuration_has_it(look: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "nstd.yaml").write_text(f"state_dir: {tmp_path / 'own'}\n", "utf-8")
    nstd.stylize("film.mp4", frames="0:1", config="nstd.yaml", state_dir=None, **look)
    assert (tmp_path / "own").is_dir()
    assert not (tmp_path / "state").exists()


def test_a_source_that_is_gone_is_told_of(look: dict[str, Any]) -> None:
    with pytest.raises((VanishedError, UsageError), match=r"There is no gone\.mp4"):
        nstd.stylize("gone.mp4", **look)


def test_calls_in_several_threads_do_not_disturb_each_other(
    look: dict[str, Any], tmp_path: Path
) -> None:
    """Of two for one output one is refused, or finds it painted."""
    torch.backends.cudnn.benchmark = True
    outputs = ["a.mp4", "b.mp4", "same.mp4", "same.mp4"]

    def paint(number: int) -> str:
        try:
            nstd.stylize("film.mp4", output=outputs[number], seed=number % 3, **look)
        except nstd.NstdError as error:
            return error.kind
        return "painted"

    with ThreadPoolExecutor(len(outputs)) as threads:
        found = list(threads.map(paint, range(len(outputs))))
    assert found[:2] == ["painted", "painted"]
    assert "painted" in found[2:]
    assert torch.backends.cudnn.benchmark
    nstd.stylize("film.mp4", output="alone.mp4", seed=1, state_dir=tmp_path / "alone", **look)
    assert digest(tmp_path / "b.mp4") == digest(tmp_path / "alone.mp4")
