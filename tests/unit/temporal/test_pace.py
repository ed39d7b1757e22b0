"""How fast known paint may change, and what color it keeps: as its source does."""

import pytest
import torch
from torch import Tensor

from nstd.style.recipe import Temporal
from nstd.temporal.pace import (
    keep_colors,
    keep_pace,
    source_pace,
)
from nstd.temporal.terms import Pace, TemporalTarget
from tests.unit.style import tiny

HEIGHT, WIDTH = 48, 64
FRAME = tiny.picture(1, HEIGHT, WIDTH)
PAINTED = tiny.picture(2, HEIGHT, WIDTH)
EVERYWHERE = torch.ones(1, 1, HEIGHT, WIDTH).double()
WEIGHT = Temporal().weight
Sources = tuple[Tensor, Tensor]
"""The earlier one as it is warped, and the later one."""


def target_of(
    sources: list[Sources | None], warped: list[Tensor], trusts: Tensor
) -> TemporalTarget:
    known = [pair for pair in sources if pair is not None]
    pace = None
    if known:
        pace = source_pace(known[0][1], torch.stack([earlier for earlier, _ in known]), trusts)
    return TemporalTarget(torch.stack(warped), trusts, pace=pace)


LIVELY = (2.55 / 255) ** 2
"""Mean squared change from which on a source is lively: 2.5 code values."""

ROUNDING = 1 / (6 * 255**2)
"""Mean squared change of pictures that differ by rounding to 8 bits."""

UNSEEN = 0.8 * ROUNDING
"""What paint may change however its source stands."""

# --- firmness ------------------------------------------------------------------------------------


def noise(variance: float) -> Tensor:
    """What is no color: as much up as down from pixel to pixel."""
    rows, columns = torch.arange(HEIGHT)[:, None], torch.arange(WIDTH)
    signs = 1.0 - 2 * ((rows + columns) % 2)
    values: Tensor = variance**0.5 * signs.double()
    return values.expand(1, 3, -1, -1)


def pace_of(move: Tensor) -> Pace:
    return source_pace(FRAME + move, FRAME[None], EVERYWHERE)


@pytest.mark.parametrize(
    ("change", "firmness"),
    [(1.0, 1), (LIVELY, 1), (LIVELY / 4, 8), (LIVELY / 9, 27), (ROUNDING, 120), (0.0, 120)],
)
def test_the_less_a_source_changes_the_firmer_its_paint_is_held(
    change: float, firmness: float
) -> None:
    found = pace_of(noise(change))
    assert float(found.change) == pytest.approx(change, rel=1e-6, abs=1e-18)
    assert float(found.firmness) == pytest.approx(firmness, rel=1e-5)


@pytest.mark.parametrize("codes", [0.5, 1, -2])
def test_a_fade_is_lively_though_two_frames_hardly_differ(codes: float) -> None:
    found = pace_of(torch.full_like(FRAME, codes / 255))
    assert float(found.change) == pytest.approx((codes / 255) ** 2)
    torch.testing.assert_close(found.broad, torch.full_like(FRAME, codes / 255))
    assert (codes / 255) ** 2 * 100 > LIVELY
    assert float(found.firmness) == 1


@pytest.mark.parametrize("known", [1.0, 0.3])
def test_noise_is_no_fade_though_its_means_are_not_quite_zero(known: float) -> None:
    """A camera's of half a code value: means over squares have 1 / 256 of its variance."""
    generator = torch.Generator().manual_seed(0)
    grain = 0.5 / 255 * torch.randn(FRAME.shape, generator=generator, dtype=torch.float64)
    found = source_pace(FRAME + grain, FRAME[None], known * EVERYWHERE)
    assert float(found.change) == pytest.approx((0.5 / 255) ** 2, rel=0.05)
    assert float(found.firmness) > 0.5 * 120


def test_where_nothing_is_known_nothing_has_a_pace() -> None:
    found = source_pace(FRAME, PAINTED[None], torch.zeros_like(EVERYWHERE))
    for part in (found.broad, found.change):
        assert float(part.abs().max()) == 0
    assert bool(found.firmness.isfinite())


def test_a_place_has_the_pace_since_that_frame_which_shows_it() -> None:
    """The closest one, an insert, shows only a strip, which stands."""
    trusts = torch.zeros(2, 1, HEIGHT, WIDTH).double()
    trusts[0, ..., :8] = trusts[1, ..., 8:] = 1
    insert = torch.where(trusts[0] == 1, FRAME, PAINTED)
    found = source_pace(FRAME, torch.stack([insert, FRAME + noise(1e-5)]), trusts)
    assert float(found.change) == pytest.approx(1e-5 * (WIDTH - 8) / WIDTH)


# --- pace ----------------------------------------------------------------------------------------

SOFT = 0.1 + 0.8 * PAINTED
"""In which nothing is clamped."""


def at_pace(
    strokes: Tensor,
    change: float,
    *,
    known: Tensor = EVERYWHERE,
    weight: float = WEIGHT,
    fade: float = 0.0,
) -> Tensor:
    """What is left of strokes on a frame whose source changes by so much, and fades."""
    sources = (FRAME, FRAME + noise(change) + fade)
    return keep_pace(SOFT + strokes, target_of([sources], [SOFT], known), weight) - SOFT


@pytest.mark.parametrize("change", [0.0, 1e-6, 1e-5, 1e-4])
def test_known_paint_changes_no_more_than_its_source(change: float) -> None:
    strokes = noise(4e-4)
    left = at_pace(strokes, change)
    assert float(left.square().mean()) == pytest.approx(max(change, UNSEEN))
    torch.testing.assert_close(left / left.std(), strokes / strokes.std())


def test_paint_that_changes_less_is_left_alone() -> None:
    strokes = noise(4e-4)
    torch.testing.assert_close(at_pace(strokes, 4.1e-4), strokes)
    torch.testing.assert_close(at_pace(noise(0.9 * UNSEEN), 0.0), noise(0.9 * UNSEEN))
    silent = target_of([None], [SOFT], EVERYWHERE)
    assert torch.equal(keep_pace(SOFT + strokes, silent, WEIGHT), SOFT + strokes)


def test_what_is_known_in_part_is_held_in_part() -> None:
    """By as much as if it were known, times how far it is."""
    too_far = 1 - (1e-5 / 4e-4) ** 0.5
    for share in (1, 0.75, 0.5, 0.25):
        left = at_pace(noise(4e-4), 1e-5, known=share * EVERYWHERE)
        torch.testing.assert_close(left, (1 - share * too_far) * noise(4e-4))


@pytest.mark.parametrize(
    ("weight", "times"), [(WEIGHT, 1), (10 * WEIGHT, 1), (WEIGHT / 4, 4), (1e-9, 40), (0.0, 40)]
)
def test_the_less_the_loss_weighs_the_more_is_let_be(weight: float, times: float) -> None:
    left = at_pace(noise(4e-4), 1e-5, weight=weight)
    assert float(left.square().mean()) == pytest.approx(times * 1e-5)


@pytest.mark.parametrize("fade", [0.5, -2.0])
def test_a_fade_is_followed_whatever_the_strokes_do(fade: float) -> None:
    strokes = noise((3 / 255) ** 2)
    left = at_pace(strokes + fade / 255, 1e-5, fade=fade / 255)
    assert float(left.mean()) * 255 == pytest.approx(fade, rel=1e-6)
    assert float(left.var()) == pytest.approx(1e-5 + (fade / 255) ** 2, rel=1e-3)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_what_is_kept_is_a_picture_of_the_painter_s_type(dtype: torch.dtype) -> None:
    target = target_of([(FRAME, FRAME)], [torch.ones_like(FRAME)], 0.5 * EVERYWHERE)
    for kept in (
        keep_pace(torch.full_like(FRAME, 1.5).to(dtype), target, WEIGHT),
        keep_colors(torch.full_like(FRAME, -0.5).to(dtype), target),
    ):
        assert kept.dtype == dtype
        assert 0 <= float(kept.min()) <= float(kept.max()) <= 1


# --- what is known keeps its color ---------------------------------------------------------------


def colored(
    offset: float, light: float = 0.0, *, source: bool = True, known: float = 1.0
) -> tuple[Tensor, Tensor]:
    """What is made of a frame brighter by `offset` than before, its source by `light`."""
    warped = tiny.picture(1, HEIGHT, WIDTH, low=0.3, high=0.6)
    content = tiny.picture(2, HEIGHT, WIDTH, low=0.3, high=0.6)
    before = (content, content + light) if source else None
    trusts = torch.full((1, 1, HEIGHT, WIDTH), known, dtype=warped.dtype)
    return keep_colors(warped + offset, target_of([before], [warped], trusts)), warped


@pytest.mark.parametrize(
    ("offset", "light", "left"),
    [(0.1, 0, 0), (-0.1, 0, 0), (0.1, 0.04, 0.04), (0.02, 0.04, 0.02), (-0.1, 0.04, 0)],
)
def test_what_is_known_takes_another_color_only_as_far_as_its_source(
    offset: float, light: float, left: float
) -> None:
    found, warped = colored(offset, light)
    torch.testing.assert_close(found, warped + left)


@pytest.mark.parametrize("known", [0.25, 0.5, 0.9])
def test_drift_is_taken_back_by_as_much_as_a_place_is_known(known: float) -> None:
    found, warped = colored(0.1, known=known)
    torch.testing.assert_close(found, warped + (1 - known) * 0.1)


def test_what_is_new_beside_it_changes_nothing_for_what_is_known() -> None:
    warped = tiny.picture(1, HEIGHT, WIDTH, low=0.3, high=0.6)
    trusts = torch.ones(1, 1, HEIGHT, WIDTH, dtype=warped.dtype)
    trusts[..., WIDTH // 2 + 3 :] = 0  # not at the border of a square
    left = 0.1 * (1 - trusts[0])
    for new in (0.0, 0.9):  # whatever the warped frame is there
        there = torch.where(trusts[0] == 1, warped, new)
        target = target_of([(FRAME, FRAME)], [there], trusts)
        found = keep_colors(warped + 0.1, target)
        torch.testing.assert_close(found, warped + left)


def test_frames_at_two_distances_share_in_what_is_known() -> None:
    near, far = PAINTED * 0.4 + 0.3, PAINTED * 0.4 + 0.35
    trusts = torch.full((2, 1, HEIGHT, WIDTH), 0.5, dtype=torch.float64)
    # Its mean is to be that of both.
    found = keep_colors(near + 0.1, target_of([(FRAME, FRAME)] * 2, [near, far], trusts))
    torch.testing.assert_close(found, near + 0.025)


def test_without_sources_colors_are_as_painted() -> None:
    found, warped = colored(0.1, source=False)
    assert torch.equal(found, warped + 0.1)


def test_strokes_are_left_as_they_were_painted() -> None:
    warped = torch.full((1, 3, HEIGHT, WIDTH), 0.5)
    strokes = torch.where((torch.arange(WIDTH) % 4 < 2).expand(HEIGHT, WIDTH), 0.2, -0.2)
    target = target_of([(warped, warped)], [warped], EVERYWHERE.float())
    found = keep_colors(warped + strokes, target)
    torch.testing.assert_close(found, warped + strokes)
