"""Turn a checkpoint into the file that ships: python -m training.export --help."""

import argparse
from pathlib import Path

import torch
from torch import Tensor

from nstd.style.network import Network, readout_factor
from nstd.style.recipe import STYLE_LAYERS
from nstd.weights import file_sha256, load_weights, save_weights
from training.student import MATCHED, Student
from training.teacher import Teacher


def export(student: Student, full_widths: dict[str, int]) -> dict[str, Tensor]:
    """The network as it ships: half-precision kernels, and of each readout its metric.

    The input map and the factors stay in float32: they are small, and Grams' differences lose
    digits. The content layer's factor is taken without its bias by the loss, so one form does for
    all.
    """
    weights = student.weights()
    tensors = {name: t for name, t in weights.items() if name.startswith("preprocess.")}
    tensors |= {name: t.half() for name, t in weights.items() if name.startswith("conv")}
    for layer in MATCHED:
        factor = readout_factor(
            weights[f"readout.{layer}.weight"].double(), weights[f"readout.{layer}.bias"].double()
        )
        tensors[f"metric.{layer}.factor"] = factor.float()
        tensors[f"metric.{layer}.width"] = torch.tensor(full_widths[layer], dtype=torch.int32)
    return tensors


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
    save_weights(export(student, teacher.full_widths), arguments.out, metadata)
    print(f"{arguments.out}: {arguments.out.stat().st_size} bytes, {file_sha256(arguments.out)}")


if __name__ == "__main__":
    main()
