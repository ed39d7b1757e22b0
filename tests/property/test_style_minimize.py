"""L-BFGS on curved valleys from any start: its best never gets worse, and it arrives."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from nstd.style.minimize import LBFGS


def rosenbrock(x: Tensor) -> tuple[float, Tensor]:
    """Σ 100 (x_{i+1} − x_i²)² + (1 − x_i)², and its gradient."""
    x = x.detach().clone().requires_grad_()
    flat = x.flatten()
    loss = (100 * (flat[1:] - flat[:-1] ** 2) ** 2 + (1 - flat[:-1]) ** 2).sum()
    (gradient,) = torch.autograd.grad(loss, x)
    return float(loss.detach()), gradient


@given(
    seed=st.integers(0, 2**32),
    spread=st.floats(0.01, 10),
    history=st.integers(1, 12),
    scale=st.floats(1e-8, 1e8),
)
@settings(max_examples=30)
def test_the_loss_of_the_best_never_rises(
    seed: int, spread: float, history: int, scale: float
) -> None:
    generator = torch.Generator().manual_seed(seed)
    start = spread * torch.randn((3, 2, 2), generator=generator, dtype=torch.float64)
    minimizer = LBFGS(start, history)
    first = lowest = scale * rosenbrock(start)[0]
    for _ in range(60):
        loss, gradient = rosenbrock(minimizer.point)
        before = minimizer.best.clone()
        if minimizer.tell(scale * loss, scale * gradient):
            assert scale * loss <= lowest * (1 + 1e-6)
            lowest = scale * loss
        else:
            assert torch.equal(minimizer.best, before)
        assert scale * rosenbrock(minimizer.best)[0] == lowest
        assert minimizer.point.isfinite().all()
    assert lowest < first


@given(seed=st.integers(0, 2**32))
@settings(max_examples=15)
def test_it_arrives_in_a_valley_s_lowest_place(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    start = 1 + 0.3 * torch.randn((3, 1, 1), generator=generator, dtype=torch.float64)
    minimizer = LBFGS(start)
    for _ in range(200):
        minimizer.tell(*rosenbrock(minimizer.point))
    # In three dimensions there is one minimum, (1, 1, 1), and nothing else to be caught by.
    torch.testing.assert_close(minimizer.best, torch.ones_like(start), rtol=0, atol=1e-4)
