"""The metric in which pictures are optimized: against its definition as a matrix."""

import math

import pytest
import torch
from torch import Tensor

from nstd.style.optimize import new_minimizer
from nstd.style.sobolev import SobolevMetric
from tests.unit.style import tiny

ORDER, BROADEST = 0.4, 0.01
SIZES = [(6, 8), (5, 7), (1, 4), (4, 1), (1, 1)]


def noise(height: int, width: int, dtype: torch.dtype = torch.float64) -> Tensor:
    generator = torch.Generator().manual_seed(height * 100 + width)
    return torch.randn((3, height, width), generator=generator, dtype=torch.float64).to(dtype)


def dense(height: int, width: int) -> Tensor:
    """diag((f² + f₀²)^−order) between Fourier's matrix and its inverse, `[pixels, pixels]`."""

    def fourier(size: int) -> Tensor:
        places = torch.arange(size, dtype=torch.float64)
        angles = -2 * math.pi * torch.outer(places, places) / size
        return torch.polar(torch.full_like(angles, size**-0.5), angles)

    def frequencies(size: int) -> list[float]:
        # Beyond a half they stand for the negative ones.
        return [min(n, size - n) / size for n in range(size)]

    gain = torch.tensor(
        [
            (down**2 + across**2 + BROADEST**2) ** -ORDER
            for down in frequencies(height)
            for across in frequencies(width)
        ],
        dtype=torch.float64,
    )
    basis = torch.kron(fourier(height), fourier(width))
    return (basis.mH @ (gain[:, None] * basis)).real


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_it_is_the_multiplier_of_its_definition(height: int, width: int) -> None:
    gradient = noise(height, width)
    expected = gradient.flatten(1) @ dense(height, width).mT
    found = SobolevMetric(gradient).dual(gradient)
    torch.testing.assert_close(found.flatten(1), expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_other_types_come_back_as_they_were(dtype: torch.dtype) -> None:
    gradient = noise(6, 8, dtype)
    found = SobolevMetric(gradient).dual(gradient)
    assert found.dtype == dtype
    expected = SobolevMetric(gradient.double()).dual(gradient.double())
    # Computed in float32, and rounded to the type once.
    near = max(torch.finfo(dtype).eps, 1e-5)
    torch.testing.assert_close(found.double(), expected, rtol=near, atol=1e-5)


def test_even_changes_count_most_and_the_finest_least() -> None:
    even = torch.ones((3, 6, 8), dtype=torch.float64)
    board = torch.ones((6, 8), dtype=torch.float64)
    board[::2, 1::2] = board[1::2, ::2] = -1
    metric = SobolevMetric(even)
    torch.testing.assert_close(metric.dual(even), even * BROADEST ** (-2 * ORDER))
    finest = (0.5 + BROADEST**2) ** -ORDER
    torch.testing.assert_close(metric.dual(board.expand(3, 6, 8)), board.expand(3, 6, 8) * finest)


def test_pictures_are_optimized_in_it() -> None:
    ready = tiny.painter(tiny.recipe())
    gradient = noise(6, 8)
    minimizer = new_minimizer(ready, torch.zeros_like(gradient))
    minimizer.tell(1.0, gradient)
    expected = -SobolevMetric(gradient).dual(gradient)
    step = minimizer.point - minimizer.best
    torch.testing.assert_close(step / step.norm(), expected / expected.norm())
