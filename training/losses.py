"""What is minimized: unexplained variance and the Grams' errors, each relative to the teacher."""

from dataclasses import dataclass

import torch
from torch import Tensor

from nstd.style.losses import second_moment
from nstd.style.recipe import STYLE_LAYERS
from training.student import MATCHED


@dataclass(frozen=True)
class Statistics:
    """Mean `[channels]` and total variance (a scalar) of the teacher's activations, by layer."""

    mean: dict[str, Tensor]
    variance: dict[str, Tensor]


def teacher_statistics(batches: list[dict[str, Tensor]]) -> Statistics:
    """Statistics over all positions of all pictures in `batches`.

    Args:
        batches: `Teacher.activations` of several batches.
    """
    mean, variance = {}, {}
    for layer in MATCHED:
        flat = torch.cat([b[layer].flatten(2).transpose(0, 1).flatten(1) for b in batches], dim=1)
        mean[layer] = flat.mean(dim=1)
        variance[layer] = flat.var(dim=1, unbiased=False).sum()
    return Statistics(mean, variance)


def unexplained(prediction: Tensor, target: Tensor, variance: Tensor) -> Tensor:
    """1 − R²: mean squared length of the error over the variance of the target.

    Args:
        prediction: `[batch, channels, height, width]`.
        target: Likewise.
        variance: Summed over channels: `Statistics.variance` of the layer, and not this batch's,
            so that batches of flat pictures count no more than others.
    """
    return (prediction - target).square().sum(dim=1).mean() / variance


def gram_error(prediction: Tensor, target: Tensor) -> Tensor:
    """‖G(prediction) − G(target)‖² / ‖G(target)‖², with G per position; mean over the batch."""
    wanted = second_moment(target, augmented=False)
    error = second_moment(prediction, augmented=False) - wanted
    relative = error.square().sum(dim=(1, 2)) / wanted.square().sum(dim=(1, 2))
    return relative.mean()


def distillation_loss(
    predictions: dict[str, Tensor],
    targets: dict[str, Tensor],
    statistics: Statistics,
    gram_weight: float,
) -> tuple[Tensor, dict[str, tuple[float, float]]]:
    """The loss, and for each layer its unexplained variance and its Gram's relative error."""
    total = torch.zeros(())
    parts = {}
    for layer in MATCHED:
        missed = unexplained(predictions[layer], targets[layer], statistics.variance[layer])
        gram = gram_error(predictions[layer], targets[layer])
        total = total.to(missed) + missed
        if layer in STYLE_LAYERS:
            total = total + gram_weight * gram
        parts[layer] = (missed.item(), gram.item())
    return total, parts
