"""R² on held-out photographs."""

import numpy as np
import numpy.typing as npt
import pytest
import torch

from nstd.style.network import Network
from tests.unit.training import tiny
from training.evaluate import explained
from training.student import MATCHED, Student
from training.teacher import Teacher

Rows = npt.NDArray[np.float64]
CPU = torch.device("cpu")
HELD_OUT = [*tiny.photographs(2, 36, 50), *tiny.photographs(1, 48, 33)]


def test_a_student_that_sees_what_its_teacher_sees_has_one() -> None:
    student = Student(dict.fromkeys(MATCHED, 9), 0)
    weights = student.weights()
    teacher = Teacher(Network(weights, deepest=MATCHED[-1]))
    # The teacher's coordinates are R of its readout: the student is given those.
    with torch.no_grad():
        for layer in MATCHED:
            factor = teacher.network.metric_factor(layer)
            assert factor is not None
            weight, bias = student.readouts[layer].parameters()
            weight.copy_(factor[:, :-1, None, None])
            bias.copy_(factor[:, -1])
    found = explained(student, teacher, HELD_OUT, CPU)
    # Preprocessing is folded into the teacher's first kernel: float32 rounding, squared.
    assert list(found.values()) == pytest.approx([1.0] * len(MATCHED), abs=1e-8)


@pytest.mark.parametrize("readout", [True, False])
def test_any_student_has_what_the_formula_gives(readout: bool) -> None:
    teacher = tiny.teacher(readout=readout)
    student = Student(teacher.outputs, 1)
    found = explained(student, teacher, HELD_OUT, CPU)
    wanted: dict[str, list[Rows]] = {layer: [] for layer in MATCHED}
    predicted: dict[str, list[Rows]] = {layer: [] for layer in MATCHED}
    for picture in HELD_OUT:
        image = torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255
        with torch.no_grad():
            predictions = student(image)
        for layer in MATCHED:
            channels = teacher.outputs[layer]
            for rows, f in (
                (wanted[layer], teacher.activations(image)[layer]),
                (predicted[layer], predictions[layer]),
            ):
                rows.append(f[0].reshape(channels, -1).T.double().numpy())
    for layer in MATCHED:
        y, p = np.concatenate(wanted[layer]), np.concatenate(predicted[layer])
        r2 = 1 - ((p - y) ** 2).sum() / ((y - y.mean(axis=0)) ** 2).sum()
        # Errors are differences in float32 here and there; the sums are in float64.
        assert found[layer] == pytest.approx(r2, abs=1e-5 * abs(1 - r2))
        assert found[layer] < 0.9
