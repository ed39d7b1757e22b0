"""How well a checkpoint's student sees, on the held-out photographs.

python -m training.evaluate --teacher WEIGHTS --photographs FOLDER --checkpoint FILE
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from nstd.style.network import Network
from nstd.weights.canonical import load_weights
from training.pictures import Picture, load_photographs, to_batch
from training.student import MATCHED, Student
from training.teacher import Teacher


def explained(
    student: Student, teacher: Teacher, pictures: Sequence[Picture], device: torch.device
) -> dict[str, float]:
    """R² at each of `MATCHED` over all positions of whole pictures.

    1 − Σ‖error‖² / Σ‖target − mean‖², the mean being each channel's over all pictures.

    Args:
        student: On `device`.
        teacher: Likewise.
        pictures: `[height, width, 3]` uint8, of any sizes; looked at one by one.
        device: Where to compute; sums are made in float64.
    """
    error = dict.fromkeys(MATCHED, 0.0)
    square = dict.fromkeys(MATCHED, 0.0)
    total = {layer: torch.zeros(n, dtype=torch.float64) for layer, n in teacher.outputs.items()}
    positions = dict.fromkeys(MATCHED, 0)
    for picture in pictures:
        image = to_batch([picture.astype(np.float32) / np.float32(255)]).to(device)
        targets = teacher.activations(image)
        with torch.no_grad():
            predictions = student(image)
        for layer in MATCHED:
            target = targets[layer].double()
            error[layer] += float((predictions[layer] - target).square().sum())
            square[layer] += float(target.square().sum())
            total[layer] += target.sum(dim=(0, 2, 3)).cpu()
            positions[layer] += target.shape[2] * target.shape[3]
    return {
        layer: 1
        - error[layer] / (square[layer] - float(total[layer].square().sum()) / positions[layer])
        for layer in MATCHED
    }


def main() -> None:
    """Print R² layer by layer."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--teacher", type=Path, required=True, help="weights file the student was trained with")
    add("--photographs", type=Path, required=True, help="folder it was trained on")
    add("--checkpoint", type=Path, required=True, help="checkpoint.pt in the folder of the run")
    arguments = parser.parse_args()
    teacher = Teacher(Network(load_weights(arguments.teacher).tensors, deepest=MATCHED[-1]))
    kept = torch.load(arguments.checkpoint, map_location="cpu", weights_only=True)
    student = Student(teacher.outputs, seed=0)
    student.load_state_dict(kept["student"])
    _, held_out = load_photographs(arguments.photographs)
    found = explained(student, teacher, held_out, torch.device("cpu"))
    print(f"{len(held_out)} photographs, step {kept['step']}")
    for layer, value in found.items():
        print(f"{layer}  {value:.4f}")


if __name__ == "__main__":
    main()
