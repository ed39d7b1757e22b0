"""`--copy` paints nothing: frames go through the whole program unchanged."""

import json
from pathlib import Path

import av
import numpy as np
import PIL.Image
import pytest

from nstd.cli.main import main
from tests import clips
from tests.media.program import copy


def frames_of(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="gbrp") for frame in container.decode(video=0)]


def test_frames_come_back_as_they_were(tmp_path: Path) -> None:
    film = clips.make(
        tmp_path / "a.mkv", codec="ffv1", pixel_format="bgr0", options={}, sound=("aac",)
    )
    ended = copy(film, tmp_path / "b.mkv", "--codec", "ffv1")
    assert (ended.code, ended.result["frames"]) == (0, 25)
    source, result = frames_of(film), frames_of(tmp_path / "b.mkv")
    assert all((one == other).all() for one, other in zip(source, result, strict=True))


def test_at_a_size_of_its_own(tmp_path: Path) -> None:
    film = clips.make(tmp_path / "a.mp4")
    assert copy(film, tmp_path / "b.mp4", "--size", "48").code == 0
    assert frames_of(tmp_path / "b.mp4")[0].shape == (32, 48, 3)


def test_a_still_comes_back_as_it_was(tmp_path: Path) -> None:
    picture = clips.picture(3, (40, 17))
    PIL.Image.fromarray(picture).save(tmp_path / "a.png")
    assert copy(tmp_path / "a.png", tmp_path / "b.png").code == 0
    with PIL.Image.open(tmp_path / "b.png") as found:
        assert (np.asarray(found) == picture).all()


def test_a_film_too_small_to_be_painted_can_be_copied(tmp_path: Path) -> None:
    film = clips.make(tmp_path / "a.mp4", size=(16, 16))
    assert copy(film, tmp_path / "b.mp4").code == 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--style", "impasto"], "--copy paints nothing, and --style says how"),
        (["--levels", "256:1"], "--copy paints nothing, and --levels says how"),
        (["--size", "huge"], "--size: “huge” is neither pixels"),
    ],
)
def test_what_says_how_to_paint_means_nothing_beside_it(
    options: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    film = clips.make(tmp_path / "a.mp4")
    with pytest.raises(SystemExit) as ended:
        main(["stylize", str(film), "--copy", *options, "-o", str(tmp_path / "b.mp4"), "--json"])
    assert ended.value.code == 2
    assert said in json.loads(capsys.readouterr().out)["error"]
