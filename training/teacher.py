"""What the student learns to see: a network that nstd can load, in its full space."""

import torch
from torch import Tensor

from nstd.style.network import Network
from training.student import MATCHED


class Teacher:
    """A frozen network, asked for its activations at `MATCHED` in the fewest coordinates.

    Where the teacher has a readout `A f + b` of its own (a network that was distilled itself), its
    full-space activations lie in a space of at most width + 1 dimensions. `R [f; 1]`, with R of the
    QR of [A | b], are their coordinates in an orthonormal basis of it: all distances, Grams' norms
    and so every loss and every R² are the same, at a fraction of the arithmetic.
    """

    def __init__(self, network: Network) -> None:
        self.network = network
        self.outputs = {layer: self._outputs(layer) for layer in MATCHED}
        self.full_widths = {layer: network.full_width(layer) for layer in MATCHED}

    def activations(self, images: Tensor) -> dict[str, Tensor]:
        """`[batch, outputs, height, width]` at each of `MATCHED`, for images in [0, 1]."""
        with torch.no_grad():
            features = self.network.features(images, MATCHED)
            return {layer: self._in_full_space(layer, f) for layer, f in features.items()}

    def _in_full_space(self, layer: str, features: Tensor) -> Tensor:
        factor = self.network.metric_factor(layer)
        if factor is None:
            return features
        weight, bias = factor[:, :-1, None, None], factor[:, -1]
        return torch.nn.functional.conv2d(features, weight.to(features), bias.to(features))

    def _outputs(self, layer: str) -> int:
        factor = self.network.metric_factor(layer)
        if factor is not None:
            return factor.shape[0]
        return self.network.full_width(layer)
