"""CUDA: the CPU's losses, and its own bits a second time."""

from typing import Any

import pytest
import torch

from nstd.style.ladder import Level
from nstd.style.optimize import Iterate, stylize_frame
from nstd.style.terms import Losses
from tests.unit.style import tiny
from tests.unit.style.tiny import floats

pytestmark = pytest.mark.cuda

FRAME = tiny.picture(1, 48, 64).float()
SHORT = (Level(43, 6), Level(64, 4))
"""Few steps: float32 L-BFGS is chaotic, and later losses of a random network part ways."""


def paint(
    device: torch.device | str, frames: torch.Tensor = FRAME, **changes: Any
) -> list[Iterate]:
    look = tiny.recipe(**{"levels": SHORT, **changes})
    ready = tiny.painter(look, dtype=torch.float32, device=str(device), readout=True)
    return list(stylize_frame(ready, frames))


@pytest.mark.parametrize("pooling", ["max", "average"])
@pytest.mark.parametrize("form", ["relative", "literal"])
def test_losses_on_cuda_are_those_of_the_cpu(cuda: torch.device, form: str, pooling: str) -> None:
    first: list[Losses] = []
    for device in ("cpu", cuda):
        found = paint(device, form=form, pooling=pooling, init="style", levels=(Level(64, 1),))
        first.append(found[0].losses)
    for term, due in tiny.named(first[0]).items():
        # Float32 sums of a few thousand terms in another order: 1e-6, through 13 layers 1e-5.
        expected = pytest.approx(due.tolist(), rel=1e-4, abs=1e-9)
        assert tiny.named(first[1])[term].tolist() == expected


@pytest.mark.parametrize("padding", ["reflect", "replicate"])
@pytest.mark.parametrize("pooling", ["max", "average"])
def test_two_runs_on_cuda_give_the_same_bits(
    cuda: torch.device, pooling: str, padding: str
) -> None:
    one, other = (paint(cuda, pooling=pooling, padding=padding) for _ in range(2))
    assert len(one) == len(other)
    for a, b in zip(one, other, strict=True):
        assert torch.equal(a.image, b.image)
        assert floats(a.losses) == floats(b.losses)


def test_a_run_on_cuda_ends_with_the_cpu_s_losses(cuda: torch.device) -> None:
    on_cpu, on_cuda = (paint(device)[-1].losses for device in ("cpu", cuda))
    for term in ("style", "total"):
        expected = pytest.approx(floats(on_cpu)[term], rel=0.02)  # what is promised across devices
        assert floats(on_cuda)[term] == expected


def test_in_float64_few_steps_on_cuda_give_the_cpu_s_pixels(cuda: torch.device) -> None:
    look = tiny.recipe(levels=(Level(64, 5),))
    found = []
    for device in ("cpu", str(cuda)):
        ready = tiny.painter(look, device=device, readout=True)
        found.append(list(stylize_frame(ready, FRAME.double()))[-1].image.cpu())
    # Rounding of 1e-15 a step, which five steps do not amplify beyond a millionfold.
    torch.testing.assert_close(found[1], found[0], rtol=0, atol=1e-8)


def test_noise_is_the_same_on_every_device(cuda: torch.device) -> None:
    off: dict[str, Any] = {"init": "noise", "levels": (Level(64, 1),)}
    starts = [paint(device, **off)[0].image.cpu() for device in ("cpu", cuda)]
    assert torch.equal(*starts)


def test_deterministic_algorithms_are_all_that_is_needed(cuda: torch.device) -> None:
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True)
    try:
        found = paint(cuda, levels=(Level(43, 2), Level(64, 2)))
    finally:
        torch.use_deterministic_algorithms(before)
    assert found[-1].image.isfinite().all()
