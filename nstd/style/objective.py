"""The terms of a recipe, weighed into the one number that is minimized [Gatys, eq. 7]."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from nstd.errors import ConfigError
from nstd.style import losses
from nstd.style.network import Network
from nstd.style.recipe import StyleRecipe
from nstd.style.targets import ContentTarget, StyleTarget
from nstd.style.terms import NewPlaces, TemporalTarget, temporal_loss

TERMS = ("content", "style", "tv", "range", "temporal", "total")


@dataclass(frozen=True, slots=True, eq=False)
class Losses:
    """The terms of the objective, each `[batch]` and before its weight.

    Attributes:
        content: As the recipe's form has it.
        style: Σ w_l E_l; in a later frame of a shot with that of what is new in it.
        tv: Mean squared difference of neighbors.
        range: Mean squared excess over [0, 1].
        temporal: Mean squared difference from the warped earlier frames, where they are trusted,
            times the firmness that their source's pace asks for.
        total: α content + β style + τ tv + ρ range + γ temporal.
    """

    content: Float[Tensor, " batch"]
    style: Float[Tensor, " batch"]
    tv: Float[Tensor, " batch"]
    range: Float[Tensor, " batch"]
    temporal: Float[Tensor, " batch"]
    total: Float[Tensor, " batch"]


def require_finite(
    recipe: StyleRecipe, found: Losses, gradient: Tensor, *, first: bool = True
) -> None:
    """Refuse a recipe by which no step can be taken: its loss is beyond what float32 can hold.

    Args:
        recipe: For the weights.
        found: At a point of the minimizing.
        gradient: Of the total there.
        first: Whether it is the first point. At a later one the optimizer has gone too far.

    Raises:
        ConfigError: It names the weight of the largest term, or the rate.
    """
    # Its square is what optimizers go by.
    if math.isfinite(float(found.total)) and math.isfinite(float(gradient.square().sum())):
        return
    if not first:
        raise ConfigError(
            "The recipe overflows: its loss is no number any more, by a learning_rate of "
            f"{recipe.learning_rate:g}",
            "Give learning_rate a smaller value",
        )
    weights = {
        "content_weight": (recipe.content_weight, found.content),
        "style_weight": (recipe.style_weight, found.style),
        "tv_weight": (recipe.tv_weight, found.tv),
        "range_weight": (recipe.range_weight, found.range),
        "temporal: weight": (recipe.temporal.weight, found.temporal),
    }

    def size(key: str) -> float:
        weight, term = weights[key]
        weighed = float(term * weight)  # as it is weighed: 0 times too much is no number
        return abs(weighed) if math.isfinite(weighed) else math.inf

    key = max(weights, key=size)
    value = f"{weights[key][0]:g}"
    if key == "style_weight" and max(recipe.layer_weights) > recipe.style_weight:
        key, value = "layer_weights", f"{max(recipe.layer_weights):g}"
    raise ConfigError(
        f"The recipe overflows at its first step: its loss is {float(found.total):g}, most of it "
        f"by {key}, which is {value}",
        f"Give {key} a smaller value",
    )


@dataclass(frozen=True, slots=True, eq=False)
class Objective:
    """The function of a picture that is minimized, at one level.

    Attributes:
        network: On the device to compute on.
        recipe: For the weights.
        style: At the level.
        content: Of the frame.
        temporal: What earlier frames say, or None.
        new: What they do not show, if it is to be in the style by itself.
    """

    network: Network
    recipe: StyleRecipe
    style: StyleTarget
    content: ContentTarget
    temporal: TemporalTarget | None = None
    new: NewPlaces | None = None

    def __call__(self, image: Float[Tensor, "batch 3 height width"]) -> Losses:
        """All terms."""
        recipe = self.recipe
        layers = {*recipe.style_layers, recipe.content_layer}
        features = self.network.features(image, layers)
        content = self._content_loss(features[recipe.content_layer])
        style = torch.zeros_like(content)
        for layer, weight in zip(recipe.style_layers, recipe.layer_weights, strict=True):
            style = style + weight * self._style_layer_loss(layer, features[layer])
        exact = image.to(content.dtype)
        tv, excess = losses.total_variation_loss(exact), losses.range_loss(exact)
        total = (
            recipe.content_weight * content
            + recipe.style_weight * style
            + recipe.tv_weight * tv
            + recipe.range_weight * excess
        )
        temporal = torch.zeros_like(total)
        if self.temporal is not None:
            temporal = temporal_loss(exact, self.temporal.warped, self.temporal.trusts)
            if self.temporal.pace is not None:
                temporal = self.temporal.pace.firmness.to(temporal) * temporal
            total = total + recipe.temporal.weight * temporal
        return Losses(content, style, tv, excess, temporal, total)

    def with_gradient(
        self, image: Float[Tensor, "batch 3 height width"]
    ) -> tuple[Losses, Float[Tensor, "batch 3 height width"]]:
        """The terms, detached, and the gradient of their total: one step's work."""
        image = image.detach().requires_grad_()
        found = self(image)
        (gradient,) = torch.autograd.grad(found.total.sum(), image)
        return Losses(*(getattr(found, name).detach() for name in TERMS)), gradient

    def _content_loss(self, features: Tensor) -> Tensor:
        factor = self.network.metric_factor(self.recipe.content_layer)
        target = self.content
        if self.recipe.form == "literal":
            return losses.content_loss(features, target.features, factor)
        return losses.relative_content_loss(features, target.features, target.energy, factor)

    def _style_layer_loss(self, layer: str, features: Tensor) -> Tensor:
        augmented = self.network.metric_factor(layer) is not None
        loss = self._distance(layer, losses.second_moment(features, augmented=augmented))
        if self.new is None:
            return loss
        new = self._distance(layer, self.new.moment(features, augmented=augmented))
        return loss + self.new.weights.to(loss) * new

    def _distance(self, layer: str, moment: losses.Moment) -> Tensor:
        factor, target = self.network.metric_factor(layer), self.style.moments[layer]
        if self.recipe.form == "literal":
            width = self.network.full_width(layer)
            return losses.style_layer_loss(moment, target, width, factor)
        return losses.relative_style_layer_loss(moment, target, self.style.norms[layer], factor)
