"""Later frames of a shot: what they start from, what they cost, and what is new in them."""

from typing import Any

import pytest
import torch
from torch import Tensor

from nstd.errors import ConfigError
from nstd.style.ladder import Level
from nstd.style.optimize import Iterate, Painter, stylize_frame
from nstd.style.recipe import Temporal
from nstd.temporal import shot
from nstd.temporal.palette import palette_of
from nstd.temporal.shot import (
    Predecessor,
    later_steps,
    settled_loss,
    start_image,
    stylize_next,
    temporal_target,
)
from nstd.temporal.terms import TemporalTarget
from tests.unit.style import tiny
from tests.unit.style.tiny import floats

HEIGHT, WIDTH = 48, 64
FRAME = tiny.picture(1, HEIGHT, WIDTH)
PAINTED = tiny.picture(2, HEIGHT, WIDTH)
ENERGIES = (1.0,)


def painter(**changes: Any) -> Painter:
    look = tiny.recipe(**{"levels": (Level(64, 18),), "temporal": Temporal(), **changes})
    return tiny.painter(look, readout=True)


def still(value: float = 0.0) -> Tensor:
    return torch.full((1, 2, HEIGHT, WIDTH), value)


OTHERS = tiny.picture(77, HEIGHT, WIDTH)
"""A source like nothing else: pictures say nothing for a place that the flow doubts."""


def standing(painted: Tensor = PAINTED, **changes: Any) -> Predecessor:
    """A predecessor since which nothing has moved."""
    return Predecessor(painted, still(), still(), **{"sources": (FRAME, FRAME), **changes})


def without(hidden: tuple[Any, ...], painted: Tensor = PAINTED) -> Predecessor:
    """A predecessor that does not show these places, where its source shows something else."""
    forward, source = still(), FRAME.clone()
    forward[hidden] = 9.0
    source[hidden] = OTHERS[hidden]
    return Predecessor(painted, still(), forward, (source, FRAME))


def strip(painted: Tensor = PAINTED) -> Predecessor:
    """A predecessor that does not show two columns at the right border."""
    return without((..., slice(-2, None)), painted)


def half_new(painted: Tensor = PAINTED) -> Predecessor:
    """A predecessor that shows only the left half."""
    return without((..., slice(WIDTH // 2, None)), painted)


def follow(ready: Painter, *before: Predecessor, settled: float = 0.0) -> list[Iterate]:
    return list(stylize_next(ready, FRAME, before, ENERGIES, settled))


# --- what it costs -------------------------------------------------------------------------------


def test_a_frame_whose_source_is_the_same_is_its_predecessor_at_no_step() -> None:
    painted = (PAINTED * 255).round() / 255
    (only,) = follow(painter(), standing(painted, same=True))
    assert only.final
    assert only.step == 0
    assert torch.equal(only.image, painted)


def test_a_frame_as_good_as_those_before_it_costs_one_step() -> None:
    first, result = follow(painter(), standing(), settled=1e9)
    assert (first.step, first.final) == (1, False)
    assert result.final
    torch.testing.assert_close(result.image, PAINTED, rtol=0, atol=1e-6)  # flow is float32


def test_without_that_it_takes_a_sixth_of_the_first_frame_s_steps() -> None:
    *iterates, result = follow(painter(), standing())
    assert [one.step for one in iterates] == [1, 2, 3]
    assert {one.steps for one in iterates} == {3}
    assert result.step == 3


@pytest.mark.parametrize("before", [half_new(), strip()])
def test_it_ends_when_its_loss_has_all_but_stopped_falling(
    monkeypatch: pytest.MonkeyPatch, before: Predecessor
) -> None:
    ready = painter(levels=(Level(64, 600),))
    settled = 1e-9  # which no loss comes to
    monkeypatch.setattr(shot, "SETTLED_FALL", 0.2)
    *iterates, _ = follow(ready, before, settled=settled)
    totals = [float(one.losses.total) for one in iterates]
    assert len(totals) < 100
    last = [min(totals[:-4]), min(totals)]
    assert last[1] > 0.8 * last[0]
    *iterates, _ = follow(ready, before)
    assert len(iterates) == 150  # without `settled` all steps are taken


@pytest.mark.parametrize("before", [half_new(), strip()])
def test_where_something_is_new_it_takes_half_as_many_again(before: Predecessor) -> None:
    *iterates, _ = follow(painter(), before)
    assert [one.step for one in iterates] == [1, 2, 3, 4, 5]
    assert {one.steps for one in iterates} == {5}


def test_what_is_new_is_painted_though_the_frame_as_a_whole_is_good_enough() -> None:
    ready = painter(levels=(Level(64, 60),))
    *iterates, _ = follow(ready, half_new(), settled=1e9)
    assert [one.step for one in iterates] == [1, 2, 3, 4, 5]


def speck() -> Predecessor:
    """A predecessor that does not show a few pixels: too few to count as new."""
    return without((..., slice(20, 22), slice(30, 32)))


def test_a_frame_is_as_good_as_others_by_what_they_too_are_measured_by() -> None:
    """A first frame has no temporal loss, so that a later one's is not held against it."""
    weight = 1e6
    ready = painter(temporal=Temporal(weight=weight), levels=(Level(64, 60),))
    first = follow(ready, speck())[0]
    total = float(first.losses.total)
    plain = total - weight * float(first.losses.terms["temporal"])
    assert plain < 0.1 * total
    settled = 2 * plain
    steps = [one.step for one in follow(ready, speck(), settled=settled)]
    assert steps == [1, 1]
    assert [one.step for one in follow(ready, speck(), settled=0.9 * plain)][:2] == [1, 2]


def test_a_temporal_weight_that_overflows_is_named() -> None:
    ready = painter(temporal=Temporal(weight=1e300))
    with pytest.raises(ConfigError, match=r"by temporal: weight, which is 1e\+300"):
        follow(ready, half_new())


def test_steps_are_a_sixth_of_all_and_no_more_than_the_finest_level_s() -> None:
    known = torch.ones(1, 10, 100)
    assert later_steps([80], known) == (14, 0)
    assert later_steps([80, 30, 20], known) == (20, 0)
    assert later_steps([3], known) == (1, 0)
    known[0, 0, :5] = 0
    assert later_steps([80], known) == (14, 0)
    known[0, 1, 0] = 0.5
    assert later_steps([80], known) == (14, 7)
    assert later_steps([6], known) == (1, 1)


def test_it_is_painted_at_the_finest_level_alone() -> None:
    ready = painter(levels=(Level(43, 6), Level(64, 4)))
    for one in stylize_next(ready, FRAME, [standing()], (1.0, 1.0)):
        assert (one.level, one.levels) == (1, 2)
        assert one.image.shape == FRAME.shape


def test_what_settles_a_frame_is_the_first_one_s_loss_and_a_share() -> None:
    ready = painter(temporal=Temporal(settled=0.5, weight=1000.0))
    *_, result = stylize_frame(ready, FRAME, ENERGIES)
    assert settled_loss(ready, result.losses) == pytest.approx(1.5 * float(result.losses.total))
    *_, result = follow(ready, half_new())
    plain = float(result.losses.total) - 1000 * float(result.losses.terms["temporal"])
    assert settled_loss(ready, result.losses) == pytest.approx(1.5 * plain)


# --- what comes out ------------------------------------------------------------------------------


def test_the_result_is_clamped_and_its_losses_are_its_own() -> None:
    ready = painter(range_weight=0.0, content_weight=0.0, tv_weight=0.0)
    *_, last, result = follow(ready, standing((PAINTED > 0.5).double()))
    assert torch.equal(result.image, last.image.clamp(0, 1))
    assert not torch.equal(result.image, last.image)
    assert floats(result.losses)["range"] == 0
    off = (result.image - (PAINTED > 0.5).double()).square().mean()
    assert floats(result.losses)["temporal"] == pytest.approx(float(off), rel=1e-5)


def test_with_more_weight_it_stays_nearer_to_what_was() -> None:
    off = []
    for weight in (0.0, 10.0, 1000.0):
        *_, result = follow(
            painter(temporal=Temporal(weight=weight), levels=(Level(64, 60),)), standing()
        )
        off.append(float((result.image - PAINTED).square().mean()))
    assert off[0] > 1.2 * off[1] > 1.2 * off[2]


def moved_by_then(iterates: list[Iterate], start: Tensor, where: Tensor) -> float:
    return float((iterates[-1].image - start)[:, :, where].square().mean().sqrt())


def test_what_is_new_is_painted_together_with_what_is_known_which_moves_less() -> None:
    ready = painter(temporal=Temporal(weight=0.0), levels=(Level(64, 60),))
    *iterates, _ = follow(ready, half_new())
    target = temporal_target([half_new()], FRAME)
    start = start_image(FRAME, target)
    known = target.trust[0]
    for part in (known == 1, known == 0):
        assert moved_by_then(iterates[:2], start, part) > 0
    ratio = moved_by_then(iterates, start, known == 1) / moved_by_then(iterates, start, known == 0)
    assert ratio < 2 * 0.3


# --- what it starts from -------------------------------------------------------------------------


def test_the_closest_frame_is_taken_and_a_farther_one_where_it_alone_shows_the_place() -> None:
    far = tiny.picture(3, HEIGHT, WIDTH)
    target = temporal_target([half_new(), standing(far)], FRAME)
    left, right = slice(0, WIDTH // 2 - 4), slice(WIDTH // 2 + 4, None)
    assert target.warped.shape == (2, 1, 3, HEIGHT, WIDTH)
    assert bool((target.trusts[0][..., left] == 1).all())
    assert bool((target.trusts[1][..., left] == 0).all())
    assert bool((target.trusts[1][..., right] == 1).all())
    start = start_image(FRAME, target)
    torch.testing.assert_close(start[..., left], PAINTED[..., left], rtol=0, atol=1e-6)
    torch.testing.assert_close(start[..., right], far[..., right], rtol=0, atol=1e-6)


def test_what_is_new_starts_in_the_colors_around_it() -> None:
    content = tiny.picture(1, HEIGHT, WIDTH, low=0.2, high=0.5).float()
    offset = torch.tensor([0.3, -0.1, 0.2])[:, None, None]
    known = torch.ones(1, HEIGHT, WIDTH)
    known[:, 10:30, 20:40] = 0
    target = TemporalTarget((content + offset)[None], known[None])
    # All that is known was moved by one offset: so is what is new.
    torch.testing.assert_close(start_image(content, target), content + offset)


@pytest.mark.parametrize(("height", "width"), [(64, 256), (256, 64), (7, 250), (1, 64)])
def test_however_wide_a_picture_all_that_is_new_starts_in_the_colors_beside_it(
    height: int, width: int
) -> None:
    content = tiny.picture(1, height, width, low=0.2, high=0.5).float()
    known = torch.zeros(1, height, width)
    if width > height:
        known[..., width // 2 :] = 1
    else:
        known[:, height // 2 :] = 1
    painted = torch.where(known[:, None] == 1, content + 0.3, 0)
    start = start_image(content, TemporalTarget(painted[None], known[None]))
    torch.testing.assert_close(start, content + 0.3, rtol=0, atol=1e-5)


def test_what_is_new_between_two_colors_goes_from_one_to_the_other() -> None:
    content = torch.full((1, 3, 32, 64), 0.5)
    painted = content.clone()
    painted[..., :32], painted[..., 32:] = 0.2, 0.8
    known = torch.ones(1, 32, 64)
    known[..., 16:48] = 0
    start = start_image(content, TemporalTarget(painted[None], known[None]))
    row = start[0, 0, 16]
    assert torch.equal(row[:16], painted[0, 0, 16, :16])
    assert torch.equal(row[48:], painted[0, 0, 16, 48:])
    assert bool((row.diff() > -0.02).all())
    assert float(row[18]) < 0.35
    assert float(row[45]) > 0.65


def test_where_nothing_is_known_the_start_is_the_content() -> None:
    target = TemporalTarget(PAINTED[None], torch.zeros(1, 1, HEIGHT, WIDTH, dtype=torch.float64))
    torch.testing.assert_close(start_image(FRAME, target), FRAME)


# --- sources that resemble each other ------------------------------------------------------------


def test_what_comes_into_the_picture_is_new_though_it_resembles_the_border() -> None:
    even = torch.full((1, 3, HEIGHT, WIDTH), 0.25, dtype=torch.float64)
    backward = still(5.0)
    backward[:, 1] = 0
    target = temporal_target([Predecessor(PAINTED, backward, -backward, (even, even))], even)
    assert bool((target.trust[..., -4:] < 1).all())
    assert bool((target.trust[..., :-5] > 0.99).all())


# --- the shot's own colors -----------------------------------------------------------------------


def test_what_is_new_takes_the_color_that_the_first_frame_gave_to_what_looked_like_it() -> None:
    # The paint beside the strip is red; of a source like the strip's it once was blue.
    content = torch.full((1, 3, HEIGHT, WIDTH), 0.5)
    paint = content + torch.tensor([0.3, 0.0, 0.0])[:, None, None]
    known = torch.ones(1, HEIGHT, WIDTH)
    known[..., -8:] = 0
    target = TemporalTarget(paint[None], known[None])
    around = start_image(content, target)
    torch.testing.assert_close(around[..., -8:], paint[..., -8:])
    blue = content + torch.tensor([0.0, 0.0, 0.3])[:, None, None]
    start = start_image(content, target, palette_of(blue, content))
    torch.testing.assert_close(start[..., :-8], paint[..., :-8])
    # 312 cells tell: less than a hundredth of the color around is left.
    torch.testing.assert_close(start[..., -8:], blue[..., -8:], atol=3e-3, rtol=0)


def test_a_shot_s_palette_is_what_new_places_of_its_frames_start_from() -> None:
    dark = palette_of(torch.zeros_like(FRAME), FRAME)
    own, around = (
        next(stylize_next(painter(), FRAME, [half_new()], ENERGIES, 0.0, given)).image
        for given in (dark, None)
    )
    new = (..., slice(WIDTH // 2 + 4, None))
    assert float(own[new].mean()) < float(around[new].mean()) - 0.1


def test_what_a_shot_has_drifted_by_is_taken_back() -> None:
    darker = PAINTED * 0.9
    palette = palette_of(PAINTED, FRAME)
    free, held = (
        list(stylize_next(painter(), FRAME, [standing(darker)], ENERGIES, 0.0, given))[-1].image
        for given in (None, palette)
    )
    assert float(free.mean()) < float(held.mean()) < float(PAINTED.mean())


def test_of_a_frame_whose_source_is_the_same_not_even_the_light_changes() -> None:
    palette = palette_of(torch.zeros_like(FRAME), FRAME)
    before = [standing(same=True)]
    (only,) = stylize_next(painter(), FRAME, before, ENERGIES, 0.0, palette)
    assert torch.equal(only.image, PAINTED)
