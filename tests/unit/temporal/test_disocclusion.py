"""Disocclusions are in the style by themselves, weighted by their share of the frame."""

from dataclasses import replace
from typing import Literal

import pytest
import torch
from torch import Tensor

from nstd.style.losses import second_moment
from nstd.style.terms import Objective
from nstd.temporal.disocclusion import disocclusion
from nstd.temporal.terms import Disocclusion, TemporalTarget, later_terms
from tests.unit.style import tiny

Form = Literal["relative", "literal"]

HEIGHT, WIDTH = 32, 48
IMAGES = tiny.picture(1, HEIGHT, WIDTH, count=2)
CONTENT = tiny.picture(2, HEIGHT, WIDTH, count=2)
STYLE = tiny.picture(3, 36, 48)
UNTRUSTED = TemporalTarget(IMAGES[None], torch.zeros(1, 2, HEIGHT, WIDTH, dtype=torch.float64))


def known(columns: int, batch: int = 1) -> Tensor:
    """Trust of frames whose last columns are new."""
    trust = torch.ones(batch, HEIGHT, WIDTH, dtype=torch.float64)
    trust[..., WIDTH - columns :] = 0
    return trust


def objective(
    new: Disocclusion | None, *, readout: bool = True, form: Form = "relative"
) -> Objective:
    look = tiny.recipe(form=form)
    made = tiny.objective(tiny.tiny_tensors(readout=readout), look, CONTENT, STYLE)
    terms = later_terms(look, made.terms, UNTRUSTED, new)
    return replace(made, terms=terms)


@pytest.mark.parametrize("columns", [1, 4, 16, WIDTH])
def test_its_loss_weighs_the_square_of_the_share_that_it_is_given(columns: int) -> None:
    found = disocclusion(known(columns))
    assert found is not None
    share = min(5 * columns / WIDTH, 0.15)
    assert found.weights.tolist() == pytest.approx([0.5 * share**2])
    assert torch.equal(found.places, 1 - known(columns))


@pytest.mark.parametrize("share", [0.0, 0.9, 1.1])
def test_what_is_hardly_anything_is_let_be(share: float) -> None:
    trust = torch.full((1, HEIGHT, WIDTH), 1 - share * 0.005)
    assert (disocclusion(trust) is None) == (share < 1)


@pytest.mark.parametrize("augmented", [False, True])
def test_at_every_layer_it_is_the_positions_that_pool_new_pixels(augmented: bool) -> None:
    """And what was found for a layer of one size is not taken for one of another."""
    places = Disocclusion(1 - known(8), torch.ones(1))
    generator = torch.Generator().manual_seed(0)
    for halvings in (0, 3, 1, 2, 3, 0):
        shape = (1, 3, HEIGHT >> halvings, WIDTH >> halvings)
        features = torch.rand(shape, generator=generator, dtype=torch.float64)
        found = places.moment(features, augmented=augmented)
        due = second_moment(features[..., -(8 >> halvings) :], augmented=augmented)
        torch.testing.assert_close(found, due)


def test_a_position_that_pools_new_pixels_and_others_counts_by_their_share() -> None:
    places = Disocclusion(1 - known(12), torch.ones(1))
    features = tiny.picture(4, HEIGHT // 8, WIDTH // 8)
    last, before = (
        second_moment(features[..., at], augmented=False) for at in (slice(-1, None), slice(-2, -1))
    )
    found = places.moment(features, augmented=False)
    torch.testing.assert_close(found, (last + before / 2) / 1.5)


@pytest.mark.parametrize("form", ["relative", "literal"])
def test_all_that_is_new_has_the_style_loss_of_the_frame_itself(form: Form) -> None:
    """Where all is new its moments are the frame's, and its loss adds its weight's share."""
    readout = form == "relative"
    places = disocclusion(known(WIDTH, batch=2))
    assert places is not None
    plain = objective(None, readout=readout, form=form)(IMAGES).terms
    both = objective(places, readout=readout, form=form)(IMAGES).terms
    weight = 0.5 * 0.15**2
    torch.testing.assert_close(both["style"], (1 + weight) * plain["style"])
    assert torch.equal(both["content"], plain["content"])


def test_its_gradient_is_the_numerical_one() -> None:
    ready = objective(disocclusion(known(5, batch=2)))
    image = IMAGES.clone().requires_grad_()
    assert torch.autograd.gradcheck(
        lambda x: ready(x).total, (image,), fast_mode=True, eps=1e-7, atol=1e-6
    )


def test_it_moves_what_is_new_and_what_its_features_see_and_nothing_else() -> None:
    """By the receptive field of the deepest layer what lies farther has no part in it."""
    places = disocclusion(known(2, batch=2))
    assert places is not None
    gradients = [objective(new).with_gradient(IMAGES)[1] for new in (None, places)]
    moved = (gradients[1] - gradients[0]).abs().sum(dim=(0, 1, 2))
    assert float(moved[-2:].min()) > 0
    assert float(moved[-2:].mean()) > 3 * float(moved[:-8].mean())
