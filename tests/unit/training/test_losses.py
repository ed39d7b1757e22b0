"""What is minimized: both errors and the statistics they are relative to, by direct formulas."""

import numpy as np
import pytest
import torch
from torch import Tensor

from training.losses import (
    Statistics,
    distillation_loss,
    gram_error,
    teacher_statistics,
    unexplained,
)
from training.student import MATCHED

# Both sides are float64 sums of some hundred terms.
EXACT = 1e-12


def features(seed: int, channels: int = 3, batch: int = 2) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand((batch, channels, 4, 5), generator=generator, dtype=torch.float64)


def test_unexplained_is_the_mean_squared_error_of_a_position_over_the_variance() -> None:
    a, b = features(0), features(1)
    difference = a.numpy() - b.numpy()
    wanted = (difference**2).sum() / (2 * 4 * 5) / 7.0
    found = unexplained(a, b, torch.tensor(7.0, dtype=torch.float64))
    assert float(found) == pytest.approx(wanted, rel=EXACT)


def test_gram_error_is_the_mean_over_pictures_of_the_relative_squared_error() -> None:
    a, b = features(0), features(1)
    ratios = []
    for own, wanted in zip(a.numpy(), b.numpy(), strict=True):
        own_gram = np.einsum("ihw,jhw->ij", own, own) / 20
        wanted_gram = np.einsum("ihw,jhw->ij", wanted, wanted) / 20
        ratios.append(((own_gram - wanted_gram) ** 2).sum() / (wanted_gram**2).sum())
    assert ratios[0] != pytest.approx(ratios[1], rel=0.01)  # the mean is one of unlike things
    assert float(gram_error(a, b)) == pytest.approx(np.mean(ratios), rel=EXACT)


def test_statistics_are_over_all_positions_of_all_batches() -> None:
    batches = [
        {layer: features(10 * n + i, batch=1 + n) for i, layer in enumerate(MATCHED)}
        for n in range(3)
    ]
    found = teacher_statistics(batches)
    for layer in MATCHED:
        rows = np.concatenate(
            [b[layer].permute(0, 2, 3, 1).reshape(-1, 3).numpy() for b in batches]
        )
        np.testing.assert_allclose(found.mean[layer].numpy(), rows.mean(axis=0), rtol=EXACT)
        assert float(found.variance[layer]) == pytest.approx(rows.var(axis=0).sum(), rel=EXACT)


def test_the_loss_is_all_unexplained_variances_and_the_style_layers_weighed_gram_errors() -> None:
    own = {layer: features(i) for i, layer in enumerate(MATCHED)}
    wanted = {layer: features(20 + i) for i, layer in enumerate(MATCHED)}
    variance = {layer: torch.tensor(2.0 + i) for i, layer in enumerate(MATCHED)}
    loss, parts = distillation_loss(own, wanted, Statistics({}, variance), 3.0)
    total = 0.0
    for layer in MATCHED:
        missed, gram = parts[layer]
        assert missed == pytest.approx(
            float(unexplained(own[layer], wanted[layer], variance[layer]))
        )
        assert gram == pytest.approx(float(gram_error(own[layer], wanted[layer])))
        total += missed + (0 if layer == "conv4_2" else 3 * gram)
    assert float(loss) == pytest.approx(total, rel=EXACT)
