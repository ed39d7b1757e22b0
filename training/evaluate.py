"""How well the student sees: R² on held-out photographs."""

from collections.abc import Sequence

import numpy as np
import torch

from training.pictures import Picture, to_batch
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
