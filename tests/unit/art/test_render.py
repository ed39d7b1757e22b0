"""The programs that render the styles that ship."""

import sys
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from art.render import PAINTINGS, encode, main, render
from nstd.gallery import list_styles

SMALL = 96
"""Pixels of the long edge: enough that every step of a technique has something to do."""


def test_there_is_a_program_for_every_style_that_ships() -> None:
    assert set(PAINTINGS) == {style.name for style in list_styles()}


@pytest.mark.parametrize("name", PAINTINGS)
def test_each_renders_a_picture_of_the_size_asked_for(name: str) -> None:
    picture = render(name, SMALL)
    assert picture.dtype == np.uint8
    assert picture.shape[1:] == (SMALL, 3)
    assert 0.6 * SMALL < picture.shape[0] <= SMALL
    assert picture.std() > 25  # of 255; an empty canvas has 0


@pytest.mark.parametrize("name", ["woodcut", "stainedglass"])
def test_the_same_name_renders_the_same_bytes(name: str) -> None:
    assert encode(render(name, SMALL)) == encode(render(name, SMALL))


def test_another_seed_renders_another_picture() -> None:
    paint = PAINTINGS["stainedglass"]
    pictures = [paint(SMALL, np.random.default_rng(seed)) for seed in (1, 1, 2)]
    assert np.array_equal(pictures[0], pictures[1])
    assert not np.array_equal(pictures[0], pictures[2])


def test_the_program_writes_what_it_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "a" / "b"
    arguments = ["art.render", "woodcut", "--out", str(out), "--edge", str(SMALL)]
    monkeypatch.setattr(sys, "argv", arguments)
    main()
    assert capsys.readouterr().out.startswith("woodcut: ")
    (path,) = out.iterdir()
    with PIL.Image.open(path) as picture:
        assert (path.name, picture.format, picture.width) == ("woodcut.jpg", "JPEG", SMALL)


def test_the_program_refuses_what_it_does_not_know(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["art.render", "fresco"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "fresco" in capsys.readouterr().err
