"""The style of regions: pooled over frames as if one picture, beside the same masks elsewhere."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from nstd.scoring.places import PlacesStyle, RegionStyle, elsewhere
from nstd.style.losses import relative_style_layer_loss, second_moment
from nstd.style.optimize import Painter
from tests.unit.style import tiny


def ready() -> Painter:
    return tiny.painter(tiny.recipe(**tiny.SHALLOW), dtype=torch.float32)


def features(painter: Painter, image: Tensor) -> dict[str, Tensor]:
    with torch.no_grad():
        return painter.network.features(image, painter.recipe.style_layers)


def whole(image: Tensor) -> Tensor:
    return torch.ones(1, *image.shape[2:], dtype=torch.bool)


def test_all_of_a_picture_has_the_objective_s_style_loss() -> None:
    painter = ready()
    image = torch.rand(1, 3, 40, 48, generator=torch.Generator().manual_seed(2))
    level, expected = painter.levels(48, 40)[-1], 0.0
    target = painter.style_target(level)
    for layer, weight in zip(
        painter.recipe.style_layers, painter.recipe.layer_weights, strict=True
    ):
        factor = painter.network.metric_factor(layer)
        moment = second_moment(features(painter, image)[layer], augmented=factor is not None)
        own = relative_style_layer_loss(moment, target.moments[layer], target.norms[layer], factor)
        expected += weight * float(own)
    found = RegionStyle(painter, painter.style_target(level))
    found.add(features(painter, image), whole(image))
    assert found.loss() == pytest.approx(expected, rel=1e-5)


def test_the_style_image_itself_has_no_style_loss_in_pieces_either() -> None:
    painter = ready()
    image = painter.styles[0].image.float()
    height, width = image.shape[2:]
    left = torch.zeros(1, height, width, dtype=torch.bool)
    left[..., : width // 2] = True
    pieces = RegionStyle(painter, painter.style_target(painter.levels(width, height)[-1]))
    pieces.add(features(painter, image), left)
    alone = pieces.loss()
    pieces.add(features(painter, image), ~left)
    # Pooled, the two halves are the whole; a half by itself is not.
    assert pieces.loss() == pytest.approx(0, abs=1e-6)
    assert alone > 1e-4


def test_a_region_with_other_paint_has_more_style_loss() -> None:
    painter = ready()
    image = painter.styles[0].image.float()
    level = painter.levels(image.shape[3], image.shape[2])[-1]
    like, unlike = (
        RegionStyle(painter, painter.style_target(level)),
        RegionStyle(painter, painter.style_target(level)),
    )
    like.add(features(painter, image.roll(5, 3)), whole(image))
    unlike.add(features(painter, torch.full_like(image, 0.5)), whole(image))
    assert unlike.loss() > 3 * like.loss()


def test_a_region_is_moved_to_every_place_but_its_own() -> None:
    region = torch.zeros(1, 60, 90, dtype=torch.bool)
    region[:, 10:20, 20:35] = True  # as large as a step, so that no two places overlap
    found = elsewhere(region)
    assert len(found) == 60 * 90 // region.sum() - 1
    assert all(mask.sum() == region.sum() for mask in found)
    assert torch.equal(torch.stack(found).sum(dim=0) + region.int(), torch.ones(1, 60, 90).int())


def test_elsewhere_is_the_mean_over_the_pixels_of_all_places() -> None:
    painter = ready()
    image = torch.rand(1, 3, 60, 60, generator=torch.Generator().manual_seed(3))
    region = torch.zeros(1, 60, 60, dtype=torch.bool)
    region[:, 5:25, :20] = True
    level, found = painter.levels(60, 60)[-1], PlacesStyle(painter, painter.levels(60, 60)[-1])
    for one in (image, image.flip(3)):
        found.add(one, region)
    by_hand, pixels = [], []
    for mask in [region, *elsewhere(region)]:
        single = RegionStyle(painter, painter.style_target(level))
        for one in (image, image.flip(3)):
            single.add(features(painter, one), mask)
        by_hand.append(single.loss())
        pixels.append(2 * int(mask.sum()))
        assert single.pixels == pixels[-1]
    new, moved = found.losses()
    assert new == by_hand[0]
    assert moved == pytest.approx(np.average(by_hand[1:], weights=pixels[1:]))
    assert min(by_hand[1:]) < 0.9 * moved < moved < 0.9 * max(by_hand[1:])


def test_of_no_region_there_is_no_style_loss() -> None:
    painter = ready()
    image = torch.rand(1, 3, 40, 48)
    level, nothing = painter.levels(48, 40)[-1], torch.zeros(1, 40, 48, dtype=torch.bool)
    found = PlacesStyle(painter, level)
    found.add(image, nothing)
    assert all(math.isnan(loss) for loss in found.losses())
    # And of everything there is no other place.
    found.add(image, ~nothing)
    own, other = found.losses()
    assert own > 0
    assert math.isnan(other)
