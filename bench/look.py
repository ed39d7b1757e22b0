"""The look of the default recipe: losses along the steps, three strengths, two sizes.

    python bench/look.py CONTENT STYLE --network WEIGHTS [--out sheet.png] [--large 1024]

Prints the style and content loss of the three strengths at 256 px along the steps. Then it paints
the photograph at the large size too (the recipe's `size`) and prints how similar that picture,
scaled down, is to the one of 256 px (SSIM by scikit-image, in color and in gray). For comparison
the photograph is also scaled to the large size and then to 256 px before it is painted: float32
L-BFGS is chaotic, so even a source that was only resampled gets its strokes elsewhere. Writes a
contact sheet: content, subtle, normal, strong, large (scaled down), the resampled 256 px.
"""

import argparse
import time
from dataclasses import replace
from pathlib import Path

import torch
from PIL import Image
from skimage.metrics import structural_similarity

from nstd.cache import TensorCache
from nstd.media.pictures import read_still
from nstd.painting.painter import build_painter
from nstd.painting.pictures import to_image, to_tensor
from nstd.painting.plan import ExecutionPlan
from nstd.style.device import prepare
from nstd.style.devices import choose_devices
from nstd.style.optimize import Painter, stylize_frame
from nstd.style.recipe import STRENGTHS, StyleRecipe, StyleSource

SHOWN = (1, 2, 5, 10, 20, 40, 60, 80)
SMALL = 256


def paint(painter: Painter, frame: torch.Tensor, *, show: bool) -> torch.Tensor:
    """The painted frame; prints the losses of some steps if `show`."""
    start = time.perf_counter()
    for iterate in stylize_frame(painter, frame):
        if show and (iterate.final or (iterate.step in SHOWN and iterate.level == 0)):
            terms = "  ".join(f"{k} {float(v):8.5f}" for k, v in iterate.losses.terms.items())
            print(f"  {'clamped' if iterate.final else f'step {iterate.step:2}':8} {terms}")
    print(f"  {time.perf_counter() - start:.1f} s")
    return iterate.image


def similarity(one: torch.Tensor, other: torch.Tensor) -> tuple[float, float]:
    """SSIM of two pictures, in color and in gray."""
    a, b = (to_image(picture) for picture in (one, other))
    gray = [picture.mean(axis=2) for picture in (a, b)]
    color = structural_similarity(a, b, channel_axis=2, data_range=255)
    return float(color), float(structural_similarity(*gray, data_range=255))


def main() -> None:
    """Measure, print and write the sheet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("content", type=Path)
    parser.add_argument("style", type=Path)
    parser.add_argument("--network", type=Path, required=True)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--large", type=int, default=1024)
    parser.add_argument("--out", type=Path, default=Path("look.png"))
    arguments = parser.parse_args()
    (info,) = choose_devices((arguments.device,))
    threads = torch.get_num_threads()
    device = prepare(info, threads)
    plan = ExecutionPlan(device=device.type, processor=info.processor, threads=threads)
    store = TensorCache(arguments.out.parent / ".look-cache")
    content = to_tensor(read_still(arguments.content).image)
    pictures = [resize_to_edge(content, SMALL, 32)]
    for strength, weight in STRENGTHS.items():
        source = StyleSource(image=str(arguments.style))
        recipe = StyleRecipe(
            styles=(source,), network=str(arguments.network), content_weight=weight, size=SMALL
        )
        painter = build_painter(recipe, plan, device, store)
        print(f"{strength}, {SMALL} px")
        pictures.append(paint(painter, content, show=True).cpu())
        if strength == "normal":
            normal = painter
    print(f"normal, {arguments.large} px")
    larger = replace(normal, recipe=replace(normal.recipe, size=arguments.large))
    painted = paint(larger, content, show=True).cpu()
    pictures.append(resize_to_edge(painted, SMALL, 32))
    print(f"normal, {SMALL} px, scaled by way of {arguments.large} px")
    other = resize_to_edge(resize_to_edge(content, arguments.large, 32), SMALL, 32)
    pictures.append(paint(normal, other, show=False).cpu())
    color, gray = similarity(pictures[2], pictures[4])
    sizes = f"{SMALL} px and {arguments.large} px scaled down"
    print(f"SSIM of {sizes}: {color:.3f} color, {gray:.3f} gray")
    color, gray = similarity(pictures[2], pictures[5])
    print(f"SSIM of the two {SMALL}-px frames: {color:.3f} color, {gray:.3f} gray")
    Image.fromarray(to_image(torch.cat(pictures, dim=3))).save(arguments.out)


if __name__ == "__main__":
    main()
