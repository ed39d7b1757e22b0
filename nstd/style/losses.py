"""The terms of the objective, one function an equation.

Gatys, Ecker and Bethge, "Image style transfer using convolutional neural networks", CVPR 2016
[Gatys]; the numbers of equations are that paper's. `F` is a layer's activations after its ReLU,
`[batch, N, height, width]`, with `M = height · width` positions; `G` is a Gram matrix. Every loss
has one value a frame, `[batch]`.

A `factor` is R of the network's metric (`Network.metric_factor`): with it, distances are those of
the full network's space; None means that the network is its own full network.
"""

import torch
from jaxtyping import Float
from torch import Tensor

Activations = Float[Tensor, "batch channels height width"]
Moment = Float[Tensor, "batch augmented augmented"]
StyleMoment = Float[Tensor, "augmented augmented"]
Factor = Float[Tensor, "rank augmented"]
PerFrame = Float[Tensor, " batch"]


def content_loss(features: Activations, target: Activations, factor: Factor | None) -> PerFrame:
    """½ Σ (F − C)² [Gatys, eq. 1]."""
    return squared_feature_distance(features, target, factor) / 2


def gram_matrix(features: Activations) -> Float[Tensor, "batch channels channels"]:
    """G = F Fᵀ [Gatys, eq. 3]."""
    flat = _at_least_float32(features).flatten(2)
    return flat @ flat.mT


def style_layer_loss(
    moment: Moment, target: StyleMoment, width: int, factor: Factor | None
) -> PerFrame:
    """1 / (4 N²) Σ (G(x)/M(x) − G(S)/M(S))² [Gatys, eq. 4].

    The paper divides both Grams by one M. Dividing each by its own gives the same value if the
    picture and the style image have the same size, and is meaningful if they do not.

    Args:
        moment: `second_moment` of the picture.
        target: `second_moment` of the style.
        width: N, channels of the full network.
        factor: R, or None.
    """
    return squared_moment_distance(moment, target, factor) / (4 * width**2)


def relative_content_loss(
    features: Activations, target: Activations, energy: PerFrame, factor: Factor | None
) -> PerFrame:
    """‖F − C‖² / ‖C‖², with `energy` = ‖C‖² / M.

    The energy is passed in: over a shot it is held constant, or the balance with the style would
    flicker.
    """
    positions = features.shape[2] * features.shape[3]
    return squared_feature_distance(features, target, factor) / (energy * positions)


def relative_style_layer_loss(
    moment: Moment, target: StyleMoment, norm: Float[Tensor, ""], factor: Factor | None
) -> PerFrame:
    """‖G(x)/M(x) − G(S)/M(S)‖² / ‖G(S)/M(S)‖², with `norm` the denominator."""
    return squared_moment_distance(moment, target, factor) / norm


def total_variation_loss(images: Float[Tensor, "batch 3 height width"]) -> PerFrame:
    """Mean squared difference of vertical neighbors, plus that of horizontal ones."""
    vertical = images.diff(dim=2).square().mean(dim=(1, 2, 3))
    horizontal = images.diff(dim=3).square().mean(dim=(1, 2, 3))
    return vertical + horizontal


def range_loss(images: Float[Tensor, "batch 3 height width"]) -> PerFrame:
    """Mean square of what lies outside [0, 1].

    Without it, clamping the finished picture raises its style loss 1.2 to 2.3 times.
    """
    return (images - images.clamp(0, 1)).square().mean(dim=(1, 2, 3))


def second_moment(features: Activations, *, augmented: bool) -> Moment:
    """G / M: the Gram matrix per position; of [F; 1] where `augmented`, in float32 or better.

    The ones are not put beside F, which would copy all of it: their products are F's means.
    """
    features = _at_least_float32(features)
    positions = features.shape[2] * features.shape[3]
    moment = gram_matrix(features) / positions
    if not augmented:
        return moment
    means = features.mean(dim=(2, 3))[:, :, None]
    last = torch.cat([means.mT, torch.ones_like(means[:, :1])], dim=2)
    return torch.cat([torch.cat([moment, means], dim=2), last], dim=1)


def weighted_second_moment(
    features: Activations, weights: Float[Tensor, "batch height width"], *, augmented: bool
) -> Moment:
    """`second_moment` in which positions count by their weight, whose mean is 1.

    A guided Gram [Gatys et al., "Controlling perceptual factors", CVPR 2017, eq. 5] with the guide
    T = √weight.
    """
    features = _at_least_float32(features)
    guide = weights.to(features.dtype)[:, None]
    guided = features * guide.sqrt()
    moment = gram_matrix(guided) / (features.shape[2] * features.shape[3])
    if not augmented:
        return moment
    means = (features * guide).mean(dim=(2, 3))[:, :, None]
    last = torch.cat([means.mT, guide.mean(dim=(2, 3))[:, :, None]], dim=2)
    return torch.cat([torch.cat([moment, means], dim=2), last], dim=1)


def pooled(
    weights: Float[Tensor, "batch _height _width"], features: Activations
) -> Float[Tensor, "batch height width"]:
    """Weights of pixels as weights of a layer's positions: means over the pixels that each pools.

    The pixels that the network's poolings leave over at the right and at the bottom belong to the
    last positions, which see them.
    """
    for dim in (1, 2):
        weights = _pooled_along(weights, dim, features.shape[dim + 1])
    return weights


def _pooled_along(weights: Tensor, dim: int, count: int) -> Tensor:
    """Means along `dim` over `count` stretches, as poolings make them; the last has the rest."""
    size = weights.shape[dim]
    # Each pooling halves, and leaves an odd pixel out.
    halvings = next(n for n in range(size.bit_length()) if size >> n == count)
    first = (count - 1) << halvings
    shape = (*weights.shape[:dim], count - 1, 1 << halvings, *weights.shape[dim + 1 :])
    whole = weights.narrow(dim, 0, first).reshape(shape).mean(dim=dim + 1)
    last = weights.narrow(dim, first, size - first).mean(dim=dim, keepdim=True)
    return torch.cat([whole, last], dim=dim)


def squared_moment_norm(
    moment: Float[Tensor, "... augmented augmented"], factor: Factor | None
) -> Float[Tensor, "..."]:
    """‖R D Rᵀ‖²_F, which is tr(M D M D) with M = RᵀR, and never negative by its form."""
    mapped = moment if factor is None else factor @ moment @ factor.mT
    return mapped.square().sum(dim=(-2, -1))


def squared_moment_distance(moment: Moment, target: StyleMoment, factor: Factor | None) -> PerFrame:
    """Squared distance of two second moments, in the full network's space."""
    return squared_moment_norm(moment - target, factor)


def squared_feature_distance(
    features: Activations, target: Activations, factor: Factor | None
) -> PerFrame:
    """Σ over positions of (f − c)ᵀ M (f − c); the readout's bias cancels."""
    difference = _at_least_float32(features) - target
    if factor is not None:
        difference = torch.einsum("ra,bahw->brhw", factor[:, :-1], difference)
    return difference.square().sum(dim=(1, 2, 3))


def feature_energy(features: Activations, factor: Factor | None) -> PerFrame:
    """‖A F + b‖² / M: mean squared length of a position's activations, in the full space."""
    features = _at_least_float32(features)
    if factor is not None:
        mapped = torch.einsum("ra,bahw->brhw", factor[:, :-1], features)
        features = mapped + factor[:, -1, None, None]
    return features.square().sum(dim=1).mean(dim=(1, 2))


def _at_least_float32(x: Tensor) -> Tensor:
    """Grams are accumulated and stored in float32 or better; bf16 ones give wrong gradients."""
    return x.to(torch.promote_types(x.dtype, torch.float32))
