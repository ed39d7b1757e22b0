"""VGG-19's topology, built only as deep as is needed, with any widths and any weights.

Simonyan and Zisserman, "Very deep convolutional networks for large-scale image recognition", 2015.
The full network and one with a quarter of its channels are the same class: the widths are read from
the weights. A narrow network may come with a *readout* for a layer: an affine map from its
activations to those of the full network. Losses then measure distances in the full network's space,
which costs one small matrix a layer, the metric. A readout that is used for nothing else need not
be kept: that matrix and the full width are enough.
"""

from collections.abc import Iterable, Mapping

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import FunctionCtx, once_differentiable

from nstd.errors import WeightsError
from nstd.style.recipe import LAYERS, Padding, Pooling

AVERAGE_POOL_GAIN = 2.0
"""Averages are smaller than maxima; this keeps activations in the range the weights expect
(Katherine Crowson, style-transfer-pytorch)."""

# An underscore keeps an axis from being compared: each layer has its own size.
Features = dict[str, Float[Tensor, "batch _channels _height _width"]]


class Network:
    """The convolutions of VGG-19 up to `deepest`, frozen, with ReLU after each and pooling between.

    Unlike the trained VGG, convolutions do not pad with zeros: zeros paint a border around every
    picture.

    Args:
        tensors: `preprocess.{weight,bias}` (1×1 convolution from RGB in [0, 1] to what `conv1_1`
            expects), `convB_I.{weight,bias}`, and for a layer that stands for a full network's
            either `readout.convB_I.{weight,bias}` (1×1 convolution to the full network's
            activations) or what losses need of it: `metric.convB_I.factor` (see `metric_factor`)
            and `metric.convB_I.width` (see `full_width`).
        deepest: The last layer that is built; nothing past it is computed or kept.
        pooling: "max" as trained, or "average" for smoother gradients.
        padding: "reflect" or "replicate".

    Raises:
        WeightsError: A tensor that is needed is missing.
    """

    def __init__(
        self,
        tensors: Mapping[str, Tensor],
        *,
        deepest: str,
        pooling: Pooling = "max",
        padding: Padding = "reflect",
    ) -> None:
        self.layers = LAYERS[: LAYERS.index(deepest) + 1]
        self.pooling = pooling
        self.padding = padding
        needed = [f"{name}.{part}" for name in self.layers for part in ("weight", "bias")]
        read_out = [layer for layer in self.layers if f"readout.{layer}.weight" in tensors]
        required = [*needed, "preprocess.weight", "preprocess.bias"]
        required += [f"readout.{layer}.bias" for layer in read_out]
        required += [
            f"metric.{layer}.width" for layer in self.layers if f"metric.{layer}.factor" in tensors
        ]
        if missing := [name for name in required if name not in tensors]:
            raise WeightsError(
                f"The network's weights do not reach {deepest}: there is no {missing[0]}",
                "Choose shallower layers in the recipe, or other weights",
            )
        self._parameters = {name: tensors[name].detach().float() for name in needed}
        self._fold_preprocessing(tensors)
        self._exact_factors = {layer: _metric_factor(tensors, layer) for layer in self.layers}
        self._factors = self._exact_factors
        self._full_widths = {layer: _full_width(tensors, layer) for layer in self.layers}
        self.to("cpu", torch.float32)

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self._parameters["conv1_1.weight"].device

    @property
    def dtype(self) -> torch.dtype:
        """What it computes in; Grams and losses are never below float32."""
        return self._parameters["conv1_1.weight"].dtype

    def to(self, device: torch.device | str, dtype: torch.dtype) -> "Network":
        """Move everything to `device` and `dtype`, in place."""
        self._parameters = {k: v.to(device, dtype) for k, v in self._parameters.items()}
        # The metric multiplies differences of Grams, which are never kept below float32.
        exact = torch.promote_types(dtype, torch.float32)
        self._factors = {
            k: None if v is None else v.to(device, exact) for k, v in self._exact_factors.items()
        }
        return self

    def features(
        self, images: Float[Tensor, "batch 3 height width"], layers: Iterable[str]
    ) -> Features:
        """Activations after the ReLU of each of `layers`, for sRGB images in [0, 1].

        Nothing past the deepest of `layers` is computed.
        """
        wanted = set(layers)
        found: Features = {}
        x = images
        for layer in self.layers:
            if layer.endswith("_1") and layer != "conv1_1":
                x = self._pool(x)
            x = F.relu(self._convolve(x, layer))
            if layer in wanted:
                found[layer] = x
                if len(found) == len(wanted):
                    break
        return found

    def metric_factor(self, layer: str) -> Float[Tensor, "rank augmented"] | None:
        """R with Â = QR, Â = [A | b] the readout of `layer`; None where there is no readout.

        Then `‖A f + b‖ = ‖R f̂‖` with `f̂ = [f; 1]`, and it is never negative by its form. The QR
        is made in float64: M = ÂᵀÂ itself would lose half of the digits.
        """
        return self._factors[layer]

    def full_width(self, layer: str) -> int:
        """N_l of the full network: as stored, or the readout's outputs, or the layer's channels."""
        return self._full_widths[layer]

    def _convolve(self, x: Tensor, layer: str) -> Tensor:
        weight, bias = self._parameters[f"{layer}.weight"], self._parameters[f"{layer}.bias"]
        return F.conv2d(_pad(x, self.padding), weight, bias)

    def _pool(self, x: Tensor) -> Tensor:
        if self.pooling == "max":
            return F.max_pool2d(x, 2)
        return F.avg_pool2d(x, 2) * AVERAGE_POOL_GAIN

    def _fold_preprocessing(self, tensors: Mapping[str, Tensor]) -> None:
        """Make the affine input map part of `conv1_1`: exact, since padding is not by zeros."""
        p = tensors["preprocess.weight"].detach().double()[:, :, 0, 0]
        q = tensors["preprocess.bias"].detach().double()
        weight = self._parameters["conv1_1.weight"].double()
        bias = self._parameters["conv1_1.bias"].double()
        bias = bias + torch.einsum("ocyx,c->o", weight, q)
        weight = torch.einsum("ocyx,ci->oiyx", weight, p)
        self._parameters["conv1_1.weight"] = weight.float()
        self._parameters["conv1_1.bias"] = bias.float()


def readout_factor(weight: Tensor, bias: Tensor) -> Float[Tensor, "rank augmented"]:
    """R of the QR of [A | b], in float64: see `Network.metric_factor`.

    Args:
        weight: A as a 1×1 convolution, `[outputs, channels, 1, 1]`.
        bias: b, `[outputs]`.
    """
    augmented = torch.cat([weight[:, :, 0, 0], bias[:, None]], dim=1).detach().double()
    factor: Tensor = torch.linalg.qr(augmented, mode="r").R
    return factor


def _full_width(tensors: Mapping[str, Tensor], layer: str) -> int:
    if (width := tensors.get(f"metric.{layer}.width")) is not None:
        return int(width)
    return tensors.get(f"readout.{layer}.weight", tensors[f"{layer}.weight"]).shape[0]


def _metric_factor(tensors: Mapping[str, Tensor], layer: str) -> Tensor | None:
    if (stored := tensors.get(f"metric.{layer}.factor")) is not None:
        return stored.detach().double()
    weight = tensors.get(f"readout.{layer}.weight")
    if weight is None:
        return None
    return readout_factor(weight, tensors[f"readout.{layer}.bias"])


def _pad(x: Tensor, padding: Padding) -> Tensor:
    """One pixel on each side."""
    padded: Tensor = _Pad.apply(x, 1 if padding == "reflect" else 0)
    return padded


class _Pad(torch.autograd.Function):
    """Padding by reflection (`near` = 1) or replication (`near` = 0), in one pass each way.

    Not `F.pad`: the backward pass of torch's reflection is not deterministic on CUDA. Not slices
    put together: autograd would fill a tensor of zeros for each and add them up, a tenth of a step.
    """

    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor, near: int) -> Tensor:
        """The padded `[batch, channels, height + 2, width + 2]`."""
        ctx.near = near  # type: ignore[attr-defined] # a context takes any attribute
        far = -1 - near
        height, width = x.shape[2:]
        padded = x.new_empty((*x.shape[:2], height + 2, width + 2))
        padded[..., 1:-1, 1:-1] = x
        padded[..., 0, 1:-1] = x[..., near, :]
        padded[..., -1, 1:-1] = x[..., far, :]
        # With the corners, which the rows have filled.
        padded[..., 0] = padded[..., 1 + near]
        padded[..., -1] = padded[..., -2 - near]
        return padded

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, *gradients: Tensor) -> tuple[Tensor, None]:
        """Each padded pixel's gradient goes to the pixel that it is a copy of."""
        (gradient,) = gradients
        near: int = ctx.near  # type: ignore[attr-defined] # see above
        far = -1 - near
        result = gradient[..., 1:-1, 1:-1].clone(memory_format=torch.contiguous_format)
        result[..., near, :] += gradient[..., 0, 1:-1]
        result[..., far, :] += gradient[..., -1, 1:-1]
        for column, source in ((near, gradient[..., 0]), (far, gradient[..., -1])):
            result[..., column] += source[..., 1:-1]
            result[..., near, column] += source[..., 0]  # the corners
            result[..., far, column] += source[..., -1]
        return result, None
