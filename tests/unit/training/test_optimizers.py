"""The optimizers: readouts are solved for, and every step moves the network that is saved."""

import pytest
import torch
from torch import Tensor

from tests.unit.training import tiny
from training.optimizers import BodyOptimizer, ReadoutSolver
from training.student import BUILT, MATCHED, WIDTHS, Student

OUTPUTS = dict.fromkeys(MATCHED, 7)


def affine(seed: int) -> dict[str, tuple[Tensor, Tensor]]:
    """A map from the student's activations for each of `MATCHED`."""
    generator = torch.Generator().manual_seed(seed)
    found = {}
    for layer in MATCHED:
        width = WIDTHS[int(layer[4]) - 1]
        weight = torch.randn((7, width), generator=generator) / width**0.5
        found[layer] = weight, torch.randn(7, generator=generator)
    return found


def batch(
    seed: int, maps: dict[str, tuple[Tensor, Tensor]]
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Features of many independent positions, and what `maps` make of them."""
    generator = torch.Generator().manual_seed(seed)
    features, targets = {}, {}
    for layer, (weight, bias) in maps.items():
        drawn = torch.randn((2, weight.shape[1], 16, 16), generator=generator)
        features[layer] = drawn
        targets[layer] = torch.einsum("oc,bchw->bohw", weight, drawn) + bias[:, None, None]
    return features, targets


def distance(student: Student, maps: dict[str, tuple[Tensor, Tensor]]) -> float:
    """The largest difference of a readout's coefficient from those of `maps`."""
    return max(
        float((own - wanted).detach().abs().max())
        for layer, (weight, bias) in maps.items()
        for own, wanted in zip(
            student.readouts[layer].parameters(), (weight[:, :, None, None], bias), strict=True
        )
    )


def test_the_solver_finds_an_affine_map_exactly() -> None:
    student, maps, solver = Student(OUTPUTS, 0), affine(1), ReadoutSolver()
    assert distance(student, maps) > 0.5
    for seed in range(3):
        solver.solve(student, *batch(seed, maps))
    # The ridge shrinks coefficients of about 1 (at most 4) by 1e-5 times the condition of the
    # moments, which for independent features is near 1; the moments are sums in float32.
    assert distance(student, maps) < 2e-4


@pytest.fixture
def trained() -> tuple[Student, BodyOptimizer]:
    student = Student(OUTPUTS, 0)
    return student, BodyOptimizer(student, 0.01)


def descend(student: Student, optimizer: BodyOptimizer) -> None:
    student.zero_grad()
    loss = torch.stack([x.square().mean() for x in student(tiny.images(0)).values()]).sum()
    torch.autograd.backward(loss)
    optimizer.step(1.0)


def copied(student: Student) -> dict[str, Tensor]:
    return {name: p.detach().clone() for name, p in student.named_parameters()}


@tiny.needs_muon
def test_a_step_moves_every_convolution_and_no_readout(
    trained: tuple[Student, BodyOptimizer],
) -> None:
    student, optimizer = trained
    before = copied(student)
    descend(student, optimizer)
    moved = {name for name, p in student.named_parameters() if not torch.equal(p, before[name])}
    parts = ("weight", "bias")
    assert moved == {f"convolutions.{layer}.{part}" for layer in BUILT for part in parts}
