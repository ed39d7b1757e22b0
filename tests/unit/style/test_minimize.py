"""L-BFGS and Adam on functions whose minimum is known, and on functions that misbehave."""

import math
from collections.abc import Callable
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from nstd.style.minimize import LBFGS, Adam, Minimizer

SHAPE = (3, 4, 5)
Function = Callable[[Tensor], tuple[float, Tensor]]
"""Loss and gradient at a point."""


def quadratic(condition: float = 100.0, seed: int = 0) -> tuple[Function, Tensor, Tensor]:
    """½ (x − m)ᵀ A (x − m) + 1 with eigenvalues from 1 to `condition`; and A, and m."""
    generator = torch.Generator().manual_seed(seed)
    size = math.prod(SHAPE)
    basis, _ = torch.linalg.qr(torch.randn(size, size, generator=generator, dtype=torch.float64))
    values = torch.logspace(0, math.log10(condition), size, dtype=torch.float64)
    A = (basis * values) @ basis.mT
    minimum = torch.rand(size, generator=generator, dtype=torch.float64)

    def function(x: Tensor) -> tuple[float, Tensor]:
        difference = x.flatten() - minimum
        gradient = A @ difference
        return 1 + float(difference @ gradient) / 2, gradient.view(x.shape)

    return function, A, minimum.view(SHAPE)


def run(minimizer: Minimizer, function: Function, evaluations: int) -> list[float]:
    """The loss of `best` after each evaluation."""
    losses: list[float] = []
    for _ in range(evaluations):
        loss, gradient = function(minimizer.point)
        accepted = minimizer.tell(loss, gradient)
        losses.append(loss if accepted else losses[-1] if losses else loss)
    return losses


def start(dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.zeros(SHAPE, dtype=dtype)


def test_lbfgs_is_as_good_as_torch_s_on_the_same_problem() -> None:
    function, _, minimum = quadratic()
    ours = LBFGS(start())
    losses = run(ours, function, 60)
    x = start().requires_grad_()
    theirs = torch.optim.LBFGS([x], lr=1, max_iter=60, max_eval=60, history_size=10)

    def closure() -> float:
        loss, x.grad = function(x.detach())
        return loss

    theirs.step(closure)  # type: ignore[no-untyped-call] # torch has no types here
    # Both near the one minimum; ours is allowed to have ten times the excess, about five steps.
    assert losses[-1] - 1 < 10 * max(function(x.detach())[0] - 1, 1e-10)
    torch.testing.assert_close(ours.best, minimum, rtol=0, atol=1e-2)
    torch.testing.assert_close(x.detach(), minimum, rtol=0, atol=1e-2)


IDENTITY = torch.eye(math.prod(SHAPE), dtype=torch.float64)


def metric() -> Tensor:
    """A dual M that is not the identity: symmetric, positive definite, of a condition of 5."""
    return quadratic(5.0, seed=1)[1]


def applied(M: Tensor) -> Callable[[Tensor], Tensor]:
    return lambda gradient: (M @ gradient.flatten()).view(gradient.shape)


@pytest.mark.parametrize("M", [IDENTITY, metric()], ids=["pixels", "metric"])
@pytest.mark.parametrize("history", [3, 10])
def test_the_direction_is_that_of_the_dense_inverse_hessian(history: int, M: Tensor) -> None:
    function, _, _ = quadratic()
    minimizer = LBFGS(start(), history, applied(M))
    points: list[Tensor] = []
    gradients: list[Tensor] = []
    for _ in range(8):
        point = minimizer.point.flatten().clone()
        loss, gradient = function(minimizer.point)
        assert minimizer.tell(loss, gradient)  # so that the next step is a full one
        points.append(point)
        gradients.append(gradient.flatten())
    steps = [
        (b - a, d - c)
        for a, b, c, d in zip(points, points[1:], gradients, gradients[1:], strict=False)
    ]
    H = dense_inverse_hessian(steps[-history:], M)
    expected = -H @ gradients[-1]
    found = (minimizer.point - minimizer.best).flatten()
    # The same algebra in another order, in float64, with a condition number of 100.
    torch.testing.assert_close(found, expected, rtol=1e-8, atol=1e-10)


def dense_inverse_hessian(pairs: list[tuple[Tensor, Tensor]], M: Tensor = IDENTITY) -> Tensor:
    """BFGS's own update (Nocedal and Wright, eq. 6.17), from H₀ = M sᵀy / yᵀMy of the last pair."""
    s, y = pairs[-1]
    identity = torch.eye(len(s), dtype=s.dtype)
    H = M * (s @ y) / (y @ M @ y)
    for s, y in pairs:
        rho = 1 / (s @ y)
        left = identity - rho * torch.outer(s, y)
        H = left @ H @ left.mT + rho * torch.outer(s, s)
    return H


@pytest.mark.parametrize("M", [IDENTITY, metric()], ids=["pixels", "metric"])
@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
def test_the_first_step_has_the_promised_length_whatever_the_loss_s_scale(
    scale: float, M: Tensor
) -> None:
    function, _, _ = quadratic()
    minimizer = LBFGS(start(), dual=applied(M))
    loss, gradient = function(minimizer.point)
    assert minimizer.tell(scale * loss, scale * gradient)
    step = minimizer.point - minimizer.best
    assert float(step.square().mean().sqrt()) == pytest.approx(0.003, rel=1e-12)
    dual = applied(M)(gradient)
    cosine = -(step * dual).sum() / step.norm() / dual.norm()
    assert float(cosine) == pytest.approx(1, abs=1e-12)


def test_a_step_that_goes_up_is_shortened_and_not_accepted() -> None:
    function, _, _ = quadratic()
    minimizer = LBFGS(start())
    run(minimizer, function, 3)
    best = minimizer.best.clone()
    before = minimizer.point - best
    assert not minimizer.tell(1e6, torch.ones(SHAPE, dtype=torch.float64))
    after = minimizer.point - best
    assert torch.equal(minimizer.best, best)
    assert 0 < float(after.norm()) <= 0.5 * float(before.norm()) * (1 + 1e-12)
    losses = run(minimizer, function, 60)
    assert losses[-1] < 1.01


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("attempts", [1, 3, 20])
def test_lbfgs_recovers_from_losses_that_are_no_numbers(bad: float, attempts: int) -> None:
    function, _, minimum = quadratic()
    minimizer = LBFGS(start())
    run(minimizer, function, 5)
    best = minimizer.best.clone()
    nothing = torch.full(SHAPE, math.nan, dtype=torch.float64)
    for _ in range(attempts):
        assert not minimizer.tell(bad, nothing)
        assert torch.equal(minimizer.best, best)
        assert minimizer.point.isfinite().all()
    losses = run(minimizer, function, 150)
    assert losses[-1] == pytest.approx(1, abs=1e-6)
    assert float((minimizer.best - minimum).abs().max()) < 1e-2


def test_after_many_shortened_steps_the_curvature_is_forgotten() -> None:
    function, _, _ = quadratic()
    minimizer = LBFGS(start())
    run(minimizer, function, 5)
    _, gradient = function(minimizer.best)

    def cosine() -> float:
        step = minimizer.point - minimizer.best
        return float(-(step * gradient).sum() / step.norm() / gradient.norm())

    nothing = torch.full(SHAPE, math.nan, dtype=torch.float64)
    for _ in range(8 - 1):
        minimizer.tell(math.nan, nothing)
    assert cosine() < 0.999  # shortened, but still the quasi-Newton direction
    minimizer.tell(math.nan, nothing)
    assert cosine() == pytest.approx(1, abs=1e-12)
    step = minimizer.point - minimizer.best
    # Steepest descent, a tenth as long as the first step was.
    assert float(step.square().mean().sqrt()) == pytest.approx(0.0003, rel=1e-12)


def test_lbfgs_stays_where_the_function_is_defined() -> None:
    def logarithm(x: Tensor) -> tuple[float, Tensor]:
        """Σ x − 0.01 log x: not a number below 0, and least at 0.01, close to that edge."""
        return float((x - 0.01 * x.log()).sum()), 1 - 0.01 / x

    minimizer = LBFGS(torch.ones(SHAPE, dtype=torch.float64))
    losses = run(minimizer, logarithm, 100)
    assert all(math.isfinite(loss) for loss in losses)
    # Curvature changes ten-thousandfold on the way; a tenth is what a hundred steps promise.
    torch.testing.assert_close(
        minimizer.best, torch.full_like(minimizer.best, 0.01), rtol=0.1, atol=0
    )


def test_at_the_minimum_it_stays_there() -> None:
    function, _, minimum = quadratic()
    minimizer = LBFGS(minimum)
    run(minimizer, function, 20)
    torch.testing.assert_close(minimizer.best, minimum, rtol=0, atol=1e-12)


def test_in_float32_the_loss_of_the_best_never_rises_by_more_than_rounding() -> None:
    function, _, minimum = quadratic()

    def single(x: Tensor) -> tuple[float, Tensor]:
        loss, gradient = function(x.double())
        return float(torch.tensor(loss)), gradient.float()

    minimizer = LBFGS(start(torch.float32))
    losses = run(minimizer, single, 100)
    for before, after in pairwise(losses):
        assert after <= before * (1 + 1e-6)
    # float32 knows a loss near 1 to 1e-7, and so an x to its square root, 3e-4.
    torch.testing.assert_close(minimizer.best.double(), minimum, rtol=0, atol=2e-3)


def test_no_more_pairs_are_kept_than_the_history() -> None:
    function, _, _ = quadratic()
    minimizer = LBFGS(start(), history=4)
    run(minimizer, function, 20)
    assert len(minimizer._pairs) == 4


def test_adam_is_torch_s_adam() -> None:
    function, _, _ = quadratic()
    ours = Adam(start(), learning_rate=0.05)
    x = start().requires_grad_()
    theirs = torch.optim.Adam([x], lr=0.05)
    for _ in range(30):
        evaluated = x.detach().clone()
        assert torch.equal(ours.point, evaluated)
        loss, x.grad = function(x.detach())
        theirs.step()
        assert ours.tell(*function(ours.point))
        assert torch.equal(ours.best, evaluated)  # what the loss that was told belongs to
    assert loss < function(start())[0]
