"""The programs that render the styles that ship."""

import numpy as np
import pytest

from art.render import PAINTINGS, encode, render
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
