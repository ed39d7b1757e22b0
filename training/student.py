"""The network that is trained: VGG-19's topology to conv5_1 with a quarter of its channels."""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nstd.style.recipe import CONTENT_LAYER, LAYERS, STYLE_LAYERS

BUILT = LAYERS[: LAYERS.index("conv5_1") + 1]
MATCHED = tuple(layer for layer in BUILT if layer in {*STYLE_LAYERS, CONTENT_LAYER})
"""The layers whose activations the teacher is asked for, in order."""

WIDTHS = (16, 32, 64, 128, 128)
"""Channels of the five blocks: a quarter of VGG-19's."""

# torchvision's normalization; part of the weights file, so any other would do as well.
MEAN = (0.485, 0.456, 0.406)
DEVIATION = (0.229, 0.224, 0.225)


class Student(nn.Module):
    """Convolutions with a linear readout into the teacher's space at each of `MATCHED`.

    Args:
        outputs: For each of `MATCHED` the number of coordinates the teacher's activations have.
        seed: Of the random initialization (He et al. 2015).
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, outputs: dict[str, int], seed: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.convolutions = nn.ModuleDict()
        self.readouts = nn.ModuleDict()
        width = 3
        for layer in BUILT:
            channels = WIDTHS[int(layer[4]) - 1]
            convolution = nn.Conv2d(width, channels, 3)
            _initialize(convolution, "relu", generator)
            self.convolutions[layer] = convolution
            width = channels
            if layer in outputs:
                readout = nn.Conv2d(width, outputs[layer], 1)
                _initialize(readout, "linear", generator)
                self.readouts[layer] = readout
        self.register_buffer("mean", torch.tensor(MEAN)[:, None, None])
        self.register_buffer("deviation", torch.tensor(DEVIATION)[:, None, None])

    def activations(self, images: Tensor) -> dict[str, Tensor]:
        """Activations after the ReLU at `MATCHED`, for `[batch, 3, height, width]` in [0, 1]."""
        x = (images - self.mean) / self.deviation
        found = {}
        for layer, convolution in self.convolutions.items():
            if layer.endswith("_1") and layer != "conv1_1":
                x = F.max_pool2d(x, 2)
            x = F.relu(convolution(F.pad(x, (1, 1, 1, 1), mode="reflect")))
            if layer in self.readouts:
                found[layer] = x
        return found

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """What the student takes the teacher's activations for, at `MATCHED`."""
        return self.read_out(self.activations(images))

    def read_out(self, activations: dict[str, Tensor]) -> dict[str, Tensor]:
        """The readouts of the student's own activations."""
        return {layer: self.readouts[layer](f) for layer, f in activations.items()}

    def weights(self) -> dict[str, Tensor]:
        """The network as `nstd.style.network.Network` takes it; a snapshot."""
        tensors = {
            "preprocess.weight": torch.diag(1 / self.deviation.flatten())[:, :, None, None],
            "preprocess.bias": -(self.mean / self.deviation).flatten(),
        }
        for layer, convolution in self.convolutions.items():
            weight, bias = convolution.parameters()
            tensors |= {f"{layer}.weight": weight, f"{layer}.bias": bias}
        for layer, readout in self.readouts.items():
            weight, bias = readout.parameters()
            tensors |= {f"readout.{layer}.weight": weight, f"readout.{layer}.bias": bias}
        return {name: tensor.detach().clone().cpu() for name, tensor in tensors.items()}


def _initialize(
    convolution: nn.Conv2d, nonlinearity: Literal["relu", "linear"], generator: torch.Generator
) -> None:
    weight, bias = convolution.parameters()
    nn.init.kaiming_normal_(weight, nonlinearity=nonlinearity, generator=generator)
    nn.init.zeros_(bias)
