"""Whether frames show the same, and that paint which has come off what it shows is noticed."""

import pytest
import torch
from torch import Tensor

from nstd.temporal.shot import Predecessor, temporal_target
from nstd.temporal.terms import TemporalTarget
from nstd.temporal.trust import (
    agreement,
    faithfulness,
    photo_consistency,
)
from nstd.temporal.warp import warp, warp_sharp
from tests.unit.style import tiny

HEIGHT, WIDTH = 64, 80
NEARBY_PX, LIGHT_PX = 7, 31
"""Squares over which differences are taken, and over which one is of the light."""
CENTER = (..., HEIGHT // 2, WIDTH // 2)
GRAY = torch.full((1, 3, HEIGHT, WIDTH), 0.5, dtype=torch.float64)


def uniform(x: float = 0.0, y: float = 0.0) -> Tensor:
    """Flow that is the same everywhere."""
    return torch.tensor([x, y])[None, :, None, None].expand(1, 2, HEIGHT, WIDTH).double()


def board() -> Tensor:
    """−1 and 1 by turns: over any even square their mean is nothing."""
    rows, columns = torch.arange(HEIGHT)[:, None], torch.arange(WIDTH)
    return (((rows + columns) % 2) * 2.0 - 1.0).double()


def spot(off: float) -> Tensor:
    """Differs by `off` from what is around, less the light, on a square in the middle."""
    half = NEARBY_PX // 2
    picture = GRAY.clone()
    rows = slice(HEIGHT // 2 - half, HEIGHT // 2 + half + 1)
    columns = slice(WIDTH // 2 - half, WIDTH // 2 + half + 1)
    picture[..., rows, columns] += off / (1 - NEARBY_PX**2 / LIGHT_PX**2)
    return picture


def thresholds(full: float, none: float) -> list[tuple[float, float]]:
    """Differences, and how far something is to be trusted that has them."""
    between = [(full + share * (none - full), 1 - share) for share in (0.25, 0.5)]
    return [(0, 1), (full, 1), *between, (none, 0), (2 * none, 0)]


# --- photo_consistency ---------------------------------------------------------------------------


@pytest.mark.parametrize(("off", "known"), thresholds(3 / 255, 25 / 255))
@pytest.mark.parametrize("sign", [-1, 1])
def test_frames_resemble_each_other_by_the_size_of_their_difference(
    off: float, known: float, sign: int
) -> None:
    for difference in (torch.ones_like(board()), board()):
        found = photo_consistency(GRAY + sign * off * difference, GRAY)
        assert found.shape == (1, HEIGHT, WIDTH)
        assert float(found[CENTER]) == pytest.approx(known, abs=1e-9)


def test_what_has_moved_as_the_flow_says_resembles_itself_but_beyond_the_border() -> None:
    earlier = tiny.picture(1, HEIGHT, WIDTH)
    flow, doubted = uniform(x=5.0, y=-3.0), uniform(x=30.0)
    later = warp(earlier, flow)
    inside = torch.zeros(1, HEIGHT, WIDTH, dtype=torch.bool)
    inside[:, 3:, :-5] = True
    # The way back leads elsewhere, so that the pictures alone speak for it.
    before = [Predecessor(earlier, way, doubted, sources=(earlier, later)) for way in (flow, -flow)]
    right, wrong = (temporal_target([one], later).trust for one in before)
    assert torch.equal(right >= 0.79, inside)
    assert torch.equal(right == 0, ~inside)
    assert float(wrong[:, 8:-8, 8:-8].mean()) < 0.01


# --- agreement -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("off", "known"), thresholds(30 / 255, 60 / 255))
def test_frames_bear_out_a_flow_by_the_size_of_what_is_not_light(off: float, known: float) -> None:
    found = agreement(GRAY + off * board(), GRAY)
    # An odd square's mean of the board, taken for light, is a thousandth of it.
    assert float(found[CENTER]) == pytest.approx(known, abs=0.005)


def test_the_flow_is_borne_out_where_it_leads_and_nowhere_else() -> None:
    earlier = tiny.picture(1, HEIGHT, WIDTH)
    flow = uniform(x=4.0, y=2.0)
    later = warp(earlier, flow)
    assert bool((agreement(warp(earlier, flow), later) == 1).all())
    assert float(agreement(warp(earlier, -flow), later)[:, 8:-8, 8:-8].mean()) < 0.2


# --- faithfulness --------------------------------------------------------------------------------


@pytest.mark.parametrize(("off", "known"), thresholds(15 / 255, 40 / 255))
@pytest.mark.parametrize("sign", [-1, 1])
def test_paint_is_of_what_is_here_by_the_size_of_the_difference_of_means(
    off: float, known: float, sign: int
) -> None:
    found = faithfulness(spot(sign * off), GRAY)
    assert found.shape == (1, HEIGHT, WIDTH)
    assert float(found[CENTER]) == pytest.approx(known, abs=1e-9)
    assert float(found[0, 0, 0]) == 1


@pytest.mark.parametrize("light", [-0.5, -0.1, 0.3])
def test_light_over_the_whole_picture_speaks_neither_against_flow_nor_against_paint(
    light: float,
) -> None:
    picture = tiny.picture(1, HEIGHT, WIDTH)
    assert bool((faithfulness(picture, picture + light) == 1).all())
    assert bool((agreement(picture, picture + light) == 1).all())
    assert bool((photo_consistency(picture, picture + light) == 0).all())


def test_texture_that_wavers_about_the_same_mean_is_no_other_thing() -> None:
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(GRAY.shape, generator=generator, dtype=torch.float64)
    away = slice(NEARBY_PX, -NEARBY_PX)  # from the border, where one pixel stands for several
    for wavered in (GRAY + 0.13 * noise, GRAY + 0.4 * board()):
        assert bool((faithfulness(GRAY, wavered)[:, away, away] == 1).all())
    # Of two frames that follow each other it counts.
    assert bool((agreement(GRAY, GRAY + 0.4 * board())[:, away, away] == 0).all())


def test_an_edge_that_is_not_where_it_was_painted_is_another_thing() -> None:
    shown, here = GRAY.clone(), GRAY.clone()
    shown[..., 40:] += 0.4
    here[..., 44:] += 0.4
    found = faithfulness(shown, here)
    assert float(found[..., 40:44].max()) < 0.05
    assert bool((found[..., : 40 - NEARBY_PX] == 1).all())
    assert bool((found[..., 44 + NEARBY_PX :] == 1).all())


# --- what paint was painted for, carried along ---------------------------------------------------


def fooled(before: Tensor, here: Tensor, shown: Tensor | None) -> TemporalTarget:
    """What is trusted by a flow that says that nothing has moved."""
    flow = uniform()
    return temporal_target(
        [Predecessor(before, flow, flow, sources=(before, here), shown=shown)], here
    )


def shown_of(target: TemporalTarget) -> Tensor:
    assert target.shown is not None
    return target.shown


def creeping(frame: int) -> Tensor:
    """A bright square before a dark ground, 0.4 px farther to the right in each frame."""
    columns = torch.arange(WIDTH, dtype=torch.float64)
    left = 20 + 0.4 * frame
    covered = (torch.clamp(columns + 1, max=left + 30) - torch.clamp(columns, min=left)).clamp(0, 1)
    picture = torch.full((1, 3, HEIGHT, WIDTH), 0.1, dtype=torch.float64)
    picture[..., 16:48, :] += 0.75 * covered
    return picture


def lag(shown: Tensor, here: Tensor) -> float:
    """Pixels by which the square's left edge is behind, in its middle row."""
    return float((shown - here).abs()[0, 0, HEIGHT // 2, :45].sum() / 0.75)


def test_carried_over_many_frames_it_shows_and_paint_stays_with_the_edge() -> None:
    shown = creeping(0)
    for frame in range(1, 31):
        here = creeping(frame)
        target = fooled(creeping(frame - 1), here, shown)
        shown = shown_of(target)
        at_the_edge = float(target.trust[0, HEIGHT // 2, :45].min())
        assert (at_the_edge == 1) == (frame == 1)
        assert frame < 3 or 0.5 < at_the_edge < 0.7
        # It is refreshed as it goes: not 12 px behind in the end, but less than one.
        assert lag(shown, here) < 1
        assert bool((target.trust[:, 20:44, 36:44] == 1).all())  # within the square
        assert bool((target.trust[..., :12] == 1).all())


def test_paint_of_what_has_crept_away_is_new_and_is_then_of_what_is_here() -> None:
    shown, here = creeping(0), creeping(10)
    target = fooled(creeping(9), here, shown)
    swept = (..., slice(20, 44), slice(20, 24))
    assert bool((target.trust[swept] < 0.05).all())
    again = shown_of(target)
    torch.testing.assert_close(again[swept], here[swept], rtol=0, atol=0.05 * 0.75)
    known = target.trust == 0
    assert int(known.sum()) > 100
    assert torch.equal(again.mean(dim=1)[known], here.mean(dim=1)[known])
    # From then on the edge is known again, for as long as it stays.
    assert float(fooled(here, here, again).trust.min()) > 0.99
    assert float(fooled(here, here, shown).trust.min()) == 0


def test_where_all_is_trusted_what_is_shown_is_carried_along_as_paint_is() -> None:
    earlier = tiny.picture(1, HEIGHT, WIDTH, low=0.3, high=0.6)
    flow = uniform(x=1.5, y=-0.5)
    later, shown = warp_sharp(earlier, flow), earlier + 0.02
    before = Predecessor(earlier, flow, -flow, sources=(earlier, later), shown=shown)
    target = temporal_target([before], later)
    inside = target.trust[:, None] == 1
    assert float(inside.double().mean()) > 0.9
    off = (shown_of(target) - warp_sharp(shown, flow)).abs()
    assert float((off * inside).max()) < 1e-9
    assert float((shown_of(target) - later).abs().max()) > 0.01


def test_each_place_shows_what_the_frame_it_is_known_from_has_shown() -> None:
    source = GRAY + 0.01 * board()
    hidden = uniform().clone()
    hidden[..., WIDTH // 2 :] = 9.0
    # Of the doubted half the sources say nothing either: there they are others.
    other = source.clone()
    other[..., WIDTH // 2 :] = tiny.picture(3, HEIGHT, WIDTH // 2)
    shown = [GRAY - 0.02, GRAY + 0.02]
    near = Predecessor(source, uniform(), hidden, sources=(other, source), shown=shown[0])
    far = Predecessor(source, uniform(), uniform(), sources=(source, source), shown=shown[1])
    found = shown_of(temporal_target([near, far], source))
    for half, due in ((slice(None, 24), shown[0]), (slice(-24, None), shown[1])):
        torch.testing.assert_close(found[..., half], due[..., half], rtol=0, atol=1e-6)


def test_without_the_sources_of_all_nothing_is_said_of_what_is_shown() -> None:
    picture = tiny.picture(1, HEIGHT, WIDTH)
    said = Predecessor(picture, uniform(), uniform(), sources=(picture, picture), shown=picture)
    silent = Predecessor(picture, uniform(), uniform())
    for before in ([silent], [said, silent], [silent, said]):
        assert temporal_target(before, picture).shown is None
    assert temporal_target([said, said], picture).shown is not None
