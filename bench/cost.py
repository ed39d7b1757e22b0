"""How much memory and time painting takes, beside the estimate that is made before it begins.

    python bench/cost.py [--sizes 640x360,1280x720] [--networks pocket,vgg19]

Paints single pictures on one thread of the CPU, at one level, each in a fresh process: 14 steps of
L-BFGS, after which its history of 10 pairs is full. Prints the bytes of memory that a painted pixel
takes (the peak, less that of a picture of 64×64 pixels) and the seconds that a step takes on a
megapixel; beside both the estimate of `nstd.work.demand`, which should be higher. VGG-19's weights
are random: memory and time do not depend on their values.
"""

import argparse
import resource
import subprocess
import sys
import time
from pathlib import Path

import torch
from step_time import DEEPEST, WIDTHS, random_tensors

from nstd.style.ladder import Level
from nstd.style.network import Network
from nstd.style.optimize import Painter, stylize_frame
from nstd.style.recipe import StyleRecipe, StyleSource
from nstd.style.targets import MemoryStore, StyleImage
from nstd.weights.canonical import load_weights
from nstd.weights.catalog import find_weights
from nstd.work.demand import FULL_COST, PAIR_BYTES, POCKET_COST

HISTORY, STEPS = 10, 14


def measure(name: str, width: int, height: int) -> None:
    """Paint in this process; prints its peak in bytes, and the seconds of a step."""
    torch.set_num_threads(1)
    tensors = (
        load_weights(find_weights("pocket", Path("no-cache"))).tensors
        if name == "pocket"
        else random_tensors(WIDTHS["vgg19"], readout=False)
    )
    recipe = StyleRecipe(
        styles=(StyleSource(image="random"),), levels=(Level(max(width, height), STEPS),)
    )
    generator = torch.Generator().manual_seed(1)
    style = StyleImage(torch.rand(1, 3, 64, 64, generator=generator), "random")
    network = Network(tensors, deepest=DEEPEST)
    painter = Painter(recipe, network, name, (style,), MemoryStore(), HISTORY)
    frame = torch.rand(1, 3, height, width, generator=generator)
    times = [time.perf_counter() for _ in stylize_frame(painter, frame)]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
    print(peak, (times[-1] - times[0]) / (len(times) - 1))


def measured(name: str, width: int, height: int) -> tuple[int, float]:
    """What `measure` prints in a fresh process."""
    command = [sys.executable, __file__, "--measure", name, f"{width}x{height}"]
    peak, seconds = subprocess.run(
        command, check=True, capture_output=True, text=True
    ).stdout.split()
    return int(peak), float(seconds)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="640x360,1280x720")
    parser.add_argument("--networks", default="pocket,vgg19")
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        name, size = arguments.measure
        measure(name, *map(int, size.split("x")))
        return
    titles = ("bytes a pixel", "estimated", "s a step and MP", "estimated")
    print(f"{'':>18}" + "".join(f"{title:>17}" for title in titles))
    for name in arguments.networks.split(","):
        cost = POCKET_COST if name == "pocket" else FULL_COST
        base, _ = measured(name, 64, 64)
        for size in arguments.sizes.split(","):
            width, height = map(int, size.split("x"))
            peak, seconds = measured(name, width, height)
            pixels = width * height
            held = (cost.pixel_bytes + PAIR_BYTES * HISTORY, cost.core_seconds)
            found = ((peak - base) / pixels, seconds / pixels * 1e6)
            print(
                f"{name:>8}{size:>10}{found[0]:17,.0f}{held[0]:17,}{found[1]:17.2f}{held[1]:17.2f}"
            )


if __name__ == "__main__":
    main()
