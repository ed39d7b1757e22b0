"""Minimizers of one frame's loss, asked and told: evaluate at `point`, then `tell` what you found.

One minimizer belongs to one frame, with a step length and curvature pairs of its own.
"""

import math
from collections import deque
from collections.abc import Callable

import torch
from torch import Tensor

FIRST_STEP_RMS = 0.003
"""Root mean square change of the pixels in the first step. L-BFGS knows no scale before its first
curvature pair; torch's own choice, 1/‖g‖₁, is 2e-7 at 1080p and wastes steps."""

SUFFICIENT_DECREASE = 1e-4
"""c₁ of the Armijo condition (Nocedal and Wright, "Numerical Optimization", eq. 3.4)."""

ROUNDING = 1e-6
"""A relative rise of a float32 loss up to this counts as rounding, not as too long a step."""

CURVATURE_FLOOR = 1e-10
"""A pair with sᵀy below this share of yᵀy says nothing about curvature and is not kept."""

SHORTENINGS = 8
"""After this many shortened steps in a row the curvature pairs are forgotten."""


class LBFGS:
    """Limited-memory BFGS (Nocedal and Wright, algorithm 7.4) with a backtracking line search.

    Unlike torch.optim.LBFGS a point is accepted only where the loss has fallen enough, so the loss
    of `best` never rises by more than rounding; a full step is nearly always accepted, so an
    iteration costs one evaluation.

    Args:
        start: `[3, height, width]`.
        history: Curvature pairs kept; memory is 2 · history pictures.
        dual: M, symmetric and positive definite. It maps a gradient `[3, height, width]` to the
            direction that is taken while no curvature is known; once some is, H₀ is M, scaled.
            This is the same as minimizing over z where M^½ z is the picture. The identity by
            default.
    """

    def __init__(
        self, start: Tensor, history: int = 10, dual: Callable[[Tensor], Tensor] = torch.clone
    ) -> None:
        self._shape = start.shape
        self._dual_of = dual
        self._x = start.detach().flatten().clone()
        self._trial = self._x
        self._loss = math.inf  # so that any first loss is a sufficient decrease
        self._gradient = torch.zeros_like(self._x)
        self._direction = torch.zeros_like(self._x)
        self._slope = 0.0
        self._length = 0.0
        self._shortened = 0
        self._pairs: deque[tuple[Tensor, Tensor, float]] = deque(maxlen=history)

    @property
    def point(self) -> Tensor:
        """Where to evaluate next."""
        return self._trial.view(self._shape)

    @property
    def best(self) -> Tensor:
        """The last accepted point."""
        return self._x.view(self._shape)

    def tell(self, loss: float, gradient: Tensor) -> bool:
        """Accept the trial point, or shorten the step."""
        gradient = gradient.detach().flatten()
        allowed = self._loss + SUFFICIENT_DECREASE * self._length * self._slope
        finite = math.isfinite(loss) and math.isfinite(float(gradient @ gradient))
        if finite and loss <= allowed + ROUNDING * abs(self._loss):
            self._learn(gradient)
            self._accept(loss, gradient)
            return True
        self._shorten(loss)
        return False

    def _accept(self, loss: float, gradient: Tensor) -> None:
        self._x, self._loss, self._gradient = self._trial, loss, gradient
        self._shortened = 0
        self._direction = self._quasi_newton_direction(gradient)
        self._slope = float(gradient @ self._direction)
        self._length = 1.0
        if not self._pairs or self._slope >= 0:
            self._descend_steepest()
        self._trial = self._x + self._length * self._direction

    def _shorten(self, loss: float) -> None:
        """Minimum of the parabola through what is known (Nocedal and Wright, eq. 3.58)."""
        self._shortened += 1
        if self._shortened == SHORTENINGS:
            self._pairs.clear()
            self._descend_steepest()
        else:
            rise = loss - self._loss - self._slope * self._length
            factor = -self._slope * self._length / (2 * rise)
            # A loss that is not finite gives no parabola; then, and at the ends, safeguards.
            self._length *= min(0.5, max(0.1, factor)) if rise > 0 else 0.1
        self._trial = self._x + self._length * self._direction

    def _descend_steepest(self) -> None:
        self._direction = -self._dual(self._gradient)
        rms = float(self._direction.square().mean().sqrt())
        self._slope = float(self._gradient @ self._direction)
        self._length = FIRST_STEP_RMS / rms if rms > 0 else 0.0
        self._length *= 0.1 ** (self._shortened / SHORTENINGS)

    def _learn(self, gradient: Tensor) -> None:
        s = self._trial - self._x
        y = gradient - self._gradient
        curvature, scale = float(s @ y), float(y @ y)
        if curvature > CURVATURE_FLOOR * scale and scale > 0:
            self._pairs.append((s, y, curvature))

    def _quasi_newton_direction(self, gradient: Tensor) -> Tensor:
        """−H g by the two-loop recursion, H₀ = M sᵀy / yᵀMy (Nocedal and Wright, eq. 7.20)."""
        q = -gradient
        weights = []
        for s, y, curvature in reversed(self._pairs):
            alpha = float(s @ q) / curvature
            weights.append(alpha)
            q = torch.sub(q, y, alpha=alpha)
        if self._pairs:
            _, y, curvature = self._pairs[-1]
            q = self._dual(q) * (curvature / float(y @ self._dual(y)))
        for (s, y, curvature), alpha in zip(self._pairs, reversed(weights), strict=True):
            beta = float(y @ q) / curvature
            q = torch.add(q, s, alpha=alpha - beta)
        return q

    def _dual(self, gradient: Tensor) -> Tensor:
        return self._dual_of(gradient.view(self._shape)).flatten()


class Adam:
    """Adam (Kingma and Ba 2015), by torch's own implementation.

    Args:
        start: `[3, height, width]`.
        learning_rate: In units of the pixel range.
    """

    def __init__(self, start: Tensor, learning_rate: float) -> None:
        self._x = start.detach().clone().requires_grad_()
        self._told = self._x.detach().clone()
        self._optimizer = torch.optim.Adam([self._x], lr=learning_rate)

    @property
    def point(self) -> Tensor:
        """Where to evaluate next."""
        return self._x.detach()

    @property
    def best(self) -> Tensor:
        """The last point that was evaluated."""
        return self._told

    def tell(self, loss: float, gradient: Tensor) -> bool:  # noqa: ARG002 - Adam looks at slopes only
        """Take one step."""
        self._told = self._x.detach().clone()
        self._x.grad = gradient.to(self._x.dtype)
        self._optimizer.step()
        return True


Minimizer = LBFGS | Adam
"""Minimizes a frame's loss: evaluate at `point`, `tell` what was found; `best` is the result."""
