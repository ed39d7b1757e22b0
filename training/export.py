"""Turn a checkpoint into the file that ships: python -m training.export --help."""

import argparse
import math
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from nstd.files import file_sha256
from nstd.gallery import list_styles
from nstd.media.pictures import read_still
from nstd.painting.pictures import to_tensor
from nstd.style.canvas import resize_to_edge
from nstd.style.network import Network, readout_factor
from nstd.style.recipe import STYLE_LAYERS
from nstd.weights.canonical import load_weights, save_weights
from training.student import BUILT, MATCHED, Student
from training.teacher import Teacher


def export(
    student: Student, full_widths: dict[str, int], probes: Sequence[Tensor]
) -> dict[str, Tensor]:
    """The network as it ships: half-precision kernels, and of each readout its metric.

    The input map and the factors stay in float32: they are small, and Grams' differences lose
    digits. The content layer's factor is taken without its bias by the loss, so one form does for
    all.

    Args:
        student: What was trained.
        full_widths: The teacher's channels at `MATCHED`.
        probes: Pictures `[1, 3, height, width]` in [0, 1] over which activations are made about 1.
    """
    weights = rescaled(student.weights(), probes)
    tensors = {name: t for name, t in weights.items() if name.startswith("preprocess.")}
    tensors |= {name: t.half() for name, t in weights.items() if name.startswith("conv")}
    for layer in MATCHED:
        factor = readout_factor(
            weights[f"readout.{layer}.weight"].double(), weights[f"readout.{layer}.bias"].double()
        )
        tensors[f"metric.{layer}.factor"] = factor.float()
        tensors[f"metric.{layer}.width"] = torch.tensor(full_widths[layer], dtype=torch.int32)
    return tensors


def rescaled(weights: dict[str, Tensor], probes: Sequence[Tensor]) -> dict[str, Tensor]:
    """The same network with activations whose mean over `probes` is near 1 at every layer.

    Exact, since ReLU and pooling commute with a positive factor, and factors are powers of 2. The
    optimizer lets activations grow from layer to layer, to beyond what half precision can hold.
    """
    found = dict(weights)
    before = 1.0
    means = mean_activations(weights, probes)
    for layer in BUILT:
        scale = 2.0 ** -round(math.log2(max(means[layer], 1e-30)))
        found[f"{layer}.weight"] = weights[f"{layer}.weight"] * (scale / before)
        found[f"{layer}.bias"] = weights[f"{layer}.bias"] * scale
        if layer in MATCHED:
            found[f"readout.{layer}.weight"] = weights[f"readout.{layer}.weight"] / scale
        before = scale
    return found


def mean_activations(weights: dict[str, Tensor], probes: Sequence[Tensor]) -> dict[str, float]:
    """Mean over all channels and positions of all `probes`, by layer."""
    network = Network(weights, deepest=BUILT[-1])
    features = [network.features(probe, BUILT) for probe in probes]
    return {
        layer: float(torch.stack([f[layer].mean() for f in features]).mean()) for layer in BUILT
    }


def main() -> None:
    """Write the file, print its size and hash."""
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--teacher", type=Path, required=True, help="weights file the student was trained with")
    add("--checkpoint", type=Path, required=True, help="checkpoint.pt in the folder of the run")
    ships = Path("nstd/data/pocket.safetensors")
    add("--out", type=Path, default=ships, help="file to write; default: %(default)s")
    arguments = parser.parse_args()
    teacher = Teacher(Network(load_weights(arguments.teacher).tensors, deepest=MATCHED[-1]))
    kept = torch.load(arguments.checkpoint, map_location="cpu", weights_only=True)
    student = Student(teacher.outputs, seed=0)
    student.load_state_dict(kept["student"])
    metadata = {
        "name": "pocket",
        "teacher_sha256": file_sha256(arguments.teacher),
        "steps": str(kept["step"]),
        "style_layers": " ".join(STYLE_LAYERS),
        "license": "MIT; see docs/pocket.md",
    }
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    pictures = [to_tensor(read_still(style.path).image) for style in list_styles()]
    probes = [resize_to_edge(picture, 256, 32) for picture in pictures]
    save_weights(export(student, teacher.full_widths, probes), arguments.out, metadata)
    print(f"{arguments.out}: {arguments.out.stat().st_size} bytes, {file_sha256(arguments.out)}")


if __name__ == "__main__":
    main()
