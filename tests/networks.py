"""Small seeded random networks, and one network written down in several projects' conventions."""

from collections.abc import Mapping
from pathlib import Path

import safetensors.torch
import torch
import torch.nn.functional as F

BLOCKS = (2, 2, 4, 4, 4)
QUARTER_WIDTHS = (16, 32, 64, 128, 128)
FULL_WIDTHS = (64, 128, 256, 512, 512)
FEATURES = (0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34)
"""torchvision's indices of VGG-19's convolutions, written out by hand as a second opinion."""

RGB_MEAN, RGB_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
BGR_MEAN = (103.939, 116.779, 123.68)

Tensors = dict[str, torch.Tensor]


def make_quarter_network(
    path: Path, seed: int = 0, widths: tuple[int, ...] = QUARTER_WIDTHS, *, readout: bool = True
) -> Path:
    """Write a random network to conv5_1 with canonical names; `widths` are those of the blocks."""
    generator = torch.Generator().manual_seed(seed)
    tensors: Tensors = {
        "preprocess.weight": torch.diag(1 / torch.tensor(RGB_STD)).reshape(3, 3, 1, 1).contiguous(),
        "preprocess.bias": -torch.tensor(RGB_MEAN) / torch.tensor(RGB_STD),
    }
    for name, tensor in random_layers(widths, generator).items():
        if name.split(".")[0] not in {"conv5_2", "conv5_3", "conv5_4"}:
            tensors[name] = tensor
    if readout:
        for block, width in enumerate(widths, start=1):
            shape = (4 * width, width, 1, 1)
            weight = torch.randn(shape, generator=generator) / width**0.5
            tensors[f"readout.conv{block}_1.weight"] = weight
            tensors[f"readout.conv{block}_1.bias"] = torch.randn(4 * width, generator=generator)
    safetensors.torch.save_file(tensors, path, {"source": f"random, seed {seed}"})
    return path


def make_torchvision_vgg19(
    path: Path,
    seed: int = 0,
    widths: tuple[int, ...] = FULL_WIDTHS,
    *,
    legacy: bool = False,
) -> Path:
    """Write a random VGG-19 as torchvision's state dict, with a small stand-in classifier.

    `legacy` is the format before torch 1.6, in which torchvision's own file is published.
    """
    generator = torch.Generator().manual_seed(seed)
    layers = random_layers(widths, generator)
    state = _numbered(layers)
    state["classifier.0.weight"] = torch.randn(8, widths[-1], generator=generator)
    state["classifier.0.bias"] = torch.zeros(8)
    torch.save(state, path, _use_new_zipfile_serialization=not legacy)
    return path


def make_gatys(path: Path, torchvision_file: Path) -> Path:
    """Write the same function as `torchvision_file` in Gatys' conventions and names."""
    layers = _for_caffe_input(_named(torch.load(torchvision_file, weights_only=True)))
    torch.save(layers, path)
    return path


def make_jcjohnson(path: Path, torchvision_file: Path) -> Path:
    """Write the same function as `torchvision_file` in jcjohnson's conventions and names."""
    layers = _for_caffe_input(_named(torch.load(torchvision_file, weights_only=True)))
    torch.save(_numbered(layers), path)
    return path


def random_layers(widths: tuple[int, ...], generator: torch.Generator) -> Tensors:
    """Draw all sixteen convolutions, scaled (He) so that activations neither die nor explode."""
    tensors: Tensors = {}
    before = 3
    for block, (count, width) in enumerate(zip(BLOCKS, widths, strict=True), start=1):
        for index in range(1, count + 1):
            scale = (2 / (9 * before)) ** 0.5
            weight = torch.randn(width, before, 3, 3, generator=generator) * scale
            tensors[f"conv{block}_{index}.weight"] = weight
            tensors[f"conv{block}_{index}.bias"] = 0.1 * torch.randn(width, generator=generator)
            before = width
    return tensors


def activations(tensors: Mapping[str, torch.Tensor], image: torch.Tensor) -> Tensors:
    """Run a canonical network on RGB in [0, 1], `[batch, 3, height, width]`, layer by layer."""
    x = F.conv2d(image, tensors["preprocess.weight"], tensors["preprocess.bias"])
    found: Tensors = {}
    for block, count in enumerate(BLOCKS, start=1):
        for index in range(1, count + 1):
            layer = f"conv{block}_{index}"
            if f"{layer}.weight" not in tensors:
                return found
            padded = F.pad(x, (1, 1, 1, 1), mode="reflect")
            x = F.relu(F.conv2d(padded, tensors[f"{layer}.weight"], tensors[f"{layer}.bias"]))
            found[layer] = x
        x = F.max_pool2d(x, 2)
    return found


def torchvision_activations(state: Mapping[str, torch.Tensor], image: torch.Tensor) -> Tensors:
    """Run a torchvision state dict the way torchvision does, input normalization and all."""
    shape = (1, 3, 1, 1)
    layers = _named(state)
    normalized = (image - torch.tensor(RGB_MEAN).reshape(shape)) / torch.tensor(RGB_STD).reshape(
        shape
    )
    layers["preprocess.weight"] = torch.eye(3).reshape(3, 3, 1, 1)
    layers["preprocess.bias"] = torch.zeros(3)
    return activations(layers, normalized)


def _numbered(layers: Mapping[str, torch.Tensor]) -> Tensors:
    names = list(dict.fromkeys(name.split(".")[0] for name in layers))
    index = dict(zip(names, FEATURES, strict=True))
    return {
        f"features.{index[name.split('.')[0]]}.{name.split('.')[1]}": tensor
        for name, tensor in layers.items()
    }


def _named(state: Mapping[str, torch.Tensor]) -> Tensors:
    names = [
        f"conv{block}_{index}"
        for block, count in enumerate(BLOCKS, start=1)
        for index in range(1, count + 1)
    ]
    return {
        f"{name}.{kind}": state[f"features.{index}.{kind}"]
        for name, index in zip(names, FEATURES, strict=True)
        for kind in ("weight", "bias")
    }


def _for_caffe_input(layers: Tensors) -> Tensors:
    """Rewrite conv1_1 from (rgb − mean) / std to 255 · bgr − mean.

    With rgb = (z + m) / 255 for the Caffe input z and its mean m, channel by channel,
    (rgb − mean) / std = z / (255 std) + (m / 255 − mean) / std: the first goes into the weights,
    the second, a constant, into the bias (exact, since padding by reflection keeps it constant).
    """
    weight, bias = layers["conv1_1.weight"].double(), layers["conv1_1.bias"].double()
    mean, std = torch.tensor(RGB_MEAN).double(), torch.tensor(RGB_STD).double()
    caffe_mean_rgb = torch.tensor(BGR_MEAN[::-1]).double()
    offset = (caffe_mean_rgb / 255 - mean) / std
    scaled = (weight / (255 * std).reshape(1, 3, 1, 1)).flip(1)
    shifted = bias + torch.einsum("oikl,i->o", weight, offset)
    return {
        **layers,
        "conv1_1.weight": scaled.float().contiguous(),
        "conv1_1.bias": shifted.float(),
    }
