"""The optimizers of the training: Muon for kernels, Adam for what is small, readouts solved."""

import math

import torch
from torch import Tensor, nn

from training.student import MATCHED, Student

MEMORY = 0.93
"""Share of the old statistics that stays at each batch: about the last 14 count."""

RIDGE = 1e-5
"""Added to the features' moments, as a share of their mean square: it keeps features that are
nearly the same from getting huge weights of opposite signs."""


class BodyOptimizer:
    """Muon (Jordan 2024) for the kernels after the first, Adam for the first and the biases.

    Each kernel's steps are a share `rate` of its own initial standard deviation √(2/fan-in): one
    rate for all was too small for the shallow kernels where it suited the deep ones.
    """

    def __init__(self, student: Student, rate: float) -> None:
        kernels = [p for p in student.convolutions.parameters() if p.ndim == 4 and p.shape[1] > 3]
        small = [p for p in student.convolutions.parameters() if p.ndim == 1 or p.shape[1] == 3]
        # torch's Muon takes matrices only: these share their memory with the kernels.
        self._pairs = [(nn.Parameter(p.detach().flatten(1)), p) for p in kernels]
        for matrix, kernel in self._pairs:
            kernel.data = matrix.data.view_as(kernel)
        muon = [{"params": [m], "rate": _muon_rate(m, rate)} for m, _ in self._pairs]
        adam = [{"params": small, "rate": 0.2 * rate}]
        self.optimizers: list[torch.optim.Optimizer] = [
            torch.optim.Muon(muon, lr=0.0, weight_decay=0.0, momentum=0.95),
            torch.optim.Adam(adam, lr=0.0, betas=(0.9, 0.99)),
        ]

    def step(self, factor: float) -> None:
        """One step at `factor` times the rates."""
        for matrix, kernel in self._pairs:
            matrix.grad = None if kernel.grad is None else kernel.grad.flatten(1)
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = factor * group["rate"]
            optimizer.step()

    def state(self) -> list[dict[str, object]]:
        """What `restore` needs."""
        return [optimizer.state_dict() for optimizer in self.optimizers]

    def restore(self, states: list[dict[str, object]]) -> None:
        """Go on from `state`."""
        for optimizer, state in zip(self.optimizers, states, strict=True):
            optimizer.load_state_dict(state)


class ReadoutSolver:
    """Keeps the readouts at the least-squares solution over the latest batches.

    The readouts are linear and their loss is quadratic, so for given convolutions the best are
    known; the convolutions then learn what a readout cannot do (variable projection, Golub and
    Pereyra 1973). Against a gradient for both it was tens of times faster at the start; and a
    gradient later, when the activations had grown to 1e5 and the readouts were 1e-6, wrecked them
    within twenty steps.
    """

    def __init__(self) -> None:
        self.moments: dict[str, tuple[Tensor, Tensor]] = {}
        self.taken = 0

    def solve(
        self,
        student: Student,
        features: dict[str, Tensor],
        targets: dict[str, Tensor],
        factor: float = 1.0,
    ) -> None:
        """Take in a batch, and set the readouts of `student`.

        Args:
            student: Whose readouts they are.
            features: Its activations at `MATCHED`.
            targets: What they stand for.
            factor: Of the rate: where the convolutions change less, more batches count.
        """
        memory = 1 - (1 - MEMORY) * max(factor, 0.1)
        memory = min(memory, self.taken / (self.taken + 3))  # the first are forgotten sooner
        self.taken += 1
        for layer in MATCHED:
            own, cross = _moments(features[layer].detach(), targets[layer])
            if layer in self.moments:
                old_own, old_cross = self.moments[layer]
                own = memory * old_own + (1 - memory) * own
                cross = memory * old_cross + (1 - memory) * cross
            self.moments[layer] = own, cross
            solve_readout(student.readouts[layer], own, cross)


def solve_readout(readout: nn.Module, own: Tensor, cross: Tensor) -> None:
    """Set `readout` to the ridge solution for the moments of its features and targets.

    Args:
        readout: A 1×1 convolution with a bias.
        own: Second moment of the features with a one at the end, `[width + 1, width + 1]`.
        cross: Of those with the targets, `[width + 1, outputs]`.
    """
    weight, bias = readout.parameters()
    # In each coordinate's own unit: activations may be 1e5 times the one that the bias goes with.
    scale = own.diagonal()
    ridge = RIDGE * torch.diag(torch.where(scale > 0, scale, 1.0))
    solution = torch.linalg.solve(own + ridge, cross).T.to(weight)
    with torch.no_grad():
        weight.copy_(solution[:, :-1, None, None])
        bias.copy_(solution[:, -1])


def _moments(features: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    ones = torch.ones_like(features[:, :1])
    inputs = torch.cat([features, ones], dim=1).transpose(0, 1).flatten(1)
    outputs = targets.transpose(0, 1).flatten(1)
    positions = inputs.shape[1]
    return (inputs @ inputs.T / positions).double(), (inputs @ outputs.T / positions).double()


def _muon_rate(matrix: Tensor, rate: float) -> float:
    """The lr at which torch's Muon changes elements by `rate` of their initial deviation."""
    rows, columns = matrix.shape
    # An orthogonal rows × columns matrix has an RMS of 1/√(longer); torch multiplies it by
    # √max(1, rows/columns), which is 1 here.
    return rate * math.sqrt(2 / columns) * math.sqrt(max(rows, columns))
