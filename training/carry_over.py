r"""Does the look carry over? Pictures made through the student, judged by the teacher.

    python -m training.carry_over --teacher WEIGHTS --student WEIGHTS --contents FILE... \
        --styles FILE... --out FOLDER

Every pair of a content and a style is painted through both networks (L-BFGS from the content, the
default recipe), and each result is scored by the teacher: the style loss of every layer over the
style's own squared norm, in the teacher's full space. The figure is the geometric mean over the
pairs of student's loss over teacher's. Writes a table and a sheet for each style, content by
content: the photograph, through the teacher, through the student. Teacher's pictures are kept in
FOLDER and not painted again, nor are those of the same student.
"""

import argparse
import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from nstd.files import part_path, removed_on_failure, replace
from nstd.media.pictures import read_still
from nstd.painting.pictures import to_image, to_tensor
from nstd.style.canvas import resize
from nstd.style.ladder import Level, PlannedLevel
from nstd.style.losses import second_moment, squared_moment_distance
from nstd.style.network import Network
from nstd.style.optimize import Painter, stylize_frame
from nstd.style.recipe import STYLE_LAYERS, StyleRecipe, StyleSource
from nstd.style.targets import MemoryStore, StyleImage
from nstd.weights.canonical import load_weights


@dataclass(frozen=True)
class Judge:
    """The teacher, asked how near a picture is to a style."""

    painter: Painter

    def losses(self, picture: Tensor) -> list[float]:
        """The relative style loss of each layer, for `[1, 3, height, width]` in [0, 1]."""
        network = self.painter.network
        height, width = picture.shape[2:]
        target = self.painter.style_target(PlannedLevel(width, height, 1))
        with torch.no_grad():
            features = network.features(picture.to(network.device), STYLE_LAYERS)
        found = []
        for layer in STYLE_LAYERS:
            factor = network.metric_factor(layer)
            moment = second_moment(features[layer], augmented=factor is not None)
            distance = squared_moment_distance(moment, target.moments[layer], factor)
            found.append(float(distance / target.norms[layer]))
        return found


def make_painter(weights: Path, style: Path, arguments: argparse.Namespace) -> Painter:
    """A painter with the default recipe at one level."""
    loaded = load_weights(weights)
    network = Network(loaded.tensors, deepest="conv5_1")
    recipe = StyleRecipe(
        styles=(StyleSource(image=str(style)),),
        size=arguments.edge,
        levels=(Level(arguments.edge, arguments.steps),),
    )
    image = StyleImage(to_tensor(read_still(style).image), style.name)
    network = network.to(arguments.device, torch.float32)
    return Painter(recipe, network, loaded.sha256, (image,), MemoryStore())


def paint(painter: Painter, content: Tensor) -> Tensor:
    """The finished picture."""
    for iterate in stylize_frame(painter, content):
        result = iterate.image
    return result.cpu()


def painted_once(painter: Painter, content: Path, folder: Path) -> Tensor:
    """The finished picture, from `folder` if it was painted before."""
    recipe = painter.recipe
    style = Path(recipe.styles[0].image).stem
    name = f"{content.stem}-{style}-{recipe.levels[0].long_edge}-{recipe.levels[0].steps}"
    path = folder / painter.weights_sha256[:12] / f"{name}.npy"
    if path.exists():
        return torch.from_numpy(np.load(path))
    picture = paint(painter, to_tensor(read_still(content).image))
    path.parent.mkdir(parents=True, exist_ok=True)
    with removed_on_failure(part_path(path)) as part:
        with part.open("wb") as file:
            np.save(file, picture.numpy())
        replace(part, path)
    return picture


def main() -> None:
    """Paint, judge, print, write sheets."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--teacher", type=Path, required=True, help="weights file of the network that judges")
    add("--student", type=Path, required=True, help="weights file of the network that is judged")
    add("--contents", type=Path, nargs="+", required=True, help="photographs to paint")
    add("--styles", type=Path, nargs="+", required=True, help="pictures to paint them like")
    add("--out", type=Path, required=True, help="folder of sheets, table and painted pictures")
    add("--edge", type=int, default=256, help="long edge in pixels; default: %(default)s")
    add("--steps", type=int, default=60, help="of L-BFGS; default: %(default)s")
    add("--device", default="cpu", help="where to compute; default: %(default)s")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    rows = []
    for style in arguments.styles:
        strips = []
        teacher = make_painter(arguments.teacher, style, arguments)
        student = make_painter(arguments.student, style, arguments)
        for content in arguments.contents:
            own = painted_once(teacher, content, arguments.out)
            other = painted_once(student, content, arguments.out)
            judge = Judge(teacher)
            losses = judge.losses(own), judge.losses(other)
            photograph = to_tensor(read_still(content).image)
            seen = resize(photograph, own.shape[3], own.shape[2])
            strips.append(torch.cat([seen, own, other], dim=3))
            rows.append((content.stem, style.stem, *losses))
            print(row(*rows[-1]), flush=True)
        sheet(strips, arguments.out / f"sheet-{style.stem}.png")
    summary(rows, arguments.out)


def row(content: str, style: str, own: list[float], other: list[float]) -> str:
    """One line of the table."""
    factors = " | ".join(f"{b / a:.1f}" for a, b in zip(own, other, strict=True))
    a, b = np.mean(own), np.mean(other)
    return f"| {content} | {style} | {a:.5f} | {b:.5f} | {b / a:.2f} | {factors} |"


def summary(rows: list[tuple[str, str, list[float], list[float]]], folder: Path) -> None:
    """Print and keep the geometric means."""
    ratios = [float(np.mean(other) / np.mean(own)) for _, _, own, other in rows]
    layers = [
        math.exp(np.mean([math.log(other[i] / own[i]) for _, _, own, other in rows]))
        for i in range(len(STYLE_LAYERS))
    ]
    mean = math.exp(np.mean(np.log(ratios)))
    text = " | ".join(f"{factor:.1f}" for factor in layers)
    print(f"| geometric mean | | | | {mean:.2f} | {text} |")
    table = [
        "| content | style | teacher's loss | student's | factor | "
        + " | ".join(STYLE_LAYERS)
        + " |",
        "|---|---|---|---|---|" + "---|" * len(STYLE_LAYERS),
        *(row(*entry) for entry in rows),
        f"| geometric mean | | | | {mean:.2f} | {text} |",
    ]
    (folder / "table.md").write_text("\n".join(table) + "\n")
    (folder / "table.json").write_text(json.dumps({"factor": mean, "layers": layers, "rows": rows}))


def sheet(strips: list[Tensor], path: Path) -> None:
    """Write strips `[1, 3, height, width]` one below the other."""
    width = max(strip.shape[3] for strip in strips)
    padded = [torch.nn.functional.pad(s, (0, width - s.shape[3], 0, 4), value=1.0) for s in strips]
    Image.fromarray(to_image(torch.cat(padded, dim=2))).save(path)


if __name__ == "__main__":
    main()
