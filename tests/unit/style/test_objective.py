"""The objective as a whole: against the reference, and with a right gradient from every term."""

from dataclasses import replace
from typing import Any, Literal

import pytest
import torch
from torch import Tensor

from nstd.style.objective import TERMS, Objective
from nstd.style.recipe import STYLE_LAYERS, StyleRecipe, Temporal
from nstd.style.targets import ENERGY_FLOOR
from nstd.style.terms import Pace, TemporalTarget, temporal_loss
from tests import reference
from tests.unit.style import tiny

Form = Literal["relative", "literal"]

# Float64 on both sides, through 13 convolutions: rounding is near 1e-14 of the activations, and
# no term here is a difference of Grams that nearly cancel.
AGREES = 1e-10


def expected_terms(
    tensors: dict[str, Tensor], look: StyleRecipe, image: Tensor, content: Tensor, style: Tensor
) -> dict[str, float]:
    found = reference.objective(
        tiny.arrays(tensors), look, image.numpy(), content.numpy(), style.numpy(), ENERGY_FLOOR
    )
    return vars(found)


@pytest.mark.parametrize("readout", [False, True], ids=["own space", "metric"])
@pytest.mark.parametrize("form", ["relative", "literal"])
def test_every_term_is_that_of_the_reference(form: Form, readout: bool) -> None:
    tensors = tiny.tiny_tensors(readout=readout)
    look = tiny.recipe(form=form, layer_weights=(0.3, 0.1, 0.2, 0.15, 0.25), style_weight=1.7)
    images = tiny.picture(1, 32, 40, low=-0.2, high=1.2, count=2)
    contents, style = tiny.picture(2, 32, 40, count=2), tiny.picture(3, 36, 48)
    found = tiny.objective(tensors, look, contents, style)(images)
    for frame, (image, content) in enumerate(zip(images, contents, strict=True)):
        expected = expected_terms(tensors, look, image, content, style[0])
        own = {term: float(getattr(found, term)[frame]) for term in TERMS}
        assert own == pytest.approx(expected, rel=AGREES)


def test_at_equal_sizes_the_literal_form_is_the_paper_s_equations_as_printed() -> None:
    tensors = tiny.tiny_tensors()
    look = tiny.recipe(form="literal", style_weight=1000.0, tv_weight=0.0, range_weight=0.0)
    image, content, style = (tiny.picture(seed, 32, 40) for seed in (1, 2, 3))
    found = tiny.objective(tensors, look, content, style)(image)
    x, c, s = (
        reference.activations(tiny.arrays(tensors), one[0].numpy())
        for one in (image, content, style)
    )
    alpha_term = look.content_weight * reference.content_loss(x["conv4_2"], c["conv4_2"])
    beta_term = look.style_weight * sum(
        0.2 * reference.style_layer_loss_literal(x[layer], s[layer]) for layer in STYLE_LAYERS
    )
    assert float(found.total) == pytest.approx(alpha_term + beta_term, rel=AGREES)
    assert alpha_term / beta_term == pytest.approx(1, abs=0.999)  # neither hides the other


SMALL = tiny.picture(1, 8, 8, low=-0.2, high=1.2)
"""A picture whose every pixel can be moved by itself: 192 numbers."""


def small_objective(readout: bool = False, **changes: Any) -> Objective:
    """An objective through five convolutions and two poolings."""
    tensors = tiny.tiny_tensors(readout=readout, deepest="conv3_1")
    look = tiny.recipe(**{**tiny.SHALLOW, **changes})
    contents, style = tiny.picture(2, 8, 8), tiny.picture(3, 9, 12)
    return tiny.objective(tensors, look, contents, style)


@pytest.mark.parametrize("readout", [False, True], ids=["own space", "metric"])
@pytest.mark.parametrize("form", ["relative", "literal"])
def test_the_gradient_of_every_term_is_the_numerical_one(form: Form, readout: bool) -> None:
    objective = small_objective(readout, form=form)

    def all_terms(images: Tensor) -> tuple[Tensor, ...]:
        found = objective(images)
        return tuple(getattr(found, term) for term in TERMS)

    # torch's defaults for float64. With steps of 1e-6 no ReLU or maximum of this seed is crossed.
    assert torch.autograd.gradcheck(all_terms, (SMALL.clone().requires_grad_(),))


@pytest.mark.parametrize("padding", ["reflect", "replicate"])
def test_the_gradient_through_the_whole_depth_is_the_numerical_one(padding: str) -> None:
    tensors = tiny.tiny_tensors(readout=True)
    contents, style = tiny.picture(2, 32, 32), tiny.picture(3, 40, 32)
    look = tiny.recipe(content_weight=0.5, padding=padding)
    objective = tiny.objective(tensors, look, contents, style)
    image = tiny.picture(1, 32, 32, low=-0.1, high=1.1).requires_grad_()
    # Along random directions: all 3072 pixels one by one would take half a minute.
    assert torch.autograd.gradcheck(
        lambda x: objective(x).total, (image,), fast_mode=True, eps=1e-7, atol=1e-6
    )


def test_each_style_layer_has_its_share_of_the_gradient() -> None:
    tensors = tiny.tiny_tensors()
    contents, style = tiny.picture(2, 32, 32), tiny.picture(3, 40, 32)
    image = tiny.picture(1, 32, 32)
    every = (0.3, 0.1, 0.2, 0.15, 0.25)
    whole = tiny.objective(tensors, tiny.recipe(layer_weights=every), contents, style)
    (_, gradient) = whole.with_gradient(image)
    for missing in range(5):
        weights = tuple(0.0 if i == missing else w for i, w in enumerate(every))
        less = tiny.objective(tensors, tiny.recipe(layer_weights=weights), contents, style)
        (_, other) = less.with_gradient(image)
        # The faintest share is about 1e-3 of the whole.
        assert float((gradient - other).norm()) > 1e-6 * float(gradient.norm())


@pytest.mark.parametrize("form", ["relative", "literal"])
def test_the_total_s_gradient_is_the_weighed_sum_of_the_terms(form: Form) -> None:
    objective = small_objective(readout=True, form=form, style_weight=2.0, content_weight=0.3)
    weights = {"content": 0.3, "style": 2.0, "tv": 0.7, "range": 100.0}
    _, gradient = objective.with_gradient(SMALL)
    expected = torch.zeros_like(gradient)
    for term, weight in weights.items():
        images = SMALL.clone().requires_grad_()
        (own,) = torch.autograd.grad(getattr(objective(images), term).sum(), images)
        expected = expected + weight * own
    torch.testing.assert_close(gradient, expected, rtol=1e-10, atol=1e-12)


def test_the_style_image_itself_has_no_style_loss() -> None:
    tensors, style = tiny.tiny_tensors(readout=True), tiny.picture(3, 32, 40)
    found = tiny.objective(tensors, tiny.recipe(), style, style)(style)
    assert found.style.tolist() == [0.0]


def test_the_losses_with_a_gradient_are_detached_and_those_without() -> None:
    objective = small_objective()
    found, gradient = objective.with_gradient(SMALL)
    plain = objective(SMALL)
    for term in TERMS:
        assert torch.equal(getattr(found, term), getattr(plain, term))
        assert not getattr(found, term).requires_grad
    assert not gradient.requires_grad
    assert not SMALL.requires_grad


def test_losses_are_float32_where_the_pictures_are_narrower() -> None:
    tensors, look = tiny.tiny_tensors(readout=True), tiny.recipe()
    content, style = tiny.picture(2, 32, 32).bfloat16(), tiny.picture(3, 32, 32).bfloat16()
    objective = tiny.objective(tensors, look, content, style, torch.bfloat16)
    found, gradient = objective.with_gradient(tiny.picture(1, 32, 32).bfloat16())
    assert {getattr(found, term).dtype for term in TERMS} == {torch.float32}
    assert gradient.dtype == torch.bfloat16
    assert gradient.isfinite().all()


def with_predecessors(objective: Objective) -> Objective:
    """The same with two earlier frames."""
    generator = torch.Generator().manual_seed(5)
    options: dict[str, Any] = {"generator": generator, "dtype": torch.float64}
    warped = torch.rand((2, *SMALL.shape), **options)
    trusts = torch.rand((2, SMALL.shape[0], *SMALL.shape[2:]), **options) / 2
    return replace(objective, temporal=TemporalTarget(warped, trusts))


def held(**changes: Any) -> Objective:
    return with_predecessors(small_objective(readout=True, **changes))


def test_the_temporal_term_is_the_weighed_part_of_the_total_that_others_lack() -> None:
    look = {"temporal": Temporal(weight=3.0)}
    plain, both = small_objective(readout=True, **look), held(**look)
    found = both(SMALL)
    assert both.temporal is not None
    due = temporal_loss(SMALL, both.temporal.warped, both.temporal.trusts)
    torch.testing.assert_close(found.temporal, due)
    assert float(due.min()) > 0
    torch.testing.assert_close(found.total, plain(SMALL).total + 3 * due)
    assert plain(SMALL).temporal.tolist() == [0.0]


def test_what_hardly_changes_weighs_more_in_the_temporal_term() -> None:
    """And only there."""
    plain = held(temporal=Temporal(weight=3.0))
    assert plain.temporal is not None
    count = SMALL.shape[0]
    pace = Pace(torch.zeros_like(SMALL), torch.zeros(count), torch.full((count,), 8.0))
    firm = replace(plain, temporal=replace(plain.temporal, pace=pace))
    found, due = firm(SMALL), plain(SMALL)
    torch.testing.assert_close(found.temporal, 8 * due.temporal)
    torch.testing.assert_close(found.total, due.total + 3 * 7 * due.temporal)


def test_with_predecessors_the_gradient_is_right() -> None:
    objective = held(temporal=Temporal(weight=3.0))
    image = SMALL.clone().requires_grad_()
    assert torch.autograd.gradcheck(
        lambda x: objective(x).total, (image,), fast_mode=True, eps=1e-7, atol=1e-6
    )
