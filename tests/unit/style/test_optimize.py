"""Painting: the steps that are promised, the starts, early ends."""

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

from nstd.errors import ConfigError
from nstd.style.canvas import refine, resize
from nstd.style.ladder import Level
from nstd.style.optimize import Iterate, Painter, initialize, stylize_frame
from nstd.style.targets import MemoryStore, StyleImage
from tests import reference
from tests.unit.style import tiny
from tests.unit.style.tiny import floats

FRAME = tiny.picture(1, 48, 64)
LADDER = (Level(32, 4), Level(48, 3), Level(100, 2))
SMALL_LADDER = (Level(32, 6),)


def painter(dtype: torch.dtype = torch.float64, **changes: Any) -> Painter:
    return tiny.painter(tiny.recipe(**{"levels": LADDER, **changes}), dtype=dtype, readout=True)


def finish(
    painter: Painter, frames: Tensor, energies: Sequence[float] | None = None
) -> list[Iterate]:
    return list(stylize_frame(painter, frames, energies))


def test_the_iterates_are_the_planned_steps_and_the_result() -> None:
    iterates = finish(painter(), FRAME)
    # 32 px would be 24 high: the first level is the smallest that is 32 high. 100 is past 64.
    expected = [(0, step, 4, (32, 43)) for step in range(1, 5)]
    expected += [(1, step, 3, (36, 48)) for step in range(1, 4)]
    expected += [(2, step, 2, (48, 64)) for step in (1, 2, 2)]
    found = [(one.level, one.step, one.steps, tuple(one.image.shape[2:])) for one in iterates]
    assert found == expected
    assert {one.levels for one in iterates} == {3}
    assert [one.final for one in iterates] == [False] * 9 + [True]


@pytest.mark.parametrize("form", ["relative", "literal"])
def test_the_result_is_the_last_picture_clamped_and_so_are_its_losses(form: str) -> None:
    off = {"range_weight": 0.0, "tv_weight": 0.0, "content_weight": 0.0}
    look = tiny.recipe(form=form, levels=SMALL_LADDER, **off)
    style = tiny.picture(99, 36, 48)  # as large as the frame: it is looked at as it is
    ready = tiny.painter(look, readout=True, style=style)
    frame = (tiny.picture(1, 40, 48) > 0.5).double()  # any step leads out of the range
    *_, last, result = finish(ready, frame)
    assert torch.equal(result.image, last.image.clamp(0, 1))
    assert not torch.equal(last.image, result.image)  # something did lie outside
    tensors = tiny.arrays(tiny.tiny_tensors(readout=True))
    picture, content = result.image[0].numpy(), frame[0].numpy()
    expected = reference.objective(
        tensors, look, picture, content, style[0].numpy(), energy_floor=0.25
    )
    # Float64 on both sides; near convergence differences of Grams lose a digit or two.
    assert floats(result.losses) == pytest.approx(vars(expected), rel=1e-9)
    assert floats(result.losses)["range"] == 0


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_painting_lowers_the_loss_and_the_style_s(optimizer: str) -> None:
    ready = painter(optimizer=optimizer, levels=(Level(64, 30),))
    iterates = finish(ready, FRAME)
    assert floats(iterates[-1].losses)["total"] < 0.5 * floats(iterates[0].losses)["total"]
    assert floats(iterates[-1].losses)["style"] < 0.5 * floats(iterates[0].losses)["style"]


def test_a_start_from_the_content_is_the_content() -> None:
    contents = resize(FRAME, 43, 32)
    assert torch.equal(initialize(painter(), contents), contents)
    first = next(stylize_frame(painter(), FRAME))
    assert torch.equal(first.image, contents)
    assert floats(first.losses)["content"] == 0


def test_a_start_from_noise_hangs_on_the_seed_alone() -> None:
    content = tiny.picture(1, 40, 48)
    found = initialize(painter(init="noise", seed=7), content)
    assert found.shape == content.shape
    again = initialize(painter(init="noise", seed=7), tiny.picture(2, 40, 48))
    assert torch.equal(again[0], found[0])
    other = initialize(painter(init="noise", seed=8), content)
    assert not torch.equal(other[0], found[0])
    assert float(found.amin()) >= 0
    assert float(found.amax()) <= 1
    # 5760 uniform numbers: the mean's standard deviation is 0.289 / √5760 = 0.0038.
    assert float(found[0].mean()) == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("size", [(40, 48), (64, 32), (33, 90)])
def test_a_start_from_the_style_is_its_middle_covering_the_frame(size: tuple[int, int]) -> None:
    ready = painter(init="style")
    found = initialize(ready, tiny.picture(1, *size))
    assert found.shape == (1, 3, *size)
    style = ready.styles[0].image
    scale = max(size[0] / style.shape[2], size[1] / style.shape[3])
    whole = resize(style, round(style.shape[3] * scale), round(style.shape[2] * scale))
    top, left = (whole.shape[2] - size[0]) // 2, (whole.shape[3] - size[1]) // 2
    assert min(top, left) == 0
    assert torch.equal(found, whole[:, :, top : top + size[0], left : left + size[1]])


def test_refining_an_unpainted_picture_gives_the_content_back() -> None:
    contents = tiny.picture(1, 48, 64, low=0.1, high=0.9)
    found = refine(resize(contents, 43, 32), contents)
    torch.testing.assert_close(found, contents, rtol=0, atol=1e-14)  # a sum and its undoing


def test_refining_keeps_the_coarser_picture_s_colors() -> None:
    contents = torch.full((1, 3, 48, 64), 0.5, dtype=torch.float64)
    coarser = tiny.picture(2, 32, 43)
    # A flat content has no detail: what comes is the coarser picture, enlarged.
    torch.testing.assert_close(
        refine(coarser, contents), resize(coarser, 64, 48), rtol=0, atol=1e-12
    )


def test_a_finer_level_starts_from_the_coarser_result() -> None:
    iterates = finish(painter(), FRAME)
    last_of_first = next(one for one in reversed(iterates) if one.level == 0)
    first_of_second = next(one for one in iterates if one.level == 1)
    expected = refine(last_of_first.image, resize(FRAME, 48, 36))
    assert torch.equal(first_of_second.image, expected)


def test_a_level_does_not_end_before_the_window_is_full() -> None:
    for window in (1, 3, 7):
        ready = painter(levels=(Level(64, 12),), tolerance=1e9, tolerance_window=window)
        # Any fall is too small: a fall over `window` steps is known after one step more.
        assert len(finish(ready, FRAME)) == window + 1 + 1


def test_a_level_ends_when_its_loss_has_all_but_stopped_falling() -> None:
    changes: dict[str, Any] = {"tolerance": 0.2, "tolerance_window": 4, "levels": (Level(64, 60),)}
    totals = [floats(one.losses)["total"] for one in finish(painter(**changes), FRAME)[:-1]]
    falls = [totals[i - 4] - totals[i] < 0.2 * totals[i] for i in range(4, len(totals))]
    assert len(totals) < 60
    assert falls == [False] * (len(falls) - 1) + [True]


def test_an_early_end_of_one_level_does_not_shorten_the_next() -> None:
    ready = painter(levels=(Level(43, 6), Level(64, 6)), tolerance=1e9, tolerance_window=2)
    assert [one.level for one in finish(ready, FRAME)] == [0, 0, 0, 1, 1, 1, 1]


def test_content_energies_are_those_of_the_frame_at_each_level() -> None:
    ready = painter()
    arrays = tiny.arrays(tiny.tiny_tensors(readout=True))
    found = ready.content_energies(FRAME)
    assert len(found) == len(ready.levels(64, 48)) == 3
    for energy, level in zip(found, ready.levels(64, 48), strict=True):
        image = resize(FRAME, level.width, level.height)[0].numpy()
        activations = reference.activations(arrays, image)["conv4_2"]
        own = reference.energy(reference.read_out(arrays, "conv4_2", activations))
        floor = 0.25 * float(ready.style_target(level).energy)
        assert energy == pytest.approx(max(own, floor), rel=1e-10)  # float64 on both sides


def test_energies_held_constant_are_what_the_content_loss_is_divided_by() -> None:
    ready = painter(init="style", levels=(Level(64, 1),))
    (energy,) = ready.content_energies(FRAME)
    own = floats(finish(ready, FRAME)[0].losses)
    given = floats(finish(ready, FRAME, (4 * energy,))[0].losses)
    assert own["content"] > 0
    assert given["content"] == pytest.approx(own["content"] / 4, rel=1e-12)
    assert {k: given[k] for k in ("style", "tv", "range")} == {
        k: own[k] for k in ("style", "tv", "range")
    }


@pytest.mark.parametrize("init", ["content", "noise"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_two_runs_of_one_plan_give_the_same_bits(init: str, dtype: torch.dtype) -> None:
    runs = [finish(painter(dtype, init=init), FRAME.to(dtype)) for _ in range(2)]
    assert len(runs[0]) == len(runs[1])
    for one, other in zip(*runs, strict=True):
        assert torch.equal(one.image, other.image)
        assert floats(one.losses) == floats(other.losses)


@pytest.mark.parametrize("init", ["content", "style", "noise"])
def test_torch_s_global_random_state_is_left_alone(init: str) -> None:
    before = torch.get_rng_state()
    first = finish(painter(init=init), FRAME)[-1].image
    assert torch.equal(torch.get_rng_state(), before)
    torch.rand(7)
    assert torch.equal(finish(painter(init=init), FRAME)[-1].image, first)


def test_frames_and_pictures_given_out_are_not_written_into() -> None:
    frame = FRAME.clone()
    copies = [(one.image, one.image.clone()) for one in stylize_frame(painter(), frame)]
    assert torch.equal(frame, FRAME)
    assert all(torch.equal(given, copy) for given, copy in copies)


def test_pictures_are_computed_in_the_network_s_precision() -> None:
    assert finish(painter(torch.float64), FRAME.float())[-1].image.dtype == torch.float64
    assert finish(painter(torch.float32), FRAME)[-1].image.dtype == torch.float32


def test_a_black_frame_is_painted_and_nothing_in_it_is_not_a_number() -> None:
    iterates = finish(painter(torch.float32), torch.zeros((1, 3, 48, 64)))
    for one in iterates:
        assert one.image.isfinite().all()
        assert all(torch.tensor(list(floats(one.losses).values())).isfinite())
    assert floats(iterates[-1].losses)["total"] < floats(iterates[0].losses)["total"]
    assert float(iterates[-1].image.amax()) > 0.01


def test_several_styles_pull_between_them() -> None:
    look = tiny.recipe(levels=(Level(64, 1),))
    net = tiny.network(tiny.tiny_tensors(), look)
    one, two = (tiny.picture(seed, 48, 64) for seed in (11, 12))
    mixed = (StyleImage(one, "one", 1.0), StyleImage(two, "two", 1.0))
    for style in (one, two):
        alone = Painter(look, net, "weights", (StyleImage(style, "x"),), MemoryStore())
        both = Painter(look, net, "weights", mixed, MemoryStore())
        found = [floats(finish(ready, style)[0].losses)["style"] for ready in (alone, both)]
        assert found[0] == 0 < found[1]


def test_the_history_is_the_plan_s() -> None:
    look = tiny.recipe(levels=(Level(64, 12),))
    short, long, longer = (
        finish(tiny.painter(look, history=history), FRAME)[-1].image for history in (1, 12, 20)
    )
    assert not torch.equal(short, long)
    assert torch.equal(long, longer)  # twelve steps make eleven pairs


def test_frames_too_small_for_the_network_are_refused() -> None:
    with pytest.raises(ConfigError, match="too small"):
        finish(painter(), tiny.picture(1, 31, 64))


def test_frames_of_the_smallest_size_are_painted() -> None:
    found = finish(painter(), tiny.picture(1, 32, 32))
    assert found[-1].image.shape == (1, 3, 32, 32)
    assert found[-1].image.isfinite().all()
