"""Flicker, style and time of a few frames: each from its own content, and along the flow.

    python bench/flicker.py CLIP STYLE --network WEIGHTS [--first 60] [--frames 6] [--size 256]
                            [--steps 60] [--weights 0,30,100] [--out flicker.png]

Prints METHOD's table for each mode: steps of the first and of later frames, style loss (of the
clamped frames), E_warp ratio (scored with Farnebäck's flow, not the optimizer's), gradient energy
against the independent mode's, style loss where something is new, and seconds a frame. Writes a
contact sheet: a row each for the source and every mode; the last frame of each stands enlarged
below, beside its difference from the warped frame before.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from nstd.cache import TensorCache
from nstd.film import to_images, to_tensor
from nstd.flow import Checked, Farneback, choose_estimator
from nstd.media.probe import probe
from nstd.media.reader import read_frames
from nstd.pipeline import build_painter
from nstd.plan import ExecutionPlan
from nstd.score import (
    Pair,
    RegionStyle,
    compare,
    gradient_energy,
    shifted,
    visible,
    warp_ratio,
)
from nstd.style.device import choose_devices, prepare
from nstd.style.optimize import Iterate, Painter, stylize_frames
from nstd.style.recipe import Level, StyleRecipe, StyleSource, Temporal
from nstd.style.shot import Predecessor, settled_loss, stylize_next
from nstd.style.targets import resize

Pictures = list[torch.Tensor]


def farneback(earlier: torch.Tensor, later: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Backward and forward flow by another method than the optimizer's."""
    return Checked(Farneback(), "farneback").estimate(to_images(earlier)[0], to_images(later)[0])


def last(iterates: Iterator[Iterate]) -> tuple[Iterate, int]:
    """The result, and how many steps it took."""
    steps = 0
    for one in iterates:
        steps += not one.final
    return one, steps


def as_written(image: torch.Tensor) -> torch.Tensor:
    """Rounded to 8 bits."""
    return to_tensor(to_images(image))


def independent(painter: Painter, frames: Pictures) -> Iterator[tuple[Iterate, int]]:
    """Each frame from its own content."""
    energies = painter.content_energies(frames[0])
    for frame in frames:
        yield last(stylize_frames(painter, frame, energies))


def flowing(painter: Painter, frames: Pictures) -> Iterator[tuple[Iterate, int]]:
    """Each frame from the ones before it."""
    energies = painter.content_energies(frames[0])
    estimator = choose_estimator(painter.recipe.temporal.estimator)
    painted: Pictures = []
    settled = 0.0
    for index, frame in enumerate(frames):
        before = [
            Predecessor(
                painted[-d],
                *estimator.estimate(to_images(frames[index - d])[0], to_images(frame)[0]),
                same=torch.equal(frames[index - d], frame),
                source=frames[index - d],
            )
            for d in painter.recipe.temporal.distances
            if d <= index
        ]
        if before:
            found = last(stylize_next(painter, frame, before, energies, settled))
        else:
            found = last(stylize_frames(painter, frame, energies))
            settled = settled_loss(painter, found[0].losses)
        painted.append(as_written(found[0].images))
        yield found


def measure(
    name: str,
    paint: Callable[[Painter, Pictures], Iterator[tuple[Iterate, int]]],
    painter: Painter,
    frames: Pictures,
    flows: list[tuple[torch.Tensor, torch.Tensor]],
    energy: float | None,
) -> tuple[Pictures, float]:
    """Paint, print a line of the table, and give the frames and their gradient energy."""
    start = time.perf_counter()
    results = list(paint(painter, frames))
    seconds = (time.perf_counter() - start) / len(frames)
    painted = [as_written(one.images) for one, _ in results]
    pairs: list[Pair] = [
        compare((painted[n], painted[n + 1]), (frames[n], frames[n + 1]), *flows[n])
        for n in range(len(flows))
    ]
    style = [float(one.losses.style) for one, _ in results]
    new, covered = (
        RegionStyle(painter, painter.levels(*frames[0].shape[:1:-1])[-1]) for _ in range(2)
    )
    for picture, flow in zip(painted[1:], flows, strict=True):
        hidden = ~visible(*flow)
        new.add(picture, hidden)
        covered.add(picture, shifted(hidden))
    own = sum(map(gradient_energy, painted)) / len(painted)
    steps = [steps for _, steps in results]
    relative = f"{own / energy:6.3f}" if energy else "  1   "
    print(
        f"{name:28} {steps[0]:3}/{np.mean(steps[1:]):5.1f}  style {np.mean(style[1:]):.4f}"
        f" (first {style[0]:.4f}, last {style[-1]:.4f})  E_warp ×{warp_ratio(pairs):6.2f}"
        f"  sharpness {relative}"
        f"  new {new.loss():.4f} / {covered.loss():.4f}  {seconds:5.2f} s",
        flush=True,
    )
    return painted, own


def main() -> None:
    """Measure, print and write the sheet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clip", type=Path)
    parser.add_argument("style", type=Path)
    parser.add_argument("--network", type=Path, required=True)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--first", type=int, default=60)
    parser.add_argument("--frames", type=int, default=6)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--weights", default="100")
    parser.add_argument("--out", type=Path, default=Path("flicker.png"))
    arguments = parser.parse_args()
    (info,) = choose_devices((arguments.device,))
    device = prepare(info, torch.get_num_threads())
    plan = ExecutionPlan(
        device=device.type, processor=info.processor, threads=torch.get_num_threads()
    )
    recipe = StyleRecipe(
        styles=(StyleSource(image=str(arguments.style)),),
        network=str(arguments.network),
        levels=(Level(arguments.size, arguments.steps),),
    )
    painter = build_painter(recipe, plan, device, TensorCache(arguments.out.parent / ".flicker"))
    facts = probe(arguments.clip)
    end = arguments.first + arguments.frames - 1
    frames = [
        resize(to_tensor([frame.image]), *_small(frame.image, arguments.size))
        for frame in read_frames(arguments.clip, facts, arguments.first, end)
    ]
    frames = [as_written(frame) for frame in frames]
    flows = [farneback(*pair) for pair in pairwise(frames)]
    seen = np.mean([float(visible(*flow).float().mean()) for flow in flows])
    print(
        f"{arguments.clip.name} {arguments.first}…{end}, {[*frames[0].shape[2:]]}, {seen:.0%} seen"
    )
    rows = [frames]
    plain, energy = measure("independent", independent, painter, frames, flows, None)
    rows.append(plain)
    for weight in map(float, arguments.weights.split(",")):
        held = replace(painter, recipe=replace(recipe, temporal=Temporal(weight=weight)))
        painted, _ = measure(f"flow, weight {weight:g}", flowing, held, frames, flows, energy)
        rows.append(painted)
    sheet = np.concatenate([np.concatenate([to_images(p)[0] for p in row], 1) for row in rows])
    Image.fromarray(sheet).save(arguments.out)


def _small(image: np.ndarray, edge: int) -> tuple[int, int]:
    height, width = image.shape[:2]
    scale = edge / max(height, width)
    return 2 * round(width * scale / 2), 2 * round(height * scale / 2)


if __name__ == "__main__":
    main()
