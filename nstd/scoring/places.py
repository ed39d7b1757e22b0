"""The style of what is new in a film, compared with that of the same masks at other places."""

import math
from collections.abc import Mapping
from itertools import product

import torch
from torch import Tensor

from nstd.style.ladder import PlannedLevel
from nstd.style.losses import pooled, relative_style_layer_loss, weighted_second_moment
from nstd.style.optimize import Painter
from nstd.style.targets import StyleTarget

PLACES = 6
"""Places that masks are moved to, in each direction. A small part of a painting is near to the
whole or far from it by chance: of the 35 places that ten frames' masks were moved to, the smallest
and largest losses were 0.3 to 0.7 and 1.7 to 4.8 times the mean: a single place tells nothing."""


class RegionStyle:
    """The style of regions of many frames, as if they were one picture.

    Even a painting's own small regions are far from its whole (0.4 for 5 % of Starry Night), so
    features are pooled over all frames before they are compared.

    Args:
        painter: For network, layers and weights.
        target: The style statistics that they are compared with.

    Attributes:
        pixels: How many all regions have.
    """

    def __init__(self, painter: Painter, target: StyleTarget) -> None:
        self._painter = painter
        self._target = target
        self._sums: dict[str, Tensor] = {}
        self._masses: dict[str, float] = {}
        self.pixels = 0

    def add(self, features: Mapping[str, Tensor], region: Tensor) -> None:
        """Add a picture's features within a region.

        Args:
            features: Activations of the style layers, `[1, channels, height, width]` each.
            region: `[1, height, width]` of the picture, bool, on the features' device.
        """
        self.pixels += int(region.sum())
        for layer, found in features.items():
            share = pooled(region.to(torch.promote_types(found.dtype, torch.float32)), found)
            # Regions are small: the moment is summed only inside them.
            places = share.flatten().nonzero()[:, 0]
            if not len(places):
                continue
            here = share.flatten()[places]
            mass = float(here.sum())
            moment = weighted_second_moment(
                found.flatten(2)[:, :, places, None],
                (here * (len(places) / mass))[None, :, None],
                augmented=self._painter.network.metric_factor(layer) is not None,
            )
            self._sums[layer] = self._sums.get(layer, torch.zeros_like(moment)) + moment * mass
            self._masses[layer] = self._masses.get(layer, 0.0) + mass

    def loss(self) -> float:
        """Σ w_l ‖G − G(S)‖² / ‖G(S)‖² of all that was added; NaN if nothing was."""
        if not self._sums:
            return math.nan
        total = 0.0
        recipe, network = self._painter.recipe, self._painter.network
        for layer, weight in zip(recipe.style_layers, recipe.layer_weights, strict=True):
            moment = self._sums[layer] / self._masses[layer]
            own = relative_style_layer_loss(
                moment.to(self._target.moments[layer].dtype),
                self._target.moments[layer],
                self._target.norms[layer],
                network.metric_factor(layer),
            )
            total += weight * float(own[0])
        return total


class PlacesStyle:
    """The style of regions of many frames, and of the same masks moved to other places.

    Args:
        painter: For network, layers and weights.
        level: Of the style target to compare with.
    """

    def __init__(self, painter: Painter, level: PlannedLevel) -> None:
        self._painter = painter
        target = painter.style_target(level)
        self._own = RegionStyle(painter, target)
        self._others = [RegionStyle(painter, target) for _ in range(PLACES**2 - 1)]

    def add(self, image: Tensor, region: Tensor) -> None:
        """Add the style of a frame within a region, and within that region moved to other places.

        Args:
            image: `[1, 3, height, width]` in [0, 1].
            region: `[1, height, width]`, bool.
        """
        if not bool(region.any()):
            return
        network = self._painter.network
        with torch.no_grad():
            image = image.to(network.device, network.dtype)
            features = network.features(image, self._painter.recipe.style_layers)
            region = region.to(network.device)
            self._own.add(features, region)
            for other, mask in zip(self._others, elsewhere(region), strict=True):
                other.add(features, mask)

    def losses(self) -> tuple[float, float]:
        """Style loss of the regions, and the mean of it over the other places.

        Places are weighted by their pixels: a moved mask that overlaps itself leaves only a sliver,
        and slivers are far from any style. NaN if there is no region; the second value also if the
        regions leave no other place.
        """
        found = [(one.pixels, one.loss()) for one in self._others if one.pixels]
        pixels = sum(count for count, _ in found)
        total = math.fsum(count * loss for count, loss in found)
        return self._own.loss(), total / pixels if pixels else math.nan


def elsewhere(region: Tensor) -> list[Tensor]:
    """`region` `[1, height, width]` moved cyclically, without what overlaps its own place.

    Moved to each place that `PLACES` steps down and across make, except its own.
    """
    height, width = region.shape[1:]
    steps = list(product(range(PLACES), repeat=2))[1:]
    moves = [(down * height // PLACES, across * width // PLACES) for down, across in steps]
    return [region.roll(move, (1, 2)) & ~region for move in moves]
