"""The objective: terms, each with its weight, and the one number they sum up to [Gatys, eq. 7].

A new term is a class here, its entry in `frame_terms`, and its weight's key in `StyleRecipe`.
What earlier frames of a shot add is in `nstd.temporal.terms`.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from nstd.style import losses
from nstd.style.canvas import ImageBatch
from nstd.style.losses import Activations, PerFrame
from nstd.style.network import Features, Network
from nstd.style.recipe import StyleRecipe
from nstd.style.targets import ContentTarget, StyleTarget


class Term(ABC):
    """One term of the objective.

    Args:
        weight: What the term's loss is multiplied by in the total.
        layers: Layers of the network whose activations the term looks at.

    Attributes:
        name: Under which its loss is found in `Losses.terms`.
        key: Of its weight in the recipe, as messages call it.
    """

    name: ClassVar[str]
    key: ClassVar[str]

    def __init__(self, weight: float, layers: tuple[str, ...] = ()) -> None:
        self.weight = weight
        self.layers = layers

    @abstractmethod
    def loss(self, images: ImageBatch, features: Features) -> PerFrame:
        """The term's loss of each picture, before its weight; differentiable.

        Args:
            images: `[batch, 3, height, width]`, sRGB, in float32 or better; mostly in [0, 1].
            features: The pictures' activations at `layers`, and at those of other terms.
        """

    @property
    def largest_factor(self) -> tuple[str, float]:
        """The recipe's key by which the term weighs most, and its value."""
        return self.key, self.weight


@dataclass(frozen=True, slots=True, eq=False)
class Losses:
    """What an objective makes of pictures.

    Attributes:
        total: The sum of all terms, each times its weight, `[batch]`.
        terms: By name, the loss of each term before its weight, `[batch]`.
    """

    total: PerFrame
    terms: Mapping[str, PerFrame]


@dataclass(frozen=True, slots=True, eq=False)
class Objective:
    """The function of a picture that is minimized, at one level.

    Attributes:
        network: On the device to compute on.
        terms: Summed up in this order, which the last digits depend on; at least one.
    """

    network: Network
    terms: tuple[Term, ...]

    def __call__(self, images: ImageBatch) -> Losses:
        """All terms."""
        layers = {layer for term in self.terms for layer in term.layers}
        features = self.network.features(images, layers)
        exact = images.to(torch.promote_types(images.dtype, torch.float32))
        found = {term.name: term.loss(exact, features) for term in self.terms}
        weighted = [term.weight * found[term.name] for term in self.terms]
        return Losses(sum(weighted[1:], start=weighted[0]), found)

    def with_gradient(
        self, images: ImageBatch
    ) -> tuple[Losses, Float[Tensor, "batch 3 height width"]]:
        """The terms, detached, and the gradient of their total: one step's work."""
        images = images.detach().requires_grad_()
        found = self(images)
        (gradient,) = torch.autograd.grad(found.total.sum(), images)
        terms = {name: loss.detach() for name, loss in found.terms.items()}
        return Losses(found.total.detach(), terms), gradient


def frame_terms(
    network: Network, recipe: StyleRecipe, style: StyleTarget, content: ContentTarget
) -> tuple[Term, ...]:
    """All terms of the objective of a frame that is painted for itself, at one level.

    Args:
        network: On the device to compute on.
        recipe: For weights, layers and the form of the losses.
        style: At the level.
        content: Of the frame, at the level.
    """
    return (
        ContentLoss(network, recipe, content),
        StyleLoss(network, recipe, style),
        TotalVariationLoss(recipe.tv_weight),
        RangeLoss(recipe.range_weight),
    )


class ContentLoss(Term):
    """How far the picture's activations are from the frame's, in the recipe's form."""

    name = "content"
    key = "content_weight"

    def __init__(self, network: Network, recipe: StyleRecipe, target: ContentTarget) -> None:
        super().__init__(recipe.content_weight, (recipe.content_layer,))
        self._literal = recipe.form == "literal"
        self._factor = network.metric_factor(recipe.content_layer)
        self._target = target

    def loss(self, images: ImageBatch, features: Features) -> PerFrame:  # noqa: ARG002
        """[Gatys, eq. 1], or relative to the frame's energy."""
        (layer,) = self.layers
        target = self._target
        if self._literal:
            return losses.content_loss(features[layer], target.features, self._factor)
        return losses.relative_content_loss(
            features[layer], target.features, target.energy, self._factor
        )


class StyleLoss(Term):
    """How far the picture's second moments are from the style's: Σ w_l E_l."""

    name = "style"
    key = "style_weight"

    def __init__(self, network: Network, recipe: StyleRecipe, target: StyleTarget) -> None:
        super().__init__(recipe.style_weight, recipe.style_layers)
        self._network = network
        self._recipe = recipe
        self._target = target

    @property
    def largest_factor(self) -> tuple[str, float]:
        """`style_weight`, or `layer_weights` if one of these is larger."""
        largest = max(self._recipe.layer_weights)
        return max(super().largest_factor, ("layer_weights", largest), key=lambda one: one[1])

    def loss(self, images: ImageBatch, features: Features) -> PerFrame:  # noqa: ARG002
        """[Gatys, eq. 5], with E_l relative to the style's own norm or as eq. 4 has it."""
        weights = zip(self.layers, self._recipe.layer_weights, strict=True)
        found = [weight * self._layer_loss(layer, features[layer]) for layer, weight in weights]
        return sum(found[1:], start=found[0])

    def _layer_loss(self, layer: str, features: Activations) -> PerFrame:
        factor, target = self._network.metric_factor(layer), self._target.moments[layer]
        moment = losses.second_moment(features, augmented=factor is not None)
        if self._recipe.form == "literal":
            width = self._network.full_width(layer)
            return losses.style_layer_loss(moment, target, width, factor)
        norm = self._target.norms[layer]
        return losses.relative_style_layer_loss(moment, target, norm, factor)


class TotalVariationLoss(Term):
    """How much neighboring pixels differ."""

    name = "tv"
    key = "tv_weight"

    def loss(self, images: ImageBatch, features: Features) -> PerFrame:  # noqa: ARG002
        """`total_variation_loss`."""
        return losses.total_variation_loss(images)


class RangeLoss(Term):
    """How far pixels lie outside [0, 1]."""

    name = "range"
    key = "range_weight"

    def loss(self, images: ImageBatch, features: Features) -> PerFrame:  # noqa: ARG002
        """`range_loss`."""
        return losses.range_loss(images)
