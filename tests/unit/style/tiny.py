"""Tiny seeded networks, pictures and painters, quick enough for hundreds of float64 steps."""

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from nstd.style.network import Network
from nstd.style.optimize import Painter
from nstd.style.recipe import STYLE_LAYERS, StyleRecipe, StyleSource
from nstd.style.targets import MemoryStore, StyleImage, content_target, style_target
from nstd.style.terms import Losses, Objective, frame_terms
from tests.networks import RGB_MEAN, RGB_STD, random_layers

WIDTHS = (4, 6, 8, 10, 10)
STYLES = (StyleSource(image="style.png"),)
SHALLOW: dict[str, Any] = {
    "style_layers": ("conv1_1", "conv2_1", "conv3_1"),
    "layer_weights": (0.5, 0.3, 0.2),
    "content_layer": "conv2_2",
}
"""A recipe for pictures of 8 px, small enough for every entry of a numerical gradient."""


def tiny_tensors(
    seed: int = 0,
    *,
    readout: bool = False,
    identity: bool = True,
    deepest: str = "conv5_1",
) -> dict[str, Tensor]:
    """A random network of canonical names, and with `readout` maps to twice and a bit the width.

    With `identity` the preprocessing does nothing. Then folding it into conv1_1 is exact, and a
    comparison in float64 is not limited by weights that are stored in float32.
    """
    generator = torch.Generator().manual_seed(seed)
    mean, std = torch.tensor(RGB_MEAN), torch.tensor(RGB_STD)
    tensors = {
        "preprocess.weight": (torch.eye(3) if identity else torch.diag(1 / std))[:, :, None, None],
        "preprocess.bias": torch.zeros(3) if identity else -mean / std,
    }
    layers = random_layers(WIDTHS, generator).items()
    tensors |= {name: tensor for name, tensor in layers if name.split(".")[0] <= deepest}
    if readout:
        for layer in (*STYLE_LAYERS, "conv2_2", "conv4_2"):
            if f"{layer}.bias" in tensors:
                _add_readout(tensors, layer, generator)
    return tensors


def _add_readout(tensors: dict[str, Tensor], layer: str, generator: torch.Generator) -> None:
    width = tensors[f"{layer}.bias"].shape[0]
    full = 2 * width + 3
    weight = torch.randn(full, width, 1, 1, generator=generator) / width**0.5
    tensors[f"readout.{layer}.weight"] = weight
    tensors[f"readout.{layer}.bias"] = torch.randn(full, generator=generator)


def picture(
    seed: int, height: int, width: int, *, low: float = 0.0, high: float = 1.0, count: int = 1
) -> Tensor:
    """Float64 noise of several scales, `[count, 3, height, width]`, spanning low…high."""
    generator = torch.Generator().manual_seed(seed)
    shape = (count, 3, height, width)
    image = torch.rand(shape, generator=generator, dtype=torch.float64)
    for cell in (4, 8):
        small = torch.rand(
            (count, 3, -(-height // cell), -(-width // cell)),
            generator=generator,
            dtype=torch.float64,
        )
        large = small.repeat_interleave(cell, 2).repeat_interleave(cell, 3)
        image = image + large[:, :, :height, :width]
    image = image - image.amin()
    return low + (high - low) * image / image.amax()


def arrays(tensors: dict[str, Tensor]) -> dict[str, npt.NDArray[np.float32]]:
    return {name: tensor.numpy() for name, tensor in tensors.items()}


def recipe(**changes: Any) -> StyleRecipe:
    """A recipe in which every term has a say."""
    values: dict[str, Any] = {"styles": STYLES, "tolerance": 0.0, "tv_weight": 0.7, **changes}
    return StyleRecipe(**values)


def network(
    tensors: dict[str, Tensor], look: StyleRecipe, dtype: torch.dtype = torch.float64
) -> Network:
    """The network as deep as `look` needs it."""
    deepest = max(*look.style_layers, look.content_layer)
    built = Network(tensors, deepest=deepest, pooling=look.pooling, padding=look.padding)
    return built.to("cpu", dtype)


def objective(
    tensors: dict[str, Tensor],
    look: StyleRecipe,
    content: Tensor,
    style: Tensor,
    dtype: torch.dtype = torch.float64,
) -> Objective:
    """The objective of one level at which the style image is looked at in its own size."""
    net = network(tensors, look, dtype)
    edge = max(style.shape[2:])
    target = style_target((StyleImage(style, "style"),), edge, net, "weights", look, MemoryStore())
    contents = content_target(content.to(dtype), net, look.content_layer, target.energy)
    return Objective(net, frame_terms(net, look, target, contents))


def painter(
    look: StyleRecipe,
    *,
    dtype: torch.dtype = torch.float64,
    device: str = "cpu",
    readout: bool = False,
    style: Tensor | None = None,
    history: int = 10,
) -> Painter:
    """A painter with a tiny network and one style image."""
    net = network(tiny_tensors(readout=readout), look, dtype).to(device, dtype)
    image = picture(99, 40, 48) if style is None else style
    return Painter(look, net, "weights", (StyleImage(image, "style"),), MemoryStore(), history)


def floats(losses: Losses) -> dict[str, float]:
    """The losses by name."""
    return {name: float(loss) for name, loss in named(losses).items()}


def named(losses: Losses) -> dict[str, Tensor]:
    """All losses, and their total."""
    return {**losses.terms, "total": losses.total}
