"""Colors of a shot's first frame: like source colors get its paint's later, unlike ones none."""

import json
import math
from dataclasses import asdict

import pytest
import torch
from torch import Tensor

from nstd.temporal.palette import Palette, palette_of

HEIGHT, WIDTH = 48, 96
"""Cells of 4 by 4 pixels."""


def even(*color: float, height: int = HEIGHT, width: int = WIDTH) -> Tensor:
    return torch.tensor(color)[None, :, None, None].expand(1, 3, height, width).clone()


def halves(left: tuple[float, ...], right: tuple[float, ...]) -> Tensor:
    picture = even(*left)
    picture[..., WIDTH // 2 :] = even(*right)[..., WIDTH // 2 :]
    return picture


BLUE, RED = (0.2, 0.3, 0.6), (0.7, 0.2, 0.2)
GREEN, GOLD = (0.1, 0.5, 0.3), (0.9, 0.7, 0.1)
TWO = palette_of(halves(GREEN, GOLD), halves(BLUE, RED))
"""Blue was painted green, red was painted gold: 144 cells each."""


def recolored(palette: Palette, content: Tensor) -> tuple[Tensor, Tensor]:
    change, known = palette.change(content)
    return content + change, known


def test_a_color_of_the_first_frame_becomes_what_it_became_there() -> None:
    for shown, became in ((BLUE, GREEN), (RED, GOLD)):
        content = even(*shown)
        found, known = recolored(TWO, content)
        half = 24 * 24 // 4
        torch.testing.assert_close(
            known, torch.full_like(known, half / (half + 2)), atol=1e-4, rtol=0
        )
        # The rest, 1.4 %, is left to the colors around.
        expected = content + known * (even(*became) - content)
        torch.testing.assert_close(found, expected, atol=2e-4, rtol=0)


def test_places_each_take_the_color_of_what_they_show() -> None:
    # Half as wide again, and the other way round.
    content = halves(RED, BLUE)
    found, _ = recolored(TWO, content)
    inner = slice(4, WIDTH // 2 - 4)
    assert (found[..., inner] - even(*GOLD)[..., inner]).abs().max() < 0.01
    assert (found.flip(3)[..., inner] - even(*GREEN)[..., inner]).abs().max() < 0.01


def test_what_the_first_frame_showed_nothing_like_is_left_alone() -> None:
    content = even(0.9, 0.9, 0.9)
    found, known = recolored(TWO, content)
    assert float(known.max()) < 1e-6
    torch.testing.assert_close(found, content)


def test_beside_what_is_unknown_nothing_turns_dark() -> None:
    white = (0.9, 0.9, 0.9)
    content = halves(BLUE, white)
    change, known = TWO.change(content)
    # The change is that of what is known, to the share that is: none of it is the unknown's.
    expected = known * (even(*GREEN) - even(*BLUE))
    torch.testing.assert_close(change, expected, atol=2e-3, rtol=0)
    assert 0.2 < float(known[..., WIDTH // 2].mean()) < 0.8


def test_how_far_it_is_known_falls_with_the_difference() -> None:
    alone = Palette((BLUE,), (GREEN,))
    for off in (0.0, 1.0, 2.0):
        shifted = (BLUE[0] + off * 10 / 255, *BLUE[1:])
        _, known = alone.change(even(*shifted))
        say = math.exp(-(off**2) / 2)
        assert float(known.mean()) == pytest.approx(say * say / (say + 2), rel=1e-3)


def test_of_colors_that_became_several_it_is_the_mean() -> None:
    both = Palette((BLUE, BLUE), (GREEN, GOLD))
    change, known = both.change(even(*BLUE))
    mean = torch.tensor([GREEN, GOLD]).mean(dim=0)
    expected = even(*mean.tolist()) - even(*BLUE)
    torch.testing.assert_close(change / known, expected, atol=1e-5, rtol=0)


def test_paint_that_has_grown_darker_is_led_back_a_little_in_each_frame() -> None:
    content, due = halves(BLUE, RED), halves(GREEN, GOLD)
    painted, lights = due * 0.9, []
    for _ in range(40):
        painted = TWO.hold(painted, content)
        lights.append(float(painted.mean() / due.mean()))
    assert lights[0] < 0.92
    assert lights == sorted(lights)
    # Some of the difference is that of the colors between two cells, which no cell has.
    assert lights[-1] == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("light", [0.4, 1.4])
def test_a_fade_is_not_held_to_what_was_before(light: float) -> None:
    faded = halves(BLUE, RED) * light
    painted = halves(GREEN, GOLD) * light
    held = TWO.hold(painted, faded)
    torch.testing.assert_close(held, painted.clamp(0, 1), rtol=0, atol=1e-4)


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (200, 3), (17, 31)])
def test_pictures_of_any_shape_have_one(size: tuple[int, int]) -> None:
    height, width = size
    found = palette_of(
        even(*GREEN, height=height, width=width), even(*BLUE, height=height, width=width)
    )
    change, known = found.change(even(*BLUE, height=height, width=width))
    assert change.shape == (1, 3, height, width)
    assert known.shape == (1, 1, height, width)
    assert bool(change.isfinite().all())


def test_it_comes_back_from_json_as_it_was() -> None:
    assert Palette.of(json.loads(json.dumps(asdict(TWO)))) == TWO


def test_a_ledger_s_row_holds_it_for_each_segment() -> None:
    generator = torch.Generator().manual_seed(1)
    pictures = torch.rand(2, 1, 3, 256, 256, generator=generator)
    # As many cells as there can be.
    assert len(json.dumps(asdict(palette_of(*pictures)))) < 36_000
