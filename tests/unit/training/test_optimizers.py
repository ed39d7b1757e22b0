"""The optimizers: readouts are solved for, and every step moves the network that is saved."""

import copy

import pytest
import torch
from torch import Tensor

from tests.unit.training import tiny
from training.optimizers import MEMORY, BodyOptimizer, ReadoutSolver
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


def test_the_solver_forgets_its_first_batches_and_the_very_first_sooner() -> None:
    old, new = affine(1), affine(2)
    student, solver = Student(OUTPUTS, 0), ReadoutSolver()
    shares, before = [], 0.0
    for number in range(81):
        maps = new if number else old
        solver.solve(student, *batch(number, maps))
        if number == 0:
            before = distance(student, new)
        if number in (1, 2, 80):
            shares.append(distance(student, new) / before)
    # What is left of the first batch: 1/4 after one more, 2/5 of that after two, and so on; after
    # 80 less than the constant memory's share of the last 40. Positions are drawn, so about.
    assert shares[0] == pytest.approx(1 / 4, rel=0.25)
    assert shares[1] == pytest.approx(1 / 4 * 2 / 5, rel=0.35)
    assert shares[2] < MEMORY**40


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


@tiny.needs_muon
def test_a_step_changes_each_kernel_by_the_rate_times_its_initial_deviation(
    trained: tuple[Student, BodyOptimizer],
) -> None:
    student, optimizer = trained
    before = copied(student)
    descend(student, optimizer)
    for layer in BUILT[1:]:
        kernel = before[f"convolutions.{layer}.weight"]
        change = student.convolutions[layer].get_parameter("weight").detach() - kernel
        share = float(change.square().mean().sqrt()) / (2 / kernel[0].numel()) ** 0.5
        # Muon's five Newton-Schulz steps leave singular values between 0.7 and 1.2, and the
        # smallest of all below that: gradients of a tiny batch have a low rank.
        assert 0.002 < share < 0.0125, layer


@tiny.needs_muon
def test_a_step_at_nothing_times_the_rates_moves_nothing(
    trained: tuple[Student, BodyOptimizer],
) -> None:
    student, optimizer = trained
    before = copied(student)
    student.zero_grad()
    torch.autograd.backward(student(tiny.images(0))["conv5_1"].sum())
    optimizer.step(0.0)
    assert all(torch.equal(p, before[name]) for name, p in student.named_parameters())


@tiny.needs_muon
def test_restored_it_still_moves_the_student_and_as_if_never_interrupted(
    trained: tuple[Student, BodyOptimizer],
) -> None:
    student, optimizer = trained
    for _ in range(2):
        descend(student, optimizer)
    other = Student(OUTPUTS, 5)
    restored = BodyOptimizer(other, 0.01)
    with torch.no_grad():
        for name, tensor in other.state_dict().items():
            tensor.copy_(student.state_dict()[name])
    restored.restore(copy.deepcopy(optimizer.state()))  # as a file would; they share buffers else
    assert shares_memory(restored)
    for _ in range(2):
        descend(student, optimizer)
        descend(other, restored)
    assert tiny.same_states(student, other)


def shares_memory(optimizer: BodyOptimizer) -> bool:
    """Whether Muon's matrices are the kernels, and all of those after the first."""
    muon = {p.data_ptr() for group in optimizer.optimizers[0].param_groups for p in group["params"]}
    pairs = optimizer._pairs
    return muon == {kernel.data_ptr() for _, kernel in pairs} and len(pairs) == len(BUILT) - 1
