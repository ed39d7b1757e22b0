"""What earlier frames add to the objective of a later one."""

from dataclasses import replace
from typing import Any

import torch

from nstd.style.recipe import Temporal
from nstd.style.terms import Objective
from nstd.temporal.terms import TemporalLoss, TemporalTarget, temporal_loss
from tests.unit.style import tiny

SMALL = tiny.picture(1, 8, 8, low=-0.2, high=1.2)
LOOK = tiny.recipe(**tiny.SHALLOW, temporal=Temporal(weight=3.0))


def alone() -> Objective:
    """The objective of a frame that is painted for itself."""
    tensors = tiny.tiny_tensors(readout=True, deepest="conv3_1")
    return tiny.objective(tensors, LOOK, tiny.picture(2, 8, 8), tiny.picture(3, 9, 12))


def target() -> TemporalTarget:
    """Two earlier frames."""
    generator = torch.Generator().manual_seed(5)
    options: dict[str, Any] = {"generator": generator, "dtype": torch.float64}
    warped = torch.rand((2, *SMALL.shape), **options)
    trusts = torch.rand((2, SMALL.shape[0], *SMALL.shape[2:]), **options) / 2
    return TemporalTarget(warped, trusts)


def held() -> Objective:
    plain = alone()
    return replace(plain, terms=(*plain.terms, TemporalLoss(LOOK, target())))


def test_the_temporal_term_is_the_weighed_part_of_the_total_that_others_lack() -> None:
    found, plain = held()(SMALL), alone()(SMALL)
    due = temporal_loss(SMALL, target().warped, target().trusts)
    assert float(due.min()) > 0
    torch.testing.assert_close(found.terms["temporal"], due)
    torch.testing.assert_close(found.total, plain.total + 3 * due)
    assert found.terms.keys() - plain.terms.keys() == {"temporal"}


def test_with_predecessors_the_gradient_is_right() -> None:
    objective = held()
    image = SMALL.clone().requires_grad_()
    assert torch.autograd.gradcheck(
        lambda x: objective(x).total, (image,), fast_mode=True, eps=1e-7, atol=1e-6
    )
