"""The file that ships: the student's own distances, checked and complete."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from nstd.style.losses import (
    gram_matrix,
    second_moment,
    squared_feature_distance,
    squared_moment_distance,
)
from nstd.style.network import Network
from nstd.weights.canonical import load_weights, save_weights
from tests.unit.training import tiny
from training.export import export
from training.student import MATCHED, WIDTHS, Student

PROBES = [tiny.images(1)[:1]]


@pytest.fixture(scope="module")
def student() -> Student:
    """With readouts to the coordinates of a teacher, and biases that are not nothing."""
    made = Student(tiny.teacher(readout=True).outputs, 3)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in made.parameters():
            if parameter.ndim == 1:
                parameter.copy_(0.1 * torch.randn(parameter.shape, generator=generator))
    return made


def own_distances(student: Student, images: Tensor) -> dict[str, tuple[float, float]]:
    """Squared distance of the readouts of two pictures at each layer, and of their Grams."""
    found = {}
    with torch.no_grad():
        for layer, x in student(images).items():
            grams = gram_matrix(x) / (x.shape[2] * x.shape[3])
            found[layer] = (
                float((x[0] - x[1]).square().sum()),
                float((grams[0] - grams[1]).square().sum()),
            )
    return found


def exported_distances(network: Network, images: Tensor) -> dict[str, tuple[float, float]]:
    """The same as nstd's losses see them."""
    found = {}
    for layer, x in network.features(images, MATCHED).items():
        factor = network.metric_factor(layer)
        moments = second_moment(x, augmented=True)
        found[layer] = (
            float(squared_feature_distance(x[:1], x[1:], factor)),
            float(squared_moment_distance(moments[:1], moments[1], factor)),
        )
    return found


def relative_errors(student: Student, shipped: Network) -> list[float]:
    images = tiny.images(0)
    own, found = own_distances(student, images), exported_distances(shipped, images)
    return [
        abs(b / a - 1) for layer in MATCHED for a, b in zip(own[layer], found[layer], strict=True)
    ]


def test_distances_are_the_students_own(student: Student) -> None:
    widths = tiny.teacher(readout=True).full_widths
    shipped = Network(export(student, widths, PROBES), deepest=MATCHED[-1])
    # Kernels are rounded to 11 bits, 2e-4 of each weight on average: independent errors, over up
    # to 13 layers, and distances are squares of small differences.
    assert max(relative_errors(student, shipped)) < 1e-2


def test_the_file_is_a_network_of_nstds_with_the_widths_of_teacher_and_student(
    student: Student, tmp_path: Path
) -> None:
    teacher = tiny.teacher(readout=True)
    tensors = export(student, teacher.full_widths, PROBES)
    path = tmp_path / "pocket.safetensors"
    save_weights(tensors, path, {"name": "pocket"})
    loaded = load_weights(path)
    assert loaded.metadata["name"] == "pocket"
    assert loaded.tensors.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert torch.equal(loaded.tensors[name], tensor), name
        assert (tensor.dtype == torch.float16) == name.startswith("conv"), name
    network = Network(loaded.tensors, deepest=MATCHED[-1])
    for layer in MATCHED:
        assert network.full_width(layer) == teacher.full_widths[layer]
        assert loaded.tensors[f"{layer}.bias"].shape == (WIDTHS[int(layer[4]) - 1],)


def test_activations_that_have_grown_are_brought_back_to_about_one(student: Student) -> None:
    grown = Student(tiny.teacher(readout=True).outputs, 3)
    grown.load_state_dict(student.state_dict())
    with torch.no_grad():
        for layer in ("conv1_2", "conv3_1", "conv4_4"):
            grown.convolutions[layer].get_parameter("weight").mul_(100)
    tensors = export(grown, tiny.teacher(readout=True).full_widths, PROBES)
    shipped = Network(tensors, deepest=MATCHED[-1])
    for features in shipped.features(PROBES[0], MATCHED).values():
        # Factors are powers of 2: to half or one and a half of the mark at most.
        assert 0.5 <= float(features.mean()) <= 2
    assert max(relative_errors(grown, shipped)) < 1e-2
