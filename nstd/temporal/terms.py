"""What earlier frames of a shot add to the objective of a later one.

[Ruder] is Ruder, Dosovitskiy and Brox, "Artistic style transfer for videos", GCPR 2016.
"""

from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor

from nstd.style.canvas import ImageBatch
from nstd.style.losses import Activations, Moment, PerFrame, pooled, weighted_second_moment
from nstd.style.network import Features
from nstd.style.recipe import StyleRecipe
from nstd.style.terms import StyleLoss, Term

Trust = Float[Tensor, "batch height width"]
"""c of [Ruder, eq. 5], in [0, 1]: how far the warped earlier frame is to be believed."""


@dataclass(frozen=True, slots=True, eq=False)
class Pace:
    """How the source has changed since the earlier frames, warped, where these are trusted.

    Attributes:
        broad: Change of color at each place, averaged over a wide neighborhood.
        change: Mean squared change, broad and fine.
        firmness: The factor of the temporal loss that follows from these.
    """

    broad: Float[Tensor, "batch 3 height width"]
    change: Float[Tensor, " batch"]
    firmness: Float[Tensor, " batch"]


@dataclass(frozen=True, slots=True, eq=False)
class TemporalTarget:
    """What earlier frames of a shot say of a later one.

    Attributes:
        warped: ω_j, the earlier painted frames warped to this one, the closest first.
        trusts: c_j of `long_term_trust`.
        shown: What each place is painted for: the frame's source where nothing is trusted;
            elsewhere what the earlier paint was painted for, warped with it. None if that is not
            known.
        pace: How the source changes since the earlier frames; None if that is not known.
    """

    warped: Float[Tensor, "distances batch 3 height width"]
    trusts: Float[Tensor, "distances batch height width"]
    shown: Float[Tensor, "batch 3 height width"] | None = None
    pace: Pace | None = None

    @property
    def trust(self) -> Trust:
        """Σ c_j: how far a place is known from any earlier frame."""
        return self.trusts.sum(dim=0)


def temporal_loss(
    images: ImageBatch,
    warped: Float[Tensor, "distances batch 3 height width"],
    trusts: Float[Tensor, "distances batch height width"],
) -> Float[Tensor, " batch"]:
    """Σ_j 1/D Σ c_j (x − ω_j)², D = 3HW [Ruder, eq. 4 and 7].

    Args:
        images: x, `[batch, 3, height, width]`.
        warped: ω_j, the earlier painted frames warped to x, `[distances, batch, 3, height, width]`.
        trusts: c_j, `[distances, batch, height, width]`.

    Returns:
        One value a frame.
    """
    squares = trusts[:, :, None] * (images - warped).square()
    return squares.mean(dim=(2, 3, 4)).sum(dim=0)


_NOTHING = 1e-6
"""If a smaller share of a layer's positions is new, none counts as new."""


@dataclass(frozen=True, slots=True, eq=False)
class Disocclusion:
    """Where a frame shows what no earlier one did.

    Attributes:
        places: 1 where all is new, 0 where nothing is, `[batch, height, width]`.
        weights: Of their style loss, `[batch]`; 0 where too little is new.
    """

    places: Float[Tensor, "batch height width"]
    weights: Float[Tensor, " batch"]
    _guides: dict[tuple[int, int], Tensor] = field(default_factory=dict, init=False)
    """By the size of a layer; computed once, since they do not change from step to step."""

    def moment(self, features: Activations, *, augmented: bool) -> Moment:
        """`second_moment` of what is new alone [Gatys 2017, eq. 5]; of everything if nothing is."""
        size = (features.shape[2], features.shape[3])
        if size not in self._guides:
            self._guides[size] = _guide(pooled(self.places, features))
        return weighted_second_moment(features, self._guides[size], augmented=augmented)


def _guide(
    places: Float[Tensor, "batch height width"],
) -> Float[Tensor, "batch height width"]:
    """`places`, scaled to mean 1; 1 everywhere where nothing is new."""
    share = places.mean(dim=(1, 2), keepdim=True)
    return torch.where(share > _NOTHING, places / share.clamp(min=_NOTHING), 1.0)


class TemporalLoss(Term):
    """How far the picture is from the warped earlier frames, where they are trusted.

    Args:
        recipe: For the weight.
        target: What earlier frames say.
    """

    name = "temporal"
    key = "temporal: weight"

    def __init__(self, recipe: StyleRecipe, target: TemporalTarget) -> None:
        super().__init__(recipe.temporal.weight)
        self._target = target

    def loss(self, images: ImageBatch, features: Features) -> PerFrame:  # noqa: ARG002
        """`temporal_loss`, times the firmness that the source's pace asks for."""
        found = temporal_loss(images, self._target.warped, self._target.trusts)
        pace = self._target.pace
        return found if pace is None else pace.firmness.to(found) * found


class DisocclusionStyleLoss(StyleLoss):
    """The style term of a frame, with the style of what is new as an additional part.

    Args:
        style: The frame's own term.
        new: Where something is new.
    """

    def __init__(self, style: StyleLoss, new: Disocclusion) -> None:
        super().__init__(style.network, style.recipe, style.target)
        self._new = new

    def layer_loss(self, layer: str, features: Activations) -> PerFrame:
        """E_l of the whole frame, plus E_l of what is new times its weight."""
        found = super().layer_loss(layer, features)
        new = self.distance(layer, self._new.moment(features, augmented=self.augmented(layer)))
        return found + self._new.weights.to(found) * new


def later_terms(
    recipe: StyleRecipe,
    alone: tuple[Term, ...],
    target: TemporalTarget,
    new: Disocclusion | None,
) -> tuple[Term, ...]:
    """All terms of the objective of a frame that follows others of its shot.

    Args:
        recipe: For the weights.
        alone: `frame_terms` of the frame.
        target: What earlier frames say of it.
        new: What they do not show, if its style counts separately; or None.
    """
    if new is not None:
        alone = tuple(
            DisocclusionStyleLoss(term, new) if isinstance(term, StyleLoss) else term
            for term in alone
        )
    return (*alone, TemporalLoss(recipe, target))
