"""The objective as a whole: against the reference, and with a right gradient from every term."""

from dataclasses import replace
from typing import Any, Literal

import pytest
import torch
from torch import Tensor

from nstd.errors import ConfigError
from nstd.style.network import Features
from nstd.style.optimize import minimize
from nstd.style.recipe import STYLE_LAYERS, StyleRecipe
from nstd.style.terms import Objective, Term
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
        tiny.arrays(tensors), look, image.numpy(), content.numpy(), style.numpy(), 0.25
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
        own = {term: float(loss[frame]) for term, loss in tiny.named(found).items()}
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
        return tuple(tiny.named(objective(images)).values())

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
        (own,) = torch.autograd.grad(objective(images).terms[term].sum(), images)
        expected = expected + weight * own
    torch.testing.assert_close(gradient, expected, rtol=1e-10, atol=1e-12)


def test_the_style_image_itself_has_no_style_loss() -> None:
    tensors, style = tiny.tiny_tensors(readout=True), tiny.picture(3, 32, 40)
    found = tiny.objective(tensors, tiny.recipe(), style, style)(style)
    assert found.terms["style"].tolist() == [0.0]


def test_the_losses_with_a_gradient_are_detached_and_those_without() -> None:
    objective = small_objective()
    found, gradient = objective.with_gradient(SMALL)
    plain = tiny.named(objective(SMALL))
    for term, loss in tiny.named(found).items():
        assert torch.equal(loss, plain[term])
        assert not loss.requires_grad
    assert not gradient.requires_grad
    assert not SMALL.requires_grad


def test_losses_are_float32_where_the_pictures_are_narrower() -> None:
    tensors, look = tiny.tiny_tensors(readout=True), tiny.recipe()
    content, style = tiny.picture(2, 32, 32).bfloat16(), tiny.picture(3, 32, 32).bfloat16()
    objective = tiny.objective(tensors, look, content, style, torch.bfloat16)
    found, gradient = objective.with_gradient(tiny.picture(1, 32, 32).bfloat16())
    assert {loss.dtype for loss in tiny.named(found).values()} == {torch.float32}
    assert gradient.dtype == torch.bfloat16
    assert gradient.isfinite().all()


class Brightness(Term):
    """A term that nothing else knows of: how far a picture's mean is from a gray."""

    name = "brightness"
    key = "brightness_weight"

    def loss(self, images: Tensor, features: Features) -> Tensor:
        assert set(features) >= set(self.layers)
        return (images.mean(dim=(1, 2, 3)) - 0.25).square()


def with_brightness(weight: float, layers: tuple[str, ...] = ()) -> Objective:
    plain = small_objective(readout=True)
    return replace(plain, terms=(*plain.terms, Brightness(weight, layers)))


def test_a_new_term_has_its_part_of_losses_total_and_gradient() -> None:
    plain, both = small_objective(readout=True), with_brightness(5.0, ("conv2_1",))
    found, gradient = both.with_gradient(SMALL)
    due, others = plain.with_gradient(SMALL)
    off = SMALL.mean() - 0.25
    assert found.terms.keys() == {*due.terms, "brightness"}
    torch.testing.assert_close(found.terms["brightness"], off.square()[None])
    torch.testing.assert_close(found.total, due.total + 5 * off.square())
    torch.testing.assert_close(gradient, others + 5 * 2 * off / SMALL.numel())


def test_a_new_term_that_overflows_is_named_by_its_own_key() -> None:
    ready = tiny.painter(tiny.recipe(**tiny.SHALLOW))
    with pytest.raises(ConfigError, match=r"by brightness_weight, which is 1e\+300"):
        next(minimize(ready, with_brightness(1e300), SMALL, 1))


class Steep(Brightness):
    """A term with a loss, and no gradient where two neighbors are equal."""

    name = "steep"
    key = "steep_weight"

    def loss(self, images: Tensor, features: Features) -> Tensor:
        return images.diff(dim=3).square().sum(dim=(1, 2, 3)).sqrt()


def test_a_new_term_without_a_gradient_is_named_by_its_own_key() -> None:
    ready = tiny.painter(tiny.recipe(**tiny.SHALLOW))
    plain = small_objective(readout=True)
    objective = replace(plain, terms=(*plain.terms, Steep(0.5)))
    even = torch.full_like(SMALL, 0.5)
    with pytest.raises(ConfigError, match=r"no finite gradient, most of all by steep_weight,"):
        next(minimize(ready, objective, even, 1))
