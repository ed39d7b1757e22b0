"""What earlier frames of a shot add to the objective of a later one.

[Ruder] is Ruder, Dosovitskiy and Brox, "Artistic style transfer for videos", GCPR 2016.
"""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from nstd.style.canvas import ImageBatch
from nstd.style.losses import PerFrame
from nstd.style.network import Features
from nstd.style.recipe import StyleRecipe
from nstd.style.terms import Term

Trust = Float[Tensor, "batch height width"]
"""c of [Ruder, eq. 5], in [0, 1]: how far the warped earlier frame is to be believed."""


@dataclass(frozen=True, slots=True, eq=False)
class TemporalTarget:
    """What earlier frames of a shot say of a later one.

    Attributes:
        warped: ω_j, the earlier painted frames warped to this one, the closest first.
        trusts: c_j of `long_term_trust`.
    """

    warped: Float[Tensor, "distances batch 3 height width"]
    trusts: Float[Tensor, "distances batch height width"]

    @property
    def trust(self) -> Trust:
        """Σ c_j: how far a place is known from any earlier frame."""
        return self.trusts.sum(dim=0)


def temporal_loss(
    images: ImageBatch,
    warped: Float[Tensor, "distances batch 3 height width"],
    trusts: Float[Tensor, "distances batch height width"],
) -> PerFrame:
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
        """`temporal_loss`."""
        return temporal_loss(images, self._target.warped, self._target.trusts)
