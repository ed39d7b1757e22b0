"""Time of one step (forward, losses, backward) by network and picture size.

    python bench/step_time.py [--device cpu] [--threads 2] [--sizes 256x144,320x180]

Weights are random: time does not depend on their values. Prints a table, and for each size the
ratio of the full network's step to the quarter-width one's; and how long it takes to find, check
and load the network that ships.
"""

import argparse
import statistics
import time
from pathlib import Path

import torch

from nstd.style.device import prepare
from nstd.style.devices import choose_devices
from nstd.style.network import Network
from nstd.style.recipe import LAYERS, StyleRecipe, StyleSource
from nstd.style.targets import MemoryStore, StyleImage, content_target, style_target
from nstd.style.terms import Objective, frame_terms
from nstd.weights.canonical import load_weights
from nstd.weights.catalog import find_weights

WIDTHS = {"vgg19": (64, 128, 256, 512, 512), "quarter": (16, 32, 64, 128, 128)}
DEEPEST = "conv5_1"


def random_tensors(widths: tuple[int, ...], *, readout: bool) -> dict[str, torch.Tensor]:
    """Weights of the right shapes, scaled so that activations neither vanish nor explode."""
    generator = torch.Generator().manual_seed(0)
    tensors = {
        "preprocess.weight": torch.eye(3)[:, :, None, None],
        "preprocess.bias": torch.zeros(3),
    }
    channels = 3
    for layer in LAYERS[: LAYERS.index(DEEPEST) + 1]:
        width = widths[int(layer[4]) - 1]
        weight = torch.randn(width, channels, 3, 3, generator=generator)
        tensors[f"{layer}.weight"] = weight * (2 / (9 * channels)) ** 0.5
        tensors[f"{layer}.bias"] = torch.zeros(width)
        if readout and layer.endswith("_1"):
            full = torch.randn(4 * width, width, 1, 1, generator=generator)
            tensors[f"readout.{layer}.weight"] = full / width**0.5
            tensors[f"readout.{layer}.bias"] = torch.zeros(4 * width)
        channels = width
    return tensors


def step_seconds(network: Network, width: int, height: int, repeats: int) -> float:
    """Median seconds of a step on one frame of `width` × `height` pixels."""
    recipe = StyleRecipe(styles=(StyleSource(image="random"),))
    generator = torch.Generator().manual_seed(1)
    frame = torch.rand(1, 3, height, width, generator=generator).to(network.device)
    style = StyleImage(torch.rand(1, 3, 256, 256, generator=generator), "random")
    target = style_target((style,), max(width, height), network, "random", recipe, MemoryStore())
    content = content_target(frame, network, recipe.content_layer, target.energy)
    objective = Objective(network, frame_terms(network, recipe, target, content))
    times = []
    for _ in range(repeats + 2):
        start = time.perf_counter()
        losses, _ = objective.with_gradient(frame)
        losses.total.tolist()  # waits for the device
        times.append(time.perf_counter() - start)
    return statistics.median(times[2:])


def load_seconds() -> float:
    """Seconds from the name of the network that ships to the network."""
    start = time.perf_counter()
    weights = load_weights(find_weights("pocket", Path("no-cache")))
    Network(weights.tensors, deepest=DEEPEST)
    return time.perf_counter() - start


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--sizes", default="256x144,320x180,640x360")
    parser.add_argument("--networks", default=",".join(WIDTHS))
    parser.add_argument("--repeats", type=int, default=7)
    arguments = parser.parse_args()
    print(f"pocket is found, checked and loaded in {load_seconds() * 1e3:.0f} ms")
    (info,) = choose_devices((arguments.device,))
    device = prepare(info, arguments.threads)
    print(f"{info.description}, {arguments.threads} threads, torch {torch.__version__}, float32")
    networks = {
        name: Network(random_tensors(widths, readout=name != "vgg19"), deepest=DEEPEST)
        for name, widths in WIDTHS.items()
        if name in arguments.networks.split(",")
    }
    ratio = f"{'ratio':>8}" if len(networks) == 2 else ""
    print(f"{'size':>10}" + "".join(f"{name + ' ms':>14}" for name in networks) + ratio)
    for size in arguments.sizes.split(","):
        width, height = (int(edge) for edge in size.split("x"))
        times = [
            step_seconds(network.to(device, torch.float32), width, height, arguments.repeats)
            for network in networks.values()
        ]
        cells = "".join(f"{seconds * 1e3:14.1f}" for seconds in times)
        ratio = f"{times[0] / times[1]:8.1f}" if len(times) == 2 else ""
        print(f"{size:>10}{cells}{ratio}")


if __name__ == "__main__":
    main()
